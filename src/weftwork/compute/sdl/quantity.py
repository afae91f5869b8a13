"""Amounts as files write them: ``500m`` of a CPU, ``1.5Gi`` of memory, ``0.25`` of a coin, ``24h``.

CPU and sizes go through an IEEE double and are cut off, as the reference parser does, so that odd fractions
give the same integer on both sides. Money never does: prices are exact to 18 decimals.
"""

from __future__ import annotations

import re

from weftwork.compute.sdl.limit import WAD

BINARY = {name: 1 << (10 * (i + 1)) for i, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))}
DECIMAL = {name: 1000 ** (i + 1) for i, name in enumerate(("k", "M", "G", "T", "P", "E"))}
NUMBER = re.compile(r"\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
SIZE = re.compile(r"(?P<number>.*?)(?P<suffix>[kKMGTPE]i?)?", re.DOTALL)
PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
SECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
SECONDS["h"] = 3600 * 10**9
MAX_DIGITS = 60


def parse_cpu(text: str) -> int | None:
    """Thousandths of a CPU in ``0.5``, ``1`` or ``500m``; None where it is none, below 2**32."""
    if text.endswith("m"):
        digits = text[:-1]
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 10 else -1
    else:
        value = _scale(text, 1000)
    return value if 0 <= value < 2**32 else None


def parse_gpu(text: str) -> int | None:
    """A whole number of GPUs; None where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else None


def parse_size(text: str, *, decimal: bool) -> int | None:
    """Bytes in ``512Mi``, with ``decimal`` also in ``10G``; None where it is none, below 2**64."""
    suffixes = BINARY | DECIMAL if decimal else BINARY
    match = SIZE.fullmatch(text)
    if match is None:
        return None
    unit = 1
    if match["suffix"] is not None:
        if match["suffix"] not in suffixes:
            return None
        unit = suffixes[match["suffix"]]
    value = _scale(match["number"], unit)
    return value if 0 <= value < 2**64 else None


def _scale(text: str, unit: int) -> int:
    """``text`` times ``unit``, cut off; -1 where it is no finite number of at least 0."""
    if len(text) > MAX_DIGITS or NUMBER.fullmatch(text) is None:
        return -1
    value = float(text) * float(unit)
    return int(value) if value < 2**64 else -1


def parse_price(text: str) -> int | None:
    """A price in wad (18 decimals), exactly; None where it is no plain decimal of at most 18 decimals."""
    whole, dot, fraction = text.partition(".")
    digits = whole.isascii() and whole.isdigit() and len(whole) <= MAX_DIGITS
    if dot and not (fraction.isascii() and fraction.isdigit() and len(fraction) <= 18):
        return None
    return int(whole) * WAD + int((fraction or "0").ljust(18, "0")) if digits else None


def format_price(price: int) -> str:
    """A price in wad as decimal text with all 18 decimals."""
    return f"{price // WAD}.{price % WAD:018d}"


def parse_duration(text: str) -> int | None:
    """Nanoseconds in ``24h``, ``1h30m`` or ``90s``, cut off; None where it is no duration under 2**63."""
    if not text or len(text) > MAX_DIGITS:
        return None
    total, at = 0, 0
    while at < len(text):
        match = PART.match(text, at)
        if match is None:
            return None
        whole, _, fraction = match[1].partition(".")
        unit = SECONDS[match[2]]
        total += int(whole or "0") * unit + int(fraction or "0") * unit // 10 ** len(fraction)
        at = match.end()
    return total if total < 2**63 else None


def format_size(size: int) -> str:
    """Bytes with the largest binary suffix that divides them: ``1.5Gi`` is ``1536Mi``."""
    for suffix, unit in reversed(BINARY.items()):
        if size and size % unit == 0:
            return f"{size // unit}{suffix}"
    return str(size)
