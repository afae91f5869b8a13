"""The checker of who stands ready: a validator of the subnet ``availability``.

    await checker.look()       the nodes whose time has come are drilled; times are exponential, so unforeseen
    await checker.step()       commit, reveal, close, as any validator
    await checker.report()     epochs of credits that are over: the panel reports them, Credits pays for them
    await checker.settle()     those that are past their grace too: minted and shared out
    await checker.run()        all of it by itself

GET /v1/readiness    what this checker counted since its last commitment, sealed until it is revealed
POST /v1/panel       a peer's decision, in a signed envelope; answered with this validator's signature
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Any

from weftwork.closing.judge import Judge
from weftwork.closing.standing import FULL
from weftwork.compute import panel as bench
from weftwork.compute.attendance import Drill, ask_drill
from weftwork.compute.evidence import BUSY, DOWN, READY, WRONG, write_evidence
from weftwork.compute.readiness import ReadyBook, ReadySeat, Tally, weigh_ready
from weftwork.errors import BadAnswer, Busy, EpochNotFound, Refused, Reverted, Unavailable, WeftError
from weftwork.units import Digest, keccak

MEAN_GAP = 600.0
"""Seconds between two drills of a node by one checker, on average."""
AT_ONCE = 8
"""Nodes that are drilled at a time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one drill came to: ready (with a score in points), busy, wrong or down, and why."""

    wallet: str
    state: str
    score: int = 0
    why: str = ""


Roster = Callable[[], Awaitable[Sequence[ReadySeat]]]
Trial = Callable[[ReadySeat], Awaitable[tuple[int, bytes]]]
"""A drill of a node: its score and the answer; raises as :func:`weftwork.compute.attendance.ask_drill`."""


class AvailabilityChecker(Judge):
    """One validator of the availability subnet."""

    rule = "availability"

    def __init__(
        self,
        *args: Any,
        roster: Roster,
        place: str,
        panel: str,
        mean_gap: float = MEAN_GAP,
        drill: tuple[int, int] = (64, 20_000),
        trial: Trial | None = None,
        limit: float = 10.0,
        rng: Random | None = None,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        **options: Any,
    ) -> None:
        """As :class:`Judge`; ``place`` and ``panel`` are the addresses of ``Credits`` and of its checker;
        ``drill`` is links and rounds of the usual ``trial``, which may take ``limit`` seconds by ``clock``.
        """
        super().__init__(*args, **options)
        ballot = self.ballot
        self.book = ReadyBook(ballot.ledger, ballot.contracts, place, ballot.subnet, self.store)
        self.panel = bench.PanelSeat(
            ballot,
            panel,
            self._domain,
            peers=options["peers"],
            http=self._http,
            now=self._now,
            log=self.app.log,
            agrees=self._agree,
        )
        self._roster, self._gap, self._drill = roster, mean_gap, drill
        self._trial = trial or self._set_drill
        self._limit, self._rng, self._clock, self._sleep = limit, rng or SystemRandom(), clock, sleep
        self._tally_key = f"ready:tallies:{self.account.address}:{ballot.subnet}"
        kept = self.store.state(self._tally_key) or {}
        self.tallies = {wallet: Tally.from_json(row) for wallet, row in kept.items()}
        self._seats: dict[str, ReadySeat] = {}
        self._due: dict[str, float] = {}
        self.app.post(bench.PATH)(self.panel.take)

    async def list_seats(self) -> Sequence[tuple[int, str]]:
        """The nodes that the ledger knows now, as (uid, wallet)."""
        self._seats = {seat.wallet: seat for seat in await self._roster()}
        return [(seat.uid, seat.wallet) for seat in self._seats.values()]

    @property
    def known(self) -> int:
        """How many nodes it knows."""
        return len(self._seats)

    # Drills

    async def look(self) -> list[Finding]:
        """Drills every node whose time has come, and draws its next time; what was found."""
        await self.list_seats()
        now = self._now()
        for wallet in self._seats:
            self._due.setdefault(wallet, now + self._rng.expovariate(1 / self._gap))
        due = [seat for seat in self._seats.values() if self._due[seat.wallet] <= now]
        for seat in due:
            self._due[seat.wallet] = now + self._rng.expovariate(1 / self._gap)
        self._due = {wallet: at for wallet, at in self._due.items() if wallet in self._seats}
        return await self.drill(due)

    async def drill(self, seats: Sequence[ReadySeat]) -> list[Finding]:
        """Drills these nodes now, some at a time."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(seat: ReadySeat) -> Finding:
            async with gate:
                return await self._examine(seat)

        return list(await asyncio.gather(*(one(seat) for seat in seats)))

    async def _examine(self, seat: ReadySeat) -> Finding:
        epoch = await asyncio.to_thread(lambda: self.epoch_of_scores)
        answer = b""
        try:
            score, answer = await self._trial(seat)
            finding = Finding(seat.wallet, READY, score)
        except Busy as error:
            finding = Finding(seat.wallet, BUSY, 0, error.sentence)
        except BadAnswer as error:
            finding = Finding(seat.wallet, WRONG, 0, error.sentence)
        except WeftError as error:
            finding = Finding(seat.wallet, DOWN, 0, error.sentence)
        held = self.tallies.setdefault(seat.wallet, Tally())
        held.asked += 1
        held.wrong += finding.state == WRONG
        if finding.state == READY:
            held.ready += 1
            held.scores.append(finding.score)
        self._save_tallies()
        self.app.metrics.count("availability_drills", state=finding.state)
        if finding.state != BUSY:
            evidence = write_evidence(finding.state, finding.score, finding.why, answer).encode()
            value = FULL if finding.state == READY else 0
            receipt = Digest(keccak(evidence + seat.wallet.encode() + str(held.asked).encode()))
            await self.record(receipt, seat.uid, seat.wallet, epoch, value, evidence)
        return finding

    async def _set_drill(self, seat: ReadySeat) -> tuple[int, bytes]:
        return await ask_drill(
            self._http,
            self.account,
            self._domain,
            seat.wallet,
            seat.endpoint,
            Drill(self._rng.randbytes(32), *self._drill),
            now=self._now,
            clock=self._clock,
            rng=self._rng,
            limit=self._limit,
        )

    def _save_tallies(self) -> None:
        rows = {wallet: held.to_json() for wallet, held in self.tallies.items()}
        self.store.set_state(self._tally_key, rows)

    # Weights

    def weights(self) -> dict[int, int]:
        """This checker's weights now, by the formula of availability; never for itself."""
        own = self.ballot.uid
        seats = [seat for seat in self._seats.values() if seat.uid != own]
        return weigh_ready(seats, self.tallies)

    async def commit(self) -> int | None:
        """As :meth:`Judge.commit`; counting begins anew with it."""
        before = self._committed
        epoch = await super().commit()
        if self._committed != before:
            self.tallies = {}
            self._save_tallies()
        return epoch

    # Reports

    async def report(self) -> list[int]:
        """Has the panel report every epoch of credits that is over, not settled and not reported; which.

        Raises :class:`Unavailable` while too few of the others agree, EpochNotFound while an epoch of the
        subnet that counts is neither closed nor skipped.
        """
        paying, done = self.book.credits, []
        first, now = await asyncio.to_thread(lambda: (paying.call("next_epoch"), paying.call("epoch_now")))
        for epoch in range(int(first), int(now)):
            made = [
                await self.panel.decide(paying.address, data)
                for data in await asyncio.to_thread(self.book.calls, epoch)
            ]
            if any(made):
                done.append(epoch)
        return done

    async def settle(self) -> list[int]:
        """Settles the epochs of credits that are past their grace and have their reports; which.

        Anyone may settle an epoch; a checker leaves one alone that still lacks its report.
        """
        return await asyncio.to_thread(self._settle)

    def _settle(self) -> list[int]:
        paying = self.book.credits
        done: list[int] = []
        grace = int(paying.call("grace"))
        while True:
            epoch = int(paying.call("next_epoch"))
            over = self.book.window(epoch)[1] + grace
            if int(self.book.ledger.block()["timestamp"]) < over:
                return done
            calls = self.book.calls(epoch)
            if not all(self.panel.is_decided(paying.address, data) for data in calls):
                return done
            try:
                paying.send(self.account, "settle")
            except Reverted:
                return done  # another was first
            done.append(epoch)

    async def _agree(self, decision: bench.Decision) -> None:
        """Signs the reports that it comes to itself, and nothing else."""
        paying = self.book.credits
        if decision.target != paying.address or decision.nonce:
            raise Refused("this validator signs reports of who stood ready", value=decision.target)
        epoch = int.from_bytes(decision.data[4:36], "big")
        if epoch >= int(await asyncio.to_thread(paying.call, "epoch_now")):
            raise EpochNotFound(f"epoch {epoch} of credits has not ended", value=epoch)
        if decision.data not in await asyncio.to_thread(self.book.calls, epoch):
            raise Refused("the closings of the subnet say otherwise", value=epoch)

    # By itself

    async def run(self, *, every: float = 2.0, least: int = 2) -> None:
        """Drills, commits, reveals, closes, reports, settles until cancelled, ``every`` so many seconds."""
        while True:
            for step in (self.look, lambda: self.step(least=least), self.report, self.settle):
                try:
                    await step()
                except (EpochNotFound, Unavailable) as error:
                    self.app.log.info("an epoch waits", code=error.code, error=error.sentence)
                except WeftError as error:
                    self.app.log.warning("a step failed", code=error.code, error=error.sentence)
                except Exception:
                    self.app.report("a step of the checker broke")
            await self._sleep(every)
