"""The store keeps what it says it keeps: for ever, unchanged, in order, whatever kills it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadInput, BadSignature, StoreError, VerifyError
from weftwork.records import (
    Closing,
    Domain,
    Payment,
    Receipt,
    Request,
    Score,
    Signed,
    Voucher,
    Weights,
    sign_digest,
)
from weftwork.records import checksum_address as checksum
from weftwork.store import MIGRATIONS, Store
from weftwork.units import Digest, keccak, salt_content

DOMAIN = Domain(31337, "0x" + "22" * 20)
KEY = PrivateKey((7).to_bytes(32, "big"))
REQUESTER = checksum(keccak(KEY.public_key.format(False)[1:])[-20:])
D = [Digest(bytes([n]) * 32) for n in range(10)]


def make_request(number: int = 0, requester: str = REQUESTER) -> Request:
    return Request(requester, 1, D[1], 10**18, 100, 200, Digest(number.to_bytes(32, "big")))


def make_receipt(request: Digest, sequence: int = 0) -> Receipt:
    return Receipt(request, REQUESTER, D[2], D[3], 5, 7, 10**60, sequence, True, 100)


def sign(record: Any) -> Signed[Any]:
    return Signed(record, sign_digest(KEY, record.digest(DOMAIN)))


def make_thread() -> list[Any]:
    """A request with all that follows from it, down to a payment."""
    request = make_request()
    receipt = make_receipt(request.id)
    voucher = Voucher(D[4], 5, receipt.id)
    score = Score(receipt.id, REQUESTER, 1, 2, 3, 900_000, D[5])
    weights = Weights(REQUESTER, 1, 2, (0, 3), (1, 65535), D[6])
    closing = Closing(1, 2, D[1], D[2], D[3], D[4], 10**20, 10**19, D[5])
    payment = Payment(closing.id, 0, 1, 3, REQUESTER, 10**19)
    return [request, receipt, voucher, score, weights, closing, payment]


@pytest.fixture(params=["memory", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "role" / "store.db"


def test_records_are_read_before_and_after_they_are_written(place: Path | None) -> None:
    with Store(place, linger=10) as store:
        for item in [sign(record) for record in make_thread()]:
            digest = store.add(item)
            assert digest == item.record.id
            assert store.get(digest) is item
            assert store.has(str(digest))
        store.flush()
        for record in make_thread():
            assert store.get(record.id) == sign(record)
        assert store.get(D[9]) is None
        assert not store.has(D[9])


def test_record_added_twice_is_there_once(place: Path | None) -> None:
    with Store(place) as store:
        for _ in range(3):
            store.add(make_request())
            store.flush()
        assert store.count() == store.count("request") == 1
        store.add(sign(make_request()))
        store.flush()
        assert store.get(make_request().id) == sign(make_request())
        store.add(make_request())
        store.flush()
        assert store.get(make_request().id) == sign(make_request())


def test_all_validators_signatures_of_one_closing_are_kept(place: Path | None) -> None:
    closing = make_thread()[5]
    signed = [
        Signed(closing, sign_digest(PrivateKey(bytes([n]) * 32), closing.digest(DOMAIN))) for n in range(1, 5)
    ]
    with Store(place) as store:
        store.add_many([*signed, signed[2], closing])
        store.flush()
        store.add(signed[1])
        assert store.signatures(closing.id) == [one.signature for one in signed]
        assert store.get(closing.id) == signed[0]


def test_thread_is_told_in_causal_order(place: Path | None) -> None:
    records = make_thread()
    request, receipt, voucher, score, weights, closing, payment = records
    other = make_receipt(make_request(9).id)
    with Store(place) as store:
        store.add_many([*reversed(records), other])
        store.link(score.id, weights.scores)
        store.link(weights.id, closing.id)
        assert set(store.thread(receipt.id)) == set(records)
        found = store.thread(payment.id)
        assert found == [request, receipt, score, weights, closing, payment]
        assert store.thread(other.id) == [other]
        assert store.thread(D[9]) == []
        assert store.children(receipt.id) == [score, voucher]
        assert store.children(receipt.id, "voucher") == [voucher]
        assert store.children(closing.id) == [payment]


def test_records_of_a_kind_are_paged_from_either_end(place: Path | None) -> None:
    requests = [make_request(n) for n in range(7)]
    with Store(place) as store:
        store.add_many(requests)
        assert store.by_kind("request", limit=3) == requests[:3]
        assert store.by_kind("request", limit=3, after=requests[2].id) == requests[3:6]
        assert store.by_kind("request", newest=True, limit=2) == [requests[6], requests[5]]
        assert store.by_kind("request", newest=True, after=requests[1].id) == [requests[0]]
        assert store.by_kind("receipt") == []


def test_signature_is_checked_against_the_signer_that_the_record_names(place: Path | None) -> None:
    with Store(place) as store:
        store.add(sign(make_request()), domain=DOMAIN)
        with pytest.raises(BadSignature):
            store.add(sign(make_request(1, requester="0x" + "11" * 20)), domain=DOMAIN)
        with pytest.raises(BadSignature):
            store.add(sign(make_request(2)), domain=Domain(1, DOMAIN.contract))
        with pytest.raises(BadSignature):
            store.add(Signed(make_thread()[5], bytes(65)), domain=DOMAIN)
        assert store.count() == 1


def test_private_content_is_kept_with_its_salt(place: Path | None) -> None:
    digest, salt = salt_content(b"swap 250 USDC for ETH")
    with Store(place) as store:
        store.put_content(digest, salt, b"swap 250 USDC for ETH")
        assert store.content(digest) == (salt, b"swap 250 USDC for ETH")
        store.flush()
        assert store.content(str(digest)) == (salt, b"swap 250 USDC for ETH")
        assert store.content(D[1]) is None
        with pytest.raises(BadInput):
            store.put_content(digest, salt, b"swap 251 USDC for ETH")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(values=st.dictionaries(st.text(max_size=5), JSON, max_size=5))
def test_state_comes_back_as_it_was_set(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("store") / "store.db"
    with Store(path) as store:
        for key, value in values.items():
            store.set_state(key, "before")
            store.set_state(key, value)
            assert store.state(key) == value
    with Store(path) as store:
        assert dict(store.states()) == values
        assert store.state("never set", 7) == 7


@pytest.mark.parametrize("value", [object(), {1: {2}}.values(), float("nan"), float("inf"), "\ud800"])
def test_state_that_is_no_json_is_refused_and_changes_nothing(value: Any) -> None:
    with Store() as store:
        store.set_state("epoch", 3)
        with pytest.raises(BadInput):
            store.set_state("epoch", value)
        assert store.state("epoch") == 3


def test_state_that_is_made_later_is_the_last_one_set(tmp_path: Path) -> None:
    made: list[int] = []

    def make(number: int) -> dict[str, int]:
        made.append(number)
        return {"number": number}

    with Store(tmp_path / "store.db", linger=10) as store:
        for number in range(9):
            store.set_state_made("it", partial(make, number))
        assert store.state("it") == {"number": 8}
        store.flush()
        assert set(made) == {8}
        store.set_state("it", "plain")
        store.set_state_made("other", partial(make, 7))
        assert dict(store.states()) == {"it": "plain", "other": {"number": 7}}
    with Store(tmp_path / "store.db") as store:
        assert dict(store.states()) == {"it": "plain", "other": {"number": 7}}


def test_states_are_listed_by_prefix(place: Path | None) -> None:
    with Store(place) as store:
        for key in ("channel/b", "channel/a", "epoch"):
            store.set_state(key, key)
        assert [key for key, _ in store.states("channel/")] == ["channel/a", "channel/b"]


def test_store_is_reopened_as_it_was_left(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        store.add_many(sign(record) for record in make_thread())
        store.set_state("epoch", {"done": 4})
    with Store(tmp_path / "store.db") as store:
        assert store.count() == 7
        assert store.state("epoch") == {"done": 4}
        assert store.get(make_thread()[4].id) == sign(make_thread()[4])


def test_what_another_reads_of_an_open_store_is_all_that_was_flushed(tmp_path: Path) -> None:
    digest, salt = salt_content(b"secret")
    with Store(tmp_path / "store.db", linger=10) as store:
        for turn in range(3):
            store.add_many([sign(record) for record in make_thread()] if turn else [make_request(7)])
            store.link(D[7], make_request(7).id)
            store.put_content(digest, salt, b"secret")
            store.set_state("turn", turn)
            store.flush()
            with Store(tmp_path / "store.db") as reader:
                assert reader.count() == (8 if turn else 1)
                assert reader.get(make_request(7).id) == make_request(7)
                assert reader.children(D[7]) == [make_request(7)]
                assert reader.content(digest) == (salt, b"secret")
                assert reader.state("turn") == turn
        assert store.children(make_thread()[1].id) == [sign(one) for one in make_thread()[2:4]]
    with Store(tmp_path / "store.db") as store:
        assert (store.count(), store.state("turn")) == (8, 2)


def test_disk_that_refuses_to_move_the_journal_costs_nothing_but_time(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        store._link.execute("CREATE TRIGGER t BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'full'); END")
        store.add(make_request(1))
        store.flush()
        assert store.get(make_request(1).id) == make_request(1)
        with pytest.raises(StoreError, match="cannot be written: full"):
            store.count()
        store._link.execute("DROP TRIGGER t")
        assert store.count() == 1


def change(path: Path, sql: str) -> None:
    link = sqlite3.connect(path)
    link.execute(sql)
    link.commit()
    link.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE record SET body = replace(body, '\"subnet\":1', '\"subnet\":2')",
        "UPDATE record SET body = replace(body, 'subnet', 'subnt')",
        "UPDATE record SET body = '{'",
        "UPDATE record SET body = '[1]'",
        "UPDATE record SET signature = x'00'",
    ],
)
def test_record_changed_in_the_file_is_named(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "store.db"
    with Store(path) as store:
        digest = store.add(sign(make_request()))
    change(path, sql)
    with Store(path) as store:
        for read in (store.get, store.thread, lambda _: store.by_kind("request")):
            with pytest.raises(VerifyError) as caught:
                read(digest)
            assert caught.value.value == str(digest)


def test_content_changed_in_the_file_is_named(tmp_path: Path) -> None:
    digest, salt = salt_content(b"secret")
    with Store(tmp_path / "store.db") as store:
        store.put_content(digest, salt, b"secret")
    change(tmp_path / "store.db", "UPDATE content SET body = x'00'")
    with Store(tmp_path / "store.db") as store, pytest.raises(VerifyError):
        store.content(digest)


def test_file_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    Store(path).close()
    change(path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer") as caught:
        Store(path)
    assert caught.value.hint
    assert path.read_bytes() == before


def test_files_that_are_no_store_are_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("not a database, but long enough to be looked at as one" * 100)
    other = tmp_path / "other.db"
    change(other, "CREATE TABLE person (name TEXT)")
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(StoreError):
            Store(path)
        assert path.read_bytes()[100:] == before[100:]
    with pytest.raises(StoreError):
        Store(tmp_path)


def test_closed_store_says_so(place: Path | None) -> None:
    store = Store(place)
    store.close()
    store.close()
    for call in (
        lambda: store.add(make_request()),
        store.flush,
        lambda: store.set_state("a", 1),
        store.count,
    ):
        with pytest.raises(StoreError):
            call()


async def test_many_tasks_and_threads_add_at_once(place: Path | None) -> None:
    with Store(place, linger=0.001) as store:

        def work(start: int) -> None:
            for number in range(start, start + 100):
                store.add(make_request(number))
                assert store.has(make_request(number).id)
            store.flush()

        threads = [threading.Thread(target=work, args=(n * 100,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for number in range(400, 500):
            store.add(make_request(number))
            await asyncio.sleep(0)
        await asyncio.gather(*(store.flushed() for _ in range(10)))
        for thread in threads:
            await asyncio.to_thread(thread.join)
        assert store.count() == 500


async def test_disk_that_refuses_is_reported_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store(path, linger=0) as store:
        store.add(make_request(1))
        store.flush()
        store._log.execute("PRAGMA query_only = 1")
        store.add(make_request(2))
        with pytest.raises(StoreError, match="cannot be written"):
            store.flush()
        with pytest.raises(StoreError, match="cannot be written"):
            await store.flushed()
        assert store.get(make_request(2).id) == make_request(2)
        store._log.execute("PRAGMA query_only = 0")
        store.flush()
        assert store.count() == 2


VICTIM = """
import sys
from weftwork.store import Store, writer
from weftwork.records import Request
from weftwork.units import Digest

writer._MANY = int(sys.argv[3])
store = Store(sys.argv[1], linger=0.0005)
number = 0
while True:
    for _ in range(int(sys.argv[2])):
        nonce = Digest(number.to_bytes(32, "big"))
        store.add(Request("0x" + "11" * 20, 1, Digest(b"1" * 32), 1, 1, 2, nonce))
        store.set_state("number", number)
        number += 1
    store.flush()
    print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(16))
def test_what_was_flushed_survives_sigkill(tmp_path: Path, seed: int) -> None:
    """Of odd seeds the journals change places all the time, so that the kill meets a move."""
    rng = random.Random(seed)
    path = tmp_path / "store.db"
    many = 40 if seed % 2 else 24_576
    process = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(path), str(rng.choice([1, 7, 60])), str(many)],
        stdout=subprocess.PIPE,
        env={**os.environ},
    )
    assert process.stdout is not None
    flushed = 0
    for _ in range(rng.randrange(1, 60)):
        flushed = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.stdout.close()
    process.wait()
    flushed = int(rest[-1]) if rest else flushed
    with Store(path) as store:
        found = store.by_kind("request", limit=1_000_000)
        assert len(found) >= flushed
        assert [int.from_bytes(one.nonce, "big") for one in found] == list(range(len(found)))
        assert store.state("number") == len(found) - 1
