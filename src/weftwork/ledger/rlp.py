"""Recursive length prefix, the serialisation of Ethereum's data (Yellow Paper, B)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, Union

Item: TypeAlias = Union[bytes, Sequence["Item"]]  # noqa: UP007


def encode_bytes(value: bytes) -> bytes:
    """Encode one byte string."""
    size = len(value)
    if size == 1 and value[0] < 0x80:
        return value
    if size < 56:
        return bytes((0x80 + size,)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0xB7 + len(length),)) + length + value


def join(parts: Sequence[bytes]) -> bytes:
    """Encode a list whose items are encoded already."""
    body = b"".join(parts)
    size = len(body)
    if size < 56:
        return bytes((0xC0 + size,)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0xF7 + len(length),)) + length + body


def encode(item: Item) -> bytes:
    """Encode a byte string or a nested list of byte strings."""
    if isinstance(item, bytes):
        return encode_bytes(item)
    return join([encode(child) for child in item])


def encode_int(value: int) -> bytes:
    """Encode a non-negative integer as its shortest big-endian bytes."""
    if value == 0:
        return b"\x80"
    if value < 0x80:
        return bytes((value,))
    body = value.to_bytes((value.bit_length() + 7) // 8, "big")
    if len(body) < 56:
        return bytes((0x80 + len(body),)) + body
    return encode_bytes(body)


def int_bytes(value: int) -> bytes:
    """The shortest big-endian bytes of a non-negative integer; zero is empty."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def decode(data: bytes) -> Item:
    """Decode one item; raises ValueError if ``data`` is not exactly one canonical item."""
    item, end = _decode(data, 0, len(data))
    if end != len(data):
        raise ValueError("bytes remain after the RLP item")
    return item


def _length(data: bytes, start: int, size: int, end: int) -> int:
    if start + size > end:
        raise ValueError("RLP item is cut short")
    if data[start] == 0:
        raise ValueError("RLP length has a leading zero")
    value = int.from_bytes(data[start : start + size], "big")
    if value < 56:
        raise ValueError("RLP length is not in its shortest form")
    return value


def _decode(data: bytes, at: int, end: int) -> tuple[Item, int]:
    if at >= end:
        raise ValueError("RLP item is cut short")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    if first < 0xC0:
        if first < 0xB8:
            start, size = at + 1, first - 0x80
        else:
            start = at + 1 + first - 0xB7
            size = _length(data, at + 1, first - 0xB7, end)
        stop = start + size
        if stop > end:
            raise ValueError("RLP item is cut short")
        value = data[start:stop]
        if size == 1 and first < 0xB8 and value[0] < 0x80:
            raise ValueError("RLP byte is not in its shortest form")
        return value, stop
    if first < 0xF8:
        start, size = at + 1, first - 0xC0
    else:
        start = at + 1 + first - 0xF7
        size = _length(data, at + 1, first - 0xF7, end)
    stop = start + size
    if stop > end:
        raise ValueError("RLP list is cut short")
    items: list[Item] = []
    at = start
    while at < stop:
        item, at = _decode(data, at, stop)
        items.append(item)
    return items, stop
