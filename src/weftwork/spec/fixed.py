"""Fixed-point arithmetic on plain integers: I32F32 (``x * 2**32``) and I64F64 (``x * 2**64``).

Every function here rounds towards minus infinity unless it says otherwise, which is how subtensor's epoch
computes (``substrate-fixed``), so a result is the same number on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

FRACTION_BITS: Final = 32
ONE: Final = 1 << FRACTION_BITS
"""1.0 as an I32F32 integer."""
HALF: Final = ONE >> 1
U16_MAX: Final = 65535
EXP_LIMIT: Final = 20 * ONE
"""The exponent is clamped to [-20, 20] before ``exp``."""

STEP_BITS: Final = 22
"""The table of ``exp`` has a step of 2**-10, which leaves 22 bits for the polynomial."""
GUARD_BITS: Final = 8
"""Table entries carry 8 bits more than I32F32."""


def mul_down(a: int, b: int) -> int:
    """``a * b`` for I32F32 factors: ``(a b) >> 32``, rounded down."""
    return (a * b) >> FRACTION_BITS


def div_down(a: int, b: int) -> int:
    """``a / b`` for I32F32 operands: ``(a << 32) // b``, rounded down; 0 where ``b`` is 0."""
    return (a << FRACTION_BITS) // b if b else 0


def from_ratio(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` of plain integers as I32F32, rounded down; 0 where the denominator is 0."""
    return (numerator << FRACTION_BITS) // denominator if denominator else 0


def from_u16(value: int) -> int:
    """A stored u16 proportion as I32F32: ``value / 65535``, rounded down (65535 is exactly 1)."""
    return (value << FRACTION_BITS) // U16_MAX


def to_u16(x: int) -> int:
    """An I32F32 proportion as u16: ``floor(65535 x)``, saturating at 0 and 65535."""
    return min(max((x * U16_MAX) >> FRACTION_BITS, 0), U16_MAX)


def normalise(vector: Sequence[int]) -> list[int]:
    """``x_i / sum(x)``, each rounded down; unchanged where the sum is 0."""
    total = sum(vector)
    return [(x << FRACTION_BITS) // total for x in vector] if total else list(vector)


def clamp(x: int, low: int, high: int) -> int:
    """``x`` held inside ``[low, high]``."""
    return low if x < low else high if x > high else x


@lru_cache(maxsize=1)
def exp_table() -> tuple[int, ...]:
    """``exp(-k / 1024)`` for k = 0 .. 20480, with 40 fractional bits, each within one unit."""
    bits = 160
    one = 1 << bits
    term, ratio, k = one, one, 0
    while term:
        k += 1
        term = -(term // (1024 * k)) if term > 0 else (-term) // (1024 * k)
        ratio += term
    power, table = one, []
    for _ in range((EXP_LIMIT >> STEP_BITS) + 1):
        table.append(power >> (bits - FRACTION_BITS - GUARD_BITS))
        power = (power * ratio) >> bits
    return tuple(table)


def exp_negative(x: int) -> int:
    """``exp(-x)`` for I32F32 ``0 <= x <= 20``: a table for the upper bits, a parabola for the lower 22.

    ``exp(-(h + l)) = T[h] (1 - l + l**2 / 2)`` with ``l < 2**-10``; the error is below 2**-31, rounded down.
    """
    low = x & ((1 << STEP_BITS) - 1)
    entry = exp_table()[x >> STEP_BITS]
    fall = low - ((low * low) >> (FRACTION_BITS + 1))
    return (entry - ((entry * fall) >> FRACTION_BITS)) >> GUARD_BITS


def logistic(t: int) -> int:
    """``1 / (1 + exp(t))`` for an I32F32 exponent, which is clamped to [-20, 20].

    With ``e = exp(-|t|)`` it is ``e / (1 + e)`` for positive ``t`` (rounded down) and ``1 - e / (1 + e)``
    otherwise.
    """
    e = exp_negative(min(abs(t), EXP_LIMIT))
    tail = (e << FRACTION_BITS) // (ONE + e)
    return tail if t > 0 else ONE - tail
