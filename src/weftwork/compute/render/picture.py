"""Pictures on disk: PNG in 8-bit sRGB for eyes, OpenEXR in 32-bit linear floats for further work.

Sources: PNG (W3C, third edition); IEC 61966-2-1 for sRGB; OpenEXR file layout, ZIP compression.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from weftwork.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Picture = NDArray[np.float32]
    Bytes = NDArray[np.uint8]

Format = Literal["png", "exr"]
_EXR_ROWS = 16


def to_srgb(picture: Picture) -> Bytes:
    """8-bit sRGB [height, width, 3] of linear RGB; what is above 1 is white, what is no number is black."""
    linear = np.clip(np.nan_to_num(picture, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
    return np.asarray(np.rint(curved * 255), dtype=np.uint8)


def encode_png(pixels: Bytes) -> bytes:
    """A PNG file of 8-bit sRGB pixels [height, width, 3]."""
    height, width, channels = pixels.shape
    if channels != 3 or pixels.dtype != np.uint8:
        raise BadInput("a PNG is made of 8-bit RGB", value=str(pixels.shape))
    above = np.vstack([np.zeros((1, width, 3), np.uint8), pixels[:-1]])
    rows = np.full((height, 1 + width * 3), 2, dtype=np.uint8)  # filter 2: the difference to the row above
    rows[:, 1:] = (pixels - above).reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"sRGB", b"\0"), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def encode_exr(picture: Picture) -> bytes:
    """An OpenEXR file of linear RGB [height, width, 3]: scan lines, 32-bit floats, ZIP."""
    height, width, _ = picture.shape
    window = struct.pack("<iiii", 0, 0, width - 1, height - 1)
    channels = (
        b"".join(name + b"\0" + struct.pack("<iB3xii", 2, 0, 1, 1) for name in (b"B", b"G", b"R")) + b"\0"
    )
    fields = (
        (b"channels", b"chlist", channels),
        (b"compression", b"compression", b"\x03"),
        (b"dataWindow", b"box2i", window),
        (b"displayWindow", b"box2i", window),
        (b"lineOrder", b"lineOrder", b"\0"),
        (b"pixelAspectRatio", b"float", struct.pack("<f", 1)),
        (b"screenWindowCenter", b"v2f", struct.pack("<ff", 0, 0)),
        (b"screenWindowWidth", b"float", struct.pack("<f", 1)),
    )
    head = b"\x76\x2f\x31\x01\x02\0\0\0" + b"".join(
        name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value for name, kind, value in fields
    )
    head += b"\0"
    planes = np.ascontiguousarray(picture[:, :, ::-1].transpose(0, 2, 1).astype("<f4"))  # rows of B, G, R
    blocks = [_pack_rows(planes[row : row + _EXR_ROWS]) for row in range(0, height, _EXR_ROWS)]
    place = len(head) + 8 * len(blocks)
    table, body = b"", b""
    for number, block in enumerate(blocks):
        table += struct.pack("<Q", place + len(body))
        body += struct.pack("<ii", number * _EXR_ROWS, len(block)) + block
    return head + table + body


def _pack_rows(rows: Picture) -> bytes:
    """Some scan lines, compressed: bytes parted into even and odd, then differences, then zlib."""
    raw = np.frombuffer(rows.tobytes(), dtype=np.uint8)
    parted = np.concatenate([raw[0::2], raw[1::2]]).astype(np.int16)
    parted[1:] = parted[1:] - parted[:-1] + 128
    packed = zlib.compress((parted & 255).astype(np.uint8).tobytes(), 6)
    return packed if len(packed) < raw.size else raw.tobytes()


def write_frame(
    picture: Picture, folder: Path, number: int, formats: Iterable[Format] = ("png", "exr")
) -> list[Path]:
    """Writes ``frame-0001.png`` and the like into ``folder``, each whole or not at all; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for kind in formats:
        content = encode_png(to_srgb(picture)) if kind == "png" else encode_exr(picture)
        place = folder / f"frame-{number:04d}.{kind}"
        draft = place.with_suffix(f".{kind}.part")
        draft.write_bytes(content)
        draft.replace(place)
        out.append(place)
    return out
