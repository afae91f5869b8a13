"""The exact epoch against a plain float64 numpy version of the same steps, side by side on one core.

    python benchmarks/epoch.py

Prints a table of medians, the ratio and the goal, and writes ``benchmarks/results/epoch.json``. Both start
from the same u16 matrices (every validator weighs every miner) and give consensus, incentive, dividends,
permits, emission and the u16 bonds that are stored; the float version leaves out the masks. Runs of the two
alternate.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import json
import platform
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from weftwork.spec.epoch import PRESETS, LiquidAlpha, Params
from weftwork.spec.yuma_fast import DenseResult, DenseSnapshot, run_epoch_dense

RESULTS = Path(__file__).parent / "results" / "epoch.json"
GOALS_MS = {(64, 256): 3.0, (256, 1024): 25.0, (256, 4096): 60.0}
SIZES = [(16, 64), (64, 256), (128, 512), (256, 1024), (256, 2048), (256, 4096)]
SECONDS_A_CELL = 1.6
EMISSION = 10**18


def make_snapshot(validators: int, miners: int, seed: int = 0) -> DenseSnapshot:
    """A subnet whose validators all weigh all miners around one hidden quality, with earlier bonds."""
    rng = np.random.default_rng(seed)
    n = validators + miners
    quality = rng.uniform(0.05, 1.0, miners)
    weights, bonds = np.zeros((validators, n), np.uint16), np.zeros((validators, n), np.uint16)
    noisy = quality * rng.uniform(0.7, 1.3, (validators, miners))
    weights[:, validators:] = np.rint(noisy / noisy.max(axis=1, keepdims=True) * 65535)
    bonds[:, validators:] = noisy / noisy.sum(axis=1, keepdims=True) * 65535
    stakes = [int(x) * 10**18 for x in rng.integers(1_000, 1_000_000, validators)] + [0] * miners
    return DenseSnapshot(
        block=1000,
        last_tempo=640,
        owner=None,
        stakes=stakes,
        registered_at=np.zeros(n, np.int64),
        last_update=np.full(n, 950),
        permits=np.arange(n) < validators,
        rows=np.arange(validators),
        weights=weights,
        bonds=bonds,
    )


def run_float_epoch(s: DenseSnapshot, p: Params) -> tuple[np.ndarray, ...]:
    """The steps of Yuma 3 as one would write them in float64 numpy."""
    stake = np.array(s.stakes, dtype=np.float64)
    stake /= stake.sum()
    permits = np.zeros(len(stake), bool)
    permits[np.argsort(stake, kind="stable")[-p.max_validators :]] = True
    a = np.where(s.permits, stake, 0.0)
    a = (a / a.sum())[s.rows]
    w = s.weights.astype(np.float64)
    w /= np.maximum(w.sum(axis=1, keepdims=True), 1)
    order = np.argsort(w, axis=0)
    below = np.cumsum(a[order], axis=0)
    first = (below > 1 - p.kappa / 65535).argmax(axis=0)
    consensus = np.take_along_axis(w, np.take_along_axis(order, first[None], axis=0), axis=0)[0]
    clipped = np.minimum(w, consensus)
    rank = a @ clipped
    incentive = rank / rank.sum()
    goal = w + p.bonds_penalty / 65535 * (clipped - w)
    held = s.bonds / 65535
    if p.liquid_alpha is None:
        alpha = 1 - p.bonds_moving_average / 1e6
    else:
        low, high = p.liquid_alpha.low / 65535, p.liquid_alpha.high / 65535
        d = np.clip(np.where(goal >= held, goal - consensus, held - goal), 0, 1)
        alpha = low + (high - low) / (1 + np.exp(-p.liquid_alpha.steepness / 100 * (d - 0.5)))
    bonds = alpha * goal + (1 - alpha) * held
    column = bonds.sum(axis=0)
    share = bonds / np.where(column == 0, 1, column)
    dividends = np.zeros(len(stake))
    dividends[s.rows] = a * (share @ incentive)
    dividends /= dividends.sum()
    emission = (incentive + dividends) / 2 * EMISSION
    return consensus, incentive, dividends, emission, permits, (bonds * 65535).astype(np.uint16)


def check_equal(exact: DenseResult, plain: tuple[np.ndarray, ...]) -> None:
    """Both computed the same epoch: incentives and dividends agree to a millionth."""
    for have, want in ((exact.incentive, plain[1]), (exact.dividends, plain[2])):
        assert np.abs(np.array(have) / 2**32 - want).max() < 1e-6


def time_pair(snapshot: DenseSnapshot, params: Params) -> tuple[float, float, int]:
    """Median milliseconds of the exact and the float epoch, run in turn, and the number of runs."""
    check_equal(run_epoch_dense(snapshot, params, EMISSION), run_float_epoch(snapshot, params))
    exact: list[float] = []
    plain: list[float] = []
    end = time.perf_counter() + SECONDS_A_CELL
    while time.perf_counter() < end or len(exact) < 5:
        t0 = time.perf_counter()
        run_epoch_dense(snapshot, params, EMISSION)
        t1 = time.perf_counter()
        run_float_epoch(snapshot, params)
        t2 = time.perf_counter()
        exact.append((t1 - t0) * 1e3)
        plain.append((t2 - t1) * 1e3)
    return statistics.median(exact), statistics.median(plain), len(exact)


def main() -> int:
    """Run every size and preset with and without liquid alpha; 1 where a goal is missed."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = []
    head = ("validators", "miners", "preset", "liquid", "exact ms", "float ms", "ratio", "goal ms")
    print(" ".join(f"{name:>10}" for name in head))
    for validators, miners in SIZES:
        snapshot = make_snapshot(validators, miners)
        for name, preset in PRESETS.items():
            for liquid in (None, LiquidAlpha()):
                params = replace(preset, liquid_alpha=liquid, max_validators=validators)
                exact, plain, runs = time_pair(snapshot, params)
                goal = GOALS_MS.get((validators, miners))
                goal = goal and goal * (2 if liquid else 1)
                rows.append(
                    {
                        "validators": validators,
                        "miners": miners,
                        "preset": name,
                        "liquid_alpha": liquid is not None,
                        "exact_ms": round(exact, 3),
                        "float_ms": round(plain, 3),
                        "ratio_to_float": round(exact / plain, 2),
                        "ns_a_pair": round(exact * 1e6 / (validators * miners), 1),
                        "goal_ms": goal,
                        "met": goal is None or exact < goal,
                        "runs": runs,
                    }
                )
                row = (validators, miners, name, "on" if liquid else "off")
                times = (f"{exact:.2f}", f"{plain:.2f}", f"{exact / plain:.2f}", goal or "")
                print(" ".join(f"{cell:>10}" for cell in row + times), flush=True)
    report = {
        "what": "one exact epoch, u16 matrices in, u16 bonds out; medians of alternating runs, one core",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "goals_met": all(row["met"] for row in rows),
        "rows": rows,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    print(f"goals {'met' if report['goals_met'] else 'MISSED'}; wrote {RESULTS}")
    return 0 if report["goals_met"] else 1


if __name__ == "__main__":
    sys.exit(main())
