"""A price is what most fresh feeders agree on; a stale or wild feed prices nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadConfig, Refused
from weftwork.spec.price import PriceRules, Report, find_price, median

NOW = 1_000_000
RULES = PriceRules(quorum=3, max_age=600, outlier_bps=500)


def fresh(*prices):
    return [Report(price, NOW) for price in prices]


def test_the_median_of_agreeing_feeders_is_the_price():
    assert find_price(fresh(100_000, 101_000, 102_000), NOW, RULES) == 101_000
    assert find_price(fresh(100_000, 101_001, 102_000, 100_500), NOW, RULES) == 100_750


def test_a_wild_feeder_among_enough_honest_ones_moves_nothing():
    assert find_price(fresh(100_000, 101_000, 102_000, 9_999_999), NOW, RULES) == 101_000


def test_feeders_that_disagree_price_nothing():
    with pytest.raises(Refused, match="prices: feeders disagree"):
        find_price(fresh(100_000, 200_000, 300_000), NOW, RULES)


def test_old_reports_do_not_count():
    reports = [*fresh(100_000, 101_000), Report(100_000, NOW - 601)]
    with pytest.raises(Refused, match="prices: feed is stale"):
        find_price(reports, NOW, RULES)
    assert find_price([*reports, Report(100_000, NOW - 600)], NOW, RULES) == 100_000


@given(
    honest=st.lists(st.integers(98_000, 102_000), min_size=5, max_size=8),
    wild=st.lists(st.integers(1, 2**100), max_size=4),
)
def test_a_minority_never_moves_the_price_out_of_what_the_honest_said(honest, wild):
    try:
        price = find_price(fresh(*honest, *wild), NOW, RULES)
    except Refused:
        return
    assert min(honest) <= price <= max(honest)


@given(st.lists(st.integers(0, 10**30), min_size=1, max_size=15))
def test_at_most_half_lies_on_either_side_of_the_median(prices):
    middle = median(prices)
    assert 2 * sum(price > middle for price in prices) <= len(prices)
    assert 2 * sum(price < middle for price in prices) <= len(prices)


def test_rules_that_price_with_nobody_are_refused():
    for given_ in ({"quorum": 0}, {"quorum": 16}, {"max_age": 0}, {"outlier_bps": 0}):
        with pytest.raises(BadConfig):
            PriceRules(**given_)
