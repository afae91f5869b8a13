"""Chance that nobody bends: which receipts are checked, when questions come, secrets that outlast a crash."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from random import Random
from typing import Any

from weftwork.units import keccak

PPM = 1_000_000


def poisson_gaps(rng: Random, rate: float) -> Iterator[float]:
    """Seconds between questions that come by chance, ``rate`` a second on average."""
    while True:
        yield rng.expovariate(rate)


def is_sampled(key: bytes, receipt: bytes, share: int) -> bool:
    """Whether a receipt (its id) is checked: ``HMAC-SHA-256(key, receipt) < share`` of the range, share in
    ppm.

    The key is committed to before the epoch and shown after it, so that nobody, the validator included,
    chooses which
    receipts are checked.
    """
    drawn = hmac.new(key, receipt, "sha256").digest()
    return int.from_bytes(drawn, "big") * PPM < share << 256


def derive_secret(account: Any, *words: bytes | int) -> bytes:
    """32 secret bytes that only ``account`` can make, the same each time, so that a crash loses none of
    them."""
    parts = [w if isinstance(w, bytes) else w.to_bytes(32, "big") for w in words]
    digest = keccak(b"weft.secret.v1" + b"".join(keccak(part) for part in parts))
    return keccak(account.sign_hash(digest))
