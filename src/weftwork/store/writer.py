"""The store's writer thread: takes what callers queue and commits it in groups.

What a returned :meth:`Writer.flush` covers survives SIGKILL and loss of power; of what was queued after it,
whole entries may be missing, the last ones first. If the disk refuses, the queue is kept and tried again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from pydantic_core import to_json

from weftwork.errors import StoreError
from weftwork.records import Signed

Entry = tuple[Any, ...]
"""``("record", id, item)``, ``("link", parent, child)``, ``("content", digest, salt, body)``,
``("state", key, text)`` or ``("flush", ticket)``."""

_ADD_RECORD = (
    "INSERT INTO record (id, kind, body, signature) VALUES ",
    " ON CONFLICT (id) DO UPDATE SET signature = excluded.signature "
    "WHERE record.signature IS NULL AND excluded.signature IS NOT NULL",
)
_ADD_SIGNATURE = (
    "INSERT OR IGNORE INTO signature (id, signature) SELECT ?1, ?2 "
    "WHERE NOT EXISTS (SELECT 1 FROM record WHERE id = ?1 AND signature = ?2)"
)
_ADD_LINK = ("INSERT OR IGNORE INTO link (parent, child, named) VALUES ", "")
_ADD_CONTENT = ("INSERT OR IGNORE INTO content (digest, salt, body) VALUES ", "")
_SET_STATE = (
    "INSERT INTO state (key, value) VALUES ",
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
)
_STEPS = (64, 8, 1)


class Writer:
    """Owns the writing connection; entries are committed in the order in which they were put."""

    def __init__(
        self,
        link: sqlite3.Connection,
        guard: AbstractContextManager[Any],
        linger: float,
        written: Callable[[list[Entry]], None],
    ) -> None:
        """``guard`` is held while writing, ``linger`` is the seconds for which a group may wait for more."""
        self._link = link
        self._guard = guard
        self._linger = linger
        self._written = written
        self._queue: deque[Entry] = deque()
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._progress = threading.Condition()
        self._asked = self._done = 0
        self._waiters: list[tuple[int, Callable[[StoreError | None], object]]] = []
        self._failure: StoreError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="weft-store", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Queues an entry; :class:`StoreError` after :meth:`close`."""
        if self._closed:
            raise StoreError("the store is closed")
        self._queue.append(entry)
        if not self._wake.is_set():
            self._wake.set()

    def flush(self) -> None:
        """Returns once everything put before is on disk; :class:`StoreError` if the disk refuses."""
        with self._progress:
            ticket = self._ask()
            self._progress.wait_for(lambda: self._done >= ticket or self._failure is not None)
            if self._done < ticket and self._failure is not None:
                raise self._failure

    async def flushed(self) -> None:
        """:meth:`flush` without blocking the event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def settle(error: StoreError | None) -> None:
            if not future.done():
                future.set_exception(error) if error else future.set_result(None)

        with self._progress:
            ticket = self._ask()
            self._waiters.append((ticket, lambda error: loop.call_soon_threadsafe(settle, error)))
        await future

    def _ask(self) -> int:
        self._failure = None
        self._asked += 1
        self.put(("flush", self._asked))
        self._hurry.set()
        return self._asked

    def close(self) -> None:
        """Writes what is queued and ends the thread; :class:`StoreError` if it cannot all be written."""
        self._closed = True
        self._hurry.set()
        self._wake.set()
        self._thread.join()
        if self._queue:
            raise self._failure or StoreError("queued records were not written", value=len(self._queue))

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if not self._closed:
                self._hurry.wait(self._linger)
            last = self._closed
            self._hurry.clear()
            self._wake.clear()
            batch = [self._queue.popleft() for _ in range(len(self._queue))]
            try:
                self._write(batch)
            except Exception as error:  # the thread must outlive whatever the disk does
                self._queue.extendleft(reversed(batch))
                self._settle(0, StoreError(f"the store cannot be written: {error}"))
            else:
                self._written(batch)
                self._settle(max((e[1] for e in batch if e[0] == "flush"), default=0), None)
            if last:
                return
            if self._closed:
                self._wake.set()

    def _write(self, batch: list[Entry]) -> None:
        records, signatures, links, contents = [], [], [], []
        state: dict[str, str] = {}
        for entry in batch:
            match entry[0]:
                case "record":
                    _, digest, item = entry
                    signed = isinstance(item, Signed)
                    record = item.record if signed else item
                    signature = item.signature if signed else None
                    records.append((digest, record.kind, to_json(record.to_json()).decode(), signature))
                    if signed:
                        signatures.append((digest, signature))
                    links += [(parent, digest, 1) for parent in record.parents]
                case "link":
                    links.append((entry[1], entry[2], 0))
                case "content":
                    contents.append(entry[1:])
                case "state":
                    state[entry[1]] = entry[2]
        if not (records or links or contents or state):
            return
        link = self._link
        with self._guard:
            link.execute("BEGIN IMMEDIATE")
            try:
                before = link.total_changes
                _insert(link, _ADD_RECORD, records)
                if link.total_changes - before < len(records):  # some were here: their signatures may be new
                    link.executemany(_ADD_SIGNATURE, signatures)
                _insert(link, _ADD_LINK, links)
                _insert(link, _ADD_CONTENT, contents)
                _insert(link, _SET_STATE, list(state.items()))
                link.execute("COMMIT")
            except BaseException:
                if link.in_transaction:
                    link.execute("ROLLBACK")
                raise

    def _settle(self, ticket: int, error: StoreError | None) -> None:
        with self._progress:
            self._done = max(self._done, ticket)
            self._failure = error
            ready = [w for w in self._waiters if error or w[0] <= self._done]
            self._waiters = [w for w in self._waiters if w not in ready]
            self._progress.notify_all()
        for _, call in ready:
            try:
                call(error)
            except RuntimeError:  # its event loop is closed, and nobody waits
                continue


def _insert(link: sqlite3.Connection, statement: tuple[str, str], rows: list[Any]) -> None:
    """Inserts ``rows``, many by one statement: each statement gives Python's lock away and waits for it
    again,
    which beside a busy event loop costs more than the row does. Few sizes, so that they stay prepared."""
    start = 0
    while start < len(rows):
        count = next(step for step in _STEPS if step <= len(rows) - start)
        part = rows[start : start + count]
        slots = ", ".join(["(" + ", ".join("?" * len(part[0])) + ")"] * count)
        link.execute(statement[0] + slots + statement[1], [value for row in part for value in row])
        start += count
