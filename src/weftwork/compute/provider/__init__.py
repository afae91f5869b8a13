"""A provider: it sells its machine by auction, runs what it leased, and is paid by the block.

    provider = Provider(venue, account, agent, executor, pricer, offer, store)
    running = await serve(provider.app)
    await provider.tick()          # one look at the ledger; provider.run() looks again and again

Rooms: ``pricing`` (what it asks), ``stock`` (what is free), ``book`` (what it must not forget), ``auction``
(quotes and bids), ``keeper`` (leases), ``door`` (HTTP).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from weftwork.compute.market import hash_attribute
from weftwork.compute.provider.auction import Auction
from weftwork.compute.provider.book import LIVE, Book
from weftwork.compute.provider.door import Door
from weftwork.compute.provider.keeper import Keeper
from weftwork.compute.provider.pricing import Pricer, open_pricing
from weftwork.compute.provider.setting import Desk, Setting
from weftwork.compute.provider.stock import Stock, make_offer, read_amounts, read_attributes
from weftwork.errors import LedgerError, WeftError
from weftwork.spec.placement import Offer
from weftwork.wire.log import logger

if TYPE_CHECKING:
    from weftwork.compute.executor.port import Executor
    from weftwork.compute.venue import Venue
    from weftwork.ledger import Account
    from weftwork.store import Store

__all__ = [
    "Book",
    "Pricer",
    "Provider",
    "Setting",
    "make_offer",
    "open_pricing",
    "read_amounts",
    "read_attributes",
]


class Provider:
    """One provider on one market; ``now`` is its clock in Unix seconds."""

    def __init__(
        self,
        venue: Venue,
        account: Account,
        agent: int,
        executor: Executor,
        pricer: Pricer,
        offer: Offer,
        store: Store,
        *,
        setting: Setting | None = None,
        now: Callable[[], float] = time.time,
        name: str = "provider",
        hosts: Iterable[str] = (),
    ) -> None:
        log = logger(name)
        self.desk = Desk(
            venue,
            account,
            agent,
            Stock(offer),
            pricer,
            executor,
            setting or Setting(),
            now,
            log,
            venue.market(account),
        )
        self.book = Book(store)
        for one in self.book.in_phase("bid", *LIVE):
            self.desk.stock.hold(one.order, one.demand)
        self.auction = Auction.of(self.desk, self.book)
        self.keeper = Keeper(self.desk, self.book, self.auction)
        self.door = Door(self.desk, self.book, self.auction, self.keeper, name, tuple(hosts))
        self.app = self.door.app
        self.away_since: float | None = None
        self._looking = asyncio.Lock()

    async def stand(self) -> None:
        """Take its place at the market: allow bid deposits, declare attributes. Raises LedgerError."""
        await asyncio.to_thread(self._stand)
        await self.auction.read_audits()

    def _stand(self) -> None:
        desk = self.desk
        token = desk.venue.contracts.at(desk.venue.ledger, "token")
        market = desk.venue.parts.market
        if token.call("allowance", desk.account.address, market) < 2**128:
            token.send(desk.account, "approve", market, 2**256 - 1)
        missing = {
            key: value
            for key, value in desk.stock.whole.attributes
            if not desk.venue.contract.call("declared", desk.agent, hash_attribute(key, value))
        }
        if missing:
            desk.market.declare(desk.agent, missing)

    async def tick(self) -> bool:
        """Look at the ledger once and do what follows from it; False where the ledger is away.

        While it is away nothing is ended and nothing is forgotten. One look is made at a time.
        """
        async with self._looking:
            return await self._look()

    async def _look(self) -> bool:
        desk = self.desk
        try:
            head = await asyncio.to_thread(desk.venue.ledger.block_number)
            await self.auction.follow_bids()
            await self.keeper.look(head)
            await self.auction.look(head)
            await self.auction.bid(head)
        except LedgerError as error:
            if self.away_since is None:
                self.away_since = desk.now()
                desk.log.warning("the ledger is away; leases go on", code=error.code, error=error.sentence)
            return False
        if self.away_since is not None:
            desk.log.info("the ledger is back", seconds=round(desk.now() - self.away_since, 1))
            self.away_since = None
        return True

    async def rest(self) -> None:
        """Pause what runs, until the next look."""
        for one in self.book.in_phase("running"):
            try:
                await self.desk.executor.pause(self.desk.venue.lease_name(one.order))
                self.book.change(one.order, phase="paused", why="its provider rests")
            except WeftError as error:
                self.desk.log.warning("a lease", code=error.code, error=error.sentence)

    async def run(self, every: float = 2.0) -> None:
        """Tick every so many seconds, until cancelled."""
        while True:
            try:
                await self.tick()
            except WeftError as error:
                self.desk.log.warning("a look failed", code=error.code, error=error.sentence)
            except Exception:
                self.app.report("a look failed")
            await asyncio.sleep(every)
