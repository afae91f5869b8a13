"""How calls leave for miners: signed, with what is owed, and those of one turn of the event loop together.

Calls for one miner that begin before the loop looks at its sockets again go as one message, ``/v1/works``,
under one signature, and each answer comes back as soon as it is there. Nothing waits for company: a call that
is alone leaves at once, as ``/v1/work``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from weftwork.batch import sign_batch
from weftwork.errors import BadAnswer, TimedOut, Unavailable, WeftError
from weftwork.ledger.key import Account
from weftwork.models.evidence import MAX_TOGETHER
from weftwork.models.gateway.directory import Seat
from weftwork.models.gateway.till import Patience, Till
from weftwork.models.gateway.work import Ask, refusal_of
from weftwork.models.sealer import Sealer
from weftwork.records import Domains, Request, Signed
from weftwork.store import Store
from weftwork.wire.client import Client, Reply
from weftwork.wire.sse import Parser

_LARGE = 32_768  # bytes of a call that travels alone
_MESSAGE = 1_000_000  # bytes of calls in one message


class Row(NamedTuple):
    """A call that waits for its answer, until a time of the sender's clock."""

    ask: Ask
    future: asyncio.Future[Any]
    until: float


class Sender(Till):
    """The gateway's messages to its miners."""

    def __init__(
        self,
        account: Account,
        domains: Domains,
        client: Client,
        store: Store,
        patience: Patience,
        clock: Callable[[], float],
        late: Callable[[Ask, Any], object],
    ) -> None:
        """``late`` is given the answer to a call whose caller has gone meanwhile."""
        super().__init__(account, domains, client, store, patience)
        self._clock = clock
        self._late = late
        self._waiting: dict[Seat, list[Row]] = {}
        self._sealer = Sealer(account, self._domain)
        self._sending: set[asyncio.Task[None]] = set()

    def seal(self, asks: Sequence[Ask]) -> None:
        """Signs requests that are about to leave, all by one signature, and records them."""
        fresh = [ask for ask in asks if ask.signed is None]
        if not fresh:
            return
        names = [ask.id for ask in fresh]
        signatures = sign_batch(self.account.sign_hash, self._domain.separator, names)
        for ask, signature in zip(fresh, signatures, strict=True):
            self._record(ask, Signed(ask.record, signature))

    async def sealed(self, ask: Ask) -> None:
        """Returns once a request that travels alone is signed, by one signature with others of this turn."""
        if ask.signed is not None or not ask.seat.together:
            self.seal((ask,))
        else:
            self._record(ask, await self._sealer.seal(ask.record))

    def _record(self, ask: Ask, signed: Signed[Request]) -> None:
        ask.signed = signed
        self.store.add(signed)
        self.store.put_content(ask.record.content, ask.salt, ask.content, hashed=True)

    def _voucher(self, seat: Seat) -> Signed[Any] | None:
        """The voucher that rides on a request: over all that is owed, but not on each of many a second."""
        purse = seat.purse
        if purse is None:
            return None
        now = self._clock()
        if now < seat.vouched + self.patience.voucher and not seat.strict:
            return None
        found = purse.voucher()
        if found is not None:
            seat.vouched = now
        return found

    def _body(self, ask: Ask, voucher: Signed[Any] | None, **more: Any) -> bytes:
        """An order as ``/v1/work`` takes it; its request is sealed."""
        vouchers = "" if voucher is None else voucher.to_text()
        head = f'{{"request":{ask.request.to_text()},"salt":"{ask.salt.hex()}","vouchers":[{vouchers}],'
        rest = b"," + to_json(more)[1:] if more else b"}"
        return b'%b"body_json":%b%b' % (head.encode(), to_json(ask.text), rest)

    async def _post(self, ask: Ask, seconds: float, **more: Any) -> Reply:
        seat = ask.seat
        self.seal((ask,))
        voucher = self._voucher(seat)
        signed = seat.purse.signed if seat.purse is not None else 0
        body = self._body(ask, voucher, **more)
        reply = await self.client.post_json(seat.endpoint + "/v1/work", body, timeout=seconds)
        if self._must_pay(seat, reply.status, signed):
            return await self._post(ask, seconds, **more)
        if reply.status != 200 or not isinstance(reply.body, dict):
            raise refusal_of(seat, reply.status, reply.body)
        self._acknowledge(seat, voucher)
        return reply

    def _acknowledge(self, seat: Seat, voucher: Signed[Any] | None) -> None:
        """The miner did what a voucher rode on, so it holds the voucher."""
        if voucher is not None and seat.purse is not None:
            seat.purse.acknowledge(voucher.record.cumulative)

    def _must_pay(self, seat: Seat, status: int, signed: int) -> bool:
        """True if a miner refused for money that an unsent voucher covers; now each call has one."""
        if status != 402 or seat.strict or seat.purse is None or seat.purse.due <= signed:
            return False
        seat.strict = True
        return True

    # Whole answers

    async def send(self, ask: Ask) -> Any:
        """The body of a miner's reply to one call; raises what it refused with."""
        loop = asyncio.get_running_loop()
        row = Row(ask, loop.create_future(), self._clock() + self.patience.answer)
        rows = self._waiting.get(ask.seat)
        if rows is None:
            if not self._waiting:
                loop.call_soon(self._depart)
            rows = self._waiting[ask.seat] = []
        rows.append(row)
        return await row.future

    def _depart(self) -> None:
        """Sends what has gathered since the loop last turned."""
        groups, self._waiting = self._waiting, {}
        for seat, rows in groups.items():
            for part in _parts([row for row in rows if not row.future.done()], seat.together):
                if len(part) > 1:
                    self._start(part, self._send_together(seat, part))
                else:
                    self._start(part, self._send_alone(part[0]))

    def _start(self, rows: list[Row], work: Any) -> None:
        """Runs a message beside the calls in it; when all who wait have gone away it is broken off, which
        stops the miner."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        company = _Company(task, len(rows))
        for row in rows:
            row.future.add_done_callback(company.leave)

    async def close(self, seats: list[Seat]) -> None:
        """Breaks off what is under way, pays what is owed, and waits for what runs beside the calls."""
        for task in list(self._sending):
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await super().close(seats)

    async def _send_alone(self, row: Row) -> None:
        try:
            reply = await self._post(row.ask, max(0.05, row.until - self._clock()))
        except asyncio.CancelledError:
            row.future.cancel()
            raise
        except Exception as error:
            _refuse([row], error)
        else:
            self._answer(row, reply.body)

    async def _send_together(self, seat: Seat, rows: list[Row]) -> None:
        """One message with several orders; whoever gets no answer in it gets the error that ended it."""
        left = {str(row.ask.id): row for row in rows}
        seconds = max(0.05, min(row.until for row in rows) - self._clock())
        why: Exception = Unavailable(f"The miner {seat.wallet} ended in mid-answer.", value=seat.wallet)
        try:
            async with asyncio.timeout(seconds):
                await self._exchange(seat, left, seconds)
        except TimeoutError:
            why = TimedOut(
                f"The miner {seat.wallet} did not answer in {self.patience.answer:g} s.", value=seat.wallet
            )
        except WeftError as error:
            why = error
        except Exception as error:  # whatever a miner sends, it is the miner's fault
            why = BadAnswer(f"The miner {seat.wallet} sent what cannot be read: {error}", value=seat.wallet)
        finally:
            _refuse(list(left.values()), why)

    async def _exchange(self, seat: Seat, left: dict[str, Row], seconds: float) -> None:
        """Posts the orders of ``left`` and takes each out of it as it is answered."""
        asks = [row.ask for row in left.values()]
        self.seal(asks)
        voucher = self._voucher(seat)
        signed = seat.purse.signed if seat.purse is not None else 0
        bodies = [self._body(asks[0], voucher), *(self._body(ask, None) for ask in asks[1:])]
        parser = Parser(self.client.max_bytes)
        async with self.client.stream(
            "POST", seat.endpoint + "/v1/works", b'{"orders":[%b]}' % b",".join(bodies), timeout=seconds
        ) as reply:
            if reply.status in (404, 405, 413):
                self._send_apart(seat, left, reply.status)
                return
            if reply.status != 200:
                raise refusal_of(seat, reply.status, await reply.json())
            async for piece in reply.pieces():
                for event in parser.feed(piece):
                    name, status, body = _read_answer(seat, event.data)
                    row = left.pop(name, None)
                    if row is None:
                        continue
                    if status == 200 and isinstance(body, dict):
                        if row.ask is asks[0]:
                            self._acknowledge(seat, voucher)
                        self._answer(row, body)
                    elif status == 402 and (self._must_pay(seat, status, signed) or seat.strict):
                        self._start([row], self._send_alone(row))  # again, with what is owed
                    else:
                        _refuse([row], refusal_of(seat, status, body))

    def _send_apart(self, seat: Seat, left: dict[str, Row], status: int) -> None:
        """Sends each order of a message by itself: the miner takes no messages, or none so long. One that
        takes none may know no signature of a batch either, so each is signed anew."""
        for name in list(left):
            row = left.pop(name)
            if status != 413:
                seat.together = False
                row.ask.signed = None
            if not row.future.done():
                self._start([row], self._send_alone(row))

    def _answer(self, row: Row, body: Any) -> None:
        """Gives a call its answer; one that comes too late is proven and booked all the same."""
        if not row.future.done():
            row.future.set_result(body)
        else:
            with contextlib.suppress(WeftError):
                self._late(row.ask, body)


class _Company:
    """Those who wait for one message; when the last has left and one of them gave up, it is broken off."""

    __slots__ = ("_given_up", "_left", "_task")

    def __init__(self, task: asyncio.Task[None], count: int) -> None:
        self._task = task
        self._left = count
        self._given_up = False

    def leave(self, future: asyncio.Future[Any]) -> None:
        self._left -= 1
        self._given_up = self._given_up or future.cancelled()
        if self._given_up and not self._left:
            self._task.cancel()


def _parts(rows: list[Row], together: bool) -> Iterator[list[Row]]:
    """Rows as they travel: what is long, or asks for long answers, alone; the rest together within bounds."""
    part: list[Row] = []
    size = 0
    for row in rows:
        length = len(row.ask.content)
        if not together or length > _LARGE or row.ask.call.kind == "embedding":
            yield [row]
            continue
        if part and (len(part) == MAX_TOGETHER or size + length > _MESSAGE):
            yield part
            part, size = [], 0
        part.append(row)
        size += length
    if part:
        yield part


def _read_answer(seat: Seat, data: str) -> tuple[str, int, Any]:
    """``(request, status, body)`` of one answer in a message."""
    try:
        found = from_json(data, allow_inf_nan=False)
        name, status = found["request"], found["status"]
    except (ValueError, TypeError, LookupError) as error:
        raise BadAnswer("A miner's message cannot be read.", value=seat.wallet) from error
    if type(name) is not str or type(status) is not int:
        raise BadAnswer("A miner's message names no request or status.", value=seat.wallet)
    return name, status, found.get("body")


def _refuse(rows: list[Row], error: Exception) -> None:
    """Gives each who still waits an error of its own; what broke one message is blamed once."""
    first = True
    for row in rows:
        if row.future.done():
            continue
        own = error
        if not first and isinstance(error, WeftError):
            own = type(error)(error.sentence, value=error.value, hint=error.hint)
            own.counted = True
        first = False
        row.future.set_exception(own)
