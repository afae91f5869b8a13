"""Epochs on a real ledger: validators compute one closing, and anyone recomputes it from the chain alone."""

from __future__ import annotations

import pytest
from harness.ledger_world import LedgerWorld

from weftwork import closing
from weftwork.errors import ClosingDiffers, EpochNotFound
from weftwork.ledger.deployment import WAD
from weftwork.spec.merkle import ClaimKind


@pytest.fixture(scope="module")
def world():
    """Three epochs, judged by two validators who agree that the first miner is better."""
    world = LedgerWorld()
    world.alice, world.bob = world.join("alice", 60 * WAD), world.join("bob", 40 * WAD)
    world.mia, world.max = world.join("mia"), world.join("max")
    world.enter(world.alice, world.bob)
    world.closed = []
    world.next_epoch()
    for _ in range(3):
        row = {world.mia.uid: 3, world.max.uid: 1}
        epoch = world.judge((world.alice, row), (world.bob, row))
        world.next_epoch()
        world.closed.append((epoch, world.settle(epoch, world.alice, world.bob)))
    yield world
    world.close()


def test_better_miner_earns_more_and_every_unit_of_the_pot_is_accounted_for(world):
    token = world.at("token")
    assert token.call("balanceOf", world.mia.address) > token.call("balanceOf", world.max.address)
    for _, plan in world.closed:
        assert plan.closing.payout <= plan.closing.pot
        assert plan.closing.pot - plan.closing.payout < 100, "only rests of divisions stay unminted"
        assert {c.kind for c in plan.claims} == {ClaimKind.PAY, ClaimKind.STAKE}
    assert token.call("balanceOf", world.contracts.epochs) == 0


def test_stranger_recomputes_every_closing_from_the_chain_alone(world):
    for epoch, plan in world.closed:
        found = closing.verify_closing(world.chain, world.contracts, world.subnet, epoch)
        assert found.closing == plan.closing
        assert found.claims == plan.claims


def test_each_closing_follows_from_the_one_before(world):
    ids = [plan.closing.id for _, plan in world.closed]
    assert [plan.closing.previous for _, plan in world.closed][1:] == ids[:-1]


def test_changed_field_of_a_closing_is_named(world):
    _, plan = world.closed[-1]
    with pytest.raises(ClosingDiffers, match="payout") as caught:
        closing.compare_closings(plan.closing, plan.closing.replace(payout=plan.closing.payout - 1))
    assert caught.value.value == "payout"


def test_epoch_that_has_not_ended_has_no_snapshot(world):
    with pytest.raises(EpochNotFound, match="ends with block"):
        closing.read_snapshot(world.chain, world.contracts, world.subnet, world.epoch + 1)
    with pytest.raises(EpochNotFound, match="not sealed"):
        closing.read_sealed(world.chain, world.contracts, world.subnet, world.epoch)


def test_vote_travels_as_json(world):
    _, plan = world.closed[-1]
    vote = closing.sign_closing(plan, world.alice.account, world.contracts)
    assert closing.Vote.from_json(vote.to_json()) == vote
