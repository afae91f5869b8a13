"""A streamed answer: opened at one miner, carried on by another from the words already delivered if it
dies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from weftwork.errors import NoMiner, Unavailable, WeftError
from weftwork.models.gateway.broker import Part
from weftwork.models.gateway.directory import Seat
from weftwork.models.gateway.relay import Relay, Trip
from weftwork.models.gateway.shape import Chunks
from weftwork.models.gateway.work import Ask
from weftwork.records import Receipt, Signed


class Leg:
    """What one miner gives of a streamed answer: its parts, its newest receipt, the money held."""

    __slots__ = ("_relay", "_trip", "ask", "closed", "finish", "first", "parts", "receipt", "salt")

    def __init__(self, relay: Relay, trip: Trip, ask: Ask, parts: AsyncIterator[list[Part]]) -> None:
        self._relay = relay
        self._trip = trip
        self.ask = ask
        self.parts = parts
        self.first: list[Part] = []
        self.receipt: Signed[Receipt] | None = None
        self.salt = b""
        self.finish: str | None = None
        self.closed = False

    async def open(self) -> Leg:
        """Waits for the first part; a miner that gives none costs nothing and rests."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            self.first = await anext(self.parts)
        except StopAsyncIteration as error:
            await self.close()
            raise NoMiner("A miner's stream held nothing.", value=self.ask.seat.wallet) from error
        except BaseException as error:
            await self.close()
            if isinstance(error, WeftError):
                self._relay.blame(self.ask.seat, error)
            raise
        self._relay.directory.settle(self.ask.seat, int((loop.time() - began) * 1e6))
        return self

    async def words(self) -> AsyncIterator[list[str]]:
        """The words as they come; receipts are kept."""
        found = self._keep(self.first)
        if found:
            yield found
        async for burst in self.parts:
            found = self._keep(burst)
            if found:
                yield found

    def _keep(self, burst: list[Part]) -> list[str]:
        for part in burst:
            if part.receipt is not None:
                self.receipt, self.salt = part.receipt, part.salt
                self.finish = part.finish or self.finish
        return [part.words for part in burst if part.words]

    async def close(self) -> None:
        """Ends the conversation and bills the newest receipt; a second time does nothing."""
        if self.closed:
            return
        self.closed = True
        ask = self.ask
        ask.seat.held -= ask.quote
        if self.receipt is not None:
            record = self.receipt.record
            self._trip.bill.add(record.price, record.input_tokens, record.output_tokens)
        else:
            self._trip.bill.drop(ask.quote)
        if ask.seat.purse is not None:
            ask.seat.purse.close(ask.id)
        with suppress(Exception):
            await self.parts.aclose()  # type: ignore[attr-defined]


def opener(relay: Relay, prefix: str = "") -> Callable[[Trip, Seat], Any]:
    """What :meth:`Relay.attempt` runs for a stream: opens a leg that goes on from ``prefix``."""

    async def open_leg(trip: Trip, seat: Seat) -> Leg:
        ask = relay.prepare(trip, seat, prefix)
        return await Leg(relay, trip, ask, relay.broker.stream(ask)).open()

    return open_leg


class Streamed:
    """One streamed answer over as many legs as it takes; :meth:`events` gives its bytes."""

    def __init__(
        self,
        relay: Relay,
        trip: Trip,
        leg: Leg,
        chunks: Chunks,
        finish: Callable[[Leg, str], dict[str, Any] | None],
    ) -> None:
        """``finish`` is called with the last leg and all words, and gives what stands in the last chunk."""
        self._relay = relay
        self._trip = trip
        self._leg = leg
        self._chunks = chunks
        self._finish = finish
        self.legs = [leg]

    async def events(self) -> AsyncIterator[bytes]:
        """The events; whatever ends them, each leg is closed and the call is billed."""
        trip, chunks = self._trip, self._chunks
        said: list[str] = []
        head = chunks.first()
        try:
            while True:
                leg = self._leg
                try:
                    async for words in leg.words():
                        said += words
                        yield head + b"".join([chunks.piece(word) for word in words])
                        head = b""
                except WeftError as error:
                    await leg.close()
                    self._relay.blame(leg.ask.seat, error)
                    try:
                        self._leg = await self._go_on(leg, "".join(said))
                    except WeftError as lost:
                        yield head + Chunks.error(lost if isinstance(lost, NoMiner) else error)
                        return
                    self.legs.append(self._leg)
                    continue
                await leg.close()
                extra = self._finish(leg, "".join(said))
                usage = self._usage()
                trip.bill.close()
                yield head + chunks.last(leg.finish, extra) + chunks.usage(usage) + Chunks.done
                return
        finally:
            await self._leg.close()
            trip.bill.close()

    def _usage(self) -> dict[str, int]:
        bill = self._trip.bill
        sent, made = bill.input_tokens, bill.output_tokens
        return {"prompt_tokens": sent, "completion_tokens": made, "total_tokens": sent + made}

    async def _go_on(self, leg: Leg, said: str) -> Leg:
        """The next leg, at a miner not tried yet, for the tokens that are left."""
        trip = self._trip
        spent = leg.receipt.record.output_tokens if leg.receipt is not None else 0
        left = max(1, trip.call.max_tokens - spent)
        trip.call = replace(trip.call, max_tokens=left, body={**trip.call.body, "max_tokens": left})
        if said:
            return await self._relay.attempt(trip, opener(self._relay, said))
        return await self._relay.attempt(trip, opener(self._relay))


def lost(error: WeftError) -> Unavailable:
    """What a client is told when an answer broke off and no miner could go on."""
    return Unavailable(f"The answer broke off and no other miner could go on: {error.sentence}")
