"""Signed transactions are read as their sender meant them, and malformed ones are refused with a reason."""

from __future__ import annotations

import pytest
from eth_account import Account as PeerAccount
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import TransactionRejected
from weftwork.ledger import Account, rlp
from weftwork.ledger.transaction import Transaction, decode, encode, signing_hash

SENDER = Account.create("sender")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def signed(tx: Transaction) -> bytes:
    return SENDER.sign_transaction(tx)


transactions = st.builds(
    Transaction,
    type_id=st.sampled_from([0, 2]),
    chain_id=st.integers(1, 2**40),
    nonce=st.integers(0, 2**63),
    max_priority_fee_per_gas=st.integers(0, 2**64),
    max_fee_per_gas=st.integers(0, 2**64),
    gas=st.integers(0, 2**63),
    to=st.sampled_from([b"", b"\x11" * 20]),
    value=st.integers(0, 2**256 - 1),
    data=st.binary(max_size=60),
)


@given(transactions)
def test_decoding_gives_back_the_fields_and_the_sender(tx: Transaction) -> None:
    raw = signed(tx)
    back = decode(raw)
    assert back.sender == SENDER.address_bytes
    assert encode(back) == raw == back.raw
    assert (back.nonce, back.gas, back.to, back.value, back.data) == (
        tx.nonce,
        tx.gas,
        tx.to,
        tx.value,
        tx.data,
    )
    assert back.max_fee_per_gas == tx.max_fee_per_gas
    assert back.chain_id == tx.chain_id


def test_access_list_of_a_peers_transaction_is_read_and_priced() -> None:
    slots = ["0x" + "00" * 31 + "01", "0x" + "00" * 31 + "02"]
    given_tx = {
        "type": 1,
        "chainId": 31337,
        "nonce": 1,
        "gasPrice": 7,
        "gas": 50_000,
        "to": "0x" + "22" * 20,
        "value": 0,
        "data": b"",
        "accessList": [{"address": "0x" + "33" * 20, "storageKeys": slots}],
    }
    peer = PeerAccount.sign_transaction(given_tx, SENDER.key)
    tx = decode(bytes(peer.raw_transaction))
    assert tx.access_list == ((b"\x33" * 20, (1, 2)),)
    assert tx.hash == bytes(peer.hash)
    assert tx.sender == SENDER.address_bytes
    assert tx.intrinsic_gas == 21_000 + 2_400 + 2 * 1_900


def test_transaction_from_before_chain_ids_is_read() -> None:
    tx = decode(signed(Transaction(0, None, 3, 5, 5, 21_000, b"\x11" * 20, 1, b"")))
    assert (tx.chain_id, tx.sender) == (None, SENDER.address_bytes)


@given(st.binary(max_size=200))
def test_noise_is_refused(raw: bytes) -> None:
    with pytest.raises(TransactionRejected):
        decode(raw)


@given(st.data())
def test_flipped_byte_never_leaves_the_sender_and_the_content_as_they_were(data: st.DataObject) -> None:
    raw = signed(Transaction(2, 31337, 3, 5, 50, 21_000, b"\x11" * 20, 1, b"data"))
    place = data.draw(st.integers(0, len(raw) - 1))
    change = data.draw(st.integers(1, 255))
    flipped = raw[:place] + bytes([raw[place] ^ change]) + raw[place + 1 :]
    try:
        tx = decode(flipped)
    except TransactionRejected:
        return
    assert tx.sender != SENDER.address_bytes


def test_mirrored_signature_is_refused() -> None:
    tx = decode(signed(Transaction(2, 31337, 0, 0, 1, 21_000, b"\x11" * 20, 0, b"")))
    mirrored = tx.copy(s=ORDER - tx.s, y_parity=1 - tx.y_parity)
    assert signing_hash(mirrored) == signing_hash(tx)
    with pytest.raises(TransactionRejected, match="not canonical"):
        decode(encode(mirrored))


def test_blob_transaction_is_refused_by_name() -> None:
    with pytest.raises(TransactionRejected, match="type 3 is not supported"):
        decode(b"\x03" + rlp.encode([b""] * 14))
