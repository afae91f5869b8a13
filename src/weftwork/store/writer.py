"""The store's threads: one commits in groups what callers queue, one moves it into the tables.

A group goes first into a journal of the log, a table that only grows at its end, so a commit touches few
pages however large the store is. What has gathered there moves into the tables by a few statements: when it
is much, when nothing comes for a moment, when somebody reads, and when the store is opened or closed. Ids are
random, so of a large index each row of a small group would touch a page of its own; of a large group many
share one.
While one journal moves, groups go to the other: the log is a file of its own, and nothing waits.

What a returned :meth:`Writer.flush` covers survives SIGKILL and loss of power; of what was queued after it,
whole entries may be missing, the last ones first. If the disk refuses, the queue is kept and tried again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from queue import Empty, SimpleQueue
from typing import Any

from pydantic_core import to_json

from weftwork.errors import StoreError
from weftwork.records import Signed
from weftwork.store.schema import CONTENT, EMPTY, LINK, RECORD, STATE, move_journal, tidy_log

State = str | Callable[[], Any]
"""The JSON text of a state, or what makes its value."""

Entry = tuple[Any, ...]
"""``("record", id, item)``, ``("link", parent, child)``, ``("content", digest, salt, body)``,
``("state", key, state)`` or ``("flush", moved, loop, future)`` and ``("flush", moved, None, tell)``; the
mover's ``("moved", end)``, an error or the last row that it moved."""

_ADD = "INSERT INTO journal{} (kind, a, b, c, d) VALUES (?, ?, ?, ?, ?)"
_MOST = 1024  # rows of one statement
_EMPTY_ROW = [EMPTY, b"", None, None, None]
_MANY = 24_576  # rows of the journal that are moved without waiting for a quiet moment
_QUIET = 0.25  # seconds without an entry after which they are moved


class Writer:
    """Owns the writing connections; entries are committed in the order in which they were put."""

    def __init__(
        self,
        link: sqlite3.Connection,
        log: sqlite3.Connection,
        guard: AbstractContextManager[Any],
        linger: float,
        moved: Callable[[list[Entry]], None],
    ) -> None:
        """``link`` is to the tables, ``log`` to the log; ``guard`` is held while writing, where both are one.
        ``linger`` is the seconds for which a group may wait for more; ``moved`` is told of entries that stand
        in their tables."""
        self._link = link
        self._log = log
        self._guard = guard
        self._linger = linger
        self._moved = moved
        self._queue: deque[Entry] = deque()
        self._bell: SimpleQueue[bool] = SimpleQueue()  # True: now; False: something was put
        self._rung = self._hurried = False
        self._failure: StoreError | None = None
        self._filling: int = log.execute("SELECT filling FROM turn").fetchone()[0]
        self._journal: list[Entry] = []  # what stands in the journal that is being filled
        self._rows = 0
        self._leaving: list[Entry] = []  # what stands in the other one, which moves
        self._busy = False  # the mover is at it
        self._stuck = False  # its last move failed
        self._early: list[Entry] = []  # readers who wait until what leaves has moved
        self._late: list[Entry] = []  # and those who wait for what is being filled
        self._orders: SimpleQueue[int | None] = SimpleQueue()
        self._closed = False
        self._mover = threading.Thread(target=self._move, name="weft-store-move", daemon=True)
        self._thread = threading.Thread(target=self._run, name="weft-store", daemon=True)
        self._mover.start()
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Queues an entry; :class:`StoreError` after :meth:`close`."""
        if self._closed:
            raise StoreError("the store is closed")
        self._queue.append(entry)
        if not self._rung:
            self._rung = True
            self._bell.put(False)

    def flush(self, moved: bool = False) -> None:
        """Returns once everything put before is on disk, and with ``moved`` can be read from the tables;
        :class:`StoreError` if the disk refuses."""
        told: SimpleQueue[StoreError | None] = SimpleQueue()
        self._ask(("flush", moved, None, told.put))
        error = told.get()
        if error is not None:
            raise error

    async def flushed(self) -> None:
        """:meth:`flush` without blocking the event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._ask(("flush", False, loop, future))
        await future

    def _ask(self, entry: Entry) -> None:
        if self._closed:
            raise StoreError("the store is closed")
        self._queue.append(entry)
        if not self._hurried:
            self._rung = self._hurried = True
            self._bell.put(True)

    def close(self) -> None:
        """Writes what is queued and ends the thread; :class:`StoreError` if it cannot all be written."""
        self._closed = True
        self._bell.put(True)
        self._thread.join()
        if self._queue:
            raise self._failure or StoreError("queued records were not written", value=len(self._queue))

    # The writing thread

    def _run(self) -> None:
        last = False
        while not self._is_done(last):
            quiet = self._wait(last)
            if self._closed and not last:
                last, self._stuck = True, False  # one more try
            self._rung = self._hurried = False
            queue = self._queue
            batch = [queue.popleft() for _ in range(len(queue))]
            waiters = [entry for entry in batch if entry[0] == "flush"]
            try:
                self._write(batch)
            except Exception as error:  # the thread must outlive whatever the disk does
                queue.extendleft(entry for entry in reversed(batch) if entry[0] not in ("flush", "moved"))
                self._failure = StoreError(f"the store cannot be written: {error}")
                _tell(waiters, self._failure)
            else:
                self._failure = None
                _tell([entry for entry in waiters if not entry[1]], None)
                self._late += [entry for entry in waiters if entry[1]]
            for entry in batch:
                if entry[0] == "moved":
                    self._take_moved(entry[1])
            due = not self._stuck and (last or self._rows >= _MANY)
            if not self._busy and (self._late or quiet or due):
                self._send()
        self._orders.put(None)
        self._mover.join()

    def _is_done(self, last: bool) -> bool:
        """Whether the thread ends: closed, and all is in the tables, or the disk refuses."""
        if not last or self._busy:
            return False
        return self._stuck or self._failure is not None or not (self._queue or self._journal or self._leaving)

    def _wait(self, last: bool) -> bool:
        """Returns when a group is to be written; True if nothing came for a while and a journal is not
        empty."""
        if last and not self._busy:
            return False
        waiting = not self._busy and (self._journal or self._leaving)
        try:
            hurry = self._bell.get(timeout=_QUIET if waiting else None)
        except Empty:
            return True
        end = time.monotonic() + self._linger
        while not hurry and not self._closed:
            try:
                hurry = self._bell.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                break
        return False

    def _send(self) -> None:
        """Lets the mover begin: with the journal that was being filled, or with one that did not move
        before. Readers of an empty journal have nothing to wait for."""
        if not self._leaving and self._journal:
            try:
                with self._guard:
                    self._log.execute("UPDATE turn SET filling = ?", (1 - self._filling,))
            except sqlite3.Error as error:
                self._stuck = True
                self._give_up(StoreError(f"the store cannot be written: {error}"))
                return
            self._filling = 1 - self._filling
            self._leaving, self._journal = self._journal, []
            self._rows = 0
            self._early, self._late = self._late, []
        if self._leaving:
            self._busy = True
            self._orders.put(1 - self._filling)
        else:
            readers, self._late = self._late, []
            _tell(readers, None)

    def _take_moved(self, end: int | Exception) -> None:
        """What the mover says: the journal stands in the tables up to ``end`` and is emptied, or an error."""
        self._busy = False
        try:
            if isinstance(end, Exception):
                raise end
            with self._guard:
                self._log.execute(f"DELETE FROM journal{1 - self._filling} WHERE seq <= ?", (end,))  # noqa: S608
        except Exception as error:
            self._stuck = True
            self._give_up(StoreError(f"the store cannot be written: {error}"))
            return
        self._stuck = False
        entries, self._leaving = self._leaving, []
        readers, self._early = self._early, []
        self._moved(entries)
        _tell(readers, None)

    def _give_up(self, error: StoreError) -> None:
        """Tells all readers that nothing moves; what is in the log stays there, and is on disk."""
        readers = self._early + self._late
        self._early, self._late = [], []
        _tell(readers, error)

    # The moving thread

    def _move(self) -> None:
        while (number := self._orders.get()) is not None:
            end: int | Exception
            try:
                with self._guard:
                    end = move_journal(self._link, f"log.journal{number}")
            except Exception as error:  # the disk may refuse; the writing thread says so
                end = error
            self._queue.append(("moved", end))
            self._bell.put(True)
            with suppress(sqlite3.Error), self._guard:
                tidy_log(self._link)

    def _write(self, batch: list[Entry]) -> None:
        rows: list[Any] = []
        state: dict[str, State] = {}
        for entry in batch:
            match entry[0]:
                case "record":
                    _, digest, item = entry
                    signed = isinstance(item, Signed)
                    record = item.record if signed else item
                    signature = item.signature if signed else None
                    rows.append((RECORD, digest, record.kind, record.to_text(), signature))
                    rows += [(LINK, parent, digest, 1, None) for parent in record.parents]
                case "link":
                    rows.append((LINK, entry[1], entry[2], 0, None))
                case "content":
                    rows.append((CONTENT, *entry[1:], None))
                case "state":
                    state[entry[1]] = entry[2]
        for key, held in state.items():
            text = held if isinstance(held, str) else to_json(held()).decode()
            rows.append((STATE, key, None, text, None))
        if not rows:
            return
        with self._guard:
            _insert(self._log, _ADD.format(self._filling), rows)
        self._journal += batch
        self._rows += len(rows)


def _tell(waiters: list[Entry], error: StoreError | None) -> None:
    """Ends the waiting of these entries; one wake-up for all that wait in one event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for _, _, loop, waiter in waiters:
        if loop is None:
            waiter(error)
        else:
            loops.setdefault(loop, []).append(waiter)
    for loop, futures in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, futures, error)
        except RuntimeError:  # the loop is closed, and nobody waits
            continue


def _resolve(futures: list[asyncio.Future[None]], error: StoreError | None) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error) if error else future.set_result(None)


def _insert(link: sqlite3.Connection, add: str, rows: list[Any]) -> None:
    """Inserts rows of the journal, all or none. A group that fits into one statement is a transaction by
    itself: each call into SQLite gives Python's lock away, and beside a busy event loop getting it back takes
    longer than the row does."""
    if len(rows) <= _MOST:
        _insert_part(link, add, rows)
        return
    link.execute("BEGIN IMMEDIATE")
    try:
        for start in range(0, len(rows), _MOST):
            _insert_part(link, add, rows[start : start + _MOST])
        link.execute("COMMIT")
    except BaseException:
        if link.in_transaction:
            link.execute("ROLLBACK")
        raise


def _insert_part(link: sqlite3.Connection, add: str, rows: list[Any]) -> None:
    """One statement. Of up to an eighth more rows than there are, which are empty, so that there are few
    statements and all stay prepared."""
    count = len(rows)
    step = max(1, 1 << count.bit_length() >> 4)
    empty = -count % step
    values = [value for row in rows for value in row]
    values += _EMPTY_ROW * empty
    link.execute(add + ", (?, ?, ?, ?, ?)" * (count + empty - 1), values)
