"""The world state behaves as py-evm's account database does, through every write, checkpoint and revert."""

from __future__ import annotations

from typing import Any

from eth.db.account import AccountDB
from eth.db.atomic import AtomicDB
from hypothesis import given, settings
from hypothesis import strategies as st

from weftwork.ledger import trie
from weftwork.ledger.journal import Journal
from weftwork.ledger.world import World

ADDRESSES = [bytes([n]) * 20 for n in (1, 2, 3)]
address = st.sampled_from(ADDRESSES)
slot = st.integers(0, 3)

steps = st.one_of(
    st.tuples(st.just("set_balance"), address, st.integers(0, 2**80)),
    st.tuples(st.just("set_nonce"), address, st.integers(0, 9)),
    st.tuples(st.just("increment_nonce"), address),
    st.tuples(st.just("set_code"), address, st.sampled_from([b"", b"\x00", b"code" * 20])),
    st.tuples(st.just("set_storage"), address, slot, st.integers(0, 2)),
    st.tuples(st.just("touch_account"), address),
    st.tuples(st.just("delete_account"), address),
    st.tuples(st.just("mark_storage_warm"), address, slot),
    st.tuples(st.just("mark_address_warm"), address),
    st.tuples(st.just("record")),
    st.tuples(st.just("discard")),
    st.tuples(st.just("transaction")),
    st.tuples(st.just("block")),
)


class Pair:
    """Our world and the peer's, given the same orders."""

    def __init__(self) -> None:
        self.journal = Journal(None)
        self.world = World(self.journal, trie.BLANK_ROOT)
        self.database = AtomicDB()
        self.peer = AccountDB(self.database)
        self.checkpoints: list[tuple[int, Any]] = []

    def do(self, name: str, *args: Any) -> None:
        if name == "record":
            self.checkpoints.append((self.world.record(), self.peer.record()))
        elif name == "discard":
            if self.checkpoints:
                ours, theirs = self.checkpoints.pop()
                self.world.discard(ours)
                self.peer.discard(theirs)
        elif name == "transaction":
            self.checkpoints.clear()
            self.world.start_transaction()
            self.peer.lock_changes()
        elif name == "block":
            self.checkpoints.clear()
            self.peer.persist()
            assert self.world.seal() == self.peer.state_root
            self.peer = AccountDB(self.database, self.peer.state_root)
        elif name == "delete_account":
            if self.peer.account_exists(args[0]):
                self.world.delete_account(*args)
                self.peer.delete_account(*args)
        elif name != "set_storage" or self.peer.account_exists(args[0]):
            getattr(self.world, name)(*args)
            getattr(self.peer, name)(*args)

    def compare(self) -> None:
        for one in ADDRESSES:
            for question in (
                "get_balance",
                "get_nonce",
                "get_code",
                "get_code_hash",
                "account_exists",
                "account_is_empty",
                "account_has_code_or_nonce",
                "is_address_warm",
            ):
                assert getattr(self.world, question)(one) == getattr(self.peer, question)(one), question
            for number in range(4):
                assert self.world.get_storage(one, number) == self.peer.get_storage(one, number)
                assert self.world.is_storage_warm(one, number) == self.peer.is_storage_warm(one, number)


@settings(max_examples=60)
@given(st.lists(steps, max_size=40))
def test_world_equals_the_peers_account_database(orders: list[tuple[Any, ...]]) -> None:
    pair = Pair()
    try:
        for order in orders:
            pair.do(*order)
            pair.compare()
        pair.do("block")
        root = pair.world.root
        fresh = World(pair.journal, root)
        for one in ADDRESSES:
            assert fresh.account(one) == pair.world.account(one)
    finally:
        pair.journal.close()


def test_original_value_of_a_slot_is_that_at_the_transactions_start() -> None:
    journal = Journal(None)
    world = World(journal, trie.BLANK_ROOT)
    world.set_nonce(ADDRESSES[0], 1)
    world.set_storage(ADDRESSES[0], 0, 5)
    world.start_transaction()
    checkpoint = world.record()
    world.set_storage(ADDRESSES[0], 0, 6)
    world.set_storage(ADDRESSES[0], 0, 7)
    assert (world.get_storage(ADDRESSES[0], 0), world.get_storage(ADDRESSES[0], 0, False)) == (7, 5)
    world.discard(checkpoint)
    assert (world.get_storage(ADDRESSES[0], 0), world.get_storage(ADDRESSES[0], 0, False)) == (5, 5)
    world.set_transient(ADDRESSES[0], 0, b"\x01")
    assert world.get_transient(ADDRESSES[0], 0) == b"\x01"
    world.start_transaction()
    assert world.get_transient(ADDRESSES[0], 0) == b""
    journal.close()
