"""API keys: accounts with caps that concurrent calls cannot pass together."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weftwork.errors import BadInput, BadKey, CapReached, NotFound
from weftwork.models.gateway.key import KeyRing
from weftwork.store import Store


@pytest.fixture
def ring():
    with Store() as store:
        yield KeyRing(store, lambda: 1_000.0)


def test_a_key_opens_its_account_and_no_other(ring):
    secret, key = ring.create("alice", cap=100)
    other, _ = ring.create("bob")
    assert ring.find(f"Bearer {secret}") is key
    assert ring.find(f"bearer {secret}") is key
    assert ring.find(f"Bearer {other}") is not key
    for wrong in (None, "", secret, "Bearer", "Bearer wk-nothing", f"Basic {secret}", f"Bearer {key.hash}"):
        with pytest.raises(BadKey):
            ring.find(wrong)


def test_a_revoked_key_opens_nothing_from_then_on(ring):
    secret, key = ring.create("alice")
    ring.find(f"Bearer {secret}")
    ring.change(key.id, revoked=True)
    with pytest.raises(BadKey, match="revoked"):
        ring.find(f"Bearer {secret}")


def test_concurrent_calls_cannot_overspend_together(ring):
    _, key = ring.create(cap=100)
    ring.reserve(key, 60)
    with pytest.raises(CapReached):
        ring.reserve(key, 60)
    ring.settle(key, 60, 10, "m", 3, 4)
    ring.reserve(key, 90)
    assert (key.spent, key.reserved) == (10, 90)


def test_usage_and_spending_survive_the_gateway_and_the_secret_is_not_on_disk(tmp_path):
    path = tmp_path / "gateway.db"
    with Store(path) as store:
        ring = KeyRing(store, lambda: 5.0)
        secret, key = ring.create("alice", cap=10**30)
        ring.reserve(key, 50)
        ring.settle(key, 50, 7 * 10**20, "weft-intent", 11, 12)
    with Store(path) as store:
        again = KeyRing(store, lambda: 9.0).find(f"Bearer {secret}")
        assert (again.spent, again.reserved, again.cap) == (7 * 10**20, 0, 10**30)
        assert again.to_json()["usage"]["weft-intent"]["output_tokens"] == 12
    assert all(secret.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_bad_accounts_are_refused(ring):
    for name, cap in ((5, None), ("x" * 201, None), ("x", -1), ("x", 1.5), ("x", True)):
        with pytest.raises(BadInput):
            ring.create(name, cap)
    with pytest.raises(NotFound):
        ring.get("key_none")


@given(st.integers(0, 50), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=20))
@settings(max_examples=50)
def test_no_order_of_calls_passes_the_cap(cap, calls):
    with Store() as store:
        ring = KeyRing(store, lambda: 0.0)
        _, key = ring.create(cap=cap)
        held = []
        for quote, cost in calls:
            try:
                ring.reserve(key, quote)
            except CapReached:
                if held:
                    ring.settle(key, *held.pop(0), "m")
            else:
                held.append((quote, min(quote, cost)))
            assert key.spent + key.reserved <= cap
