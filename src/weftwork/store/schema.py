"""The store's files: the tables by version, the log in front of them, and opening both.

A store is two files. ``NAME`` holds the tables; ``NAME.log`` what was written and is not in them yet, in two
journals that are filled in turn. Each file has a write lock of its own, so that rows can move into the
tables, which takes a while, and groups go on being written to the log, which must not wait.
Source: sqlite.org/wal.html, lang_attach.html and pragma.html.
"""

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
    """
    CREATE TABLE journal (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, a NOT NULL, b, c, d);
    """,
    """
    DROP TABLE journal;
    """,
)
"""Script of each version of the tables, in order; a published one is never edited, a new one is appended."""

LOG = """
    CREATE TABLE IF NOT EXISTS {0}journal0 (
        seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, a NOT NULL, b, c, d
    );
    CREATE TABLE IF NOT EXISTS {0}journal1 (
        seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, a NOT NULL, b, c, d
    );
    CREATE TABLE IF NOT EXISTS {0}turn (filling INTEGER NOT NULL);
    INSERT INTO {0}turn SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM {0}turn);
"""
"""The log: ``turn`` says which of the two journals is being filled; what the other holds is older."""

RECORD, LINK, CONTENT, STATE, EMPTY = range(5)
"""Kinds of the journal's rows; their columns ``a`` to ``d`` are those of the table that each is moved to; an
empty row is moved nowhere."""

_COUNT_RECORDS = "SELECT count(*) FROM {0} WHERE kind = 0"
_ADD_RECORDS = """
    INSERT INTO main.record (id, kind, body, signature) SELECT a, b, c, d FROM {0} WHERE kind = 0 ORDER BY seq
    ON CONFLICT (id) DO UPDATE SET signature = excluded.signature
    WHERE record.signature IS NULL AND excluded.signature IS NOT NULL
"""
_ADD_SIGNATURES = """
    INSERT OR IGNORE INTO main.signature (id, signature)
    SELECT a, d FROM {0} WHERE kind = 0 AND d IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM main.record WHERE id = a AND signature = d) ORDER BY seq
"""
_ADD_LINKS = """
    INSERT OR IGNORE INTO main.link (parent, child, named)
    SELECT a, b, c FROM {0} WHERE kind = 1 ORDER BY a, seq
"""
_ADD_CONTENTS = """
    INSERT OR IGNORE INTO main.content (digest, salt, body)
    SELECT a, b, c FROM {0} WHERE kind = 2 ORDER BY a, seq
"""
_SET_STATES = """
    INSERT INTO main.state (key, value) SELECT a, c FROM {0} WHERE kind = 3 ORDER BY seq
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""

_VIEWS = {
    "record": ("id, kind, body, signature", "a, b, c, d", "kind = 0"),
    "signature": ("seq, id, signature", "1 << 62, a, d", "kind = 0 AND d IS NOT NULL"),
    "link": ("parent, child", "a, b", "kind = 1"),
    "content": ("digest, salt, body", "a, b, c", "kind = 2"),
}

_LONG_WAL = 16_384  # pages of 4 kB
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


def log_path(path: Path) -> Path:
    """The file of the log beside the one of the tables."""
    return path.with_name(path.name + ".log")


def open_file(path: Path | None) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """The store at ``path``, made, migrated and with nothing left in its log: a connection to the tables,
    with the log beside them as ``log``, and one to the log (the same one in memory); :class:`StoreError` if
    it is no store."""
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        link = connect_file(path)
    except sqlite3.DatabaseError as error:
        hint = "restore it from a copy, or choose another path"
        raise StoreError(f"the store cannot be opened: {error}", value=str(path), hint=hint) from error
    except OSError as error:
        raise StoreError(f"the store cannot be opened: {error}", value=str(path)) from error
    log = link
    try:
        link.execute("BEGIN IMMEDIATE")
        _migrate(link, path)
        link.execute("COMMIT")
        if path is not None:
            log = connect_file(log_path(path))
            log.execute("PRAGMA wal_autocheckpoint = 0")  # the mover does that; no group waits for it
            _run(log, LOG.format(""))
        link.execute("ATTACH ? AS log", (":memory:" if path is None else str(log_path(path)),))
        if path is None:
            _run(link, LOG.format("log."))
        else:
            _recover(link, log)
    except sqlite3.Error as error:
        log.close()
        link.close()
        hint = "restore it from a copy, or choose another path"
        raise StoreError(f"the store is damaged: {error}", value=str(path), hint=hint) from error
    except StoreError:
        log.close()
        link.close()
        raise
    return link, log


def _run(link: sqlite3.Connection, script: str) -> None:
    for statement in filter(str.strip, script.split(";")):
        link.execute(statement)


def _recover(link: sqlite3.Connection, log: sqlite3.Connection) -> None:
    """Moves what a log holds into the tables, the older journal first; nobody writes to it meanwhile."""
    log.execute("BEGIN IMMEDIATE")
    try:
        filling = log.execute("SELECT filling FROM turn").fetchone()[0]
        for number in (1 - filling, filling):
            move_journal(link, f"log.journal{number}")
            log.execute(f"DELETE FROM journal{number}")  # noqa: S608
        log.execute("COMMIT")
    except BaseException:
        if log.in_transaction:
            log.execute("ROLLBACK")
        raise


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
    if version == 2:  # its journal stands among the tables
        _move(link, "main.journal")
    for script in MIGRATIONS[version:]:
        _run(link, script)
    link.execute(f"PRAGMA application_id = {APPLICATION}")
    link.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def open_reader(path: Path) -> sqlite3.Connection:
    """The tables of a store as they are now, only to be read, while its role runs or after it was killed.

    ``record``, ``signature``, ``link`` and ``content`` show what is still in the log too; a row that is in
    both may come twice. Nothing is moved, and the role is not disturbed. All reads see the same moment.
    """
    link = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5, isolation_level=None)
    found = link.execute("SELECT name FROM sqlite_master WHERE name = 'journal'").fetchall()
    journals = [f"main.{name}" for (name,) in found]
    if log_path(path).exists():
        link.execute("ATTACH ? AS log", (f"file:{log_path(path)}?mode=ro",))
        found = link.execute("SELECT name FROM log.sqlite_master WHERE name LIKE 'journal_'").fetchall()
        journals += [f"log.{name}" for (name,) in found]
    for name, (columns, values, which) in _VIEWS.items():
        parts = [f"SELECT {columns} FROM main.{name}"]  # noqa: S608
        parts += [f"SELECT {values} FROM {journal} WHERE {which}" for journal in journals]  # noqa: S608
        link.execute(f"CREATE TEMP VIEW {name} AS {' UNION ALL '.join(parts)}")
    link.execute("BEGIN")
    for journal in journals:  # first the log: what leaves it meanwhile is in the tables by then
        link.execute(f"SELECT 1 FROM {journal} LIMIT 1").fetchone()  # noqa: S608
    link.execute("SELECT 1 FROM main.record LIMIT 1").fetchone()
    return link


def move_journal(link: sqlite3.Connection, journal: str) -> int:
    """Moves what a journal holds into the tables, in one transaction; the last row that was there. It may be
    done twice: what stops after it and before the journal is emptied is done again."""
    link.execute("BEGIN")  # not IMMEDIATE, which would lock the log too
    try:
        _move(link, journal)
        end: int = link.execute(f"SELECT coalesce(max(seq), 0) FROM {journal}").fetchone()[0]  # noqa: S608
        link.execute("COMMIT")
        return end
    except BaseException:
        if link.in_transaction:
            link.execute("ROLLBACK")
        raise


def _move(link: sqlite3.Connection, journal: str) -> None:
    before = link.total_changes
    link.execute(_ADD_RECORDS.format(journal))
    count = link.execute(_COUNT_RECORDS.format(journal)).fetchone()[0]
    if link.total_changes - before < count:  # some were here: their signatures may be new
        link.execute(_ADD_SIGNATURES.format(journal))
    for statement in (_ADD_LINKS, _ADD_CONTENTS, _SET_STATES):
        link.execute(statement.format(journal))


def tidy_log(link: sqlite3.Connection) -> None:
    """Writes the log's WAL back into its file, beside whoever writes; if it has grown very long, in their
    way."""
    _, pages, _ = link.execute("PRAGMA log.wal_checkpoint(PASSIVE)").fetchone()
    if pages > _LONG_WAL:
        link.execute("PRAGMA log.wal_checkpoint(RESTART)").fetchone()
