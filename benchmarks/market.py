"""The compute market's fast paths against their exact ones, side by side on one core.

    python benchmarks/market.py

Prints a table of medians, ratios and goals, and writes ``benchmarks/results/market.json``: 100,000 escrow
payments settled (numpy against the spec).
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

from weftwork.spec import escrow  # noqa: E402
from weftwork.spec.escrow import Account, Deposit, Mode, Payment, State  # noqa: E402
from weftwork.spec.escrow_fast import Book, settle_many  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "market.json"
PAYMENTS = 100_000


def median_ms(run: Callable[[], Any], repeats: int = 5) -> float:
    """The median of some runs, milliseconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append((time.perf_counter() - began) * 1e3)
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


def main() -> int:
    rows = measure_escrow()
    print(f"{'':46} {'exact':>9} {'fast':>9} {'ratio':>7} {'goal':>9}")
    for row in rows:
        print(
            f"{row['what']:46} {row['exact_ms']:7.1f}ms {row['fast_ms']:7.1f}ms "
            f"{row['ratio']:6.1f}x {row['goal_ms']:7.0f}ms"
        )
    kept = {"machine": platform.machine(), "python": platform.python_version(), "rows": rows}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
