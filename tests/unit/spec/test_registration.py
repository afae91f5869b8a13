"""A place gets dearer with each buyer and cheaper with time; a full subnet lets the least useful go."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadConfig, DeadlinePassed, PriceExceeded, SubnetFull
from weftwork.spec.fixed import HALF, ONE
from weftwork.spec.registration import (
    Tenant,
    bump_price,
    check_purchase,
    decay_each_block,
    decay_factor,
    decay_price,
    find_victim,
    is_immune,
    lock_cost,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "medians_and_money.json").read_text())[
    "vectors"
]
BURN = next(row for row in VECTORS if row["id"] == "burn_price")
PRICES = st.integers(0, 10**24)
FAR = 10**30


@pytest.mark.parametrize("row", BURN["cases"])
def test_burn_price_moves_as_published(row):
    if "mult" in row:
        assert bump_price(row["burn"], FAR, bump=row["mult"] * 10**6) == row["after_registration"]
    else:
        assert decay_price(row["burn"], 1, 0, FAR, row["half_life"]) == row["after_one_block"]
        assert decay_each_block(row["burn"], 1, 0, FAR, row["half_life"]) == row["after_one_block"]


def test_defaults_are_the_published_ones():
    defaults = BURN["defaults"]
    assert bump_price(10**9, FAR) == int(defaults["mult"] * 10**9)
    assert decay_price(10**9, defaults["half_life_blocks"], 500_000, 100 * 10**9) == 5 * 10**8
    assert decay_price(10**9, 10**6, 500_000, 100 * 10**9) == 500_000
    assert bump_price(99 * 10**9, 100 * 10**9) == 100 * 10**9


@given(PRICES, st.integers(1, 5000), st.integers(0, 50_000))
def test_a_price_only_falls_while_nobody_registers(price, half_life, elapsed):
    now = decay_price(price, elapsed, 0, FAR, half_life)
    later = decay_price(price, elapsed + 1, 0, FAR, half_life)
    assert 0 <= later <= now <= price
    assert decay_price(price, elapsed + half_life, 0, FAR, half_life) <= now // 2 + 1


@given(st.integers(10**6, 10**24), st.integers(1, 2000), st.integers(0, 6000))
def test_the_straight_line_stays_within_seven_per_cent_of_the_exact_curve(price, half_life, elapsed):
    exact = price * 2 ** (-elapsed / half_life)
    assert decay_price(price, elapsed, 0, FAR, half_life) <= exact * 1.0616 + 2
    assert decay_price(price, elapsed, 0, FAR, half_life) >= exact * 0.9999 - 8


@pytest.mark.parametrize("half_life", [1, 2, 7, 360, 1000, 36_100])
def test_the_block_factor_halves_in_a_half_life(half_life):
    factor = decay_factor(half_life)
    assert factor < ONE
    assert abs((factor / ONE) ** half_life - HALF / ONE) < 1e-4
    assert decay_factor(0) == ONE


def test_a_half_life_of_nothing_is_refused():
    with pytest.raises(BadConfig):
        decay_price(1, 1, 0, 1, 0)


def test_a_buyer_pays_at_most_his_maximum_and_not_after_his_deadline():
    assert check_purchase(100, max_price=100, now=50, deadline=50) == 100
    with pytest.raises(PriceExceeded, match="more than the maximum of 99"):
        check_purchase(100, max_price=99, now=50, deadline=50)
    with pytest.raises(DeadlinePassed, match="1 seconds ago"):
        check_purchase(100, max_price=100, now=51, deadline=50)


def test_a_subnet_lock_doubles_and_falls_back_in_a_straight_line():
    assert lock_cost(1000, 0, 100, 10) == 2000
    assert lock_cost(1000, 50, 100, 10) == 1500
    assert lock_cost(1000, 200, 100, 10) == 10
    assert lock_cost(1000, 10**9, 100, 10) == 10


@given(PRICES, st.integers(0, 10**6), st.integers(1, 10**5), PRICES)
def test_a_lock_never_costs_less_than_the_minimum(last, elapsed, interval, minimum):
    cost = lock_cost(last, elapsed, interval, minimum)
    assert minimum <= cost <= max(minimum, 2 * last)
    assert lock_cost(last, elapsed + 1, interval, minimum) <= cost


def settled(uid, emission, born=0, **marks):
    return Tenant(uid, emission, born, **marks)


def test_the_lowest_paid_goes_ties_to_the_oldest_then_the_lowest_uid():
    crowd = [settled(uid, 100, uid) for uid in range(12)]
    assert find_victim([*crowd, settled(12, 5, 30), settled(13, 5, 20), settled(14, 5, 20)], 10, 1000) == 13


def test_a_free_place_is_taken_before_anybody_goes():
    crowd = [settled(uid, 0) for uid in range(12)]
    assert find_victim([*crowd, settled(12, 99, free=True)], 10, 1000) == 12


def test_a_newcomer_is_immune_while_enough_others_could_go():
    crowd = [settled(uid, 100) for uid in range(11)]
    assert find_victim([*crowd, settled(11, 0, born=995)], 10, 1000) == 0
    assert find_victim([*crowd[:10], settled(11, 0, born=995)], 10, 1000) == 11
    assert is_immune(995, 10, 1004)
    assert not is_immune(995, 10, 1005)


def test_protected_seats_never_go():
    crowd = [settled(uid, 0, protected=True) for uid in range(5)]
    assert find_victim([*crowd, settled(5, 10**9)], 10, 1000) == 5
    with pytest.raises(SubnetFull):
        find_victim(crowd, 10, 1000)
