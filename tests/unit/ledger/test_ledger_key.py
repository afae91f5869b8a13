"""Keys sign what eth-account signs, byte for byte, and keystore files pass between the two."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account as PeerAccount
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadInput
from weftwork.ledger import Account, keccak

KNOWN_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
KNOWN_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

secrets = st.integers(1, 2**200).map(lambda n: n.to_bytes(32, "big"))


def test_known_key_has_its_known_address() -> None:
    for key in (KNOWN_KEY, KNOWN_KEY[2:], bytes.fromhex(KNOWN_KEY[2:])):
        assert Account.from_key(key).address == KNOWN_ADDRESS
    assert Account.from_key(KNOWN_KEY) == Account.from_key(KNOWN_KEY[2:])
    assert KNOWN_KEY[2:] not in repr(Account.from_key(KNOWN_KEY))


@given(secrets, st.binary(max_size=50))
def test_signature_of_a_digest_equals_the_peers(secret: bytes, message: bytes) -> None:
    digest = keccak(message)
    peer = PeerAccount.unsafe_sign_hash(digest, secret)
    assert Account(secret).sign_hash(digest) == bytes(peer.signature)
    assert Account(secret).address == PeerAccount.from_key(secret).address


fields = st.fixed_dictionaries(
    {
        "nonce": st.integers(0, 2**32),
        "gas": st.integers(21_000, 2**32),
        "value": st.integers(0, 2**128),
        "data": st.binary(max_size=80),
        "to": st.sampled_from([OTHER, None]),
        "chainId": st.integers(1, 2**32),
    }
)
prices = st.one_of(
    st.fixed_dictionaries({"gasPrice": st.integers(0, 2**64)}),
    st.fixed_dictionaries(
        {"maxFeePerGas": st.integers(2**32, 2**64), "maxPriorityFeePerGas": st.integers(0, 2**32)}
    ),
)


@given(secrets, fields, prices)
def test_signed_transaction_equals_the_peers(
    secret: bytes, tx: dict[str, Any], price: dict[str, int]
) -> None:
    theirs = {key: value for key, value in {**tx, **price}.items() if value is not None}
    peer = PeerAccount.sign_transaction(theirs, secret)
    assert Account(secret).sign_transaction({**tx, **price}) == bytes(peer.raw_transaction)


def test_seeded_accounts_are_the_same_each_time_and_differ_by_seed() -> None:
    assert Account.create("miner") == Account.create("miner")
    assert Account.create("miner") != Account.create("validator")
    assert Account.create() != Account.create()


def test_keystore_is_private_and_opens_in_either_wallet(tmp_path: Path) -> None:
    account = Account.create("wallet owner")
    file = account.save(tmp_path / "keys" / "me.json", "correct horse", iterations=1000)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PeerAccount.decrypt(json.loads(file.read_text()), "correct horse") == account.key
    file.write_text(json.dumps(PeerAccount.encrypt(account.key, "staple", kdf="pbkdf2", iterations=1000)))
    assert Account.load(file, "staple") == account


def test_wrong_password_or_file_is_told_apart_from_a_key(tmp_path: Path) -> None:
    file = Account.create("owner").save(tmp_path / "me.json", "right", iterations=1000)
    with pytest.raises(BadInput, match="cannot be opened"):
        Account.load(file, "wrong")
    with pytest.raises(BadInput, match="cannot be read"):
        Account.load(tmp_path / "missing.json", "right")
    (tmp_path / "noise.json").write_text("{}")
    with pytest.raises(BadInput):
        Account.load(tmp_path / "noise.json", "right")


@pytest.mark.parametrize("key", ["", "0x12", "zz" * 32, b"short", bytes(32), b"\xff" * 32])
def test_what_is_no_key_is_refused(key: bytes | str) -> None:
    with pytest.raises(BadInput, match="not a private key"):
        Account.from_key(key)
