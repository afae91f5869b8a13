"""A checker: the validator of the render subnet. It renders tiles again and compares them.

    findings = await checker.look()      what was handed in since the last look, a drawn share of it checked
    speed = await checker.challenge(seat)

It learns of work from the ledger (who handed in what) and asks the node for the rest: manifest, orders and
receipts must be those that the ledger's job and deliverable commit to, so a node can show no other work than
it was paid for. Which receipts are checked is drawn by the sampling key, which was fixed before the epoch and
is shown after it. Requesters send checkers nothing; a node that shows them nothing is scored 0. A wrong
bundle that is not paid yet is refused by the subnet's panel, and a tile that is wrong beyond doubt costs its
node collateral, paid or not: each checker that is asked renders that tile again itself before it signs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any

from weftwork.closing.chance import is_sampled
from weftwork.closing.judge import Judge
from weftwork.compute.panel import PATH, Decision, PanelSeat
from weftwork.compute.render.challenge import (
    CHALLENGE_TILE,
    Speed,
    choose_tiles,
    issue_challenge,
    judge_answer,
    next_challenge,
)
from weftwork.compute.render.docket import TRIES, Docket
from weftwork.compute.render.error import RenderWorkerLost, SceneStopped, TileDiffers, WorkWithheld
from weftwork.compute.render.evidence import RULE, keep_bundle
from weftwork.compute.render.gauge import Gauge, Measure
from weftwork.compute.render.local import require_renderer
from weftwork.compute.render.peer import COLLATERAL, NodePeer, NodeSeat, Row, list_by_wallet
from weftwork.compute.render.worker import RENDER_QUOTA
from weftwork.errors import (
    BadAnswer,
    BadInput,
    ExtraMissing,
    LedgerError,
    LedgerUnavailable,
    Refused,
    Unavailable,
    WeftError,
)
from weftwork.spec.job import Status
from weftwork.spec.panel import Fault
from weftwork.units import Digest

if TYPE_CHECKING:
    from weftwork.compute.render.escrow import Escrow, JobState
    from weftwork.compute.render.workshop import Workshop

__all__ = ["CHALLENGE_TILE", "Finding", "RenderChecker"]

SHARE = 100_000
"""Receipts that are checked, in millionths: one in ten."""
PATIENCE = 3
"""Looks after which a node that shows no evidence is scored 0."""
MEAN_CHALLENGE = 3_600.0
"""Seconds between two challenges of a node, on average."""
CHALLENGE_SPP = 16
SHOWN_TILES = 2
RECENT = 3
"""Epochs back to which handed-in work is judged: later a release may render otherwise. Peers' accusations of
such work are answered for as long as they are made."""
REFUSALS = 3 * PATIENCE
"""Looks at which the panel is asked to refuse one bundle."""
KEPT = 1_000
"""Jobs that are kept in mind of those whose node shows nothing, or is not in sight."""
MARGIN = 60.0
"""Seconds that a peer is given beside those of a tile."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to: a job's tile at a node, its score in millionths, and why it is below all.

    ``grave`` is a tile that is wrong beyond doubt.
    """

    job: int
    node: str
    receipt: Digest
    value: int
    why: str = ""
    grave: bool = False


NodeRoster = Callable[[], Awaitable[Sequence[NodeSeat]]]


class RenderChecker(Judge):
    """One validator of the render subnet."""

    rule = "render"

    def __init__(
        self,
        *args: Any,
        escrow: Escrow,
        workshop: Workshop,
        roster: NodeRoster,
        share: int = SHARE,
        panel: str | None = None,
        rng: Random | None = None,
        least_collateral: int = COLLATERAL,
        **options: Any,
    ) -> None:
        """As :class:`Judge`; ``share`` of receipts is checked, in millionths; ``panel`` is the address of the
        panel by which the checkers refuse what is wrong (None: they only score it). Nodes with less than
        ``least_collateral`` wad of collateral get no weight."""
        super().__init__(*args, **options)
        self.escrow, self.workshop, self.share = escrow, workshop, share
        self.least_collateral = least_collateral
        self.speeds: dict[str, Speed] = {}
        self._roster = roster
        self._rng = rng or SystemRandom()
        self._seats: dict[str, NodeSeat] = {}
        self._due: dict[str, float] = {}
        self._missed: dict[int, int] = dict(self._read_missed())
        self._silent: dict[int, bool] = dict.fromkeys(self.store.state("check:silent", []), True)
        self._judged: dict[int, bool] = {}
        self._asked: dict[int, Digest] = {}
        self._refusals: dict[int, tuple[Digest, int]] = {
            job: (Digest(receipt), tries) for job, receipt, tries in self.store.state("check:refusals", [])
        }
        self._pressing: asyncio.Task[None] | None = None
        self._agents: dict[str, set[int]] = {}
        self.gauge = Gauge(workshop)
        self.app.get("/v1/speeds")(self.show_speeds)
        self.panel: PanelSeat | None = None
        self.docket: Docket | None = None
        if panel is not None:
            self.panel = PanelSeat(
                self.ballot,
                panel,
                self._domain,
                peers=options["peers"],
                http=self._http,
                now=self._now,
                log=self.app.log,
                agrees=self.agree,
                seconds=(workshop.quota or RENDER_QUOTA).seconds + MARGIN,
            )
            self.docket = Docket(self.panel, self.store, self.app.log)
            self.app.post(PATH)(self.panel.take)

    def _read_missed(self) -> list[tuple[int, int]]:
        return [(int(job), int(count)) for job, count in self.store.state("check:missed", [])]

    async def stop(self) -> None:
        """Stops serving and ends the renderers."""
        if self._pressing is not None:
            self._pressing.cancel()
            with contextlib.suppress(asyncio.CancelledError, WeftError):
                await self._pressing
        await super().stop()
        await self.gauge.aclose()
        await self.workshop.aclose()

    async def list_seats(self) -> Sequence[tuple[int, str]]:
        """The nodes that the ledger knows now, as (uid, wallet)."""
        roster = await self._roster()
        self._agents = {}
        for one in roster:
            self._agents.setdefault(one.wallet.lower(), set()).add(one.agent)
        seats = list_by_wallet(roster)
        self._seats = {wallet.lower(): seat for wallet, seat in seats.items()}
        return [(seat.uid, seat.wallet) for seat in self._seats.values()]

    @property
    def known(self) -> int:
        """How many nodes it knows."""
        return len(self._seats)

    def weights(self) -> dict[int, int]:
        """This checker's weights now: none for itself, nor for a node that has nothing to lose."""
        bare = [seat.uid for seat in self._seats.values() if seat.collateral < self.least_collateral]
        return self.standing.weights(without=[self.ballot.uid, *bare])

    def _peer(self, seat: NodeSeat) -> NodePeer:
        return NodePeer(self._http, self.account, self._domain, seat, self._now)

    # Looking

    async def look(self) -> list[Finding]:
        """Checks what was handed in since the last look, or not seen then; what is wrong it has refused, and
        what is wrong beyond doubt put on record. Raises LedgerError."""
        out = await self._survey()
        await self.press()
        return out

    async def _survey(self) -> list[Finding]:
        await self.list_seats()
        oldest, since = await asyncio.to_thread(self._began, RECENT)
        cursor = max(oldest, int(self.store.state("check:block", 0)))
        head = await asyncio.to_thread(self.escrow.ledger.block_number)
        events = await asyncio.to_thread(self.escrow.jobs.events, "JobSubmitted", cursor, head)
        jobs = [*self._missed, *(int(event.args["jobId"]) for event in events)]
        out: list[Finding] = []
        for job in dict.fromkeys(jobs):
            out += await self._inspect(job, since)
        self.store.set_state("check:block", head + 1)
        missed = [(job, count) for job, count in self._missed.items() if job not in self._judged]
        self.store.set_state("check:missed", missed)
        self.store.set_state("check:silent", list(self._silent))
        self._save_refusals()
        await self.store.flushed()
        return out

    def _began(self, back: int) -> tuple[int, int]:
        """The block and the time at which the epoch began that was ``back`` before this one; blocks."""
        ballot = self.ballot
        epoch = max(0, ballot.phase().epoch - back)
        first = ballot.contracts.at(ballot.ledger, "subnets").call("first_block", ballot.subnet, epoch)
        block = min(int(first), ballot.ledger.block_number())
        return block, int(ballot.ledger.block(block)["timestamp"])

    async def press(self) -> None:
        """Has the panel refuse what was found wrong, and put on record what is so beyond doubt: what too few
        sign is asked again. Raises LedgerError."""
        if self.panel is None or self.docket is None:
            return
        for job, (receipt, tries) in list(self._refusals.items()):
            found = await asyncio.to_thread(self.escrow.read, job)
            self._refusals[job] = (receipt, tries + 1)
            try:
                if found.status == Status.SUBMITTED:
                    await self.panel.decide(self.escrow.review.address, self._write_refusal(job, receipt))
                del self._refusals[job]
            except LedgerUnavailable:
                self._refusals[job] = (receipt, tries)
                raise
            except WeftError as error:
                self.app.log.warning("a wrong bundle stands", job=job, error=error.sentence)
                if tries + 1 >= REFUSALS:
                    del self._refusals[job]
        self._save_refusals()
        await self.docket.press()

    def _save_refusals(self) -> None:
        rows = [[job, str(receipt), tries] for job, (receipt, tries) in self._refusals.items()]
        self.store.set_state("check:refusals", rows)

    def _miss(self, job: int) -> int:
        """Counts a look at which a job could not be judged; how many there were."""
        self._missed[job] = self._missed.get(job, 0) + 1
        return self._missed[job]

    def _settle(self, job: int) -> list[Finding]:
        self._missed.pop(job, None)
        self._asked.pop(job, None)
        return []

    async def _inspect(self, job: int, since: int) -> list[Finding]:
        found = await asyncio.to_thread(self.escrow.read, job)
        if found.evaluator != self.escrow.parts.review or found.submitted_at < since:
            return self._settle(job)
        seat = self._seats.get(found.node.lower())
        if seat is None:  # a wallet that is being changed, say: looked for until the job is too old
            self._missed.setdefault(job, 0)
            if len(self._missed) > KEPT:
                del self._missed[next(one for one, count in self._missed.items() if not count)]
            return []
        try:
            findings = await self._examine(found, seat)
        except (ExtraMissing, SceneStopped, RenderWorkerLost) as error:  # the lack is this checker's own
            if isinstance(error, RenderWorkerLost) and self._miss(job) < PATIENCE:
                return []
            self.app.log.warning("a bundle cannot be judged here", job=job, error=error.sentence)
            return self._settle(job)
        except (Unavailable, Refused, BadInput, BadAnswer, TileDiffers) as error:
            proven = isinstance(error, (BadAnswer, TileDiffers))
            if self._miss(job) < PATIENCE and not proven:
                return []
            if len(self._silent) >= KEPT:
                del self._silent[next(iter(self._silent))]
            self._silent[job] = True
            named = Digest(error.value) if isinstance(error, WorkWithheld) else found.deliverable
            value = Finding(job, seat.wallet, named, 0, error.sentence)
            epoch = await asyncio.to_thread(lambda: self.epoch_of_scores)
            await self._note(value, seat, epoch, {"job": job, "why": error.sentence})
            findings = [value]
        self._settle(job)
        if len(self._judged) >= KEPT:
            del self._judged[next(iter(self._judged))]
        self._judged[job] = True
        wrong = next((one for one in findings if not one.value), None)
        if wrong is not None and found.status == Status.SUBMITTED and self.panel is not None:
            self._refusals.setdefault(job, (wrong.receipt, 0))
        grave = next((one for one in findings if one.grave), None)
        if grave is not None and self.docket is not None:
            self.docket.accuse(Fault(seat.agent, job, grave.receipt))
        return findings

    def _write_refusal(self, job: int, receipt: Digest) -> bytes:
        """The call by which the panel refuses a bundle; its reason is the receipt of the wrong tile."""
        return self.escrow.review.encode("disapprove", job, bytes(receipt))

    async def agree(self, decision: Decision) -> None:
        """Returns where a peer's refusal or accusation is right: the tile that it names is wrong here too,
        and for an accusation beyond doubt. Else Refused."""
        if decision.nonce:
            raise Refused("a checker decides about a job once", value=decision.nonce)
        if self.panel is not None and decision.target == self.panel.panel.address:
            await self._agree_fault(decision.data)
            return
        head = self.escrow.review.encode("disapprove", 0, bytes(32))[:4]
        if decision.target != self.escrow.review.address or decision.data[:4] != head:
            raise Refused("a checker of renders only refuses bundles", value=decision.target)
        if len(decision.data) != 68:
            raise Refused("a refusal names a job and a receipt", value=len(decision.data))
        job, receipt = int.from_bytes(decision.data[4:36], "big"), Digest(decision.data[36:68])
        found = await asyncio.to_thread(self.escrow.read, job)
        await self.list_seats()
        seat = self._seats.get(found.node.lower())
        if seat is None or found.status != Status.SUBMITTED:
            raise Refused("that job is not under review", value=job)
        peer = self._peer(seat)
        try:
            manifest, rows = await peer.show_bundle(found)
        except BadAnswer:
            return  # the node shows other work than it handed in
        except (Refused, Unavailable) as error:
            self._require_patience(job, error)
            return
        index = self._find_row(rows, receipt)
        try:
            measured = await self.gauge.measure(peer, manifest, index, rows[index])
        except WorkWithheld as error:
            self._asked[job] = receipt  # and looks for itself from now on
            self._require_patience(job, error)
            return
        if measured.value:
            raise Refused("that tile is right", value=str(receipt))

    def _require_patience(self, job: int, error: WeftError) -> None:
        """Returns where the node of a job has shown nothing for long enough, by this checker's own looks."""
        if job in self._silent or self._missed.get(job, 0) + 1 >= PATIENCE:
            return
        self._missed.setdefault(job, 0)
        raise Refused("the node may still show its work", value=error.sentence) from error

    async def _agree_fault(self, data: bytes) -> None:
        """Returns where a fault should be on record: silence proves nothing, whatever became of the job."""
        fault = Fault.from_call(data)
        if fault.call != data:
            raise Refused("a fault names an agent, a job and a receipt", value=len(data))
        found = await asyncio.to_thread(self.escrow.read, fault.work)
        await self.list_seats()
        wallet = found.node.lower()
        seat = self._seats.get(wallet)
        is_theirs = fault.agent in self._agents.get(wallet, ())
        if seat is None or not is_theirs or found.evaluator != self.escrow.parts.review:
            raise Refused("that job was not that agent's", value=fault.work)
        if found.submitted_at < (await asyncio.to_thread(self._began, RECENT + TRIES))[1]:
            raise Refused("that job is too old to be judged again", value=fault.work)
        peer = self._peer(seat)
        manifest, rows = await peer.show_bundle(found)
        index = self._find_row(rows, fault.evidence)
        if not await self.gauge.is_grave(peer, manifest, index, rows[index]):
            raise Refused("that tile costs no collateral", value=str(fault.evidence))

    def _find_row(self, rows: list[Row], receipt: Digest) -> int:
        """Where a receipt is in a bundle that a peer asks about; Refused where it is not, or all is busy."""
        place = next((i for i, (_, one, _) in enumerate(rows) if one.id == receipt), None)
        if place is None:
            raise Refused("no tile of that job has that receipt", value=str(receipt))
        self.gauge.require_room(receipt)
        return place

    async def _examine(self, found: JobState, seat: NodeSeat) -> list[Finding]:
        """The drawn tiles of a bundle, each rendered again; raises where it is not what was handed in, and
        WorkWithheld where a tile is not shown and none of the others is wrong."""
        peer = self._peer(seat)
        manifest, rows = await peer.show_bundle(found)
        epoch = await asyncio.to_thread(lambda: self.epoch_of_scores)
        key = self.ballot.sampling_key(epoch)
        share = 0 if found.id in self._judged else self.share  # looked at again since a peer asks: no score
        drawn = [i for i, (_, receipt, _) in enumerate(rows) if is_sampled(key, receipt.id, share)]
        asked = [i for i, (_, receipt, _) in enumerate(rows) if receipt.id == self._asked.get(found.id)]
        if drawn or asked:
            require_renderer(manifest.scene.kind)
        measures, withheld = {}, None
        for index in dict.fromkeys(drawn + asked):
            try:
                measures[index] = await self.gauge.measure(peer, manifest, index, rows[index])
            except WorkWithheld as error:
                withheld = error
        wrong = [i for i in drawn if i in measures and not measures[i].value]
        if withheld is not None and not wrong:
            raise withheld
        grave = None
        for index in wrong if self.docket is not None else ():
            if await self.gauge.is_grave(peer, manifest, index, rows[index]):
                grave = index
                break
        if drawn:
            keep_bundle(self.store, manifest, [receipt.id for _, receipt, _ in rows])
        return [
            await self._keep(peer.seat, rows[index], measures[index], found, epoch, grave=index == grave)
            for index in drawn
            if index in measures
        ]

    async def _keep(
        self, seat: NodeSeat, row: Row, measured: Measure, found: JobState, epoch: int, *, grave: bool
    ) -> Finding:
        """Scores a tile that was measured, and keeps what the score rests on."""
        order, receipt, _ = row
        finding = Finding(found.id, seat.wallet, receipt.id, measured.value, measured.why, grave)
        self.store.add(order.request)
        self.store.put_content(order.request.record.content, order.salt, order.text.encode())
        self.store.add(receipt)
        told = {"job": found.id, "value": measured.value, "why": measured.why}
        await self._note(finding, seat, epoch, measured.facts | told)
        return finding

    async def _note(self, finding: Finding, seat: NodeSeat, epoch: int, facts: dict[str, Any]) -> None:
        evidence = json.dumps({"rule": RULE, **facts}, sort_keys=True).encode()
        await self.record(finding.receipt, seat.uid, seat.wallet, epoch, finding.value, evidence)
        self.app.metrics.count("checker_tiles", right=str(bool(finding.value)).lower())

    # Speed

    async def challenge(self, seat: NodeSeat) -> Speed:
        """Measures a node; a wrong answer is a score of 0 too. Raises Refused, Unavailable."""
        peer, challenge = self._peer(seat), issue_challenge(self._rng, CHALLENGE_SPP)
        loop = asyncio.get_running_loop()
        began = loop.time()
        digests = await peer.challenge(challenge)
        seconds = loop.time() - began
        chosen = choose_tiles(challenge, SHOWN_TILES, self._rng)
        shown = {tile: await peer.show(challenge, tile) for tile in chosen}
        renderer = await self.workshop.reference()
        speed = await judge_answer(challenge, digests, shown, chosen, seconds, renderer)
        self.speeds[seat.wallet] = speed
        if not speed.milli_ob:
            finding = Finding(0, seat.wallet, challenge.seed, 0, speed.why)
            epoch = await asyncio.to_thread(lambda: self.epoch_of_scores)
            await self._note(finding, seat, epoch, {"challenge": challenge.to_json(), "why": speed.why})
        return speed

    async def challenge_due(self) -> None:
        """Challenges the nodes whose time has come; a node that is new is challenged at once."""
        now = self._now()
        for wallet, seat in list(self._seats.items()):
            if self._due.get(wallet, now) > now:
                continue
            self._due[wallet] = next_challenge(now, MEAN_CHALLENGE, self._rng)
            try:
                await self.challenge(seat)
            except (Unavailable, Refused, BadInput) as error:
                self.speeds[seat.wallet] = replace(Speed(0), why=error.sentence)

    async def show_speeds(self, request: Any) -> Any:
        """GET /v1/speeds: thousandths of an OB by wallet, and why where it is 0."""
        return {w: {"milli_ob": s.milli_ob, "why": s.why} for w, s in sorted(self.speeds.items())}

    # By itself

    async def run(
        self,
        *,
        every: float = 5.0,
        least: int = 1,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Looks, challenges and follows the chain's phases until cancelled; the panel is asked beside it,
        since peers may take long to render."""
        while True:
            try:
                await self._survey()
                if self._pressing is None or self._pressing.done():
                    self._pressing = asyncio.create_task(self._press_aside())
                await self.challenge_due()
                await self.step(least=least)
            except (LedgerError, WeftError) as error:
                self.app.log.warning("a step failed", code=error.code, error=error.sentence)
            await sleep(every)

    async def _press_aside(self) -> None:
        try:
            await self.press()
        except WeftError as error:
            self.app.log.warning("the panel was not asked", code=error.code, error=error.sentence)
