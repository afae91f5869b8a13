"""What a place costs, who is safe in it, and who goes when a subnet is full.

Blocks are block numbers or differences of them; prices are integers of any unit. Mirrored by ``price.vy`` and
``place.vy``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weftwork.errors import BadConfig, DeadlinePassed, PriceExceeded, SubnetFull
from weftwork.spec.fixed import HALF, ONE, mul_down

MILLION: Final = 1_000_000
BUMP: Final = 1_260_000
"""A registration multiplies the price by 1.26 (in millionths)."""
HALF_LIFE: Final = 360
"""Blocks in which the price halves."""
MIN_NON_IMMUNE: Final = 10
"""Immune neurons are pruned only while at most so many others could go."""


def bump_price(price: int, ceiling: int, bump: int = BUMP) -> int:
    """The price after a registration: ``min(floor(price bump / 10**6), ceiling)``.

    Source: subtensor's burn price (``BurnIncreaseMult`` 1.26).
    """
    return min(price * bump // MILLION, ceiling)


def decay_price(price: int, elapsed: int, floor: int, ceiling: int, half_life: int = HALF_LIFE) -> int:
    """The price after ``elapsed`` blocks without a registration, clamped to ``[floor, ceiling]``.

    Halved once each half-life and a straight line between: with ``h, r = divmod(elapsed, half_life)`` and
    ``p = price >> h`` it is ``p - ceil(p r / (2 half_life))``, rounded down. It reads one stored price, so
    nobody has to touch a subnet in each block; :func:`decay_each_block` is the curve that it follows from
    above.

    Raises:
        BadConfig: the half-life is 0.
    """
    if half_life < 1:
        raise BadConfig("a half-life is one block at least", value=half_life, hint="360 is the usual one")
    halvings, rest = divmod(elapsed, half_life)
    halved = price >> min(halvings, 255)
    fallen = halved - -(-halved * rest // (2 * half_life))
    return min(max(fallen, floor), ceiling)


def decay_factor(half_life: int) -> int:
    """subtensor's factor a block, as I32F32: the largest f with ``f**half_life <= 1/2``; 1 where half_life is
    0.

    Found by bisection with powers by repeated squaring, each product rounded down.
    """
    if half_life == 0:
        return ONE
    low, high = 0, ONE
    while low + 1 < high:
        middle = low + ((high - low) >> 1)
        if _power(middle, half_life) > HALF:
            high = middle
        else:
            low = middle
    return low


def _power(base: int, exponent: int) -> int:
    result, factor = ONE, base
    while exponent:
        if exponent & 1:
            result = mul_down(result, factor)
        exponent >>= 1
        if exponent:
            factor = mul_down(factor, factor)
    return result


def decay_each_block(price: int, blocks: int, floor: int, ceiling: int, half_life: int = HALF_LIFE) -> int:
    """subtensor's own decay: ``price f`` rounded down and clamped in every block."""
    factor = decay_factor(half_life)
    for _ in range(blocks):
        price = min(max(mul_down(price, factor), floor), ceiling)
    return price


def check_purchase(price: int, max_price: int, now: int, deadline: int) -> int:
    """The price to pay, if the buyer's own terms still hold; ``now`` and ``deadline`` are seconds.

    Raises:
        DeadlinePassed: ``now > deadline``.
        PriceExceeded: ``price > max_price``.
    """
    if now > deadline:
        raise DeadlinePassed(f"the deadline passed {now - deadline} seconds ago", value=deadline)
    if price > max_price:
        raise PriceExceeded(f"it costs {price}, more than the maximum of {max_price}", value=price)
    return price


def lock_cost(last: int, elapsed: int, interval: int, minimum: int) -> int:
    """What a new subnet locks: ``max(minimum, 2 last - floor(last elapsed / interval))``.

    It doubles with each subnet and falls back in a straight line, to nothing after two intervals.
    """
    return max(minimum, 2 * last - last * elapsed // interval)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A neuron as pruning sees it: last pay, when it came, whether its uid is free or its seat protected."""

    uid: int
    emission: int
    registered_at: int
    free: bool = False
    protected: bool = False


def is_immune(registered_at: int, immunity: int, block: int) -> bool:
    """Immune while ``registered_at + immunity > block``."""
    return registered_at + immunity > block


def find_victim(
    tenants: Sequence[Tenant], immunity: int, block: int, min_non_immune: int = MIN_NON_IMMUNE
) -> int:
    """The uid that a new neuron takes on a full subnet.

    A free uid first; else the lowest pay among those that are not immune, or among the immune while at most
    ``min_non_immune`` others could go. Ties go to the oldest, then the lowest uid. Protected neurons never
    go. Source: subtensor ``get_neuron_to_prune``.

    Raises:
        SubnetFull: nobody may go.
    """
    free = [t.uid for t in tenants if t.free]
    if free:
        return min(free)
    open_ = [t for t in tenants if not t.protected]
    immune = [t for t in open_ if is_immune(t.registered_at, immunity, block)]
    settled = [t for t in open_ if not is_immune(t.registered_at, immunity, block)]
    group = immune if immune and len(settled) <= min_non_immune else settled
    if not group:
        raise SubnetFull("every place is taken by a neuron that cannot be pruned", value=len(tenants))
    return min(group, key=lambda t: (t.emission, t.registered_at, t.uid)).uid
