"""The HTTP server of every role: routes, guards, limits, errors as JSON, metrics, one log line a request.

Loopback is hostile too: the Host must be allowed (against DNS rebinding) and a web page's Origin must be
listed before it may act. Source: RFC 9110, RFC 9112, Fetch (CORS); measured in docs/decisions/0003.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterable
from email.utils import formatdate
from typing import Any

from weftwork.errors import Busy, ForeignHost, ForeignOrigin, MethodNotAllowed, NotFound, WeftError
from weftwork.wire import log
from weftwork.wire.limits import Limits
from weftwork.wire.message import EventStream, HttpRequest, HttpResponse, Response
from weftwork.wire.metric import Metrics
from weftwork.wire.route import Handler, Route

__all__ = ["App", "EventStream", "HttpRequest", "HttpResponse", "Limits", "Running", "run", "serve"]

LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))
_SAFE = frozenset(("GET", "HEAD"))


def render_error(error: WeftError) -> tuple[int, Any]:
    """The status and body of an error: ``{"error": {"code", "message", "hint"}}``."""
    return error.status, {"error": error.to_json()}


class App:
    """A role's routes behind one set of guards.

    ``hosts`` are names served besides loopback (``"*"``: any), ``origins`` the web pages that may act here,
    ``name`` is the role in logs and metrics, ``render`` turns an error into ``(status, body)``.
    """

    def __init__(
        self,
        name: str = "weft",
        *,
        limits: Limits | None = None,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        render: Callable[[WeftError], tuple[int, Any]] = render_error,
        metrics: Metrics | None = None,
    ) -> None:
        self.name = name
        self.limits = limits or Limits()
        self.hosts = {*LOOPBACK, *(host.lower() for host in hosts)}
        self.origins = frozenset(origins)
        self.render = render
        self.metrics = metrics or Metrics(name)
        self.log = log.logger(name)
        self.stopping = False
        self.running = 0
        self._exact: dict[tuple[str, str], Route] = {}
        self._patterns: list[Route] = []
        self._starts: list[Callable[[], Any]] = []
        self._stops: list[Callable[[], Any]] = []
        self._date = (0, "")
        self.get("/healthz")(self._health)
        self.get("/metrics")(self._metrics)

    # Routes

    def route(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Decorates the handler of ``method path``; ``{name}`` in it is one segment, ``{name*}`` the rest.

        A handler gets an :class:`HttpRequest` and returns an object (sent as JSON), ``(status, object)``,
        an :class:`HttpResponse` or an :class:`EventStream`. It is cancelled when its client goes away.
        """

        def register(handler: Handler) -> Handler:
            route = Route(method, path, handler)
            if "{" in path:
                self._patterns.append(route)
            else:
                self._exact[method, path] = route
            return handler

        return register

    def get(self, path: str) -> Callable[[Handler], Handler]:
        """:meth:`route` for GET; HEAD is answered from it too."""
        return self.route("GET", path)

    def post(self, path: str) -> Callable[[Handler], Handler]:
        """:meth:`route` for POST."""
        return self.route("POST", path)

    def delete(self, path: str) -> Callable[[Handler], Handler]:
        """:meth:`route` for DELETE."""
        return self.route("DELETE", path)

    def on_start(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Registers a function, plain or async, that runs when the app begins to serve."""
        self._starts.append(call)
        return call

    def on_stop(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Registers a function, plain or async, that runs after the last request was served."""
        self._stops.append(call)
        return call

    async def _health(self, request: HttpRequest) -> Any:
        return {"ok": True, "role": self.name}

    async def _metrics(self, request: HttpRequest) -> Any:
        return HttpResponse(self.metrics.render(), content_type="text/plain; version=0.0.4; charset=utf-8")

    def _allowed(self, path: str) -> list[str]:
        segments = path.split("/")
        found = {m for m, p in self._exact if p == path}
        found |= {r.method for r in self._patterns if r.match(segments) is not None}
        return sorted(found | ({"HEAD"} if "GET" in found else set()))

    def _find(self, request: HttpRequest) -> None:
        method = "GET" if request.method == "HEAD" else request.method
        route = self._exact.get((method, request.path))
        if route is None and self._patterns:
            segments = request.path.split("/")
            for candidate in self._patterns:
                if candidate.method == method and (found := candidate.match(segments)) is not None:
                    request.route, request.params = candidate, found
                    return
        request.route = route
        if route is None:
            raise self._missing(request)

    def _missing(self, request: HttpRequest) -> WeftError:
        allowed = self._allowed(request.path)
        if allowed:
            return MethodNotAllowed(
                f"{request.path} does not take {request.method}",
                value=request.method,
                hint=f"use {' or '.join(allowed)}",
            )
        return NotFound(f"nothing is served at {request.path[:200]}", value=request.path[:200])

    # The connection's calls

    def admit(self, request: HttpRequest) -> None:
        """Decides by the head alone; a refusal is left in ``request.early``."""
        try:
            self._check_host(request)
            origin = request.headers.get("origin")
            if origin is not None and request.method not in _SAFE:
                self._check_origin(request, origin)
            if request.method == "OPTIONS":
                request.early = self._options(request)
                return
            self._find(request)
        except WeftError as error:
            request.early = self.error_response(error)
            if isinstance(error, MethodNotAllowed):
                request.early.headers = {"allow": ", ".join(self._allowed(request.path))}

    def _check_host(self, request: HttpRequest) -> None:
        host = request.headers.get("host", "")
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if name not in self.hosts and name.lower() not in self.hosts and ("*" not in self.hosts or not name):
            raise ForeignHost(f"the host {name[:80]!r} is not served here", value=name[:80])

    def _check_origin(self, request: HttpRequest, origin: str) -> None:
        if origin in self.origins or origin == f"http://{request.headers['host']}":
            return
        raise ForeignOrigin(f"the origin {origin[:80]!r} may not act here", value=origin[:80])

    def _options(self, request: HttpRequest) -> HttpResponse:
        allowed = self._allowed(request.path) if request.path != "*" else ["GET", "HEAD", "POST"]
        if not allowed:
            raise NotFound(f"nothing is served at {request.path[:200]}", value=request.path[:200])
        headers = {"allow": ", ".join([*allowed, "OPTIONS"])}
        if request.headers.get("origin") in self.origins:
            headers["access-control-allow-methods"] = ", ".join(allowed)
            headers["access-control-allow-headers"] = request.headers.get(
                "access-control-request-headers", "*"
            )
            headers["access-control-max-age"] = "600"
        return HttpResponse(b"", 204, headers)

    def cors(self, origin: str) -> str:
        """The header lines that let a listed origin read the response; nothing for others."""
        if origin not in self.origins:
            return "vary: origin\r\n"
        return (
            f"access-control-allow-origin: {origin}\r\naccess-control-expose-headers: *\r\nvary: origin\r\n"
        )

    async def respond(self, request: HttpRequest) -> Response:
        """Runs the handler; never raises but for cancellation."""
        request.started = time.perf_counter()
        self.running += 1
        if request.early is not None:
            response: Response = request.early
        elif self.running > self.limits.concurrency:
            response = self.error_response(Busy("as many requests as allowed are being worked on"))
        else:
            try:
                answer = await request.route.handler(request)
                response = await self._shape(request, answer)
            except Exception as error:
                response = self.caught(request, error)
        request.status = response.status
        return response

    async def _shape(self, request: HttpRequest, answer: Any) -> Response:
        if isinstance(answer, HttpResponse):
            return answer
        if isinstance(answer, EventStream):
            if request.method != "HEAD":
                return answer
            close = getattr(answer.events, "aclose", None)
            if close is not None:
                await close()
            return HttpResponse(b"", answer.status, answer.headers, answer.content_type)
        if isinstance(answer, AsyncIterator):
            return await self._shape(request, EventStream(answer))
        if isinstance(answer, tuple):
            return HttpResponse(answer[1], answer[0])
        return HttpResponse(answer)

    def leave(self, request: HttpRequest) -> None:
        """Counts and logs a request whose response was written, or whose client went away (status 499)."""
        self.running -= 1
        seconds = time.perf_counter() - request.started
        route = request.route.path if request.route is not None else "-"
        status = request.status or 499
        self.metrics.observe(request.method, route, status, seconds)
        if log.access:
            self.log.info(
                "request",
                method=request.method,
                path=route if route != "-" else request.path[:80],
                status=status,
                ms=round(seconds * 1e3, 2),
                **({"thread": request.thread} if request.thread else {}),
            )

    def caught(self, request: HttpRequest, error: Exception) -> HttpResponse:
        """The response to a handler's exception; one that is no :class:`WeftError` is logged, not shown."""
        if isinstance(error, WeftError):
            response = self.error_response(error)
        else:
            self.report("a handler failed", path=request.path[:200], thread=request.thread)
            response = self.error_response(WeftError("an internal error; the server's log has the details"))
        request.status = response.status
        return response

    def error_response(self, error: WeftError) -> HttpResponse:
        """The response that an error is rendered as."""
        status, body = self.render(error)
        return HttpResponse(body, status)

    def report(self, event: str, **fields: Any) -> None:
        """Logs the exception being handled."""
        self.log.error(event, exc_info=True, **fields)

    def date(self) -> str:
        """The Date header's line, made once a second."""
        now = int(time.time())
        if now != self._date[0]:
            self._date = (now, f"date: {formatdate(now, usegmt=True)}\r\n")
        return self._date[1]

    async def started(self) -> None:
        """Runs what :meth:`on_start` registered."""
        self.stopping = False
        for call in self._starts:
            await _call(call)

    async def stopped(self) -> None:
        """Runs what :meth:`on_stop` registered, last first."""
        for call in reversed(self._stops):
            await _call(call)


async def _call(function: Callable[[], Any]) -> None:
    result = function()
    if inspect.isawaitable(result):
        await result


from weftwork.wire.running import Running, run, serve  # noqa: E402  (they serve an App, and are found here)
