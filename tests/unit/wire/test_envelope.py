"""A signed call is taken once, by the one it is for, unchanged and in time."""

from __future__ import annotations

from typing import Any

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadSignature, Busy, Refused, Replayed, WeftError
from weftwork.records import Domain, checksum_address, sign_digest
from weftwork.units import keccak
from weftwork.wire.envelope import HEADER, Call, ReplayCache, check_call, sign_call

NOW = 1_700_000_000
DOMAIN = Domain(31337, "0x" + "22" * 20)


class Validator:
    """A key that signs."""

    def __init__(self, number: int) -> None:
        self._key = PrivateKey(number.to_bytes(32, "big"))
        self.address = checksum_address(keccak(self._key.public_key.format(False)[1:])[-20:])

    def sign_hash(self, digest: bytes) -> bytes:
        return sign_digest(self._key, digest)


ALICE, BOB = Validator(1), Validator(2)


def check(headers: dict[str, str], **changes: Any) -> str:
    given = {
        "method": "POST", "path": "/v1/closing?epoch=3", "body": b"{}", "own": BOB.address, "domain": DOMAIN,
        "seen": ReplayCache(), "now": NOW, **changes,
    }  # fmt: skip
    return check_call(headers, **given)


def sign(**changes: Any) -> dict[str, str]:
    given = {
        "method": "POST", "path": "/v1/closing?epoch=3", "body": b"{}", "to": BOB.address, "domain": DOMAIN,
        "now": NOW, **changes,
    }  # fmt: skip
    return sign_call(ALICE, **given)


def test_validator_is_known_by_its_call() -> None:
    assert check(sign()) == ALICE.address


def test_call_hashes_as_every_wallet_hashes_it() -> None:
    from eth_account.messages import _hash_eip191_message, encode_typed_data

    call = Call("POST", "/v1/closing", b'{"a":1}', BOB.address, NOW, bytes(range(32)))
    fields = "string method,string path,bytes32 body,address to,uint64 expiry,bytes32 nonce"
    types = {
        "Call": [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in fields.split(",")]
    }
    domain = {"name": "Weftwork", "version": "1", "chainId": 31337, "verifyingContract": DOMAIN.contract}
    message = {
        "method": call.method, "path": call.path, "body": keccak(call.body), "to": call.to, "expiry": NOW,
        "nonce": call.nonce,
    }  # fmt: skip
    assert call.digest(DOMAIN) == _hash_eip191_message(encode_typed_data(domain, types, message))


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"path": "/v1/closing?epoch=4"},
        {"body": b"{ }"},
        {"domain": Domain(1, DOMAIN.contract)},
    ],
)
def test_changed_call_is_not_its_signers(change: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        check(sign(), allowed=lambda signer: signer == ALICE.address, **change)


def test_call_for_another_role_is_refused() -> None:
    with pytest.raises(BadSignature):
        check(sign(to=ALICE.address))


def test_call_is_taken_once() -> None:
    seen, headers = ReplayCache(), sign()
    check(headers, seen=seen)
    with pytest.raises(Replayed):
        check(headers, seen=seen)


def test_call_is_taken_in_time() -> None:
    assert check(sign(lifetime=60), now=NOW + 60)
    with pytest.raises(Replayed):
        check(sign(lifetime=60), now=NOW + 61)
    with pytest.raises(Replayed):
        check(sign(lifetime=301))


def test_stranger_leaves_no_trace_in_the_cache() -> None:
    seen = ReplayCache()
    with pytest.raises(Refused):
        check(sign(), seen=seen, allowed=lambda _: False)
    assert len(seen) == 0


def test_cache_is_bounded_and_never_forgets_a_live_call() -> None:
    seen = ReplayCache(limit=4, per_signer=3)
    first = sign()
    check(first, seen=seen)
    for _ in range(2):
        check(sign(), seen=seen)
    with pytest.raises(Busy):
        check(sign(), seen=seen)
    with pytest.raises(Replayed):
        check(first, seen=seen)
    later = NOW + 61
    assert check(sign(now=later), seen=seen, now=later)
    assert len(seen) == 1


@given(
    st.text(max_size=300)
    | st.lists(st.text(st.sampled_from("0123456789abcdefx"), max_size=140)).map(" ".join)
)
def test_any_header_is_refused_with_a_clear_error(text: str) -> None:
    with pytest.raises(WeftError):
        check({HEADER: text})
    with pytest.raises(WeftError):
        check({})


def test_malleable_signature_is_refused() -> None:
    to, expiry, nonce, signature = sign()[HEADER].split(" ")
    raw = bytes.fromhex(signature)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = (order - int.from_bytes(raw[32:64], "big")).to_bytes(32, "big")
    other = raw[:32] + high + bytes([55 - raw[64]])
    with pytest.raises(BadSignature):
        check({HEADER: f"{to} {expiry} {nonce} {other.hex()}"})
