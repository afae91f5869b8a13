"""Routes: a method, a path pattern and the handler behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from weftwork.wire.message import HttpRequest

Handler = Callable[[HttpRequest], Awaitable[Any]]


class Route:
    """A method, a path pattern and its handler; ``{name}`` matches one segment, ``{name*}`` the rest."""

    __slots__ = ("handler", "method", "path", "segments")

    def __init__(self, method: str, path: str, handler: Handler) -> None:
        self.method = method
        self.path = path
        self.segments = path.split("/")
        self.handler = handler

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """What the pattern's names stand for; None if it does not match."""
        found: dict[str, str] = {}
        for number, own in enumerate(self.segments):
            if own.endswith("*}"):
                found[own[1:-2]] = "/".join(segments[number:])
                return found if len(segments) > number else None
            if number >= len(segments):
                return None
            if own.startswith("{"):
                if not segments[number]:
                    return None
                found[own[1:-1]] = segments[number]
            elif own != segments[number]:
                return None
        return found if len(segments) == len(self.segments) else None
