"""A frame is the same picture in whatever order its tiles come, and each place is taken once."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.compute.render.error import BadAsset
from weftwork.compute.render.frame import Frame, merge_tiles, read_pixels
from weftwork.compute.render.tile import Tile, split_frame
from weftwork.compute.render.worker import TileResult
from weftwork.errors import BadInput
from weftwork.units import Digest


def results_of(picture: np.ndarray, size: int) -> list[TileResult]:
    """The tiles that a picture falls into."""
    out = []
    for tile in split_frame(picture.shape[1], picture.shape[0], size):
        part = picture[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
        pixels = part.astype("<f4").tobytes()
        out.append(TileResult(tile, pixels, Digest.of(pixels), 1.0))
    return out


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40), st.randoms(use_true_random=False))
def test_a_frame_is_the_same_in_whatever_order_its_tiles_come(
    width: int, height: int, size: int, rng: random.Random
) -> None:
    picture = np.random.default_rng(width * height).random((height, width, 3), dtype=np.float32)
    results = results_of(picture, size)
    rng.shuffle(results)
    assert np.array_equal(merge_tiles(results, width, height, size), picture)


def test_a_frame_grows_and_says_what_is_missing() -> None:
    frame = Frame(1, 40, 20, 20)
    first, second = frame.tiles
    frame.put(second, np.ones((20, 20, 3), "<f4").tobytes())
    assert frame.missing == (first,)
    assert not frame.whole
    assert frame.covered.sum() == 400
    frame.put(first, bytes(first.pixels * 12))
    assert frame.whole
    frame.drop(second)
    assert frame.missing == (second,)
    assert not frame.picture.any()


def test_a_place_is_taken_once_and_only_by_a_tile_of_the_frame() -> None:
    frame = Frame(1, 40, 20, 20)
    tile = frame.tiles[0]
    frame.put(tile, bytes(tile.pixels * 12))
    with pytest.raises(BadInput, match="placed before"):
        frame.put(tile, bytes(tile.pixels * 12))
    for stranger in (Tile(2, 20, 0, 20, 20), Tile(1, 10, 0, 20, 20), Tile(1, 20, 0, 20, 10)):
        with pytest.raises(BadInput, match="none of this frame"):
            frame.put(stranger, bytes(stranger.pixels * 12))
    with pytest.raises(BadInput, match="not placed"):
        frame.drop(frame.tiles[1])


def test_pixels_of_a_wrong_number_are_refused_and_leave_the_place_free() -> None:
    frame = Frame(1, 40, 20, 20)
    for pixels in (b"", bytes(frame.tiles[0].pixels * 12 - 1), bytes(frame.tiles[0].pixels * 16)):
        with pytest.raises(BadAsset):
            frame.put(frame.tiles[0], pixels)
    assert len(frame.missing) == 2
    assert read_pixels(Tile(1, 0, 0, 2, 1), bytes(24)).shape == (1, 2, 3)


def test_a_merge_with_a_gap_or_with_nothing_is_refused() -> None:
    results = results_of(np.zeros((20, 40, 3), np.float32), 20)
    with pytest.raises(BadInput, match="1 tiles of the frame are missing"):
        merge_tiles(results[:1], 40, 20, 20)
    with pytest.raises(BadInput, match="at least one"):
        merge_tiles([], 40, 20, 20)
