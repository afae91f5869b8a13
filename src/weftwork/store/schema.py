"""The store's file: its tables by version, and opening it. Source: sqlite.org/wal.html and pragma.html."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
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
    """
    CREATE TABLE journal (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, a NOT NULL, b, c, d);
    """,
)
"""Script of each version of the file, in order; a published one is never edited, a new one is appended."""

RECORD, LINK, CONTENT, STATE, EMPTY = range(5)
"""Kinds of the journal's rows; their columns ``a`` to ``d`` are those of the table that each is moved to; an
empty row is moved nowhere."""

_COUNT_RECORDS = "SELECT count(*) FROM journal WHERE kind = 0 AND seq <= ?"
_ADD_RECORDS = """
    INSERT INTO record (id, kind, body, signature)
    SELECT a, b, c, d FROM journal WHERE kind = 0 AND seq <= ? ORDER BY seq
    ON CONFLICT (id) DO UPDATE SET signature = excluded.signature
    WHERE record.signature IS NULL AND excluded.signature IS NOT NULL
"""
_ADD_SIGNATURES = """
    INSERT OR IGNORE INTO signature (id, signature)
    SELECT a, d FROM journal WHERE kind = 0 AND seq <= ? AND d IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM record WHERE id = a AND signature = d) ORDER BY seq
"""
_ADD_LINKS = """
    INSERT OR IGNORE INTO link (parent, child, named)
    SELECT a, b, c FROM journal WHERE kind = 1 AND seq <= ? ORDER BY a, seq
"""
_ADD_CONTENTS = """
    INSERT OR IGNORE INTO content (digest, salt, body)
    SELECT a, b, c FROM journal WHERE kind = 2 AND seq <= ? ORDER BY a, seq
"""
_SET_STATES = """
    INSERT INTO state (key, value) SELECT a, c FROM journal WHERE kind = 3 AND seq <= ? ORDER BY seq
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""
_EMPTY = "DELETE FROM journal WHERE seq <= ?"

_VIEWS = """
    CREATE TEMP VIEW record AS SELECT id, kind, body, signature FROM main.record
    UNION ALL SELECT a, b, c, d FROM main.journal WHERE kind = 0;
    CREATE TEMP VIEW signature AS SELECT seq, id, signature FROM main.signature
    UNION ALL SELECT 1 << 62, a, d FROM main.journal WHERE kind = 0 AND d IS NOT NULL;
    CREATE TEMP VIEW link AS SELECT parent, child FROM main.link
    UNION ALL SELECT a, b FROM main.journal WHERE kind = 1;
    CREATE TEMP VIEW content AS SELECT digest, salt, body FROM main.content
    UNION ALL SELECT a, b, c FROM main.journal WHERE kind = 2;
"""

APPLICATION = 0x57454654  # "WEFT" in the file's header


def connect_file(path: Path | None) -> sqlite3.Connection:
    """A connection to the file (None: to a new database in memory), with WAL and ``synchronous=FULL``."""
    place = ":memory:" if path is None else path
    link = sqlite3.connect(
        place, check_same_thread=False, isolation_level=None, timeout=10, cached_statements=256
    )
    try:
        link.execute("PRAGMA journal_mode = WAL")
        link.execute("PRAGMA synchronous = FULL")
        link.execute("PRAGMA secure_delete = OFF")  # only copies are deleted: rows that left the journal
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
        for _ in move_journal(link):
            continue
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


def open_reader(path: Path) -> sqlite3.Connection:
    """The file of a store, only to be read, while its role runs or after it was killed.

    The tables ``record``, ``signature``, ``link`` and ``content`` show what is still in the journal too; a
    row that is in both may come twice. Nothing is moved, and the role is not disturbed.
    """
    link = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    if link.execute("SELECT 1 FROM sqlite_master WHERE name = 'journal'").fetchone():
        link.executescript(_VIEWS)
    return link


def move_journal(link: sqlite3.Connection) -> Iterator[None]:
    """Moves what is in the journal into the tables, one kind a step: a transaction of its own, after which
    other writing may go on. The journal is emptied last, and each step may be done twice, so what stops
    half-way is done again.
    """
    last = link.execute("SELECT max(seq) FROM journal").fetchone()[0]
    if last is None:
        return
    for statements in ((_ADD_RECORDS,), (_ADD_LINKS,), (_ADD_CONTENTS,), (_SET_STATES, _EMPTY)):
        link.execute("BEGIN IMMEDIATE")
        try:
            before = link.total_changes
            for statement in statements:
                link.execute(statement, (last,))
            if statements[0] is _ADD_RECORDS:
                count = link.execute(_COUNT_RECORDS, (last,)).fetchone()[0]
                if link.total_changes - before < count:  # some were here: their signatures may be new
                    link.execute(_ADD_SIGNATURES, (last,))
            link.execute("COMMIT")
        except BaseException:
            if link.in_transaction:
                link.execute("ROLLBACK")
            raise
        yield
