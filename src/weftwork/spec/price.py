"""A price that no single feeder sets: the median of fresh reports, without outliers, or none at all.

Prices are dollars for one token, as wads (10**18 is one dollar). Mirror of ``Prices.vy``; the sentences of
refusals are the contract's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from weftwork.errors import BadConfig, Refused

BPS: Final = 10_000
MAX_FEEDERS: Final = 15
MAX_PRICE: Final = 2**128 - 1


@dataclass(frozen=True, slots=True)
class Report:
    """What one feeder says: a price, and when it said so (unix seconds)."""

    price: int
    at: int


@dataclass(frozen=True, slots=True)
class PriceRules:
    """How many reports make a price, how old they may be (seconds), how far from the median (bps)."""

    quorum: int = 3
    max_age: int = 3_600
    outlier_bps: int = 500

    def __post_init__(self) -> None:
        if not (1 <= self.quorum <= MAX_FEEDERS and self.max_age > 0 and 0 < self.outlier_bps <= BPS):
            raise BadConfig(
                "a price needs 1 to 15 reports, an age and a tolerance of 1 to 10000 bps", value=self.quorum
            )


def median(prices: Sequence[int]) -> int:
    """The middle of sorted prices; of an even number, the mean of the middle two, rounded down."""
    ordered = sorted(prices)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2


def is_near(price: int, center: int, outlier_bps: int) -> bool:
    """Whether ``|price - center| 10000 <= center outlier_bps``."""
    return abs(price - center) * BPS <= center * outlier_bps


def find_price(reports: Iterable[Report], now: int, rules: PriceRules) -> int:
    """The median of the fresh reports that lie near the median of all fresh ones.

    ``fresh = {r : now - r.at <= max_age}``, ``m = median(fresh)``,
    ``price = median({p in fresh : |p - m| <= m outlier_bps / 10000})``.

    Raises:
        Refused: fewer than ``quorum`` reports are fresh, or near the median; nothing is priced then.
    """
    fresh = [report.price for report in reports if report.price and now <= report.at + rules.max_age]
    if len(fresh) < rules.quorum:
        raise Refused("prices: feed is stale", value=len(fresh), hint="wait until feeders report again")
    center = median(fresh)
    near = [price for price in fresh if is_near(price, center, rules.outlier_bps)]
    if len(near) < rules.quorum:
        raise Refused("prices: feeders disagree", value=len(near), hint="wait until feeders agree again")
    return median(near)
