"""What standing ready is worth (Render's RNP-015), in exact I32F32 integers.

::

    R_i = idle_i (3 ln OB_i / ln avg(OB) + 3 ln VRAM_i / ln avg(VRAM) + ln Age_i / ln avg(Age)) penalty(n_i)

The source divides by zero where an average is 1 and goes below zero for values under 1. Here a value under 1
counts as 1 (its logarithm is 0), and an average under 2 counts as 2, so that a term is never more than the
logarithm to base 2 of the value. The ratio of two logarithms is the same to any base; base 2 is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weftwork.errors import BadConfig
from weftwork.spec.fixed import EXP_LIMIT, FRACTION_BITS, ONE, exp_negative, from_ratio, mul_down

BPS: Final = 10_000
FREE_WALLETS: Final = 3
"""So many wallets of one operator are not penalised."""
MANTISSA_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Standing:
    """One node in an epoch: idle time (bps of it), OctaneBench score, memory (GiB), age (days), and how many
    wallets its operator has.
    """

    idle: int
    score: int
    memory: int
    age: int
    wallets: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.idle <= BPS:
            raise BadConfig("idle time is 0 to 10000 bps of the epoch", value=self.idle)
        if min(self.score, self.memory, self.age) < 0 or self.wallets < 1:
            raise BadConfig("a node has a score, memory, an age and at least one wallet", value=self.wallets)


def log2_ratio(numerator: int, denominator: int = 1) -> int:
    """``log2(numerator / denominator)`` as I32F32, 0 where the ratio is under 1; within 2**-31, from below.

    The mantissa (64 bits, rounded down) is squared once for each bit of the result.
    """
    if numerator <= denominator:
        return 0
    whole = (numerator // denominator).bit_length() - 1
    mantissa = (numerator << MANTISSA_BITS) // (denominator << whole)
    fraction = 0
    for _ in range(FRACTION_BITS):
        mantissa = (mantissa * mantissa) >> MANTISSA_BITS
        fraction <<= 1
        if mantissa >> (MANTISSA_BITS + 1):
            mantissa >>= 1
            fraction += 1
    return (whole << FRACTION_BITS) + fraction


def penalty(wallets: int) -> int:
    """``exp(-0.65 (n - 3))`` for more than three wallets, else 1; I32F32, rounded down.

    Whoever spreads nodes over unlinked wallets is not found by it; the source says so itself.
    """
    if wallets <= FREE_WALLETS:
        return ONE
    return exp_negative(min(from_ratio(65 * (wallets - FREE_WALLETS), 100), EXP_LIMIT))


def weigh(nodes: Sequence[Standing]) -> list[int]:
    """The weight of each node, I32F32, rounded down; the pool is shared by them (``bme.share_by``)."""
    if not nodes:
        return []
    scores = _terms([node.score for node in nodes])
    memories = _terms([node.memory for node in nodes])
    ages = _terms([node.age for node in nodes])
    return [
        mul_down((3 * score + 3 * memory + age) * node.idle // BPS, penalty(node.wallets))
        for node, score, memory, age in zip(nodes, scores, memories, ages, strict=True)
    ]


def _terms(values: Sequence[int]) -> list[int]:
    """``ln x_i / ln avg(x)`` of each value, guarded as the module says."""
    raised = [max(value, 1) for value in values]
    center = max(log2_ratio(sum(raised), len(raised)), ONE)
    return [from_ratio(log2_ratio(value), center) for value in raised]
