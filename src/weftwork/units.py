"""Typed amounts and ids: unlike ones do not add.

Money is a whole number of the smallest unit (1 WEFT = 10**18). Names say how they round:
``mul_down`` floors, ``div_up`` ceils; rounding favours the pool.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import re
import secrets
from collections.abc import Callable
from typing import Any, Self

from eth_hash.auto import keccak as _slow_keccak

from weftwork.errors import BadUnit

WAD = 10**18
BPS = 10_000
U16 = 65_535
_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]*))?")


def _load_keccak() -> Callable[[bytes], bytes]:
    """Keccak-256 over pycryptodome's sponge, without the objects that its Python makes for each hash.

    A state is taken from a pool and given back, so threads never share one. Where that library is not as
    expected (checked on two inputs) eth-hash is taken: the same digests, about four times slower.
    """
    try:
        module: Any = importlib.import_module("Crypto.Hash.keccak")
        library = ctypes.PyDLL(module._raw_keccak_lib._name)
        make, reset, absorb, squeeze = (
            getattr(library, f"keccak_{name}") for name in ("init", "reset", "absorb", "digest")
        )
        reset.argtypes = [ctypes.c_void_p]
        absorb.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        squeeze.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_ubyte]
        pool: list[tuple[int, Any]] = []

        def hash_fast(data: bytes) -> bytes:
            try:
                state, out = pool.pop()
            except IndexError:
                held = ctypes.c_void_p()
                if make(ctypes.byref(held), ctypes.c_size_t(64), ctypes.c_ubyte(24)) or held.value is None:
                    raise MemoryError("no room for a hash") from None
                state, out = held.value, ctypes.create_string_buffer(32)
            reset(state)
            absorb(state, data if isinstance(data, bytes) else bytes(data), len(data))
            squeeze(state, out, 32, 1)
            digest: bytes = out.raw
            pool.append((state, out))
            return digest

        if all(hash_fast(data) == _slow_keccak(data) for data in (b"", b"weft" * 99)):
            return hash_fast
    except (ImportError, OSError, AttributeError, MemoryError):
        pass
    found: Callable[[bytes], bytes] = _slow_keccak
    return found


_keccak = _load_keccak()


def keccak(data: bytes) -> bytes:
    """Keccak-256 of ``data``: 32 bytes (the hash of the EVM, not NIST's SHA-3)."""
    return _keccak(data)


class Unit(int):
    """A whole number of one kind; sums and differences of unlike kinds raise :class:`BadUnit`."""

    __slots__ = ()
    low = 0
    high: int | None = None

    def __new__(cls, value: int = 0) -> Self:
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadUnit(f"a {cls.__name__} is a whole number, not {type(value).__name__}", value=value)
        if value < cls.low or (cls.high is not None and value > cls.high):
            shown = value if value.bit_length() <= 256 else f"a number of {value.bit_length()} bits"
            raise BadUnit(f"{shown} is outside the range of a {cls.__name__}", value=shown)
        return int.__new__(cls, value)

    def _like(self, other: Any) -> int:
        if isinstance(other, Unit) and type(other) is not type(self):
            raise BadUnit(
                f"a {type(self).__name__} and a {type(other).__name__} do not add", value=int(other)
            )
        if not isinstance(other, int):
            raise BadUnit(f"a {type(self).__name__} does not add to {type(other).__name__}", value=other)
        return int(other)

    def __add__(self, other: int) -> Self:
        return type(self)(int(self) + self._like(other))

    def __radd__(self, other: int) -> Self:
        return type(self)(self._like(other) + int(self))

    def __sub__(self, other: int) -> Self:
        return type(self)(int(self) - self._like(other))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"


class Wad(Unit):
    """An amount of a token in its smallest unit, 18 decimals."""

    __slots__ = ()
    high = 2**256 - 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """``"12.5"`` to 12.5 * 10**18; refuses more than 18 decimals rather than round."""
        match = _AMOUNT.fullmatch(text.strip().replace("_", "")) if len(text) <= 120 else None
        if match is None:
            raise BadUnit(f"{text[:80]!r} is not an amount", value=text[:80], hint="write it as 12.5")
        whole, rest = match[1], (match[2] or "").rstrip("0")
        if len(rest) > 18:
            raise BadUnit(f"{text!r} has more than 18 decimals", value=text)
        return cls(int(whole) * WAD + int(rest.ljust(18, "0")))

    def format(self, places: int = 6) -> str:
        """The amount for people, in whole tokens, cut (not rounded) to ``places`` decimals."""
        whole, rest = divmod(int(self), WAD)
        cut = f"{rest:018d}"[:places].rstrip("0")
        return f"{whole:,}.{cut}" if cut else f"{whole:,}"

    def mul_down(self, bps: Bps) -> Wad:
        """``floor(self * bps / 10_000)``."""
        return Wad(int(self) * int(bps) // BPS)

    def mul_up(self, bps: Bps) -> Wad:
        """``ceil(self * bps / 10_000)``."""
        return Wad(-(-int(self) * int(bps) // BPS))


class Bps(Unit):
    """A share in hundredths of a percent, 0 to 10_000."""

    __slots__ = ()
    high = BPS


class Uid(Unit):
    """A neuron's place in its subnet, 0 to 65_535."""

    __slots__ = ()
    high = U16


class EpochNo(Unit):
    """The number of an epoch of one subnet, from 0."""

    __slots__ = ()
    high = 2**64 - 1


class Digest(bytes):
    """A 32-byte hash; prints as ``0x`` and 64 hexadecimal digits."""

    __slots__ = ()

    def __new__(cls, value: bytes | str = bytes(32)) -> Self:
        if isinstance(value, str):
            digits = value.removeprefix("0x")
            try:
                value = bytes.fromhex(digits) if len(digits) == 64 else b""
            except ValueError:
                value = b""
            if len(value) != 32:
                raise BadUnit("a digest is 64 hexadecimal digits", value=digits[:80])
        if len(value) != 32:
            raise BadUnit(f"a digest has 32 bytes, not {len(value)}", value=value[:40].hex())
        return bytes.__new__(cls, value)

    def __str__(self) -> str:
        return "0x" + self.hex()

    def __repr__(self) -> str:
        return f"Digest({self})"

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Keccak-256 of ``data``."""
        return cls(keccak(data))


ZERO = Digest(bytes(32))


_salts: list[bytes] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_salts.clear)


def draw_salt(size: int = 16) -> bytes:
    """``size`` bytes of the system's generator; salts of 16 bytes, of which each answer takes some, are drawn
    many at once. None is given twice, be it to another thread or to a forked process."""
    if size != 16:
        return secrets.token_bytes(size)
    try:
        return _salts.pop()
    except IndexError:
        drawn = os.urandom(4096)
        _salts.extend(drawn[place : place + 16] for place in range(16, 4096, 16))
        return drawn[:16]


def salt_content(content: bytes, salt: bytes | None = None) -> tuple[Digest, bytes]:
    """Digest of private content with a 128-bit salt kept beside it, so that a short text cannot be guessed.

    Returns ``(keccak(salt ++ content), salt)``; a missing salt is drawn from the system's generator.
    """
    salt = draw_salt() if salt is None else salt
    if len(salt) != 16:
        raise BadUnit(f"a salt has 16 bytes, not {len(salt)}", value=salt.hex())
    return Digest(keccak(salt + content)), salt
