"""Server-sent events: format and parse. Source: WHATWG HTML, section 9.2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic_core import to_json

from weftwork.errors import TooLarge

DONE = b"data: [DONE]\n\n"
"""What ends a stream in OpenAI's API."""


class Event(NamedTuple):
    """One event: its ``data`` (lines joined), its name, its id."""

    data: str
    event: str = "message"
    id: str = ""


def format_event(data: Any, event: str | None = None) -> bytes:
    """The bytes of one event; ``data`` is text, bytes, or an object that is written as JSON."""
    raw = data.encode() if isinstance(data, str) else data if isinstance(data, bytes) else to_json(data)
    if b"\n" in raw or b"\r" in raw:
        raw = b"\ndata: ".join(raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    if event is None:
        return b"data: " + raw + b"\n\n"
    return b"event: " + event.encode() + b"\ndata: " + raw + b"\n\n"


class Parser:
    """Turns pieces of a byte stream into events, however the pieces are cut."""

    def __init__(self, max_event: int = 1 << 20) -> None:
        self._max = max_event
        self._rest = b""
        self._more: list[bytes] = []  # what came behind it without an end of a line
        self._length = 0
        self._size = 0
        self._data: list[str] = []
        self._name = self._id = ""
        self._after_cr = self._begun = False

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that ``piece`` completes; :class:`TooLarge` on one of more than ``max_event`` bytes."""
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
        if not piece:
            return
        if self._begun and b"\n" not in piece and b"\r" not in piece:
            self._more.append(piece)  # looked at once, however small the pieces of a long line are
            self._length += len(piece)
            self._after_cr = False
            if self._size + len(self._rest) + self._length > self._max:
                raise TooLarge("an event of the stream is too large", value=self._max)
            return
        if self._more:
            self._rest += b"".join(self._more)
            self._more.clear()
            self._length = 0
        if not self._begun and not piece.startswith(b"\xef"):
            self._begun = True
        if self._begun and not self._data and not self._name and not self._after_cr and b"\r" not in piece:
            whole, gap, piece = (self._rest + piece).rpartition(b"\n\n")
            self._rest = b""
            if gap and len(whole) <= self._max:
                for block in whole.split(b"\n\n"):
                    if block.startswith(b"data: ") and b"\n" not in block:  # as nearly all are
                        self._size = 0
                        yield Event(block[6:].decode("utf-8", "replace"), "message", self._id)
                    else:
                        yield from self._feed(block + gap)
            else:
                piece = whole + gap + piece
            if not piece:
                return
        yield from self._feed(piece)

    def _feed(self, piece: bytes) -> Iterator[Event]:
        """The same by lines, whatever they hold."""
        self._after_cr = piece.endswith(b"\r")
        if b"\r" in piece:
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for raw in lines:
            if not self._begun:
                self._begun = True
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            self._size += len(raw)
            self._check()
            if not raw:
                if self._data:
                    yield Event("\n".join(self._data), self._name or "message", self._id)
                self._data, self._name, self._size = [], "", 0
                continue
            name, _, value = raw.decode("utf-8", "replace").partition(":")
            value = value.removeprefix(" ")
            match name:
                case "data":
                    self._data.append(value)
                case "event":
                    self._name = value
                case "id" if "\0" not in value:
                    self._id = value
        self._check()

    def _check(self) -> None:
        if self._size + len(self._rest) > self._max:
            raise TooLarge("an event of the stream is too large", value=self._max)
