"""Emission halves by issuance, is split whole, and cannot be farmed by paying oneself."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadConfig
from weftwork.spec.emission import (
    CAP,
    POLICIES,
    SPLITS,
    WAD,
    Activity,
    EqualPolicy,
    Split,
    StakeVotePolicy,
    UsageFeePolicy,
    block_emission,
    count_halvings,
    epoch_emission,
    split_mechanisms,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "medians_and_money.json").read_text())[
    "vectors"
]
MONEY = {row["id"]: row for row in VECTORS}
AMOUNTS = st.integers(0, 10**27)


@pytest.mark.parametrize(
    "row", MONEY["block_emission_schedule"]["cases"], ids=lambda row: str(row["issuance"])
)
def test_emission_follows_the_published_schedule(row):
    rao = 10**9
    assert block_emission(row["issuance"] * rao, cap=21_000_000 * rao, base=rao) == row["emission_rao"]


@given(st.integers(1, 10**27), st.data())
def test_halvings_are_the_exact_logarithm_at_any_number_of_decimals(cap, data):
    issued = data.draw(st.integers(0, cap - 1))
    halvings = count_halvings(issued, cap)
    assert (cap - issued) << halvings <= cap < (cap - issued) << (halvings + 1)


def test_one_unit_before_half_of_the_cap_nothing_has_halved():
    assert block_emission(CAP // 2 - 1) == WAD
    assert block_emission(CAP // 2) == WAD // 2
    assert block_emission(CAP) == 0
    with pytest.raises(BadConfig):
        count_halvings(CAP)


@given(st.integers(0, 2 * CAP), st.integers(0, 10**6))
def test_an_epoch_never_mints_beyond_the_cap(issued, blocks):
    minted = epoch_emission(issued, blocks)
    assert 0 <= minted <= max(CAP - issued, 0)
    assert minted <= block_emission(issued) * blocks


def test_minting_until_the_end_reaches_no_more_than_the_cap():
    cap, issued = 10**6, 0
    for _ in range(10_000):
        issued += epoch_emission(issued, 360, cap, base=97)
    assert issued <= cap
    assert epoch_emission(issued, 360, cap, base=97) <= cap - issued


@given(AMOUNTS, st.sampled_from(sorted(SPLITS)))
def test_a_split_gives_away_exactly_the_emission(emission, name):
    assert sum(SPLITS[name].share_out(emission)) == emission


def test_presets_split_as_their_names_say():
    assert SPLITS["seed"].share_out(1000) == (0, 500, 500)
    owner, miners, validators = SPLITS["subtensor"].share_out(10**9)
    assert (owner, miners, validators) == (179_995_422, 410_002_289, 410_002_289)
    assert SPLITS["seed"].to_bps() == (0, 5000)
    assert SPLITS["subtensor"].to_bps() == (1800, 4100)
    with pytest.raises(BadConfig):
        Split(owner_u16=65536, miners_bps=0)


ACTIVITIES = st.dictionaries(st.integers(0, 20), st.builds(Activity, AMOUNTS, AMOUNTS), max_size=8)


@pytest.mark.parametrize("name", sorted(POLICIES))
@given(budget=AMOUNTS, subnets=ACTIVITIES)
def test_no_policy_allots_more_than_the_budget(name, budget, subnets):
    allotted = POLICIES[name].allot(budget, subnets)
    assert allotted.keys() == subnets.keys()
    assert all(part >= 0 for part in allotted.values())
    assert sum(allotted.values()) <= budget


def test_policies_look_at_what_they_say():
    subnets = {1: Activity(stake_votes=3, fees_burnt=100), 2: Activity(stake_votes=1)}
    assert EqualPolicy().allot(1000, subnets) == {1: 500, 2: 500}
    assert StakeVotePolicy().allot(1000, subnets) == {1: 750, 2: 250}
    assert UsageFeePolicy().allot(1000, subnets) == {1: 90, 2: 0}
    assert UsageFeePolicy().allot(50, subnets) == {1: 50, 2: 0}


@given(
    budget=AMOUNTS,
    honest=st.dictionaries(st.integers(10, 15), AMOUNTS, max_size=4),
    fees=st.dictionaries(
        st.integers(0, 4), st.lists(AMOUNTS, min_size=1, max_size=5), min_size=1, max_size=5
    ),
    burn_bps=st.integers(0, 10_000),
    return_bps=st.integers(0, 9_999),
)
def test_a_wash_trader_who_owns_everything_never_profits(budget, honest, fees, burn_bps, return_bps):
    """He owns subnets, miners, validators and all stake: of a fee only the burnt part leaves his pocket."""
    burnt = {subnet: sum(fee * burn_bps // 10_000 for fee in paid) for subnet, paid in fees.items()}
    subnets = {subnet: Activity(fees_burnt=part) for subnet, part in {**honest, **burnt}.items()}
    earned = UsageFeePolicy(return_bps).allot(budget, subnets)
    attracted = sum(earned[subnet] for subnet in burnt)
    lost = sum(burnt.values())
    assert attracted < lost or attracted == lost == 0


def test_a_wash_trader_loses_on_each_subnet_he_uses():
    policy = UsageFeePolicy(9000)
    for burnt in (1, 7, 10**18, 10**24):
        earned = policy.allot(10**30, {1: Activity(fees_burnt=burnt), 2: Activity(fees_burnt=5)})
        assert earned[1] < burnt


def test_a_policy_that_returns_the_whole_burn_is_refused():
    with pytest.raises(BadConfig, match="burn more than the emission"):
        UsageFeePolicy(10_000)


@pytest.mark.parametrize(
    "row", MONEY["split_emissions_mechanisms"]["cases"], ids=lambda row: str(row["alpha"])
)
def test_mechanisms_share_as_published(row):
    split = row.get("split_u16")
    assert split_mechanisms(row["alpha"], len(split or row["expect"]), split) == row["expect"]


@given(AMOUNTS, st.lists(st.integers(0, 65535), min_size=1, max_size=6))
def test_mechanisms_conserve_the_emission(amount, split):
    assert sum(split_mechanisms(amount, len(split), split)) == amount
    assert sum(split_mechanisms(amount, len(split))) == amount
