"""The pictures of a render at its requester: frames that grow by previews, pixels that are paid, files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weftwork.compute.render.frame import Frame
from weftwork.compute.render.picture import Format, encode_png, to_srgb, write_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weftwork.compute.render.journal import Bundle, Journal
    from weftwork.compute.render.shelf import Shelf
    from weftwork.compute.render.tile import Tile


class Gallery:
    """Frames in ``folder``: watermarked previews as tiles come, the picture once every tile of it is paid."""

    def __init__(self, folder: Path, journal: Journal, shelf: Shelf) -> None:
        self.folder, self.journal, self.shelf = folder, journal, shelf
        self._frames: dict[int, Frame] = {}

    def frame(self, number: int) -> Frame:
        """A frame as far as it has come: previews, and pixels where they are here."""
        found = self._frames.get(number)
        if found is None:
            scene, size = self.journal.plan.scene, self.journal.plan.tile_size
            found = self._frames[number] = Frame(number, scene.width, scene.height, size)
        return found

    def put_preview(self, tile: Tile, preview: tuple[int, int, bytes]) -> None:
        """Places a tile's preview, stretched to the tile where it was sent smaller."""
        width, height, pixels = preview
        shown = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
        rows = np.arange(tile.height) * height // tile.height
        columns = np.arange(tile.width) * width // tile.width
        self._place(tile, _to_linear(shown[rows][:, columns]).astype("<f4").tobytes())

    def put_pixels(self, tile: Tile, pixels: bytes) -> None:
        """Places a tile's own pixels."""
        self._place(tile, pixels)

    def _place(self, tile: Tile, pixels: bytes) -> None:
        frame = self.frame(tile.frame)
        if tile not in frame.missing:
            frame.drop(tile)
        frame.put(tile, pixels)

    def drop(self, bundle: Bundle) -> None:
        """Takes a bundle's tiles away: they are not what they should be, or nobody paid for them."""
        frame = self._frames.get(bundle.frame)
        if frame is not None:
            for tile in bundle.rectangles:
                if tile not in frame.missing:
                    frame.drop(tile)

    async def write_preview(self, number: int) -> Path:
        """The frame as it is now, as ``preview-0001.png``."""
        place = self.folder / f"preview-{number:04d}.png"
        self.folder.mkdir(parents=True, exist_ok=True)
        content = await asyncio.to_thread(lambda: encode_png(to_srgb(self.frame(number).picture)))
        await asyncio.to_thread(place.write_bytes, content)
        return place

    async def write(self, number: int, formats: Sequence[Format]) -> list[Path]:
        """The whole frame from the pixels of its bundles, which must all be here; its files."""
        plan = self.journal.plan
        frame = Frame(number, plan.scene.width, plan.scene.height, plan.tile_size)
        for bundle in self.journal.of("done", frames=[number]):
            for index, tile in enumerate(bundle.rectangles):
                pixels = self.shelf.get(self.journal.output(bundle, index))
                assert pixels is not None
                frame.put(tile, pixels)
        paths = await asyncio.to_thread(write_frame, frame.picture, self.folder, number, formats)
        (self.folder / f"preview-{number:04d}.png").unlink(missing_ok=True)
        self._frames[number] = frame
        return paths

    def forget(self, number: int) -> None:
        """Lets go of a frame that is on disk."""
        self._frames.pop(number, None)


def _to_linear(shown: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear RGB of 8-bit sRGB."""
    value = shown.astype(np.float32) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear, np.float32)
