"""Keccak-256 and the EIP-55 spelling of an address."""

from __future__ import annotations

from functools import lru_cache

from Crypto.Hash import keccak as _keccak

from weftwork.errors import BadInput

EMPTY_HASH = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")


def keccak(data: bytes) -> bytes:
    """The 32-byte Keccak-256 of ``data``."""
    return bytes(_keccak.new(data=data, digest_bits=256).digest())


@lru_cache(maxsize=65536)
def hashed_key(key: bytes) -> bytes:
    """Keccak-256 of a trie's key, remembered: the same accounts and slots come again and again."""
    return keccak(key)


@lru_cache(maxsize=65536)
def checksum(address: bytes) -> str:
    """The EIP-55 spelling of a 20-byte address."""
    plain = address.hex()
    digest = keccak(plain.encode()).hex()
    return "0x" + "".join(c.upper() if int(d, 16) >= 8 else c for c, d in zip(plain, digest, strict=False))


@lru_cache(maxsize=65536)
def address_bytes(text: str) -> bytes:
    """The 20 bytes of a hexadecimal address in any case; raises BadInput if it is none."""
    try:
        if len(text) == 42 and text[:2] in ("0x", "0X"):
            return bytes.fromhex(text[2:])
    except ValueError:
        pass
    raise BadInput(
        f"not an address: {text[:60]!r}", value=text, hint="an address is 0x and 40 hexadecimal digits"
    )
