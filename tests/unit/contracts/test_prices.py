"""The feed on chain: the same price as the spec's or the same refusal, and changes only after their delay."""

from __future__ import annotations

from functools import cache

import pytest
from harness.vm import ZERO_ADDRESS, Vm
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import Refused
from weftwork.spec.price import MAX_PRICE, PriceRules, Report, find_price

WAD = 10**18
DELAY = 30
RULES = (3, 600, 500)


class World:
    def __init__(self):
        self.vm = Vm()
        self.owner, self.stranger = self.vm.account("owner"), self.vm.account("stranger")
        self.feeders = [self.vm.account(f"feeder{i}") for i in range(15)]
        self.prices = self.vm.deploy("Prices", self.owner, DELAY, self.feeders[:5], RULES)
        self.point = self.vm.snapshot()

    def report(self, *prices):
        for feeder, price in zip(self.feeders, prices, strict=False):
            self.prices.report(price, sender=feeder)


@cache
def build():
    return World()


@pytest.fixture
def world():
    world = build()
    world.vm.restore(world.point)
    return world


@given(
    said=st.lists(
        st.tuples(
            st.one_of(
                st.integers(95_000, 105_000),
                st.integers(1, 10**6),
                st.just(MAX_PRICE),
                st.integers(1, 2**100),
            ),
            st.integers(0, 1_000),
        ),
        max_size=15,
    ),
    quorum=st.integers(1, 15),
    max_age=st.integers(1, 1_000),
    outlier_bps=st.integers(1, 10_000),
)
def test_the_price_on_chain_is_the_specs(said, quorum, max_age, outlier_bps):
    vm = build().vm
    vm.restore(build().point)
    world = build()
    prices = vm.deploy("Prices", world.owner, 0, world.feeders, (quorum, max_age, outlier_bps))
    start, reports = vm.time, []
    for feeder, (price, later) in sorted(zip(world.feeders, said, strict=False), key=lambda pair: pair[1][1]):
        vm.set_time(start + later)
        prices.report(price, sender=feeder)
        reports.append(Report(price, start + later))
    vm.set_time(start + 1_000)
    rules, refusal = PriceRules(quorum, max_age, outlier_bps), ""
    try:
        wanted = find_price(reports, start + 1_000, rules)
    except Refused as refused:
        refusal = refused.sentence
    if refusal:
        with vm.reverts(refusal):
            prices.price()
        assert prices.peek() == (0, 1 if "stale" in refusal else 2)
    else:
        assert prices.price() == wanted
        assert prices.peek() == (wanted, 0)


def test_the_feed_halts_when_it_is_stale_and_goes_on_when_it_is_fed(world):
    with world.vm.reverts("prices: feed is stale"):
        world.prices.price()
    world.report(4 * WAD, 4 * WAD, 4 * WAD)
    assert world.prices.price() == 4 * WAD
    world.vm.set_time(world.vm.time + 601)
    with world.vm.reverts("prices: feed is stale"):
        world.prices.price()
    world.report(5 * WAD, 5 * WAD, 5 * WAD)
    assert world.prices.price() == 5 * WAD


def test_two_lying_feeders_of_five_move_nothing_and_three_apart_halt(world):
    world.report(4 * WAD, 4 * WAD, 4 * WAD, 1, MAX_PRICE)
    assert world.prices.price() == 4 * WAD
    world.report(9 * WAD)
    with world.vm.reverts("prices: feeders disagree"):
        world.prices.price()


def test_only_a_feeder_reports_and_only_a_price(world):
    with world.vm.reverts("prices: caller is not a feeder"):
        world.prices.report(WAD, sender=world.stranger)
    for price in (0, MAX_PRICE + 1):
        with world.vm.reverts("prices: price is out of range"):
            world.prices.report(price, sender=world.feeders[0])


def test_feeders_change_only_after_the_delay_and_then_by_anyone(world):
    world.report(4 * WAD, 4 * WAD, 4 * WAD)
    with world.vm.reverts("ownable: caller is not the owner"):
        world.prices.schedule_change(world.feeders[:5], RULES, sender=world.stranger)
    with world.vm.reverts("prices: no change is due"):
        world.prices.change()
    world.prices.schedule_change(world.feeders[5:8], (2, 100, 50), sender=world.owner)
    world.vm.mine(DELAY - 1)
    with world.vm.reverts("prices: no change is due"):
        world.prices.change()
    assert world.prices.price() == 4 * WAD
    world.vm.mine()
    world.prices.change(sender=world.stranger)
    assert world.prices.list_feeders() == [one.address for one in world.feeders[5:8]]
    assert tuple(world.prices.rules()) == (2, 100, 50)
    with world.vm.reverts("prices: feed is stale"):
        world.prices.price()
    with world.vm.reverts("prices: caller is not a feeder"):
        world.prices.report(WAD, sender=world.feeders[0])


@pytest.mark.parametrize(
    ("count", "rules", "says"),
    [
        (2, (3, 600, 500), "prices: quorum is 1 to the number of feeders"),
        (2, (0, 600, 500), "prices: quorum is 1 to the number of feeders"),
        (2, (1, 0, 500), "prices: age is out of range"),
        (2, (1, 2**64 + 1, 500), "prices: age is out of range"),
        (2, (1, 600, 0), "prices: tolerance is 1 to 10000 bps"),
        (2, (1, 600, 10_001), "prices: tolerance is 1 to 10000 bps"),
    ],
)
def test_rules_that_price_with_nobody_are_refused(world, count, rules, says):
    with world.vm.reverts(says):
        world.prices.schedule_change(world.feeders[:count], rules, sender=world.owner)
    with world.vm.reverts(says):
        world.vm.deploy("Prices", world.owner, 0, world.feeders[:count], rules)


def test_a_feeder_counts_once(world):
    with world.vm.reverts("prices: feeder is named twice"):
        world.prices.schedule_change([world.feeders[0]] * 3, RULES, sender=world.owner)
    world.prices.schedule_change([*world.feeders[:3], ZERO_ADDRESS], RULES, sender=world.owner)
