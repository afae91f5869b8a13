"""Pixels of tiles in a folder, each in a file named by the digest that its receipt signs."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from weftwork.units import Digest


class Shelf:
    """A folder of pixels by their Keccak-256."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, digest: Digest) -> Path:
        """Where pixels lie, or would lie."""
        return self.folder / f"{digest.hex()}.f32"

    def put(self, digest: Digest, pixels: bytes) -> None:
        """Keeps pixels, whole or not at all; the caller has checked that they are those of ``digest``."""
        place = self.path(digest)
        if place.is_file():
            return
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(pixels)
            Path(name).replace(place)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise

    def get(self, digest: Digest) -> bytes | None:
        """The pixels, checked; None where they are not here, or broken."""
        try:
            pixels = self.path(digest).read_bytes()
        except FileNotFoundError:
            return None
        return pixels if Digest.of(pixels) == digest else None

    def drop(self, digest: Digest) -> None:
        """Lets go of pixels."""
        self.path(digest).unlink(missing_ok=True)
