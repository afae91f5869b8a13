"""What a render will cost, before it starts: a few tiles at few samples here, times this machine's speed.

``OBh = OB of this machine * time a sample takes here * samples``, by the worst frame that was tried, which is
how Render Network advises to estimate. The estimate is the price: bundles are funded with their parts of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weftwork.compute.render.tile import Tile, split_frame, tile_seed
from weftwork.spec.bme import tokens_for
from weftwork.spec.tier import count_work, price_work
from weftwork.units import ZERO

if TYPE_CHECKING:
    from weftwork.compute.render.scene import Scene
    from weftwork.compute.render.workshop import Workshop
    from weftwork.spec.tier import Tier

PROBE_TILES = 3
PROBE_SPP = 4
WAD = 10**18


def choose_probes(scene: Scene, frames: Sequence[int], tile_size: int) -> list[Tile]:
    """Tiles to try: three of the first frame, spread over it, and as many of the middle and the last one."""
    out = []
    for frame in sorted({frames[0], frames[len(frames) // 2], frames[-1]}):
        tiles = split_frame(scene.width, scene.height, tile_size, frame=frame)
        places = sorted({len(tiles) * (2 * i + 1) // (2 * PROBE_TILES) for i in range(PROBE_TILES)})
        out += [tiles[place] for place in places]
    return out


async def count_render(
    workshop: Workshop, scene: Scene, frames: Sequence[int], tile_size: int, spp: int, milli_ob: int
) -> int:
    """The work of a render in millionths of an OBh; raises what the renderer raises."""
    tries = min(spp, PROBE_SPP)
    worst: dict[int, tuple[float, int]] = {}
    for tile in choose_probes(scene, frames, tile_size):
        found = await workshop.render(scene, tile, tile_seed(ZERO, tile.frame, tile), tries)
        seconds, samples = worst.get(tile.frame, (0.0, 0))
        worst[tile.frame] = (seconds + found.seconds, samples + tile.pixels * tries)
    rate = max(seconds / samples for seconds, samples in worst.values())
    whole = scene.width * scene.height * spp * len(frames)
    return count_work(milli_ob, max(1, round(rate * whole * 1_000_000)))


def price_render(micro_obh: int, tier: Tier, price: int, dollars_per_euro: int = WAD) -> tuple[int, int]:
    """Euros and tokens (wad) for work in a tier; ``price`` is dollars for a token, wad."""
    euros = price_work(micro_obh, tier.obh_per_euro)
    dollars = -(-euros * dollars_per_euro // WAD)
    return euros, tokens_for(dollars, price)
