"""Standing ready is paid by the published formula, and the averages at which it breaks do not break it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadConfig
from weftwork.spec.availability import Standing, log2_ratio, penalty, weigh
from weftwork.spec.fixed import ONE

node = st.builds(
    Standing,
    idle=st.integers(0, 10_000),
    score=st.integers(0, 5_000),
    memory=st.integers(0, 200),
    age=st.integers(0, 3_000),
    wallets=st.integers(1, 60),
)


def formula(fleet):
    """The source's formula in floats, for fleets on which it is defined."""

    def ratio(pick):
        average = sum(pick(one) for one in fleet) / len(fleet)
        return lambda one: math.log(pick(one)) / math.log(average)

    score, memory, age = (ratio(lambda o, f=f: getattr(o, f)) for f in ("score", "memory", "age"))
    return [
        one.idle
        / 10_000
        * (3 * score(one) + 3 * memory(one) + age(one))
        * (1 if one.wallets <= 3 else math.exp(-0.65 * (one.wallets - 3)))
        for one in fleet
    ]


@given(
    st.lists(
        st.builds(
            Standing,
            idle=st.integers(0, 10_000),
            score=st.integers(2, 5_000),
            memory=st.integers(2, 200),
            age=st.integers(2, 3_000),
            wallets=st.integers(1, 12),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_weights_are_those_of_the_published_formula(fleet):
    for got, wanted in zip(weigh(fleet), formula(fleet), strict=True):
        assert got / ONE == pytest.approx(wanted, abs=1e-5)


@given(st.lists(node, max_size=8))
def test_no_fleet_divides_by_zero_or_earns_below_zero(fleet):
    assert all(0 <= weight <= 7 * 13 * ONE for weight in weigh(fleet))


def test_an_average_of_one_is_no_division_by_zero_and_no_windfall():
    fleet = [Standing(10_000, 1, 1, 1)] * 999 + [Standing(10_000, 2, 2, 2)]
    assert weigh(fleet)[0] == 0
    assert weigh(fleet)[-1] == 7 * ONE


def test_four_wallets_earn_half_and_five_a_quarter():
    assert penalty(1) == penalty(3) == ONE
    assert penalty(4) / ONE == pytest.approx(0.522, abs=5e-4)
    assert penalty(5) / ONE == pytest.approx(0.273, abs=5e-4)
    assert penalty(10**9) < ONE >> 28


@given(st.integers(1, 10**30), st.integers(1, 10**30))
def test_the_logarithm_is_right_to_its_last_bits(numerator, denominator):
    wanted = max(math.log2(numerator) - math.log2(denominator), 0)
    assert log2_ratio(numerator, denominator) / ONE == pytest.approx(wanted, abs=1e-8)


@pytest.mark.parametrize(
    "build",
    [lambda: Standing(10_001, 1, 1, 1), lambda: Standing(1, -1, 1, 1), lambda: Standing(1, 1, 1, 1, 0)],
)
def test_a_node_that_cannot_be_is_refused(build):
    with pytest.raises(BadConfig):
        build()
