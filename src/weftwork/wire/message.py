"""HTTP requests and responses as handlers see them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from pydantic_core import from_json, to_json

from weftwork.errors import BadHttp, BadJson

JSON = "application/json"
NO_HEADERS: Mapping[str, str] = {}


def read_json(body: bytes | str) -> Any:
    """The value of a JSON text; :class:`BadJson` for NaN, infinities, lone surrogates, deep nesting too."""
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise BadJson(f"the body is not JSON: {error}", value=None) from error


class HttpRequest:
    """One request: ``method``, decoded ``path``, raw ``query``, lower-case ``headers``, whole ``body``.

    ``target`` is path and query as they were sent, ``remote`` the peer's address, ``params`` the parts of
    the path that the route names; a handler may set ``thread`` to the id its request belongs to, for the log.
    """

    __slots__ = (
        "body",
        "early",
        "headers",
        "keep_alive",
        "method",
        "params",
        "path",
        "query",
        "remote",
        "route",
        "started",
        "status",
        "target",
        "thread",
        "version",
    )

    def __init__(self, method: str, path: str, query: str = "") -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers: dict[str, str] = {}
        self.body = b""
        self.params: Mapping[str, str] = NO_HEADERS
        self.remote = ""
        self.route: Any = None
        self.target = path
        self.early: HttpResponse | None = None
        self.version = "1.1"
        self.status = 0
        self.started = 0.0
        self.thread = ""
        self.keep_alive = True

    @classmethod
    def of_target(cls, method: str, target: bytes) -> HttpRequest:
        """The request of a request-target in origin form, absolute form or ``*``."""
        text = target.decode("latin-1")
        if not text.startswith("/"):
            if "://" in text:
                text = "/" + text.partition("://")[2].partition("/")[2]
            elif text != "*":
                raise BadHttp("the target of the request is no path", value=text[:80])
        text = text.partition("#")[0]
        path, _, query = text.partition("?")
        request = cls(method, unquote(path) if "%" in path else path, query)
        request.target = text
        return request

    @property
    def args(self) -> dict[str, str]:
        """The query's parameters; of one given twice, the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True, max_num_fields=100))

    def json(self) -> Any:
        """The body's JSON value; :class:`BadJson` if it is none."""
        return read_json(self.body)

    def object(self) -> dict[str, Any]:
        """The body's JSON object; :class:`BadJson` if it is anything else."""
        value = read_json(self.body)
        if not isinstance(value, dict):
            raise BadJson(f"the body is a JSON {type(value).__name__}, not an object", value=None)
        return value


class HttpResponse:
    """A whole response; a ``body`` that is not bytes or text is written as JSON."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self,
        body: Any = b"",
        status: int = 200,
        headers: Mapping[str, str] = NO_HEADERS,
        content_type: str | None = None,
    ) -> None:
        if isinstance(body, bytes):
            self.body = body
            self.content_type = content_type or "application/octet-stream"
        elif isinstance(body, str):
            self.body = body.encode()
            self.content_type = content_type or "text/plain; charset=utf-8"
        else:
            self.body = to_json(body)
            self.content_type = content_type or JSON
        self.status = status
        self.headers = headers


class EventStream:
    """A response of server-sent events.

    Each piece of ``events`` is bytes as :func:`weftwork.wire.sse.format_event` makes them, or text or an
    object, which becomes one event. An error before the first piece becomes an ordinary error response; a
    later one, an event with the error's body, after which the stream ends.
    """

    __slots__ = ("content_type", "events", "headers", "status")

    def __init__(
        self,
        events: AsyncIterator[Any],
        headers: Mapping[str, str] = NO_HEADERS,
        status: int = 200,
        content_type: str = "text/event-stream",
    ) -> None:
        self.events = events
        self.headers = headers
        self.status = status
        self.content_type = content_type


Response = HttpResponse | EventStream
