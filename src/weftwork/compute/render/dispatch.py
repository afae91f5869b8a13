"""Which host renders which piece: tiers first, owners and jobs fairly, no host over its size, nothing twice.

    farm = Dispatcher(hosts, jobs, chance=random.Random(seed))
    for booking in farm.book(now): ...     send booking.piece of booking.job to booking.host
    farm.done(booking)                     its host is free again
    farm.reject(booking)                   rendered or not: it goes to another host, never to this one
    farm.lost(host)                        what ran there goes to others
    farm.expire(now)                       what took too long goes to others; a late answer is void

It decides and remembers; it sends nothing and reads no clock. Invariants, whatever is called in whatever
order: a piece has one booking at most, no cap is passed, no host is booked over its size, no host gets a tier
that it may not have or a piece that was rejected from it, and nothing waits for which there is room.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, NamedTuple

from weftwork.errors import BadConfig, NotFound

MILLION: Final = 1_000_000


class Tier(IntEnum):
    """Render's three tiers; a lower number goes first."""

    TRUSTED = 1
    PRIORITY = 2
    ECONOMY = 3


FLOORS: Final[Mapping[Tier, int]] = {
    Tier.TRUSTED: 800_000,
    Tier.PRIORITY: 500_000,
    Tier.ECONOMY: 100_000,
}
"""The least reputation (millionths) with which a host gets work of each tier; Render publishes none."""
GRADES: Final = 10
"""Hosts whose reputation lies in the same tenth take turns; a better tenth goes first."""


class Size(NamedTuple):
    """What a piece takes and a host has: thousandths of a core, bytes of memory, whole GPUs."""

    cores: int
    memory: int
    gpus: int = 0

    def holds(self, other: Size) -> bool:
        """Whether ``other`` fits."""
        return self.cores >= other.cores and self.memory >= other.memory and self.gpus >= other.gpus


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that renders; ``reputation`` in millionths, ``trusted``: a partner, sees every scene."""

    name: str
    size: Size
    reputation: int = MILLION
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """Pieces of one size that one owner pays for.

    Attributes:
        pieces: what is to be rendered, each hashable and named once: frames, or (frame, tile).
        size: what one piece takes of a host.
        cap: most pieces at once; Render lets a requester's reputation decide it.
        limit: seconds after which a piece is taken from its host.
        tries: rejections of a piece after which nobody gets it again.
    """

    name: str
    owner: str
    tier: Tier
    size: Size
    pieces: tuple[Hashable, ...]
    cap: int = 1_000_000
    limit: float = 3_600.0
    tries: int = 5


class Booking(NamedTuple):
    """A piece of a job on a host, from ``at`` on and for as long as ``due``; numbers are never used twice."""

    number: int
    job: str
    piece: Hashable
    host: str
    at: float
    due: float


class _Node:
    """A host and what is booked on it."""

    __slots__ = ("busy", "cores", "given", "gpus", "host", "memory", "order", "shapes", "stamp")

    def __init__(self, host: Host, order: tuple[int, int]) -> None:
        self.host, self.order = host, order
        self.cores, self.memory, self.gpus = host.size
        self.busy: dict[int, Booking] = {}
        self.given = 0
        self.stamp = 0
        self.shapes: set[_Shape] = set()

    def has_room(self, size: Size) -> bool:
        return self.cores >= size.cores and self.memory >= size.memory and self.gpus >= size.gpus

    def key(self) -> tuple[int, int]:
        """Better reputation first, then whoever got less work for its size."""
        grade = min(self.host.reputation * GRADES // MILLION, GRADES - 1)
        return -grade, self.given * 1_000 // self.host.size.cores

    def take(self, size: Size) -> None:
        self.cores -= size.cores
        self.memory -= size.memory
        self.gpus -= size.gpus

    def release(self, size: Size) -> None:
        self.cores += size.cores
        self.memory += size.memory
        self.gpus += size.gpus


class _Shape:
    """Pieces of one tier and size, and the hosts that may have room for one, best first."""

    __slots__ = ("heap", "jobs", "size", "tier")

    def __init__(self, tier: Tier, size: Size) -> None:
        self.tier, self.size = tier, size
        self.heap: list[tuple[tuple[int, int], tuple[int, int], int, _Node]] = []
        self.jobs = 0

    def put(self, node: _Node) -> None:
        node.shapes.add(self)
        heapq.heappush(self.heap, (node.key(), node.order, node.stamp, node))

    def find(self, barred: Iterable[str]) -> _Node | None:
        """The best host with room that is not ``barred``; entries that went stale are dropped on the way."""
        heap, aside, found = self.heap, [], None
        while heap:
            key, order, stamp, node = heap[0]
            if stamp != node.stamp:
                heapq.heappop(heap)
            elif not node.has_room(self.size):
                heapq.heappop(heap)
                node.shapes.discard(self)
            elif key != (now := node.key()):
                heapq.heapreplace(heap, (now, order, stamp, node))
            elif node.host.name in barred:
                aside.append(heapq.heappop(heap))
            else:
                found = node
                break
        for entry in aside:
            heapq.heappush(heap, entry)
        return found


class _Work:
    """A job and where its pieces are."""

    __slots__ = ("barred", "done", "given_up", "job", "order", "running", "shape", "tries", "waiting")

    def __init__(self, job: Job, order: int, shape: _Shape) -> None:
        self.job, self.order, self.shape = job, order, shape
        self.waiting = deque(job.pieces)
        self.running = 0
        self.done: dict[Hashable, int] = {}
        self.barred: dict[Hashable, set[str]] = {}
        self.tries: dict[Hashable, int] = {}
        self.given_up: set[Hashable] = set()


@dataclass(frozen=True, slots=True)
class Progress:
    """How many pieces of a job wait, run, are done, and are given up."""

    waiting: int
    running: int
    done: int
    given_up: int


class Dispatcher:
    """A farm: its hosts, its jobs, and which piece is where."""

    def __init__(
        self,
        hosts: Iterable[Host] = (),
        jobs: Iterable[Job] = (),
        *,
        owner_caps: Mapping[str, int] | None = None,
        floors: Mapping[Tier, int] = FLOORS,
        chance: random.Random | None = None,
    ) -> None:
        """``owner_caps``: most thousandths of a core that all jobs of an owner have at once; ``chance``
        orders hosts of equal standing (without it: as they came). Raises BadConfig for what cannot be.
        """
        self._nodes: dict[str, _Node] = {}
        self._works: dict[str, _Work] = {}
        self._open: dict[str, _Work] = {}
        self._shapes: dict[tuple[Tier, Size], _Shape] = {}
        self._running: dict[int, Booking] = {}
        self._owned: dict[str, int] = {}
        self._caps = dict(owner_caps or {})
        self._floors = dict(floors)
        self._chance = chance
        self._number = self._order = 0
        for host in hosts:
            self.join(host)
        for job in jobs:
            self.add(job)

    # Hosts

    def join(self, host: Host) -> None:
        """A host comes, or comes back after it was lost; raises BadConfig for one that is here."""
        if host.name in self._nodes:
            raise BadConfig("a host is in a farm once", value=host.name, hint="lost(host) takes it out")
        if host.size.cores <= 0 or min(host.size) < 0:
            raise BadConfig("a host has cores, memory and no less than no GPU", value=host.size)
        self._order += 1
        order = self._chance.randrange(MILLION) if self._chance else 0
        node = self._nodes[host.name] = _Node(host, (order, self._order))
        self._offer(node)

    def grade(self, name: str, reputation: int) -> None:
        """A host's reputation (millionths) has changed; what runs there runs on. Raises NotFound."""
        node = self._find_node(name)
        node.host = replace(node.host, reputation=reputation)
        node.stamp += 1
        node.shapes.clear()
        self._offer(node)

    def lost(self, name: str) -> list[Booking]:
        """A host is gone: what ran there waits for others, first in its job. Unknown hosts are no error."""
        node = self._nodes.pop(name, None)
        if node is None:
            return []
        node.stamp += 1
        gone = list(node.busy.values())
        for booking in gone:
            self._end(booking, node)
            self._requeue(booking)
        return gone

    # Jobs

    def add(self, job: Job) -> None:
        """A job comes; raises BadConfig for a name that is here, a piece named twice, a size of nothing."""
        if job.name in self._works:
            raise BadConfig("a job is in a farm once", value=job.name, hint="remove(job) takes it out")
        if job.size.cores <= 0 or min(job.size) < 0:
            raise BadConfig("a piece takes some of a core", value=job.size)
        if len(set(job.pieces)) != len(job.pieces):
            raise BadConfig("a piece is named once", value=job.name)
        if job.cap < 1 or job.tries < 1 or job.limit <= 0:
            raise BadConfig("cap, tries and limit are above zero", value=job.name)
        key = (job.tier, job.size)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = _Shape(*key)
            for node in self._nodes.values():
                if self._may(node.host, job.tier) and node.has_room(job.size):
                    shape.put(node)
        shape.jobs += 1
        self._order += 1
        work = self._works[job.name] = _Work(job, self._order, shape)
        if work.waiting:
            self._open[job.name] = work

    def remove(self, name: str) -> list[Booking]:
        """A job is over or given up: what still ran of it, now void. Raises NotFound."""
        work = self._find_work(name)
        gone = [booking for booking in self._running.values() if booking.job == name] if work.running else []
        for booking in gone:
            self._end(booking, self._nodes[booking.host])
        del self._works[name]
        self._open.pop(name, None)
        work.shape.jobs -= 1
        if not work.shape.jobs:
            del self._shapes[work.shape.tier, work.shape.size]
            for node in self._nodes.values():
                node.shapes.discard(work.shape)
        return gone

    # Pieces

    def book(self, now: float, most: int | None = None) -> list[Booking]:
        """Give out all for which there is room, or ``most`` pieces of it; the bookings, in that order.

        The next piece is always of the best tier that has one; there, of the owner that has the fewest cores,
        and of that owner's job that has the fewest.
        """
        out: list[Booking] = []
        queue = [(self._turn(work), work) for work in self._open.values()]
        heapq.heapify(queue)
        held: list[tuple[_Work, list[Hashable]]] = []
        while queue and (most is None or len(out) < most):
            turn, work = queue[0]
            if turn != (present := self._turn(work)):
                heapq.heapreplace(queue, (present, work))
                continue
            booking = self._book_one(work, now, held) if self._is_free(work) else None
            if booking is None:
                heapq.heappop(queue)
            else:
                out.append(booking)
                heapq.heapreplace(queue, (self._turn(work), work))
        for work, pieces in reversed(held):
            work.waiting.extendleft(reversed(pieces))
            self._open[work.job.name] = work
        return out

    def done(self, booking: Booking) -> bool:
        """A piece is rendered: its host is free. False where the booking was void by then."""
        if self._running.get(booking.number) != booking:
            return False
        self._end(booking, self._nodes[booking.host])
        self._works[booking.job].done[booking.piece] = booking.number
        return True

    def reject(self, booking: Booking) -> bool:
        """A piece is refused, while it runs or after it is done: another host gets it, first in its job;
        after ``tries`` rejections nobody. False where the booking was void by then.
        """
        work = self._works.get(booking.job)
        if work is None:
            return False
        if self._running.get(booking.number) == booking:
            self._end(booking, self._nodes[booking.host])
        elif work.done.get(booking.piece) == booking.number:
            del work.done[booking.piece]
        else:
            return False
        work.barred.setdefault(booking.piece, set()).add(booking.host)
        work.tries[booking.piece] = work.tries.get(booking.piece, 0) + 1
        if work.tries[booking.piece] >= work.job.tries:
            work.given_up.add(booking.piece)
        else:
            self._requeue(booking)
        return True

    def expire(self, now: float) -> list[Booking]:
        """Take what is overdue from its hosts, for good; other hosts get it."""
        late = [booking for booking in self._running.values() if booking.due <= now]
        for booking in late:
            self._end(booking, self._nodes[booking.host])
            self._works[booking.job].barred.setdefault(booking.piece, set()).add(booking.host)
            self._requeue(booking)
        return late

    # What may be asked

    @property
    def running(self) -> list[Booking]:
        """All that runs now, oldest first."""
        return list(self._running.values())

    def progress(self, name: str) -> Progress:
        """Where the pieces of a job are; raises NotFound."""
        work = self._find_work(name)
        return Progress(len(work.waiting), work.running, len(work.done), len(work.given_up))

    def stranded(self, name: str) -> list[Hashable]:
        """The waiting pieces of a job that no host here could take though all were idle. Raises NotFound."""
        work = self._find_work(name)
        fit = {
            node.host.name
            for node in self._nodes.values()
            if self._may(node.host, work.job.tier) and node.host.size.holds(work.job.size)
        }
        return [piece for piece in work.waiting if not fit - work.barred.get(piece, set())]

    # Inside

    def _may(self, host: Host, tier: Tier) -> bool:
        return host.reputation >= self._floors[tier] and (tier is not Tier.TRUSTED or host.trusted)

    def _offer(self, node: _Node) -> None:
        """Show a host to every shape that it has room for and that does not know it."""
        for shape in self._shapes.values():
            known = shape in node.shapes
            if not known and node.has_room(shape.size) and self._may(node.host, shape.tier):
                shape.put(node)

    def _turn(self, work: _Work) -> tuple[int, int, int, int]:
        job = work.job
        return job.tier, self._owned.get(job.owner, 0), work.running * job.size.cores, work.order

    def _is_free(self, work: _Work) -> bool:
        job = work.job
        cap = self._caps.get(job.owner)
        if cap is not None and self._owned.get(job.owner, 0) + job.size.cores > cap:
            return False
        return work.running < job.cap

    def _book_one(self, work: _Work, now: float, held: list[tuple[_Work, list[Hashable]]]) -> Booking | None:
        """The job's next piece that some host has room for; those that only barred hosts could take wait."""
        aside: list[Hashable] = []
        node, piece, job = None, None, work.job
        while work.waiting and node is None:
            piece = work.waiting.popleft()
            barred = work.barred.get(piece, ())
            node = work.shape.find(barred)
            if node is None:
                aside.append(piece)
                if not barred:
                    break
        if aside:
            held.append((work, aside))
        if not work.waiting:
            self._open.pop(job.name, None)
        if node is None:
            return None
        self._number += 1
        booking = Booking(self._number, job.name, piece, node.host.name, now, now + job.limit)
        node.take(job.size)
        node.given += job.size.cores
        node.busy[booking.number] = self._running[booking.number] = booking
        work.running += 1
        self._owned[job.owner] = self._owned.get(job.owner, 0) + job.size.cores
        return booking

    def _end(self, booking: Booking, node: _Node) -> None:
        """A booking is over, however: its room is free, its owner's and its job's too."""
        work = self._works[booking.job]
        del self._running[booking.number], node.busy[booking.number]
        work.running -= 1
        self._owned[work.job.owner] -= work.job.size.cores
        node.release(work.job.size)
        if self._nodes.get(booking.host) is node:
            self._offer(node)

    def _requeue(self, booking: Booking) -> None:
        work = self._works[booking.job]
        work.waiting.appendleft(booking.piece)
        self._open[booking.job] = work

    def _find_node(self, name: str) -> _Node:
        if name not in self._nodes:
            raise NotFound("no such host is in this farm", value=name)
        return self._nodes[name]

    def _find_work(self, name: str) -> _Work:
        if name not in self._works:
            raise NotFound("no such job is in this farm", value=name)
        return self._works[name]
