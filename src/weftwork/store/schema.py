"""The store's file: its tables by version, and opening it. Source: sqlite.org/wal.html and pragma.html."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from weftwork.errors import StoreError

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE record (
        seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL,
        signature BLOB
    );
    CREATE INDEX record_kind ON record (kind, seq);
    CREATE TABLE signature (
        seq INTEGER PRIMARY KEY, id BLOB NOT NULL, signature BLOB NOT NULL, UNIQUE (id, signature)
    );
    CREATE TABLE link (
        parent BLOB NOT NULL, child BLOB NOT NULL, named INTEGER NOT NULL, PRIMARY KEY (parent, child)
    ) WITHOUT ROWID;
    CREATE INDEX link_child ON link (child) WHERE named = 0;
    CREATE TABLE content (digest BLOB PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL);
    CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
)
"""Script of each version of the file, in order; a published one is never edited, a new one is appended."""

APPLICATION = 0x57454654  # "WEFT" in the file's header


def connect_file(path: Path | None) -> sqlite3.Connection:
    """A connection to the file (None: to a new database in memory), with WAL and ``synchronous=FULL``."""
    place = ":memory:" if path is None else path
    link = sqlite3.connect(place, check_same_thread=False, isolation_level=None, timeout=10)
    try:
        link.execute("PRAGMA journal_mode = WAL")
        link.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        link.close()
        raise
    return link


def open_file(path: Path | None) -> sqlite3.Connection:
    """A connection to the store at ``path``, made or migrated; :class:`StoreError` if it is no store."""
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        link = connect_file(path)
    except sqlite3.DatabaseError as error:
        hint = "restore it from a copy, or choose another path"
        raise StoreError(f"the store cannot be opened: {error}", value=str(path), hint=hint) from error
    except OSError as error:
        raise StoreError(f"the store cannot be opened: {error}", value=str(path)) from error
    try:
        link.execute("BEGIN IMMEDIATE")
        _migrate(link, path)
        link.execute("COMMIT")
    except sqlite3.Error as error:
        link.close()
        hint = "restore it from a copy, or choose another path"
        raise StoreError(f"the store is damaged: {error}", value=str(path), hint=hint) from error
    except StoreError:
        link.close()
        raise
    return link


def _migrate(link: sqlite3.Connection, path: Path | None) -> None:
    version = link.execute("PRAGMA user_version").fetchone()[0]
    mark = link.execute("PRAGMA application_id").fetchone()[0]
    used = link.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if used and mark != APPLICATION:
        raise StoreError(
            "the file is a database of another program", value=str(path), hint="choose another path"
        )
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the store has version {version}, newer than this program's {len(MIGRATIONS)}",
            value=str(path),
            hint="update the program: pip install -U weftwork",
        )
    if version == len(MIGRATIONS):
        return
    for script in MIGRATIONS[version:]:
        for statement in filter(str.strip, script.split(";")):
            link.execute(statement)
    link.execute(f"PRAGMA application_id = {APPLICATION}")
    link.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
