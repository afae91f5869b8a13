"""The unit of rendering: a rectangle of a frame, and the seed that chance gives it.

A tile is rendered as a picture of its own, so it is compared with the same tile rendered again and never
with a crop of a frame. Its seed follows from the job, the frame and the rectangle: two tiles of a job share
no noise, and whoever renders one draws the same samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from weftwork.errors import BadInput
from weftwork.units import keccak

TILE_SIZE = 64
"""Pixels of a tile's side where nothing else is asked for."""
MAX_SIDE = 16_384
"""The widest and highest frame, in pixels."""
_DOMAIN = b"weftwork/render/tile/1\0"


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A rectangle of ``frame`` (counted from 1) whose upper left pixel is (``x``, ``y``), in pixels."""

    frame: int
    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        numbers = (self.frame, self.x, self.y, self.width, self.height)
        if not all(type(number) is int for number in numbers):
            raise BadInput("a tile is five whole numbers", value=repr(numbers)[:80])
        inside = self.x + self.width <= MAX_SIDE and self.y + self.height <= MAX_SIDE
        if self.x < 0 or self.y < 0 or self.width < 1 or self.height < 1 or not inside:
            raise BadInput(f"a tile lies within {MAX_SIDE} by {MAX_SIDE} pixels", value=repr(numbers))
        if not 0 <= self.frame < 2**31:
            raise BadInput("a frame's number is not negative, and below 2**31", value=self.frame)

    @property
    def pixels(self) -> int:
        """How many pixels it has."""
        return self.width * self.height

    def to_json(self) -> list[int]:
        """``[frame, x, y, width, height]``."""
        return [self.frame, self.x, self.y, self.width, self.height]

    @classmethod
    def from_json(cls, data: Any) -> Tile:
        """The inverse of :meth:`to_json`; :class:`BadInput` for anything else."""
        if not isinstance(data, list) or len(data) != 5:
            raise BadInput("a tile is a list of five whole numbers", value=repr(data)[:80])
        return cls(*data)


def split_frame(width: int, height: int, tile_size: int = TILE_SIZE, *, frame: int = 1) -> tuple[Tile, ...]:
    """The tiles of one frame, row by row from the top; those at the right and lower edge may be smaller."""
    if not 1 <= width <= MAX_SIDE or not 1 <= height <= MAX_SIDE:
        raise BadInput(f"a frame has 1 to {MAX_SIDE} pixels a side", value=f"{width}x{height}")
    if not 1 <= tile_size <= MAX_SIDE:
        raise BadInput(f"a tile has 1 to {MAX_SIDE} pixels a side", value=tile_size)
    return tuple(
        Tile(frame, x, y, min(tile_size, width - x), min(tile_size, height - y))
        for y in range(0, height, tile_size)
        for x in range(0, width, tile_size)
    )


def split_frames(
    frames: Iterable[int], width: int, height: int, tile_size: int = TILE_SIZE
) -> Iterator[Tile]:
    """The tiles of several frames, one frame after the other."""
    for frame in frames:
        yield from split_frame(width, height, tile_size, frame=frame)


def tile_seed(job: bytes, frame: int, tile: Tile) -> int:
    """The seed of a tile in a job: 32 bits of Keccak-256 over a domain, ``job`` (32 bytes), frame, rectangle.

    Equation: ``keccak("weftwork/render/tile/1\\0" ++ job ++ frame ++ x ++ y ++ width ++ height)``, numbers as
    4 bytes big-endian, the first 4 bytes of the hash read so too.
    """
    if len(job) != 32:
        raise BadInput(f"a job's id has 32 bytes, not {len(job)}", value=bytes(job[:40]).hex())
    if frame != tile.frame:
        raise BadInput("the tile is of another frame", value=frame)
    numbers = b"".join(n.to_bytes(4, "big") for n in (frame, tile.x, tile.y, tile.width, tile.height))
    return int.from_bytes(keccak(_DOMAIN + bytes(job) + numbers)[:4], "big")
