"""Tiles rendered by two warm workers in the sandbox against one plain process that only renders.

    python benchmarks/render.py [--tiles 64] [--seconds 2.1] [--check]

The same tiles with the same seeds both ways, in turns of sixteen, that both meet the same machine; the pixels
must be equal to the bit. The overhead is in CPU time (renderer, sandbox and our side together, against the
plain process), which does not depend on what else the machine does; the wall clock is given beside it, with
the cores that the workers had, since two of them need two that are free. ``--check`` runs 8 short tiles
and writes nothing. Writes ``benchmarks/results/render.json``; takes about 5 minutes on two free cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from weftwork.compute.render import document  # noqa: E402
from weftwork.compute.render.challenge import reference_scene, reference_store  # noqa: E402
from weftwork.compute.render.scene import resize  # noqa: E402
from weftwork.compute.render.tile import Tile, split_frame, tile_seed  # noqa: E402
from weftwork.compute.render.worker import RenderWorker  # noqa: E402
from weftwork.units import Digest  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "render.json"
JOB = Digest.of(b"benchmarks/render.py")
GOAL = 0.10
TURN = 16
SIDE = 32

PLAIN = """
import hashlib, json, sys, time
import drjit, mitsuba, numpy
drjit.set_thread_count(1)
mitsuba.set_variant("scalar_rgb")
scene = mitsuba.load_file(sys.argv[1])
film = mitsuba.traverse(scene.sensors()[0])
for line in sys.stdin:
    x, y, width, height, seed, spp = json.loads(line)
    wall, cpu = time.perf_counter(), time.process_time()
    film["film.crop_offset"], film["film.crop_size"] = [x, y], [width, height]
    film.update()
    pixels = numpy.array(mitsuba.render(scene, spp=spp, seed=seed)).tobytes()
    print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu,
                      hashlib.sha256(pixels).hexdigest()]), flush=True)
"""


class PlainProcess:
    """Mitsuba alone, on one thread, with the scene loaded."""

    def __init__(self, scene: Path) -> None:
        self.scene = scene

    async def start(self) -> None:
        """Starts it; the first tile waits for it."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PLAIN,
            str(self.scene),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    async def render(self, tile: Tile, spp: int) -> tuple[float, float, str]:
        """Seconds of wall clock and of CPU, and the SHA-256 of the pixels."""
        assert self.process.stdin is not None and self.process.stdout is not None  # noqa: PT018
        order = [tile.x, tile.y, tile.width, tile.height, tile_seed(JOB, tile.frame, tile), spp]
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        wall, cpu, digest = json.loads(await self.process.stdout.readline())
        return wall, cpu, digest

    async def stop(self) -> None:
        """Ends it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


def read_cpu(pids: list[int]) -> float:
    """Seconds of CPU that these processes and all below them have used so far."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            used[int(entry.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    total = 0.0
    for pid in used:
        above = pid
        while above in parents and above not in pids:
            above = parents[above]
        total += used[pid] if above in pids else 0.0
    return total


async def share(workers: list[RenderWorker], tiles: list[Tile], spp: int) -> dict[Tile, str]:
    """The tiles by whoever is free; SHA-256 of the pixels of each."""
    import hashlib

    left, found = list(tiles), {}

    async def work(worker: RenderWorker) -> None:
        while left:
            tile = left.pop(0)
            result = await worker.render(tile, tile_seed(JOB, tile.frame, tile), spp)
            found[tile] = hashlib.sha256(result.pixels).hexdigest()

    await asyncio.gather(*map(work, workers))
    return found


async def measure(count: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Renders both ways in turns; see the file's own words."""
    scene = resize(reference_scene()[0], width=SIDE * 10, height=SIDE * 10)
    store = reference_store(folder / "store")
    inner = range(SIDE, SIDE * 9, SIDE)  # the tiles at the edge are half of them black
    tiles = [tile for tile in split_frame(scene.width, scene.height, SIDE) if {tile.x, tile.y} <= {*inner}]
    tiles = tiles[:count]
    root, _ = document.open_document(scene.entry, lambda name: store.get(scene.assets[name]))
    (folder / "plain.xml").write_bytes(document.normalise(root, scene.width, scene.height))
    plain = PlainProcess(folder / "plain.xml")
    workers = [RenderWorker(scene, store, idle=3600.0) for _ in range(2)]
    await plain.start()
    began = time.perf_counter()
    await asyncio.gather(*(worker.start() for worker in workers))
    warm = time.perf_counter() - began
    trials = [(await plain.render(tile, 32))[1] for tile in [tiles[0], *tiles[:: len(tiles) // 8]]][1:]
    spp = max(16, round(32 * seconds / min(trials)))
    one: list[tuple[float, float, str]] = []
    many: dict[Tile, str] = {}
    wall_two = cpu_guests = cpu_ours = 0.0
    for first in range(0, len(tiles), TURN):
        turn = tiles[first : first + TURN]
        one += [await plain.render(tile, spp) for tile in turn]
        pids = [worker.pid for worker in workers if worker.pid]
        began, guests, ours = time.perf_counter(), read_cpu(pids), time.process_time()
        many |= await share(workers, turn, spp)
        wall_two += time.perf_counter() - began
        cpu_ours += time.process_time() - ours
        cpu_guests += read_cpu(pids) - guests
        print(f"{first + len(turn)} of {len(tiles)} tiles", file=sys.stderr, flush=True)
    await plain.stop()
    for worker in workers:
        await worker.aclose()
    assert [many[tile] for tile in tiles] == [digest for _, _, digest in one], "the pixels differ"
    cpu_one, wall_one = sum(cpu for _, cpu, _ in one), sum(wall for wall, _, _ in one)
    return {
        "what": f"{len(tiles)} tiles of {SIDE} by {SIDE}, {spp} samples a pixel, 2 workers against 1 process",
        "pixels": "equal to the bit",
        "seconds_a_tile": {
            "mean_cpu": cpu_one / len(tiles),
            "least_cpu": min(cpu for _, cpu, _ in one),
            "most_cpu": max(cpu for _, cpu, _ in one),
        },
        "one_process": {"cpu_s": cpu_one, "wall_s": wall_one},
        "two_workers": {"cpu_s": cpu_guests + cpu_ours, "of_it_ours_s": cpu_ours, "wall_s": wall_two},
        "start_of_both_workers_s": warm,
        "cores_had_by_one": cpu_one / wall_one,
        "cores_had_by_two": (cpu_guests + cpu_ours) / wall_two,
        "overhead_cpu": (cpu_guests + cpu_ours) / cpu_one - 1,
        "overhead_wall": 2 * wall_two / wall_one - 1,
        "samples_a_second_of_cpu": sum(tile.pixels for tile in tiles) * spp / cpu_one,
        "goal": GOAL,
    }


def main() -> int:
    """Prints the figures; writes them unless ``--check``."""
    parser = argparse.ArgumentParser(description="Two sandboxed workers against one plain process.")
    parser.add_argument("--tiles", type=int, default=64)
    parser.add_argument(
        "--seconds", type=float, default=2.1, help="CPU seconds that the quickest tile should take"
    )
    parser.add_argument("--check", action="store_true", help="8 short tiles; write nothing")
    args = parser.parse_args()
    for program in ("bwrap", "prlimit"):
        if shutil.which(program) is None:
            print(f"{program} is not installed", file=sys.stderr)
            return 1
    count, seconds = (8, 0.2) if args.check else (min(max(args.tiles, 8), 64), args.seconds)
    with tempfile.TemporaryDirectory() as folder:
        row = asyncio.run(measure(count, seconds, Path(folder)))
    row = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()} | row
    print(json.dumps(row, indent=1))
    print(f"overhead {row['overhead_cpu']:+.1%} of CPU, {row['overhead_wall']:+.1%} of wall; goal {GOAL:.0%}")
    if not args.check:
        RESULTS.write_text(json.dumps(row, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
