"""The first minutes: a cold ``weft --help``, and the time from ``weft up`` to the first answer.

    python benchmarks/startup.py

The help is timed beside two peers of the same interpreter in alternating rounds: ``python -c pass`` (what no
program can beat) and ``python -c "import typer"``. The start is from a new home each time: ledger process,
contracts, subnet, two miners with the boxed model, two gateways, one validator, one question answered.
Prints medians and ratios, and writes ``benchmarks/results/startup.json``.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "startup.json"
WEFT = [sys.executable, "-m", "weftwork.cli"]
ROUNDS, STARTS = 15, 5
GOAL_HELP, GOAL_ANSWER = 0.4, 8.0
QUESTION = "swap 250 USDC for ETH, no more than half a percent slippage"


def time_command(command: list[str], env: dict[str, str]) -> float:
    """Seconds of wall clock for one run; raises CalledProcessError where it fails."""
    start = time.perf_counter()
    subprocess.run(command, env=env, check=True, capture_output=True)
    return time.perf_counter() - start


def time_first_answer(env: dict[str, str]) -> tuple[float, float]:
    """Seconds from ``weft up`` until all is up, and until the first question is answered, in a new home."""
    with tempfile.TemporaryDirectory() as home:
        env = {**env, "WEFT_HOME": home, "WEFT_PORT": "0"}
        start = time.perf_counter()
        subprocess.run([*WEFT, "up", "-d"], env=env, check=True, capture_output=True)
        up = time.perf_counter() - start
        try:
            subprocess.run([*WEFT, "ask", QUESTION], env=env, check=True, capture_output=True)
            return up, time.perf_counter() - start
        finally:
            subprocess.run([*WEFT, "down"], env=env, check=True, capture_output=True)


def main() -> None:
    """Measure, print, write."""
    env = dict(os.environ, NO_COLOR="1")
    commands = {
        "weft --help": [*WEFT, "--help"],
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import typer'": [sys.executable, "-c", "import typer"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            times[name].append(time_command(command, env))
    helps = {name: round(statistics.median(found), 4) for name, found in times.items()}
    starts = [time_first_answer(env) for _ in range(STARTS)]
    answer = statistics.median(total for _, total in starts)
    result = {
        "help_seconds": helps,
        "help_ratio_to_bare_python": round(helps["weft --help"] / helps["python -c pass"], 2),
        "help_goal_seconds": GOAL_HELP,
        "up_seconds": round(statistics.median(up for up, _ in starts), 2),
        "first_answer_seconds": round(answer, 2),
        "first_answer_min_max": [round(min(t for _, t in starts), 2), round(max(t for _, t in starts), 2)],
        "first_answer_goal_seconds": GOAL_ANSWER,
        "load": [round(value, 2) for value in os.getloadavg()],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }
    print(json.dumps(result, indent=2))
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
