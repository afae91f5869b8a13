"""Commitments of validators: weights that stay sealed until all are committed, and sampling keys.

A commitment binds chain, contract, subnet, epoch and the validator's own uid, so nobody can reveal one that
is copied from another validator. Mirrored by ``Weights.vy``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from weftwork.spec.merkle import encode_words
from weftwork.units import Digest, keccak

WEIGHTS_TAG: Final = keccak(b"weft.weights.v1")
SAMPLING_TAG: Final = keccak(b"weft.sampling.v1")


def hash_row(row: Sequence[int]) -> Digest:
    """``keccak(abi.encode(uint256[]))`` of uids or values: an offset, the length, one word each."""
    return Digest(keccak(encode_words(32, len(row), *row)))


def commit_weights(
    chain_id: int,
    contract: str,
    subnet: int,
    epoch: int,
    uid: int,
    uids: Sequence[int],
    values: Sequence[int],
    version: int,
    sampling_key: bytes,
    salt: bytes,
) -> Digest:
    """What a validator commits to in an epoch: its own ``uid``, weights ``uids``/``values`` and a secret.

    ``keccak(abi.encode(keccak("weft.weights.v1"), chain, contract, subnet, epoch, uid, keccak(uids),
    keccak(values), version, sampling_key, salt))``; ``sampling_key`` and ``salt`` have 32 bytes.
    """
    return Digest(
        keccak(
            encode_words(
                WEIGHTS_TAG,
                chain_id,
                contract,
                subnet,
                epoch,
                uid,
                hash_row(uids),
                hash_row(values),
                version,
                sampling_key,
                salt,
            )
        )
    )


def commit_sampling(sampling_key: bytes) -> Digest:
    """What a validator commits to before an epoch in which it samples receipts with ``sampling_key``."""
    return Digest(keccak(encode_words(SAMPLING_TAG, sampling_key)))
