"""What a provider's rooms share: where it trades, as whom, with what, and how long it waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weftwork.compute.market import Market
from weftwork.compute.provider.pricing import Pricer
from weftwork.compute.provider.stock import Stock
from weftwork.compute.venue import Venue

if TYPE_CHECKING:
    from weftwork.compute.executor.port import Executor, Limits
    from weftwork.ledger import Account


@dataclass(frozen=True, slots=True)
class Setting:
    """How long a provider waits, seconds unless said otherwise.

    Attributes:
        quote_seconds: how long a quote binds.
        bid_seconds: after which an open bid is taken back.
        manifest_seconds: after which a lease whose manifest does not come is left.
        collect_seconds: between two withdrawals of what a lease earned.
        window: blocks of notice that it promises before it leaves a lease; 0 is no promise.
        dry_blocks: blocks that it keeps a paused lease beyond the market's own grace.
        logs_seconds: how long logs are kept after a lease has ended.
        limits: what a lease may use besides its resources.
    """

    quote_seconds: float = 300.0
    bid_seconds: float = 300.0
    manifest_seconds: float = 300.0
    collect_seconds: float = 86_400.0
    window: int = 0
    dry_blocks: int = 7_200
    logs_seconds: float = 30 * 86_400.0
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """One provider: the market, its agent and key, its stock, pricing and executor, clock and log."""

    venue: Venue
    account: Account
    agent: int
    stock: Stock
    pricer: Pricer
    executor: Executor
    setting: Setting
    now: Callable[[], float]
    log: Any
    market: Market
