"""Quotes: what every provider would charge for an order, cheapest first, before anything is deployed.

A quote is the price that the provider's pricing gives; :mod:`weftwork.compute.market` bids it unchanged, and
the lease pays what was bid. Prices are wad of the currency per block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weftwork.compute.bidding import BLOCKS_A_MONTH, Pricing, Request, price_order
from weftwork.compute.error import NoBid
from weftwork.compute.matching import Directory

PricingOf = Callable[[str], Pricing]
"""The pricing of the provider of that name."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a provider charges: wad a block."""

    provider: str
    price: int

    @property
    def month(self) -> int:
        """Wad for a month of blocks."""
        return self.price * BLOCKS_A_MONTH


def find_quotes(request: Request, directory: Directory, pricing_of: PricingOf) -> list[Quote]:
    """The quotes of all providers that can take the order and want to, cheapest first."""
    quotes = []
    for offer in directory.find(request.demand):
        try:
            quotes.append(Quote(offer.name, price_order(pricing_of(offer.name), request)))
        except NoBid:
            continue
    return sorted(quotes, key=lambda one: (one.price, one.provider))
