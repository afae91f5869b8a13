"""A tile beside the same tile rendered again: equal to the bit where the builds are, else within its noise.

Two builds draw the same samples and round differently, so that a few light paths part. With ``p`` the share
of parted paths, the mean square between the two is ``p`` times that between two seeds, which is
``2 v / spp`` (``v`` the variance of one sample over the square of its mean). A tile rendered with a share
``f`` of its samples is off by ``(1/f - 1) / 2`` of that noise. The limit of 2 % thus allows one path in fifty
to part, and saves nobody more than 4 % of the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weftwork.compute.render.error import TileDiffers
from weftwork.compute.render.frame import read_pixels

if TYPE_CHECKING:
    from weftwork.compute.render.tile import Tile
    from weftwork.compute.render.worker import TileResult

TOLERANCE = 0.02
"""The largest mean square, as a share of that between two seeds of the tile."""
FLOOR = 1e-6
"""The mean square that rounding alone may make, where a tile has no noise."""
_DARK = 1e-2


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two pictures of a tile are apart.

    ``equal`` to the bit; ``relative_mse`` is the mean of ``(a - b)^2 / (b^2 + 0.01^2)``; ``worst`` is
    the largest ``|a - b| / (|b| + 0.01)``; ``parted`` the share of pixels that are off by more than 1 %.
    """

    equal: bool
    relative_mse: float
    worst: float
    parted: float


def compare_pixels(tile: Tile, answer: bytes, again: bytes) -> Difference:
    """``answer`` measured by ``again``, both pixels of ``tile``; what is no number must be none in both."""
    if answer == again:
        return Difference(True, 0.0, 0.0, 0.0)
    a, b = (read_pixels(tile, pixels).astype(np.float64) for pixels in (answer, again))
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return Difference(False, float("inf"), float("inf"), 1.0)
    a, b = np.where(finite, a, 0.0), np.where(finite, b, 0.0)
    gap = np.abs(a - b)
    off = gap / (np.abs(b) + _DARK)
    return Difference(
        False,
        float(np.mean(gap**2 / (b**2 + _DARK**2))),
        float(off.max()),
        float(np.mean((off > 0.01).any(axis=2))),
    )


def limit_difference(spp: int, noise: float | None = None) -> float:
    """The largest ``relative_mse`` that is let pass; ``noise`` is that between two seeds, where measured.

    Without it one sample is taken to vary by its mean: ``noise = 2 / spp``.
    """
    return max(TOLERANCE * (2 / spp if noise is None else noise), FLOOR)


def find_fault(relative_mse: float, one_build: bool, spp: int, noise: float | None = None) -> str:
    """What is wrong where two tiles that are not equal are so far apart; empty where that is let pass.

    ``one_build``: both were made by the same build, which makes equal ones.
    """
    if one_build:
        return f"one build made two tiles that are not equal (mean square {relative_mse:.2g})"
    limit = limit_difference(spp, noise)
    if not relative_mse <= limit:
        return f"the tile's relative mean square is {relative_mse:.2g}, above {limit:.2g}"
    return ""


def is_beyond_doubt(relative_mse: float, spp: int, noise: float) -> bool:
    """Whether a tile is further off than two honest builds are: only that costs its node collateral.

    ``noise`` is the ``relative_mse`` between two seeds of the tile, measured where it is judged. What one
    build makes twice and not equal (a bit that flipped) is wrong, and beyond doubt only above this limit.
    """
    return not relative_mse <= limit_difference(spp, max(noise, 2 / spp))


def check_tile(answer: TileResult, again: TileResult, spp: int, noise: float | None = None) -> Difference:
    """The difference of two results of one tile and seed; :class:`TileDiffers` where it is too large.

    Equal builds must be equal to the bit; where they differ, :func:`limit_difference` is the limit.
    """
    if answer.tile != again.tile:
        raise TileDiffers("these are results of two tiles", value=str(answer.tile.to_json()))
    found = compare_pixels(answer.tile, answer.pixels, again.pixels)
    if found.equal:
        return found
    one_build = bool(answer.build) and answer.build == again.build
    fault = find_fault(found.relative_mse, one_build, spp, noise)
    if fault:
        raise TileDiffers(fault, value=str(answer.tile.to_json()))
    return found
