"""One signature for many records: the Merkle root over their ids is signed, and each record carries its path.

A record that was signed alone has 65 bytes, r, s and v over ``keccak(0x1901 ++ separator ++ id)``. One that
was signed in a batch has ``r s v ++ index ++ path``: two bytes, then 32 for each level. What was signed is
the EIP-712 digest of ``Batch(bytes32 root)`` under the same domain; the root follows from the record's id by
``spec.merkle``, where a record's leaf is ``keccak(0x00 ++ id)`` and a node ``keccak(0x01 ++ left ++ right)``.

Only records that no contract checks are signed so: requests and receipts. Contracts take 65 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from weftwork.eip712 import recover_public
from weftwork.errors import BadSignature
from weftwork.units import keccak

MAX_DEPTH = 10
"""Levels of the largest batch: 1,024 records."""
BATCH_TYPE = keccak(b"Batch(bytes32 root)")
_ALONE = 65
_HEAD = _ALONE + 2
_NOTHING = bytes(32)


def sign_batch(sign: Callable[[bytes], bytes], separator: bytes, ids: Sequence[bytes]) -> list[bytes]:
    """The signatures of records with these ``ids`` under one domain, in order; ``sign`` makes the 65 bytes
    over a digest and is called once. A single id is signed alone."""
    if len(ids) == 1:
        return [sign(keccak(b"\x19\x01" + separator + ids[0]))]
    if len(ids) > 1 << MAX_DEPTH:
        raise BadSignature("too many records for one signature", value=len(ids))
    levels = [[keccak(b"\0" + name) for name in ids]]
    while len(low := levels[-1]) > 1:
        if len(low) & 1:
            low.append(_NOTHING)
        levels.append([keccak(b"\1" + low[i] + low[i + 1]) for i in range(0, len(low), 2)])
    signed = sign(_digest(separator, levels.pop()[0]))
    return [
        signed + i.to_bytes(2, "big") + b"".join([row[i >> d ^ 1] for d, row in enumerate(levels)])
        for i in range(len(ids))
    ]


def is_signature(raw: bytes) -> bool:
    """Whether these bytes have the length of a signature, of one record or of one in a batch."""
    size = len(raw)
    return size == _ALONE or (size > _HEAD and not (size - _HEAD) & 31 and size <= _HEAD + 32 * MAX_DEPTH)


def signed_digest(separator: bytes, name: bytes, signature: bytes) -> bytes:
    """The 32 bytes that the first 65 of ``signature`` are over, for the record of id ``name``."""
    if len(signature) == _ALONE:
        return keccak(b"\x19\x01" + separator + name)
    if not is_signature(signature):
        raise BadSignature(
            "a signature has 65 bytes, or a place in a batch behind them", value=len(signature)
        )
    index = int.from_bytes(signature[_ALONE:_HEAD], "big")
    node = keccak(b"\0" + name)
    for start in range(_HEAD, len(signature), 32):
        beside = signature[start : start + 32]
        node = _node(b"\1" + beside + node) if index & 1 else _node(b"\1" + node + beside)
        index >>= 1
    if index:
        raise BadSignature("a place in a batch lies outside of it", value=len(signature))
    return _digest(separator, node)


def find_public(separator: bytes, name: bytes, signature: bytes) -> bytes:
    """The public key, 65 bytes, that signed the record of id ``name``; of a batch it is found once.

    Raises :class:`BadSignature`, for a malleable (high s) signature too.
    """
    digest = signed_digest(separator, name, signature)
    if len(signature) == _ALONE:
        return recover_public(digest, signature)
    return _recover_kept(digest, signature[:_ALONE])


_recover_kept = lru_cache(maxsize=4096)(recover_public)
_node = lru_cache(maxsize=4096)(keccak)  # records of a batch share their paths


@lru_cache(maxsize=1024)
def _digest(separator: bytes, root: bytes) -> bytes:
    return keccak(b"\x19\x01" + separator + keccak(BATCH_TYPE + root))
