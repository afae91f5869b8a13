"""Revert data read as a sentence: Error(string), Panic(uint256), or a custom error's selector."""

from __future__ import annotations

_PANICS = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow or underflow",
    0x12: "division by zero",
    0x21: "value outside the enumeration",
    0x31: "pop from an empty array",
    0x32: "index out of bounds",
}


def reason_of(data: bytes) -> str:
    """The reason in revert data; empty where there is none."""
    if data[:4] == b"\x08\xc3\x79\xa0" and len(data) >= 68:
        size = int.from_bytes(data[36:68], "big")
        return data[68 : 68 + min(size, len(data))].decode("utf-8", "replace")
    if data[:4] == b"\x4e\x48\x7b\x71" and len(data) >= 36:
        code = int.from_bytes(data[4:36], "big")
        return f"panic: {_PANICS.get(code, hex(code))} ({code:#04x})"
    if len(data) >= 4:
        return f"custom error 0x{data[:4].hex()}"
    return ""
