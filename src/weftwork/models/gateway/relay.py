"""Policy ``route``: one miner answers; another is asked if it fails, or beside it if it is late."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from weftwork.errors import BadParameter, CapReached, NoMiner, Unpaid, WeftError
from weftwork.models.gateway.asker import Asker, Bill
from weftwork.models.gateway.broker import Broker
from weftwork.models.gateway.directory import Directory, Seat
from weftwork.models.gateway.openai import Call
from weftwork.models.gateway.route import Policy
from weftwork.models.gateway.work import Ask, Work
from weftwork.units import Digest

T = TypeVar("T")


class Trip:
    """One call on its way: who asks, money held, miners tried, the first request of its thread."""

    __slots__ = ("asker", "bill", "call", "link", "root", "tried")

    def __init__(self, call: Call, asker: Asker, bill: Bill, link: Callable[[Digest, Digest], None]) -> None:
        self.call = call
        self.asker = asker
        self.bill = bill
        self.link = link
        self.root: Digest | None = None
        self.tried: set[Seat] = set()

    def note(self, request: Digest) -> None:
        """Ties one more request to the thread of the first."""
        if self.root is None:
            self.root = request
        else:
            self.link(self.root, request)


class Race:
    """The first attempt and, if it is late, a second one beside it; the first good answer wins."""

    __slots__ = ("done", "main", "other", "winner")

    def __init__(self, main: asyncio.Task[Any]) -> None:
        self.main = main
        self.other: asyncio.Task[Any] | None = None
        self.winner: Any = None
        self.done = False


class Relay:
    """Sends calls to miners of a directory through a broker, by a policy, with the given chance."""

    def __init__(
        self,
        broker: Broker,
        directory: Directory,
        policy: Policy,
        rng: random.Random,
        count: Callable[[str], object] = lambda name: None,
    ) -> None:
        """``count`` is told of ``gateway_hedges`` and ``gateway_failures``."""
        self._count = count
        self.broker = broker
        self.directory = directory
        self.policy = policy
        self.rng = rng

    def pick(self, trip: Trip) -> Seat | None:
        """The next miner for this trip, with money held for it; None if none is left."""
        wheel = self.directory.wheel(trip.call.model)
        while True:
            seat = wheel.pick(self.rng, trip.tried)
            if seat is None:
                return None
            trip.tried.add(seat)
            if seat.covers(seat.quote(trip.call)):
                return seat

    async def route(self, trip: Trip) -> Work:
        """One proven answer; raises the last miner's error, or :class:`NoMiner`."""
        return await self.attempt(trip, self._answer)

    async def attempt(self, trip: Trip, once: Callable[[Trip, Seat], Awaitable[T]]) -> T:
        """What ``once`` gives at the first miner where it succeeds, hedged and retried by the policy."""
        last: WeftError | None = None
        for _ in range(self.policy.attempts):
            seat = self.pick(trip)
            if seat is None:
                break
            try:
                return await self._hedged(trip, seat, once)
            except BadParameter as error:
                if isinstance(last, BadParameter):
                    raise
                last = error
            except WeftError as error:
                if isinstance(error, (Unpaid, CapReached)):
                    raise
                last = error
        if last is None:
            raise NoMiner(f"No miner of {trip.call.model} can take this call now.", value=trip.call.model)
        if isinstance(last, (BadParameter, NoMiner)):
            raise last
        raise NoMiner(
            f"Each miner of {trip.call.model} that was asked failed; the last: {last.sentence}",
            value=trip.call.model,
        ) from last

    async def _hedged(self, trip: Trip, seat: Seat, once: Callable[[Trip, Seat], Awaitable[T]]) -> T:
        if not self.policy.hedge or len(self.directory.wheel(trip.call.model)) == 1:
            return await once(trip, seat)
        task = asyncio.current_task()
        assert task is not None
        race = Race(task)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seat.standing.hedge_after(self.policy), self._hedge, race, trip, once)
        try:
            return await once(trip, seat)
        except asyncio.CancelledError:
            if race.winner is not None and task.uncancel() == 0:
                won: T = race.winner
                return won
            raise
        except WeftError:
            if race.other is not None:
                race.done = True
                other: T = await race.other
                return other
            raise
        finally:
            race.done = True
            timer.cancel()
            if race.other is not None and not race.other.done():
                race.other.cancel()

    def _hedge(self, race: Race, trip: Trip, once: Callable[[Trip, Seat], Awaitable[Any]]) -> None:
        if race.done:
            return
        seat = self.pick(trip)
        if seat is None:
            return
        self._count("gateway_hedges")

        async def run() -> Any:
            found = await once(trip, seat)
            if not race.done:
                race.done = True
                race.winner = found
                race.main.cancel()
            return found

        race.other = asyncio.get_running_loop().create_task(run())
        race.other.add_done_callback(lambda task: task.cancelled() or task.exception())

    def prepare(self, trip: Trip, seat: Seat, prefix: str = "") -> Ask:
        """A request of the trip's call to ``seat``; money is held for it at the asker and in the channel."""
        quote = seat.quote(trip.call)
        try:
            trip.bill.hold(quote)
        except (Unpaid, CapReached):
            quote = trip.bill.left
            if not prefix or not quote:  # an answer that goes on may use up what was held for it
                raise
        try:
            ask = self.broker.prepare(seat, trip.call, trip.asker, prefix, quote)
        except BaseException:
            trip.bill.drop(quote)
            raise
        seat.held += quote
        trip.note(ask.id)
        return ask

    async def _answer(self, trip: Trip, seat: Seat) -> Work:
        ask = self.prepare(trip, seat)
        try:
            work = await self.broker.ask(ask)
        except asyncio.CancelledError:
            self.broker.spawn(self.broker.cancel(ask))
            trip.bill.drop(ask.quote)
            raise
        except WeftError as error:
            trip.bill.drop(ask.quote)
            self.blame(seat, error)
            raise
        finally:
            seat.held -= ask.quote
        self.directory.settle(seat, work.took_us)
        return work

    def blame(self, seat: Seat, error: WeftError) -> None:
        """Lets a miner rest after an error of its own; a complaint about the call is none."""
        if not isinstance(error, BadParameter) and not error.counted:
            self._count("gateway_failures")
            self.directory.settle(seat, None)
            if error.value == "refused.unpaid":
                self.broker.spawn(self.broker.resume(seat))
