"""Take: what the network keeps of a provider's income, by currency, and whom it goes to.

The rates of upstream differ by year (10 % and 20 % in its first paper on this, 4 % and 20 % in AEP-23, none
since AEP-76), so they are a table with presets. Charged when a provider withdraws, at the rate of the day its
lease began. Rounding: a fee is rounded down, so the rest of a unit is the provider's; of the fee's parts two
are rounded down and the community pool has the rest. Mirrored by ``fee.vy``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from weftwork.errors import BadConfig, Refused

BPS: Final = 10_000
MAX_TAKE: Final = 3_000
"""No vote sets a rate over 30 %."""
NETWORK: Final = "network"
"""The currency's name in a table where it is the network's own token."""


@dataclass(frozen=True, slots=True)
class Take:
    """Rates in bps: for the network's token, for every other currency, and for single ones."""

    network: int
    other: int
    by_currency: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for rate in (self.network, self.other, *self.by_currency.values()):
            if not 0 <= rate <= MAX_TAKE:
                raise BadConfig(f"a take lies between 0 and {MAX_TAKE} bps", value=rate, hint="2000 is 20 %")

    def find_rate(self, currency: str) -> int:
        """The rate of ``currency`` (:data:`NETWORK` or its name), bps."""
        return self.by_currency.get(currency, self.network if currency == NETWORK else self.other)


PRESETS: Final[Mapping[str, Take]] = {
    "akash-2.0": Take(1_000, 2_000),
    "akash-4-20": Take(400, 2_000),
    "none": Take(0, 0),
}


@dataclass(frozen=True, slots=True)
class Split:
    """Parts of the income in bps: providers' incentive pool, lock-up holders; the community has the rest."""

    providers: int
    holders: int

    def __post_init__(self) -> None:
        if min(self.providers, self.holders) < 0 or self.providers + self.holders > BPS:
            raise Refused("take: split is over the whole", value=self.providers + self.holders)


def find_preset(name: str) -> Take:
    """The table of that name.

    Raises:
        BadConfig: there is no such preset.
    """
    if name not in PRESETS:
        raise BadConfig(f"there is no fee table {name!r}", value=name, hint=f"one of {', '.join(PRESETS)}")
    return PRESETS[name]


def take_fee(amount: int, rate: int) -> tuple[int, int]:
    """A withdrawal at ``rate`` bps: ``(net, fee)`` with ``fee = floor(amount rate / 10000)``."""
    fee = amount * rate // BPS
    return amount - fee, fee


def split_income(amount: int, split: Split) -> tuple[int, int, int]:
    """Fee income in parts: ``(providers, community, holders)``; together they are ``amount``."""
    providers, holders = amount * split.providers // BPS, amount * split.holders // BPS
    return providers, amount - providers - holders, holders
