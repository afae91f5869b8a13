"""Files of scenes by the SHA-256 of their content: uploaded once, checked whenever they are read."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from weftwork.compute.render.error import BadAsset

MAX_ASSET = 2 * 1024**3
"""Bytes of the largest file that a store takes."""
_HEX = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[^\x00-\x1f\x7f\\]{1,200}")


def digest_asset(content: bytes) -> str:
    """The name of a content in a store: its SHA-256 in 64 lower-case hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def check_name(name: str) -> str:
    """``name`` where it is a plain relative path inside its scene's folder; :class:`BadAsset` otherwise."""
    pure = PurePosixPath(name)
    plain = _NAME.fullmatch(name) and not pure.is_absolute() and ".." not in pure.parts
    if not plain or not pure.parts or str(pure) != name:
        raise BadAsset(
            "a scene names a file that does not lie in its own folder",
            value=name[:200],
            hint="put the file beside the scene, and name it by a relative path",
        )
    return name


class AssetStore:
    """A folder of contents, each in a file named by its digest; many processes may share it."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where a content lies, or would lie."""
        if not _HEX.fullmatch(digest):
            raise BadAsset("an asset's name is 64 lower-case hexadecimal digits", value=digest[:80])
        return self.folder / digest[:2] / digest

    def __contains__(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def missing(self, digests: Iterable[str]) -> list[str]:
        """Those of ``digests`` that are not here, each once: what must be uploaded."""
        return [digest for digest in dict.fromkeys(digests) if digest not in self]

    def put(self, content: bytes, digest: str | None = None) -> str:
        """Keeps ``content`` and returns its digest; :class:`BadAsset` where it is not that of ``digest``."""
        found = digest_asset(content)
        if digest is not None and digest != found:
            raise BadAsset("the content is not that of its digest", value=digest[:80])
        if len(content) > MAX_ASSET:
            raise BadAsset(f"an asset has at most {MAX_ASSET} bytes", value=len(content))
        place = self.path(found)
        if not place.is_file():
            place.parent.mkdir(exist_ok=True)
            handle, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                Path(name).replace(place)
            except BaseException:
                with suppress(FileNotFoundError):
                    Path(name).unlink()
                raise
        return found

    def put_all(self, contents: Iterable[bytes]) -> list[str]:
        """Keeps each content; returns their digests."""
        return [self.put(content) for content in contents]

    def get(self, digest: str) -> bytes:
        """The content of ``digest``, checked; a broken file is removed. :class:`BadAsset` if not here."""
        place = self.path(digest)
        try:
            content = place.read_bytes()
        except FileNotFoundError:
            raise BadAsset("the file is not in the store", value=digest) from None
        if digest_asset(content) != digest:
            with suppress(FileNotFoundError):
                place.unlink()
            raise BadAsset("the file in the store is broken, and was removed", value=digest)
        return content

    def lay_out(self, assets: Mapping[str, str], folder: Path) -> None:
        """Writes ``assets`` (name to digest) under ``folder`` by their names, each content checked."""
        for name, digest in assets.items():
            place = folder / check_name(name)
            content = self.get(digest)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
