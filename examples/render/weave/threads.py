"""Writes the threads of weave.xml, as text: a control point ``x y z radius`` a line, a curve a block.

    python threads.py      writes warp.txt, weft-deep.txt, weft-sea.txt, weft-sky.txt and gold.txt beside it

A plain weave over a soft fold: where warp i and weft j cross, i + j odd or even says which lies above.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

STEP = 0.3
"""From thread to thread."""
RADIUS = 0.098
LIFT = 0.13
"""How far a thread rises and sinks at a crossing."""
WARPS, WEFTS = 40, 28
PARTS = 2
"""Control points from crossing to crossing."""


def fold(x: float, z: float) -> float:
    """The height of the cloth."""
    return 0.26 * math.sin(0.75 * x + 0.5 * z) + 0.12 * math.sin(1.5 * z - 0.6 * x + 1.0)


def weft(j: int) -> Iterator[tuple[float, float, float, float]]:
    """The thread across, from left to right."""
    z = (j - WEFTS / 2) * STEP
    for k in range(-3 * PARTS, (WARPS + 3) * PARTS + 1):
        i = k / PARTS
        x = (i - WARPS / 2) * STEP
        yield x, fold(x, z) + LIFT * math.cos(math.pi * (i + j)), z, RADIUS


def warp(i: int) -> Iterator[tuple[float, float, float, float]]:
    """The thread along, from far to near."""
    x = (i - WARPS / 2) * STEP
    for k in range(-3 * PARTS, (WEFTS + 3) * PARTS + 1):
        j = k / PARTS
        z = (j - WEFTS / 2) * STEP
        yield x, fold(x, z) - LIFT * math.cos(math.pi * (i + j)), z, RADIUS * 0.8


def write(name: str, curves: list[Iterator[tuple[float, float, float, float]]]) -> None:
    """One file of curves."""
    blocks = ["\n".join(" ".join(f"{value:.3f}" for value in point) for point in curve) for curve in curves]
    Path(__file__).with_name(name).write_text("\n\n".join(blocks) + "\n")


def main() -> None:
    """Writes all five."""
    gold = {14, 19}
    write("warp.txt", [warp(i) for i in range(WARPS)])
    write("gold.txt", [weft(j) for j in sorted(gold)])
    for n, name in enumerate(("weft-deep.txt", "weft-sea.txt", "weft-sky.txt")):
        write(name, [weft(j) for j in range(WEFTS) if j not in gold and (j * 7 // 5 + j // 4) % 3 == n])


if __name__ == "__main__":
    main()
