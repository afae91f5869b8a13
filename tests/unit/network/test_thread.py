"""A thread is read from the stores of roles as they are, running or killed."""

from __future__ import annotations

from pathlib import Path

from weftwork.network.thread import gather
from weftwork.records import Receipt, Request
from weftwork.store import Store
from weftwork.units import ZERO, Digest, salt_content

WALLET = "0x" + "11" * 20


def test_thread_of_a_killed_role_holds_what_was_still_in_its_journal(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    digest, salt = salt_content(b"swap 250 USDC for ETH")
    request = Request(WALLET, 1, digest, 10**18, 100, 200, Digest(bytes(31) + b"\x07"))
    receipt = Receipt(request.id, WALLET, digest, ZERO, 5, 7, 10**15, 0, True, 100)
    with Store(path) as store:
        store._link.execute("CREATE TRIGGER t BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'full'); END")
        store.add_many([request, receipt])
        store.put_content(digest, salt, b"swap 250 USDC for ETH")
        store.flush()
        assert store._link.execute("SELECT count(*) FROM main.record").fetchone()[0] == 0
        thread = gather([path], str(receipt.id), {})
        assert {entry.kind for entry in thread.entries.values()} == {"request", "receipt"}
        assert (str(request.id), str(receipt.id)) in thread.links
        assert thread.contents[str(digest)]["body"] == "swap 250 USDC for ETH"
        store._link.execute("DROP TRIGGER t")
