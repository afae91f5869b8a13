"""The dispatcher at the scale that OpenCue documents for its own, its invariants audited in the same run.

    python benchmarks/dispatch.py

Two phases after OpenCue's stress test: *drain* places 6,000 frames of 60 jobs on 1,200 hosts, which finish
them in rounds (some hosts die, some frames are rejected); *saturation* places 3,000 frames on 400 hosts under
caps by owner. Every call is written down, and :func:`audit` reads that list with books of its own: nothing
booked twice, no cap passed, no host over its size, no rejected frame on the same host again. Prints a table
and writes ``benchmarks/results/dispatch.json``: medians of CPU and of wall time.

OpenCue's 975.1 frames a second are its own figure, on hardware that it does not name, with PostgreSQL in the
loop. The row "with a journal" is this dispatcher with each round's bookings in a SQLite transaction on disk
(synchronous = FULL).
"""

from __future__ import annotations

import json
import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from weftwork.compute.render.dispatch import FLOORS, Booking, Dispatcher, Host, Job, Size, Tier  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "dispatch.json"
OPENCUE = 975.1
GOAL = 1_000.0
REPEATS = 5
GIB = 2**30
Event = tuple[str, Any]


class Journal:
    """Bookings on disk, one transaction a round."""

    def __init__(self, path: Path) -> None:
        self.base = sqlite3.connect(path, isolation_level=None)
        self.base.execute("PRAGMA journal_mode = WAL")
        self.base.execute("PRAGMA synchronous = FULL")
        self.base.execute("CREATE TABLE booking (number INTEGER PRIMARY KEY, job, piece, host, at)")

    def write(self, booked: list[Booking]) -> None:
        self.base.execute("BEGIN")
        rows = ((one.number, one.job, str(one.piece), one.host, one.at) for one in booked)
        self.base.executemany("INSERT INTO booking VALUES (?, ?, ?, ?, ?)", rows)
        self.base.execute("COMMIT")


def make_farm(hosts: int, frames: int, jobs: int, seed: int) -> tuple[list[Host], list[Job], dict[str, int]]:
    """Hosts of 8 to 64 cores, jobs of three tiers and eight owners, caps for half of the owners."""
    draw = random.Random(seed)
    farm = [
        Host(
            f"host{number}",
            Size(
                draw.choice([8, 16, 32, 64]) * 1_000,
                draw.choice([32, 64, 128]) * GIB,
                draw.choice([0, 0, 1, 4]),
            ),
            draw.randrange(50_000, 1_000_001),
            draw.random() < 0.3,
        )
        for number in range(hosts)
    ]
    each, work = frames // jobs, []
    for number in range(jobs):
        size = Size(
            draw.choice([1, 2, 4, 8]) * 1_000, draw.choice([2, 4, 8, 16]) * GIB, draw.choice([0, 0, 0, 1])
        )
        tier = draw.choice([Tier.TRUSTED, Tier.PRIORITY, Tier.ECONOMY, Tier.ECONOMY])
        owner, cap = f"owner{draw.randrange(8)}", draw.choice([40, 80, 1_000])
        work.append(Job(f"job{number}", owner, tier, size, tuple(range(each)), cap))
    caps = {f"owner{number}": draw.choice([150, 600, 2_000]) * 1_000 for number in range(4)}
    return farm, work, caps


def run(farm: Any, seed: int, journal: Journal | None, *, drain: bool) -> tuple[dict[str, Any], list[Event]]:
    """Book until nothing waits (``drain``) or once; times of booking and of all calls, and the calls."""
    hosts, jobs, caps = farm
    draw, log = random.Random(seed), []
    began, began_cpu = time.perf_counter(), time.process_time()
    dispatcher = Dispatcher(hosts, jobs, owner_caps=caps, chance=random.Random(seed))
    placed, rounds, booking_wall, booking_cpu = 0, 0, 0.0, 0.0
    while True:
        wall, cpu = time.perf_counter(), time.process_time()
        booked = dispatcher.book(float(rounds))
        if journal is not None:
            journal.write(booked)
        booking_wall += time.perf_counter() - wall
        booking_cpu += time.process_time() - cpu
        log.extend(("book", one) for one in booked)
        placed += len(booked)
        rounds += 1
        running = dispatcher.running
        if not drain or not running:
            break
        for one in running:
            chance = draw.random()
            if chance < 0.002 and dispatcher.lost(one.host):
                log.append(("lost", one.host))
            elif chance < 0.02 and dispatcher.reject(one):
                log.append(("reject", one))
            elif chance < 0.6 and dispatcher.done(one):
                log.append(("done", one))
    wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    waiting = sum(dispatcher.progress(job.name).waiting for job in jobs)
    facts = {
        "bookings": placed,
        "rounds": rounds,
        "waiting_at_the_end": waiting,
        "booking_cpu_s": booking_cpu,
        "booking_wall_s": booking_wall,
        "all_cpu_s": cpu,
        "all_wall_s": wall,
    }
    return facts, log


def audit(farm: Any, log: list[Event]) -> dict[str, int]:
    """What happened, by the log alone and books of its own; AssertionError for a breach of an invariant."""
    hosts, jobs = {one.name: one for one in farm[0]}, {one.name: one for one in farm[1]}
    running: dict[tuple[str, Any], Booking] = {}
    done: set[tuple[str, Any]] = set()
    barred: set[tuple[str, Any, str]] = set()
    dead: set[str] = set()
    used: Counter[tuple[str, str]] = Counter()
    numbers: set[int] = set()

    def count(one: Booking, sign: int) -> None:
        job = jobs[one.job]
        for part, amount in zip(("cores", "memory", "gpus"), job.size, strict=True):
            used[part, one.host] += sign * amount
        used["job", job.name] += sign
        used["owner", job.owner] += sign * job.size.cores

    for what, one in log:
        if what == "lost":
            dead.add(one)
            for key in [key for key, kept in running.items() if kept.host == one]:
                count(running.pop(key), -1)
            continue
        key, job, host = (one.job, one.piece), jobs[one.job], hosts[one.host]
        if what == "book":
            assert one.number not in numbers, "a number given twice"
            assert key not in running, "booked twice"
            assert key not in done, "booked after it was done"
            assert one.host not in dead, "booked on a host that is gone"
            assert (*key, one.host) not in barred, "booked on the host that it was rejected from"
            assert host.reputation >= FLOORS[job.tier], "booked below the tier's reputation"
            assert job.tier is not Tier.TRUSTED or host.trusted, "booked on a host that is no partner"
            numbers.add(one.number)
            running[key] = one
            count(one, 1)
            for part, limit in zip(("cores", "memory", "gpus"), host.size, strict=True):
                assert used[part, one.host] <= limit, f"{part} of a host overbooked"
            assert used["job", job.name] <= job.cap, "a job's cap passed"
            assert used["owner", job.owner] <= farm[2].get(job.owner, 2**62), "an owner's cap passed"
        else:
            assert running.get(key) == one, "ended and was not running"
            count(running.pop(key), -1)
            if what == "done":
                done.add(key)
            else:
                barred.add((*key, one.host))
    return {
        "bookings": len(numbers),
        "done": len(done),
        "rejected": len(barred),
        "hosts_lost": len(dead),
        "running_at_the_end": len(running),
    }


def measure(name: str, hosts: int, frames: int, jobs: int, *, drain: bool, journal: bool) -> dict[str, Any]:
    """One row: the same farm some times over, each run audited."""
    runs, audited = [], {}
    for _ in range(REPEATS):
        farm = make_farm(hosts, frames, jobs, 7)
        with tempfile.TemporaryDirectory() as folder:
            kept = Journal(Path(folder) / "bookings.db") if journal else None
            facts, log = run(farm, 11, kept, drain=drain)
        audited = audit(farm, log)
        assert audited["bookings"] == facts["bookings"]
        runs.append(facts)
    middle = {key: statistics.median(one[key] for one in runs) for key in runs[0]}
    rate, wall_rate = (
        middle["bookings"] / middle["booking_cpu_s"],
        middle["bookings"] / middle["booking_wall_s"],
    )
    whole = middle["bookings"] / middle["all_wall_s"]
    return {
        "what": name,
        "hosts": hosts,
        "frames": frames,
        "jobs": jobs,
        **middle,
        "frames_per_cpu_s": rate,
        "frames_per_wall_s": wall_rate,
        "frames_per_wall_s_with_all_calls": whole,
        "goal_per_s": GOAL,
        "audit": audited,
    }


def main() -> int:
    rows = [
        measure("drain", 1_200, 6_000, 60, drain=True, journal=False),
        measure("drain, with a journal", 1_200, 6_000, 60, drain=True, journal=True),
        measure("saturation", 400, 3_000, 60, drain=False, journal=False),
    ]
    print(
        f"{'':24} {'booked':>7} {'per CPU s':>10} {'per wall s':>10} {'all calls':>10} "
        f"{'goal':>7} {'OpenCue':>8}"
    )
    for row in rows:
        print(
            f"{row['what']:24} {row['bookings']:7.0f} {row['frames_per_cpu_s']:10,.0f} "
            f"{row['frames_per_wall_s']:10,.0f} {row['frames_per_wall_s_with_all_calls']:10,.0f} "
            f"{row['goal_per_s']:7,.0f} {OPENCUE:8,.1f}"
        )
    print(f"audited: {rows[0]['audit']}")
    kept = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "opencue_documented_per_s": OPENCUE,
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
