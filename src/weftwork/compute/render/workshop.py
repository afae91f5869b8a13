"""Warm renderers by scene: a scene asked for again renders at once, and few are kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.challenge import Challenge, answer_challenge, measure_speed, reference_scene
from weftwork.compute.render.error import RenderWorkerLost
from weftwork.compute.render.local import open_renderer
from weftwork.compute.render.scene import Scene
from weftwork.compute.render.tile import Tile
from weftwork.compute.render.worker import Renderer, TileResult
from weftwork.sandbox import Quota
from weftwork.units import ZERO, Digest

TRIES = 2
"""How often a tile is begun whose process dies."""


@dataclass(slots=True)
class _Place:
    renderer: Renderer
    users: int = 0


class Workshop:
    """At most ``warm`` renderers at once, each of one scene; the one longest unused makes room.

    ``plain`` lets XML scenes run in a plain process where bubblewrap is missing: for scenes of one's own.
    """

    def __init__(
        self,
        assets: AssetStore,
        *,
        threads: int = 1,
        warm: int = 2,
        quota: Quota | None = None,
        plain: bool = False,
    ) -> None:
        self.assets, self.threads, self.warm, self.quota = assets, threads, warm, quota
        self._plain = plain
        self._places: OrderedDict[Digest, _Place] = OrderedDict()
        self._room = asyncio.Condition()

    async def render(self, scene: Scene, tile: Tile, seed: int, spp: int | None = None) -> TileResult:
        """One tile of ``scene``; raises what the renderer raises, and begins again once if it dies."""
        place = await self._take(scene)
        try:
            for left in reversed(range(TRIES)):
                try:
                    return await place.renderer.render(tile, seed, spp)
                except RenderWorkerLost:
                    if not left:
                        raise
            raise AssertionError
        finally:
            await self._give(place)

    async def answer(self, challenge: Challenge) -> list[TileResult]:
        """All tiles of a challenge."""
        scene = self._reference()
        place = await self._take(scene)
        try:
            await place.renderer.start()
            return await answer_challenge(place.renderer, challenge)
        finally:
            await self._give(place)

    async def measure(self, spp: int = 16) -> int:
        """This machine's speed in thousandths of an OB, by a challenge of its own."""
        challenge = Challenge(ZERO, spp)
        results = await self.answer(challenge)
        return measure_speed(challenge, sum(result.seconds for result in results))

    async def reference(self) -> Renderer:
        """The renderer of the reference scene, to judge answers with; :meth:`aclose` ends it."""
        place = await self._take(self._reference())
        await self._give(place)
        return place.renderer

    def _reference(self) -> Scene:
        scene, files = reference_scene()
        self.assets.put_all(files.values())
        return scene

    async def _take(self, scene: Scene) -> _Place:
        name, idle = scene.digest, None
        async with self._room:
            while name not in self._places and len(self._places) >= self.warm:
                found = next((key for key, place in self._places.items() if not place.users), None)
                if found is not None:
                    idle = self._places.pop(found)
                    break
                await self._room.wait()
            if name not in self._places:
                renderer = open_renderer(
                    scene, self.assets, threads=self.threads, quota=self.quota, plain=self._plain
                )
                self._places[name] = _Place(renderer)
            place = self._places[name]
            self._places.move_to_end(name)
            place.users += 1
        if idle is not None:
            await idle.renderer.aclose()
        return place

    async def _give(self, place: _Place) -> None:
        async with self._room:
            place.users -= 1
            self._room.notify_all()

    async def aclose(self) -> None:
        """Ends all renderers."""
        places = list(self._places.values())
        self._places.clear()
        for place in places:
            await place.renderer.aclose()
