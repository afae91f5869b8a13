"""The embedded ledger's file: a SQLite database whose ``journal`` is the truth.

``journal`` holds the signed transactions of each block with the block's environment. ``block``, ``tx``,
``log`` and ``node`` can be made again from it by replay. One SQLite transaction a block, WAL,
synchronous=FULL.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from weftwork.errors import LedgerCorrupt, LedgerError, LedgerInUse
from weftwork.ledger import rlp

APPLICATION_ID = 0x57656674  # "Weft"
VERSION = 1
_CACHED_NODES = 100_000

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE journal (number INTEGER PRIMARY KEY, fork TEXT, time INTEGER, base_fee TEXT, prevrandao BLOB,
  gas_limit INTEGER, coinbase BLOB, transactions BLOB);
CREATE TABLE block (number INTEGER PRIMARY KEY, hash BLOB UNIQUE, header BLOB);
CREATE TABLE tx (hash BLOB PRIMARY KEY, block INTEGER, position INTEGER, raw BLOB, receipt BLOB)
  WITHOUT ROWID;
CREATE UNIQUE INDEX tx_place ON tx (block, position);
CREATE TABLE log (block INTEGER, position INTEGER, tx INTEGER, address BLOB, topic0 BLOB, topic1 BLOB,
  topic2 BLOB, topic3 BLOB, data BLOB, PRIMARY KEY (block, position)) WITHOUT ROWID;
CREATE INDEX log_address ON log (address, topic0, block);
CREATE TABLE node (hash BLOB PRIMARY KEY, body BLOB) WITHOUT ROWID;
CREATE TABLE pool (hash BLOB PRIMARY KEY, raw BLOB) WITHOUT ROWID;
CREATE TABLE snapshot (id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER, offset INTEGER,
  next_time INTEGER);
"""


class Journal:
    """One open ledger file (or memory), locked against other processes; also the trie's node store."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock_file: int | None = None
        self._cache: dict[bytes, Any] = {}
        self._pending: dict[bytes, bytes] = {}
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_file = _lock(path)
        try:
            self.db = sqlite3.connect(
                str(path) if path else ":memory:", isolation_level=None, check_same_thread=False
            )
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        db = self.db
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA cache_size=-32768")
            identity = db.execute("PRAGMA application_id").fetchone()[0]
            tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if tables == 0:
                with self.commit():
                    for statement in _SCHEMA.split(";"):
                        db.execute(statement)
                    db.execute(f"PRAGMA application_id={APPLICATION_ID}")
                    db.execute(f"PRAGMA user_version={VERSION}")
            elif identity != APPLICATION_ID:
                raise LedgerCorrupt("this SQLite file is not a Weftwork ledger", value=str(self.path))
            elif (version := db.execute("PRAGMA user_version").fetchone()[0]) != VERSION:
                raise LedgerCorrupt(
                    f"this ledger has format {version}, and this program reads format {VERSION}",
                    value=str(self.path),
                    hint="open it with the version of weftwork that made it",
                )
        except sqlite3.DatabaseError as error:
            raise broken(error, self.path) from error

    @contextmanager
    def commit(self) -> Iterator[sqlite3.Connection]:
        """One durable SQLite transaction: all of it, or nothing."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
            if self._pending:
                self.db.executemany(
                    "INSERT OR IGNORE INTO node (hash, body) VALUES (?, ?)", self._pending.items()
                )
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            self._cache.clear()
            raise
        finally:
            self._pending.clear()

    def close(self) -> None:
        """Close the file and give up the lock."""
        db = getattr(self, "db", None)
        if db is not None:
            db.close()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    # the trie's node store

    def load(self, key: bytes) -> Any:
        """The decoded trie node of this hash; raises LedgerCorrupt if it is missing."""
        node = self._cache.get(key)
        if node is None:
            node = self._cache[key] = rlp.decode(self._body(key))
            if len(self._cache) > _CACHED_NODES:
                self._cache.clear()
        return node

    def save(self, key: bytes, encoded: bytes, node: Any) -> None:
        """Keep a node with the next commit."""
        self._cache[key] = node
        self._pending[key] = encoded

    def load_code(self, key: bytes) -> bytes:
        """Contract code by its hash; raises LedgerCorrupt if it is missing."""
        code = self._cache.get(key)
        if code is None:
            code = self._cache[key] = self._body(key)
        return bytes(code)

    def save_code(self, key: bytes, code: bytes) -> None:
        """Keep code with the next commit."""
        self._cache[key] = code
        self._pending[key] = code

    def _body(self, key: bytes) -> bytes:
        body = self._pending.get(key)
        if body is not None:
            return body
        row = self.db.execute("SELECT body FROM node WHERE hash = ?", (key,)).fetchone()
        if row is None:
            raise LedgerCorrupt("a node of the state trie is missing", value="0x" + key.hex())
        return bytes(row[0])

    # small values

    def meta(self, key: str) -> Any:
        """A stored setting, or None."""
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: Any) -> None:
        """Store a setting; to be called inside ``commit``."""
        self.db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


def broken(error: sqlite3.DatabaseError, path: Path | None) -> LedgerError:
    """What an error of SQLite means: the disk refuses (nothing was written), or the file is damaged."""
    if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
        hint = "check the free space and the rights of the folder"
        return LedgerError(f"the ledger's file refuses: {error}", value=str(path), hint=hint)
    return LedgerCorrupt(f"the ledger's file is damaged: {error}", value=str(path))


def _lock(path: Path) -> int:
    handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise LedgerInUse(
            f"the ledger {path} is open already, here or in another process", value=str(path)
        ) from None
    return handle
