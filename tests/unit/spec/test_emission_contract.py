"""The money formulas in Vyper give what the spec gives, to the unit."""

import pytest
from harness.vm import Vm
from hypothesis import given
from hypothesis import strategies as st

from weftwork.spec.emission import block_emission
from weftwork.spec.registration import bump_price, decay_price, lock_cost
from weftwork.spec.stake import Pool, add_stake, cut_amount, slash_pool

SOURCE = """
# pragma version ~=0.4.3
import emission
import pool
import price


@external
@pure
def emitted(issued: uint256, cap: uint256, base: uint256) -> uint256:
    return emission._block_emission(issued, cap, base)


@external
@pure
def decayed(last: uint256, elapsed: uint256, low: uint256, high: uint256, half_life: uint256) -> uint256:
    return price._decayed(last, elapsed, low, high, half_life)


@external
@pure
def bumped(last: uint256, bump: uint256, high: uint256) -> uint256:
    return price._bumped(last, bump, high)


@external
@pure
def lock_cost(last: uint256, elapsed: uint256, interval: uint256, low: uint256) -> uint256:
    return price._lock_cost(last, elapsed, interval, low)


@external
@pure
def worth(held: pool.Pool, shares: uint256) -> uint256:
    return pool._worth(held, shares)


@external
@pure
def buy(held: pool.Pool, amount: uint256) -> uint256:
    return pool._buy(held, amount)


@external
@pure
def cut(held: pool.Pool, bps: uint256) -> pool.Pool:
    return pool._cut(held, bps)


@external
@pure
def share_up(amount: uint256, bps: uint256) -> uint256:
    return pool._share_up(amount, bps)
"""
AMOUNTS = st.one_of(st.integers(0, 20), st.integers(0, 10**27))
BLOCKS = st.one_of(st.integers(0, 5), st.integers(0, 10**7))
POOLS = st.builds(Pool, st.integers(1, 10**27), st.integers(1, 10**27), st.integers(0, 3))


@pytest.fixture(scope="module")
def formulas():
    return Vm().deploy(SOURCE)


def as_struct(pool):
    return (pool.amount, pool.shares, pool.round)


@given(issued=AMOUNTS, cap=st.integers(1, 10**27), base=AMOUNTS)
def test_the_chain_emits_what_the_spec_says(formulas, issued, cap, base):
    assert formulas.emitted(issued, cap, base) == block_emission(issued, cap, base)


@given(last=AMOUNTS, elapsed=BLOCKS, ends=st.tuples(AMOUNTS, AMOUNTS), half_life=st.integers(1, 10**5))
def test_the_price_of_a_place_decays_on_chain_as_in_the_spec(formulas, last, elapsed, ends, half_life):
    low, high = sorted(ends)
    assert formulas.decayed(last, elapsed, low, high, half_life) == decay_price(
        last, elapsed, low, high, half_life
    )


@given(last=AMOUNTS, bump=st.integers(10**6, 10**7), high=AMOUNTS)
def test_the_price_of_a_place_rises_on_chain_as_in_the_spec(formulas, last, bump, high):
    assert formulas.bumped(last, bump, high) == bump_price(last, high, bump)


@given(last=AMOUNTS, elapsed=BLOCKS, interval=st.integers(1, 10**6), low=AMOUNTS)
def test_a_subnet_costs_on_chain_what_the_spec_says(formulas, last, elapsed, interval, low):
    assert formulas.lock_cost(last, elapsed, interval, low) == lock_cost(last, elapsed, interval, low)


@given(pool=POOLS, shares=AMOUNTS, amount=st.integers(1, 10**27))
def test_shares_are_worth_on_chain_what_the_spec_says(formulas, pool, shares, amount):
    assert formulas.worth(as_struct(pool), shares) == pool.worth(shares)
    bought = formulas.buy(as_struct(pool), amount)
    assert bought == amount * pool.shares // pool.amount
    if bought:
        assert add_stake(pool, amount, min_shares=0)[1] == bought


@given(pool=POOLS, bps=st.integers(0, 10_000))
def test_a_slash_cuts_on_chain_what_the_spec_says(formulas, pool, bps):
    rest, taken = slash_pool(pool, bps)
    assert tuple(formulas.cut(as_struct(pool), bps)) == as_struct(rest)
    assert taken == pool.amount - rest.amount
    assert formulas.share_up(pool.amount, bps) == cut_amount(pool.amount, bps)
