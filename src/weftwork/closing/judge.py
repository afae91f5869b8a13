"""A validator's life through an epoch, whatever its subnet asks and however it scores.

    await judge.commit()     this epoch's weights, sealed on the ledger
    await judge.reveal()     the weights shown; from now on its scores may be read
    await judge.close()      the ended epochs: computed, signed, exchanged, submitted, claimed
    await judge.step()       whichever of these is due, as the chain's blocks go by

GET /v1/scores/EPOCH   scores and evidence, refused until the weights behind them are revealed
POST /v1/vote          a peer's vote for a closing, in a signed envelope; answered with this validator's own

:class:`weftwork.models.validator.Validator` asks models questions on top of it; the checkers of renders and
of availability (:mod:`weftwork.compute`) do other work again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from weftwork.closing.ballot import Ballot, Phase
from weftwork.closing.exchange import Exchange, Peers
from weftwork.closing.plan import ClosingPlan
from weftwork.closing.standing import Standing
from weftwork.errors import BadInput, ClosingDiffers, EpochNotFound, Refused, Unavailable, WeftError
from weftwork.records import Domains, Score, Signed, Weights
from weftwork.spec.merkle import hash_leaf, merkle_root
from weftwork.store import Store
from weftwork.units import Digest, salt_content
from weftwork.wire.client import Client
from weftwork.wire.server import App, HttpRequest, Running, serve


class Judge:
    """One validator of one subnet: its scores, its weights, its votes. A subclass gives it eyes.

    A subclass says who the workers are (:meth:`list_seats`), and calls :meth:`record` for each score.
    """

    rule = ""
    """The name of the subnet's rule, as readers are told."""

    def __init__(
        self,
        account: Any,
        ballot: Ballot,
        store: Store,
        domains: Domains,
        *,
        peers: Peers,
        standing: Standing | None = None,
        local: bool = False,
        now: Callable[[], float] = time.time,
        hosts: Iterable[str] = (),
        name: str = "validator",
    ) -> None:
        """``local``: peers may be on this machine; ``hosts``: further names under which it may be called."""
        self.account = account
        self.ballot = ballot
        self.store = store
        self.standing = standing or Standing()
        self.running: Running | None = None
        self._domains = domains
        self._domain = domains.of("score")
        self._now = now
        self._http = Client(local, timeout=20.0)
        self._key = f"validator:{account.address}:{ballot.subnet}"
        kept = store.state(self._key) or {}
        self.standing.load(kept.get("means", ()))
        self._open: list[Digest] = [Digest(name) for name in kept.get("open", ())]
        self._committed: int = kept.get("committed", -1)
        self._revealed: int = kept.get("revealed", -1)
        self.app = App(name, hosts=hosts)
        self.exchange = Exchange(ballot, self._domain, peers, self._http, now, self.app.log)
        self.app.get("/v1/describe")(self.describe)
        self.app.get("/v1/scores/{epoch}")(self.show_scores)
        self.app.post("/v1/vote")(self.exchange.take)
        self.app.metrics.gauge("validator_open_scores", lambda: len(self._open))

    async def list_seats(self) -> Sequence[tuple[int, str]]:
        """The workers that may be weighed now, as (uid, wallet)."""
        raise NotImplementedError

    @property
    def known(self) -> int:
        """How many workers it knows."""
        return len(self.standing.means)

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
        """Stops serving; what is written down is on disk."""
        if self.running is not None:
            await self.running.stop()
        await self._http.close()
        await self.store.flushed()

    # Scores

    @property
    def epoch_of_scores(self) -> int:
        """The epoch whose weights the next score counts for."""
        phase = self.ballot.phase()
        return phase.epoch if phase.committing and self._committed < phase.epoch else phase.epoch + 1

    async def record(
        self, receipt: Digest, uid: int, wallet: str, epoch: int, value: int, evidence: bytes
    ) -> Signed[Score]:
        """Signs a score (millionths) for the answer behind ``receipt``, and keeps it with its evidence."""
        digest, salt = salt_content(evidence)
        score = Score(receipt, self.account.address, self.ballot.subnet, epoch, uid, value, digest)
        signed = self._sign(score)
        self.store.put_content(digest, salt, evidence)
        self._open.append(self.store.add(signed))
        await self.store.flushed()
        self.standing.add(uid, wallet, value)
        self._save()
        self.app.metrics.count("validator_scores")
        return signed

    def _sign(self, record: Any) -> Signed[Any]:
        return Signed(record, self.account.sign_hash(record.digest(self._domain)))

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
        self.standing.prune(await self.list_seats())
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

    async def step(self, *, least: int = 8) -> Phase:
        """Does what is due in the ledger's phase: commit, reveal, close; where it stands."""
        phase = await asyncio.to_thread(self.ballot.phase)
        if phase.committing and self._committed < phase.epoch:
            ready = len(self._open) >= least * max(1, self.known)
            if phase.gone * 2 >= phase.length or ready:
                await self.commit()
        elif not phase.committing and self._committed == phase.epoch > self._revealed:
            await self.reveal()
        try:
            await self.close()
        except (EpochNotFound, Unavailable, ClosingDiffers) as error:
            self.app.log.info("an epoch stays open", code=error.code, error=error.sentence)
        return phase

    # What may be read

    async def describe(self, request: HttpRequest) -> Any:
        """GET /v1/describe."""
        return {
            "role": "validator",
            "wallet": self.account.address,
            "subnet": self.ballot.subnet,
            "uid": self.ballot.uid,
            "rule": self.rule,
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
