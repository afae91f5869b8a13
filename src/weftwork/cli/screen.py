"""What the command line shows: plain text or one JSON object, errors with a hint, one ``next:`` line."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from weftwork.errors import BadInput, WeftError

PATIENCE = 0.4
"""Seconds that a command may take without a word."""


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
    sys.stdout.flush()


def print_next(text: str) -> None:
    """The line that ends every screen: what one would do now."""
    print(f"\nnext: {text}", flush=True)


def say(text: str) -> None:
    """Progress for people, on standard error, so that standard output stays clean."""
    print(text, file=sys.stderr, flush=True)


def paint(text: str, style: str) -> str:
    """``text`` in a style where the terminal has colours and ``NO_COLOR`` is not set."""
    codes = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\x1b[{codes[style]}m{text}\x1b[0m"


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Says ``text`` on the terminal while the block runs, if it takes longer than :data:`PATIENCE`."""
    if not sys.stderr.isatty():
        yield
        return
    shown = threading.Event()
    lock = threading.Lock()
    over = False

    def show() -> None:
        with lock:
            if not over:
                shown.set()
                sys.stderr.write(f"{text} …")
                sys.stderr.flush()

    timer = threading.Timer(PATIENCE, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            over = True
        timer.cancel()
        if shown.is_set():
            sys.stderr.write("\r" + " " * (len(text) + 2) + "\r")
            sys.stderr.flush()


def print_table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Iterable[int] = ()) -> None:
    """A table in plain columns; the columns numbered in ``right`` are aligned to the right."""
    body = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(head), *body]) for i in range(len(head))]
    aligned = set(right)

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if i in aligned else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    print(paint(line(list(head)), "bold"))
    for row in body:
        print(line(row))


def report(error: WeftError, *, as_json: bool = False) -> int:
    """Show ``error`` as code, sentence and hint (never a traceback); returns the exit status."""
    if as_json:
        print_json({"error": error.to_json()})
    else:
        print(f"{paint('error', 'red')} {error.code}: {error.sentence}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
    return 2 if isinstance(error, BadInput) else 1


@contextmanager
def reporting(as_json: bool = False) -> Iterator[None]:
    """Turn every :class:`WeftError` of the block into a clean exit; ``WEFT_DEBUG=1`` shows the traceback."""
    try:
        yield
    except WeftError as error:
        if os.environ.get("WEFT_DEBUG"):
            raise
        raise SystemExit(report(error, as_json=as_json)) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
