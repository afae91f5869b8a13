"""The HTTP client of every role: guarded addresses, size caps, timeouts, kept connections, no redirects."""

# ruff: noqa: ASYNC109  (a timeout parameter is this client's business)

from __future__ import annotations

import asyncio
import math
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Self

from pydantic_core import from_json, to_json

from weftwork.errors import BadHttp, BadReply, Redirected, TimedOut, Unreachable, WeftError
from weftwork.wire.connection import ClientConnection
from weftwork.wire.guard import Resolve, Target, check_address, find_addresses, read_url, resolve_name
from weftwork.wire.message import NO_HEADERS
from weftwork.wire.sse import Event, Parser

__all__ = ["Client", "Reply", "StreamReply"]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_names: set[str] = set()  # of headers, found valid
_LONG = 10.0  # seconds; a shorter time is kept to the millisecond
_JSON_LINE = {"content-type": "application/json"}


class Reply(NamedTuple):
    """A whole answer: status, headers (lower case), and the body, as bytes or as the JSON value."""

    status: int
    headers: dict[str, str]
    body: Any


class StreamReply:
    """An answer that is being read: status and headers are there, the body comes in pieces."""

    def __init__(self, connection: ClientConnection, read_timeout: float) -> None:
        self.status = connection.status
        self.headers = connection.headers
        self._connection = connection
        self._timeout = read_timeout

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come; :class:`TimedOut` after ``read_timeout`` seconds of silence."""
        connection = self._connection
        loop = connection.loop
        while True:
            if connection.pieces:
                piece = await connection.next_piece()
            else:
                timer = loop.call_later(
                    self._timeout, connection.fail, TimedOut("the stream fell silent", value=self._timeout)
                )
                try:
                    piece = await connection.next_piece()
                finally:
                    timer.cancel()
            if piece is None:
                return
            if connection.pieces:
                parts = [piece]
                while connection.pieces:
                    parts.append(await connection.next_piece() or b"")
                piece = b"".join(parts)
            yield piece

    async def events(self, max_event: int = 1 << 20) -> AsyncIterator[Event]:
        """The server-sent events of the body."""
        parser = Parser(max_event)
        async for piece in self.pieces():
            for event in parser.feed(piece):
                yield event

    async def read(self) -> bytes:
        """The rest of the body."""
        return b"".join([piece async for piece in self.pieces()])

    async def json(self) -> Any:
        """The rest of the body, as JSON; :class:`BadReply` if it is none."""
        return _read_json(await self.read(), self._connection.place[1])


class Client:
    """Calls other roles.

    ``local`` allows loopback and private addresses (a network on one machine); ``timeout`` is the seconds for
    a whole call (for a stream: until its head, and between two pieces), ``connect_timeout`` for a connection;
    ``max_bytes`` caps an answer, ``max_connections`` the connections to one host.
    """

    def __init__(
        self,
        local: bool = False,
        *,
        timeout: float = 60.0,
        connect_timeout: float = 5.0,
        max_bytes: int = 16 * 1024 * 1024,
        max_connections: int = 256,
        idle_seconds: float = 15.0,
        resolve: Resolve = resolve_name,
    ) -> None:
        self.local = local
        self.timeout = timeout
        self.connect_timeout = connect_timeout
        self.max_bytes = max_bytes
        self.max_connections = max_connections
        self.idle_seconds = idle_seconds
        self._resolve = resolve
        self._idle: dict[tuple[bool, str, int], list[ClientConnection]] = {}
        self._count: dict[tuple[bool, str, int], int] = {}
        self._queues: dict[tuple[bool, str, int], deque[asyncio.Future[None]]] = {}
        self._busy: set[ClientConnection] = set()
        self._tls: ssl.SSLContext | None = None
        self._closed = False
        self._look: asyncio.TimerHandle | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] = NO_HEADERS,
        timeout: float | None = None,
        max_bytes: int | None = None,
        repeat: bool = False,
    ) -> Reply:
        """The whole answer to one request; its body is bytes.

        Raises :class:`PrivateAddress`, :class:`Unreachable`, :class:`TimedOut`, :class:`TooLarge`,
        :class:`BadReply` and :class:`Redirected`; any status but a redirect is returned. ``repeat`` says that
        the peer may safely get the request twice, as it may a GET.
        """
        target = read_url(url)
        data = _write_request(method, target, headers, body)
        seconds = timeout or self.timeout
        again = repeat or method in ("GET", "HEAD")
        connection = await self._exchange(target, data, max_bytes or self.max_bytes, seconds, False, again)
        self._give(connection)
        if connection.error is not None:
            raise connection.error
        pieces = connection.pieces
        status, found = connection.status, connection.headers
        raw = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if 300 <= status < 400:
            raise _redirect(url, found)
        return Reply(status, found, raw)

    async def get_json(
        self, url: str, headers: Mapping[str, str] = NO_HEADERS, *, timeout: float | None = None
    ) -> Reply:
        """The answer to a GET, its body as JSON (None if it is empty)."""
        reply = await self.request("GET", url, headers=headers, timeout=timeout)
        return Reply(reply.status, reply.headers, _read_json(reply.body, url))

    async def post_json(
        self,
        url: str,
        obj: Any,
        headers: Mapping[str, str] = NO_HEADERS,
        *,
        timeout: float | None = None,
        repeat: bool = False,
    ) -> Reply:
        """The answer to a POST of ``obj`` as JSON (bytes are sent as they are), its body as JSON."""
        body = obj if isinstance(obj, bytes) else to_json(obj)
        lines = {**_JSON_LINE, **headers} if headers else _JSON_LINE
        reply = await self.request("POST", url, body=body, headers=lines, timeout=timeout, repeat=repeat)
        return Reply(reply.status, reply.headers, _read_json(reply.body, url))

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        obj: Any = None,
        headers: Mapping[str, str] = NO_HEADERS,
        *,
        timeout: float | None = None,
        max_bytes: int | None = None,
        repeat: bool = False,
    ) -> AsyncIterator[StreamReply]:
        """An answer read as it comes; leaving early closes the connection, which cancels the peer's work."""
        target = read_url(url)
        body = b"" if obj is None else obj if isinstance(obj, bytes) else to_json(obj)
        lines = {**_JSON_LINE, **headers} if body else headers
        data = _write_request(method, target, lines, body)
        seconds = timeout or self.timeout
        again = repeat or method in ("GET", "HEAD")
        connection = await self._exchange(target, data, max_bytes or self.max_bytes, seconds, True, again)
        try:
            if 300 <= connection.status < 400:
                raise _redirect(url, connection.headers)
            yield StreamReply(connection, seconds)
        finally:
            self._give(connection)

    async def close(self) -> None:
        """Closes all connections; calls under way end with :class:`Unreachable`."""
        self._closed = True
        if self._look is not None:
            self._look.cancel()
        for connection in list(self._busy):
            connection.fail(Unreachable("the client was closed", value=connection.place[1]))
        for connections in self._idle.values():
            for connection in connections:
                connection.transport.abort()
        self._idle.clear()
        for queue in self._queues.values():
            for waiter in queue:
                if not waiter.done():
                    waiter.set_exception(Unreachable("the client was closed"))
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Connections

    async def _exchange(
        self, target: Target, data: bytes, limit: int, seconds: float, streaming: bool, again: bool
    ) -> ClientConnection:
        """A connection on which the answer, or for a stream its head, has come.

        A kept connection that the peer closed before it answered anything is replaced by a new one, if the
        request may be sent ``again``.
        """
        while True:
            connection = await self._take(target, min(self.connect_timeout, seconds))
            timer = self._watch(connection, seconds)
            try:
                await connection.ask(data, limit, streaming)
            except BaseException as error:
                self._give(connection)
                stale = isinstance(error, Unreachable) and connection.uses > 1 and not connection.heard
                if not (stale and again and not self._closed):
                    raise
            else:
                return connection
            finally:
                connection.deadline = math.inf
                if timer is not None:
                    timer.cancel()

    def _watch(self, connection: ClientConnection, seconds: float) -> asyncio.TimerHandle | None:
        """Lets ``connection`` fail after ``seconds``: a long time by a look each second at all of them, which
        costs a call less than a timer of its own does."""
        loop = connection.loop
        if seconds < _LONG:
            return loop.call_later(seconds, _expire, connection, seconds)
        connection.deadline, connection.seconds = loop.time() + seconds, seconds
        if self._look is None:
            self._look = loop.call_later(1.0, self._sweep, loop)
        return None

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in [one for one in self._busy if one.deadline < now]:
            _expire(connection, connection.seconds)
        self._look = loop.call_later(1.0, self._sweep, loop) if self._busy else None

    async def _take(self, target: Target, seconds: float) -> ClientConnection:
        if self._closed:
            raise Unreachable("the client is closed", value=target.host)
        place = target.place
        idle = self._idle.get(place)
        while idle:
            connection = idle.pop()
            if connection.open and not connection.transport.is_closing():
                if connection.loop.time() - connection.idle_since < connection.idle_limit:
                    self._busy.add(connection)
                    return connection
                connection.transport.close()
            self._count[place] -= 1
        loop = asyncio.get_running_loop()
        while self._count.get(place, 0) >= self.max_connections:
            waiter: asyncio.Future[None] = loop.create_future()
            queue = self._queues.setdefault(place, deque())
            queue.append(waiter)
            try:
                async with asyncio.timeout(self.timeout):
                    await waiter
            except TimeoutError as error:
                raise TimedOut("no connection to the peer became free", value=target.host) from error
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake(place)
                raise
            finally:
                if waiter in queue:
                    queue.remove(waiter)
            if self._idle.get(place):
                return await self._take(target, seconds)
        self._count[place] = self._count.get(place, 0) + 1
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connect(target, loop)
        except BaseException as error:
            self._release(place)
            if isinstance(error, TimeoutError):
                raise TimedOut(f"{target.host} took no connection in time", value=target.host) from error
            raise
        self._busy.add(connection)
        return connection

    async def _connect(self, target: Target, loop: asyncio.AbstractEventLoop) -> ClientConnection:
        addresses = await find_addresses(target, local=self.local, resolve=self._resolve)
        if target.secure and self._tls is None:
            self._tls = ssl.create_default_context()
        last: Exception | None = None
        for address in addresses:
            try:
                transport, connection = await loop.create_connection(
                    lambda: ClientConnection(target.place, loop),
                    address,
                    target.port,
                    ssl=self._tls if target.secure else None,
                    server_hostname=target.host if target.secure else None,
                )
            except (OSError, ssl.SSLError) as error:
                last = error
                continue
            peer = transport.get_extra_info("peername")
            if isinstance(peer, tuple):
                try:
                    check_address(peer[0], local=self.local)
                except WeftError:
                    transport.abort()
                    raise
            return connection
        raise Unreachable(f"{target.host} takes no connection: {last}", value=target.host) from last

    def _give(self, connection: ClientConnection) -> None:
        self._busy.discard(connection)
        place = connection.place
        if connection.reusable and not self._closed:
            connection.idle_since = connection.loop.time()
            connection.idle_limit = _keep_seconds(connection.headers, self.idle_seconds)
            self._idle.setdefault(place, []).append(connection)
            self._wake(place)
            return
        connection.open = False
        connection.transport.abort()
        self._release(place)

    def _release(self, place: tuple[bool, str, int]) -> None:
        self._count[place] -= 1
        self._wake(place)

    def _wake(self, place: tuple[bool, str, int]) -> None:
        queue = self._queues.get(place)
        while queue:
            waiter = queue.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


def _expire(connection: ClientConnection, seconds: float) -> None:
    connection.fail(
        TimedOut(f"{connection.place[1]} did not answer in {seconds:g} s", value=connection.place[1])
    )


def _redirect(url: str, headers: Mapping[str, str]) -> Redirected:
    return Redirected(f"{url[:200]} redirects to {headers.get('location', '?')[:200]}", value=url[:200])


def _keep_seconds(headers: Mapping[str, str], most: float) -> float:
    """How long an idle connection may be used again: the peer's ``Keep-Alive: timeout=`` less one second."""
    _, _, stated = headers.get("keep-alive", "").partition("timeout=")
    digits = stated.partition(",")[0].strip()
    return min(most, int(digits) - 1) if digits.isdigit() and len(digits) < 6 else most


def _write_request(method: str, target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    head = f"{method} {target.path} HTTP/1.1\r\nhost: {target.authority}\r\naccept-encoding: identity\r\n"
    for name, value in headers.items():
        if name not in _names:
            if _NAME.fullmatch(name) is None:
                raise BadHttp("the name of a header cannot be sent", value=name[:40])
            if len(_names) < 256:
                _names.add(name)
        if "\r" in value or "\n" in value or "\0" in value:
            raise BadHttp(f"the value of the header {name} cannot be sent", value=value[:40])
        head += f"{name}: {value}\r\n"
    if body or method in ("POST", "PUT"):
        head += f"content-length: {len(body)}\r\n"
    try:
        return head.encode("latin-1") + b"\r\n" + body
    except UnicodeEncodeError as error:
        raise BadHttp("the value of a header is not Latin-1", value=error.object[error.start]) from error


def _read_json(raw: bytes, place: str) -> Any:
    if not raw:
        return None
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise BadReply(f"the answer is not JSON: {error}", value=place[:200]) from error
