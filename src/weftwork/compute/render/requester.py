"""A requester of renders: estimates, gives bundles to nodes, checks, pays, merges; goes on after a crash.

    client = RenderClient(account, escrow, repute, store, workshop, folder, domains, subnet=2, roster=roster)
    plan = await client.order(scene, files, [1, 2, 3], tier="economy")
    result = await client.run()            paths of the frames; or paused, where the hold is used up

Who sends a wrong tile is not paid, gets no more of this render, and its bundle goes elsewhere; who goes away
likewise, with a milder word. Nothing unpaid is merged: an unpaid bundle is rendered anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any, Literal

from weftwork.closing.chance import derive_secret
from weftwork.compute.render.dispatch import Booking, Dispatcher, Host, Job, Size
from weftwork.compute.render.dispatch import Tier as Rank
from weftwork.compute.render.errand import Desk, Errand, Event, Tell, Terms
from weftwork.compute.render.error import TileDiffers
from weftwork.compute.render.estimate import count_render, price_render
from weftwork.compute.render.gallery import Gallery
from weftwork.compute.render.journal import Bundle, Journal, Phase, Plan, cut_bundles
from weftwork.compute.render.peer import COLLATERAL, NodePeer, NodeSeat, list_by_wallet
from weftwork.compute.render.picture import Format
from weftwork.compute.render.scene import Scene
from weftwork.compute.render.shelf import Shelf
from weftwork.compute.render.tile import TILE_SIZE
from weftwork.errors import (
    BadAnswer,
    BadInput,
    BadSignature,
    LedgerError,
    NotFound,
    Refused,
    Unavailable,
    WeftError,
)
from weftwork.records import Domains
from weftwork.spec.standing import Outcome, most_nodes
from weftwork.spec.tier import find_tier, split_budget
from weftwork.units import WAD, Digest, keccak
from weftwork.wire.client import Client

if TYPE_CHECKING:
    from weftwork.compute.render.escrow import Escrow
    from weftwork.compute.render.repute import Repute
    from weftwork.compute.render.workshop import Workshop
    from weftwork.store import Store

Roster = Callable[[], Awaitable[Sequence[NodeSeat]]]
State = Literal["done", "review", "paused"]
SIZE = Size(1_000, 0)
"""A node takes one bundle at a time, so a bundle is as large as a node."""
_WRONG = (TileDiffers, BadAnswer, BadSignature)
_LOST = (Refused, Unavailable, BadInput, NotFound)


@dataclass(frozen=True, slots=True)
class Result:
    """Where a render is: ``spent`` wad were paid in and not taken back, ``paths`` are its files."""

    state: State
    render: Digest
    paths: tuple[Path, ...]
    spent: int
    hold: int
    waiting: int
    review: tuple[int, ...] = ()


@dataclass(slots=True)
class _Round:
    """What goes on while a render runs."""

    farm: Dispatcher
    peers: dict[str, NodePeer]
    unable: int
    """How many of them render no scenes of this kind."""
    bare: int = 0
    """How many of them have too little collateral."""
    tasks: dict[asyncio.Task[None], tuple[Bundle, Booking | None]] = field(default_factory=dict)
    paused: bool = False


class RenderClient:
    """One render of one requester; its state is in ``store`` and ``folder``."""

    def __init__(
        self,
        account: Any,
        escrow: Escrow,
        repute: Repute,
        store: Store,
        workshop: Workshop,
        folder: Path,
        domains: Domains,
        *,
        subnet: int,
        roster: Roster,
        terms: Terms | None = None,
        auto: bool = True,
        formats: Sequence[Format] = ("png",),
        nodes: int = 16,
        trusted: Collection[str] = (),
        local: bool = False,
        milli_ob: int | None = None,
        least_collateral: int = COLLATERAL,
        tell: Tell = lambda event: None,
        now: Callable[[], float] = time.time,
        rng: Random | None = None,
    ) -> None:
        """``auto`` approves what passed the check; ``nodes`` at most work at once; ``trusted`` wallets get
        the first tier; ``milli_ob`` is this machine's speed, where it is known. Nodes with less collateral
        than ``least_collateral`` wad get no work."""
        self.account, self.escrow, self.repute = account, escrow, repute
        self.workshop, self.folder, self.auto, self.formats = workshop, folder, auto, tuple(formats)
        self.nodes, self.trusted, self.milli_ob = nodes, {one.lower() for one in trusted}, milli_ob
        self.journal = Journal(store)
        self.rng = rng or SystemRandom()
        self.tell, self.now = tell, now
        self._roster, self.least_collateral = roster, least_collateral
        self._http = Client(local, timeout=60.0)
        shelf = Shelf(folder / ".weft" / "pixels")
        self.gallery = Gallery(folder, self.journal, shelf)
        self._desk = Desk(
            account,
            escrow,
            self.journal,
            workshop,
            shelf,
            self.gallery,
            domains.of("request"),
            subnet,
            derive_secret(account, b"render", keccak(str(folder.resolve()).encode())),
            terms or Terms(),
            now,
            lambda event: self.tell(event),
        )

    async def close(self) -> None:
        """Lets go of connections and renderers."""
        await self._http.close()
        await self.workshop.aclose()
        await self.journal.store.flushed()

    # Ordering

    async def order(
        self,
        scene: Scene,
        files: Mapping[str, bytes],
        frames: Iterable[int] | None = None,
        *,
        tier: str = "economy",
        obh_per_euro: int | None = None,
        spp: int | None = None,
        tile_size: int = TILE_SIZE,
        hold: int | None = None,
    ) -> Plan:
        """Estimates a render and writes it down; the same order again goes on with what is there.

        ``hold`` is what it may spend, wad; the estimate where nothing is said. Raises BadScene, SceneStopped
        and the like where the scene does not render here, LedgerError where there is no price,
        :class:`BadInput` where another render was begun in this folder.
        """
        numbers = tuple(range(1, scene.frames + 1) if frames is None else dict.fromkeys(frames))
        for number in numbers:
            if not 1 <= number <= scene.frames:
                raise BadInput(f"the scene has frames 1 to {scene.frames}", value=number)
        grade = find_tier(tier)
        grade = grade if obh_per_euro is None else grade.moved(obh_per_euro)
        self.workshop.assets.put_all(files.values())
        spp = scene.spp if spp is None else spp
        begun = self.journal.plan if self.journal.begun else None
        if begun is None:
            begun = await self._estimate(scene, numbers, grade, spp, tile_size)
        elif begun.work != (scene.digest, numbers, tile_size, spp, grade.name):
            raise BadInput(
                "another render was begun in this folder", value=str(begun.render), hint="name another --out"
            )
        if hold is not None:
            self.journal.hold = hold
        await self.journal.store.flushed()
        return begun

    async def _estimate(
        self, scene: Scene, frames: tuple[int, ...], tier: Any, spp: int, tile_size: int
    ) -> Plan:
        if self.milli_ob is None:
            self.milli_ob = await self.workshop.measure()
        work = await count_render(self.workshop, scene, frames, tile_size, spp, self.milli_ob)
        price = await asyncio.to_thread(self.escrow.parts.at(self.escrow.ledger, "prices").call, "price")
        euros, tokens = price_render(work, tier, int(price))
        mark = self.account.address + str(scene.digest) + self.rng.randbytes(16).hex()
        plan = Plan(
            Digest.of(mark.encode()),
            scene,
            frames,
            tile_size,
            spp,
            tier.name,
            tier.obh_per_euro,
            work,
            euros,
            tokens,
        )
        bonded = [seat for seat in await self._roster() if self._is_bonded(seat)]
        nodes = max(1, min(self.nodes, len(bonded)))
        parts = cut_bundles(plan, nodes)
        budgets = split_budget(tokens, [spp * sum(tile.pixels for tile in part) for part in parts])
        self.journal.begin(plan, zip(parts, budgets, strict=True))
        return plan

    # Running

    async def run(self) -> Result:
        """Goes on until all is done, all that can be is in review, or the hold is used up.

        Raises :class:`Unavailable` where no node is left that may render the rest, LedgerError where the
        ledger is away; what was done so far is kept, and :meth:`run` goes on with it.
        """
        journal = self.journal
        round_ = await self._gather()
        try:
            self._resume(round_)
            while True:
                self._book(round_)
                if not round_.tasks:
                    break
                done, _ = await asyncio.wait(round_.tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    bundle, booking = round_.tasks.pop(task)
                    await self._settle(round_, bundle, booking, task)
                await self._write_frames()
        finally:
            for task in round_.tasks:
                task.cancel()
            await asyncio.gather(*round_.tasks, return_exceptions=True)
            await journal.store.flushed()
        waiting = len(list(journal.of("waiting")))
        if waiting and not round_.paused:
            unable = f"; {round_.unable} nodes here render no {journal.plan.scene.kind} scenes"
            least = f"{self.least_collateral / WAD:g} WEFT of collateral"
            bare = f"; {round_.bare} nodes here have less than the {least} that they need"
            raise Unavailable(
                f"no node is left that may render the {waiting} bundles that wait"
                + unable * bool(round_.unable)
                + bare * bool(round_.bare),
                value=waiting,
                hint="the same command goes on when there are others; weft status shows who is there",
            )
        return await self._finish(waiting)

    async def _gather(self) -> _Round:
        """The nodes that answer, the best first, and what waits to be given to them."""
        plan, seats = self.journal.plan, await self._roster()
        rank = Rank(find_tier(plan.tier).number)
        wrong = set(self.journal.store.state("wrong", []))
        peers = {wallet: self._peer(seat) for wallet, seat in list_by_wallet(seats).items()}
        told = await asyncio.gather(*(peer.describe() for peer in peers.values()), return_exceptions=True)
        hosts, unable, bare = [], 0, 0
        for (wallet, peer), answer in zip(list(peers.items()), told, strict=True):
            if isinstance(answer, BaseException):
                if not isinstance(answer, WeftError):
                    raise answer
                self.tell(Event("lost", "a node does not answer", {"node": wallet, "why": answer.sentence}))
                del peers[wallet]
            elif plan.scene.kind not in _read_list(answer.get("kinds", [plan.scene.kind])):
                unable += 1
            elif not self._is_bonded(peer.seat):
                bare += 1
            elif plan.tier in _read_list(answer.get("tiers")) and wallet not in wrong:
                peer.seat = replace(peer.seat, milli_ob=_read_speed(answer.get("milli_ob")))
                trusted = wallet.lower() in self.trusted
                hosts.append(Host(wallet, SIZE, min(peer.seat.standing, 1_000_000), trusted))
        own = await asyncio.to_thread(
            lambda: self.repute.standing(self.repute.agent_of(self.account.address))
        )
        job = Job(
            str(plan.render),
            self.account.address,
            rank,
            SIZE,
            tuple(bundle.number for bundle in self.journal.of("waiting")),
            cap=most_nodes(own, self.nodes),
            limit=10.0**9,
        )
        return _Round(Dispatcher(hosts, [job], chance=Random(self.rng.random())), peers, unable, bare)

    def _is_bonded(self, seat: NodeSeat) -> bool:
        """Whether it has something to lose."""
        return seat.collateral >= self.least_collateral

    def _peer(self, seat: NodeSeat) -> NodePeer:
        return NodePeer(self._http, self.account, self._desk.domain, seat, self.now)

    def _resume(self, round_: _Round) -> None:
        """Takes up bundles that were on their way, at the node that has them."""
        phases: list[Phase] = ["opening", "funded", "approved"]
        if self.auto:
            phases.append("review")
        for bundle in self.journal.of(*phases):
            self._start(round_, bundle, None, round_.peers.get(bundle.node))

    def _book(self, round_: _Round) -> None:
        """Gives out bundles for as long as there are nodes, and money in the hold."""
        while True:
            waiting = list(self.journal.of("waiting"))
            if not waiting:
                return
            short = self.journal.spent + max(bundle.budget for bundle in waiting) > self.journal.hold
            if short:
                if not round_.paused:
                    facts = {"spent": self.journal.spent, "hold": self.journal.hold, "waiting": len(waiting)}
                    self.tell(Event("paused", "the hold is used up", facts))
                round_.paused = True
                return
            booked = round_.farm.book(self.now(), 1)
            if not booked:
                return
            bundle = self.journal.bundles[int(str(booked[0].piece))]
            if booked[0].host in bundle.barred:
                round_.farm.reject(booked[0])
                continue
            self._start(round_, bundle, booked[0], round_.peers[booked[0].host])

    def _start(self, round_: _Round, bundle: Bundle, booking: Booking | None, peer: NodePeer | None) -> None:
        if booking is not None and bundle.phase == "waiting":
            bundle.node, bundle.opened, bundle.phase = booking.host, int(self.now()), "opening"
            self.journal.spend(bundle)
        task = asyncio.ensure_future(self._work(bundle, peer, is_new=booking is not None))
        round_.tasks[task] = (bundle, booking)

    async def _work(self, bundle: Bundle, peer: NodePeer | None, *, is_new: bool) -> None:
        if peer is None:
            raise Unavailable("the node is no longer there", value=bundle.node)
        await self._desk.save(bundle)
        errand = Errand(self._desk, bundle, peer, is_new=is_new)
        if bundle.phase in ("opening", "funded"):
            await errand.run()
        if bundle.phase == "review" and self.auto:
            await errand.approve()
        if bundle.phase == "approved":
            await errand.fetch()

    async def _settle(
        self, round_: _Round, bundle: Bundle, booking: Booking | None, task: asyncio.Task[None]
    ) -> None:
        """What follows from how a bundle's errand ended."""
        error = task.exception()
        if error is None:
            if booking is not None:
                round_.farm.done(booking)
            return
        if isinstance(error, LedgerError) or not isinstance(error, (*_WRONG, *_LOST)):
            raise error
        wrong, node = isinstance(error, _WRONG), bundle.node
        await self.give_up(bundle, Outcome.WRONG if wrong else Outcome.LATE, error.sentence)
        if booking is not None:
            round_.farm.reject(booking)
        else:
            self._offer_again(round_, bundle)
        round_.farm.lost(node)

    def _offer_again(self, round_: _Round, bundle: Bundle) -> None:
        """A bundle that was taken up from before waits again: it becomes work of its own."""
        plan = self.journal.plan
        rank = Rank(find_tier(plan.tier).number)
        name = f"{plan.render}/{bundle.number}.{bundle.attempt}"
        round_.farm.add(Job(name, self.account.address, rank, SIZE, (bundle.number,), limit=10.0**9))

    async def give_up(self, bundle: Bundle, outcome: Outcome, why: str) -> None:
        """Takes a bundle from its node: the money back where it was not paid, a word about the node."""
        node, job = bundle.node, bundle.job
        kind = "cheat" if outcome == Outcome.WRONG else "lost"
        facts = {"bundle": bundle.number, "frame": bundle.frame, "node": node, "job": job, "why": why}
        self.tell(Event(kind, f"frame {bundle.frame}: {why}", facts))
        if not job:
            words = self.journal.manifest(bundle).words
            job = await asyncio.to_thread(lambda: self.escrow.find(words) or 0)
        paid = bundle.phase in ("approved", "done")
        if job and not paid:
            await asyncio.to_thread(self.escrow.disapprove, job, keccak(why.encode()))
        if not paid:
            self.journal.take_back(bundle)
        self.gallery.drop(bundle)
        if outcome == Outcome.WRONG:
            self.journal.store.set_state("wrong", sorted({*self.journal.store.state("wrong", []), node}))
        bundle.give_up()
        await self._desk.save(bundle)
        if job:
            await self._say(node, outcome, job)
        self.tell(Event("rejected", f"frame {bundle.frame}: goes to another node", facts))

    async def _say(self, wallet: str, outcome: Outcome, job: int) -> None:
        try:
            agent = await asyncio.to_thread(self.repute.agent_of, wallet)
            if agent is not None:
                await asyncio.to_thread(self.repute.say, agent, outcome, job)
        except LedgerError as error:
            self.tell(Event("unsaid", "a node got no feedback", {"node": wallet, "why": error.sentence}))

    # Frames

    async def _write_frames(self) -> None:
        """Writes each frame of which everything is here."""
        written = set(self.journal.store.state("written", []))
        for number in self.journal.plan.frames:
            if number in written or any(one.phase != "done" for one in self._of_frame(number)):
                continue
            paths = await self.gallery.write(number, self.formats)
            written.add(number)
            self.journal.store.set_state("written", sorted(written))
            names = [str(path) for path in paths]
            self.tell(Event("frame", f"frame {number} is whole", {"frame": number, "paths": names}))
            if len(self.journal.plan.frames) > 2:
                self.gallery.forget(number)

    def _of_frame(self, number: int) -> list[Bundle]:
        return [bundle for bundle in self.journal.bundles.values() if bundle.frame == number]

    async def _finish(self, waiting: int) -> Result:
        await self._write_frames()
        journal = self.journal
        review = sorted({bundle.frame for bundle in journal.of("review")})
        for number in review:
            await self.gallery.write_preview(number)
        state: State = "paused" if waiting else "review" if review else "done"
        if state == "done":
            await self._thank()
        places = [self.folder / f"frame-{n:04d}.{kind}" for n in journal.plan.frames for kind in self.formats]
        paths = tuple(place for place in places if place.exists())
        return Result(state, journal.plan.render, paths, journal.spent, journal.hold, waiting, tuple(review))

    async def _thank(self) -> None:
        """A good word for each node that was paid, once a render."""
        last = {bundle.node: bundle.job for bundle in self.journal.of("done")}
        thanked = set(self.journal.store.state("thanked", []))
        for wallet, job in last.items():
            if wallet not in thanked:
                await self._say(wallet, Outcome.GOOD, job)
                thanked.add(wallet)
                self.journal.store.set_state("thanked", sorted(thanked))

    # Approving by hand

    async def approve(self, frames: Iterable[int] | None = None) -> Result:
        """Pays what is in review, of these frames or of all, and fetches it; then as :meth:`run`."""
        seats = list_by_wallet(await self._roster())
        peers = {wallet: self._peer(seat) for wallet, seat in seats.items()}
        for bundle in list(self.journal.of("review", "approved", frames=frames)):
            peer = peers.get(bundle.node)
            try:
                if peer is None:
                    raise Unavailable("the node is no longer there", value=bundle.node)
                errand = Errand(self._desk, bundle, peer)
                if bundle.phase == "review":
                    await errand.approve()
                await errand.fetch()
            except LedgerError:
                raise
            except (*_WRONG, *_LOST) as error:
                outcome = Outcome.WRONG if isinstance(error, _WRONG) else Outcome.LATE
                await self.give_up(bundle, outcome, error.sentence)
        return await self._finish(len(list(self.journal.of("waiting"))))

    async def reject(self, frames: Iterable[int] | None = None, why: str = "rejected by hand") -> Result:
        """Refuses what is in review, of these frames or of all; :meth:`run` has it rendered elsewhere."""
        for bundle in list(self.journal.of("review", frames=frames)):
            await self.give_up(bundle, Outcome.LATE, why)
        return await self._finish(len(list(self.journal.of("waiting"))))


def _read_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _read_speed(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 2**40 else 0
