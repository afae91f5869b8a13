"""The thread's records: frozen, named by their hash, bound to their parents, decoded without surprises."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from typing import Any

import pytest
from coincurve import PrivateKey
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadRecord, BadSignature, WeftError
from weftwork.records import (
    KINDS,
    Closing,
    Domain,
    Domains,
    Payment,
    Receipt,
    Record,
    Request,
    Signed,
    Voucher,
    Weights,
    checksum_address,
    recover_signer,
    sign_digest,
)
from weftwork.units import ZERO, Digest, keccak

DOMAIN = Domain(31337, "0x" + "22" * 20)
KEY = PrivateKey((7).to_bytes(32, "big"))
SIGNER = checksum_address(keccak(KEY.public_key.format(False)[1:])[-20:])
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "address": st.binary(min_size=20, max_size=20).map(checksum_address),
    "bytes32": st.binary(min_size=32, max_size=32).map(Digest).filter(lambda digest: digest != ZERO),
    "bool": st.booleans(),
    **{f"uint{bits}": st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 64, 256)},
}


@st.composite
def records(draw: st.DrawFn, kind: str | None = None) -> Record:
    """A valid record of one kind, or of any."""
    cls = KINDS[kind or draw(st.sampled_from(sorted(KINDS)))]
    fields = {name: draw(VALUES[typ]) for name, typ in cls.fields if typ in VALUES}
    if cls is Request:
        fields["expiry"] = max(fields["time"], fields["expiry"])
    if "value" in fields:
        fields["value"] %= 1_000_001
    if cls is Closing:
        fields["payout"], fields["pot"] = sorted((fields["payout"], fields["pot"]))
    if cls is Weights:
        fields["uids"] = tuple(sorted(draw(st.sets(st.integers(0, 65_535), max_size=8))))
        fields["values"] = tuple(draw(st.integers(0, 65_535)) for _ in fields["uids"])
    return cls(**fields)


def typed_data(record: Record, domain: Domain) -> bytes:
    """What a wallet signs for the record, computed by eth-account from the field table alone."""
    types = {record.kind.capitalize(): [{"name": name, "type": typ} for name, typ in record.fields]}
    values = {name: getattr(record, name) for name, _ in record.fields}
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    names = {"name": domain.name, "version": domain.version, "chainId": domain.chain_id}
    message = encode_typed_data({**names, "verifyingContract": domain.contract}, types, values)
    assert message.header == domain.separator
    assert message.body == record.id
    return keccak(b"\x19" + message.version + message.header + message.body)


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(data=st.data())
def test_every_kind_hashes_as_every_wallet_hashes_it(kind: str, data: st.DataObject) -> None:
    record = data.draw(records(kind))
    assert record.digest(DOMAIN) == typed_data(record, DOMAIN)


@given(record=records())
def test_record_survives_json_and_copying(record: Record) -> None:
    text = json.dumps(record.to_json())
    assert record.to_text() == json.dumps(record.to_json(), separators=(",", ":"))
    assert Record.from_json(json.loads(text)) == record
    assert type(record).from_json(json.loads(text)).id == record.id
    assert copy.deepcopy(record).id == record.id
    assert pickle.loads(pickle.dumps(record)) == record
    assert hash(record) == hash(record.replace())


@given(record=records())
def test_signed_record_survives_json_and_names_its_signer(record: Record) -> None:
    signed = Signed(record, sign_digest(KEY, record.digest(DOMAIN)))
    assert signed.to_text() == json.dumps(signed.to_json(), separators=(",", ":"))
    again = Signed.from_json(json.loads(signed.to_text()))
    assert again == signed
    assert again.signer(DOMAIN) == SIGNER
    assert again.require_signer(DOMAIN, SIGNER.lower()) is again


@given(record=records(), data=st.data())
def test_one_byte_changed_anywhere_is_refused(record: Record, data: st.DataObject) -> None:
    text = json.dumps(Signed(record, sign_digest(KEY, record.digest(DOMAIN))).to_json())
    place = data.draw(st.integers(0, len(text) - 1))
    byte = data.draw(st.characters(codec="ascii"))
    changed = text[:place] + byte + text[place + 1 :]
    try:
        value = json.loads(changed)
    except ValueError:
        return
    if value == json.loads(text):
        return
    try:
        signed: Signed[Any] = Signed.from_json(value)
    except WeftError:
        return
    if (
        signed.record == record
    ):  # a signature of other bytes, or another spelling of a number, digest or address
        with_same_bytes = signed.signature == Signed.from_json(json.loads(text)).signature
        assert with_same_bytes or not _signed_by(signed, SIGNER)
    else:
        assert "id" not in value  # the id was the byte that changed: then the signature decides
        assert not _signed_by(signed, SIGNER)


def _signed_by(signed: Signed[Any], address: str) -> bool:
    try:
        signed.require_signer(DOMAIN, address)
    except BadSignature:
        return False
    return True


@given(record=records(), data=st.data())
def test_any_changed_field_changes_the_id(record: Record, data: st.DataObject) -> None:
    name, typ = data.draw(st.sampled_from([pair for pair in record.fields if pair[1] in VALUES]))
    value = data.draw(VALUES[typ])
    try:
        other = record.replace(**{name: value})
    except BadRecord:
        return
    assert (other.id == record.id) == (other == record)


def test_signature_is_bound_to_chain_and_contract() -> None:
    record = Voucher(Digest(b"1" * 32), 5, Digest(b"2" * 32))
    signed = Signed(record, sign_digest(KEY, record.digest(DOMAIN)))
    for other in (
        Domain(1, DOMAIN.contract),
        Domain(31337, "0x" + "33" * 20),
        Domain(31337, DOMAIN.contract, version="2"),
        Domain(31337, DOMAIN.contract, name="Other"),
    ):
        with pytest.raises(BadSignature, match="was signed by"):
            signed.require_signer(other, SIGNER)


def test_each_kind_is_bound_to_its_contract() -> None:
    one, two, three = ("0x" + digit * 40 for digit in "123")
    domains = Domains(5, one, two, three)
    found = {kind: domains.of(kind).contract for kind in KINDS}
    assert found.pop("voucher") == two
    assert found.pop("closing") == three
    assert set(found.values()) == {one}
    assert domains.of("voucher") is domains.of("voucher")


@given(digest=st.binary(min_size=32, max_size=32))
def test_malleable_signature_is_refused(digest: bytes) -> None:
    raw = sign_digest(KEY, digest)
    assert recover_signer(digest, raw) == SIGNER
    high = ORDER - int.from_bytes(raw[32:64], "big")
    twin = raw[:32] + high.to_bytes(32, "big") + bytes([55 - raw[64]])
    with pytest.raises(BadSignature):
        recover_signer(digest, twin)
    for v in (0, 1, 26, 29, 255):
        with pytest.raises(BadSignature):
            recover_signer(digest, raw[:64] + bytes([v]))


@given(digest=st.binary(min_size=32, max_size=32), raw=st.binary(min_size=65, max_size=65))
def test_any_bytes_are_a_signature_or_are_refused(digest: bytes, raw: bytes) -> None:
    try:
        assert recover_signer(digest, raw) != SIGNER
    except BadSignature:
        return


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=70)
    | st.sampled_from([1, -1]).map(lambda sign: sign * 10**5000)
    | st.sampled_from(["9" * 5000, "0x" + "11 " * 14, "0x" + "ab" * 32, "\ud800", b"\xff"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@given(value=JSON)
def test_decoder_takes_any_json_and_raises_nothing_but_its_own_errors(value: Any) -> None:
    for decode in (Record.from_json, Signed.from_json, Receipt.from_json):
        with pytest.raises(WeftError):
            decode(value)


@given(record=records(), data=st.data())
def test_decoder_of_a_damaged_record_raises_nothing_but_its_own_errors(
    record: Record, data: st.DataObject
) -> None:
    value = Signed(record, sign_digest(KEY, record.digest(DOMAIN))).to_json()
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(value)) | st.text(max_size=5))
        if data.draw(st.booleans()):
            value.pop(name, None)
        else:
            value[name] = data.draw(JSON)
    try:
        signed = Signed.from_json(value)
    except WeftError as caught:
        error: WeftError | None = caught
    else:
        error = None
        assert Signed.from_json(signed.to_json()) == signed
    assert error is None or json.dumps(error.to_json())


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"subnet": -1}, "subnet"),
        ({"subnet": 2**64}, "subnet"),
        ({"subnet": 1.0}, "subnet"),
        ({"subnet": True}, "subnet"),
        ({"subnet": "1.0"}, "subnet"),
        ({"subnet": "-1"}, "subnet"),
        ({"subnet": None}, "subnet"),
        pytest.param({"subnet": 10**5000}, "subnet", id="endless"),
        ({"requester": "0x12"}, "address"),
        ({"requester": 7}, "requester"),
        ({"requester": "0x" + "1 " * 20}, "address"),
        ({"requester": "22" * 20}, "requester"),
        ({"content": "0x" + "g" * 64}, "content"),
        ({"content": "0x" + "ab " * 32}, "content"),
        ({"content": b"short"}, "content"),
        ({"nonce": [1]}, "nonce"),
        ({"expiry": 1}, "expires"),
    ],
)
def test_wrong_field_is_named(changes: dict[str, Any], name: str) -> None:
    good = Request(SIGNER, 1, Digest(b"1" * 32), 5, 100, 200, Digest(b"2" * 32))
    with pytest.raises(BadRecord, match=name):
        good.replace(**changes)
    with pytest.raises(BadRecord, match=name):
        Record.from_json({**good.to_json(), **changes})


def test_missing_and_unknown_fields_are_named() -> None:
    good = Voucher(Digest(b"1" * 32), 5, Digest(b"2" * 32)).to_json()
    with pytest.raises(BadRecord, match="lacks cumulative"):
        Record.from_json({name: value for name, value in good.items() if name != "cumulative"})
    with pytest.raises(BadRecord, match="no field 'memo'"):
        Record.from_json({**good, "memo": "x"})
    with pytest.raises(BadRecord, match="no kind"):
        Receipt.from_json(good)
    with pytest.raises(BadRecord, match="not signed"):
        Signed.from_json(good)


def test_money_of_any_size_passes_through_json_whole() -> None:
    record = Voucher(Digest(b"1" * 32), 2**256 - 1, Digest(b"2" * 32))
    assert record.to_json()["cumulative"] == str(2**256 - 1)
    assert Record.from_json(record.to_json()) == record


@pytest.mark.parametrize("kind", ["receipt", "voucher", "score", "weights", "payment"])
@given(data=st.data())
def test_record_without_its_parent_cannot_be_made(kind: str, data: st.DataObject) -> None:
    record = data.draw(records(kind))
    assert record.parents
    for name in record.parent_fields:
        with pytest.raises(BadRecord, match="needs its parent"):
            record.replace(**{name: ZERO})


def test_rules_of_the_kinds_hold() -> None:
    closing = Closing(1, 2, *[Digest(b"1" * 32)] * 4, 10, 10, Digest(b"1" * 32))
    with pytest.raises(BadRecord, match="more than the pot"):
        closing.replace(payout=11)
    weights = Weights(SIGNER, 1, 2, (0, 3), (1, 2), Digest(b"1" * 32))
    with pytest.raises(BadRecord, match="a value for each uid"):
        weights.replace(values=(1,))
    for uids in ((3, 0), (3, 3)):
        with pytest.raises(BadRecord, match="ascend"):
            weights.replace(uids=uids)
    with pytest.raises(BadRecord, match="whole number"):
        weights.replace(uids=(0, 70_000))


def test_record_is_frozen() -> None:
    payment = Payment(Digest(b"1" * 32), 0, 1, 2, SIGNER, 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        payment.amount = 4  # type: ignore[misc]


def test_addresses_are_spelled_as_eip55_spells_them() -> None:
    for address in (
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ):
        assert checksum_address(address.lower()) == address
        assert checksum_address(bytes.fromhex(address[2:])) == address
