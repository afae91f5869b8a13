"""A chart without a plotting library: panels of lines as SVG, and sparklines for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 460, 250
LEFT, TOP, RIGHT, BOTTOM = 62, 34, 14, 28
COLOURS: Final = ("#1f6feb", "#d1495b", "#2a9d6f", "#8a6d3b")
BLOCKS: Final = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel: its name and a value for each place on the x-axis."""

    label: str
    values: list[float]


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines that share two axes."""

    title: str
    lines: list[Line]


def draw_chart(title: str, panels: Sequence[Panel], ticks: Sequence[int]) -> str:
    """The panels, two in a row, as one SVG; ``ticks`` are the places on the x-axis (years)."""
    rows = -(-len(panels) // 2)
    width, height = 2 * WIDTH, rows * HEIGHT + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        ' font-family="sans-serif" font-size="11">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="26" font-size="16" font-weight="bold">{escape(title)}</text>',
    ]
    for k, panel in enumerate(panels):
        place = f"translate({k % 2 * WIDTH},{40 + k // 2 * HEIGHT})"
        parts.append(f'<g transform="{place}">{draw_panel(panel, ticks)}</g>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def draw_panel(panel: Panel, ticks: Sequence[int]) -> str:
    """One panel with axes, a legend and its lines; the y-axis starts at 0."""
    top = nice(max((value for line in panel.lines for value in line.values), default=0.0))
    inner, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(k: int) -> float:
        return LEFT + inner * (k / (len(ticks) - 1) if len(ticks) > 1 else 0.5)

    def y(value: float) -> float:
        return TOP + tall * (1 - value / top)

    out = [f'<text x="{LEFT}" y="14" font-weight="bold">{escape(panel.title)}</text>']
    for step in range(5):
        value = top * step / 4
        out.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>'
            f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#555">{short(value)}</text>'
        )
    every = -(-len(ticks) // 10) or 1
    for k in range(0, len(ticks), every):
        out.append(
            f'<text x="{x(k):.1f}" y="{HEIGHT - 10}" text-anchor="middle" fill="#555">{ticks[k]}</text>'
        )
    for k, line in enumerate(panel.lines):
        colour = COLOURS[k % len(COLOURS)]
        points = " ".join(f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(line.values))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(line.values) == 1:
            out.append(f'<circle cx="{x(0):.1f}" cy="{y(line.values[0]):.1f}" r="3" fill="{colour}"/>')
        out.append(f'<text x="{LEFT + 130 * k}" y="28" fill="{colour}">{escape(line.label)}</text>')
    return "".join(out)


def nice(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 20) if power * step >= value)


def short(value: float) -> str:
    """A number in a few characters: 12.5M, 380K, 0.25."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.3g}"


def spark(values: Sequence[int]) -> str:
    """The shape of some values in one line of blocks, from their least to their largest."""
    if not values:
        return ""
    low, high = min(values), max(values)
    return "".join(BLOCKS[(value - low) * 7 // (high - low) if high > low else 3] for value in values)
