"""The template language of the intent generator: ``[a|b|]`` chooses, ``<name>`` quotes a macro, ``{slot}`` is filled.

Slots are wrapped in two sentinels until the noise is done, so that a typo never changes what has to be copied.
"""

# ruff: noqa: E501 - tables of phrases

from __future__ import annotations

import random
import re
from functools import cache

OPEN, CLOSE = "\x01", "\x02"
_PART = re.compile(r"\[|\]|\||<[a-z_0-9]+>|\{[A-Za-z_0-9]+\}|[^\[\]|<{]+|.")

Node = tuple[str, object]


@cache
def parse(pattern: str) -> tuple[Node, ...]:
    """Parse a pattern into a tuple of nodes: text, slot, macro or choice."""
    parts = _PART.findall(pattern)
    nodes, rest = _sequence(parts, 0, False)
    if rest != len(parts):
        raise ValueError(f"unbalanced pattern: {pattern}")
    return nodes


def _sequence(parts: list[str], at: int, inside: bool) -> tuple[tuple[Node, ...], int]:
    nodes: list[Node] = []
    while at < len(parts):
        part = parts[at]
        if part == "[":
            branches = []
            at += 1
            while True:
                branch, at = _sequence(parts, at, True)
                branches.append(branch)
                if at >= len(parts):
                    raise ValueError("unclosed choice")
                at += 1
                if parts[at - 1] == "]":
                    break
            nodes.append(("choice", tuple(branches)))
            continue
        if inside and part in "|]":
            return tuple(nodes), at
        if part[0] == "<" and len(part) > 2:
            nodes.append(("macro", part[1:-1]))
        elif part[0] == "{" and len(part) > 2:
            nodes.append(("slot", part[1:-1]))
        else:
            nodes.append(("text", part))
        at += 1
    return tuple(nodes), at


class Phrase:
    """Expands patterns with one random source and one table of macros."""

    def __init__(self, rng: random.Random, macros: dict[str, str]) -> None:
        self.rng = rng
        self.macros = macros

    def expand(self, pattern: str, slots: dict[str, str] | None = None) -> str:
        """One random expansion, spaces collapsed; a pattern that starts with a space or ``[|`` keeps its first space."""
        out: list[str] = []
        self._walk(parse(pattern), slots or {}, out)
        text = re.sub(r"\s+", " ", "".join(out))
        if not pattern.endswith((" ", "]")):
            text = text.rstrip()
        if not pattern.startswith((" ", "[|", "[ ")):
            text = text.lstrip()
        return re.sub(r" ([,.;!?:])", r"\1", text)

    def _walk(self, nodes: tuple[Node, ...], slots: dict[str, str], out: list[str]) -> None:
        for kind, value in nodes:
            if kind == "text":
                out.append(value)  # type: ignore[arg-type]
            elif kind == "slot":
                out.append(slots[value])  # type: ignore[index]
            elif kind == "macro":
                self._walk(parse(self.macros[value]), slots, out)  # type: ignore[index]
            else:
                self._walk(self.rng.choice(value), slots, out)  # type: ignore[arg-type]


def protect(text: str) -> str:
    """Mark text that noise must not change."""
    return f"{OPEN}{text}{CLOSE}"


_DOUBLING = {
    "swap", "get", "put", "set", "dump", "cut", "stop", "ship", "shop", "chop", "dip", "drop", "flip", "lop",
    "let", "tip", "top", "plug", "grab", "yank", "zap", "rip", "run", "plop", "plan", "tap", "slap", "bag", "chip",
}  # fmt: skip
_DOUBLING -= {"dump", "yank"}


def gerund(text: str) -> str:
    """``swap 5 ETH`` to ``swapping 5 ETH``: the first word only."""
    head, _, tail = text.partition(" ")
    low = head.lower()
    if low.endswith("ie"):
        form = head[:-2] + "ying"
    elif low.endswith("e") and not low.endswith(("ee", "oe", "ye")):
        form = head[:-1] + "ing"
    elif low in _DOUBLING:
        form = head + head[-1] + "ing"
    else:
        form = head + "ing"
    return f"{form} {tail}".strip()
