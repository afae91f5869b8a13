"""One server connection: an asyncio protocol over httptools that keeps order, limits and deadlines."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from weftwork.errors import BadHttp, Busy, HeadTooLarge, TooLarge, TooSlow, WeftError
from weftwork.wire.message import EventStream, HttpRequest, HttpResponse
from weftwork.wire.sse import format_event

if TYPE_CHECKING:
    from weftwork.wire.server import App

_STATUS = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BURST = 65_536  # bytes of a stream that are written without waiting for more
_ONCE = frozenset(("host", "content-length", "transfer-encoding", "origin", "authorization"))


class Connection(asyncio.Protocol):
    """Parses requests, runs one handler at a time in order of arrival, and writes its response."""

    def __init__(self, app: App, connections: set[Connection], loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.limits = app.limits
        self.loop = loop
        self.connections = connections
        self.transport = cast(asyncio.Transport, None)
        self.parser: Any = None
        self.deadline = math.inf
        self.task: asyncio.Task[None] | None = None
        self.queue: deque[HttpRequest] = deque()
        self.drained: asyncio.Future[None] | None = None
        self.in_head = self.in_body = False  # in the middle of a message's head, or of its body
        self.begun = False  # a message began within the piece being parsed
        self.ended = False  # no further request is read from this connection
        self.discarding = 0  # bytes still read and thrown away, so that the client can read its refusal
        self.head_bytes = 0
        self.target = b""
        self.headers: dict[str, str] = {}
        self.twice = self.paused = False
        self.request: HttpRequest | None = None
        self.pieces: list[bytes] = []
        self.body_bytes = 0
        self.remote = ""
        self.held: list[bytes] = []  # of a stream: what was given and not yet written
        self.stream_head = b""
        self.chunked = True

    # The transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.remote = peer[0] if isinstance(peer, tuple) else ""
        self.parser = HttpRequestParser(self)
        self.connections.add(self)
        self.deadline = self.loop.time() + self.limits.head_seconds
        if len(self.connections) > self.limits.connections:
            self.refuse(Busy("this server has as many connections as it allows"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        self.ended = True
        self.parser = None
        self.queue.clear()
        if self.drained is not None and not self.drained.done():
            self.drained.cancel()
        if self.task is not None:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        if self.ended:
            self.discarding -= len(data)
            if self.discarding < 0:
                self.transport.abort()
            return
        self.begun = False
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade:
            self.ended = True
        except HttpParserError as error:
            if not self.ended:
                self.refuse(BadHttp(f"the request is not HTTP: {error}"))
        else:
            if self.in_head and not self.begun:
                self.head_bytes += len(data)
            if self.in_head and self.head_bytes > self.limits.head_bytes:
                self.refuse(HeadTooLarge("the headers are too large", value=self.limits.head_bytes))

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self.drained = self.loop.create_future()
        self.deadline = self.loop.time() + self.limits.write_seconds

    def resume_writing(self) -> None:
        if self.drained is not None and not self.drained.done():
            self.drained.set_result(None)
        self.drained = None
        self.deadline = math.inf if self.task is not None else self.loop.time() + self.limits.idle_seconds

    def expire(self) -> None:
        """Called once the deadline has passed: a slow request is answered 408, everything else is cut."""
        self.deadline = math.inf
        if self.drained is not None or self.ended:
            self.transport.abort()
        elif self.in_head or self.in_body:
            self.refuse(TooSlow("the request did not arrive in time"))
        else:
            self.transport.close()

    # The parser's calls

    def on_message_begin(self) -> None:
        if self.ended:
            return
        self.in_head = self.begun = True
        self.head_bytes = self.body_bytes = 0
        self.target = b""
        self.headers = {}
        self.twice = False
        self.pieces = []
        self.request = None
        if self.task is None:
            self.deadline = self.loop.time() + self.limits.head_seconds

    def on_url(self, url: bytes) -> None:
        self.target += url
        self.head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.in_head:  # a trailer
            return
        self.head_bytes += len(name) + len(value) + 4
        key = name.decode("latin-1").lower()
        headers = self.headers
        if key in headers:
            self.twice = self.twice or key in _ONCE
            headers[key] += ", " + value.decode("latin-1")
        else:
            headers[key] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self.ended:
            return
        self.in_head = False
        headers = self.headers
        try:
            if self.head_bytes > self.limits.head_bytes:
                raise HeadTooLarge("the headers are too large", value=self.limits.head_bytes)
            request = HttpRequest.of_target(self.parser.get_method().decode(), self.target)
            request.headers = headers
            request.remote = self.remote
            length = headers.get("content-length")
            self.in_body = "transfer-encoding" in headers or (length is not None and length != "0")
            if self.twice:
                raise BadHttp("a header that may be given once was given twice")
            if self.in_body:
                if length is not None and int(length) > self.limits.body_bytes:
                    raise TooLarge("the body is too large", value=self.limits.body_bytes)
                if self.parser.should_upgrade():
                    raise BadHttp("a request with a body cannot change the protocol")
            request.version = self.parser.get_http_version()
            self.app.admit(request)
            if self.in_body:
                if request.early is not None:
                    self.request = request
                    self.refuse(request.early)
                    return
                if self.task is None:
                    self.deadline = self.loop.time() + self.limits.body_seconds
                    if headers.get("expect", "").lower() == "100-continue" and not self.queue:
                        self.transport.write(_CONTINUE)
            self.request = request
        except WeftError as error:
            self.refuse(error)
        except ValueError:
            self.refuse(BadHttp("the content-length is no number"))

    def on_body(self, piece: bytes) -> None:
        if self.ended:
            return
        self.body_bytes += len(piece)
        if self.body_bytes > self.limits.body_bytes:
            self.pieces = []
            self.refuse(TooLarge("the body is too large", value=self.limits.body_bytes))
            return
        self.pieces.append(piece)

    def on_message_complete(self) -> None:
        if self.ended or self.request is None:
            return
        self.in_body = False
        request, self.request = self.request, None
        pieces = self.pieces
        request.body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self.pieces = []
        request.keep_alive = self.parser.should_keep_alive()
        self.deadline = math.inf
        if self.task is None:
            self.start(request)
            return
        self.queue.append(request)
        if len(self.queue) >= self.limits.pipeline:
            self.paused = True
            self.transport.pause_reading()

    # Responses

    def refuse(self, reason: WeftError | HttpResponse) -> None:
        """Answers what cannot be read further, after the requests before it, and then closes."""
        self.ended = True
        self.in_head = self.in_body = False
        self.discarding = self.limits.linger_bytes
        self.deadline = math.inf
        request = self.request or HttpRequest("GET", "")
        self.request = None
        request.early = reason if isinstance(reason, HttpResponse) else self.app.error_response(reason)
        request.keep_alive = False
        if self.task is None:
            self.start(request)
        else:
            self.queue.append(request)

    def start(self, request: HttpRequest) -> None:
        self.task = self.loop.create_task(self.serve(request))

    async def serve(self, request: HttpRequest) -> None:
        try:
            try:
                response = await self.app.respond(request)
                request.keep_alive = request.keep_alive and not self.app.stopping
                if isinstance(response, EventStream):
                    await self.write_stream(request, response)
                else:
                    self.write(request, response)
                if self.drained is not None:
                    await self.drained
            finally:
                self.app.leave(request)
        except asyncio.CancelledError:
            self.transport.abort()
            raise
        except Exception:
            if not self.transport.is_closing():  # else the client went away, and is not missed
                self.app.report("a response could not be written")
            self.transport.abort()
        else:
            self.finish(request.keep_alive)

    def finish(self, keep_alive: bool) -> None:
        self.task = None
        if not keep_alive:
            self.close()
        elif self.queue:
            self.start(self.queue.popleft())
            if len(self.queue) <= self.limits.pipeline // 2:
                self.resume()
        elif not self.ended:
            now = self.loop.time()
            if self.in_head:
                self.deadline = now + self.limits.head_seconds
            elif self.in_body:
                self.deadline = now + self.limits.body_seconds
            else:
                self.deadline = now + self.limits.idle_seconds
        else:
            self.close()

    def resume(self) -> None:
        if self.paused:
            self.paused = False
            self.transport.resume_reading()

    def close(self) -> None:
        """Closes after what was written; goes on reading for a while, lest a reset overtake the response."""
        self.queue.clear()
        self.ended = True
        if self.discarding > 0 and self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
            self.resume()
            self.deadline = self.loop.time() + self.limits.drain_seconds
        else:
            self.transport.close()

    def head(self, request: HttpRequest, response: HttpResponse | EventStream, more: str) -> bytes:
        status = response.status
        line = _STATUS.get(status) or f"HTTP/1.1 {status} Status\r\n"
        extra = ""
        for name, value in response.headers.items():
            if "\r" in value or "\n" in value or "\0" in value:
                raise ValueError(f"the header {name} holds a line break")
            extra += f"{name}: {value}\r\n"
        origin = request.headers.get("origin")
        if origin is not None:
            extra += self.app.cors(origin)
        if not request.keep_alive:
            extra += "connection: close\r\n"
        elif request.version == "1.0":
            extra += "connection: keep-alive\r\n"
        kind = f"content-type: {response.content_type}\r\n" if status != 204 else ""
        return f"{line}{kind}{self.app.date()}{extra}{more}\r\n".encode("latin-1")

    def write(self, request: HttpRequest, response: HttpResponse) -> None:
        body = response.body
        size = f"content-length: {len(body)}\r\n" if response.status not in (204, 304) else ""
        if request.method == "HEAD":
            body = b""
        self.transport.write(self.head(request, response, size) + body)

    async def write_stream(self, request: HttpRequest, response: EventStream) -> None:
        """Writes the head with the first piece; chunked, or to the connection's end for HTTP/1.0. What a
        source gives before it waits goes out together."""
        events = response.events
        self.chunked = request.version != "1.0"
        request.keep_alive = request.keep_alive and self.chunked
        begun, count, size = False, 0, 0
        try:
            try:
                async for piece in events:
                    raw = piece if isinstance(piece, bytes) else format_event(piece)
                    if not raw:
                        continue
                    if not begun:
                        begun = True
                        self.stream_head = self._stream_head(request, response)
                    if not self.held:
                        self.loop.call_soon(self.push)
                    self.held.append(raw)
                    count += 1
                    size += len(raw)
                    if size >= _BURST:
                        size = 0
                        self.push()
                    if self.drained is not None:
                        await self.drained
                    elif count % 64 == 0 or self.transport.is_closing():
                        await asyncio.sleep(0)  # a source that never waits must not hold the loop
            except Exception as error:
                refusal = self.app.caught(request, error)
                if not begun:
                    self.write(request, refusal)
                    return
                self.held.append(format_event(refusal.body))
        finally:
            close = getattr(events, "aclose", None)
            if close is not None:
                with suppress(Exception):
                    await close()
        if not begun:
            self.stream_head = self._stream_head(request, response)
        self.push(b"0\r\n\r\n" if self.chunked else b"")

    def push(self, end: bytes = b"") -> None:
        """Writes what a stream gave since it last waited, as one chunk."""
        raw = b"".join(self.held)
        self.held.clear()
        head, self.stream_head = self.stream_head, b""
        if raw and self.chunked:
            raw = b"%x\r\n%b\r\n" % (len(raw), raw)
        raw = head + raw + end
        if raw and not self.transport.is_closing():
            self.transport.write(raw)

    def _stream_head(self, request: HttpRequest, response: EventStream) -> bytes:
        more = "cache-control: no-cache\r\n"
        if request.version != "1.0":
            more += "transfer-encoding: chunked\r\n"
        return self.head(request, response, more)
