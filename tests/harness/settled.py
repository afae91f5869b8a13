"""A subnet after one judged and sealed epoch: three validators, two miners, and claims that pay them."""

from __future__ import annotations

from harness.world import WAD, World
from weftwork.spec.merkle import Claim, ClaimKind


def make_settled() -> World:
    """Validators with 60, 30 and 10 of the stake and two miners after one judged and sealed epoch."""
    world = World()
    world.alice, world.bob = world.join("alice", 60 * WAD), world.join("bob", 30 * WAD)
    world.cara = world.join("cara", 10 * WAD)
    world.mia, world.max = world.join("mia"), world.join("max")
    world.enter(world.alice, world.bob, world.cara)
    world.now = world.next_epoch()
    row = {world.mia.uid: 3, world.max.uid: 1}
    world.judge([(world.alice, row), (world.bob, row), (world.cara, row)])
    world.next_epoch()
    world.pot = world.seal(world.now)
    return world


def pay(world, *amounts):
    people = [world.mia, world.max, world.alice, world.bob]
    kinds = [ClaimKind.PAY, ClaimKind.PAY, ClaimKind.STAKE, ClaimKind.STAKE]
    return [
        Claim(i, kind, p.agent, p.address, amount)
        for i, (p, kind, amount) in enumerate(zip(people, kinds, amounts, strict=False))
    ]
