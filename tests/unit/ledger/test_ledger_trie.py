"""The trie gives the same roots as py-trie's HexaryTrie, whatever is written, overwritten and deleted."""

from __future__ import annotations

from typing import Any

import rlp as peer_rlp
from hypothesis import given
from hypothesis import strategies as st
from trie import HexaryTrie

from weftwork.ledger import rlp, trie
from weftwork.ledger.hash import keccak


class Store:
    """Nodes in a dictionary, which fails if anyone changes a node in place."""

    def __init__(self) -> None:
        self.bodies: dict[bytes, bytes] = {}
        self.nodes: dict[bytes, Any] = {}

    def load(self, key: bytes) -> Any:
        node = self.nodes[key]
        assert rlp.encode(node) == self.bodies[key], "a stored node was changed in place"
        return node

    def save(self, key: bytes, encoded: bytes, node: Any) -> None:
        self.bodies[key], self.nodes[key] = encoded, node


keys = st.one_of(
    st.binary(min_size=2, max_size=2).map(lambda tail: bytes(30) + tail),
    st.integers(0, 40).map(lambda n: keccak(n.to_bytes(32, "big"))),
    st.lists(st.sampled_from([0, 1, 16]), min_size=4, max_size=4).map(bytes),
)
values = st.one_of(st.just(b""), st.binary(min_size=1, max_size=3), st.binary(min_size=30, max_size=40))
batches = st.lists(st.lists(st.tuples(keys, values), max_size=12), max_size=6)


@given(batches)
def test_roots_equal_the_peers_after_every_batch(written: list[list[tuple[bytes, bytes]]]) -> None:
    store, root, peer, truth = Store(), trie.BLANK_ROOT, HexaryTrie({}), {}
    for batch in written:
        # Fixed-width keys only: two widths in one trie would make branch values, which no state trie has.
        batch = [(key, value) for key, value in batch if len(key) == 32]
        root = trie.update(store, root, batch)
        for key, value in batch:
            peer[key] = value
            truth[key] = value
        assert root == peer.root_hash
        assert all(trie.get(store, root, key) == value for key, value in truth.items())


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=3), values), max_size=20))
def test_keys_of_any_width_give_the_peers_root(written: list[tuple[bytes, bytes]]) -> None:
    peer = HexaryTrie({})
    root = trie.BLANK_ROOT
    store = Store()
    for key, value in written:
        root = trie.update(store, root, [(key, value)])
        peer[key] = value
        assert root == peer.root_hash


items = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=6), max_leaves=20)


@given(items)
def test_rlp_equals_the_peers_and_reads_itself_back(item: Any) -> None:
    encoded = rlp.encode(item)
    assert encoded == peer_rlp.encode(item)
    assert rlp.decode(encoded) == item


@given(st.binary(max_size=40))
def test_rlp_accepts_only_the_one_canonical_form(data: bytes) -> None:
    try:
        item = rlp.decode(data)
    except ValueError:
        return
    assert rlp.encode(item) == data


@given(st.integers(0, 2**256 - 1))
def test_rlp_of_an_integer_is_that_of_its_shortest_bytes(value: int) -> None:
    assert rlp.encode_int(value) == rlp.encode(rlp.int_bytes(value))
