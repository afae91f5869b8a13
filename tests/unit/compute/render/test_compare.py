"""One build must agree to the bit; two builds may part on a few light paths, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from weftwork.compute.render.compare import (
    TOLERANCE,
    check_tile,
    compare_pixels,
    is_beyond_doubt,
    limit_difference,
)
from weftwork.compute.render.error import TileDiffers
from weftwork.compute.render.tile import Tile
from weftwork.compute.render.worker import TileResult
from weftwork.units import Digest

TILE = Tile(1, 0, 0, 64, 64)
SPP = 64


def samples(seed: int) -> np.ndarray:
    """Samples [spp, 64, 64, 3] of a noisy picture whose samples vary by their mean."""
    return np.random.default_rng(seed).exponential(0.5, (SPP, 64, 64, 3))


def result(picture: np.ndarray, build: str = "build a", tile: Tile = TILE) -> TileResult:
    pixels = picture.astype("<f4").tobytes()
    return TileResult(tile, pixels, Digest.of(pixels), 1.0, build)


HONEST = samples(1)
AGAIN = result(HONEST.mean(axis=0), "build b")


def test_an_equal_tile_passes_whatever_the_build() -> None:
    assert check_tile(result(HONEST.mean(axis=0)), AGAIN, SPP).equal


def test_one_build_must_agree_to_the_bit() -> None:
    picture = HONEST.mean(axis=0).astype(np.float32)
    picture[3, 4, 1] = np.nextafter(picture[3, 4, 1], np.float32(1))
    with pytest.raises(TileDiffers, match="one build"):
        check_tile(result(picture, "build b"), AGAIN, SPP)
    assert not check_tile(result(picture, "build a"), AGAIN, SPP).equal


def test_another_build_may_part_on_a_few_light_paths() -> None:
    parted = HONEST.copy()
    where = np.random.default_rng(9).random(HONEST.shape) < 0.005
    parted[where] = samples(2)[where]
    found = check_tile(result(parted.mean(axis=0)), AGAIN, SPP)
    assert 0 < found.relative_mse < limit_difference(SPP)
    assert found.parted > 0


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("other seed", samples(3).mean(axis=0)),
        ("half the samples", HONEST[: SPP // 2].mean(axis=0)),
        ("nine tenths of the samples", HONEST[: SPP * 9 // 10].mean(axis=0)),
        ("brighter", HONEST.mean(axis=0) * 1.05),
        ("smoothed", np.repeat(HONEST.mean(axis=0)[:, ::2], 2, axis=1)),
        ("black", np.zeros((64, 64, 3))),
    ],
)
def test_a_lazy_answer_is_found_through_the_tolerance(name: str, picture: np.ndarray) -> None:
    with pytest.raises(TileDiffers, match="relative mean square"):
        check_tile(result(picture), AGAIN, SPP)


def test_a_measured_noise_replaces_the_assumed_one() -> None:
    other = result(samples(3).mean(axis=0))
    noise = compare_pixels(TILE, other.pixels, AGAIN.pixels).relative_mse
    assert limit_difference(SPP, noise) == pytest.approx(TOLERANCE * noise)
    assert limit_difference(SPP) == pytest.approx(limit_difference(SPP, noise), rel=0.5)


def test_collateral_is_for_what_no_honest_build_makes() -> None:
    noise = compare_pixels(TILE, result(samples(3).mean(axis=0)).pixels, AGAIN.pixels).relative_mse
    flipped = HONEST.mean(axis=0).astype(np.float32)
    flipped[3, 4, 1] = np.nextafter(flipped[3, 4, 1], 1)
    lazy = {
        "other seed": samples(4).mean(axis=0),
        "half the samples": HONEST[: SPP // 2].mean(axis=0),
        "black": np.zeros((64, 64, 3)),
    }

    def judge(picture: np.ndarray) -> bool:
        apart = compare_pixels(TILE, result(picture).pixels, AGAIN.pixels).relative_mse
        return is_beyond_doubt(apart, SPP, noise)

    assert not judge(flipped), "one build made it, and a bit flipped: wrong, and no cheat"
    assert all(judge(picture) for picture in lazy.values())
    assert is_beyond_doubt(float("inf"), SPP, noise)
    assert not is_beyond_doubt(float("inf"), SPP, float("inf")), "where the checker's own differ as much"
    assert not is_beyond_doubt(TOLERANCE * 20, SPP, 20.0), "a scene whose own noise is as large"


def test_a_tile_without_noise_is_held_to_rounding() -> None:
    flat = np.full((64, 64, 3), 0.5)
    assert check_tile(result(flat * (1 + 1e-5)), result(flat, "b"), SPP, noise=0.0).worst > 0
    with pytest.raises(TileDiffers):
        check_tile(result(flat * 1.01), result(flat, "b"), SPP, noise=0.0)


def test_a_value_that_is_no_number_must_be_none_in_both() -> None:
    picture = HONEST.mean(axis=0)
    picture[0, 0] = np.nan
    broken = result(picture)
    with pytest.raises(TileDiffers):
        check_tile(broken, AGAIN, SPP)
    picture[1, 1] *= 1.000001
    assert check_tile(result(picture), result(np.where(np.isnan(picture), np.nan, picture), "b"), SPP)


def test_two_tiles_are_not_compared() -> None:
    with pytest.raises(TileDiffers, match="two tiles"):
        check_tile(result(HONEST.mean(axis=0), tile=Tile(1, 64, 0, 64, 64)), AGAIN, SPP)
