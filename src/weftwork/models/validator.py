"""The validator: asks as any client would, judges the answers, weighs the miners, closes epochs with its
peers.

    await validator.probe(5)     five questions through its gateways; their scores stay sealed here
    await validator.commit()     this epoch's weights, sealed on the ledger
    await validator.reveal()     the weights shown; from now on its scores may be read
    await validator.close()      the ended epochs: computed, signed, exchanged, submitted, claimed
    await validator.run()        all of it by itself, as the chain's blocks go by

GET /v1/scores/EPOCH   scores and evidence, refused until the weights behind them are revealed
POST /v1/vote          a peer's vote for a closing, in a signed envelope; answered with this validator's own
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from weftwork.closing.ballot import Ballot
from weftwork.closing.chance import PPM, is_sampled, poisson_gaps
from weftwork.closing.exchange import Peer, Peers
from weftwork.closing.judge import Judge
from weftwork.closing.standing import Standing
from weftwork.errors import WeftError
from weftwork.models.evidence import Evidence
from weftwork.models.probe import Doors
from weftwork.models.registration import Registration
from weftwork.models.subnet.port import Subnet, Task, Worker
from weftwork.records import Domains, Score, Signed
from weftwork.store import Store
from weftwork.wire import log


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one question came to: the task, the miner that answered, its score (None: not judged), or the
    error."""

    task: Task
    worker: Worker | None
    score: Signed[Score] | None
    error: str = ""


__all__ = ["Outcome", "Peer", "Peers", "Roster", "Validator"]

Roster = Callable[[], Awaitable[Sequence[Worker]]]


class Validator(Judge):
    """One validator of one subnet of models."""

    def __init__(
        self,
        account: Any,
        subnet: Subnet,
        ballot: Ballot,
        doors: Doors,
        store: Store,
        domains: Domains,
        *,
        roster: Roster,
        peers: Peers,
        standing: Standing | None = None,
        share: int = PPM,
        rate: float = 0.05,
        local: bool = False,
        now: Callable[[], float] = time.time,
        rng: Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        hosts: Iterable[str] = (),
        name: str = "validator",
    ) -> None:
        """``share`` of receipts is judged, in ppm, drawn by the sampling key; ``rate``: questions a
        second."""
        super().__init__(
            account,
            ballot,
            store,
            domains,
            peers=peers,
            standing=standing,
            local=local,
            now=now,
            hosts=hosts,
            name=name,
        )
        self.subnet = subnet
        self.rule = subnet.name
        self.doors = doors
        self.share = share
        self.rate = rate
        self._roster = roster
        self._workers: dict[str, Worker] = {}
        self._rng = rng or Random()
        self._sleep = sleep

    # Life

    async def stop(self) -> None:
        """Pays at its gateways and stops serving."""
        with contextlib.suppress(WeftError):
            await self.doors.settle()
        await super().stop()

    def registration(self, endpoint: str) -> Registration:
        """The card under which this validator is found."""
        return Registration("validator", endpoint, "weft validator", self.ballot.subnet)

    async def list_seats(self) -> Sequence[tuple[int, str]]:
        """The miners that the ledger knows now, as (uid, wallet)."""
        self._workers = {worker.wallet: worker for worker in await self._roster()}
        return [(worker.uid, worker.wallet) for worker in self._workers.values()]

    @property
    def known(self) -> int:
        """How many miners it knows."""
        return len(self._workers)

    # Asking and judging

    async def probe(self, n: int = 1) -> list[Outcome]:
        """Asks ``n`` fresh questions, one after another, and judges the answers; errors are outcomes too."""
        return [await self._probe() for _ in range(n)]

    async def _probe(self) -> Outcome:
        task = self.subnet.make_task(self._rng)
        try:
            door = await self.doors.pick()
            answer = await door.ask(task.body)
        except WeftError as error:
            self.app.metrics.count("validator_unanswered", code=error.code)
            return Outcome(task, None, None, error.code)
        return await self.judge(task, answer)

    async def judge(self, task: Task, answer: Any) -> Outcome:
        """Scores a proven answer of a miner of this subnet, if the sampling key draws its receipt."""
        receipt = answer.work_receipt
        log.bind_thread(answer.work_request.id)
        worker = await self._find(answer.worker)
        if worker is None:
            return Outcome(task, None, None, "not_found")
        epoch = await asyncio.to_thread(lambda: self.epoch_of_scores)
        key = self.ballot.sampling_key(epoch)
        if not is_sampled(key, receipt.id, self.share):
            return Outcome(task, worker, None)
        facts: dict[str, dict[str, Any]] = {}
        try:
            for verifier in self.subnet.verifiers(worker):
                facts[verifier.name] = await verifier.examine(task, answer.text, worker)
        except WeftError as error:
            self.app.log.warning("judging failed", code=error.code, error=error.sentence)
            return Outcome(task, worker, None, error.code)
        evidence = Evidence(self.subnet.name, task, answer.text, facts)
        value = evidence.weigh()
        for item in answer.records:
            self.store.add(item)
        text = evidence.to_text().encode(errors="surrogatepass")
        score = await self.record(receipt.id, worker.uid, worker.wallet, epoch, value, text)
        return Outcome(task, worker, score)

    async def _find(self, wallet: str) -> Worker | None:
        found = self._workers.get(wallet)
        if found is None:
            self._workers = {worker.wallet: worker for worker in await self._roster()}
            found = self._workers.get(wallet)
        return found

    # By itself

    async def run(self, *, every: float = 2.0, least: int = 8) -> None:
        """Asks at Poisson times and follows the chain's phases until cancelled; looks every ``every``
        seconds.

        Weights are committed in the second half of the time for it, or once ``least`` questions a known miner
        were judged.
        """
        traffic = asyncio.get_running_loop().create_task(self._traffic())
        try:
            while True:
                try:
                    await self.step(least=least)
                except WeftError as error:
                    self.app.log.warning("a step failed", code=error.code, error=error.sentence)
                await self._sleep(every)
        finally:
            traffic.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await traffic

    async def _traffic(self) -> None:
        for gap in poisson_gaps(self._rng, self.rate):
            await self._sleep(gap)
            try:
                await self._probe()
            except WeftError as error:
                self.app.log.warning("a question failed", code=error.code, error=error.sentence)
