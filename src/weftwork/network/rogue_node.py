"""Nodes that cheat, for the demo and for tests: what a render network has to live with."""

from __future__ import annotations

from weftwork.compute.render.bundle import Manifest
from weftwork.compute.render.node import RenderNode
from weftwork.compute.render.worker import TileResult
from weftwork.units import Digest


class ThriftyNode(RenderNode):
    """Renders with a quarter of the samples and charges for all of them."""

    async def make_tile(self, manifest: Manifest, index: int) -> TileResult:
        """A noisier tile than was paid for; one that has a single sample is seeded wrong instead."""
        less = max(1, manifest.spp // 4)
        seed = manifest.seed(index) if less < manifest.spp else manifest.seed(index) ^ 1
        return await self.workshop.render(manifest.scene, manifest.tiles[index], seed, less)


class BlackNode(RenderNode):
    """Renders nothing and hands in black."""

    async def make_tile(self, manifest: Manifest, index: int) -> TileResult:
        """A black tile."""
        tile = manifest.tiles[index]
        pixels = bytes(tile.pixels * 12)
        return TileResult(tile, pixels, Digest.of(pixels), 0.0, "black")


class MortalNode(RenderNode):
    """Dies in the middle of its first bundle: its server is gone from one tile to the next."""

    made = 0

    async def make_tile(self, manifest: Manifest, index: int) -> TileResult:
        """A good tile, and then nothing ever again."""
        if self.made and self.running is not None:
            self.running.cut()
        self.made += 1
        return await super().make_tile(manifest, index)
