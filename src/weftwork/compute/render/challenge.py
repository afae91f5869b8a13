"""How fast a provider renders: a scene of our own, a seed nobody could know, and a look at the result.

The challenger draws a seed and starts the clock; the provider renders all tiles and answers with their
digests; the clock stops. Only then does the challenger draw the tiles that it wants to see, renders them
again itself, and compares. Who left out a share of the tiles is found with the chance of meeting one of them;
what was shown wrong makes the score 0. The speed is in OB: 100 is the reference machine's one core, and a
machine of 100 OB does 100 OBh in an hour. Times between challenges are exponential: nobody can wait for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.compare import check_tile
from weftwork.compute.render.error import TileDiffers
from weftwork.compute.render.scene import Scene, read_scene
from weftwork.compute.render.tile import Tile, split_frame, tile_seed
from weftwork.compute.render.worker import Renderer, TileResult
from weftwork.errors import BadInput
from weftwork.units import Digest

REFERENCE_RATE = 700_000
"""Samples of its scene that the reference machine (one core of an AMD EPYC) makes in a second: 100 OB."""
CHALLENGE_TILE = 32
"""Pixels of a challenge tile's side."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A seed that takes a job's place, and the samples a pixel; it asks for all of the reference scene."""

    seed: Digest
    spp: int

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The tiles to render, in the order of the answer's digests."""
        scene = reference_scene()[0]
        return split_frame(scene.width, scene.height, CHALLENGE_TILE)

    @property
    def samples(self) -> int:
        """How many samples it asks for in all."""
        return self.spp * sum(tile.pixels for tile in self.tiles)

    def seed_of(self, tile: Tile) -> int:
        """The seed of one of its tiles."""
        return tile_seed(self.seed, tile.frame, tile)

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        return {"seed": str(self.seed), "spp": self.spp}

    @classmethod
    def from_json(cls, data: Any) -> Challenge:
        """The inverse of :meth:`to_json`."""
        if not isinstance(data, dict) or not isinstance(data.get("seed"), str):
            raise BadInput("a challenge is an object of seed and spp", value=repr(data)[:80])
        return make_challenge(Digest(data["seed"]), data.get("spp"))


@dataclass(frozen=True, slots=True)
class Speed:
    """What a challenge found: ``milli_ob`` thousandths of an OB, 0 where the answer was wrong, and why."""

    milli_ob: int
    checked: tuple[Tile, ...] = ()
    why: str = ""


def reference_scene() -> tuple[Scene, dict[str, bytes]]:
    """The scene of all challenges, and its files by digest."""
    return read_scene(Path(__file__).with_name("reference.xml"))


def make_challenge(seed: Digest, spp: Any = 64) -> Challenge:
    """The challenge of a seed; :class:`BadInput` for samples that no challenge asks for."""
    if type(spp) is not int or not 1 <= spp <= 4096:
        raise BadInput("a challenge asks for 1 to 4096 samples a pixel", value=repr(spp)[:40])
    return Challenge(seed, spp)


def issue_challenge(rng: Random, spp: int = 64) -> Challenge:
    """A challenge with a seed of ``rng``, which must be one that nobody else can foresee."""
    return make_challenge(Digest(rng.randbytes(32)), spp)


def next_challenge(now: float, mean_seconds: float, rng: Random) -> float:
    """When to challenge again: ``now`` plus an exponential time: the past says nothing of the next."""
    return now + rng.expovariate(1 / mean_seconds)


async def answer_challenge(renderer: Renderer, challenge: Challenge) -> list[TileResult]:
    """All tiles of a challenge in order; the digests are the answer, the pixels are shown if asked for."""
    return [await renderer.render(tile, challenge.seed_of(tile), challenge.spp) for tile in challenge.tiles]


def choose_tiles(challenge: Challenge, count: int, rng: Random) -> tuple[Tile, ...]:
    """Which tiles the challenger wants to see, drawn after the answer came."""
    tiles = challenge.tiles
    return tuple(sorted(rng.sample(tiles, min(count, len(tiles)))))


def measure_speed(challenge: Challenge, seconds: float) -> int:
    """Thousandths of an OB: ``100,000 x samples / (seconds x REFERENCE_RATE)``, rounded down."""
    micros = max(1, round(seconds * 1_000_000))
    return 100_000 * challenge.samples * 1_000_000 // (micros * REFERENCE_RATE)


def count_micro_obh(milli_ob: int, microseconds: int) -> int:
    """Millionths of an OBh in that time at that speed, rounded down."""
    return milli_ob * microseconds // 3_600_000


async def judge_answer(
    challenge: Challenge,
    digests: Sequence[Digest],
    shown: Mapping[Tile, TileResult],
    chosen: Sequence[Tile],
    seconds: float,
    renderer: Renderer,
) -> Speed:
    """The speed that an answer proves: ``digests`` came after ``seconds``, ``shown`` holds the chosen tiles.

    ``renderer`` is the challenger's own, of the reference scene. A wrong answer is a speed of 0 and a reason.
    """
    tiles = challenge.tiles
    if len(digests) != len(tiles):
        return Speed(0, tuple(chosen), f"the answer has {len(digests)} digests for {len(tiles)} tiles")
    for tile in chosen:
        result = shown.get(tile)
        if result is None or Digest.of(result.pixels) != digests[tiles.index(tile)]:
            return Speed(0, tuple(chosen), f"tile {tile.to_json()} was not shown as it was answered")
        again = await renderer.render(tile, challenge.seed_of(tile), challenge.spp)
        try:
            check_tile(result, again, challenge.spp)
        except TileDiffers as error:
            return Speed(0, tuple(chosen), error.sentence)
    return Speed(measure_speed(challenge, seconds), tuple(chosen))


def reference_store(folder: Path | str) -> AssetStore:
    """A store in ``folder`` that holds the reference scene's files."""
    store = AssetStore(folder)
    store.put_all(reference_scene()[1].values())
    return store
