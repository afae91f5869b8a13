"""What the network keeps of a provider's income, and who gets it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadConfig, Refused
from weftwork.spec.take import NETWORK, PRESETS, Split, Take, find_preset, split_income, take_fee


@pytest.mark.parametrize(
    ("preset", "network", "stable"), [("akash-2.0", 1_000, 2_000), ("akash-4-20", 400, 2_000), ("none", 0, 0)]
)
def test_each_preset_has_its_rate_for_the_network_token_and_for_a_dollar(preset, network, stable):
    table = find_preset(preset)
    assert (table.find_rate(NETWORK), table.find_rate("usdc")) == (network, stable)


def test_one_currency_may_have_a_rate_of_its_own():
    assert Take(1_000, 2_000, {"usdc": 150}).find_rate("usdc") == 150


def test_a_fee_of_ten_percent_is_rounded_down_for_the_provider():
    assert take_fee(1_009, 1_000) == (909, 100)


def test_tables_and_splits_out_of_range_are_refused():
    with pytest.raises(BadConfig):
        Take(0, 3_001)
    with pytest.raises(BadConfig):
        find_preset("akash-9")
    with pytest.raises(Refused):
        Split(6_000, 4_001)


@given(st.integers(0, 10**30), st.sampled_from(sorted(PRESETS)), st.integers(0, 10_000), st.data())
def test_no_unit_of_a_withdrawal_is_lost_between_provider_and_pools(amount, preset, providers, data):
    net, fee = take_fee(amount, find_preset(preset).network)
    parts = split_income(fee, Split(providers, data.draw(st.integers(0, 10_000 - providers))))
    assert net + sum(parts) == amount
    assert min(net, *parts) >= 0
