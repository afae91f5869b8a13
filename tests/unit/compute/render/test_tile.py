"""The unit of rendering: tiles cover a frame exactly, and each has a seed of its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.compute.render.tile import MAX_SIDE, Tile, split_frame, split_frames, tile_seed
from weftwork.errors import BadInput
from weftwork.units import Digest

JOB = Digest.of(b"job")


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 80))
def test_tiles_of_a_frame_cover_each_pixel_once(width: int, height: int, size: int) -> None:
    seen = np.zeros((height, width), int)
    for tile in split_frame(width, height, size, frame=7):
        assert tile.frame == 7
        seen[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width] += 1
    assert (seen == 1).all()


def test_frames_are_split_one_after_the_other() -> None:
    tiles = list(split_frames([2, 5], 100, 64, 64))
    assert [tile.frame for tile in tiles] == [2, 2, 5, 5]
    assert tiles[1] == Tile(2, 64, 0, 36, 64)


def test_a_tile_travels_as_five_numbers() -> None:
    tile = Tile(3, 64, 0, 36, 64)
    assert Tile.from_json(tile.to_json()) == tile


def test_every_tile_frame_and_job_has_a_seed_of_its_own() -> None:
    tiles = list(split_frames(range(1, 5), 640, 480, 32))
    seeds = {tile_seed(JOB, tile.frame, tile) for tile in tiles}
    assert len(seeds) == len(tiles)
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert tile_seed(Digest.of(b"other"), 1, tiles[0]) != tile_seed(JOB, 1, tiles[0])


def test_the_seed_is_a_function_that_never_changes() -> None:
    assert tile_seed(bytes(32), 1, Tile(1, 0, 0, 64, 64)) == 4113713611


@pytest.mark.parametrize(
    "numbers",
    [
        [1, -1, 0, 8, 8],
        [1, 0, 0, 0, 8],
        [1, 0, 0, 8, MAX_SIDE + 1],
        [-1, 0, 0, 8, 8],
        [2**31, 0, 0, 8, 8],
        [1, 0, 0, 8.0, 8],
        [True, 0, 0, 8, 8],
        [1, 0, 0, 8],
        "tile",
        None,
    ],
)
def test_what_is_no_tile_is_refused(numbers: object) -> None:
    with pytest.raises(BadInput):
        Tile.from_json(numbers)


def test_a_seed_needs_a_whole_job_id_and_the_tiles_own_frame() -> None:
    with pytest.raises(BadInput, match="32 bytes"):
        tile_seed(b"job", 1, Tile(1, 0, 0, 8, 8))
    with pytest.raises(BadInput, match="another frame"):
        tile_seed(JOB, 2, Tile(1, 0, 0, 8, 8))


@pytest.mark.parametrize(("width", "height", "size"), [(0, 4, 4), (4, MAX_SIDE + 1, 4), (4, 4, 0)])
def test_a_frame_without_pixels_or_without_end_is_refused(width: int, height: int, size: int) -> None:
    with pytest.raises(BadInput):
        split_frame(width, height, size)
