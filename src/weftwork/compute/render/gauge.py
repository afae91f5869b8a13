"""A checker's measurements: a tile rendered again and compared, once for each receipt, whoever asks.

    gauge = Gauge(workshop)
    measure = await gauge.measure(peer, manifest, index, row)
    await gauge.is_grave(peer, manifest, index, row)     a second render: only where somebody is accused

Each runs in a task of its own: who asks and goes away before it is done finds it done when it asks again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from weftwork.closing.chance import PPM
from weftwork.compute.render.asset import MAX_ASSET
from weftwork.compute.render.bundle import Manifest
from weftwork.compute.render.compare import compare_pixels, find_fault, is_beyond_doubt
from weftwork.compute.render.error import BadAsset, WorkWithheld
from weftwork.errors import Busy, Refused, Unavailable
from weftwork.records import Receipt, Signed
from weftwork.units import Digest

if TYPE_CHECKING:
    from weftwork.compute.render.peer import NodePeer, Row
    from weftwork.compute.render.workshop import Workshop

DECLARATIVE = ("mitsuba-xml",)
"""Scenes whose tiles can cost collateral: a scene that is a program can be written to differ each time."""
KEPT = 256
"""Measurements that are kept, so that a peer's question about a tile that was looked at costs nothing."""
AT_ONCE = 16
"""Measurements that run at once at the most; a peer that asks for another one is told to come back."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Measure:
    """A tile beside the same tile rendered again: value in millionths, why it is not full, the facts of it,
    and how far it is off (0 where it is equal)."""

    value: int
    why: str
    facts: dict[str, Any]
    apart: float = 0.0


class Gauge:
    """Renders tiles again in ``workshop``."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self._measures: dict[Digest, asyncio.Task[Measure]] = {}
        self._doubts: dict[Digest, asyncio.Task[bool]] = {}

    async def measure(self, peer: NodePeer, manifest: Manifest, index: int, row: Row) -> Measure:
        """A tile rendered again and compared; :class:`WorkWithheld` where its node does not show it."""
        make = partial(self._render_again, peer, manifest, index, row)
        return await self._once(self._measures, row[1].id, make)

    async def is_grave(self, peer: NodePeer, manifest: Manifest, index: int, row: Row) -> bool:
        """Whether a tile is further off than any honest build's would be; raises as :meth:`measure`."""
        measured = await self.measure(peer, manifest, index, row)
        if not measured.why or manifest.scene.kind not in DECLARATIVE:
            return False
        name = row[1].id
        return await self._once(
            self._doubts, name, lambda: self._weigh_noise(manifest, index, measured.apart)
        )

    def require_room(self, receipt: Digest) -> None:
        """:class:`Busy` where too much is being rendered for a tile that is not among it."""
        running = sum(not task.done() for task in (*self._measures.values(), *self._doubts.values()))
        if running >= AT_ONCE and receipt not in self._measures:
            raise Busy("this checker renders as much as it can", value=running)

    async def aclose(self) -> None:
        """Ends what runs."""
        tasks = [*self._measures.values(), *self._doubts.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _once(
        self, tasks: dict[Digest, asyncio.Task[T]], name: Digest, make: Callable[[], Coroutine[Any, Any, T]]
    ) -> T:
        """What a task makes, begun by whoever asks first; one that fails is forgotten, and begun again."""

        def forget(ended: asyncio.Task[T]) -> None:
            if (ended.cancelled() or ended.exception() is not None) and tasks.get(name) is ended:
                del tasks[name]

        if name not in tasks:
            done = [key for key, one in tasks.items() if one.done()]
            for key in done[: max(0, len(tasks) - KEPT + 1)]:
                del tasks[key]
            tasks[name] = asyncio.create_task(make())
            tasks[name].add_done_callback(forget)
        return await asyncio.shield(tasks[name])

    async def _render_again(self, peer: NodePeer, manifest: Manifest, index: int, row: Row) -> Measure:
        _, receipt, build = row
        tile = manifest.tiles[index]
        store = self.workshop.assets
        for digest in store.missing(manifest.scene.assets.values()):
            with _shown(receipt):
                await asyncio.to_thread(store.put, await peer.asset(digest, MAX_ASSET), digest)
        again = await self.workshop.render(manifest.scene, tile, manifest.seed(index), manifest.spp)
        facts: dict[str, Any] = {
            "scene": str(manifest.scene.digest),
            "tile": tile.to_json(),
            "seed": manifest.seed(index),
            "spp": manifest.spp,
            "build": [build, again.build],
            "output": str(receipt.record.output),
            "again": str(again.digest),
        }
        if again.digest == receipt.record.output:
            return Measure(PPM, "", facts)
        with _shown(receipt):
            pixels = await peer.pixels(receipt, tile)
        apart = (await asyncio.to_thread(compare_pixels, tile, pixels, again.pixels)).relative_mse
        facts["relative_mse"] = apart if math.isfinite(apart) else None
        why = find_fault(apart, bool(build) and build == again.build, manifest.spp)
        return Measure(0 if why else PPM, why, facts, apart)

    async def _weigh_noise(self, manifest: Manifest, index: int, apart: float) -> bool:
        """Whether ``apart`` is beyond doubt, in the noise between two seeds of that tile."""
        tile, seed = manifest.tiles[index], manifest.seed(index)
        one = await self.workshop.render(manifest.scene, tile, seed, manifest.spp)
        other = await self.workshop.render(manifest.scene, tile, seed ^ 1, manifest.spp)
        noise = (await asyncio.to_thread(compare_pixels, tile, other.pixels, one.pixels)).relative_mse
        return is_beyond_doubt(apart, manifest.spp, noise)


@contextmanager
def _shown(receipt: Signed[Receipt]) -> Iterator[None]:
    """What a node does not give within, or gives otherwise than it is named, it withholds."""
    try:
        yield
    except (Refused, Unavailable, BadAsset) as error:
        raise WorkWithheld(
            f"the node does not show its work: {error.sentence}", value=str(receipt.id)
        ) from error
