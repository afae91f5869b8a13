"""One client connection: an asyncio protocol over httptools that reads one response at a time."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Any, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from weftwork.errors import BadReply, TooLarge, Unreachable, WeftError

MAX_HEAD = 65_536
_HIGH = 262_144  # bytes of a stream held before the peer is made to wait


class ClientConnection(asyncio.Protocol):
    """Sends a request and reads its response, whole or as a stream; reusable while ``fresh`` is true."""

    def __init__(self, place: tuple[bool, str, int], loop: asyncio.AbstractEventLoop) -> None:
        self.place = place
        self.loop = loop
        self.transport = cast(asyncio.Transport, None)
        self.parser: Any = HttpResponseParser(self)
        self.open = True
        self.uses = 0
        self.idle_since = 0.0
        self.idle_limit = 0.0
        self.deadline = math.inf
        self.seconds = 0.0
        self.status = 0
        self.headers: dict[str, str] = {}
        self.waiter: asyncio.Future[None] | None = None
        self.pieces: deque[bytes] = deque()
        self.size = self.held = self.max_bytes = self.head_bytes = 0
        self.streaming = self.head_done = self.whole = self.to_end = self.asked = False
        self.keep = False
        self.heard = False  # any byte of this response has come
        self.error: WeftError | None = None

    def ask(self, data: bytes, max_bytes: int, streaming: bool) -> asyncio.Future[None]:
        """Sends a request; the future is done when the response, or for a stream its head, is there."""
        self.status = 0
        self.headers = {}
        self.pieces.clear()
        self.size = self.held = self.head_bytes = 0
        self.max_bytes = max_bytes
        self.streaming = streaming
        self.head_done = self.whole = self.to_end = self.keep = self.heard = False
        self.error = None
        self.asked = True
        self.uses += 1
        self.waiter = self.loop.create_future()
        self.transport.write(data)
        return self.waiter

    @property
    def reusable(self) -> bool:
        """True once the response was read whole and the peer keeps the connection."""
        return self.open and self.whole and self.keep and self.error is None

    def fail(self, error: WeftError) -> None:
        """Ends the response with an error, and the connection with it."""
        if self.error is None and not self.whole:
            self.error = error
        self.open = False
        self._notify()
        if self.transport is not None:
            self.transport.abort()

    def _notify(self) -> None:
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            if self.error is not None and not self.head_done:
                waiter.set_exception(self.error)
            else:
                waiter.set_result(None)

    async def next_piece(self) -> bytes | None:
        """The next piece of a stream's body; None at its end."""
        while not self.pieces:
            if self.error is not None:
                raise self.error
            if self.whole:
                return None
            self.waiter = self.loop.create_future()
            await self.waiter
        piece = self.pieces.popleft()
        self.held -= len(piece)
        if self.held < _HIGH and self.held + len(piece) >= _HIGH:
            self.transport.resume_reading()
        return piece

    # The transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self.asked and not self.whole and self.error is None:
            if self.head_done and self.to_end:
                self.whole = True
            else:
                self.error = Unreachable(
                    "the connection was lost before the answer was whole", value=self.place[1]
                )
        self._notify()
        self.parser = None

    def data_received(self, data: bytes) -> None:
        if not self.asked or self.whole:
            self.fail(BadReply("the peer sent what was not asked for", value=self.place[1]))
            return
        self.heard = True
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade:
            self.fail(BadReply("the peer changed the protocol", value=self.place[1]))
        except HttpParserError as error:
            self.fail(self.error or BadReply(f"the peer's answer is not HTTP: {error}", value=self.place[1]))
        else:
            if not self.head_done:
                self.head_bytes += len(data)
            if self.head_bytes > MAX_HEAD and self.error is None:
                self.error = TooLarge("the headers of the answer are too large", value=MAX_HEAD)
            if self.error is not None:
                self.fail(self.error)

    # The parser's calls

    def on_message_begin(self) -> None:
        if self.whole:
            self.error = BadReply("the peer sent two answers to one request", value=self.place[1])

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_done:
            return
        self.head_bytes += len(name) + len(value)
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers = self.headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()
        if self.status < 200:
            return
        self.head_done = True
        headers = self.headers
        length = headers.get("content-length")
        self.to_end = length is None and "transfer-encoding" not in headers
        if length is not None and length.isdigit() and int(length) > self.max_bytes:
            self.error = TooLarge("the answer is too large", value=self.max_bytes)
        elif headers.get("content-encoding", "identity") != "identity":
            self.error = BadReply("the answer has an encoding that was not asked for", value=self.place[1])
        elif self.streaming:
            self._notify()

    def on_body(self, piece: bytes) -> None:
        if self.error is not None:
            return
        self.size += len(piece)
        if self.size > self.max_bytes:
            self.error = TooLarge("the answer is too large", value=self.max_bytes)
            self.pieces.clear()
            return
        self.pieces.append(piece)
        if self.streaming:
            self.held += len(piece)
            if self.held >= _HIGH and self.held - len(piece) < _HIGH:
                self.transport.pause_reading()
            self._notify()

    def on_message_complete(self) -> None:
        if self.status < 200:
            self.headers = {}
            return
        if self.error is not None:
            return
        self.whole = True
        self.keep = self.parser.should_keep_alive()
        self._notify()
