"""Payment channels off the chain: what a payee books (:class:`ChannelBook`) and a payer signs
(:class:`ChannelPurse`, in its own room).

A voucher is cumulative, so it needs neither nonce nor expiry: the highest one counts. The ledger is read in
the background, never on the way of an answer; amounts are wads. What a payee acknowledges is queued in its
:class:`~weftwork.store.Store` before; whoever answers over HTTP awaits ``store.flushed()`` first.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from weftwork.errors import BadRecord, BadSignature, LimitExceeded, Overdrawn, Replayed, Unpaid, WeftError
from weftwork.models.purse import ChannelPurse
from weftwork.models.voucher import (
    CLAIMS_AT_ONCE,
    ChannelSource,
    ChannelView,
    VoucherClaim,
    channel_id,
)
from weftwork.records import Domain, Signed, Voucher
from weftwork.store import Store
from weftwork.units import WAD, Digest

__all__ = [
    "ChannelBook",
    "ChannelPurse",
    "ChannelSource",
    "ChannelView",
    "VoucherClaim",
    "channel_id",
]

_KEPT_UNPAID = 64


@dataclass(slots=True)
class _Payer:
    """What a payee knows of one payer: ``due`` for receipts given, ``paid`` by vouchers, ``held`` for work
    in hand."""

    view: ChannelView
    channel: Digest
    seen: float
    due: int = 0
    paid: int = 0
    voucher: Signed[Voucher] | None = None
    receipts: int = 0
    holds: dict[Digest, int] = field(default_factory=dict)
    charged: dict[Digest, int] = field(default_factory=dict)
    held: int = 0
    unpaid: list[tuple[int, Digest]] = field(default_factory=list)


def _show(
    due: int,
    paid: int,
    receipts: int,
    voucher: Signed[Voucher] | None,
    unpaid: tuple[tuple[int, Digest], ...],
) -> dict[str, Any]:
    return {
        "due": str(due),
        "paid": str(paid),
        "receipts": receipts,
        "voucher": voucher.to_json() if voucher else None,
        "unpaid": [[str(due), str(receipt)] for due, receipt in unpaid],
    }


class ChannelBook:
    """The payee's side: which payer is good for how much work, and the vouchers it gave."""

    def __init__(
        self,
        receiver: str,
        domain: Domain,
        store: Store,
        source: ChannelSource,
        *,
        credit: int = WAD,
        clock: Callable[[], float] = time.time,
        fresh: float = 1.0,
        max_payers: int = 10_000,
    ) -> None:
        """``credit``: unpaid work in wads that a payer may have; ``fresh``: seconds before a view is read
        again."""
        self.receiver = receiver
        self.credit = credit
        self._domain = domain
        self._store = store
        self._source = source
        self._clock = clock
        self._fresh = fresh
        self._max_payers = max_payers
        self._payers: OrderedDict[str, _Payer] = OrderedDict()
        self._by_channel: dict[Digest, str] = {}
        self._lookups = asyncio.Semaphore(4)
        self._prefix = f"channel:{receiver}:"

    # Ledger

    async def load(self, payer: str) -> ChannelView:
        """The payer's channel, read from the ledger the first time and from memory ever after."""
        found = self._payers.get(payer)
        if found is None:
            found = await self._read(payer)
        return found.view

    async def refresh(self, payer: str) -> ChannelView:
        """The payer's channel, read from the ledger now unless that was done a moment ago."""
        found = self._payers.get(payer)
        if found is None or self._clock() - found.seen >= self._fresh:
            found = await self._read(payer)
        return found.view

    async def _read(self, payer: str) -> _Payer:
        async with self._lookups:
            view = await asyncio.to_thread(self._source.view, payer, self.receiver)
        found = self._payers.get(payer)
        if found is None:
            found = self._restore(payer, view)
        found.view, found.seen = view, self._clock()
        if (
            view.claimed > found.paid
        ):  # the channel was filled anew, or a voucher claimed that is not kept here
            found.due, found.paid = max(found.due, view.claimed), view.claimed
        return found

    def _restore(self, payer: str, view: ChannelView) -> _Payer:
        self._forget()
        found = _Payer(view, channel_id(payer, self.receiver), self._clock())
        kept = self._store.state(self._prefix + payer)
        if kept:
            found.due, found.paid, found.receipts = int(kept["due"]), int(kept["paid"]), int(kept["receipts"])
            found.voucher = Signed.from_json(kept["voucher"]) if kept["voucher"] else None
            found.unpaid = [(int(due), Digest(receipt)) for due, receipt in kept["unpaid"]]
        found.paid = max(found.paid, view.claimed)
        found.due = max(found.due, view.claimed)
        self._payers[payer] = found
        self._by_channel[found.channel] = payer
        return found

    def _forget(self) -> None:
        """Drops payers without money here, oldest first, so that strangers cannot fill the memory."""
        if len(self._payers) < self._max_payers:
            return
        for payer, found in list(self._payers.items()):
            if not found.held and not found.due and not found.view.deposited:
                del self._payers[payer], self._by_channel[found.channel]
                if len(self._payers) < self._max_payers * 3 // 4:
                    return
        if len(self._payers) >= self._max_payers:
            raise LimitExceeded("no more payers are taken here", value=self._max_payers)

    # Work

    async def admit(self, payer: str, key: Digest, amount: int, vouchers: Iterable[Signed[Any]] = ()) -> None:
        """Takes ``vouchers``, then holds ``amount`` for the work ``key``; reads the ledger again before it
        refuses.

        Raises BadRecord, BadSignature or Replayed for a voucher, Overdrawn or Unpaid where money is short.
        """
        await self.load(payer)
        best = _highest(vouchers)
        try:
            self._take(best, payer)
            self.hold(payer, key, amount)
        except (Overdrawn, BadSignature):
            before = self._payers[payer].view
            if await self.refresh(payer) == before:
                raise
            self._take(best, payer)
            self.hold(payer, key, amount)

    def _take(self, voucher: Signed[Any] | None, payer: str) -> None:
        """Takes a voucher that rides on a request; one that a later one overtook on its way is no error."""
        if voucher is not None and voucher.record.cumulative > self._known(payer).paid:
            self.receive(voucher, payer)

    def hold(self, payer: str, key: Digest, amount: int) -> None:
        """Sets ``amount`` aside for work in hand; :class:`Unpaid` beyond the credit line,
        :class:`Overdrawn` beyond
        the deposit."""
        found = self._known(payer)
        if key in found.holds:
            raise Replayed("this request is being worked on", value=str(key))
        if found.due - found.paid + found.held > self.credit:
            raise Unpaid(
                f"{found.due - found.paid} are due and {found.held} in hand, more than the credit line",
                value=str(self.credit),
                hint="send a voucher for the receipts that you hold",
            )
        if found.due + found.held + amount > found.view.cover:
            raise Overdrawn(
                f"the channel covers {found.view.cover}, this would need {found.due + found.held + amount}",
                value=str(found.view.cover),
            )
        found.holds[key] = amount
        found.held += amount

    def charge(self, payer: str, key: Digest, price: int, receipt: Digest) -> None:
        """Books a receipt given for held work: ``price`` is cumulative over the receipts of one request."""
        found = self._known(payer)
        found.due += price - found.charged.get(key, 0)
        found.charged[key] = price
        found.receipts += 1
        found.unpaid.append((found.due, receipt))
        del found.unpaid[:-_KEPT_UNPAID]
        self._save(payer, found)

    def release(self, payer: str, key: Digest) -> None:
        """Ends held work, whatever became of it."""
        found = self._payers.get(payer)
        if found is not None:
            found.held -= found.holds.pop(key, 0)
            found.charged.pop(key, None)

    # Vouchers

    def receive(self, voucher: Signed[Any], payer: str | None = None) -> int:
        """Takes a voucher and returns what it newly pays; the same one again pays 0.

        Raises BadRecord (no voucher, another channel, no receipt of ours), BadSignature (forged), Replayed
        (lower than one that we hold) or Overdrawn (more than the deposit is sure to cover). The payer must
        be loaded.
        """
        record = voucher.record
        if not isinstance(record, Voucher):
            raise BadRecord(f"a {record.kind} is no voucher", value=record.kind)
        owner = self._by_channel.get(record.channel)
        if owner is None or (payer is not None and owner != payer):
            raise BadRecord("the voucher is for another channel", value=str(record.channel))
        found = self._payers[owner]
        held = found.voucher
        if held is not None and held.record == record:
            return 0
        if record.cumulative <= found.paid:
            raise Replayed(
                f"a voucher over {found.paid} was given before",
                value=str(record.cumulative),
                hint="vouchers are cumulative: sign the new total",
            )
        signer = voucher.signer(self._domain)
        if signer not in (owner, found.view.signer):
            raise BadSignature(f"the voucher was signed by {signer}, not by {owner}", value=signer)
        if record.cumulative > found.view.cover:
            raise Overdrawn(
                f"the voucher is over {record.cumulative}, the channel covers {found.view.cover}",
                value=str(record.cumulative),
            )
        if not self._store.has(record.receipt):
            raise BadRecord("the voucher pays a receipt that was never given here", value=str(record.receipt))
        gained = record.cumulative - found.paid
        found.voucher, found.paid = voucher, record.cumulative
        found.unpaid = [item for item in found.unpaid if item[0] > found.paid]
        self._store.add(voucher)
        self._save(owner, found)
        return gained

    def statement(self, payer: str) -> dict[str, Any]:
        """What a payer needs to resume: ``highest`` voucher, ``due``, ``receipts`` given, ``unpaid``
        receipts and the payer's own ``requests`` that they answer."""
        found = self._known(payer)
        receipts = [self._store.get(receipt) for _, receipt in found.unpaid]
        asked = {item.record.request for item in receipts if isinstance(item, Signed)}
        requests = [self._store.get(request) for request in asked]
        return {
            "highest": found.voucher.to_json() if found.voucher else None,
            "due": str(found.due),
            "paid": str(found.paid),
            "receipts": found.receipts,
            "unpaid": [item.to_json() for item in receipts if item is not None],
            "requests": [item.to_json() for item in requests if item is not None],
        }

    def totals(self) -> dict[str, int]:
        """Sums over all payers known: due, paid, held, and what is paid and not yet claimed."""
        every = self._payers.values()
        return {
            "due": sum(p.due for p in every),
            "paid": sum(p.paid for p in every),
            "held": sum(p.held for p in every),
            "unclaimed": sum(max(0, p.paid - p.view.claimed) for p in every),
        }

    def _known(self, payer: str) -> _Payer:
        found = self._payers.get(payer)
        if found is None:
            raise Unpaid("no channel of this payer is known here", value=payer, hint="open a channel first")
        return found

    def _save(self, payer: str, found: _Payer) -> None:
        kept = partial(_show, found.due, found.paid, found.receipts, found.voucher, tuple(found.unpaid))
        self._store.set_state_made(self._prefix + payer, kept)

    # Redemption

    def claims(self, least: int = 1, payers: Iterable[str] | None = None) -> list[VoucherClaim]:
        """The vouchers worth at least ``least`` more than what is claimed, the most valuable first."""
        found = []
        for payer in self._payers if payers is None else payers:
            one = self._payers[payer]
            worth = one.paid - one.view.claimed
            if one.voucher is not None and worth >= least:
                voucher = one.voucher
                record = voucher.record
                item = VoucherClaim(
                    payer, self.receiver, record.cumulative, record.receipt, voucher.signature
                )
                found.append((worth, item))
        return [claim for _, claim in sorted(found, key=lambda item: -item[0])]

    async def redeem(self, least: int = 1, payers: Iterable[str] | None = None) -> int:
        """Claims vouchers in batches and reads their channels again; what was claimed in all, in wads."""
        todo = self.claims(least, payers)
        gained = 0
        for start in range(0, len(todo), CLAIMS_AT_ONCE):
            batch = todo[start : start + CLAIMS_AT_ONCE]
            await asyncio.to_thread(self._source.claim_many, batch)
            for claim in batch:
                before = self._payers[claim.payer].view.claimed
                gained += (await self._read(claim.payer)).view.claimed - before
        if gained:
            await asyncio.to_thread(self._source.pull, self.receiver)
        return gained

    async def restore(self) -> None:
        """Loads every payer that the store remembers, as after a restart."""
        for key, _ in list(self._store.states(self._prefix)):
            await self.load(key.removeprefix(self._prefix))

    async def guard(self, threshold: int = 10 * WAD) -> int:
        """One round of care: reads channels with unclaimed vouchers; claims where a withdrawal is pending
        or where
        ``threshold`` wads wait. Returns what was claimed."""
        waiting = [claim.payer for claim in self.claims()]
        for payer in waiting:
            await self._read(payer)
        urgent = {payer for payer in waiting if self._payers[payer].view.closing_amount}
        large = {claim.payer for claim in self.claims(threshold)}
        return await self.redeem(payers=urgent | large) if urgent | large else 0

    async def keep(
        self,
        every: float = 10.0,
        threshold: int = 10 * WAD,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_error: Callable[[WeftError], None] = lambda error: None,
    ) -> None:
        """Runs :meth:`guard` every ``every`` seconds until cancelled; ``every`` must be well under the
        withdrawal
        delay."""
        while True:
            await sleep(every)
            try:
                await self.guard(threshold)
            except WeftError as error:
                on_error(error)


def _highest(vouchers: Iterable[Signed[Any]]) -> Signed[Any] | None:
    given = list(vouchers)
    for voucher in given:
        if not isinstance(voucher.record, Voucher):
            raise BadRecord(f"a {voucher.record.kind} is no voucher", value=voucher.record.kind)
    return max(given, key=lambda item: item.record.cumulative, default=None)
