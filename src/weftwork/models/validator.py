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
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from weftwork.closing import ClosingPlan
from weftwork.errors import BadInput, ClosingDiffers, EpochNotFound, Refused, Unavailable, WeftError
from weftwork.models.ballot import Ballot, Phase
from weftwork.models.evidence import Evidence
from weftwork.models.exchange import Exchange, Peer, Peers
from weftwork.models.probe import PPM, Doors, is_sampled, poisson_gaps
from weftwork.models.registration import Registration
from weftwork.models.standing import Standing
from weftwork.models.subnet.port import Subnet, Task, Worker
from weftwork.records import Domains, Score, Signed, Weights
from weftwork.spec.merkle import hash_leaf, merkle_root
from weftwork.store import Store
from weftwork.units import Digest, salt_content
from weftwork.wire import log
from weftwork.wire.client import Client
from weftwork.wire.server import App, HttpRequest, Running, serve


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


class Validator:
    """One validator of one subnet."""

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
        self.account = account
        self.subnet = subnet
        self.ballot = ballot
        self.doors = doors
        self.store = store
        self.standing = standing or Standing()
        self.share = share
        self.rate = rate
        self.running: Running | None = None
        self._domains = domains
        self._domain = domains.of("score")
        self._roster = roster
        self._workers: dict[str, Worker] = {}
        self._now = now
        self._rng = rng or Random()
        self._sleep = sleep
        self._http = Client(local, timeout=20.0)
        self._key = f"validator:{account.address}:{ballot.subnet}"
        kept = store.state(self._key) or {}
        self.standing.load(kept.get("means", ()))
        self._open: list[Digest] = [Digest(name) for name in kept.get("open", ())]
        self._committed: int = kept.get("committed", -1)
        self._revealed: int = kept.get("revealed", -1)
        self.app = App(name, hosts=hosts)
        self.exchange = Exchange(ballot, self._domain, peers, self._http, now, self.app.log)
        self._route()

    def _route(self) -> None:
        app = self.app
        app.get("/v1/describe")(self.describe)
        app.get("/v1/scores/{epoch}")(self.show_scores)
        app.post("/v1/vote")(self.exchange.take)
        app.metrics.gauge("validator_open_scores", lambda: len(self._open))

    def _save(self) -> None:
        kept = {
            "means": self.standing.to_json(),
            "open": [str(name) for name in self._open],
            "committed": self._committed,
            "revealed": self._revealed,
        }
        self.store.set_state(self._key, kept)

    # Life

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Running:
        """Serves what peers and readers ask for."""
        self.running = await serve(self.app, host, port)
        return self.running

    async def stop(self) -> None:
        """Pays at its gateways and stops serving."""
        with contextlib.suppress(WeftError):
            await self.doors.settle()
        if self.running is not None:
            await self.running.stop()
        await self._http.close()
        await self.store.flushed()

    def registration(self, endpoint: str) -> Registration:
        """The card under which this validator is found."""
        return Registration("validator", endpoint, "weft validator", self.ballot.subnet)

    # Asking and judging

    @property
    def epoch_of_scores(self) -> int:
        """The epoch whose weights the next score counts for."""
        phase = self.ballot.phase()
        return phase.epoch if phase.committing and self._committed < phase.epoch else phase.epoch + 1

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
        score = await self._record(answer, worker, epoch, evidence, value)
        self.standing.add(worker.uid, worker.wallet, value)
        self._save()
        self.app.metrics.count("validator_scores")
        return Outcome(task, worker, score)

    async def _record(
        self, answer: Any, worker: Worker, epoch: int, evidence: Evidence, value: int
    ) -> Signed[Score]:
        text = evidence.to_text().encode(errors="surrogatepass")
        digest, salt = salt_content(text)
        receipt = answer.work_receipt
        record = Score(receipt.id, self.account.address, self.ballot.subnet, epoch, worker.uid, value, digest)
        signed = self._sign(record)
        self.store.put_content(digest, salt, text)
        for item in answer.records:
            self.store.add(item)
        self._open.append(self.store.add(signed))
        await self.store.flushed()
        return signed

    def _sign(self, record: Any) -> Signed[Any]:
        return Signed(record, self.account.sign_hash(record.digest(self._domain)))

    async def _find(self, wallet: str) -> Worker | None:
        found = self._workers.get(wallet)
        if found is None:
            self._workers = {worker.wallet: worker for worker in await self._roster()}
            found = self._workers.get(wallet)
        return found

    # Weights

    def weights(self) -> dict[int, int]:
        """This validator's weights now: u16 by uid, never for itself."""
        return self.standing.weights(without=[self.ballot.uid])

    async def commit(self) -> int | None:
        """Seals this epoch's weights, and the sampling key of the next; the epoch, or None with nothing to
        say.

        Raises Reverted where the ledger refuses, :class:`Refused` outside the time for it.
        """
        phase = await asyncio.to_thread(self.ballot.phase)
        if not phase.committing:
            raise Refused("commits are closed in this epoch", value=phase.epoch)
        if self._committed >= phase.epoch:
            return phase.epoch
        self._workers = {worker.wallet: worker for worker in await self._roster()}
        self.standing.prune((worker.uid, worker.wallet) for worker in self._workers.values())
        row = self.weights()
        if not row:
            return None
        self._bind_scores(phase.epoch, row)
        await asyncio.to_thread(self.ballot.commit, phase.epoch, row)
        self._committed = phase.epoch
        self._open = []
        self.standing.rest()
        self._save()
        await self.store.flushed()
        await asyncio.to_thread(self._fix_sampling, phase.epoch + 1)
        return phase.epoch

    def _fix_sampling(self, epoch: int) -> None:
        with contextlib.suppress(WeftError):
            self.ballot.commit_sampling(epoch)

    def _bind_scores(self, epoch: int, row: Mapping[int, int]) -> None:
        """Puts the weights on the thread behind the Merkle root of the scores since the last commitment."""
        scores = sorted(self._open)
        if not scores or self.store.state(f"{self._key}:{epoch}") is not None:
            return
        root = merkle_root([hash_leaf(name) for name in scores])
        uids = tuple(sorted(row))
        record = Weights(
            self.account.address, self.ballot.subnet, epoch, uids, tuple(row[uid] for uid in uids), root
        )
        name = self.store.add(self._sign(record))
        for score in scores:
            self.store.link(score, root)
        self.store.set_state(
            f"{self._key}:{epoch}", {"weights": str(name), "scores": [str(s) for s in scores]}
        )

    async def reveal(self) -> int:
        """Shows what was committed to in this epoch; its number. Raises Refused or Reverted."""
        phase = await asyncio.to_thread(self.ballot.phase)
        if phase.committing:
            raise Refused("reveals are not open in this epoch", value=phase.epoch)
        await asyncio.to_thread(self.ballot.reveal, phase.epoch)
        self._revealed = phase.epoch
        self._save()
        await self.store.flushed()
        return phase.epoch

    # Closings

    async def close(self) -> list[int]:
        """Closes every ended epoch that its votes and its peers' suffice for, and skips those that stalled;
        the
        numbers of those done.

        Raises :class:`Unavailable` for the first epoch without a quorum yet.
        """
        done: list[int] = []
        while True:
            phase = await asyncio.to_thread(self.ballot.phase)
            epoch = await asyncio.to_thread(self.ballot.next_close)
            if epoch >= phase.epoch:
                return done
            plan = await asyncio.to_thread(self.ballot.plan, epoch)
            if await asyncio.to_thread(self.ballot.next_close) > epoch:
                continue  # nobody could vote in it, or another closed it meanwhile
            await self._close(plan)
            done.append(epoch)

    async def _close(self, plan: ClosingPlan) -> None:
        epoch = plan.closing.epoch
        phase = await asyncio.to_thread(self.ballot.phase)
        if phase.epoch > epoch + plan.snapshot.params.stall_epochs:
            await asyncio.to_thread(self.ballot.skip, epoch)
            return
        votes = await self.exchange.gather(plan)
        if not await self.exchange.is_enough(plan, votes):
            raise Unavailable(
                f"{len(votes)} votes are not enough to close epoch {epoch}",
                value=epoch,
                hint="more must sign; after the closing window more than half of the stake suffices",
            )
        await asyncio.to_thread(self.ballot.submit, plan, votes)
        names = [Digest(kept["weights"])] if (kept := self.store.state(f"{self._key}:{epoch}")) else []
        await asyncio.to_thread(self.ballot.record, plan, names)
        self.exchange.forget(epoch)

    # What may be read

    async def describe(self, request: HttpRequest) -> Any:
        """GET /v1/describe."""
        return {
            "role": "validator",
            "wallet": self.account.address,
            "subnet": self.ballot.subnet,
            "uid": self.ballot.uid,
            "rule": self.subnet.name,
            "revealed": self._revealed,
        }

    async def show_scores(self, request: HttpRequest) -> Any:
        """GET /v1/scores/EPOCH: refused until the weights of that epoch are revealed."""
        text = request.params["epoch"]
        if not text.isdigit() or len(text) > 18:
            raise BadInput("an epoch is a whole number", value=text[:80])
        epoch = int(text)
        if epoch > self._revealed:
            raise Refused("scores are sealed until their weights are revealed", value=epoch)
        kept = self.store.state(f"{self._key}:{epoch}")
        if kept is None:
            raise EpochNotFound(f"this validator weighed nothing in epoch {epoch}", value=epoch)
        rows = []
        for name in kept["scores"]:
            score: Any = self.store.get(name)
            content = self.store.content(score.record.evidence)
            row = {"score": score.to_json()}
            if content is not None:
                row |= {"salt": content[0].hex(), "evidence": content[1].decode(errors="replace")}
            rows.append(row)
        weights: Any = self.store.get(kept["weights"])
        return {"epoch": epoch, "weights": weights.to_json(), "scores": rows}

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

    async def step(self, *, least: int = 8) -> Phase:
        """Does what is due in the ledger's phase: commit, reveal, close; where it stands."""
        phase = await asyncio.to_thread(self.ballot.phase)
        if phase.committing and self._committed < phase.epoch:
            ready = len(self._open) >= least * max(1, len(self._workers))
            if phase.gone * 2 >= phase.length or ready:
                await self.commit()
        elif not phase.committing and self._committed == phase.epoch > self._revealed:
            await self.reveal()
        try:
            await self.close()
        except (EpochNotFound, Unavailable, ClosingDiffers) as error:
            self.app.log.info("an epoch stays open", code=error.code, error=error.sentence)
        return phase
