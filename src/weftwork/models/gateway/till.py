"""What a gateway owes its miners: receipts booked once, vouchers sent, accounts taken up again after a
crash.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from weftwork.errors import Overdrawn, WeftError
from weftwork.ledger.key import Account
from weftwork.models.gateway.directory import Seat
from weftwork.models.gateway.work import refusal_of
from weftwork.records import Domains, Receipt, Request, Signed
from weftwork.store import Store
from weftwork.units import Digest
from weftwork.wire.client import Client

_REMEMBERED = 65_536
_AGAIN = 30.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a gateway waits for miners, in seconds, and how much an answer may hold, in bytes.

    ``idle``: after this long without a request a voucher travels alone; ``voucher``: at most one rides along
    in this time, unless the miner's credit line asks for more.
    """

    answer: float = 120.0
    silence: float = 30.0
    commit: float = 60.0
    reveal: float = 10.0
    settle: float = 5.0
    idle: float = 1.0
    voucher: float = 0.01
    max_bytes: int = 16 * 1024 * 1024


class Till:
    """The money between one gateway and its miners."""

    def __init__(
        self, account: Account, domains: Domains, client: Client, store: Store, patience: Patience
    ) -> None:
        self.account = account
        self.client = client
        self.store = store
        self.patience = patience
        self._domain = domains.of("request")
        self._booked: dict[Digest, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._flushes: dict[str, asyncio.TimerHandle] = {}

    def book(self, seat: Seat, receipt: Signed[Receipt]) -> None:
        """Records a proven receipt, and that it is owed; its voucher rides on a request or goes alone."""
        name = self.store.add(receipt)
        if seat.purse is None or name in self._booked:
            return
        self._booked[name] = None
        if len(self._booked) > _REMEMBERED:
            del self._booked[next(iter(self._booked))]
        with contextlib.suppress(Overdrawn):  # the deposit is used up; no more is asked of this miner
            seat.purse.accept(receipt)
        self._pay_soon(seat)

    def _pay_soon(self, seat: Seat, seconds: float | None = None) -> None:
        if seat.endpoint not in self._flushes:
            wait = self.patience.idle if seconds is None else seconds
            loop = asyncio.get_running_loop()
            self._flushes[seat.endpoint] = loop.call_later(wait, self._pay_now, seat)

    def _pay_now(self, seat: Seat) -> None:
        self._flushes.pop(seat.endpoint, None)
        self.spawn(self._pay_or_wait(seat))

    async def _pay_or_wait(self, seat: Seat) -> None:
        await self.pay(seat)
        if seat.purse is not None and seat.purse.signed > seat.purse.acknowledged:
            self._pay_soon(seat, _AGAIN)

    async def pay(self, seat: Seat) -> None:
        """Sends the voucher that covers all that is owed to ``seat``, if any is."""
        voucher = seat.purse.voucher() if seat.purse is not None else None
        if voucher is None:
            return
        with contextlib.suppress(WeftError):
            reply = await self.client.post_json(
                seat.endpoint + "/v1/voucher", [voucher.to_json()], timeout=self.patience.settle
            )
            if reply.status == 200 and seat.purse is not None:
                seat.purse.acknowledge(voucher.record.cumulative)

    async def resume(self, seat: Seat) -> int:
        """Goes on, after a crash of either side, from what the miner holds; what it adds to what is owed,
        in wad.

        The highest voucher counts if this gateway signed it; a receipt that is not known here counts if the
        miner shows this gateway's own signed request for it.
        """
        purse = seat.purse
        if purse is None:
            return 0
        reply = await self.client.get_json(
            f"{seat.endpoint}/v1/channel/{self.account.address}", timeout=self.patience.settle
        )
        if reply.status != 200 or not isinstance(reply.body, dict):
            raise refusal_of(seat, reply.status, reply.body)
        highest = reply.body.get("highest")
        purse.resume(Signed.from_json(highest) if highest else None)
        requests = {}
        for held in _rows(reply.body, "requests"):
            request = Signed.from_json(held)
            if isinstance(request.record, Request) and request.record.requester == self.account.address:
                requests[request.record.id] = request
        added, ended = 0, set()
        for held in _rows(reply.body, "unpaid"):
            receipt = Signed.from_json(held)
            record = receipt.record
            if not isinstance(record, Receipt) or record.id in self._booked or self.store.has(record.id):
                continue
            asked = requests.get(record.request)
            if asked is None or record.worker != seat.wallet or record.price > asked.record.max_price:
                continue
            if record.request in ended or self._has_ended(record.request):
                continue  # one request has one final receipt, and nothing behind it
            if record.final:
                ended.add(record.request)
            asked.require_signer(self._domain, self.account.address)
            receipt.require_signer(self._domain, seat.wallet)
            self.store.add(asked)
            before = purse.due
            self.book(seat, receipt)
            added += purse.due - before
        if purse.due > purse.acknowledged:
            self._pay_soon(seat)
        return added

    def _has_ended(self, request: Digest) -> bool:
        known = self.store.children(request, "receipt")
        return any(isinstance(one, Signed) and one.record.final for one in known)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Runs a coroutine beside the calls; :meth:`close` waits for it."""

        async def run() -> None:
            with contextlib.suppress(WeftError):
                await work

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, seats: list[Seat]) -> None:
        """Pays what is owed to ``seats`` and waits for what runs beside the calls."""
        for timer in self._flushes.values():
            timer.cancel()
        self._flushes.clear()
        await asyncio.gather(*self._tasks, *(self.pay(seat) for seat in seats), return_exceptions=True)


def _rows(body: dict[str, Any], name: str) -> list[Any]:
    found = body.get(name)
    return found[:1024] if isinstance(found, list) else []
