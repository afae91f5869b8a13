"""The store's log: groups go on while rows move, and whatever stops a move costs nothing but time."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from weftwork.errors import StoreError
from weftwork.records import Request
from weftwork.store import MIGRATIONS, Store, open_reader, writer
from weftwork.store.schema import APPLICATION, log_path
from weftwork.units import Digest


def make_request(number: int) -> Request:
    nonce = Digest(number.to_bytes(32, "big"))
    return Request("0x" + "11" * 20, 1, Digest(b"1" * 32), 1, 1, 2, nonce)


def change(path: Path, sql: str) -> None:
    link = sqlite3.connect(path)
    link.execute(sql)
    link.commit()
    link.close()


def test_group_is_on_disk_while_the_tables_are_locked(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store(path) as store:
        store.add(make_request(1))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        readers = [threading.Thread(target=store.count)]
        readers[0].start()  # asks for a move, which waits for the lock
        for number in range(2, 30):
            store.add(make_request(number))
            store.flush()
        assert readers[0].is_alive()
        assert other.execute("SELECT count(*) FROM record").fetchone()[0] == 0
        with closing(open_reader(path)) as reader:
            assert reader.execute("SELECT count(DISTINCT id) FROM record").fetchone()[0] == 29
        other.execute("ROLLBACK")
        other.close()
        readers[0].join()
        assert [one.nonce for one in store.by_kind("request")] == [
            make_request(n).nonce for n in range(1, 30)
        ]


def test_older_journal_of_two_is_moved_first(tmp_path: Path) -> None:
    """A role that was killed while one journal moved and the other was filled."""
    path = tmp_path / "store.db"
    Store(path).close()
    log = sqlite3.connect(log_path(path))
    older, newer = make_request(1), make_request(2)
    log.execute("UPDATE turn SET filling = 0")
    for journal, record in ((1, older), (0, newer)):
        row = (0, bytes(record.id), "request", record.to_text(), None)
        log.execute(f"INSERT INTO journal{journal} (kind, a, b, c, d) VALUES (?, ?, ?, ?, ?)", row)
        state = (3, "turn", None, str(journal), None)
        log.execute(f"INSERT INTO journal{journal} (kind, a, b, c, d) VALUES (?, ?, ?, ?, ?)", state)
    log.commit()
    log.close()
    for _ in range(2):
        with Store(path) as store:
            assert [one.id for one in store.by_kind("request")] == [older.id, newer.id]
            assert store.state("turn") == 0, "what was written last counts"


def test_file_of_the_version_before_keeps_what_its_journal_held(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    record = make_request(5)
    link = sqlite3.connect(path)
    for script in MIGRATIONS[:2]:
        link.executescript(script)
    row = (0, bytes(record.id), "request", record.to_text(), None)
    link.execute("INSERT INTO journal (kind, a, b, c, d) VALUES (?, ?, ?, ?, ?)", row)
    link.execute(f"PRAGMA application_id = {APPLICATION}")
    link.execute("PRAGMA user_version = 2")
    link.commit()
    link.close()
    with closing(open_reader(path)) as reader:
        assert reader.execute("SELECT id FROM record").fetchall() == [(bytes(record.id),)]
    with Store(path) as store:
        assert store.by_kind("request") == [record]


def test_move_that_fails_is_tried_again_and_nobody_is_told_too_much(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        store._link.execute("CREATE TRIGGER t BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'full'); END")
        for number in range(3):
            store.add(make_request(number))
            with pytest.raises(StoreError, match="full"):
                store.count()
        assert [store.get(make_request(number).id) for number in range(3)] == [
            make_request(n) for n in range(3)
        ]
        store._link.execute("DROP TRIGGER t")
        assert store.count() == 3
        assert [one.nonce for one in store.by_kind("request")] == [make_request(n).nonce for n in range(3)]


def test_store_closes_though_the_tables_refuse_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = Store(path)
    store._link.execute("CREATE TRIGGER t BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'full'); END")
    store.add(make_request(1))
    store.flush()
    thread = threading.Thread(target=store.close)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    change(path, "DROP TRIGGER t")
    with Store(path) as again:
        assert again.by_kind("request") == [make_request(1)]


def test_move_that_fails_is_not_tried_without_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def refuse(link: sqlite3.Connection, journal: str) -> int:
        tried.append(journal)
        raise sqlite3.OperationalError("full")

    monkeypatch.setattr(writer, "_MANY", 5)
    with Store(tmp_path / "store.db") as store:
        monkeypatch.setattr(writer, "move_journal", refuse)
        for number in range(40):
            store.add(make_request(number))
            store.flush()
        assert 1 <= len(tried) <= 20
        monkeypatch.undo()
        assert store.count() == 40


def test_two_roles_in_one_file_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They should not; but what was flushed must stay."""
    monkeypatch.setattr(writer, "_MANY", 30)
    path = tmp_path / "store.db"
    with Store(path) as one, Store(path) as two:

        def work(store: Store, start: int) -> None:
            for number in range(start, start + 300):
                store.add(make_request(number))
                store.flush()

        threads = [threading.Thread(target=work, args=row) for row in ((one, 0), (two, 1000))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with Store(path) as again:
        assert again.count() == 600


def test_reader_sees_one_moment_whatever_moves_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store(path) as store:
        store.add_many(make_request(number) for number in range(5))
        store.flush()
        with closing(open_reader(path)) as reader:
            assert store.count("request") == 5, "all have moved into the tables"
            store.add(make_request(5))
            store.flush()
            assert reader.execute("SELECT count(DISTINCT id) FROM record").fetchone()[0] == 5
        with closing(open_reader(path)) as reader:
            assert reader.execute("SELECT count(DISTINCT id) FROM record").fetchone()[0] == 6
