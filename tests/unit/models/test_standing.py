"""A validator's opinion of miners follows their scores, and its weights follow its opinion."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.closing.chance import PPM, derive_secret, is_sampled, poisson_gaps
from weftwork.closing.standing import Standing
from weftwork.errors import BadInput
from weftwork.ledger.key import Account
from weftwork.models.probe import Doors


def test_better_miner_weighs_more_and_a_useless_one_nothing() -> None:
    standing = Standing()
    for _ in range(10):
        standing.add(1, "good", 1_000_000)
        standing.add(2, "fair", 500_000)
        standing.add(3, "bad", 0)
    weights = standing.weights()
    assert weights[1] == 65_535
    assert weights[2] == pytest.approx(65_535 / 4, abs=2)
    assert 3 not in weights


def test_newcomer_with_one_lucky_answer_does_not_outweigh_a_long_record() -> None:
    standing = Standing()
    for _ in range(20):
        standing.add(1, "old", 950_000)
    standing.add(2, "new", 1_000_000)
    assert standing.weights()[2] < standing.weights()[1]


def test_miner_that_falls_silent_fades() -> None:
    standing = Standing()
    for _ in range(5):
        standing.add(1, "silent", 1_000_000)
        standing.add(2, "there", 1_000_000)
    standing.rest()
    for _ in range(3):
        standing.add(2, "there", 1_000_000)
        standing.rest()
    assert standing.table()[2] == 1_000_000
    assert standing.table()[1] < 500_000


def test_uid_that_another_wallet_took_over_starts_anew() -> None:
    standing = Standing()
    for _ in range(5):
        standing.add(1, "old", 1_000_000)
    standing.add(1, "new", 0)
    assert standing.table()[1] == 0
    standing.prune([])
    assert standing.table() == {}


def test_recent_scores_count_more_once_the_record_is_long() -> None:
    standing = Standing()
    for _ in range(100):
        standing.add(1, "w", 0)
    for _ in range(60):
        standing.add(1, "w", 1_000_000)
    assert standing.table()[1] > 900_000


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1_000_000)), max_size=60))
def test_weights_are_u16_with_the_best_at_the_top(scores: list[tuple[int, int]]) -> None:
    standing = Standing()
    for uid, value in scores:
        standing.add(uid, str(uid), value)
    weights = standing.weights(without=[5])
    assert 5 not in weights
    assert list(weights) == sorted(weights)
    assert all(0 < value <= 65_535 for value in weights.values())
    if weights:
        assert max(weights.values()) == 65_535
    again = Standing()
    again.load(standing.to_json())
    assert again.weights(without=[5]) == weights


def test_score_beyond_its_range_is_refused() -> None:
    with pytest.raises(BadInput):
        Standing().add(1, "w", 1_000_001)


# Chance


def test_sampling_key_draws_about_the_share_that_it_should() -> None:
    key = b"k" * 32
    receipts = [i.to_bytes(32, "big") for i in range(4000)]
    drawn = sum(is_sampled(key, receipt, PPM // 4) for receipt in receipts)
    assert 900 < drawn < 1100
    assert all(is_sampled(key, receipt, PPM) for receipt in receipts[:100])
    assert not any(is_sampled(key, receipt, 0) for receipt in receipts[:100])


def test_questions_come_at_chance_times_at_the_rate_asked_for() -> None:
    gaps = poisson_gaps(Random(1), 2.0)
    row = [next(gaps) for _ in range(4000)]
    mean = sum(row) / len(row)
    spread = sum((gap - mean) ** 2 for gap in row) / len(row)
    assert mean == pytest.approx(0.5, rel=0.06)
    assert spread == pytest.approx(mean**2, rel=0.15), "exponential gaps"


def test_secrets_are_the_keys_own_and_the_same_each_time() -> None:
    ada, bob = Account.create("ada"), Account.create("bob")
    assert derive_secret(ada, b"salt", 1, 2) == derive_secret(ada, b"salt", 1, 2)
    assert len({derive_secret(ada, b"salt", 1, n) for n in range(9)}) == 9
    assert derive_secret(ada, b"salt", 1) != derive_secret(bob, b"salt", 1)
    assert derive_secret(ada, b"a", b"b") != derive_secret(ada, b"ab")


async def test_payer_keys_change_after_some_uses_and_every_gateway_is_asked() -> None:
    class Door:
        def __init__(self, url: str) -> None:
            self.url, self.paid = url, 0

        async def ask(self, question: Any) -> Any:
            raise AssertionError

        async def pay(self) -> int:
            self.paid += 1
            return 0

    made: list[Door] = []

    async def make(url: str) -> Door:
        made.append(Door(url))
        return made[-1]

    first = [Door("http://north"), Door("http://south")]
    doors = Doors(first, Random(3), make=make, uses=(3, 6))
    picked = [await doors.pick() for _ in range(60)]
    assert {door.url for door in picked} == {"http://north", "http://south"}
    assert len(made) >= 8
    assert all(door.paid == 1 for door in first), "what a key owes is paid before it is laid aside"
    assert all(picked.count(door) <= 6 for door in set(picked))
