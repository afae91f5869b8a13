"""What a node holds of the bundles that it took: manifests, receipts, how far each is; outlives a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from weftwork.compute.render.bundle import Manifest, Order, deliverable
from weftwork.compute.render.evidence import keep_bundle
from weftwork.errors import NotFound
from weftwork.records import Receipt, Signed
from weftwork.store import Store
from weftwork.units import Digest

Phase = Literal["taken", "submitted", "paid", "refused"]


@dataclass(slots=True)
class Held:
    """One bundle: its manifest, who pays, the receipts made so far by tile, and how far it is."""

    job: int
    manifest: Manifest
    client: str
    budget: int
    phase: Phase = "taken"
    receipts: dict[int, Digest] = field(default_factory=dict)
    builds: dict[int, str] = field(default_factory=dict)
    shown: set[int] = field(default_factory=set)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    trouble: str = ""

    @property
    def whole(self) -> bool:
        """True once every tile is rendered."""
        return len(self.receipts) == len(self.manifest.tiles)

    @property
    def root(self) -> Digest:
        """The Merkle root of its receipts; only of one that is whole."""
        return deliverable([self.receipts[index] for index in range(len(self.manifest.tiles))])

    def move(self, phase: Phase) -> None:
        """It went on; whoever waits is woken."""
        self.phase = phase
        self.wake()

    def wake(self) -> None:
        """Wakes whoever waits for something to happen to it."""
        self.moved.set()
        self.moved = asyncio.Event()


class Holding:
    """All bundles of one node, kept in its store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._held: dict[int, Held] = {}
        self._by_receipt: dict[Digest, tuple[Held, int]] = {}
        for key, kept in store.states("bundle:"):
            job = int(key.partition(":")[2])
            held = Held(job, Manifest.from_json(kept["manifest"]), kept["client"], int(kept["budget"]))
            self._held[job] = held
        for job, held in self._held.items():
            held.phase = store.state(f"phase:{job}", "taken")
            held.shown = set(store.state(f"shown:{job}", []))
            for key, kept in store.states(f"tile:{job}:"):
                self._note(held, int(key.rpartition(":")[2]), Digest(kept["receipt"]), kept["build"])

    def __iter__(self) -> Iterator[Held]:
        return iter(list(self._held.values()))

    def find(self, job: int) -> Held:
        """The bundle of a job; NotFound where none was taken for it."""
        found = self._held.get(job)
        if found is None:
            raise NotFound(
                "no bundle was taken for that job", value=job, hint="POST /v1/bundle hands it over"
            )
        return found

    def find_receipt(self, receipt: Digest) -> tuple[Held, int]:
        """The bundle and tile of a receipt; NotFound."""
        found = self._by_receipt.get(receipt)
        if found is None:
            raise NotFound("no tile has that receipt here", value=str(receipt))
        return found

    def get(self, job: int) -> Held | None:
        """The bundle of a job, if one was taken."""
        return self._held.get(job)

    def take(self, job: int, manifest: Manifest, client: str, budget: int) -> Held:
        """Keeps a new bundle."""
        kept = {"manifest": manifest.to_json(), "client": client, "budget": str(budget)}
        self.store.set_state(f"bundle:{job}", kept)
        held = self._held[job] = Held(job, manifest, client, budget)
        return held

    def add(self, held: Held, index: int, order: Order, receipt: Signed[Receipt], build: str) -> None:
        """Keeps a rendered tile: its order, its receipt, the build that made it."""
        self.store.add(order.request)
        self.store.put_content(order.request.record.content, order.salt, order.text.encode())
        name = self.store.add(receipt)
        self.store.set_state(f"tile:{held.job}:{index}", {"receipt": str(name), "build": build})
        self._note(held, index, name, build)
        if held.whole:
            keep_bundle(self.store, held.manifest, [held.receipts[i] for i in range(len(held.receipts))])

    def _note(self, held: Held, index: int, name: Digest, build: str) -> None:
        held.receipts[index] = name
        held.builds[index] = build
        self._by_receipt[name] = (held, index)

    def move(self, held: Held, phase: Phase) -> None:
        """A bundle went on."""
        self.store.set_state(f"phase:{held.job}", phase)
        held.move(phase)

    def show(self, held: Held, index: int) -> None:
        """Notes that a tile's pixels were shown before the bundle was approved."""
        held.shown.add(index)
        self.store.set_state(f"shown:{held.job}", sorted(held.shown))

    def receipt(self, name: Digest) -> Signed[Any]:
        """A receipt or request that is kept here; NotFound."""
        found = self.store.get(name)
        if not isinstance(found, Signed):
            raise NotFound("no such record is kept here", value=str(name))
        return found

    def order(self, name: Digest) -> Order:
        """The order that a receipt answers, with its text; NotFound."""
        request = self.receipt(name)
        content = self.store.content(request.record.content)
        if content is None:
            raise NotFound("the order's text is not kept here", value=str(name))
        return Order(request, content[0], content[1].decode())

    def lacks(self, digest: str) -> bool:
        """Whether an asset belongs to a scene that anybody has work for here."""
        return any(
            digest in held.manifest.scene.assets.values()
            for held in self._held.values()
            if held.phase == "taken"
        )

    def wants(self, client: str, digest: str) -> bool:
        """Whether an asset belongs to a scene that ``client`` has work for here."""
        return any(
            held.client == client and digest in held.manifest.scene.assets.values()
            for held in self._held.values()
            if held.phase == "taken"
        )
