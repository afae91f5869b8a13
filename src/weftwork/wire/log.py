"""Structured logs of every role: lines for people or JSON lines, each with the role and the thread's id.

Nothing private is logged: no bodies, no headers, no keys. Until :func:`configure` is called, only warnings
and errors are written, to standard error.
"""

from __future__ import annotations

import contextlib
import sys
from contextvars import ContextVar
from typing import Any, Literal, TextIO

from pydantic_core import to_json

access = False
"""Whether servers write one line a request; set by :func:`configure` at level info and below."""

_thread: ContextVar[str] = ContextVar("weft_thread", default="")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def bind_thread(digest: object) -> None:
    """Puts the thread's id on every line that the running task writes from now on."""
    _thread.set(str(digest))


def current_thread() -> str:
    """The thread's id bound to the running task; empty if none is."""
    return _thread.get()


def _add_thread(logger: Any, method: str, event: Any) -> Any:
    bound = _thread.get()
    if bound and not event.get("thread"):
        event["thread"] = bound
    return event


def _dump(event: Any, **_: Any) -> str:
    return to_json(event, fallback=str).decode()


class _Stderr:
    """Standard error as it is at each line, for whoever replaces it after a role was made."""

    def write(self, text: str) -> int:
        with contextlib.suppress(ValueError):  # a closed stream takes no line, and the role goes on
            return sys.stderr.write(text)
        return 0

    def flush(self) -> None:
        with contextlib.suppress(ValueError):
            sys.stderr.flush()


def configure(
    style: Literal["human", "json"] = "human",
    level: Literal["debug", "info", "warning", "error"] = "info",
    stream: TextIO | None = None,
) -> None:
    """Sets how this process logs: for people or as JSON lines, from which level on, where to."""
    import structlog

    global access
    access = _LEVELS[level] <= 20
    out = stream or sys.stderr
    tail: list[Any]
    if style == "json":
        tail = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dump)]
    else:
        tail = [structlog.dev.ConsoleRenderer(colors=out.isatty())]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _add_thread,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *tail,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=stream or _Stderr()),
        cache_logger_on_first_use=False,
    )


def logger(role: str) -> Any:
    """The logger of one role."""
    import structlog  # with what it imports, half a second on a busy machine: only roles pay it

    if not structlog.is_configured():
        configure(level="warning")
    return structlog.get_logger(role=role)
