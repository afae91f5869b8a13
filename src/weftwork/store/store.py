"""Append-only store of the thread: records, private contents and a role's small state, in SQLite.

Callers only queue; one writer thread commits in groups, so that adding a record costs its caller one hash.
Records are never replaced: an id is the hash of its record, and every record that is read is hashed again.
"""

from __future__ import annotations

import atexit
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

from pydantic_core import PydanticSerializationError, from_json, to_json

from weftwork.errors import BadInput, StoreError, VerifyError, WeftError
from weftwork.records import Domain, Record, Signed
from weftwork.store.schema import connect_file, open_file
from weftwork.store.writer import Entry, State, Writer
from weftwork.units import Digest, keccak

Item = Record | Signed[Any]

_OLDEST = (
    "SELECT id, body, signature FROM record WHERE kind = ?1 "
    "AND (?2 IS NULL OR seq > (SELECT seq FROM record WHERE id = ?2)) ORDER BY seq LIMIT ?3"
)
_NEWEST = (
    "SELECT id, body, signature FROM record WHERE kind = ?1 "
    "AND (?2 IS NULL OR seq < (SELECT seq FROM record WHERE id = ?2)) ORDER BY seq DESC LIMIT ?3"
)
_SIGNER = {"request": "requester", "receipt": "worker", "score": "validator", "weights": "validator"}


class Store:
    """Records, contents and state of one role; thread-safe, and never blocking where it only adds."""

    def __init__(self, path: str | Path | None = None, *, linger: float = 0.02) -> None:
        """Opens or makes the file at ``path`` (None: in memory); writes groups after ``linger`` s."""
        self.path = None if path is None else Path(path)
        self._lock = threading.RLock()
        self._pending: dict[Digest, Item] = {}
        self._contents: dict[Digest, tuple[bytes, bytes]] = {}
        self._state: dict[str, State] = {}
        self._link, self._log = open_file(self.path)
        self._reader = self._link if self.path is None else connect_file(self.path)
        for key, text in self._rows("SELECT key, value FROM state"):
            self._state[key] = text
        self._writer = Writer(
            self._link,
            self._log,
            self._lock if self.path is None else nullcontext(),
            linger,
            self._forget,
        )
        self._closed = False
        atexit.register(self.close)

    # Adding

    def add(self, item: Item, *, domain: Domain | None = None) -> Digest:
        """Queues a record, signed or not, and returns its id; adding it again changes nothing.

        With ``domain`` the signature is checked first (:class:`BadSignature`), against the signer that the
        record names where it names one. Several signatures of one record are all kept.
        """
        if domain is not None and isinstance(item, Signed):
            named = _SIGNER.get(item.record.kind)
            if named is None:
                item.signer(domain)
            else:
                item.require_signer(domain, getattr(item.record, named))
        digest = item.id
        self._pending.setdefault(digest, item)
        self._writer.put(("record", digest, item))
        return digest

    def add_many(self, items: Iterable[Item], *, domain: Domain | None = None) -> list[Digest]:
        """Queues each of ``items`` as :meth:`add` does; their ids."""
        return [self.add(item, domain=domain) for item in items]

    def link(self, parent: Digest, child: Digest) -> None:
        """Queues an edge that no field names: from a score to its Merkle root, from weights to a closing."""
        self._writer.put(("link", parent, child))

    def put_content(self, digest: Digest, salt: bytes, body: bytes, *, hashed: bool = False) -> None:
        """Queues private content; :class:`BadInput` if its digest is not ``keccak(salt ++ body)``, which a
        caller that has just ``hashed`` it knows."""
        if not hashed and keccak(salt + body) != digest:
            raise BadInput("the content does not hash to its digest", value=str(digest))
        self._contents.setdefault(digest, (salt, body))
        self._writer.put(("content", digest, salt, body))

    def set_state(self, key: str, value: Any) -> None:
        """Queues a small JSON value of the role, in one order with the records; the last value wins."""
        try:
            text = to_json(value, inf_nan_mode="constants")
            if b"NaN" in text or b"Infinity" in text:
                from_json(text, allow_inf_nan=False)
        except (PydanticSerializationError, ValueError) as error:
            raise BadInput(f"the state {key!r} is not plain JSON", value=key) from error
        held = self._state[key] = text.decode()
        self._writer.put(("state", key, held))

    def set_state_made(self, key: str, make: Callable[[], Any]) -> None:
        """:meth:`set_state` of the JSON value that ``make`` gives when it is written or read, in any thread:
        of what it sees nothing may change. Of many values that are set at once only the last is made."""
        self._state[key] = make
        self._writer.put(("state", key, make))

    def flush(self) -> None:
        """Returns once everything queued before is on disk; :class:`StoreError` if the disk refuses."""
        self._writer.flush()

    async def flushed(self) -> None:
        """:meth:`flush` without blocking the event loop."""
        await self._writer.flushed()

    def close(self) -> None:
        """Writes what is queued and closes the file; may be called twice."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        try:
            self._writer.close()
        finally:
            with self._lock:
                self._reader.close()
                self._log.close()
                self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _forget(self, batch: list[Entry]) -> None:
        for entry in batch:
            if entry[0] == "record" and self._pending.get(entry[1]) is entry[2]:
                del self._pending[entry[1]]
            elif entry[0] == "content":
                self._contents.pop(entry[1], None)

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
        rows = self._rows("SELECT id, body, signature FROM record WHERE id = ?", digest)
        return _decode(rows[0]) if rows else None

    def has(self, digest: Digest | str) -> bool:
        """True if a record of that id is here."""
        digest = Digest(digest)
        return digest in self._pending or bool(self._rows("SELECT 1 FROM record WHERE id = ?", digest))

    def signatures(self, digest: Digest | str) -> list[bytes]:
        """All signatures of one record, in the order in which they came."""
        self._writer.flush(moved=True)
        digest = Digest(digest)
        first = self._rows("SELECT signature FROM record WHERE id = ? AND signature IS NOT NULL", digest)
        more = self._rows("SELECT signature FROM signature WHERE id = ? ORDER BY seq", digest)
        return [row[0] for row in first + more]

    def children(self, digest: Digest | str, kind: str | None = None) -> list[Item]:
        """The records that follow from one, of one kind or of all, in the order in which they came."""
        self._writer.flush(moved=True)
        sql = (
            "SELECT r.id, r.body, r.signature FROM link l JOIN record r ON r.id = l.child "
            "WHERE l.parent = ?1 AND (?2 IS NULL OR r.kind = ?2) ORDER BY r.seq"
        )
        return [_decode(row) for row in self._rows(sql, Digest(digest), kind)]

    def by_kind(
        self, kind: str, limit: int = 100, after: Digest | None = None, *, newest: bool = False
    ) -> list[Item]:
        """Up to ``limit`` records of one kind from behind ``after``, oldest (or ``newest``) first."""
        self._writer.flush(moved=True)
        return [_decode(row) for row in self._rows(_NEWEST if newest else _OLDEST, kind, after, limit)]

    def count(self, kind: str | None = None) -> int:
        """How many records are here, of one kind or of all."""
        self._writer.flush(moved=True)
        return int(self._rows("SELECT count(*) FROM record WHERE ?1 IS NULL OR kind = ?1", kind)[0][0])

    def thread(self, digest: Digest | str, *, limit: int = 10_000) -> list[Item]:
        """A record, its ancestors and descendants, each after its parents; about ``limit`` at most."""
        self._writer.flush(moved=True)
        start = Digest(digest)
        parents: dict[Digest, set[Digest]] = {start: set()}
        steps: tuple[Callable[[Digest], list[tuple[Digest, Digest]]], ...] = (self._up, self._down)
        for step in steps:
            todo, seen = deque([start]), {start}
            while todo and len(parents) < limit:
                here = todo.popleft()
                for parent, child in step(here):
                    parents.setdefault(parent, set())
                    parents.setdefault(child, set()).add(parent)
                    other = parent if child == here else child
                    if other not in seen:
                        seen.add(other)
                        todo.append(other)
        return [item for one in _causal(parents) if (item := self.get(one)) is not None]

    def _up(self, child: Digest) -> list[tuple[Digest, Digest]]:
        item = self.get(child)
        record = item.record if isinstance(item, Signed) else item
        named = list(record.parents) if record is not None else []
        rows = self._rows("SELECT parent FROM link WHERE child = ? AND named = 0", child)
        return [(parent, child) for parent in named + [Digest(row[0]) for row in rows]]

    def _down(self, parent: Digest) -> list[tuple[Digest, Digest]]:
        rows = self._rows("SELECT child FROM link WHERE parent = ?", parent)
        return [(parent, Digest(row[0])) for row in rows]

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
            raise VerifyError("the stored content does not hash to its digest", value=str(digest))
        return salt, body

    def state(self, key: str, default: Any = None) -> Any:
        """The role's value under ``key``, as last set; ``default`` if it was never set."""
        held = self._state.get(key)
        return default if held is None else from_json(held) if isinstance(held, str) else _copy(held())

    def states(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """All ``(key, value)`` of the role's state whose key starts with ``prefix``, by key."""
        for key in sorted(key for key in self._state if key.startswith(prefix)):
            yield key, self.state(key)


def _copy(value: Any) -> Any:
    return from_json(to_json(value))


def _decode(row: tuple[bytes, str, bytes | None]) -> Item:
    digest, (_, body, signature) = Digest(row[0]), row
    try:
        record: Record = Record.from_json(from_json(body))
        item = record if signature is None else Signed(record, signature)
    except (WeftError, ValueError, TypeError) as error:
        raise VerifyError(f"the stored record {digest} is damaged: {error}", value=str(digest)) from error
    if record.id != digest:
        raise VerifyError(f"the stored {record.kind} {digest} does not hash to its id", value=str(digest))
    return item


def _causal(parents: dict[Digest, set[Digest]]) -> Iterator[Digest]:
    """The keys of ``parents``, each after those of its parents that are keys too."""
    done: set[Digest] = set()
    for root in parents:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready and node not in done:
                done.add(node)
                yield node
            elif not ready and node not in done:
                stack.append((node, True))
                stack += [(parent, False) for parent in parents[node] if parent not in done]
