"""An epoch from stake to paid claim, and everything that Epochs refuses."""

from __future__ import annotations

import pytest
from harness.world import WAD, World

from weftwork.spec.merkle import Claim, ClaimKind


@pytest.fixture(scope="module")
def settled():
    """Two validators and two miners after one judged and sealed epoch."""
    world = World()
    world.alice, world.bob = world.join("alice", 60 * WAD), world.join("bob", 40 * WAD)
    world.mia, world.max = world.join("mia"), world.join("max")
    world.enter(world.alice, world.bob)
    world.now = world.next_epoch()
    row = {world.mia.uid: 3, world.max.uid: 1}
    world.judge([(world.alice, row), (world.bob, row)])
    world.next_epoch()
    world.pot = world.seal(world.now)
    return world


@pytest.fixture
def world(settled):
    point = settled.vm.snapshot()
    yield settled
    settled.vm.restore(point)


def pay(world, *amounts):
    people = [world.mia, world.max, world.alice, world.bob]
    kinds = [ClaimKind.PAY, ClaimKind.PAY, ClaimKind.STAKE, ClaimKind.STAKE]
    return [
        Claim(i, kind, p.agent, p.address, amount)
        for i, (p, kind, amount) in enumerate(zip(people, kinds, amounts, strict=False))
    ]


def test_epoch_is_judged_closed_and_paid(world):
    assert world.pot == 20 * WAD
    claims = pay(world, 8 * WAD, 2 * WAD, 6 * WAD, 4 * WAD)
    closing = world.closing(world.now, claims)
    minted = world.token.minted()
    world.close(closing, world.alice, world.bob)
    assert world.token.minted() - minted == 20 * WAD
    assert world.epochs.previous(world.subnet) == closing.id

    before = world.token.balanceOf(world.mia)
    for index in range(4):
        world.claim(world.now, claims, index)
    assert world.token.balanceOf(world.mia) - before == 8 * WAD
    assert world.stakes.stake_of(world.subnet, world.alice.agent, world.alice) == 66 * WAD
    assert world.token.balanceOf(world.epochs) == 0
    assert world.unaccounted() == 0
