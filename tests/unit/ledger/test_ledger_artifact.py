"""Arguments, results and events are coded as web3.py codes them, and what does not fit is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from weftwork.errors import ArtifactMissing, BadInput
from weftwork.ledger import Account, Artifact, load_artifact

PAIR = [{"name": "who", "type": "address"}, {"name": "amount", "type": "uint256"}]


def function(name: str, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "function", "name": name, "inputs": inputs, "outputs": outputs, "stateMutability": "view"}


def one(kind: str, **more: Any) -> dict[str, Any]:
    return {"name": "x", "type": kind, **more}


ABI = [
    function("move", [one("address"), one("uint256")], [one("bool")]),
    function("move", [one("address"), one("uint256"), one("bytes32")], [one("bool")]),
    function(
        "many",
        [one("tuple[]", components=PAIR), one("string")],
        [one("tuple", components=PAIR), one("bytes")],
    ),
    function("nested", [one("bytes32[2]"), one("address[]")], [one("tuple[]", components=PAIR)]),
    function("nothing", [], []),
    {
        "type": "event",
        "name": "Told",
        "inputs": [one("address", indexed=True), {"name": "y", "type": "string", "indexed": False}],
    },
]
BOOK = Artifact("Book", ABI)
ALICE = Account.create("alice")
PEER = Web3().eth.contract(abi=ABI)

addresses = st.binary(min_size=20, max_size=20).map(Web3.to_checksum_address)
amounts = st.integers(0, 2**256 - 1)


@given(st.lists(st.tuples(addresses, amounts), max_size=4), st.text(max_size=40))
def test_call_data_equals_the_peers(pairs: list[tuple[str, int]], text: str) -> None:
    ours = BOOK.codec.function("many", 2).encode((pairs, text))
    assert "0x" + ours.hex() == PEER.encode_abi("many", args=[pairs, text])


@given(st.tuples(addresses, amounts), st.binary(max_size=70))
def test_struct_result_is_a_tuple_with_names(pair: tuple[str, int], body: bytes) -> None:
    data = Web3().codec.encode(["(address,uint256)", "bytes"], [pair, body])
    found, rest = BOOK.codec.function("many", 2).decode(data)
    assert found == pair
    assert (found.who, found.amount, rest) == (*pair, body)


def test_accounts_dictionaries_and_hex_are_taken_where_the_abi_wants_bytes() -> None:
    encode = BOOK.codec.function("many", 2).encode
    assert encode(([{"who": ALICE, "amount": 5}], "t")) == encode(([(ALICE.address, 5)], "t"))
    nested = BOOK.codec.function("nested", 2).encode
    word = b"\x01" * 32
    assert nested((["0x" + word.hex(), word], [ALICE])) == nested(([word, word], [ALICE.address.lower()]))


def test_overload_is_chosen_by_its_number_of_arguments() -> None:
    two, three = BOOK.codec.function("move", 2), BOOK.codec.function("move", 3)
    assert two.signature == "move(address,uint256)"
    assert three.signature == "move(address,uint256,bytes32)"
    assert two.selector.hex() == Web3.keccak(text="move(address,uint256)").hex()[:8]


@pytest.mark.parametrize(
    ("name", "args", "sentence"),
    [
        ("move", (ALICE.address, -1), r"do not fit move\(address,uint256\)"),
        ("move", (ALICE.address, 2**256), "do not fit"),
        ("move", (ALICE.address, "1"), "do not fit"),
        ("move", ("0x12", 1), "not an address"),
        ("move", (ALICE.address, 1, b"x" * 33), "do not fit"),
        ("move", (ALICE.address,), "takes 2 or 3 arguments, not 1"),
        ("fly", (), "has no function 'fly'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(name: str, args: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        BOOK.codec.function(name, len(args)).encode(args)


def test_event_is_read_and_searched_by_its_indexed_argument() -> None:
    told = BOOK.codec.event("Told")
    word = "0x" + ALICE.address[2:].lower().rjust(64, "0")
    assert told.topics({"x": ALICE}) == ["0x" + told.topic.hex(), word]
    assert told.topics({"x": [ALICE, ALICE.address]})[1] == [word, word]
    assert told.topics({}) == ["0x" + told.topic.hex()]
    data = Web3().codec.encode(["string"], ["hello"])
    assert told.decode([told.topic, bytes.fromhex(word[2:])], data) == {"x": ALICE.address, "y": "hello"}
    with pytest.raises(BadInput, match="no indexed argument"):
        told.topics({"y": "hello"})
    with pytest.raises(BadInput, match="no event"):
        BOOK.codec.event("Whispered")


def test_contract_that_is_not_in_the_package_is_named_with_those_that_are() -> None:
    with pytest.raises(ArtifactMissing, match="Unheard") as refusal:
        load_artifact("Unheard")
    assert "Token" in refusal.value.hint
    with pytest.raises(ArtifactMissing):
        load_artifact("../Token")
    assert load_artifact("Token").bytecode
