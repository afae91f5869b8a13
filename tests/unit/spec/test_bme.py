"""Burn and mint as published: the month table, the fee's gross-up, the schedule, and no unit lost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadConfig
from weftwork.spec.bme import (
    BPS,
    RENDER_EXTRA,
    WAD,
    Activity,
    Book,
    Rules,
    Schedule,
    Shares,
    burn,
    credits_for,
    epoch_emission,
    gross_up,
    month_emission,
    payable,
    rebate_pool,
    recycle,
    settle_epoch,
    share_by,
    split_payment,
    tokens_for,
)
from weftwork.spec.bme_preset import PRESETS, find_preset, publish_month

NETWORK = 380_284
NODES = 190_142
QUARTER = 95_071
PUBLISHED = [
    (190_142, 0),
    (190_142, 0),
    (190_142, 0),
    (95_071, 95_071),
    (95_071, 95_071),
    (95_071, 95_071),
    (95_071, 95_071),
    (95_071, 95_071),
    (95_071, 95_071),
    (0, 190_142),
    (0, 190_142),
    (0, 190_142),
]
"""Liquidity providers and artists by month of year 1 (RNP-006); the other columns never change."""

amount = st.integers(0, 10**27)
bps = st.integers(0, BPS)
weights = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 10**24), max_size=6)


@st.composite
def some_rules(draw):
    parts = draw(st.lists(st.integers(0, BPS // 4), min_size=4, max_size=4))
    launch = draw(st.lists(st.integers(0, 2_500), max_size=4))
    return Rules(
        Schedule(draw(amount), tuple(launch), draw(st.integers(1, 999)), draw(st.integers(1, 5))),
        Shares(*parts),
        fee_bps=draw(st.integers(0, BPS - 1)),
        rebate_bps=draw(bps),
        carry_bps=draw(bps),
        job_cap=draw(st.one_of(st.just(0), amount)),
        availability_cap=draw(st.one_of(st.just(0), amount)),
        recycle_bps=draw(bps),
        recycle_cap_bps=draw(bps),
    )


def test_the_first_year_is_the_published_month_table():
    preset = find_preset("render-year-1")
    yearly = preset.rules.schedule.years(1)[0]
    for shares, (liquidity, artists) in zip(preset.months, PUBLISHED, strict=True):
        month = publish_month(yearly, shares)
        assert month.network == NETWORK * WAD
        assert month.nodes == NODES * WAD
        assert month.liquidity == liquidity * WAD
        assert month.requesters == artists * WAD
        assert month.compute == month.upgrade == QUARTER * WAD
        assert month.incentives == 570_426 * WAD


def test_years_and_months_are_the_published_ones():
    first, second, third = Schedule(RENDER_EXTRA).years(3)
    assert month_emission(first) == 760_567 * WAD
    assert 12 * month_emission(first) == 9_126_804 * WAD
    assert month_emission(second) == month_emission(third) == 492_132 * WAD


def test_later_years_fall_by_the_damping_and_end_at_the_supply():
    years = Schedule(RENDER_EXTRA).years(400)
    assert years[3] == (RENDER_EXTRA - sum(years[:3])) * 55 // 1_000
    for before, after in pairwise(years[3:]):
        assert abs(after - before * 945 // 1_000) <= 1
    assert 96 * RENDER_EXTRA < 100 * sum(years[:60]) < 97 * RENDER_EXTRA
    assert sum(years) <= RENDER_EXTRA
    assert max(years) * 10 <= RENDER_EXTRA


@given(yearly=amount, epochs=st.integers(1, 400))
def test_the_epochs_of_a_year_add_up_to_it(yearly, epochs):
    assert sum(epoch_emission(yearly, place, epochs) for place in range(epochs)) == yearly


def test_an_ask_is_grossed_up_so_that_it_is_what_burns():
    paid = gross_up(190 * WAD // 100)
    assert paid == 2 * WAD
    assert split_payment(10 * paid) == (19 * WAD, WAD)


@given(ask=amount, fee_bps=st.integers(0, BPS - 1))
def test_a_grossed_up_payment_burns_the_ask_and_no_more_than_rounding(ask, fee_bps):
    burnt, fee = split_payment(gross_up(ask, fee_bps), fee_bps)
    assert burnt + fee == gross_up(ask, fee_bps)
    assert burnt >= ask
    assert split_payment(max(gross_up(ask, fee_bps) - 2, 0), fee_bps)[0] <= ask


@pytest.mark.parametrize(
    ("dollars", "price", "tokens"),
    [
        (600, 200, 300 * WAD),
        (560, 200, 280 * WAD),
        (350, 200, 175 * WAD),
        (560, 210, 266_666666666666666667),
        (560, 190, 294_736842105263157895),
        (310, 190, 163_157894736842105264),
    ],
)
def test_burns_and_rewards_at_a_price_are_the_published_ones(dollars, price, tokens):
    assert tokens_for(dollars * WAD, price * WAD // 100) == tokens


@given(dollars=amount, price=st.integers(1, 10**24))
def test_what_pays_a_bill_is_worth_at_least_the_bill(dollars, price):
    tokens = tokens_for(dollars, price)
    assert credits_for(tokens, price) >= dollars
    assert tokens == 0 or credits_for(tokens - 1, price) < dollars


@given(pool=amount, parts=st.lists(st.integers(0, 10**24), max_size=12))
def test_a_pool_is_shared_to_the_last_unit_and_by_weight(pool, parts):
    shared, total = share_by(pool, parts), sum(parts)
    assert sum(shared) == (pool if total else 0)
    for part, weight in zip(shared, parts, strict=True):
        assert part >= 0
        assert not total or abs(part * total - pool * weight) <= total * len(parts)


def test_a_node_that_did_a_fiftieth_of_the_work_has_a_fiftieth_of_the_pool():
    rules = PRESETS["render-year-3"].rules
    work = {"node": 2 * WAD, "others": 98 * WAD}
    _, payout = settle_epoch(Book(), Activity(work=work), rules)
    assert payout.jobs["node"] * 50 == payout.paid.jobs
    assert payout.availability == {}


@given(steps=st.lists(st.tuples(weights, weights, weights, weights, amount), max_size=8), rules=some_rules())
def test_no_unit_is_created_or_lost_over_epochs(steps, rules):
    book, paid_out, given = Book(), 0, 0
    for work, spent, ready, staked, payment in steps:
        book, destroyed, retired, fee = burn(book, payment, rules)
        assert destroyed + retired + fee == payment
        before = book
        book, payout = settle_epoch(book, Activity(work, spent, ready, staked), rules)
        paid = payout.paid
        assert payout.minted + payout.recycled + before.carried.total == paid.total + book.carried.total
        for pool, parts in (
            (paid.jobs, payout.jobs),
            (paid.availability, payout.availability),
            (paid.requesters, payout.rebates),
            (paid.liquidity, payout.liquidity),
        ):
            assert sum(parts.values()) == pool
        assert paid.requesters * BPS <= sum(spent.values()) * rules.rebate_bps
        assert book.retired >= 0
        assert min(book.carried.jobs, book.carried.availability, book.carried.requesters) >= 0
        paid_out, given = paid_out + paid.total, given + payout.minted + payout.recycled
    assert given == paid_out + book.carried.total
    assert book.minted <= rules.schedule.supply


@given(payment=amount, epochs=st.integers(1, 6), rules=some_rules())
def test_while_the_schedule_lasts_minting_does_not_depend_on_burning(payment, epochs, rules):
    quiet, busy = Book(), Book()
    for _ in range(epochs):
        busy, *_ = burn(busy, payment, rules)
        quiet, silence = settle_epoch(quiet, Activity(), rules)
        busy, noise = settle_epoch(busy, Activity(work={"node": payment}), rules)
        assert silence.minted == noise.minted


def test_a_quiet_epoch_carries_over_and_half_of_it_returns_at_most():
    rules = PRESETS["render-year-1"].rules
    book, silence = settle_epoch(Book(), Activity(), rules)
    assert silence.paid.jobs == 0
    kept = book.carried.jobs
    book, payout = settle_epoch(book, Activity(work={"node": WAD}), rules)
    assert payout.paid.jobs == payable(payout.minted * rules.shares.jobs // BPS, kept)
    assert book.carried.jobs == kept - kept // 2


def test_an_epoch_pays_at_most_its_cap_for_jobs():
    rules = PRESETS["render-year-3"].rules
    _, payout = settle_epoch(Book(), Activity(work={"node": WAD}, ready={"node": 1}), rules)
    assert payout.paid.jobs == 15_000 * WAD
    assert payout.paid.availability == 2_800 * WAD


def test_a_rebate_is_at_most_what_was_spent():
    assert rebate_pool(100, 40, BPS) == 40
    assert rebate_pool(100, 40, 5_000) == 20
    assert rebate_pool(10, 40, BPS) == 10
    with pytest.raises(BadConfig):
        rebate_pool(100, 40, BPS + 1)


def test_after_the_schedule_retired_tokens_come_back_at_a_fixed_part_of_the_issue():
    rules = Rules(Schedule(100 * WAD, launch=(BPS,), epochs=1), Shares(BPS, 0, 0, 0), recycle_bps=BPS)
    book, payout = settle_epoch(Book(), Activity(work={"node": 1}), rules)
    assert payout.minted == 100 * WAD
    book, destroyed, retired, fee = burn(book, 3 * WAD, rules)
    assert (destroyed, retired, fee) == (0, 285 * WAD // 100, 15 * WAD // 100)
    book, payout = settle_epoch(book, Activity(work={"node": 1}), rules)
    assert (payout.minted, payout.recycled) == (0, 2 * WAD)
    book, payout = settle_epoch(book, Activity(work={"node": 1}), rules)
    assert payout.recycled == 85 * WAD // 100
    assert recycle(0, book.minted, BPS, 1) == 0


def test_the_cap_of_the_token_comes_before_the_schedule():
    book, payout = settle_epoch(Book(), Activity(), PRESETS["render-year-1"].rules, room=7)
    assert payout.minted == book.minted == 7


def test_a_preset_keeps_its_proportions_over_another_supply():
    small = PRESETS["render-year-3"].scaled(RENDER_EXTRA // 100)
    assert (
        small.rules.job_cap == PRESETS["render-year-3"].rules.job_cap * (RENDER_EXTRA // 100) // RENDER_EXTRA
    )
    assert small.rules.schedule.years(1)[0] == RENDER_EXTRA // 100 * 850 // BPS


@pytest.mark.parametrize(
    "build",
    [
        lambda: Shares(BPS, 1, 0, 0),
        lambda: Schedule(1, launch=(BPS, 1)),
        lambda: Schedule(1, damping=1_000),
        lambda: Rules(Schedule(1), Shares(0, 0, 0, 0), fee_bps=BPS),
        lambda: Rules(Schedule(1), Shares(0, 0, 0, 0), rebate_bps=BPS + 1),
        lambda: gross_up(1, BPS),
        lambda: tokens_for(1, 0),
        lambda: find_preset("render-year-4"),
    ],
)
def test_parameters_that_give_away_more_than_there_is_are_refused(build):
    with pytest.raises(BadConfig) as caught:
        build()
    assert caught.value.hint or caught.value.value is not None
