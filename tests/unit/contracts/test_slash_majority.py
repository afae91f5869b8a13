"""Collateral is burnt only by a closing that more than half of the stake on all seats has signed."""

from __future__ import annotations

import pytest
from harness.settled import make_settled
from harness.world import WAD

from weftwork.spec.merkle import Claim, ClaimKind, merkle_proof


@pytest.fixture(scope="module")
def settled():
    return make_settled()


@pytest.fixture
def world(settled):
    point = settled.vm.snapshot()
    yield settled
    settled.vm.restore(point)


def slash_leaves(world):
    return [
        Claim(0, ClaimKind.PAY, world.mia.agent, world.mia.address, WAD),
        Claim(1, ClaimKind.STAKE, world.alice.agent, world.alice.address, WAD),
        Claim(2, ClaimKind.SLASH, world.max.agent, world.max.address, 5 * WAD),
    ]


def judge_alone(world, *people):
    """An epoch that these alone may close, since nobody else revealed in it or before: its number, and the
    leaves of the closing that they signed, one of each kind."""
    world.close(world.closing(world.now, []), world.alice, world.bob)
    world.stakes.lock_collateral(world.subnet, world.max.agent, 50 * WAD, sender=world.max.account)
    for _ in range(2):
        epoch = world.epoch
        world.judge([(one, {world.mia.uid: 1}) for one in people])
        world.next_epoch()
        world.seal(epoch)
        if epoch == world.now + 1:
            world.close(world.closing(epoch, []), world.alice, world.bob, world.cara)
    claims = slash_leaves(world)
    world.close(world.closing(epoch, claims), *people)
    return epoch, claims


def test_dust_that_alone_revealed_closes_an_epoch_and_burns_nobodys_collateral(world):
    epoch, claims = judge_alone(world, world.cara)
    assert (
        world.epochs.epochs(world.subnet, epoch).total
        == world.epochs.signed_of(world.subnet, epoch)
        == 10 * WAD
    )
    assert world.weights.seated_stake(world.subnet, epoch) == 100 * WAD
    assert not world.epochs.may_slash(world.subnet, epoch)
    many = [
        (
            c.index,
            int(c.kind),
            c.agent,
            c.account,
            c.amount,
            merkle_proof(world.leaves(epoch, claims), c.index),
        )
        for c in claims
    ]
    for attempt in (
        lambda: world.claim(epoch, claims, 2),
        lambda: world.epochs.claim_many(world.subnet, epoch, many),
    ):
        with world.vm.reverts("epochs: too little stake signed to slash"):
            attempt()
    assert not world.epochs.is_claimed(world.subnet, epoch, 2)
    assert world.stakes.collaterals(world.subnet, world.max.agent).amount == 50 * WAD
    before = world.token.balanceOf(world.mia)
    world.epochs.claim_many(world.subnet, epoch, many[:2])
    assert world.token.balanceOf(world.mia) - before == WAD, "pay and rewards are as before"
    assert world.unaccounted() == 0


@pytest.mark.parametrize(("names", "burns"), [(("alice",), True), (("bob", "cara"), False)])
def test_collateral_is_burnt_by_a_majority_of_all_seats_though_some_are_silent(world, names, burns):
    epoch, claims = judge_alone(world, *(getattr(world, name) for name in names))
    assert world.epochs.may_slash(world.subnet, epoch) == burns
    if burns:
        world.claim(epoch, claims, 2)
    else:
        with world.vm.reverts("epochs: too little stake signed to slash"):
            world.claim(epoch, claims, 2)
    left = 45 * WAD if burns else 50 * WAD
    assert world.stakes.collaterals(world.subnet, world.max.agent).amount == left


def test_exactly_half_of_all_seats_burns_nothing(world):
    world.stakes.stake(world.subnet, world.bob.agent, 20 * WAD, sender=world.bob.account)
    epoch, claims = judge_alone(world, world.alice)
    assert 2 * world.epochs.signed_of(world.subnet, epoch) == world.weights.seated_stake(world.subnet, epoch)
    with world.vm.reverts("epochs: too little stake signed to slash"):
        world.claim(epoch, claims, 2)


def test_stake_that_leaves_or_comes_after_the_epoch_changes_nothing_of_a_slash(world):
    claims = slash_leaves(world)
    world.stakes.lock_collateral(world.subnet, world.max.agent, 50 * WAD, sender=world.max.account)
    world.close(world.closing(world.now, claims), world.alice, world.bob)
    world.stakes.stake(world.subnet, world.cara.agent, 150 * WAD, sender=world.cara.account)
    world.weights.leave(world.subnet, world.alice.uid, sender=world.alice.account)
    world.next_epoch()
    assert world.weights.seated_stake(world.subnet, world.now) == 100 * WAD
    world.claim(world.now, claims, 2)
    assert world.stakes.collaterals(world.subnet, world.max.agent).amount == 45 * WAD
