"""What proves a tile's score and its pay, to whoever reads its thread later.

keep_bundle(store, manifest, receipts)      a bundle's manifest, and all receipts that were handed in
value = recompute_score(text, receipt)      the score that a checker's evidence comes to
order = TileOrder.from_text(text)           which tile a Request asked for
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from weftwork.closing.chance import PPM
from weftwork.compute.render.bundle import Manifest, name_build
from weftwork.compute.render.compare import find_fault
from weftwork.compute.render.tile import Tile
from weftwork.errors import BadInput, BadUnit
from weftwork.units import Digest

if TYPE_CHECKING:
    from weftwork.records import Receipt
    from weftwork.store import Store

RULE = "render"
"""What a checker's evidence says it is."""


def keep_bundle(store: Store, manifest: Manifest, receipts: Sequence[Digest]) -> None:
    """Keeps what a bundle's threads hang together by, under each of its receipts.

    The manifest under its digest, and the ids of all receipts in its order, of which the deliverable is the
    Merkle root.
    """
    store.put_content(manifest.digest, b"", manifest.text)
    listed = json.dumps([str(name) for name in receipts]).encode()
    digest = Digest.of(listed)
    store.put_content(digest, b"", listed)
    for name in receipts:
        store.link(name, manifest.digest)
        store.link(name, digest)


@dataclass(frozen=True, slots=True)
class TileOrder:
    """What a tile's Request is about: the job that pays, bundle and scene, rectangle, seed, samples."""

    job: int
    bundle: Digest
    scene: Digest
    tile: Tile
    seed: int
    spp: int

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """The order in the text of a request's content; None where that is about something else."""
        try:
            told = json.loads(text)
            if not isinstance(told, dict) or not {"job", "bundle", "tile"} <= set(told):
                return None
            numbers = [told[name] for name in ("job", "seed", "spp")]
            if any(type(one) is not int for one in numbers):
                return None
            bundle, scene = Digest(told["bundle"]), Digest(told["scene"])
            return cls(numbers[0], bundle, scene, Tile.from_json(told["tile"]), numbers[1], numbers[2])
        except (ValueError, KeyError, TypeError, BadInput, BadUnit):
            return None

    def to_facts(self) -> dict[str, Any]:
        """The same as a checker's evidence tells it."""
        return {
            "job": self.job,
            "scene": str(self.scene),
            "tile": self.tile.to_json(),
            "seed": self.seed,
            "spp": self.spp,
        }


def recompute_score(text: str, receipt: Receipt | None = None, order: TileOrder | None = None) -> int:
    """The score in millionths that follows from a checker's evidence.

    With the ``receipt`` that it judges, or the ``order`` before that, the evidence must be about these.
    Raises :class:`BadInput` where it is not, or where it cannot be read.
    """
    told = _read(text)
    if "again" not in told:
        return 0  # the node showed nothing, or answered a challenge wrong
    try:
        output, again = Digest(told["output"]), Digest(told["again"])
        build, own = (str(one) for one in told["build"])
        spp, apart = int(told["spp"]), told.get("relative_mse")
    except (KeyError, TypeError, ValueError, BadUnit) as error:
        raise BadInput("the evidence of a render names output, again, build and spp") from error
    if receipt is not None and (output, name_build(build)) != (receipt.output, receipt.engine):
        raise BadInput("the evidence is about other pixels than the receipt's", value=str(output))
    for name, value in order.to_facts().items() if order is not None else ():
        if told.get(name) != value:
            raise BadInput(f"the evidence is about another {name} than was ordered", value=name)
    if output == again:
        return PPM
    measured = float(apart) if isinstance(apart, (int, float)) else math.inf
    return 0 if find_fault(measured, bool(build) and build == own, spp) else PPM


def _read(text: str) -> Mapping[str, Any]:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise BadInput("evidence is a JSON object", value=text[:80]) from error
    if not isinstance(told, dict) or told.get("rule") != RULE:
        raise BadInput("this is no evidence of a render", value=text[:80])
    return told


def read_receipts(text: str) -> list[Digest]:
    """The ids in a list that :func:`keep_bundle` kept; raises :class:`BadInput`."""
    try:
        return [Digest(name) for name in json.loads(text)]
    except (ValueError, TypeError, BadUnit) as error:
        raise BadInput("this is no list of receipts", value=text[:80]) from error


def read_manifest(text: str) -> Manifest:
    """The manifest in its own text; raises :class:`BadInput`."""
    try:
        return Manifest.from_json(json.loads(text))
    except ValueError as error:
        raise BadInput("this is no manifest", value=text[:80]) from error
