"""The provider at auction: it quotes, sees orders on the ledger, bids what it quoted, learns what it won.

The ledger holds the digest of what an order asks, not the order's text: a provider bids on orders whose group
a tenant showed it when it asked for a quote.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from weftwork.compute.audit import Audits, read_audits
from weftwork.compute.bidding import Request
from weftwork.compute.binding import BindingQuote
from weftwork.compute.error import NoBid
from weftwork.compute.market import Order
from weftwork.compute.matching import read_demand
from weftwork.compute.provider.book import Book, Engagement, Kept, Phase
from weftwork.compute.sdl.model import Group, encode_canonical
from weftwork.compute.sdl.received import read_group
from weftwork.compute.venue import format_order
from weftwork.errors import Busy, LedgerError, LedgerUnavailable, Reverted, WeftError
from weftwork.spec.market import BidState, OrderState
from weftwork.units import Digest

if TYPE_CHECKING:
    from weftwork.compute.provider.setting import Desk

CURSOR_BLOCKS = 100
"""How many blocks may be read again after a restart."""
PRICED, WAITING = 8, 64
"""How many orders are priced at a time, and how many more may wait for that."""
WATCHED = 10_000
"""Open orders that are watched at a time; of more, the newest."""


@dataclass(slots=True)
class Auction:
    """Quotes and bids of one provider."""

    desk: Desk
    book: Book
    audits: Audits
    open: dict[int, Order]
    refused: dict[int, str]
    seen: int = -1
    _pricing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PRICED))
    _asking: int = 0

    @classmethod
    def of(cls, desk: Desk, book: Book) -> Auction:
        """An auction that has seen nothing yet."""
        return cls(desk, book, Audits(), {}, {})

    async def read_audits(self) -> None:
        """What auditors signed of this provider, as the ledger has it now; raises LedgerError."""
        desk = self.desk
        self.audits = await asyncio.to_thread(
            read_audits, desk.venue, desk.agent, desk.stock.whole.attributes
        )
        desk.stock.sign(self.audits.signed)

    # quotes

    async def quote(self, value: Any, tenant: str, token: str) -> BindingQuote:
        """What this provider will bid for a group spec (JSON) of ``tenant``; binds until it expires.

        Raises:
            NoBid: it will not, and why.
            BadManifest: it is no group spec.
        """
        desk, now = self.desk, self.desk.now()
        group = read_group(value)
        digest = Digest.of(encode_canonical(value))
        if group.all_of or group.any_of:
            await self.read_audits()
        self._check_room(group)
        kept = self.book.find_quote(str(digest), tenant, token, now + desk.setting.quote_seconds / 2)
        if kept is None:
            price = await self.price(group, tenant, token)
            kept = Kept(
                str(digest),
                tenant,
                token,
                price,
                desk.setting.window,
                int(now + desk.setting.quote_seconds),
                value,
            )
            self.book.keep(kept, now)
        return BindingQuote(
            desk.agent,
            digest,
            tenant,
            desk.venue.currency_of(token).token,
            kept.price,
            kept.window,
            kept.expiry,
        )

    def _check_room(self, group: Group) -> None:
        """Raise NoBid unless what the group asks is free now."""
        failures = self.desk.stock.find_failures(read_demand(group))
        if failures:
            first = failures[0]
            raise NoBid(
                f"this provider cannot meet {first.constraint}: wanted {first.wanted}, has {first.has}",
                value=first.constraint,
            )

    async def price(self, group: Group, tenant: str, token: str) -> int:
        """What a group costs now, smallest units of ``token`` a block; raises NoBid."""
        desk = self.desk
        demand = read_demand(group)
        currency = desk.venue.currency_of(token)
        most = desk.venue.denom_of(group.denom, currency.name)[1].to_units(group.price)
        request = Request(demand, tenant, currency.name, currency.to_wad(most))
        if self._asking >= PRICED + WAITING:
            raise Busy("as many orders as allowed are being priced")
        self._asking += 1
        try:
            async with self._pricing:
                price = currency.to_units(await desk.pricer.price(request))
        finally:
            self._asking -= 1
        if price > most:
            raise NoBid("the price is over the order's", value=currency.to_wad(price))
        return price

    # orders

    async def look(self, head: int) -> None:
        """Read the orders that were opened since the last look, up to block ``head``; raises LedgerError."""
        market = self.desk.market
        if self.seen < 0:
            self.seen = self.book.cursor
            for order in self.book.watched:
                await self._watch(order)
        if self.seen > head:  # the ledger was set back: what it says now is what counts
            self.seen = -1
        before = set(self.open)
        if head > self.seen:
            for event in await asyncio.to_thread(self.desk.venue.events, "OrderOpened", self.seen + 1):
                await self._watch(int(event.args["order"]))
        self.seen = head
        for order in sorted(self.open)[:-WATCHED] if len(self.open) > WATCHED else []:
            del self.open[order]
        for order in [one for one in self.open if one not in self.book and self._find_group(self.open[one])]:
            seen = await asyncio.to_thread(market.find_order, order)
            if seen.state is not OrderState.OPEN:
                self._drop(order)
        if before != set(self.open) or head - self.book.cursor >= CURSOR_BLOCKS or head < self.book.cursor:
            self.book.move_cursor(head, self.open)

    async def _watch(self, order: int) -> None:
        seen = await asyncio.to_thread(self.desk.market.find_order, order)
        if seen.state is OrderState.OPEN:
            self.open[order] = seen

    def _drop(self, order: int) -> None:
        self.open.pop(order, None)
        self.refused.pop(order, None)

    def _find_group(self, order: Order) -> Kept | None:
        """What is known of an order's group: from a quote, or from an earlier order of the group."""
        digest = str(Digest(order.terms[0]))
        kept = self.book.find_group(digest, order.owner, order.token)
        if kept is None and order.number > 1:
            for number in range(order.number - 1, 0, -1):
                before = (order.deployment << 64) | (order.group << 32) | number
                if before in self.book:
                    one = self.book.find(before)
                    return Kept(digest, one.tenant, one.token, one.price, one.window, 0, one.group)
        return kept

    # bids

    async def bid(self, head: int) -> None:
        """Bid on every open order whose group is known and not bid on yet; raises LedgerUnavailable."""
        for order in list(self.open.values()):
            if order.id in self.book:
                self._drop(order.id)
                continue
            kept = self._find_group(order)
            if kept is None or self.refused.get(order.id) == f"{kept.expiry}":
                continue
            try:
                await self._bid(order, kept, head)
            except LedgerUnavailable:
                raise
            except WeftError as error:
                self.refused[order.id] = f"{kept.expiry}"
                tell = self.desk.log.warning if isinstance(error, LedgerError) else self.desk.log.info
                tell("no bid", order=format_order(order.id), code=error.code, error=error.sentence)

    async def _bid(self, order: Order, kept: Kept, head: int) -> None:
        desk = self.desk
        group = read_group(kept.group)
        demand = read_demand(group)
        window = max(kept.window, int(order.terms[2]))
        standing = await asyncio.to_thread(desk.venue.contract.call, "bids", order.id, desk.agent)
        if standing[5] == BidState.OPEN:  # the ledger took it, and this provider died before it wrote so
            price, window = int(standing[0]), int(standing[1])
        else:
            cool = await asyncio.to_thread(
                desk.venue.contract.call, "cool_until", order.deployment, order.group, desk.agent
            )
            if head + 1 < cool:
                return  # may bid later
            price = kept.price
            if kept.expiry < desk.now():
                price = await self.price(group, order.owner, order.token)
            if price > order.max_price:
                raise NoBid("the price is over the order's", value=price)
            self._check_room(group)
        desk.stock.hold(order.id, demand)
        try:
            if standing[5] != BidState.OPEN:
                if order.terms[4] or order.terms[5]:
                    await self.read_audits()
                proofs = self.audits.prove(order.terms)
                await asyncio.to_thread(
                    desk.market.bid,
                    order,
                    desk.agent,
                    price,
                    window=window,
                    offer=order.terms[0],
                    proofs=proofs,
                )
        except BaseException:
            desk.stock.release(order.id)
            raise
        self.book.set(
            Engagement(
                order=order.id,
                tenant=order.owner,
                token=order.token,
                price=price,
                window=window,
                group=kept.group,
                phase="bid",
                deadline=desk.now() + desk.setting.bid_seconds,
            )
        )
        self._drop(order.id)
        desk.log.info("bid", order=format_order(order.id), price=price)

    async def follow_bids(self) -> None:
        """See which bids won or lost, and take back those that were open for too long; raises LedgerError."""
        for one in self.book.in_phase("bid"):
            await self.follow_bid(one.order)

    async def follow_bid(self, order: int) -> Engagement:
        """How one bid stands on the ledger now."""
        desk, one = self.desk, self.book.find(order)
        if one.phase != "bid":
            return one
        row = await asyncio.to_thread(desk.venue.contract.call, "bids", order, desk.agent)
        state = BidState(row[5])
        if state is BidState.OPEN and desk.now() > one.deadline:
            try:
                await asyncio.to_thread(desk.market.leave, order, desk.agent)
            except Reverted:
                return one  # it has just been decided
            state = BidState.CLOSED
        if state is BidState.ACTIVE:
            desk.log.info("won", order=format_order(order), price=one.price)
            return self.book.change(order, phase="won", deadline=desk.now() + desk.setting.manifest_seconds)
        if state in (BidState.LOST, BidState.CLOSED):
            lease = await asyncio.to_thread(desk.venue.contract.call, "leases", order)
            was_mine = int(lease[2]) and int(lease[0]) == desk.agent
            desk.stock.release(order)
            phase: Phase = "ended" if was_mine else "lost"
            return self.book.set(replace(one, phase=phase, why="" if was_mine else state.name.lower()))
        return one
