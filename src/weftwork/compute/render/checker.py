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
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any

from weftwork.closing.chance import PPM, is_sampled
from weftwork.closing.judge import Judge
from weftwork.compute.panel import PATH, Decision, PanelSeat
from weftwork.compute.render.asset import MAX_ASSET
from weftwork.compute.render.bundle import Manifest, Order, check_receipt, deliverable, order_text
from weftwork.compute.render.challenge import (
    CHALLENGE_TILE,
    Speed,
    choose_tiles,
    issue_challenge,
    judge_answer,
    next_challenge,
)
from weftwork.compute.render.compare import compare_pixels, find_fault, is_beyond_doubt
from weftwork.compute.render.docket import Docket
from weftwork.compute.render.error import TileDiffers
from weftwork.compute.render.evidence import RULE, keep_bundle
from weftwork.compute.render.local import require_renderer
from weftwork.compute.render.peer import COLLATERAL, NodePeer, NodeSeat, list_by_wallet
from weftwork.errors import BadAnswer, BadInput, ExtraMissing, LedgerError, Refused, Unavailable, WeftError
from weftwork.records import Receipt, Signed
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
DECLARATIVE = ("mitsuba-xml",)
"""Scenes whose tiles can cost collateral: a scene that is a program can be written to differ each time."""
KEPT = 256
"""Measurements that are kept, so that a peer's question about a tile that was looked at costs nothing."""


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


@dataclass(frozen=True, slots=True)
class Measure:
    """A tile beside the same tile rendered again: value in millionths, why it is not full, the facts of it,
    and whether it is further off than any honest build's would be."""

    value: int
    why: str
    facts: dict[str, Any]
    grave: bool = False


Row = tuple[Order, Signed[Receipt], str]
"""A tile's order, its receipt, and the build that made it."""
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
        self._measured: dict[Digest, Measure] = {}
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
            )
            self.docket = Docket(self.panel, self.store, self.app.log)
            self.app.post(PATH)(self.panel.take)

    def _read_missed(self) -> list[tuple[int, int]]:
        return [(int(job), int(count)) for job, count in self.store.state("check:missed", [])]

    async def stop(self) -> None:
        """Stops serving and ends the renderers."""
        await super().stop()
        await self.workshop.aclose()

    async def list_seats(self) -> Sequence[tuple[int, str]]:
        """The nodes that the ledger knows now, as (uid, wallet)."""
        seats = list_by_wallet(await self._roster())
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
        """Checks what was handed in since the last look, or not seen then; what is wrong beyond doubt it has
        put on record. Raises LedgerError."""
        await self.list_seats()
        cursor = int(self.store.state("check:block", 0))
        head = await asyncio.to_thread(self.escrow.ledger.block_number)
        events = await asyncio.to_thread(self.escrow.jobs.events, "JobSubmitted", cursor, head)
        jobs = [*self._missed, *(int(event.args["jobId"]) for event in events)]
        out: list[Finding] = []
        for job in dict.fromkeys(jobs):
            out += await self._inspect(job)
        self.store.set_state("check:block", head + 1)
        self.store.set_state("check:missed", list(self._missed.items()))
        await self.store.flushed()
        if self.docket is not None:
            await self.docket.press()
        return out

    async def _inspect(self, job: int) -> list[Finding]:
        found = await asyncio.to_thread(self.escrow.read, job)
        seat = self._seats.get(found.node.lower())
        if seat is None or found.evaluator != self.escrow.parts.review:
            self._missed.pop(job, None)
            return []
        try:
            findings = await self._examine(found, seat)
        except ExtraMissing as error:  # the lack is this checker's, and nothing against the node
            self._missed.pop(job, None)
            self.app.log.warning("a bundle cannot be judged here", job=job, error=error.sentence)
            return []
        except (Unavailable, Refused, BadInput, BadAnswer, TileDiffers) as error:
            proven = isinstance(error, (BadAnswer, TileDiffers))
            self._missed[job] = self._missed.get(job, 0) + 1
            if not proven and self._missed[job] < PATIENCE:
                return []
            value = Finding(job, seat.wallet, found.deliverable, 0, error.sentence)
            epoch = await asyncio.to_thread(lambda: self.epoch_of_scores)
            await self._note(value, seat, epoch, {"job": job, "why": error.sentence})
            findings = [value]
        self._missed.pop(job, None)
        wrong = next((one for one in findings if not one.value), None)
        if wrong is not None and found.status == Status.SUBMITTED and self.panel is not None:
            try:
                await self.panel.decide(self.escrow.review.address, self._write_refusal(job, wrong.receipt))
            except WeftError as error:
                self.app.log.warning("a wrong bundle stands", job=job, error=error.sentence)
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
        try:
            manifest, rows = await self._read_evidence(self._peer(seat), found)
        except BadAnswer:
            return  # the node shows other work than it handed in
        except (Refused, Unavailable) as error:
            if self._missed.get(job, 0) + 1 >= PATIENCE:
                return
            raise Refused("the node may still show its work", value=error.sentence) from error
        if (await self._measure_receipt(self._peer(seat), manifest, rows, receipt)).value:
            raise Refused("that tile is right", value=str(receipt))

    async def _agree_fault(self, data: bytes) -> None:
        """Returns where a fault should be on record: silence proves nothing, whatever became of the job."""
        fault = Fault.from_call(data)
        if fault.call != data:
            raise Refused("a fault names an agent, a job and a receipt", value=len(data))
        found = await asyncio.to_thread(self.escrow.read, fault.work)
        await self.list_seats()
        seat = self._seats.get(found.node.lower())
        if seat is None or seat.agent != fault.agent or found.evaluator != self.escrow.parts.review:
            raise Refused("that job was not that agent's", value=fault.work)
        manifest, rows = await self._read_evidence(self._peer(seat), found)
        if not (await self._measure_receipt(self._peer(seat), manifest, rows, fault.evidence)).grave:
            raise Refused("that tile costs no collateral", value=str(fault.evidence))

    async def _measure_receipt(
        self, peer: NodePeer, manifest: Manifest, rows: list[Row], receipt: Digest
    ) -> Measure:
        """The tile behind a receipt, measured; :class:`Refused` where the bundle has no such receipt."""
        place = next((i for i, (_, one, _) in enumerate(rows) if one.id == receipt), None)
        if place is None:
            raise Refused("no tile of that job has that receipt", value=str(receipt))
        await self._fetch_scene(peer, manifest)
        return await self._measure(peer, manifest, place, rows[place])

    async def _examine(self, found: JobState, seat: NodeSeat) -> list[Finding]:
        """The drawn tiles of a bundle, each rendered again; raises where it is not what was handed in."""
        peer = self._peer(seat)
        manifest, rows = await self._read_evidence(peer, found)
        epoch = await asyncio.to_thread(lambda: self.epoch_of_scores)
        key = self.ballot.sampling_key(epoch)
        drawn = [i for i, (_, receipt, _) in enumerate(rows) if is_sampled(key, receipt.id, self.share)]
        if drawn:
            require_renderer(manifest.scene.kind)
            await self._fetch_scene(peer, manifest)
            keep_bundle(self.store, manifest, [receipt.id for _, receipt, _ in rows])
        findings = []
        for index in drawn:
            findings.append(await self._compare(peer, manifest, index, rows[index], found, epoch))
        return findings

    async def _read_evidence(self, peer: NodePeer, found: JobState) -> tuple[Manifest, list[Row]]:
        """What a node shows of a job; :class:`BadAnswer` where it is not what the ledger commits it to."""
        told = await peer.evidence(found.id)
        try:
            manifest = Manifest.from_json(told.get("manifest"))
            if manifest.words != found.words:
                raise BadAnswer("the node shows another bundle than the job's", value=found.id)
            rows = self._read_rows(told.get("tiles"), manifest, found, peer.seat)
        except BadInput as error:
            raise BadAnswer(
                f"the node's evidence cannot be read: {error.sentence}", value=found.id
            ) from error
        if deliverable([receipt.id for _, receipt, _ in rows]) != found.deliverable:
            raise BadAnswer("the node shows other receipts than it handed in", value=found.id)
        return manifest, rows

    def _read_rows(self, rows: Any, manifest: Manifest, found: JobState, seat: NodeSeat) -> list[Row]:
        """Order, receipt and build of every tile; :class:`BadAnswer` where one is not what it should be."""
        if not isinstance(rows, list) or len(rows) != len(manifest.tiles):
            raise BadAnswer("the node does not show all receipts of its bundle", value=found.id)
        out = []
        for index, row in enumerate(rows):
            try:
                order, receipt = Order.from_json(row["order"]), Signed.from_json(row["receipt"])
                build = str(row["build"])[:300]
            except (KeyError, TypeError) as error:
                raise BadAnswer("a row of the evidence is not whole", value=index) from error
            if order.text != order_text(manifest, found.id, index):
                raise BadAnswer("an order is for another tile", value=index)
            order.request.require_signer(self._domain, found.client)
            out.append((order, check_receipt(receipt, order, seat.wallet, build, self._domain), build))
        return out

    async def _fetch_scene(self, peer: NodePeer, manifest: Manifest) -> None:
        store = self.workshop.assets
        for digest in store.missing(manifest.scene.assets.values()):
            content = await peer.asset(digest, MAX_ASSET)
            await asyncio.to_thread(store.put, content, digest)

    async def _compare(
        self,
        peer: NodePeer,
        manifest: Manifest,
        index: int,
        row: Row,
        found: JobState,
        epoch: int,
    ) -> Finding:
        order, receipt, _ = row
        measured = await self._measure(peer, manifest, index, row)
        value, why = measured.value, measured.why
        finding = Finding(found.id, peer.seat.wallet, receipt.id, value, why, measured.grave)
        self.store.add(order.request)
        self.store.put_content(order.request.record.content, order.salt, order.text.encode())
        self.store.add(receipt)
        told = {"job": found.id, "value": value, "why": why}
        await self._note(finding, peer.seat, epoch, measured.facts | told)
        return finding

    async def _measure(self, peer: NodePeer, manifest: Manifest, index: int, row: Row) -> Measure:
        """A tile rendered again and compared, once for each receipt."""
        name = row[1].id
        if name not in self._measured:
            if len(self._measured) >= KEPT:
                del self._measured[next(iter(self._measured))]
            self._measured[name] = await self._render_again(peer, manifest, index, row)
        return self._measured[name]

    async def _render_again(self, peer: NodePeer, manifest: Manifest, index: int, row: Row) -> Measure:
        _, receipt, build = row
        tile = manifest.tiles[index]
        again = await self.workshop.render(manifest.scene, tile, manifest.seed(index), manifest.spp)
        facts: dict[str, Any] = {
            "scene": str(manifest.scene.digest),
            "tile": tile.to_json(),
            "seed": manifest.seed(index),
            "spp": manifest.spp,
            "build": [build, again.build],
            "output": str(receipt.record.output),
            "again": str(again.digest),
        }
        if again.digest == receipt.record.output:
            return Measure(PPM, "", facts)
        pixels = await peer.pixels(receipt, tile)
        apart = (await asyncio.to_thread(compare_pixels, tile, pixels, again.pixels)).relative_mse
        facts["relative_mse"] = apart if math.isfinite(apart) else None
        why = find_fault(apart, bool(build) and build == again.build, manifest.spp)
        grave = bool(why) and manifest.scene.kind in DECLARATIVE
        if grave:
            other = await self.workshop.render(manifest.scene, tile, manifest.seed(index) ^ 1, manifest.spp)
            noise = (await asyncio.to_thread(compare_pixels, tile, other.pixels, again.pixels)).relative_mse
            grave = is_beyond_doubt(apart, manifest.spp, noise)
        return Measure(0 if why else PPM, why, facts, grave)

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
        """Looks, challenges and follows the chain's phases until cancelled."""
        while True:
            try:
                await self.look()
                await self.challenge_due()
                await self.step(least=least)
            except (LedgerError, WeftError) as error:
                self.app.log.warning("a step failed", code=error.code, error=error.sentence)
            await sleep(every)
