"""secp256k1 for whoever signs and checks many records: coincurve's library, called with Python's lock held.

A call through coincurve gives the lock away for some microseconds of arithmetic; where another thread waits
for it, as a store's writer does, getting it back costs more than the arithmetic. Where that library is not as
expected (checked on one signature) coincurve's own functions are taken: the same results.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple


class Curve(NamedTuple):
    """``sign(secret, digest)`` gives r, s and the recovery id, 65 bytes; ``recover(digest, signature)`` takes
    them and gives the public key, 65 bytes uncompressed, or raises :class:`ValueError`."""

    sign: Callable[[bytes, bytes], bytes]
    recover: Callable[[bytes, bytes], bytes]


_NUMBERS = tuple(bytes((number,)) for number in range(4))
_made: list[Curve] = []


def curve() -> Curve:
    """The functions of this process, loaded when they are first asked for."""
    if not _made:
        _made.append(_load())
    return _made[0]


def _load() -> Curve:
    plain = _load_plain()
    try:
        fast = _load_fast()
        secret, digest = bytes(31) + b"\7", b"weft" * 8
        signed = plain.sign(secret, digest)
        same = fast.sign(secret, digest) == signed
        if same and fast.recover(digest, signed) == plain.recover(digest, signed):
            return fast
    except (ImportError, OSError, AttributeError, ValueError):
        pass
    return plain


def _load_plain() -> Curve:
    from coincurve import PrivateKey, PublicKey

    def sign(secret: bytes, digest: bytes) -> bytes:
        return bytes(PrivateKey(secret).sign_recoverable(digest, hasher=None))

    def recover(digest: bytes, signature: bytes) -> bytes:
        try:
            key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
        except Exception as error:
            raise ValueError("the signature recovers no key") from error
        return bytes(key.format(compressed=False))

    return Curve(sign, recover)


class _Room:
    """Memory of one call: a signature as the library holds it, one as it travels, a public key."""

    __slots__ = ("held", "number", "places", "point", "size", "text")

    def __init__(self) -> None:
        self.held = ctypes.create_string_buffer(65)
        self.text = ctypes.create_string_buffer(65)
        self.point = ctypes.create_string_buffer(64)
        self.number = ctypes.c_int()
        self.size = ctypes.c_size_t()
        one = ctypes.addressof
        self.places = one(self.held), one(self.text), one(self.point), one(self.number), one(self.size)


def _load_fast() -> Curve:
    from coincurve import _libsecp256k1 as module
    from coincurve.context import GLOBAL_CONTEXT

    library = ctypes.PyDLL(module.__file__)
    context = int(module.ffi.cast("uintptr_t", GLOBAL_CONTEXT.ctx))
    place, data, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int

    def load(name: str, *types: Any) -> Any:
        found = getattr(library, "secp256k1_" + name)
        found.argtypes = types
        return found

    make = load("ecdsa_sign_recoverable", place, place, data, data, place, place)
    write = load("ecdsa_recoverable_signature_serialize_compact", place, place, place, place)
    read = load("ecdsa_recoverable_signature_parse_compact", place, place, data, number)
    find = load("ecdsa_recover", place, place, place, data)
    show = load("ec_pubkey_serialize", place, place, place, place, ctypes.c_uint)
    pool: list[_Room] = []  # taken and given back, so that threads never share one

    def take() -> _Room:
        try:
            return pool.pop()
        except IndexError:
            return _Room()

    def sign(secret: bytes, digest: bytes) -> bytes:
        if len(secret) != 32 or len(digest) != 32:
            raise ValueError("a secret and a digest have 32 bytes each")
        room = take()
        held, text, _, mark, _ = room.places
        if not make(context, held, digest, secret, None, None):
            raise ValueError("the secret is none of this curve")
        write(context, text, mark, held)
        signed: bytes = room.text.raw[:64] + _NUMBERS[room.number.value]
        pool.append(room)
        return signed

    def recover(digest: bytes, signature: bytes) -> bytes:
        if len(signature) != 65 or signature[64] > 3 or len(digest) != 32:
            raise ValueError("a signature has 65 bytes, of which the last is 0 to 3")
        room = take()
        held, text, point, _, size = room.places
        try:
            if not read(context, held, signature[:64], signature[64]) or not find(
                context, point, held, digest
            ):
                raise ValueError("the signature recovers no key")
            room.size.value = 65
            show(context, text, size, point, 2)  # SECP256K1_EC_UNCOMPRESSED
            found: bytes = room.text.raw
        finally:
            pool.append(room)
        return found

    return Curve(sign, recover)
