"""Two signatures of one validator under two results of an epoch: shown, slashed once, at no profit."""

from __future__ import annotations

import pytest
from harness.settled import make_settled, pay
from harness.world import UNBONDING, WAD, as_tuple


@pytest.fixture(scope="module")
def settled():
    return make_settled()


@pytest.fixture
def world(settled):
    point = settled.vm.snapshot()
    yield settled
    settled.vm.restore(point)


def two_closings(world):
    return world.closing(world.now, pay(world, WAD)), world.closing(world.now, pay(world, 2 * WAD))


def report(world, uid, first, second, first_signer, second_signer, sender):
    world.epochs.report_equivocation(
        uid,
        as_tuple(first),
        world.vote(first, first_signer)[0][1],
        as_tuple(second),
        world.vote(second, second_signer)[0][1],
        sender=sender,
    )


def test_validator_that_signs_two_closings_is_slashed_with_all_that_backs_it(world):
    world.stakes.lock_collateral(world.subnet, world.bob.agent, 5 * WAD, sender=world.bob.account)
    world.stakes.unstake(world.subnet, world.bob.agent, 10 * WAD, sender=world.bob.account)
    supply, rita = world.token.totalSupply(), world.vm.account("rita")
    report(world, world.bob.uid, *two_closings(world), world.bob, world.bob, rita)
    assert world.stakes.pools(world.subnet, world.bob.agent).amount == 18 * WAD
    assert world.stakes.unbonding_pools(world.subnet, world.bob.agent).amount == 9 * WAD
    assert world.stakes.collaterals(world.subnet, world.bob.agent).amount == 45 * WAD // 10
    cut = 35 * WAD // 10
    reported = (2 * WAD + WAD // 2) // 10
    assert world.token.balanceOf(rita) == reported, "a tenth of what its own shares and collateral lose"
    assert supply - world.token.totalSupply() == cut - reported
    with world.vm.reverts("epochs: already slashed"):
        report(world, world.bob.uid, *two_closings(world), world.bob, world.bob, rita)


def test_validator_that_has_itself_reported_gets_nothing_of_its_delegators_stake(world):
    agent, thief = world.cara.agent, world.vm.account("thief")
    dan = world.fund(world.vm.account("dan"), 1_000 * WAD)
    world.stakes.stake(world.subnet, agent, 1_000 * WAD, sender=dan)
    report(world, world.cara.uid, *two_closings(world), world.cara, world.cara, thief)
    own = 10 * WAD - world.stakes.stake_of(world.subnet, agent, world.cara)
    assert own >= WAD
    assert world.token.balanceOf(thief) <= own // 10


def test_validator_that_hands_its_agent_to_a_delegator_gets_nothing_of_the_delegators_stake(world):
    agent, thief = world.cara.agent, world.vm.account("thief")
    dan = world.fund(world.vm.account("dan"), 1_000 * WAD)
    world.stakes.stake(world.subnet, agent, 1_000 * WAD, sender=dan)
    world.identity.transferFrom(world.cara.account, dan, agent, sender=world.cara.account)
    report(world, world.cara.uid, *two_closings(world), world.cara, world.cara, thief)
    assert world.token.balanceOf(thief) <= WAD // 10


def test_epochs_that_were_never_sealed_are_no_evidence(world):
    for epoch in (world.epoch, 10_000):
        first, second = (world.closing(world.now, [], epoch=epoch, payout=n) for n in (0, 1))
        with world.vm.reverts("epochs: epoch is not sealed"):
            report(world, world.bob.uid, first, second, world.bob, world.bob, world.founder)


def test_one_slash_covers_all_that_a_validator_signed_before_it(world):
    world.judge([(world.alice, {0: 1}), (world.bob, {0: 1})])
    world.next_epoch()
    world.epochs.seal(world.subnet, world.now + 1)
    report(world, world.bob.uid, *two_closings(world), world.bob, world.bob, world.founder)
    later = [world.closing(world.now + 1, [], bonds=bytes([n]) * 32) for n in (1, 2)]
    with world.vm.reverts("epochs: already slashed"):
        report(world, world.bob.uid, *later, world.bob, world.bob, world.founder)
    assert world.stakes.pools(world.subnet, world.bob.agent).amount == 27 * WAD


def test_evidence_older_than_the_unbonding_does_not_hit_who_delegates_now(world):
    first, second = two_closings(world)
    ended = world.subnets.first_block(world.subnet, world.now + 1)
    world.vm.mine(ended + UNBONDING - world.vm.block - 1)
    point = world.vm.snapshot()
    report(world, world.bob.uid, first, second, world.bob, world.bob, world.founder)
    world.vm.restore(point)
    world.vm.mine()
    with world.vm.reverts("epochs: evidence is too old"):
        report(world, world.bob.uid, first, second, world.bob, world.bob, world.founder)


def test_validator_that_changes_its_wallet_after_equivocating_is_slashed_all_the_same(world):
    world.identity.unsetAgentWallet(world.bob.agent, sender=world.bob.account)
    report(world, world.bob.uid, *two_closings(world), world.bob, world.bob, world.founder)
    assert world.stakes.pools(world.subnet, world.bob.agent).amount == 27 * WAD


def test_honest_validator_cannot_be_accused(world):
    first, second = two_closings(world)
    with world.vm.reverts("epochs: signer differs"):
        report(world, world.alice.uid, first, second, world.alice, world.bob, world.founder)
    with world.vm.reverts("epochs: the closings are the same"):
        report(world, world.alice.uid, first, first, world.alice, world.alice, world.founder)
    with world.vm.reverts("epochs: closings are of two epochs"):
        report(
            world,
            world.alice.uid,
            first,
            first.replace(epoch=5),
            world.alice,
            world.alice,
            world.founder,
        )
