"""A preview that shows the work and does not replace it: smaller, and written over in every part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weftwork.compute.render.picture import to_srgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]
    Bytes = NDArray[np.uint8]

PREVIEW_SIDE = 480
"""Pixels of a preview's longer side, at most."""
_LETTERS = {
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "V": "10001 10001 10001 10001 10001 01010 00100",
    "I": "01110 00100 00100 00100 00100 00100 01110",
    "W": "10001 10001 10001 10101 10101 10101 01010",
}


def shrink(picture: Picture, longest: int) -> Picture:
    """The picture [height, width, 3] with at most ``longest`` pixels a side, each the mean of its area."""
    height, width, _ = picture.shape
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    return resample(picture, max(1, round(width * scale)), max(1, round(height * scale)))


def resample(picture: Picture, width: int, height: int) -> Picture:
    """The picture in ``width`` by ``height`` pixels, neither more than it has: means over areas."""
    rows = np.linspace(0, picture.shape[0], height + 1).astype(int)
    columns = np.linspace(0, picture.shape[1], width + 1).astype(int)
    sums = np.add.reduceat(np.add.reduceat(picture, rows[:-1], axis=0), columns[:-1], axis=1)
    areas = np.diff(rows)[:, None] * np.diff(columns)[None, :]
    out: Picture = (sums / areas[:, :, None]).astype(np.float32)
    return out


def make_preview(picture: Picture, longest: int = PREVIEW_SIDE) -> Bytes:
    """8-bit sRGB of the picture, ``longest`` pixels a side at most, with PREVIEW written across it again and
    again: light on what is dark, dark on what is light."""
    shown = to_srgb(shrink(picture, longest)).astype(np.int16)
    mask = _write_over(shown.shape[0], shown.shape[1])
    turned = np.where(shown.mean(axis=2, keepdims=True) < 128, shown + 110, shown - 110)
    out: Bytes = np.clip(np.where(mask[:, :, None], turned, shown), 0, 255).astype(np.uint8)
    return out


def _write_over(height: int, width: int) -> NDArray[np.bool_]:
    """True where a letter lies: lines of the word, each begun further left than the one above."""
    glyphs = [np.array([list(row) for row in _LETTERS[letter].split()]) == "1" for letter in "PREVIEW"]
    word = np.hstack([np.pad(glyph, ((0, 0), (0, 1))) for glyph in glyphs])
    size = max(1, min(height, width) // 160)
    cell = np.kron(np.pad(word, ((4, 4), (0, 12))), np.ones((size, size))).astype(bool)
    rows = []
    for line in range(-(-height // cell.shape[0])):
        band = np.tile(np.roll(cell, -17 * size * line, axis=1), (1, -(-width // cell.shape[1])))
        rows.append(band[:, :width])
    return np.vstack(rows)[:height]
