"""One signature stands for many records, each of which can be checked without the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.batch import BATCH_TYPE, MAX_DEPTH, is_signature, sign_batch, signed_digest
from weftwork.errors import BadSignature, WeftError
from weftwork.ledger.key import Account
from weftwork.records import Domains, Record, Request, Signed, Voucher
from weftwork.spec.merkle import hash_pair, merkle_proof, merkle_root
from weftwork.units import ZERO, Digest, keccak

DOMAINS = Domains(31337, *("0x" + digit * 40 for digit in "123"))
DOMAIN = DOMAINS.of("request")
WORKER, FORGER = Account.create("worker"), Account.create("forger")


def request(number: int) -> Request:
    return Request(WORKER.address, 1, Digest(keccak(b"%d" % number)), 10, 5, 9, ZERO)


def sign(records: list[Request], account: Account = WORKER) -> list[Signed[Request]]:
    names = [record.id for record in records]
    found = sign_batch(account.sign_hash, DOMAIN.separator, names)
    return [Signed(record, signature) for record, signature in zip(records, found, strict=True)]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 33, 64, 100])
def test_each_record_of_a_batch_proves_who_signed_it(count: int) -> None:
    batch = sign([request(i) for i in range(count)])
    assert {one.signer(DOMAIN) for one in batch} == {WORKER.address}
    assert len({one.signature[:65] for one in batch}) == 1, "one signature for all"
    assert len({one.signature for one in batch}) == (count if count > 1 else 1)


def test_what_is_signed_is_the_root_that_the_spec_gives() -> None:
    records = [request(i) for i in range(13)]
    leaves = [keccak(b"\0" + record.id) for record in records]
    root = keccak(b"\x19\x01" + DOMAIN.separator + keccak(BATCH_TYPE + merkle_root(leaves)))
    for place, one in enumerate(sign(records)):
        path = b"".join(merkle_proof(leaves, place))
        assert one.signature[65:] == place.to_bytes(2, "big") + path
        assert signed_digest(DOMAIN.separator, one.id, one.signature) == root


def test_a_record_alone_is_signed_as_ever() -> None:
    one = sign([request(1)])[0]
    assert one.signature == WORKER.sign_hash(one.record.digest(DOMAIN))


@given(st.integers(0, 6), st.integers(67, 67 + 3 * 32 - 1), st.integers(1, 255))
def test_a_path_changed_by_one_byte_proves_nothing(place: int, at: int, flip: int) -> None:
    one = sign([request(i) for i in range(7)])[place]
    raw = bytearray(one.signature)
    raw[at] ^= flip
    with pytest.raises(BadSignature):
        Signed(one.record, bytes(raw)).require_signer(DOMAIN, WORKER.address)


def test_a_record_outside_of_the_batch_is_not_signed_by_it() -> None:
    one, other = sign([request(1), request(2)])
    for record, signature in (
        (request(3), one.signature),
        (one.record, other.signature),
        (one.record.replace(max_price=11), one.signature),
    ):
        with pytest.raises(BadSignature):
            Signed(record, signature).require_signer(DOMAIN, WORKER.address)


def test_an_inner_node_is_no_record() -> None:
    leaves = [keccak(b"\0" + request(i).id) for i in range(4)]
    node = hash_pair(leaves[0], leaves[1])
    forged = sign([request(i) for i in range(4)])[0].signature
    shorter = forged[:65] + b"\0\0" + forged[99:]
    digest = signed_digest(DOMAIN.separator, node, shorter)
    assert digest != signed_digest(DOMAIN.separator, request(0).id, forged)


def test_a_place_outside_of_the_batch_is_refused() -> None:
    one = sign([request(i) for i in range(4)])[1]
    for place in (4, 5, 0xFFFF):
        raw = one.signature[:65] + place.to_bytes(2, "big") + one.signature[67:]
        with pytest.raises(BadSignature):
            Signed(one.record, raw).signer(DOMAIN)


def test_a_batch_of_another_domain_or_signer_does_not_count() -> None:
    one = sign([request(i) for i in range(3)], FORGER)[0]
    with pytest.raises(BadSignature):
        one.require_signer(DOMAIN, WORKER.address)
    elsewhere = replace(DOMAIN, chain_id=1)
    assert sign([request(i) for i in range(3)])[0].signer(elsewhere) != WORKER.address


def test_a_voucher_is_never_signed_in_a_batch() -> None:
    """A contract takes 65 bytes: whoever took such a voucher could not claim it."""
    vouchers = [Voucher(Digest(keccak(b"c")), i, Digest(keccak(b"r"))) for i in (1, 2)]
    for voucher, signature in zip(
        vouchers,
        sign_batch(WORKER.sign_hash, DOMAINS.of("voucher").separator, [v.id for v in vouchers]),
        strict=True,
    ):
        with pytest.raises(BadSignature, match="65 bytes"):
            Signed(voucher, signature)
        told = {**voucher.to_json(), "signature": "0x" + signature.hex()}
        with pytest.raises(BadSignature, match="65 bytes"):
            Signed.from_json(told)


def test_a_record_of_a_batch_survives_its_json() -> None:
    for one in sign([request(i) for i in range(9)]):
        again = Signed.from_json(one.to_json())
        assert again == one
        assert isinstance(again.record, Record)
        assert again.signer(DOMAIN) == WORKER.address


@given(st.binary(max_size=65 + 2 + 32 * (MAX_DEPTH + 2)))
def test_bytes_of_any_length_are_a_signature_or_a_typed_error(raw: bytes) -> None:
    try:
        Signed(request(1), raw).signer(DOMAIN)
    except WeftError:
        return
    assert is_signature(raw)


def test_too_many_records_are_refused_before_anything_is_signed() -> None:
    with pytest.raises(BadSignature, match="too many"):
        sign_batch(lambda digest: pytest.fail("signed"), DOMAIN.separator, [bytes(32)] * (2**MAX_DEPTH + 1))
