"""Asks miners: signs a request, sends it with what is owed, proves the answer, books what is due.

Every path that ends in a proven receipt books it once, whether or not its answer was still wanted; what was
never receipted is never paid. A miner's complaint about the call itself becomes the caller's error.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json

from weftwork.errors import BadAnswer, Unavailable, WeftError
from weftwork.ledger.key import Account
from weftwork.models.gateway.asker import Asker
from weftwork.models.gateway.directory import Seat
from weftwork.models.gateway.openai import Call
from weftwork.models.gateway.sender import Sender
from weftwork.models.gateway.shape import answer_text
from weftwork.models.gateway.till import Patience
from weftwork.models.gateway.work import Ask, Work, prove_receipt, refusal_of
from weftwork.records import Domains, Receipt, Request, Signed
from weftwork.store import Store
from weftwork.units import Digest, keccak
from weftwork.wire.client import Client, StreamReply
from weftwork.wire.sse import Event, Parser

__all__ = ["Broker", "Part", "Patience"]


@dataclass(slots=True)
class Part:
    """A piece of a streamed answer: words, or a proven partial or final receipt with what came beside it."""

    words: str = ""
    receipt: Signed[Receipt] | None = None
    receipt_id: Digest | None = None
    salt: bytes = b""
    finish: str | None = None


@dataclass(slots=True)
class _Told:
    """What a miner said in a stream so far: words under its newest receipt, fresh ones, its price."""

    words: str = ""
    fresh: list[str] = field(default_factory=list)
    price: int = 0
    sequence: int = -1
    done: bool = False


class Broker(Sender):
    """The gateway's side of each conversation with a miner."""

    def __init__(
        self,
        account: Account,
        domains: Domains,
        client: Client,
        store: Store,
        *,
        now: Callable[[], float],
        clock: Callable[[], float],
        entropy: Callable[[int], bytes],
        patience: Patience,
    ) -> None:
        super().__init__(account, domains, client, store, patience, clock, self._take_late)
        self._now = now
        self._entropy = entropy
        self._life = int(patience.answer) + 60

    # Requests

    def prepare(
        self, seat: Seat, call: Call, asker: Asker, prefix: str = "", quote: int | None = None
    ) -> Ask:
        """A request of ``call`` to ``seat``, signed when it leaves; with ``prefix`` it goes on from there."""
        text = call.text
        if prefix:
            body = {**call.body, "weft_prefix": prefix}
            text = to_json(body).decode()
        salt = self._entropy(16)
        content = text.encode()
        digest = Digest(keccak(salt + content))
        time = int(self._now())
        cap = seat.quote(call) if quote is None else quote
        record = Request(
            self.account.address, seat.subnet, digest, cap, time, time + self._life, asker.nonce(salt)
        )
        return Ask(seat, call, record, record.id, salt, text, content, cap)

    async def ask(self, ask: Ask) -> Work:
        """The whole answer, proven and booked; raises what kept it from being so."""
        began = self._clock()
        body = await self.send(ask)
        return self.take(ask, body, int((self._clock() - began) * 1e6))

    def _take_late(self, ask: Ask, body: Any) -> None:
        self.take(ask, body, 0)

    def take(self, ask: Ask, body: Any, took_us: int, committed: Digest | None = None) -> Work:
        """The work in a miner's reply, proven and booked; the receipt must be ``committed`` where one was."""
        held, salt = body.get("answer_json"), body.get("salt") if isinstance(body, dict) else None
        if not isinstance(held, str) or not isinstance(salt, str):
            raise BadAnswer("A miner's reply lacks its answer or salt.", value=ask.seat.wallet)
        try:
            answer = from_json(held, allow_inf_nan=False)
            text = answer_text(answer, ask.call.kind)
            salt_bytes = bytes.fromhex(salt.removeprefix("0x"))
        except (ValueError, WeftError) as error:
            raise BadAnswer(f"A miner's reply cannot be read: {error}", value=ask.seat.wallet) from error
        content = text.encode(errors="surrogatepass")
        receipt, name = prove_receipt(ask, body.get("receipt"), self._domain, content, salt_bytes)
        if committed is not None and name != committed:
            raise BadAnswer("A miner revealed another answer than it committed to.", value=ask.seat.wallet)
        self.book(ask.seat, receipt)
        self.store.put_content(receipt.record.output, salt_bytes, content, hashed=True)
        return Work(ask, receipt, name, answer, text, salt_bytes, took_us)

    async def commit(self, ask: Ask) -> tuple[Signed[Receipt], Digest]:
        """The receipt by which a miner commits to an answer that it does not show yet; not booked."""
        reply = await self._post(ask, self.patience.commit, commit_only=True)
        return prove_receipt(ask, reply.body.get("receipt"), self._domain, None, b"")

    async def reveal(self, ask: Ask, receipt: Signed[Receipt], name: Digest, took_us: int) -> Work:
        """The committed answer, proven and booked."""
        reply = await self.client.post_json(
            ask.seat.endpoint + "/v1/reveal", {"request": str(ask.id)}, timeout=self.patience.reveal
        )
        if reply.status != 200 or not isinstance(reply.body, dict):
            raise refusal_of(ask.seat, reply.status, reply.body)
        body = {"receipt": receipt.to_json(), **reply.body}
        return self.take(ask, body, took_us, name)

    # Streams

    async def stream(self, ask: Ask) -> AsyncIterator[list[Part]]:
        """The answer in bursts, the parts that came in one piece of the network.

        Each receipt is proven over all words so far, and booked, as it comes.
        """
        told = _Told()
        parser = Parser()
        async with self._open(ask) as reply:
            async for piece in reply.pieces():
                burst: list[Part] = []
                try:
                    for event in parser.feed(piece):
                        part = self._read(ask, event, told)
                        if part is not None:
                            burst.append(part)
                            if told.done:
                                break
                except WeftError:
                    if burst:
                        yield burst
                    raise
                if burst:
                    yield burst
                if told.done:
                    return
        raise Unavailable(f"The miner {ask.seat.wallet} ended in mid-answer.", value=ask.seat.wallet)

    def _read(self, ask: Ask, event: Event, told: _Told) -> Part | None:
        """The part in one event of a stream; raises what it breaks."""
        data = _event_object(ask, event.data)
        if data is None:
            return None
        if event.event == "receipt":
            told.words += "".join(told.fresh)
            told.fresh.clear()
            part = self._take_partial(ask, data, told.words)
            assert part.receipt is not None
            record = part.receipt.record
            if record.price < told.price or record.sequence <= told.sequence:
                raise BadAnswer("A miner's partial receipts go backwards.", value=ask.seat.wallet)
            told.price, told.sequence, told.done = record.price, record.sequence, record.final
            self.book(ask.seat, part.receipt)
            return part
        words = data.get("delta")
        if isinstance(words, str):
            told.fresh.append(words)
            return Part(words)
        if isinstance(data.get("error"), dict):
            raise refusal_of(ask.seat, 502, data)
        return None

    @contextlib.asynccontextmanager
    async def _open(self, ask: Ask) -> AsyncIterator[StreamReply]:
        """The stream of a miner's answer. One that asks for money first gets its voucher at once, and one
        that refuses a signature of a batch gets another, each once."""
        seat = ask.seat
        paid = alone = False
        while True:
            await self.sealed(ask)
            voucher = self._voucher(seat)
            signed = seat.purse.signed if seat.purse is not None else 0
            body = self._body(ask, voucher, stream=True)
            async with self.client.stream(
                "POST", seat.endpoint + "/v1/work", body, timeout=self.patience.silence
            ) as reply:
                if reply.status == 200:
                    if alone:
                        seat.together = False
                    self._acknowledge(seat, voucher)
                    yield reply
                    return
                owing = self._must_pay(seat, reply.status, signed)
                if not paid and (owing or (reply.status == 402 and seat.strict and voucher is None)):
                    paid = True
                    continue
                refusal = refusal_of(seat, reply.status, await reply.json())
                known = str(refusal.value).startswith(("input.signature", "input.record"))
                if alone or not known or len(ask.request.signature) <= 65:
                    raise refusal
            alone, ask.signed = True, None
            self.seal((ask,))
            if voucher is not None:
                seat.vouched = -math.inf  # it rode on what was not read; it rides again

    def _take_partial(self, ask: Ask, data: dict[str, Any], words: str) -> Part:
        """A receipt of a stream, proven over all ``words`` so far."""
        held = data.get("receipt")
        final = isinstance(held, dict) and held.get("final") is True
        try:
            salt = bytes.fromhex(str(data.get("salt", "")).removeprefix("0x"))
        except ValueError as error:
            raise BadAnswer("A miner's salt is not hexadecimal.", value=ask.seat.wallet) from error
        content = words.encode(errors="surrogatepass")
        receipt, name = prove_receipt(ask, held, self._domain, content, salt, final=final)
        if final:
            self.store.put_content(receipt.record.output, salt, content, hashed=True)
        finish = data.get("finish_reason")
        return Part("", receipt, name, salt, finish if isinstance(finish, str) else None)

    async def cancel(self, ask: Ask) -> None:
        """Takes a request back; if its receipt was signed already, that is proven, booked and paid."""
        with contextlib.suppress(WeftError):
            reply = await self.client.post_json(
                ask.seat.endpoint + "/v1/cancel", {"request": str(ask.id)}, timeout=self.patience.settle
            )
            if reply.status == 200 and isinstance(reply.body, dict) and reply.body.get("answer_json"):
                self.take(ask, reply.body, 0)


def _event_object(ask: Ask, data: str) -> dict[str, Any] | None:
    if data == "[DONE]":
        return None
    try:
        found = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise BadAnswer("A miner's stream holds what is not JSON.", value=ask.seat.wallet) from error
    return found if isinstance(found, dict) else None
