"""500 deployment files parsed, checked and hashed, beside ``yaml.safe_load`` of the same files, in one run.

    python benchmarks/sdl.py

Prints the figures and writes ``benchmarks/results/sdl.json``. The files differ in services, ports, volumes,
GPUs and placements; each is parsed, checked in strict mode, turned into group specs and manifest, and hashed.
Runs alternate, and the median ratio counts. Two of PyYAML's loaders are measured, which only parse: the one
in plain Python that ``safe_load`` is, and libyaml's (``CSafeLoader``).
"""

from __future__ import annotations

import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from weftwork.compute.sdl import node, parse

RESULTS = Path(__file__).parent / "results" / "sdl.json"
FILES = 500
GOAL_S = 4.0
ROUNDS = 5


def make_file(rng: random.Random) -> str:
    """A valid deployment of 1 to 6 services in 1 or 2 groups."""
    services: dict[str, Any] = {}
    computes: dict[str, Any] = {}
    placements = {
        f"place-{i}": {"attributes": {"region": f"r{i}"}, "pricing": {}} for i in range(rng.randint(1, 2))
    }
    deployment: dict[str, Any] = {}
    for i in range(rng.randint(1, 6)):
        name, profile = f"service-{i}", f"profile-{i}"
        ports = [{"port": 80, "to": [{"global": True}]}]
        ports += [{"port": 8000 + j, "to": [{"service": "service-0"}]} for j in range(rng.randint(0, 3))]
        env = [f"KEY_{j}={rng.getrandbits(64):x}" for j in range(rng.randint(0, 8))]
        services[name] = {"image": f"registry.example.com/app:{i}", "env": env, "expose": ports}
        resources: dict[str, Any] = {
            "cpu": {"units": rng.choice([0.5, "250m", 4])},
            "memory": {"size": rng.choice(["512Mi", "1.5Gi"])},
            "storage": [{"size": "1Gi"}],
        }
        if rng.random() < 0.5:
            kept = {"name": "data", "size": "20Gi", "attributes": {"class": "beta2", "persistent": True}}
            resources["storage"].append(kept)
            services[name]["params"] = {"storage": {"data": {"mount": "/data"}}}
        if rng.random() < 0.3:
            resources["gpu"] = {
                "units": 1,
                "attributes": {"vendor": {"nvidia": [{"model": "a100", "ram": "80Gi"}]}},
            }
        computes[profile] = {"resources": resources}
        place = rng.choice(sorted(placements))
        placements[place]["pricing"][profile] = {"denom": "uakt", "amount": rng.randint(100, 9000)}
        deployment[name] = {place: {"profile": profile, "count": rng.randint(1, 5)}}
    document = {
        "version": rng.choice(["2.0", "2.1"]),
        "services": services,
        "profiles": {"compute": computes, "placement": placements},
        "deployment": deployment,
    }
    return yaml.safe_dump(document, sort_keys=False)


def run_all(work: Callable[[bytes], Any], files: list[bytes]) -> float:
    """Seconds that ``work`` takes over all files."""
    start = time.perf_counter()
    for file in files:
        work(file)
    return time.perf_counter() - start


def main() -> int:
    """Measure, print, write; the exit status says whether the goal is met."""
    rng = random.Random(7)
    files = [make_file(rng).encode() for _ in range(FILES)]
    c_loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    works: dict[str, Callable[[bytes], Any]] = {
        "weft": lambda file: parse(file, strict=True).hash,
        "safe_load": yaml.safe_load,
        "c_safe_load": lambda file: yaml.load(file, Loader=c_loader),
    }
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            taken[name].append(run_all(work, files))
    median = {name: statistics.median(times) for name, times in taken.items()}
    ratios = {}
    for name in ("safe_load", "c_safe_load"):
        pairs = zip(taken["weft"], taken[name], strict=True)
        ratios[f"ratio_to_{name}"] = round(statistics.median(ours / theirs for ours, theirs in pairs), 2)
    result = {
        "what": "500 deployment files parsed, checked, built, hashed; medians of alternating runs, one core",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "pyyaml": yaml.__version__,
        "libyaml": node.Parser is not yaml.SafeLoader,
        "files": FILES,
        "bytes": sum(map(len, files)),
        "goal_s": GOAL_S,
        "goal_met": median["weft"] < GOAL_S,
        "seconds": {name: round(value, 3) for name, value in median.items()},
        **ratios,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    return 0 if result["goal_met"] else 1


if __name__ == "__main__":
    sys.exit(main())
