"""One bundle at one node, from the money to the pixels; every step may be made again after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from weftwork.compute.render.bundle import deliverable, write_order
from weftwork.compute.render.compare import check_tile
from weftwork.compute.render.worker import TileResult
from weftwork.errors import BadAnswer, TimedOut, Unavailable
from weftwork.spec.job import Status
from weftwork.units import BPS, Digest, keccak

if TYPE_CHECKING:
    from weftwork.compute.render.escrow import Escrow
    from weftwork.compute.render.gallery import Gallery
    from weftwork.compute.render.journal import Bundle, Journal
    from weftwork.compute.render.peer import NodePeer
    from weftwork.compute.render.shelf import Shelf
    from weftwork.compute.render.workshop import Workshop
    from weftwork.records import Domain

LEAST_PATIENCE = 60.0
"""Seconds that any tile is given, if the terms allow as much."""
LIFETIME = 7 * 86_400
"""Seconds for which a tile may be ordered."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a render, in a word, a sentence, and facts for programs."""

    kind: str
    text: str
    facts: dict[str, Any] = field(default_factory=dict)


Tell = Callable[[Event], None]


@dataclass(slots=True)
class Terms:
    """How a requester deals with nodes.

    Attributes:
        check_bps: the share of a bundle's tiles that it renders again before it pays; one tile at the least.
        at_once: tiles of a bundle that are ordered at a time, so that the node's renderer never waits.
        tile_seconds: how long a tile may take at the most; less by the estimate and the node's speed.
        silence: how long a node may take to hand a whole bundle in.
    """

    check_bps: int = 1_000
    at_once: int = 2
    tile_seconds: float = 300.0
    silence: float = 120.0


@dataclass(slots=True)
class Desk:
    """What a requester works with."""

    account: Any
    escrow: Escrow
    journal: Journal
    workshop: Workshop
    shelf: Shelf
    gallery: Gallery
    domain: Domain
    subnet: int
    secret: bytes
    terms: Terms
    now: Callable[[], float]
    tell: Tell

    async def save(self, bundle: Bundle) -> None:
        """Writes a bundle down; returns once that is on disk."""
        self.journal.save(bundle)
        await self.journal.store.flushed()


class Errand:
    """A bundle that is taken to a node."""

    def __init__(self, desk: Desk, bundle: Bundle, peer: NodePeer, *, is_new: bool = False) -> None:
        """``is_new``: nothing was done for the bundle's present attempt before."""
        self.desk, self.bundle, self.peer, self.is_new = desk, bundle, peer, is_new
        self.manifest = desk.journal.manifest(bundle)

    def _tell(self, kind: str, text: str, **facts: Any) -> None:
        bundle = self.bundle
        common = {"bundle": bundle.number, "frame": bundle.frame, "node": bundle.node, "job": bundle.job}
        self.desk.tell(Event(kind, text, common | facts))

    async def run(self) -> None:
        """To the end of the check: money in escrow, tiles ordered, handed in, some of them rendered again.

        Raises :class:`TileDiffers` or :class:`BadAnswer` for work that is wrong, Refused, BadInput or
        Unavailable for a node that does not do it, LedgerError where the ledger is away.
        """
        await self._open()
        if self.bundle.phase == "funded":
            desk, store = self.desk, self.desk.workshop.assets
            await self.peer.offer(self.bundle.job, self.manifest, store.get)
            await self._render()
            await self._await_root()
            await self._check()
            self.bundle.phase = "review"
            await desk.save(self.bundle)

    async def _open(self) -> None:
        bundle, desk, seat = self.bundle, self.desk, self.peer.seat
        if bundle.phase == "opening":
            words, new = self.manifest.words, self.is_new
            bundle.job = await asyncio.to_thread(
                lambda: desk.escrow.open(seat.wallet, bundle.budget, words, is_new=new)
            )
            bundle.phase = "funded"
            await desk.save(bundle)
        self._tell("assigned", f"frame {bundle.frame}: {len(bundle.tiles)} tiles to a node", uid=seat.uid)

    async def _render(self) -> None:
        gate = asyncio.Semaphore(self.desk.terms.at_once)

        async def one(index: int) -> None:
            async with gate:
                await self._render_tile(index)

        missing = [i for i in range(len(self.bundle.tiles)) if str(i) not in self.bundle.receipts]
        tasks = [asyncio.ensure_future(one(index)) for index in missing]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _render_tile(self, index: int) -> None:
        bundle, desk = self.bundle, self.desk
        order = write_order(
            self.manifest,
            bundle.job,
            index,
            account=desk.account,
            domain=desk.domain,
            subnet=desk.subnet,
            budget=bundle.budget,
            secret=desk.secret,
            time=bundle.opened,
            lifetime=LIFETIME,
        )
        answer = await self.peer.render(order, timeout=self._patience(index))
        store = desk.journal.store
        store.add(order.request)
        store.put_content(order.request.record.content, order.salt, order.text.encode())
        bundle.receipts[str(index)] = str(store.add(answer.receipt))
        bundle.builds[str(index)] = answer.build
        desk.journal.save(bundle)
        tile = self.manifest.tiles[index]
        if answer.preview is not None:
            desk.gallery.put_preview(tile, answer.preview)
        done = len(bundle.receipts)
        self._tell("tile", f"frame {bundle.frame}: tile {done} of {len(bundle.tiles)}", tile=tile.to_json())

    def _patience(self, index: int) -> float:
        """Seconds to wait for a tile: twenty times the estimate for this node, one minute at least."""
        plan, terms = self.desk.journal.plan, self.desk.terms
        whole = plan.scene.width * plan.scene.height * len(plan.frames)
        micro_obh = plan.micro_obh * self.manifest.tiles[index].pixels / whole
        expected = micro_obh * 3.6 / max(self.peer.seat.milli_ob, 1)
        return min(terms.tile_seconds, max(LEAST_PATIENCE, 20 * terms.at_once * expected))

    @property
    def root(self) -> Digest:
        """What the node must hand in."""
        names = [Digest(self.bundle.receipts[str(index)]) for index in range(len(self.bundle.tiles))]
        return deliverable(names)

    async def _await_root(self) -> None:
        """Waits until the ledger has the node's deliverable; :class:`BadAnswer` where it is another."""
        desk, end = self.desk, asyncio.get_running_loop().time() + self.desk.terms.silence
        while True:
            found = await asyncio.to_thread(desk.escrow.read, self.bundle.job)
            if found.status in (Status.SUBMITTED, Status.COMPLETED):
                break
            if found.status != Status.FUNDED:
                raise Unavailable("the bundle was given up by another", value=self.bundle.job)
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                raise TimedOut("the node did not hand its bundle in", value=self.bundle.job)
            told = await self.peer.follow(self.bundle.job, min(20.0, max(left, 1.0)))
            if told.get("phase") == "taken" and told.get("trouble"):
                raise Unavailable("the node could not hand its bundle in", value=str(told["trouble"])[:200])
        if found.deliverable != self.root:
            raise BadAnswer("the node handed in another root than that of its receipts", value=found.id)
        self._tell("submitted", f"frame {self.bundle.frame}: handed in", root=str(self.root))

    async def _check(self) -> None:
        """Renders some tiles again; :class:`TileDiffers` or :class:`BadAnswer` where one is wrong."""
        desk = self.desk
        for index in await self._choose():
            tile = self.manifest.tiles[index]
            receipt = desk.journal.receipt(self.bundle, index)
            pixels = await self._fetch(index)
            again = await desk.workshop.render(
                self.manifest.scene, tile, self.manifest.seed(index), self.manifest.spp
            )
            build = self.bundle.builds[str(index)]
            answer = TileResult(tile, pixels, receipt.record.output, 0.0, build)
            found = await asyncio.to_thread(check_tile, answer, again, self.manifest.spp)
            self._tell("checked", f"frame {self.bundle.frame}: a tile is right", equal=found.equal)

    async def _choose(self) -> list[int]:
        """The tiles to check: drawn by what was handed in and a secret, so that a crash draws the same."""
        count, told = len(self.bundle.tiles), await self.peer.describe()
        shown = told.get("shown_bps")
        allowed = -(-count * min(max(shown, 0), BPS) // BPS) if type(shown) is int else 1
        wanted = -(-count * self.desk.terms.check_bps // BPS)
        rng = Random(keccak(b"check" + self.desk.secret + self.root))
        return sorted(rng.sample(range(count), max(1, min(wanted, allowed, count))))

    async def _fetch(self, index: int) -> bytes:
        """A tile's pixels, from the shelf or from the node; checked against its receipt."""
        receipt = self.desk.journal.receipt(self.bundle, index)
        kept = await asyncio.to_thread(self.desk.shelf.get, receipt.record.output)
        if kept is not None:
            return kept
        pixels = await self.peer.pixels(receipt, self.manifest.tiles[index])
        await asyncio.to_thread(self.desk.shelf.put, receipt.record.output, pixels)
        return pixels

    async def approve(self) -> None:
        """Pays the node, once."""
        await asyncio.to_thread(self.desk.escrow.approve, self.bundle.job, self.root)
        self.bundle.phase = "approved"
        await self.desk.save(self.bundle)
        self._tell("paid", f"frame {self.bundle.frame}: paid", amount=self.bundle.budget)

    async def fetch(self) -> None:
        """All pixels of a bundle that is paid; raises what :meth:`run` raises where they do not come."""
        for index, tile in enumerate(self.manifest.tiles):
            self.desk.gallery.put_pixels(tile, await self._fetch(index))
        self.bundle.phase = "done"
        await self.desk.save(self.bundle)
        self._tell("done", f"frame {self.bundle.frame}: {len(self.bundle.tiles)} tiles are here")
