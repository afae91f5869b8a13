"""A farm under any sequence of calls keeps its invariants, judged by books that the test keeps itself."""

from __future__ import annotations

import random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from weftwork.compute.render.dispatch import FLOORS, Booking, Dispatcher, Host, Job, Size, Tier

TIERS = st.sampled_from(list(Tier))
SIZES = st.builds(Size, st.integers(1, 4).map(lambda n: n * 500), st.integers(0, 4), st.integers(0, 1))
HOST_SIZES = st.builds(Size, st.integers(1, 8).map(lambda n: n * 500), st.integers(0, 8), st.integers(0, 2))
REPUTATIONS = st.sampled_from([0, 100_000, 499_999, 500_000, 800_000, 1_000_000])


class Farm(RuleBasedStateMachine):
    """Requesters and hosts come, work, fail and go; the dispatcher may never break its word."""

    @initialize(seed=st.integers(0, 9), cap=st.sampled_from([None, 1_000, 3_000]))
    def open_farm(self, seed: int, cap: int | None) -> None:
        self.caps = {} if cap is None else {"anna": cap}
        self.farm = Dispatcher(owner_caps=self.caps, chance=random.Random(seed))
        self.hosts: dict[str, Host] = {}
        self.jobs: dict[str, Job] = {}
        self.running: dict[int, Booking] = {}
        self.done: dict[tuple[str, object], Booking] = {}
        self.barred: set[tuple[str, object, str]] = set()
        self.tries: dict[tuple[str, object], int] = {}
        self.void: list[Booking] = []
        self.names = self.now = 0

    def name(self) -> str:
        self.names += 1
        return f"n{self.names}"

    def room(self, host: Host) -> Size:
        taken = [self.jobs[one.job].size for one in self.running.values() if one.host == host.name]
        return (
            Size(
                *(whole - sum(part) for whole, part in zip(host.size, zip(*taken, strict=True), strict=True))
            )
            if taken
            else host.size
        )

    def may(self, job: Job, host: Host) -> bool:
        partner = host.trusted or job.tier is not Tier.TRUSTED
        return partner and host.reputation >= FLOORS[job.tier]

    def is_capped(self, job: Job) -> bool:
        mine = [one for one in self.running.values() if one.job == job.name]
        owned = sum(
            self.jobs[one.job].size.cores
            for one in self.running.values()
            if self.jobs[one.job].owner == job.owner
        )
        cap = self.caps.get(job.owner, 10**9)
        return len(mine) >= job.cap or owned + job.size.cores > cap

    def given_up(self, job: Job, piece: object) -> bool:
        return self.tries.get((job.name, piece), 0) >= job.tries

    def waits(self, job: Job) -> list[object]:
        gone = {one.piece for one in self.running.values() if one.job == job.name}
        gone |= {piece for name, piece in self.done if name == job.name}
        return [piece for piece in job.pieces if piece not in gone and not self.given_up(job, piece)]

    @rule(size=HOST_SIZES, reputation=REPUTATIONS, trusted=st.booleans())
    def host_comes(self, size: Size, reputation: int, trusted: bool) -> None:
        host = Host(self.name(), size, reputation, trusted)
        self.hosts[host.name] = host
        self.farm.join(host)

    @rule(
        tier=TIERS,
        owner=st.sampled_from(["anna", "bert"]),
        size=SIZES,
        pieces=st.integers(0, 6),
        cap=st.integers(1, 4),
        tries=st.integers(1, 3),
    )
    def requester_comes(self, tier: Tier, owner: str, size: Size, pieces: int, cap: int, tries: int) -> None:
        job = Job(self.name(), owner, tier, size, tuple(range(pieces)), cap, 10.0, tries)
        self.jobs[job.name] = job
        self.farm.add(job)

    @rule(most=st.sampled_from([None, None, 0, 1, 3]))
    def frames_are_booked(self, most: int | None) -> None:
        self.now += 1
        booked = self.farm.book(self.now, most)
        assert most is None or len(booked) <= most
        for one in booked:
            job, host = self.jobs[one.job], self.hosts[one.host]
            assert one.piece in self.waits(job), "booked twice"
            assert (one.job, one.piece, one.host) not in self.barred, "booked where it was refused"
            assert self.may(job, host), "booked below its tier"
            assert not self.is_capped(job), "a cap was passed"
            assert self.room(host).holds(job.size), "a host was overbooked"
            assert one.number not in self.running
            self.running[one.number] = one
        if most is None:
            self.nothing_waits_for_which_there_is_room()

    def nothing_waits_for_which_there_is_room(self) -> None:
        for job in self.jobs.values():
            if self.is_capped(job):
                continue
            for piece in self.waits(job):
                for host in self.hosts.values():
                    free = self.may(job, host) and self.room(host).holds(job.size)
                    assert not free or (job.name, piece, host.name) in self.barred, "room was left"

    @precondition(lambda self: self.running)
    @rule(pick=st.randoms(use_true_random=False))
    def host_finishes(self, pick: random.Random) -> None:
        one = self.running.pop(pick.choice(sorted(self.running)))
        assert self.farm.done(one)
        assert not self.farm.done(one), "paid twice"
        self.done[one.job, one.piece] = one

    @precondition(lambda self: self.running or self.done)
    @rule(pick=st.randoms(use_true_random=False))
    def checker_rejects(self, pick: random.Random) -> None:
        one = pick.choice([*self.running.values(), *self.done.values()])
        assert self.farm.reject(one)
        self.running.pop(one.number, None)
        self.done.pop((one.job, one.piece), None)
        self.barred.add((one.job, one.piece, one.host))
        self.tries[one.job, one.piece] = self.tries.get((one.job, one.piece), 0) + 1
        self.void.append(one)

    @precondition(lambda self: self.hosts)
    @rule(pick=st.randoms(use_true_random=False))
    def host_dies(self, pick: random.Random) -> None:
        name = pick.choice(sorted(self.hosts))
        gone = self.farm.lost(name)
        mine = [one for one in self.running.values() if one.host == name]
        assert sorted(gone) == sorted(mine)
        for one in mine:
            del self.running[one.number]
        self.void += mine
        del self.hosts[name]
        assert self.farm.lost(name) == []

    @precondition(lambda self: self.hosts)
    @rule(pick=st.randoms(use_true_random=False), reputation=REPUTATIONS)
    def host_is_graded(self, pick: random.Random, reputation: int) -> None:
        host = self.hosts[pick.choice(sorted(self.hosts))]
        self.farm.grade(host.name, reputation)
        self.hosts[host.name] = Host(host.name, host.size, reputation, host.trusted)

    @rule(gone=st.integers(0, 12))
    def time_goes_by(self, gone: int) -> None:
        self.now += gone
        late = self.farm.expire(self.now)
        mine = [one for one in self.running.values() if one.due <= self.now]
        assert sorted(late) == sorted(mine)
        for one in mine:
            del self.running[one.number]
            self.barred.add((one.job, one.piece, one.host))
        self.void += mine

    @precondition(lambda self: self.jobs)
    @rule(pick=st.randoms(use_true_random=False))
    def requester_goes(self, pick: random.Random) -> None:
        name = pick.choice(sorted(self.jobs))
        gone = self.farm.remove(name)
        mine = [one for one in self.running.values() if one.job == name]
        assert sorted(gone) == sorted(mine)
        for one in mine:
            del self.running[one.number]
        self.void += mine
        self.done = {key: one for key, one in self.done.items() if key[0] != name}
        del self.jobs[name]

    @invariant()
    def both_books_agree(self) -> None:
        assert {one.number for one in self.farm.running} == set(self.running)
        for job in self.jobs.values():
            seen = self.farm.progress(job.name)
            done = sum(name == job.name for name, _ in self.done)
            running = sum(one.job == job.name for one in self.running.values())
            up = sum(self.given_up(job, piece) for piece in job.pieces)
            assert (seen.waiting, seen.running, seen.done, seen.given_up) == (
                len(job.pieces) - running - done - up,
                running,
                done,
                up,
            )

    @invariant()
    def void_bookings_stay_void(self) -> None:
        for one in self.void[-5:]:
            assert not self.farm.done(one)
            assert not self.farm.reject(one)


TestFarm = Farm.TestCase
