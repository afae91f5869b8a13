"""The emission among subnets: equal, by stake, by usage; and washing fees loses money."""

from __future__ import annotations

import pytest
from harness.world import WAD, World
from hypothesis import given
from hypothesis import strategies as st

from weftwork.records import Domain, Voucher
from weftwork.spec import emission
from weftwork.spec.emission import Activity
from weftwork.spec.merkle import Claim, ClaimKind

BURNED = """
# pragma version ~=0.4.3
burned_of: public(HashMap[uint256, uint256])
@external
def burn(subnet: uint256, amount: uint256):
    self.burned_of[subnet] += amount
"""


@pytest.fixture(scope="module")
def usage():
    world = World()
    world.meter = world.vm.deploy(BURNED)
    world.usage = world.vm.deploy("UsagePolicy", world.meter, 9_000)
    world.usage.bind(world.founder)
    return world


@given(st.lists(st.integers(0, 10**24), min_size=1, max_size=4), st.integers(0, 10**24))
def test_contract_and_spec_share_by_usage_alike(usage, burnt, budget):
    point = usage.vm.snapshot()
    for _ in range(2):
        for subnet, amount in enumerate(burnt, 1):
            usage.meter.burn(subnet, amount)
            given = usage.usage.allot(subnet, budget, sender=usage.founder)
    expected = emission.UsageFeePolicy(9_000).allot(
        budget, {subnet: Activity(0, amount) for subnet, amount in enumerate(burnt, 1)}
    )
    assert given == expected[len(burnt)]
    usage.vm.restore(point)


def test_only_epochs_counts_usage(usage):
    with usage.vm.reverts("usage: caller is not the epochs contract"):
        usage.usage.allot(1, WAD, sender=usage.vm.account("mallory"))
    with usage.vm.reverts("usage: a fee must burn more than it attracts"):
        usage.vm.deploy("UsagePolicy", usage.meter, 10_000)


def test_subnet_that_died_takes_nothing_of_the_others_emission(usage):
    point = usage.vm.snapshot()
    usage.meter.burn(1, 900 * WAD)
    usage.usage.allot(1, WAD, sender=usage.founder)
    usage.usage.allot(1, WAD, sender=usage.founder)
    usage.meter.burn(2, 100 * WAD)
    assert usage.usage.allot(2, WAD, sender=usage.founder) == WAD
    usage.vm.restore(point)


def test_equal_policy_gives_each_live_subnet_the_same():
    world = World()
    world.create(world.params)
    assert (
        world.policy.allot(1, 101)
        == emission.EqualPolicy().allot(101, {1: Activity(), 2: Activity()})[1]
        == 50
    )


def test_stake_policy_gives_a_subnet_its_part_of_the_stake():
    world = World(policy="StakePolicy")
    second = world.create(world.params)
    world.join("alice", 30 * WAD)
    assert world.policy.allot(1, 100) == 100
    world.join("bob", 10 * WAD, subnet=second)
    votes = {1: Activity(stake_votes=30), 2: Activity(stake_votes=10)}
    assert [world.policy.allot(n, 101) for n in (1, 2)] == list(
        emission.StakeVotePolicy().allot(101, votes).values()
    )


@pytest.mark.parametrize("washed", [100, 1_000])
def test_who_owns_a_whole_subnet_and_pays_himself_loses_money(washed):
    """One person is the only validator, miner and client, and washes tokens through an epoch."""
    world = World(policy="UsagePolicy")
    owner = world.join("owner", 100 * WAD)
    world.enter(owner)
    epoch = world.next_epoch()
    world.judge([(owner, {0: 1})])
    account = world.fund(owner.account, washed * WAD)

    def wealth():
        staked = world.stakes.stake_of(world.subnet, owner.agent, account)
        return world.token.balanceOf(account) + staked

    before = wealth()
    world.channels.open(account, world.subnet, "0x" + "00" * 20, washed * WAD, sender=account)
    receipt = b"\7" * 32
    voucher = Voucher(world.channels.channel_id(account, account), washed * WAD, receipt)
    signature = account.sign(voucher.digest(Domain(world.vm.chain_id, world.channels.address)))
    world.channels.claim(account, account, washed * WAD, receipt, signature)
    world.channels.pull(account)
    world.next_epoch()
    pot = world.seal(epoch)
    claims = [Claim(0, ClaimKind.STAKE, owner.agent, owner.address, pot)]
    world.close(world.closing(epoch, claims), owner)
    world.claim(epoch, claims, 0)

    burnt = world.channels.burned_of(world.subnet)
    assert burnt == washed * WAD * 500 // 10_000
    minted = pot - washed * WAD * 500 // 10_000
    assert minted == min(20 * WAD, burnt * 9 // 10)
    assert wealth() - before == minted - burnt < 0
