"""A frame made of its tiles: they may come in any order, each place once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from weftwork.compute.render.error import BadAsset
from weftwork.compute.render.tile import TILE_SIZE, Tile, split_frame
from weftwork.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weftwork.compute.render.worker import TileResult

    Picture = NDArray[np.float32]


def read_pixels(tile: Tile, pixels: bytes) -> Picture:
    """The pixels of a tile as floats [height, width, 3]; :class:`BadAsset` where their number is wrong."""
    if len(pixels) != tile.pixels * 12:
        raise BadAsset(
            f"a tile of {tile.width} by {tile.height} has {tile.pixels * 12} bytes", value=len(pixels)
        )
    found: Picture = np.frombuffer(pixels, dtype="<f4").reshape(tile.height, tile.width, 3)
    return found


class Frame:
    """One frame of ``width`` by ``height`` pixels, cut into tiles of ``tile_size``, that grows as tiles come.

    ``picture`` is linear RGB [height, width, 3], 0 where nothing has come yet; ``covered`` says where.
    """

    def __init__(self, number: int, width: int, height: int, tile_size: int = TILE_SIZE) -> None:
        self.number = number
        self.tiles = split_frame(width, height, tile_size, frame=number)
        self.picture: Picture = np.zeros((height, width, 3), dtype=np.float32)
        self.covered = np.zeros((height, width), dtype=bool)
        self._missing = set(self.tiles)

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.picture.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.picture.shape[0])

    @property
    def missing(self) -> tuple[Tile, ...]:
        """The tiles that have not come yet, row by row."""
        return tuple(tile for tile in self.tiles if tile in self._missing)

    @property
    def whole(self) -> bool:
        """True once every tile is here."""
        return not self._missing

    def put(self, tile: Tile, pixels: bytes) -> None:
        """Places a tile; :class:`BadInput` for one that is not of this frame, or was placed before."""
        if tile not in self._missing:
            known = "was placed before" if tile in self.tiles else "is none of this frame's"
            raise BadInput(f"the tile {known}", value=str(tile.to_json()))
        rows, columns = slice(tile.y, tile.y + tile.height), slice(tile.x, tile.x + tile.width)
        self.picture[rows, columns] = read_pixels(tile, pixels)
        self.covered[rows, columns] = True
        self._missing.remove(tile)

    def drop(self, tile: Tile) -> None:
        """Takes a tile away again, that another may come in its place."""
        if tile in self._missing or tile not in self.tiles:
            raise BadInput("the tile was not placed", value=str(tile.to_json()))
        rows, columns = slice(tile.y, tile.y + tile.height), slice(tile.x, tile.x + tile.width)
        self.picture[rows, columns] = 0
        self.covered[rows, columns] = False
        self._missing.add(tile)


def merge_tiles(
    results: Iterable[TileResult], width: int, height: int, tile_size: int = TILE_SIZE
) -> Picture:
    """The picture [height, width, 3] of one frame's tiles, in any order; :class:`BadInput` for a gap."""
    found = list(results)
    if not found:
        raise BadInput("a frame has at least one tile")
    frame = Frame(found[0].tile.frame, width, height, tile_size)
    for result in found:
        frame.put(result.tile, result.pixels)
    if not frame.whole:
        raise BadInput(
            f"{len(frame.missing)} tiles of the frame are missing", value=str(frame.missing[0].to_json())
        )
    return frame.picture
