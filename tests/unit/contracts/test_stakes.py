"""Stakers back agents: shares, delegation with take, unbonding, collateral, and what Stakes refuses."""

from __future__ import annotations

import pytest
from harness.world import UNBONDING, WAD, World
from hypothesis import given, settings
from hypothesis import strategies as st

from weftwork.spec.stake import MIN_SHARES, price_fault, slash_collateral


@pytest.fixture(scope="module")
def backed():
    """A validator with 100 of its own and a delegator with money."""
    world = World()
    world.alice = world.join("alice", 100 * WAD)
    world.dan = world.fund(world.vm.account("dan"), 1_000 * WAD)
    world.reward = world.vm.account("epochs")
    stakes = world.vm.deploy("Stakes", world.token, world.identity, UNBONDING, 50)
    stakes.bind(world.subnets, world.reward)
    world.stakes = stakes
    for account in (world.alice.account, world.dan, world.reward, world.founder):
        world.token.approve(stakes, 2**256 - 1, sender=account)
    stakes.stake(world.subnet, world.alice.agent, 100 * WAD, sender=world.alice.account)
    return world


@pytest.fixture
def world(backed):
    point = backed.vm.snapshot()
    yield backed
    backed.vm.restore(point)


def reward(world, amount):
    world.token.transfer(world.stakes, amount, sender=world.founder)
    world.stakes.reward(world.subnet, world.alice.agent, amount, sender=world.reward)


def worth(world, account):
    return world.stakes.stake_of(world.subnet, world.alice.agent, account)


def test_delegator_shares_rewards_by_stake(world):
    world.stakes.stake(world.subnet, world.alice.agent, 300 * WAD, sender=world.dan)
    reward(world, 40 * WAD)
    assert worth(world, world.dan) == 330 * WAD
    assert worth(world, world.alice) == 110 * WAD


def test_take_goes_to_the_validator_as_stake(world):
    world.stakes.set_take(world.alice.agent, 1_800, sender=world.alice.account)
    world.stakes.stake(world.subnet, world.alice.agent, 300 * WAD, sender=world.dan)
    reward(world, 100 * WAD)
    assert 361 * WAD < worth(world, world.dan) <= 3615 * WAD // 10
    assert worth(world, world.alice) + worth(world, world.dan) <= 500 * WAD


def test_take_is_bounded_and_rises_slowly(world):
    agent, alice = world.alice.agent, world.alice.account
    with world.vm.reverts("stakes: take is too high"):
        world.stakes.set_take(agent, 1_801, sender=alice)
    with world.vm.reverts("stakes: caller does not hold the agent"):
        world.stakes.set_take(agent, 1, sender=world.dan)
    world.stakes.set_take(agent, 500, sender=alice)
    with world.vm.reverts("stakes: take was raised too recently"):
        world.stakes.set_take(agent, 501, sender=alice)
    world.stakes.set_take(agent, 100, sender=alice)
    world.vm.mine(50)
    world.stakes.set_take(agent, 600, sender=alice)


def test_reward_of_an_agent_without_stakers_is_paid_to_its_wallet(world):
    world.stakes.unstake(world.subnet, world.alice.agent, 100 * WAD, sender=world.alice.account)
    before = world.token.balanceOf(world.alice)
    reward(world, 5 * WAD)
    assert world.token.balanceOf(world.alice) - before == 5 * WAD
    assert world.stakes.pools(world.subnet, world.alice.agent).amount == 0


def test_unstaked_tokens_leave_after_the_unbonding_and_not_before(world):
    alice = world.alice.account
    assert world.stakes.unstake(world.subnet, world.alice.agent, 30 * WAD, sender=alice) == 30 * WAD
    world.vm.mine(UNBONDING - 1)
    with world.vm.reverts("stakes: nothing has unbonded"):
        world.stakes.withdraw_unbonded(world.subnet, world.alice.agent, sender=alice)
    world.vm.mine()
    before = world.token.balanceOf(alice)
    assert world.stakes.withdraw_unbonded(world.subnet, world.alice.agent, sender=alice) == 30 * WAD
    assert world.token.balanceOf(alice) - before == 30 * WAD
    with world.vm.reverts("stakes: nothing has unbonded"):
        world.stakes.withdraw_unbonded(world.subnet, world.alice.agent, sender=alice)


def test_open_withdrawals_are_bounded(world):
    for _ in range(16):
        world.stakes.unstake(world.subnet, world.alice.agent, WAD, sender=world.alice.account)
    with world.vm.reverts("stakes: too many open withdrawals"):
        world.stakes.unstake(world.subnet, world.alice.agent, WAD, sender=world.alice.account)
    assert len(world.stakes.unbonding_of(world.subnet, world.alice.agent, world.alice)) == 16


def test_nobody_unstakes_what_is_not_his(world):
    for shares in (0, 1):
        with world.vm.reverts("stakes: not that many shares"):
            world.stakes.unstake(world.subnet, world.alice.agent, shares, sender=world.dan)


def test_first_staker_cannot_inflate_a_share_to_rob_the_next(world):
    """The classic attack: leave a dust of shares, make each worth a fortune, round the victim down."""
    agent, alice = world.alice.agent, world.alice.account
    with world.vm.reverts("stakes: stake would be too small"):
        world.stakes.unstake(world.subnet, agent, 100 * WAD - 1, sender=alice)
    world.stakes.unstake(world.subnet, agent, 100 * WAD - MIN_SHARES, sender=alice)
    reward(world, 10_000 * WAD)
    with world.vm.reverts("stakes: stake would be too small"):
        world.stakes.stake(world.subnet, agent, 150 * WAD, sender=world.dan)


def test_small_pool_that_earns_much_still_takes_delegators(world):
    agent, alice = world.alice.agent, world.alice.account
    world.stakes.unstake(world.subnet, agent, 100 * WAD - 10**15, sender=alice)
    reward(world, 10_000 * WAD)
    world.stakes.stake(world.subnet, agent, 150 * WAD, sender=world.dan)
    assert 150 * WAD - worth(world, world.dan) < 10**9


def test_stake_is_never_a_dust(world):
    agent = world.identity.register(sender=world.dan)
    with world.vm.reverts("stakes: stake would be too small"):
        world.stakes.stake(world.subnet, agent, MIN_SHARES - 1, sender=world.dan)
    with world.vm.reverts("stakes: amount is too small"):
        world.stakes.stake(world.subnet, agent, 0, sender=world.dan)


def test_stake_needs_an_agent_and_a_subnet(world):
    with world.vm.reverts():
        world.stakes.stake(world.subnet, 999, WAD, sender=world.dan)
    with world.vm.reverts("subnets: there is no such subnet"):
        world.stakes.stake(77, world.alice.agent, WAD, sender=world.dan)


def test_stake_of_each_epoch_is_kept_as_its_last_block_saw_it(world):
    first = world.epoch
    for step in range(3):
        world.stakes.stake(world.subnet, world.alice.agent, (step + 1) * WAD, sender=world.dan)
        world.next_epoch()
    amounts = [world.stakes.stake_at(world.subnet, world.alice.agent, first + i) for i in range(4)]
    assert amounts == [101 * WAD, 103 * WAD, 106 * WAD, 106 * WAD]
    assert world.stakes.total_of(world.subnet) == world.stakes.total() == 106 * WAD


def test_nobody_freezes_anothers_stake_with_a_few_shares_of_his_own(world):
    world.stakes.unstake(world.subnet, world.alice.agent, 99 * WAD, sender=world.alice.account)
    with world.vm.reverts("stakes: stake would be too small"):
        world.stakes.stake(world.subnet, world.alice.agent, 1, sender=world.dan)
    world.stakes.stake(world.subnet, world.alice.agent, MIN_SHARES, sender=world.dan)
    world.stakes.stake(world.subnet, world.alice.agent, 1, sender=world.dan)
    world.stakes.unstake(world.subnet, world.alice.agent, MIN_SHARES + 1, sender=world.dan)
    world.stakes.unstake(world.subnet, world.alice.agent, WAD, sender=world.alice.account)
    assert world.stakes.pools(world.subnet, world.alice.agent).shares == 0


def test_stake_of_one_block_takes_no_reward_that_others_have_earned(world):
    world.next_epoch()
    world.next_epoch()
    shares = world.stakes.stake(world.subnet, world.alice.agent, 900 * WAD, sender=world.dan)
    reward(world, 20 * WAD)
    got = world.stakes.unstake(world.subnet, world.alice.agent, shares, sender=world.dan)
    assert got <= 900 * WAD
    assert worth(world, world.alice) >= 120 * WAD


def test_delegator_that_stood_through_an_epoch_leaves_with_its_rewards(world):
    shares = world.stakes.stake(world.subnet, world.alice.agent, 100 * WAD, sender=world.dan)
    world.next_epoch()
    reward(world, 20 * WAD)
    point = world.vm.snapshot()
    assert world.stakes.unstake(world.subnet, world.alice.agent, shares, sender=world.dan) == 100 * WAD
    world.vm.restore(point)
    world.next_epoch()
    assert world.stakes.unstake(world.subnet, world.alice.agent, shares, sender=world.dan) == 110 * WAD


def test_last_staker_leaves_with_everything_and_strands_nothing(world):
    shares = world.stakes.stake(world.subnet, world.alice.agent, 100 * WAD, sender=world.dan)
    reward(world, 20 * WAD)
    world.stakes.unstake(world.subnet, world.alice.agent, shares, sender=world.dan)
    assert world.stakes.unstake(world.subnet, world.alice.agent, 100 * WAD, sender=world.alice) == 120 * WAD
    assert tuple(world.stakes.pools(world.subnet, world.alice.agent)) == (0, 0, 0)


# collateral


def test_collateral_that_can_leave_stands_for_nothing_and_a_request_lapses(world):
    agent, alice = world.alice.agent, world.alice.account
    world.stakes.lock_collateral(world.subnet, agent, 50 * WAD, sender=alice)
    assert world.stakes.collateral_of(world.subnet, agent) == 50 * WAD
    world.stakes.release_collateral(world.subnet, agent, sender=alice)
    assert world.stakes.collateral_of(world.subnet, agent) == 0
    world.vm.mine(UNBONDING)
    world.stakes.slash_collateral(world.subnet, agent, 10 * WAD, 10_000, sender=world.reward)
    assert world.stakes.collaterals(world.subnet, agent).amount == 40 * WAD, "a slash reaches it all the same"
    world.vm.mine(UNBONDING)
    assert world.stakes.collateral_of(world.subnet, agent) == 40 * WAD
    assert world.stakes.release_collateral(world.subnet, agent, sender=alice) == 0, "it has to be asked anew"
    with world.vm.reverts("stakes: collateral is still unbonding"):
        world.stakes.release_collateral(world.subnet, agent, sender=alice)


def test_collateral_comes_back_after_the_unbonding(world):
    agent, alice = world.alice.agent, world.alice.account
    world.stakes.lock_collateral(world.subnet, agent, 5 * WAD, sender=alice)
    assert world.stakes.release_collateral(world.subnet, agent, sender=alice) == 0
    with world.vm.reverts("stakes: collateral is still unbonding"):
        world.stakes.release_collateral(world.subnet, agent, sender=alice)
    world.vm.mine(UNBONDING)
    before = world.token.balanceOf(alice)
    world.stakes.release_collateral(world.subnet, agent, sender=alice)
    assert world.token.balanceOf(alice) - before == 5 * WAD
    with world.vm.reverts("stakes: caller has no collateral here"):
        world.stakes.release_collateral(world.subnet, agent, sender=alice)


def test_collateral_belongs_to_who_locked_it_even_after_a_transfer(world):
    agent, alice = world.alice.agent, world.alice.account
    with world.vm.reverts("stakes: caller does not hold the agent"):
        world.stakes.lock_collateral(world.subnet, agent, WAD, sender=world.dan)
    world.stakes.lock_collateral(world.subnet, agent, 5 * WAD, sender=alice)
    world.identity.transferFrom(alice, world.dan, agent, sender=alice)
    with world.vm.reverts("stakes: collateral is another account's"):
        world.stakes.lock_collateral(world.subnet, agent, WAD, sender=world.dan)
    with world.vm.reverts("stakes: caller has no collateral here"):
        world.stakes.release_collateral(world.subnet, agent, sender=world.dan)
    world.stakes.release_collateral(world.subnet, agent, sender=alice)


@settings(max_examples=20)
@given(
    pledge=st.integers(1, 200 * WAD),
    claims=st.lists(st.tuples(st.integers(0, 300 * WAD), st.integers(0, 10_000)), min_size=1, max_size=3),
)
def test_contract_takes_of_collateral_for_faults_what_the_spec_does(backed, pledge, claims):
    world, agent = backed, backed.alice.agent
    point = world.vm.snapshot()
    world.stakes.lock_collateral(world.subnet, agent, pledge, sender=world.alice.account)
    rest, supply = pledge, world.token.totalSupply()
    for amount, bps in claims:
        assert price_fault(rest, bps) <= rest
        rest, cut = slash_collateral(rest, amount, bps)
        assert world.stakes.slash_collateral(world.subnet, agent, amount, bps, sender=world.reward) == cut
        assert world.stakes.collaterals(world.subnet, agent).amount == rest
    assert supply - world.token.totalSupply() == pledge - rest, "all of it is burnt"
    world.vm.restore(point)


def test_only_epochs_rewards_and_slashes(world):
    for function, args in (
        ("reward", (1, 0, 1)),
        ("slash", (1, 0, 1, world.dan, world.dan)),
        ("slash_collateral", (1, 0, 1, 1)),
    ):
        with world.vm.reverts("stakes: caller is not the epochs contract"):
            getattr(world.stakes, function)(*args, sender=world.dan)


def test_wiped_pool_starts_anew_and_its_old_shares_are_void(world):
    world.stakes.unstake(world.subnet, world.alice.agent, 40 * WAD, sender=world.alice.account)
    world.stakes.slash(world.subnet, world.alice.agent, 10_000, world.alice, world.dan, sender=world.reward)
    assert worth(world, world.alice) == 0
    world.stakes.stake(world.subnet, world.alice.agent, 7 * WAD, sender=world.dan)
    assert worth(world, world.dan) == 7 * WAD
    with world.vm.reverts("stakes: not that many shares"):
        world.stakes.unstake(world.subnet, world.alice.agent, 1, sender=world.alice.account)
    world.vm.mine(UNBONDING)
    assert world.stakes.withdraw_unbonded(world.subnet, world.alice.agent, sender=world.alice.account) == 0
