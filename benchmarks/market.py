"""The compute market's fast paths against their exact ones, side by side on one core.

    python benchmarks/market.py

Prints a table of medians, ratios and goals, and writes ``benchmarks/results/market.json``: 100,000 escrow
payments settled (numpy against the spec), and one order matched with 10,000 providers and priced by each that
can take it (arrays against the spec's constraint by constraint). Times are the process's own, on one core.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from weftwork.compute.bidding import Request, Tariff  # noqa: E402
from weftwork.compute.matching import Directory  # noqa: E402
from weftwork.compute.quote import find_quotes  # noqa: E402
from weftwork.spec import escrow  # noqa: E402
from weftwork.spec.escrow import Account, Deposit, Mode, Payment, State  # noqa: E402
from weftwork.spec.escrow_fast import Book, settle_many  # noqa: E402
from weftwork.spec.placement import Demand, Offer, Unit, Volume, find_failures  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "market.json"
PAYMENTS = 100_000
PROVIDERS = 10_000
GIB = 2**30
MODELS = [
    "a100/ram/40Gi",
    "a100/ram/80Gi",
    "h100/ram/80Gi",
    "rtx4090/ram/24Gi",
    "t4/ram/16Gi",
    "l40/ram/48Gi",
]


def median_ms(run: Callable[[], Any], repeats: int = 5) -> float:
    """The median of some runs, milliseconds of CPU."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        run()
        times.append((time.process_time() - began) * 1e3)
    return statistics.median(times)


def make_accounts(payments: int, wad: int, seed: int = 0) -> list[Account]:
    """Accounts of 1 to 19 payments and 1 to 8 depositors, of which about a third run dry in 1,000 blocks."""
    draw, out, left = random.Random(seed), [], payments
    while left:
        count = min(draw.randint(1, 19), left)
        left -= count
        rates = [draw.randint(1, 10**6) * wad + draw.randrange(wad) for _ in range(count)]
        each = sum(rates) * draw.randint(1, 3_000)
        deposits = tuple(Deposit(f"d{n}", each // 8 + 1) for n in range(draw.randint(1, 8)))
        streams = tuple(Payment(n, rate) for n, rate in enumerate(rates))
        out.append(Account(draw.choice(list(Mode)), State.OPEN, deposits, streams, 0))
    return out


def measure_escrow() -> list[dict[str, Any]]:
    """The exact and the vectorised settlement of the same accounts, in millionths and with 18 decimals."""
    rows = []
    for name, wad in (("6 decimals", 1), ("18 decimals", 10**12)):
        accounts = make_accounts(PAYMENTS, wad)
        book = Book.of(accounts)
        exact = [escrow.settle(one, 1_000) for one in accounts]
        fast = settle_many(book, 1_000)
        assert list(fast.earned) == [p.balance for one in exact for p in one.payments]
        assert list(fast.dry) == [one.state is State.PAUSED for one in exact]
        exact_ms = median_ms(lambda kept=accounts: [escrow.settle(one, 1_000) for one in kept], 3)
        fast_ms = median_ms(lambda kept=book: settle_many(kept, 1_000))
        whole_ms = median_ms(lambda kept=accounts: settle_many(Book.of(kept), 1_000), 3)
        rows.append(
            {
                "what": f"settle {PAYMENTS:,} payments, {name}",
                "exact_ms": exact_ms,
                "fast_ms": fast_ms,
                "with_the_book_ms": whole_ms,
                "ratio": exact_ms / fast_ms,
                "goal_ms": 1_000.0,
            }
        )
    return rows


def make_offers(count: int, seed: int = 0) -> list[Offer]:
    """Providers of all sizes: a region, a tier, a host, GPUs, attributes signed by some of four auditors."""
    draw, out = random.Random(seed), []
    for number in range(count):
        attributes = [("region", f"r{draw.randrange(8)}"), ("tier", draw.choice(["community", "pro"]))]
        attributes.append((f"capabilities/gpu/vendor/nvidia/model/{draw.choice(MODELS)}", "true"))
        attributes.append(("host", f"host{number}"))
        signed = {f"auditor{n}": tuple(attributes[:2]) for n in range(4) if draw.random() < 0.5}
        storage = {"default": draw.randint(50, 5_000) * GIB, "beta3": draw.randint(0, 2_000) * GIB}
        out.append(
            Offer(
                f"p{number}",
                draw.randint(4, 256) * 1_000,
                draw.randint(8, 2_048) * GIB,
                storage,
                draw.randint(0, 16),
                attributes=tuple(attributes),
                signed=signed,
            )
        )
    return out


def measure_matching() -> list[dict[str, Any]]:
    """An order that few can take, and one that nearly all can: matched and priced."""
    offers = make_offers(PROVIDERS)
    directory = Directory(offers)
    draw = random.Random(1)
    tariffs = {
        one.name: Tariff(draw.randrange(10**18), 10**17, {"default": 10**16, "beta3": 10**17}, 10**20)
        for one in offers
    }
    volumes = (Volume(20 * GIB), Volume(50 * GIB, "beta3", True))
    kinds = ("vendor/nvidia/model/a100/ram/80Gi", "vendor/nvidia/model/h*")
    narrow = Demand(
        (Unit(2, 8_000, 32 * GIB, volumes, 1, kinds, 1), Unit(3, 1_000, GIB, volumes[:1])),
        (("region", "r1"), ("tier", "pro")),
        ("auditor0",),
        ("auditor1", "auditor2"),
    )
    wide = Demand((Unit(1, 1_000, GIB, volumes[:1], endpoints=1),))
    rows = []
    for name, demand in (("narrow", narrow), ("wide", wide)):
        request = Request(demand, "tenant", "weft", 10**18)
        quotes = find_quotes(request, directory, tariffs.__getitem__)
        slow = [one.name for one in offers if not find_failures(demand, one)]
        assert sorted(one.provider for one in quotes) == sorted(slow)
        exact_ms = median_ms(lambda kept=demand: [find_failures(kept, one) for one in offers], 3)
        fast_ms = median_ms(lambda kept=request: find_quotes(kept, directory, tariffs.__getitem__))
        what = f"match {PROVIDERS:,} providers, {len(quotes):,} priced ({name})"
        rows.append(
            {
                "what": what,
                "exact_ms": exact_ms,
                "fast_ms": fast_ms,
                "ratio": exact_ms / fast_ms,
                "goal_ms": 50.0,
            }
        )
    return rows


def main() -> int:
    rows = [*measure_escrow(), *measure_matching()]
    print(f"{'':52} {'exact':>9} {'fast':>9} {'ratio':>7} {'goal':>9}")
    for row in rows:
        print(
            f"{row['what']:52} {row['exact_ms']:7.1f}ms {row['fast_ms']:7.1f}ms "
            f"{row['ratio']:6.1f}x {row['goal_ms']:7.0f}ms"
        )
    kept = {"machine": platform.machine(), "python": platform.python_version(), "rows": rows}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
