"""How calls leave for miners: signed, with what is owed, and those of one turn of the event loop together.

Calls for one miner that begin before the loop looks at its sockets again go as one message, ``/v1/works``,
under one signature, and each answer comes back as soon as it is there. Nothing waits for company: a call that
is alone leaves at once, as ``/v1/work``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from weftwork.batch import sign_batch
from weftwork.errors import BadAnswer, TimedOut, Unavailable, WeftError
from weftwork.ledger.key import Account
from weftwork.models.evidence import MAX_TOGETHER
from weftwork.models.gateway.directory import Seat
from weftwork.models.gateway.till import Patience, Till
from weftwork.models.gateway.work import Ask, refusal_of
from weftwork.records import Domains, Signed
from weftwork.store import Store
from weftwork.wire.client import Client, Reply
from weftwork.wire.sse import Parser

_LARGE = 32_768  # characters of a call that travels alone

Row = tuple[Ask, "asyncio.Future[Any]"]


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
    ) -> None:
        super().__init__(account, domains, client, store, patience)
        self._clock = clock
        self._waiting: dict[Seat, list[Row]] = {}

    def seal(self, asks: Sequence[Ask]) -> None:
        """Signs requests that are about to leave, all by one signature, and records them."""
        fresh = [ask for ask in asks if ask.signed is None]
        if not fresh:
            return
        names = [ask.id for ask in fresh]
        signatures = sign_batch(self.account.sign_hash, self._domain.separator, names)
        for ask, signature in zip(fresh, signatures, strict=True):
            ask.signed = Signed(ask.record, signature)
            self.store.add(ask.signed)
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

    def _body(self, ask: Ask, **more: Any) -> bytes:
        """An order as ``/v1/work`` takes it; its request is sealed."""
        voucher = self._voucher(ask.seat)
        vouchers = "" if voucher is None else voucher.to_text()
        head = f'{{"request":{ask.request.to_text()},"salt":"{ask.salt.hex()}","vouchers":[{vouchers}],'
        rest = b"," + to_json(more)[1:] if more else b"}"
        return b'%b"body_json":%b%b' % (head.encode(), to_json(ask.text), rest)

    async def _post(self, ask: Ask, seconds: float, **more: Any) -> Reply:
        seat = ask.seat
        self.seal((ask,))
        body = self._body(ask, **more)
        signed = seat.purse.signed if seat.purse is not None else 0
        reply = await self.client.post_json(seat.endpoint + "/v1/work", body, timeout=seconds)
        if self._must_pay(seat, reply.status, signed):
            return await self._post(ask, seconds, **more)
        if reply.status != 200 or not isinstance(reply.body, dict):
            raise refusal_of(seat, reply.status, reply.body)
        if seat.purse is not None:
            seat.purse.acknowledge(signed)
        return reply

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
        future: asyncio.Future[Any] = loop.create_future()
        rows = self._waiting.get(ask.seat)
        if rows is None:
            if not self._waiting:
                loop.call_soon(self._depart, loop)
            rows = self._waiting[ask.seat] = []
        rows.append((ask, future))
        return await future

    def _depart(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sends what has gathered since the loop last turned."""
        groups, self._waiting = self._waiting, {}
        for seat, rows in groups.items():
            for part in _parts([row for row in rows if not row[1].done()], seat.together):
                if len(part) > 1:
                    self._run(loop, self._send_together(seat, part))
                else:
                    task = self._run(loop, self._send_alone(*part[0]))
                    part[0][1].add_done_callback(
                        lambda future, task=task: future.cancelled() and task.cancel()
                    )

    def _run(self, loop: asyncio.AbstractEventLoop, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _send_alone(self, ask: Ask, future: asyncio.Future[Any]) -> None:
        try:
            reply = await self._post(ask, self.patience.answer)
        except Exception as error:
            if not future.done():
                future.set_exception(error)
        else:
            if not future.done():
                future.set_result(reply.body)

    async def _send_together(self, seat: Seat, rows: list[Row]) -> None:
        """One message with several orders; whoever gets no answer in it gets the error that ended it."""
        left = {str(ask.id): (ask, future) for ask, future in rows}
        why: Exception = Unavailable(f"The miner {seat.wallet} ended in mid-answer.", value=seat.wallet)
        try:
            async with asyncio.timeout(self.patience.answer):
                await self._exchange(seat, left)
        except TimeoutError:
            words = f"The miner {seat.wallet} did not answer in {self.patience.answer:g} s."
            why = TimedOut(words, value=seat.wallet)
        except Exception as error:
            why = error
        finally:
            for _, future in left.values():
                if not future.done():
                    future.set_exception(_again(why))

    async def _exchange(self, seat: Seat, left: dict[str, Row]) -> None:
        """Posts the orders of ``left`` and takes each out of it as it is answered."""
        asks = [ask for ask, _ in left.values()]
        self.seal(asks)
        body = b'{"orders":[%b]}' % b",".join([self._body(ask) for ask in asks])
        signed = seat.purse.signed if seat.purse is not None else 0
        parser = Parser(self.client.max_bytes)
        async with self.client.stream(
            "POST", seat.endpoint + "/v1/works", body, timeout=self.patience.answer
        ) as reply:
            if reply.status in (404, 405):  # it takes one order at a time
                seat.together = False
            if reply.status != 200:
                found = await reply.json()
                for name in list(left):
                    self._answer(seat, left.pop(name), reply.status, found, signed)
                return
            first = str(asks[0].id)  # it carried the voucher
            async for piece in reply.pieces():
                for event in parser.feed(piece):
                    name, status, found = _read_answer(seat, event.data)
                    if name == first and status == 200 and seat.purse is not None:
                        seat.purse.acknowledge(signed)
                    row = left.pop(name, None)
                    if row is not None:
                        self._answer(seat, row, status, found, signed)

    def _answer(self, seat: Seat, row: Row, status: int, body: Any, signed: int) -> None:
        """Gives one call its answer or its refusal; one that must be paid first goes again, alone."""
        ask, future = row
        if future.done():
            return
        if status == 200 and isinstance(body, dict):
            future.set_result(body)
        elif not seat.together or (status == 402 and (self._must_pay(seat, status, signed) or seat.strict)):
            self._run(future.get_loop(), self._send_alone(ask, future))
        else:
            future.set_exception(refusal_of(seat, status, body))


def _parts(rows: list[Row], together: bool) -> Iterator[list[Row]]:
    """Rows as they travel: long ones alone, the rest up to ``MAX_TOGETHER`` at once."""
    short = []
    for row in rows:
        if not together or len(row[0].text) > _LARGE:
            yield [row]
        else:
            short.append(row)
    for start in range(0, len(short), MAX_TOGETHER):
        yield short[start : start + MAX_TOGETHER]


def _read_answer(seat: Seat, data: str) -> tuple[str, int, Any]:
    """``(request, status, body)`` of one answer in a message."""
    try:
        found = from_json(data, allow_inf_nan=False)
        return found["request"], int(found["status"]), found.get("body")
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise BadAnswer("A miner's message cannot be read.", value=seat.wallet) from error


def _again(error: Exception) -> Exception:
    """An error of its own for each who waits."""
    if isinstance(error, WeftError):
        return type(error)(error.sentence, value=error.value, hint=error.hint)
    return error
