"""Append-only store of the thread: records, private content and a role's small state, in one SQLite file.

Callers only queue. One writer thread serialises what is queued and commits it in groups, so that adding a record
costs its caller one hash. What :meth:`Store.flush` returned for survives SIGKILL and loss of power (WAL with
``synchronous=FULL``); what was queued after it may be lost, whole records at a time. Records are never replaced:
an id is the hash of its record, and every record that is read is hashed again. Source: sqlite.org/wal.html.
"""

from __future__ import annotations

import asyncio
import atexit
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

from pydantic_core import PydanticSerializationError, from_json, to_json

from weftwork.errors import BadInput, StoreError, VerifyError
from weftwork.records import Domain, Record, Signed
from weftwork.units import Digest, keccak

Item = Record | Signed[Any]

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE record (seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL,
                         signature BLOB);
    CREATE INDEX record_kind ON record (kind, seq);
    CREATE TABLE signature (seq INTEGER PRIMARY KEY, id BLOB NOT NULL, signature BLOB NOT NULL,
                            UNIQUE (id, signature));
    CREATE TABLE link (parent BLOB NOT NULL, child BLOB NOT NULL, named INTEGER NOT NULL,
                       PRIMARY KEY (parent, child)) WITHOUT ROWID;
    CREATE INDEX link_child ON link (child) WHERE named = 0;
    CREATE TABLE content (digest BLOB PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL);
    CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
)
"""Script of each version of the file, in order; a published one is never edited, a new one is appended."""

_APPLICATION = 0x57454654  # "WEFT" in the file's header
_SIGNER = {"request": "requester", "receipt": "worker", "score": "validator", "weights": "validator"}
_ADD_RECORD = (
    "INSERT INTO record (id, kind, body, signature) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
    "SET signature = excluded.signature WHERE record.signature IS NULL AND excluded.signature IS NOT NULL"
)
_ADD_SIGNATURE = (
    "INSERT OR IGNORE INTO signature (id, signature) SELECT ?1, ?2 "
    "WHERE NOT EXISTS (SELECT 1 FROM record WHERE id = ?1 AND signature = ?2)"
)
_ADD_LINK = "INSERT OR IGNORE INTO link (parent, child, named) VALUES (?, ?, ?)"
_ADD_CONTENT = "INSERT OR IGNORE INTO content (digest, salt, body) VALUES (?, ?, ?)"
_SET_STATE = (
    "INSERT INTO state (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)


class Store:
    """Records, contents and state of one role; thread-safe, and never blocking where it only adds."""

    def __init__(self, path: str | Path | None = None, *, linger: float = 0.02) -> None:
        """Opens or makes the file at ``path`` (None: in memory); ``linger`` is how many seconds a group may wait."""
        self.path = None if path is None else Path(path)
        self._linger = linger
        self._lock = threading.RLock()
        self._queue: deque[tuple[Any, ...]] = deque()
        self._pending: dict[Digest, Item] = {}
        self._contents: dict[Digest, tuple[bytes, bytes]] = {}
        self._state: dict[str, Any] = {}
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._progress = threading.Condition()
        self._asked = self._done = 0
        self._waiters: list[tuple[int, Callable[[StoreError | None], None]]] = []
        self._failure: StoreError | None = None
        self._closed = False
        self._writer = self._open()
        self._reader = self._writer if self.path is None else self._connect()
        self._guard: Any = self._lock if self.path is None else nullcontext()
        for key, text in self._reader.execute("SELECT key, value FROM state"):
            self._state[key] = from_json(text)
        self._thread = threading.Thread(target=self._run, name="weft-store", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    # Opening

    def _connect(self) -> sqlite3.Connection:
        link = sqlite3.connect(
            self.path or ":memory:", check_same_thread=False, isolation_level=None, timeout=10
        )
        link.execute("PRAGMA journal_mode = WAL")
        link.execute("PRAGMA synchronous = FULL")
        return link

    def _open(self) -> sqlite3.Connection:
        try:
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            link = self._connect()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the store cannot be opened: {error}", value=str(self.path)) from error
        try:
            self._migrate(link)
        except sqlite3.Error as error:
            link.close()
            raise StoreError(
                f"the file is no store, or it is damaged: {error}",
                value=str(self.path),
                hint="restore it from a copy, or choose another path",
            ) from error
        except StoreError:
            link.close()
            raise
        return link

    def _migrate(self, link: sqlite3.Connection) -> None:
        link.execute("BEGIN IMMEDIATE")
        version = link.execute("PRAGMA user_version").fetchone()[0]
        mark = link.execute("PRAGMA application_id").fetchone()[0]
        used = link.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if used and mark != _APPLICATION:
            link.execute("ROLLBACK")
            raise StoreError(
                "the file is a database of another program", value=str(self.path), hint="choose another path"
            )
        if version > len(MIGRATIONS):
            link.execute("ROLLBACK")
            raise StoreError(
                f"the store has version {version}, newer than this program's {len(MIGRATIONS)}",
                value=str(self.path),
                hint="update weftwork: pip install -U weftwork",
            )
        for script in MIGRATIONS[version:]:
            for statement in filter(str.strip, script.split(";")):
                link.execute(statement)
        link.execute(f"PRAGMA application_id = {_APPLICATION}")
        link.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        link.execute("COMMIT")

    # Adding

    def add(self, item: Item, *, domain: Domain | None = None) -> Digest:
        """Queues a record, signed or not, and returns its id; adding it again changes nothing.

        With ``domain`` the signature is checked first (:class:`BadSignature`), against the signer that the record
        names where it names one. Several signatures of one record are all kept.
        """
        record = item.record if isinstance(item, Signed) else item
        if domain is not None and isinstance(item, Signed):
            signer = item.signer(domain)
            if record.kind in _SIGNER:
                item.require_signer(domain, getattr(record, _SIGNER[record.kind]))
            del signer
        digest = record.id
        self._pending.setdefault(digest, item)
        self._put(("record", digest, item))
        return digest

    def add_many(self, items: Iterable[Item], *, domain: Domain | None = None) -> list[Digest]:
        """Queues each of ``items`` as :meth:`add` does; their ids."""
        return [self.add(item, domain=domain) for item in items]

    def link(self, parent: Digest, child: Digest) -> None:
        """Queues an edge of the thread that no field names: a score and its Merkle root, weights and their closing."""
        self._put(("link", parent, child))

    def put_content(self, digest: Digest, salt: bytes, body: bytes) -> None:
        """Queues private content under its salted digest; :class:`BadInput` if it is not ``keccak(salt ++ body)``."""
        if keccak(salt + body) != digest:
            raise BadInput("the content does not hash to its digest", value=str(digest))
        self._contents.setdefault(digest, (salt, body))
        self._put(("content", digest, salt, body))

    def set_state(self, key: str, value: Any) -> None:
        """Queues a small JSON value of the role, in one order with the records; the last value wins."""
        try:
            text = to_json(value)
        except (PydanticSerializationError, ValueError) as error:
            raise BadInput(f"the state {key!r} is not plain JSON", value=key) from error
        self._state[key] = from_json(text)
        self._put(("state", key, text.decode()))

    def _put(self, entry: tuple[Any, ...]) -> None:
        if self._closed:
            raise StoreError("the store is closed", value=str(self.path))
        self._queue.append(entry)
        if not self._wake.is_set():
            self._wake.set()

    # Durability

    def flush(self) -> None:
        """Returns once everything queued before is on disk; :class:`StoreError` if it cannot be written."""
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
        if not self._thread.is_alive():
            raise StoreError("the store is closed", value=str(self.path))
        self._failure = None
        self._asked += 1
        self._queue.append(("flush", self._asked))
        self._hurry.set()
        self._wake.set()
        return self._asked

    def close(self) -> None:
        """Writes what is queued and closes the file; may be called twice."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self._hurry.set()
        self._wake.set()
        self._thread.join()
        for link in {self._writer, self._reader}:
            link.close()
        if self._queue:
            raise self._failure or StoreError("queued records were not written", value=len(self._queue))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The writer thread

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if not self._closed:
                self._hurry.wait(self._linger)
            self._hurry.clear()
            self._wake.clear()
            batch = [self._queue.popleft() for _ in range(len(self._queue))]
            try:
                if batch:
                    self._write(batch)
            except Exception as error:
                self._queue.extendleft(reversed(batch))
                self._settle(0, StoreError(f"the store cannot be written: {error}", value=str(self.path)))
            else:
                self._settle(max((e[1] for e in batch if e[0] == "flush"), default=0), None)
            if self._closed and (not self._queue or self._failure):
                return

    def _write(self, batch: list[tuple[Any, ...]]) -> None:
        records, signatures, links, contents = [], [], [], []
        state: dict[str, str] = {}
        for entry in batch:
            match entry[0]:
                case "record":
                    _, digest, item = entry
                    record, signature = (
                        (item.record, item.signature) if isinstance(item, Signed) else (item, None)
                    )
                    records.append((digest, record.kind, to_json(record.to_json()).decode(), signature))
                    if signature is not None:
                        signatures.append((digest, signature))
                    links += [(parent, digest, 1) for parent in record.parents]
                case "link":
                    links.append((entry[1], entry[2], 0))
                case "content":
                    contents.append(entry[1:])
                case "state":
                    state[entry[1]] = entry[2]
        link = self._writer
        with self._guard:
            if records or links or contents or state:
                link.execute("BEGIN IMMEDIATE")
                try:
                    before = link.total_changes
                    link.executemany(_ADD_RECORD, records)
                    if link.total_changes - before < len(records):
                        link.executemany(_ADD_SIGNATURE, signatures)
                    link.executemany(_ADD_LINK, links)
                    link.executemany(_ADD_CONTENT, contents)
                    link.executemany(_SET_STATE, state.items())
                    link.execute("COMMIT")
                except BaseException:
                    if link.in_transaction:
                        link.execute("ROLLBACK")
                    raise
        for entry in batch:
            if entry[0] == "record" and self._pending.get(entry[1]) is entry[2]:
                del self._pending[entry[1]]
            elif entry[0] == "content":
                self._contents.pop(entry[1], None)

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
            except RuntimeError:  # its event loop is closed
                continue

    # Reading

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        try:
            with self._lock:
                return self._reader.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"the store cannot be read: {error}", value=str(self.path)) from error

    def get(self, digest: Digest | str) -> Item | None:
        """The record of that id, with its first signature if it has one; None if it is not here.

        A record that no longer hashes to its id raises :class:`VerifyError`, which names it.
        """
        digest = Digest(digest)
        found = self._pending.get(digest)
        if found is not None:
            return found
        rows = self._rows("SELECT body, signature FROM record WHERE id = ?", digest)
        return _decode(digest, *rows[0]) if rows else None

    def has(self, digest: Digest | str) -> bool:
        """True if a record of that id is here."""
        digest = Digest(digest)
        return digest in self._pending or bool(self._rows("SELECT 1 FROM record WHERE id = ?", digest))

    def signatures(self, digest: Digest | str) -> list[bytes]:
        """All signatures (65 bytes each) of one record, in the order in which they came."""
        self.flush()
        digest = Digest(digest)
        first = self._rows("SELECT signature FROM record WHERE id = ? AND signature IS NOT NULL", digest)
        more = self._rows("SELECT signature FROM signature WHERE id = ? ORDER BY seq", digest)
        return [row[0] for row in first + more]

    def children(self, digest: Digest | str, kind: str | None = None) -> list[Item]:
        """The records that follow from one, in the order in which they came."""
        self.flush()
        sql = (
            "SELECT r.id, r.body, r.signature FROM link l JOIN record r ON r.id = l.child "
            "WHERE l.parent = ? AND (?2 IS NULL OR r.kind = ?2) ORDER BY r.seq"
        )
        return [_decode(Digest(row[0]), *row[1:]) for row in self._rows(sql, Digest(digest), kind)]

    def by_kind(
        self, kind: str, limit: int = 100, after: Digest | None = None, *, newest: bool = False
    ) -> list[Item]:
        """Up to ``limit`` records of one kind, oldest first (or ``newest`` first), from behind ``after``."""
        self.flush()
        sign, order = ("<", "DESC") if newest else (">", "ASC")
        sql = (
            "SELECT id, body, signature FROM record WHERE kind = ?1 AND (?2 IS NULL OR seq "
            f"{sign} (SELECT seq FROM record WHERE id = ?2)) ORDER BY seq {order} LIMIT ?3"  # noqa: S608
        )
        return [_decode(Digest(row[0]), *row[1:]) for row in self._rows(sql, kind, after, limit)]

    def count(self, kind: str | None = None) -> int:
        """How many records are here, of one kind or of all."""
        self.flush()
        return int(self._rows("SELECT count(*) FROM record WHERE ?1 IS NULL OR kind = ?1", kind)[0][0])

    def thread(self, digest: Digest | str, *, limit: int = 10_000) -> list[Item]:
        """A record with its ancestors and descendants, each after its parents; at most ``limit`` records."""
        self.flush()
        start = Digest(digest)
        found: dict[Digest, set[Digest]] = {}
        for step in (self._up, self._down):
            todo, seen = deque([start]), {start}
            while todo and len(seen) <= limit:
                here = todo.popleft()
                found.setdefault(here, set())
                for parent, child in step(here):
                    found.setdefault(child, set()).add(parent)
                    other = parent if child == here else child
                    if other not in seen:
                        seen.add(other)
                        todo.append(other)
        return [item for one in _causal(found) if (item := self.get(one)) is not None]

    def _up(self, child: Digest) -> list[tuple[Digest, Digest]]:
        item = self.get(child)
        record = item.record if isinstance(item, Signed) else item
        named = list(record.parents) if record is not None else []
        rows = self._rows("SELECT parent FROM link WHERE child = ? AND named = 0", child)
        return [(parent, child) for parent in named + [Digest(row[0]) for row in rows]]

    def _down(self, parent: Digest) -> list[tuple[Digest, Digest]]:
        return [
            (parent, Digest(row[0])) for row in self._rows("SELECT child FROM link WHERE parent = ?", parent)
        ]

    def content(self, digest: Digest | str) -> tuple[bytes, bytes] | None:
        """``(salt, body)`` of private content; None if it is not here."""
        digest = Digest(digest)
        found = self._contents.get(digest)
        if found is not None:
            return found
        rows = self._rows("SELECT salt, body FROM content WHERE digest = ?", digest)
        if not rows:
            return None
        salt, body = rows[0]
        if keccak(salt + body) != digest:
            raise VerifyError("the content does not hash to its digest", value=str(digest))
        return salt, body

    def state(self, key: str, default: Any = None) -> Any:
        """The role's value under ``key``, as last set; ``default`` if it was never set."""
        return self._state.get(key, default)

    def states(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """All ``(key, value)`` of the role's state whose key starts with ``prefix``, by key."""
        yield from sorted((k, v) for k, v in self._state.items() if k.startswith(prefix))


def _decode(digest: Digest, body: str, signature: bytes | None) -> Item:
    try:
        record: Record = Record.from_json(from_json(body))
    except (BadInput, ValueError) as error:
        raise VerifyError(f"the stored record {digest} is damaged: {error}", value=str(digest)) from error
    if record.id != digest:
        raise VerifyError(f"the {record.kind} {digest} does not hash to its id", value=str(digest))
    return record if signature is None else Signed(record, signature)


def _causal(parents: dict[Digest, set[Digest]]) -> Iterator[Digest]:
    """The keys of ``parents``, each after those of its parents that are keys too (depth first, no recursion)."""
    done: set[Digest] = set()
    for root in parents:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                if node not in done:
                    done.add(node)
                    yield node
            elif node not in done:
                stack.append((node, True))
                stack += [(p, False) for p in parents.get(node, ()) if p not in done]
