"""Stakers share gains and losses alike, and no order of calls pays out more than came in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadConfig, LimitExceeded
from weftwork.spec.stake import (
    MIN_SHARES,
    Collateral,
    Pool,
    Withdrawal,
    Young,
    add_stake,
    culprit_part,
    cut_amount,
    may_raise_take,
    pay_unbonded,
    price_fault,
    remove_stake,
    share_reward,
    slash_all,
    slash_collateral,
    slash_pool,
    split_slash,
    unbond,
)

UNIT = MIN_SHARES
AMOUNTS = st.integers(UNIT, 10**27)
BPS = st.integers(0, 10_000)


def test_the_first_staker_gets_a_share_for_each_unit():
    pool, shares = add_stake(Pool(), 3 * UNIT)
    assert (pool, shares) == (Pool(3 * UNIT, 3 * UNIT), 3 * UNIT)


@given(AMOUNTS, AMOUNTS, st.integers(0, 10**26), st.integers(0, 1800))
def test_who_stakes_and_leaves_at_once_gains_nothing(first, second, reward, take):
    pool, _ = add_stake(Pool(), first)
    pool, _, _ = share_reward(pool, reward, take)
    try:
        pool, shares = add_stake(pool, second)
    except LimitExceeded:
        return
    worth = pool.worth(shares)
    assert worth <= second
    assert second - worth <= pool.amount // pool.shares + 1


@given(AMOUNTS, AMOUNTS, AMOUNTS, st.integers(0, 1800))
def test_a_late_staker_gets_no_part_of_an_earlier_reward(early, late, reward, take):
    pool, early_shares = add_stake(Pool(), early)
    pool, kept, _ = share_reward(pool, reward, take)
    before = pool.worth(early_shares)
    try:
        pool, _ = add_stake(pool, late)
    except LimitExceeded:
        return
    assert pool.worth(early_shares) >= before >= early + reward - kept - 2 * (pool.amount // pool.shares + 1)


def test_a_validator_keeps_its_take_and_delegators_share_the_rest():
    pool, shares = add_stake(Pool(), 100 * UNIT)
    pool, take, minted = share_reward(pool, 10 * UNIT, 1800)
    assert take == 10 * UNIT * 18 // 100
    assert pool.amount == 110 * UNIT
    assert pool.worth(shares) + pool.worth(minted) <= 110 * UNIT
    assert abs(pool.worth(minted) - take) <= 2
    with pytest.raises(BadConfig, match="between 0 and 1800"):
        share_reward(pool, 1, 1801)


def test_a_validator_that_nobody_backs_is_paid_itself():
    assert share_reward(Pool(), 1000, 500) == (Pool(), 1000, 0)


def test_a_take_rises_once_in_its_delay():
    assert may_raise_take(0, 5, 100)
    assert not may_raise_take(50, 149, 100)
    assert may_raise_take(50, 150, 100)


def test_dust_is_refused():
    with pytest.raises(LimitExceeded, match="too little"):
        add_stake(Pool(), UNIT - 1)
    pool, shares = add_stake(Pool(), 2 * UNIT)
    with pytest.raises(LimitExceeded, match="too few shares"):
        remove_stake(pool, shares - 1, shares)
    with pytest.raises(LimitExceeded, match="not that many"):
        remove_stake(pool, shares + 1, shares)


@given(AMOUNTS, AMOUNTS, BPS)
def test_a_slash_cuts_all_stakers_alike(a, b, bps):
    pool, first = add_stake(Pool(), a)
    pool, second = add_stake(pool, b)
    cut, taken = slash_pool(pool, bps)
    assert cut.amount + taken == pool.amount
    assert taken >= cut_amount(pool.amount, bps)
    if cut.round == pool.round:
        assert cut.worth(first) <= a - a * bps // 10_000
        assert cut.worth(first) + cut.worth(second) <= cut.amount


def test_a_whole_slash_wipes_the_pool_and_voids_its_shares():
    pool, _ = add_stake(Pool(), 5 * UNIT)
    wiped, taken = slash_pool(pool, 10_000)
    assert (wiped, taken) == (Pool(0, 0, 1), 5 * UNIT)


@given(AMOUNTS, AMOUNTS, AMOUNTS, BPS)
def test_a_slash_reaches_unbonding_stake_and_collateral(bonded, leaving, pledge, bps):
    kept, aside, collateral, taken = slash_all(Pool(bonded, bonded), Pool(leaving, leaving), pledge, bps)
    assert kept.amount + aside.amount + collateral + taken == bonded + leaving + pledge
    assert taken * 10_000 >= (bonded + leaving + pledge) * bps
    own = culprit_part(Pool(bonded, bonded), kept, bonded // 2)
    burnt, reported = split_slash(taken, own)
    assert burnt + reported == taken
    assert reported == own // 10


@given(AMOUNTS, AMOUNTS, BPS)
def test_validator_that_has_itself_reported_loses_ten_times_what_it_gets(own, delegated, bps):
    pool, shares = add_stake(Pool(), own)
    pool, _ = add_stake(pool, delegated)
    after, cut = slash_pool(pool, bps)
    loss = culprit_part(pool, after, shares)
    _, reported = split_slash(cut, loss)
    assert 10 * reported <= loss <= own


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_stake_that_leaves_within_its_first_epoch_takes_no_reward_along(old, new, reward):
    pool, shares = add_stake(Pool(), old)
    pool, late = add_stake(pool, new)
    pool, _, _ = share_reward(pool, reward, 0)
    young = Young().add(5, late, new)
    for epoch in (5, 6):
        rest, left, paid = remove_stake(pool, late, late, young, epoch)
        assert paid <= new
        assert left.shares == 0
        assert rest.worth(shares) == rest.amount >= old + reward
    _, _, paid = remove_stake(pool, late, late, young, 7)
    assert paid == pool.worth(late)


@given(AMOUNTS, AMOUNTS, AMOUNTS, st.integers(1, 10**6))
def test_old_stake_leaves_first_and_takes_its_rewards(old, new, reward, part):
    pool, shares = add_stake(Pool(), old)
    pool, late = add_stake(pool, new)
    pool, _, _ = share_reward(pool, reward, 0)
    held, going = shares + late, shares * part // 10**6
    if going and held - going >= MIN_SHARES:
        _, left, paid = remove_stake(pool, going, held, Young(9, late, new), 9)
        assert (left.shares, paid) == (late, pool.worth(going))


def test_collateral_that_was_asked_for_stands_for_nothing_until_the_request_lapses():
    held, paid = Collateral(100).release_at(10, 50)
    assert (paid, held.stands(10), held.stands(109), held.stands(110)) == (0, False, False, True)
    with pytest.raises(LimitExceeded, match="still unbonding"):
        held.release_at(59, 50)
    assert held.release_at(60, 50) == (Collateral(), 100)
    again, paid = held.release_at(110, 50)
    assert (paid, again.release) == (0, 160)
    assert held.lock(5) == Collateral(105)
    with pytest.raises(LimitExceeded, match="no collateral"):
        Collateral().release_at(1, 50)


def test_collateral_pays_for_a_fault_as_far_as_it_reaches():
    assert slash_collateral(100, 30) == (70, 30)
    assert slash_collateral(100, 300) == (0, 100)
    assert slash_collateral(100, 300, 1_000) == (90, 10)
    assert price_fault(99, 1_000) == 9, "rounded down"


def test_unbonding_stake_is_paid_after_its_time_and_shares_a_slash():
    aside, first = unbond(Pool(), 4 * UNIT, block=10, unbonding_blocks=100)
    aside, second = unbond(aside, 6 * UNIT, block=50, unbonding_blocks=100)
    aside, _ = slash_pool(aside, 5000)
    aside, left, paid = pay_unbonded(aside, [first, second], block=110)
    assert (left, paid) == ([second], 2 * UNIT)
    aside, left, paid = pay_unbonded(aside, left, block=150)
    assert (left, paid, aside) == ([], 3 * UNIT, Pool())


def test_a_withdrawal_of_a_wiped_round_is_void():
    assert pay_unbonded(Pool(7, 7, round=1), [Withdrawal(5, 0, round=0)], block=1) == (Pool(7, 7, 1), [], 0)


@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "remove", "reward", "slash", "pay"]), AMOUNTS, BPS), max_size=40
    )
)
def test_no_order_of_calls_creates_or_loses_a_unit(calls):
    pool, aside = Pool(), Pool()
    held: list[int] = []
    leaving: list[Withdrawal] = []
    paid_in = paid_out = burnt = block = 0
    for what, amount, bps in calls:
        block += 1
        try:
            if what == "add":
                pool, shares = add_stake(pool, amount)
                held.append(shares)
                paid_in += amount
            elif what == "remove" and held:
                pool, _, worth = remove_stake(pool, held[-1], held[-1])
                held.pop()
                aside, entry = unbond(aside, worth, block, 3)
                leaving.append(entry)
            elif what == "reward":
                pool, _, shares = share_reward(pool, amount, bps % 1801)
                if pool.shares:
                    paid_in += amount
                    held.append(shares) if shares else None
            elif what == "slash":
                rounds = pool.round, aside.round
                pool, aside, _, cut = slash_all(pool, aside, 0, bps)
                burnt += cut
                held = held if pool.round == rounds[0] else []
            else:
                aside, leaving, out = pay_unbonded(aside, leaving, block)
                paid_out += out
        except LimitExceeded:
            continue
        assert paid_in == pool.amount + aside.amount + paid_out + burnt
        assert sum(held) == pool.shares
        assert sum(pool.worth(shares) for shares in held) <= pool.amount
