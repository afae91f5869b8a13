"""A role's card on chain is read back as it was written, and a stranger's is read with care."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadInput, NotSupported, PrivateAddress, WeftError
from weftwork.models.registration import Registration, fetch_registration
from weftwork.units import Digest
from weftwork.wire.client import Client

CARD = Registration(
    "miner", "http://127.0.0.1:9000", "m", 3, "weft-intent", Digest(b"\5" * 32), 10**12, 3 * 10**12
)


def test_card_of_a_miner_survives_its_uri() -> None:
    assert Registration.from_uri(CARD.to_uri()) == CARD
    gateway = Registration("gateway", "https://example.org/weft", "g")
    assert Registration.from_uri(gateway.to_uri()) == gateway


def test_card_is_an_erc_8004_file() -> None:
    file = CARD.to_json()
    assert file["type"] == "https://eips.ethereum.org/EIPS/eip-8004#registration-v1"
    assert file["services"] == [{"name": "weft-miner", "endpoint": "http://127.0.0.1:9000"}]


@pytest.mark.parametrize(
    "change",
    [
        {"services": []},
        {"services": None},
        {"services": [{"name": "web", "endpoint": "http://x"}]},
        {"services": [{"name": "weft-miner", "endpoint": 7}]},
        {"services": [{"name": "weft-miner", "endpoint": "ftp://x"}]},
        {"services": [{"name": "weft-miner", "endpoint": "http://user:key@x"}]},
        {"services": [{"name": "weft-miner", "endpoint": "http://[::1"}]},
        {"services": [{"name": "weft-miner", "endpoint": "http://x:99999"}]},
        {"services": [{"name": "weft-miner", "endpoint": "http://" + "x" * 600}]},
        {"active": False},
        {"weft": {"price": {"input": "-1"}}},
        {"weft": {"price": {"input": 1.5}}},
        {"weft": {"price": {"input": "9" * 39}}},
        {"weft": {"engine": "0x12"}},
        {"weft": {"model": "m" * 300}},
        {"weft": {"model": 7}},
    ],
)
def test_card_that_is_wrong_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Registration.from_json({**CARD.to_json(), **change})


def test_uri_that_is_broken_large_or_elsewhere_is_refused() -> None:
    for uri in (
        "data:application/json;base64,%%%",
        "data:application/json,{",
        "data:application/json;base64,",
    ):
        with pytest.raises(BadInput):
            Registration.from_uri(uri)
    with pytest.raises(BadInput):
        Registration.from_uri("data:application/json;base64," + b64encode(b" " * 60_000).decode())
    for uri in ("ipfs://x", "http://example.org/a.json", ""):
        with pytest.raises(NotSupported):
            Registration.from_uri(uri)


async def test_card_that_points_inside_is_not_fetched() -> None:
    client = Client(timeout=2)
    with pytest.raises((PrivateAddress, BadInput)):
        await fetch_registration("https://127.0.0.1:1/a.json", client)
    await client.close()


_VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=9) | st.floats(allow_nan=False),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=9), x, max_size=3),
)


@given(st.sampled_from([*CARD.to_json()]), _VALUES)
def test_any_file_is_read_or_refused(name: str, value: Any) -> None:
    uri = (
        "data:application/json;base64,"
        + b64encode(json.dumps({**CARD.to_json(), name: value}).encode()).decode()
    )
    try:
        Registration.from_uri(uri)
    except WeftError as error:
        assert error.sentence  # noqa: PT017
