"""A render as its requester keeps it: what was ordered, every bundle and where it is; outlives a crash.

::

    waiting ─▶ opening ─▶ funded ─▶ review ─▶ approved ─▶ done
       ▲          │          │         │         │            review: handed in, and the check was passed
       └──────────┴──────────┴─────────┴─────────┘            approved: paid; done: its pixels are here
                 given up: attempt + 1, never again at that node

Each step is written down before it is made, so that one made twice is made once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from weftwork.compute.render.bundle import Manifest
from weftwork.compute.render.evidence import keep_bundle
from weftwork.compute.render.scene import Scene
from weftwork.compute.render.tile import Tile, split_frame
from weftwork.errors import BadInput, NotFound
from weftwork.records import Signed
from weftwork.store import Store
from weftwork.units import Digest

Phase = Literal["waiting", "opening", "funded", "review", "approved", "done"]
MOST_TILES = 256
"""Tiles of one bundle: what is at stake with one node at a time."""


@dataclass(slots=True)
class Bundle:
    """Some tiles of one frame, and who renders them now: node by wallet, job, receipts by tile."""

    number: int
    frame: int
    tiles: list[list[int]]
    budget: int
    phase: Phase = "waiting"
    attempt: int = 0
    node: str = ""
    job: int = 0
    opened: int = 0
    receipts: dict[str, str] = field(default_factory=dict)
    builds: dict[str, str] = field(default_factory=dict)
    barred: list[str] = field(default_factory=list)

    @property
    def rectangles(self) -> tuple[Tile, ...]:
        """Its tiles."""
        return tuple(Tile.from_json(tile) for tile in self.tiles)

    def give_up(self) -> None:
        """Back to waiting, and never to this node again."""
        self.barred = sorted({*self.barred, self.node})
        self.phase, self.attempt = "waiting", self.attempt + 1
        self.node, self.job, self.opened = "", 0, 0
        self.receipts, self.builds = {}, {}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is rendered and what it may cost: OBh in millionths, euros and tokens in wad."""

    render: Digest
    scene: Scene
    frames: tuple[int, ...]
    tile_size: int
    spp: int
    tier: str
    obh_per_euro: int
    micro_obh: int
    euros: int
    tokens: int

    def to_json(self) -> dict[str, Any]:
        """A plain object; large numbers as text."""
        out = asdict(self) | {"render": str(self.render), "scene": self.scene.to_json()}
        out["frames"] = list(self.frames)
        return out | {name: str(out[name]) for name in ("micro_obh", "euros", "tokens")}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """The inverse of :meth:`to_json`."""
        numbers = {name: int(data[name]) for name in ("micro_obh", "euros", "tokens")}
        rest = {"render": Digest(data["render"]), "scene": Scene.from_json(data["scene"])}
        return cls(**(data | numbers | rest | {"frames": tuple(data["frames"])}))

    @property
    def work(self) -> tuple[Any, ...]:
        """What makes two plans the same work."""
        return (self.scene.digest, self.frames, self.tile_size, self.spp, self.tier)


def cut_bundles(plan: Plan, nodes: int) -> list[list[Tile]]:
    """The tiles of each bundle: one frame's, or so many shares of it that every node has work.

    Shares take turns over the tiles, so that a heavy corner of the frame is everybody's.
    """
    out = []
    for frame in plan.frames:
        tiles = split_frame(plan.scene.width, plan.scene.height, plan.tile_size, frame=frame)
        shares = max(-(-nodes // len(plan.frames)), -(-len(tiles) // MOST_TILES), 1)
        out += [part for share in range(shares) if (part := list(tiles[share::shares]))]
    return out


class Journal:
    """The plan and the bundles of one render, in its store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        kept = store.state("plan")
        self._plan = Plan.from_json(kept) if kept else None
        self.bundles: dict[int, Bundle] = {}
        for key, row in store.states("bundle:"):
            self.bundles[int(key.partition(":")[2])] = Bundle(**(row | {"budget": int(row["budget"])}))
        self._spent: dict[str, int] = {k: int(v) for k, v in store.state("spent", {}).items()}

    @property
    def plan(self) -> Plan:
        """What was ordered; NotFound before anything was."""
        if self._plan is None:
            raise NotFound("nothing was ordered here yet", hint="weft compute render SCENE --out DIR")
        return self._plan

    @property
    def begun(self) -> bool:
        """Whether anything was ordered."""
        return self._plan is not None

    def begin(self, plan: Plan, bundles: Iterable[tuple[list[Tile], int]]) -> None:
        """Writes a new render down: its plan, and each bundle's tiles and budget."""
        if self._plan is not None:
            raise BadInput("another render was begun here", value=str(self._plan.render))
        for number, (tiles, budget) in enumerate(bundles):
            rows = [tile.to_json() for tile in tiles]
            self.save(Bundle(number, tiles[0].frame, rows, budget))
        self.store.set_state("plan", plan.to_json())
        self._plan = plan

    def save(self, bundle: Bundle) -> None:
        """Writes a bundle down as it is now, and once it is handed in what its threads hang together by."""
        self.bundles[bundle.number] = bundle
        if bundle.phase == "review":
            names = [Digest(bundle.receipts[str(index)]) for index in range(len(bundle.tiles))]
            keep_bundle(self.store, self.manifest(bundle), names)
        row = asdict(bundle) | {"budget": str(bundle.budget)}
        self.store.set_state(f"bundle:{bundle.number:06d}", row)

    def manifest(self, bundle: Bundle) -> Manifest:
        """The bundle as its node and the ledger see it, in its present attempt."""
        plan = self.plan
        return Manifest(
            plan.render, plan.scene, bundle.rectangles, plan.spp, plan.tier, bundle.number, bundle.attempt
        )

    def of(self, *phases: Phase, frames: Iterable[int] | None = None) -> Iterator[Bundle]:
        """The bundles in these phases, of these frames or of all."""
        wanted = None if frames is None else set(frames)
        for bundle in list(self.bundles.values()):
            if bundle.phase in phases and (wanted is None or bundle.frame in wanted):
                yield bundle

    def receipt(self, bundle: Bundle, index: int) -> Signed[Any]:
        """The receipt of a bundle's tile; NotFound before it came."""
        found = self.store.get(bundle.receipts[str(index)]) if str(index) in bundle.receipts else None
        if not isinstance(found, Signed):
            raise NotFound("that tile has no receipt yet", value=index)
        return found

    def output(self, bundle: Bundle, index: int) -> Digest:
        """The digest of the pixels of a bundle's tile."""
        return Digest(self.receipt(bundle, index).record.output)

    # Money

    @property
    def spent(self) -> int:
        """What was paid in and not taken back, wad."""
        return sum(self._spent.values())

    def spend(self, bundle: Bundle) -> None:
        """Notes that a bundle's budget is about to be paid in."""
        self._spent[f"{bundle.number}.{bundle.attempt}"] = bundle.budget
        self._keep()

    def take_back(self, bundle: Bundle) -> None:
        """Notes that the budget of a bundle's present attempt came back."""
        self._spent.pop(f"{bundle.number}.{bundle.attempt}", None)
        self._keep()

    def _keep(self) -> None:
        self.store.set_state("spent", {key: str(value) for key, value in self._spent.items()})

    @property
    def hold(self) -> int:
        """What the render may spend, wad; the estimate where nothing else was said."""
        kept = self.store.state("hold")
        return int(kept) if kept is not None else sum(one.budget for one in self.bundles.values())

    @hold.setter
    def hold(self, amount: int) -> None:
        self.store.set_state("hold", str(amount))
