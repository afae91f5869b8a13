"""Epochs on a real ledger: validators compute one closing, and anyone recomputes it from the chain alone."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.ledger_world import LedgerWorld

from weftwork import closing
from weftwork.errors import BadRecord, ClosingDiffers, EpochNotFound
from weftwork.ledger.deployment import WAD
from weftwork.spec.merkle import ClaimKind
from weftwork.spec.subnet import SUBNET_PRESETS


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


# faults


@pytest.fixture
def fresh():
    """One judged epoch, sealed and not yet closed."""
    world = LedgerWorld()
    world.alice, world.bob = world.join("alice", 60 * WAD), world.join("bob", 40 * WAD)
    world.mia, world.max = world.join("mia"), world.join("max")
    world.enter(world.alice, world.bob)
    world.next_epoch()
    row = {world.mia.uid: 3, world.max.uid: 1}
    world.now = world.judge((world.alice, row), (world.bob, row))
    world.next_epoch()
    world.seal(world.now)
    yield world
    world.close()


def votes_for(world, plan):
    return [closing.sign_closing(plan, v.account, world.contracts) for v in (world.alice, world.bob)]


def test_cabal_that_closes_as_it_likes_is_named_and_the_next_epoch_goes_on(fresh):
    world = fresh
    honest = world.plan(world.now)
    forged = dataclasses.replace(
        honest, closing=honest.closing.replace(payout=1, claims=b"\1" * 32, bonds=b"\2" * 32)
    )
    closing.submit_closing(
        world.chain, world.contracts, world.founder, forged.closing, votes_for(world, forged)
    )
    with pytest.raises(ClosingDiffers) as caught:
        closing.verify_closing(world.chain, world.contracts, world.subnet, world.now)
    assert caught.value.value == "bonds"
    row = {world.mia.uid: 1}
    epoch = world.judge((world.alice, row), (world.bob, row))
    world.next_epoch()
    plan = world.settle(epoch, world.alice, world.bob)
    assert plan.closing.previous == forged.closing.id
    assert closing.verify_closing(world.chain, world.contracts, world.subnet, epoch).closing == plan.closing


def test_two_closers_and_two_claimers_at_once_do_the_work_once(fresh):
    world = fresh
    plan = world.plan(world.now)
    votes = votes_for(world, plan)
    closers = [world.alice.account, world.bob.account]
    with ThreadPoolExecutor(2) as pool:
        done = list(
            pool.map(
                lambda who: closing.submit_closing(world.chain, world.contracts, who, plan.closing, votes),
                closers,
            )
        )
        assert done[0].tx == done[1].tx
        list(pool.map(lambda who: closing.claim_all(world.chain, world.contracts, who, plan), closers))
    assert world.at("token").call("balanceOf", world.contracts.epochs) == 0


def test_validator_does_not_sign_while_an_earlier_epoch_is_open(fresh):
    """Its closing names the one before; signing early would mean signing twice, which is slashed."""
    world = fresh
    row = {world.mia.uid: 1}
    epoch = world.judge((world.alice, row), (world.bob, row))
    world.next_epoch()
    world.seal(epoch)
    with pytest.raises(EpochNotFound, match="still open"):
        world.plan(epoch)
    world.settle(world.now, world.alice, world.bob)
    assert world.settle(epoch, world.alice, world.bob).closing.payout > 0


def test_validator_that_never_reveals_earns_nothing_and_stops_nobody(fresh):
    world = fresh
    world.settle(world.now, world.alice, world.bob)
    for _ in range(2):
        epoch = world.judge((world.alice, {world.mia.uid: 1}))
        world.next_epoch()
        world.seal(epoch)
        plan = world.plan(epoch)
        if plan.closing.payout and len(plan.snapshot.seats) == 2:
            world.mine_to(plan.snapshot.last_block + plan.snapshot.params.closing_window + 2)
        vote = closing.sign_closing(plan, world.alice.account, world.contracts)
        closing.submit_closing(world.chain, world.contracts, world.founder, plan.closing, [vote])
    assert [seat.uid for seat in plan.snapshot.seats] == [world.alice.uid], "inactive after two misses"
    assert world.bob.agent not in {claim.agent for claim in plan.claims}


def test_account_without_a_seat_cannot_vote(fresh):
    with pytest.raises(BadRecord, match="no seat"):
        closing.sign_closing(fresh.plan(fresh.now), fresh.mia.account, fresh.contracts)


def test_epoch_sealed_too_late_for_its_block_hash_closes_all_the_same():
    world = LedgerWorld(SUBNET_PRESETS["local"].replace(stall_epochs=10))
    alice = world.join("alice", 60 * WAD)
    world.enter(alice)
    world.next_epoch()
    epoch = world.judge((alice, {0: 1}))
    world.mine_to(world.chain.block_number() + 300)
    late = world.seal(epoch)
    assert late.snapshot == bytes(32)
    plan = world.settle(epoch, alice)
    assert closing.verify_closing(world.chain, world.contracts, world.subnet, epoch).closing == plan.closing


def test_subnet_that_slept_wakes_up(fresh):
    """Nobody judges for many epochs: those in which nobody could vote are passed over."""
    world = fresh
    plan = world.plan(world.now)
    closing.submit_closing(world.chain, world.contracts, world.founder, plan.closing, votes_for(world, plan))
    world.mine_to(world.chain.block_number() + 6 * 40)
    epochs = world.at("epochs")
    stalled = epochs.call("next_close", world.subnet)
    world.seal(stalled)
    epochs.send(world.founder, "skip", world.subnet, stalled)
    row = {world.mia.uid: 1}
    world.next_epoch()
    epoch = world.judge((world.alice, row), (world.bob, row))
    world.next_epoch()
    plan = world.settle(epoch, world.alice, world.bob)
    assert plan.closing.payout > 0
    assert closing.verify_closing(world.chain, world.contracts, world.subnet, epoch).claims == plan.claims
