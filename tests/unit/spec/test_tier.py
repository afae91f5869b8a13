"""What rendering costs, and what creators and nodes think of each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadConfig
from weftwork.spec.standing import Outcome, most_nodes, read_outcome, weigh_outcomes
from weftwork.spec.tier import PRESETS, WAD, count_work, find_tier, price_work, split_budget, work_for

HOUR = 3_600_000_000


def test_a_euro_buys_100_200_or_800_obh_by_tier() -> None:
    assert [find_tier(name).obh_per_euro for name in ("trusted", "priority", "economy")] == [100, 200, 800]
    hundred = count_work(100_000, HOUR)
    assert hundred == 100_000_000
    assert price_work(hundred, find_tier("trusted").obh_per_euro) == WAD
    assert price_work(hundred, find_tier("3").obh_per_euro) == WAD // 8


def test_a_tiers_price_moves_within_its_bounds() -> None:
    economy = find_tier("economy")
    assert economy.moved(1_600).obh_per_euro == 1_600
    with pytest.raises(BadConfig):
        economy.moved(1_601)
    with pytest.raises(BadConfig):
        find_tier("luxury")
    with pytest.raises(BadConfig):
        find_tier("economy", "none")


@given(st.sampled_from(sorted(PRESETS)), st.integers(0, 10**12))
def test_what_was_paid_for_is_never_less_than_the_work(preset: str, work: int) -> None:
    for tier in PRESETS[preset].values():
        assert work_for(price_work(work, tier.obh_per_euro), tier.obh_per_euro) >= work


@given(st.integers(0, 10**24), st.lists(st.integers(1, 10**9), min_size=1, max_size=30))
def test_parts_of_a_budget_cover_it_and_waste_less_than_a_unit_each(total: int, samples: list[int]) -> None:
    parts = split_budget(total, samples)
    assert min(parts) >= 1
    assert total <= sum(parts) <= total + len(parts)


def test_a_newcomer_falls_faster_than_a_node_of_long_history() -> None:
    good, wrong, late = Outcome.GOOD, Outcome.WRONG, Outcome.LATE
    assert weigh_outcomes([]) == 900_000
    assert weigh_outcomes([wrong]) == 375_000
    assert weigh_outcomes([good] * 100 + [wrong]) == 916_263
    assert weigh_outcomes([late]) > weigh_outcomes([wrong])
    assert weigh_outcomes([wrong] + [good] * 40) > weigh_outcomes([good] * 40 + [wrong])


@given(st.lists(st.sampled_from(list(Outcome)), max_size=60))
def test_standing_lies_between_none_and_all_and_rises_with_good_work(history: list[Outcome]) -> None:
    found = weigh_outcomes(history)
    assert 0 <= found <= 1_000_000
    assert weigh_outcomes([*history, Outcome.WRONG]) <= found


def test_feedback_values_are_read_as_outcomes_and_bound_the_nodes_at_once() -> None:
    assert [read_outcome(v) for v in (100, 50, 49, 1, 0, -5)] == [100, 100, 25, 25, 0, 0]
    assert read_outcome(9_900, 2) == Outcome.GOOD
    assert most_nodes(900_000, 10) == 9
    assert most_nodes(0, 10) == 1
