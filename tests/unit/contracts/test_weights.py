"""Validators take seats, seal their weights, reveal them, and what Weights refuses on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness.vm import Reverted
from harness.world import KEY, SALT, WAD, World
from hypothesis import given
from hypothesis import strategies as st

from weftwork.spec.commit import commit_sampling, commit_weights
from weftwork.spec.merkle import Claim, ClaimKind
from weftwork.spec.quorum import active_validators, safe_validators
from weftwork.spec.subnet import SUBNET_PRESETS


@pytest.fixture(scope="module")
def judged():
    """Two validators with seats and two miners, at the start of the validators' first epoch."""
    rules = SUBNET_PRESETS["local"].replace(
        stake_threshold=5 * WAD, version_key=3, min_weights=2, max_weight=60_000
    )
    world = World(rules)
    world.alice, world.bob = world.join("alice", 60 * WAD), world.join("bob", 40 * WAD)
    world.mia, world.max = world.join("mia"), world.join("max")
    world.enter(world.alice, world.bob)
    world.now = world.next_epoch()
    return world


@pytest.fixture
def world(judged):
    point = judged.vm.snapshot()
    yield judged
    judged.vm.restore(point)


def seal(world, actor, uids, values, version=3, key=KEY):
    sealed = commit_weights(
        world.vm.chain_id,
        world.weights.address,
        world.subnet,
        world.epoch,
        actor.uid,
        uids,
        values,
        version,
        key,
        SALT,
    )
    world.weights.commit_weights(world.subnet, actor.uid, sealed, sender=actor.account)


def show(world, actor, uids, values, version=3, key=KEY):
    world.weights.reveal_weights(
        world.subnet, actor.uid, uids, values, version, key, SALT, sender=actor.account
    )


def test_revealed_weights_are_public_with_the_block_of_their_commitment(world):
    seal(world, world.alice, [2, 3], [30, 40])
    committed = world.vm.block
    world.open_reveals()
    show(world, world.alice, [2, 3], [30, 40])
    event = world.vm.event("WeightsRevealed").args
    assert (event.uid, event.uids, event.values, event.committed_at) == (0, [2, 3], [30, 40], committed)
    assert world.weights.revealed(world.subnet, world.now) == 1


def test_validator_that_reveals_other_weights_than_it_committed_is_refused(world):
    seal(world, world.alice, [2, 3], [30, 40])
    world.open_reveals()
    with world.vm.reverts("weights: reveal differs from the commitment"):
        show(world, world.alice, [2, 3], [40, 30])


def test_copied_commitment_cannot_be_revealed_by_the_copier(world):
    seal(world, world.alice, [2, 3], [30, 40])
    copied = world.weights.commitments(world.subnet, world.now, world.alice.uid).hash
    world.weights.commit_weights(world.subnet, world.bob.uid, copied, sender=world.bob.account)
    world.open_reveals()
    show(world, world.alice, [2, 3], [30, 40])
    with world.vm.reverts("weights: reveal differs from the commitment"):
        show(world, world.bob, [2, 3], [30, 40])


def test_weights_of_an_earlier_epoch_cannot_be_shown_again(world):
    seal(world, world.alice, [2, 3], [30, 40])
    old = world.weights.commitments(world.subnet, world.now, world.alice.uid).hash
    world.next_epoch()
    world.weights.commit_weights(world.subnet, world.alice.uid, old, sender=world.alice.account)
    world.open_reveals()
    with world.vm.reverts("weights: reveal differs from the commitment"):
        show(world, world.alice, [2, 3], [30, 40])


def test_commits_close_before_reveals_open(world):
    with world.vm.reverts("weights: reveals are not open"):
        show(world, world.alice, [2, 3], [30, 40])
    world.open_reveals()
    with world.vm.reverts("weights: commits are closed"):
        seal(world, world.alice, [2, 3], [30, 40])


def test_one_commitment_and_one_reveal_an_epoch(world):
    seal(world, world.alice, [2, 3], [30, 40])
    with world.vm.reverts("weights: already committed"):
        seal(world, world.alice, [2, 3], [30, 40])
    world.open_reveals()
    show(world, world.alice, [2, 3], [30, 40])
    with world.vm.reverts("weights: already revealed"):
        show(world, world.alice, [2, 3], [30, 40])
    with world.vm.reverts("weights: nothing was committed"):
        show(world, world.bob, [2, 3], [30, 40])


@pytest.mark.parametrize(
    ("uids", "values", "version", "reason"),
    [
        ([2, 3], [30], 3, "weights: not one value for each uid"),
        ([2, 3], [30, 40], 2, "weights: version is too old"),
        ([2, 2], [30, 40], 3, "weights: uid is given twice"),
        ([2, 4], [30, 40], 3, "weights: uid does not exist"),
        ([2, 3], [30, 65_536], 3, "weights: value is over 65535"),
        ([2], [30], 3, "weights: too few weights"),
        ([2, 3], [1, 99], 3, "weights: one weight is too large"),
    ],
)
def test_row_that_breaks_a_rule_is_refused_with_its_own_reason(world, uids, values, version, reason):
    seal(world, world.alice, uids, values, version)
    world.open_reveals()
    with world.vm.reverts(reason):
        show(world, world.alice, uids, values, version)


def test_only_seats_with_enough_stake_commit(world):
    with world.vm.reverts("weights: validator has no seat"):
        seal(world, world.mia, [2, 3], [30, 40])
    with world.vm.reverts("weights: nobody is registered there"):
        world.weights.commit_weights(world.subnet, 9, b"\1" * 32, sender=world.alice.account)
    with world.vm.reverts("weights: caller is not the wallet"):
        world.weights.commit_weights(world.subnet, 0, b"\1" * 32, sender=world.bob.account)
    with world.vm.reverts("weights: commitment is empty"):
        world.weights.commit_weights(world.subnet, 0, b"\0" * 32, sender=world.alice.account)
    world.stakes.unstake(world.subnet, world.alice.agent, 56 * WAD, sender=world.alice.account)
    with world.vm.reverts("weights: stake is below the threshold"):
        seal(world, world.alice, [2, 3], [30, 40])


def test_stake_taken_out_before_the_reveal_silences_its_validator(world):
    seal(world, world.alice, [2, 3], [30, 40])
    world.open_reveals()
    world.stakes.unstake(world.subnet, world.alice.agent, 60 * WAD, sender=world.alice.account)
    with world.vm.reverts("weights: stake is below the threshold"):
        show(world, world.alice, [2, 3], [30, 40])


# sampling keys


def test_sampling_key_that_was_fixed_before_the_epoch_is_shown_with_its_weights(world):
    world.weights.commit_sampling(
        world.subnet, world.alice.uid, commit_sampling(b"a" * 32), sender=world.alice.account
    )
    with world.vm.reverts("weights: sampling is committed"):
        world.weights.commit_sampling(
            world.subnet, world.alice.uid, commit_sampling(b"b" * 32), sender=world.alice.account
        )
    world.next_epoch()
    seal(world, world.alice, [2, 3], [30, 40], key=b"b" * 32)
    world.open_reveals()
    with world.vm.reverts("weights: sampling key differs from the commitment"):
        show(world, world.alice, [2, 3], [30, 40], key=b"b" * 32)


def test_neuron_that_gives_up_its_uid_leaves_no_sampling_key_to_its_successor():
    world = World(SUBNET_PRESETS["local"].replace(max_uids=1))
    spoiler = world.join("spoiler")
    world.weights.commit_sampling(world.subnet, spoiler.uid, b"x" * 32, sender=spoiler.account)
    world.subnets.deregister(world.subnet, spoiler.agent, sender=spoiler.account)
    honest = world.join("honest", 10 * WAD)
    world.enter(honest)
    world.next_epoch()
    world.judge([(honest, {0: 1})])
    assert world.weights.revealed(world.subnet, world.epoch) == 1 << honest.uid


# seats


def test_seat_counts_from_the_next_epoch_on(world):
    world.stakes.stake(world.subnet, world.mia.agent, 6 * WAD, sender=world.mia.account)
    world.enter(world.mia)
    assert world.weights.seats_at(world.subnet, world.now) == 0b11
    assert world.weights.seats_at(world.subnet, world.now + 1) == 0b111
    with world.vm.reverts("weights: already entered"):
        world.enter(world.mia)
    world.weights.leave(world.subnet, world.bob.uid, sender=world.bob.account)
    assert world.weights.seats_at(world.subnet, world.now + 1) == 0b101
    with world.vm.reverts("weights: no seat to leave"):
        world.weights.leave(world.subnet, world.bob.uid, sender=world.bob.account)


def test_seat_needs_stake(world):
    with world.vm.reverts("weights: stake is below the threshold"):
        world.enter(world.max)


def test_when_seats_are_taken_more_stake_takes_the_one_with_the_least():
    world = World(SUBNET_PRESETS["local"].replace(max_validators=2))
    people = [world.join(name, amount * WAD) for name, amount in [("a", 5), ("b", 3), ("c", 4), ("d", 3)]]
    world.enter(*people[:3])
    assert world.weights.seats_at(world.subnet, 1) == 0b101
    with world.vm.reverts("weights: every seat has more stake"):
        world.enter(people[3])


def test_validator_is_inactive_after_two_missed_reveals_and_back_with_the_next(world):
    one = 1 << world.alice.uid
    seen = []
    for reveals in (True, False, False, True, False):
        if reveals:
            seal(world, world.alice, [2, 3], [30, 40])
            world.open_reveals()
            show(world, world.alice, [2, 3], [30, 40])
        seen.append(bool(world.weights.active_at(world.subnet, world.epoch) & one))
        world.next_epoch()
    assert seen == [True, True, False, True, True]
    assert world.weights.next_judged(world.subnet, world.now + 2) == world.now + 3
    assert world.weights.total_stake(world.subnet, world.now) == 60 * WAD
    assert world.weights.total_stake(world.subnet, world.now + 2) == 0


def test_newcomer_votes_from_its_first_reveal_on(world):
    seal(world, world.bob, [2, 3], [30, 40])
    world.open_reveals()
    assert world.weights.total_stake(world.subnet, world.now) == 0
    show(world, world.bob, [2, 3], [30, 40])
    assert world.weights.total_stake(world.subnet, world.now) == 40 * WAD


def test_validator_that_leaves_and_enters_in_turn_without_a_reveal_never_votes(world):
    for _ in range(3):
        world.weights.leave(world.subnet, world.bob.uid, sender=world.bob.account)
        epoch = world.next_epoch()
        world.enter(world.bob)
        assert world.weights.total_stake(world.subnet, epoch) == 0
        epoch = world.next_epoch()
        assert world.weights.total_stake(world.subnet, epoch) == 0


def test_squatter_on_an_idle_seat_is_pruned_and_the_paid_miner_stays():
    world = World(SUBNET_PRESETS["local"].replace(max_uids=3))
    judge, squatter = world.join("judge", 10 * WAD), world.join("squatter", 10**15)
    miner = world.join("miner")
    world.enter(judge, squatter)
    world.next_epoch()
    for _ in range(3):
        world.judge([(judge, {miner.uid: 1})])
        epoch = world.epoch
        world.next_epoch()
        world.seal(epoch)
        claims = [Claim(0, ClaimKind.PAY, miner.agent, miner.address, WAD)]
        world.close(world.closing(epoch, claims), judge)
        world.claim(epoch, claims, 0)
    assert world.join("newcomer").uid == squatter.uid


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=4))
def test_contract_and_spec_agree_on_who_is_active(judged, history):
    world = judged
    point = world.vm.snapshot()
    before_shown, earlier = 0, 0
    for alice_reveals, bob_reveals in history:
        for actor, reveals in ((world.alice, alice_reveals), (world.bob, bob_reveals)):
            if reveals:
                seal(world, actor, [2, 3], [30, 40])
        world.open_reveals()
        for actor, reveals in ((world.alice, alice_reveals), (world.bob, bob_reveals)):
            if reveals:
                show(world, actor, [2, 3], [30, 40])
        shown = alice_reveals * 1 + bob_reveals * 2
        assert world.weights.active_at(world.subnet, world.epoch) == active_validators(
            0b11, shown, before_shown
        )

        assert (world.weights.next_judged(world.subnet, world.epoch) == world.epoch) == bool(
            shown | before_shown
        )
        assert world.weights.safe_seats(world.subnet) == safe_validators(0b11, shown, before_shown, earlier)
        before_shown, earlier = shown, before_shown
        world.next_epoch()
    world.vm.restore(point)


@pytest.fixture(scope="module")
def lax():
    """A validator on a subnet of four neurons that takes any row."""
    world = World(SUBNET_PRESETS["local"].replace(min_weights=0))
    world.alice = world.join("alice", 60 * WAD)
    for name in ("mia", "max", "moe"):
        world.join(name)
    world.enter(world.alice)
    world.next_epoch()
    return world


@given(
    st.lists(st.integers(0, 65_535), max_size=4),
    st.integers(0, 2**32),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
)
def test_contract_and_spec_hash_the_same_commitment(lax, values, version, key, salt):
    point = lax.vm.snapshot()
    uids = list(range(len(values)))
    fields = (
        lax.vm.chain_id,
        lax.weights.address,
        lax.subnet,
        lax.epoch,
        0,
        uids,
        values,
        version,
        key,
        salt,
    )
    lax.weights.commit_weights(lax.subnet, 0, commit_weights(*fields), sender=lax.alice.account)
    lax.open_reveals()
    lax.weights.reveal_weights(lax.subnet, 0, uids, values, version, key, salt, sender=lax.alice.account)
    assert lax.weights.revealed(lax.subnet, 1) == 1
    lax.vm.restore(point)


def test_pruned_validators_seat_does_not_pass_to_the_next_neuron(world):
    world.subnets.deregister(world.subnet, world.bob.agent, sender=world.bob.account)
    assert world.weights.seat(world.subnet, world.now, world.bob.uid)[0] == world.bob.agent
    full = World(SUBNET_PRESETS["local"].replace(max_uids=2))
    old, _ = full.join("old", 5 * WAD), full.join("other")
    full.enter(old)
    epoch = full.next_epoch()
    full.subnets.deregister(full.subnet, old.agent, sender=old.account)
    new = full.join("new", 5 * WAD)
    assert new.uid == old.uid
    with full.vm.reverts("weights: seat is another agent's"):
        full.commit(new, {1: 1})
    full.enter(new)
    assert full.weights.seat(full.subnet, epoch, 0)[0] == old.agent
    assert full.weights.seat(full.subnet, epoch + 1, 0)[0] == new.agent


def test_only_subnets_takes_a_seat_away(world):
    with world.vm.reverts("weights: caller is not the subnets contract"):
        world.weights.drop_seat(world.subnet, world.bob.uid, sender=world.alice.account)


def test_validator_that_gives_up_its_uid_loses_the_seat_at_once(world):
    world.subnets.deregister(world.subnet, world.bob.agent, sender=world.bob.account)
    assert world.weights.seats_at(world.subnet, world.now) == 0b11, "this epoch stays as it was"
    assert world.weights.seats_at(world.subnet, world.now + 1) == 0b01


def expect(error):
    """Weights may refuse a move, nobody else."""
    assert error.reason.startswith("weights: ")


MOVES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["move", "enter", "leave", "judge", "wait"])), max_size=12
)


@given(MOVES)
def test_agents_that_move_between_uids_never_vote_with_more_than_their_stake(judged, moves):
    world = judged
    point = world.vm.snapshot()
    world.stakes.stake(world.subnet, world.mia.agent, 7 * WAD, sender=world.mia.account)
    people = [world.alice, world.bob, world.mia]
    uids = {person.agent: person.uid for person in people}
    for who, move in moves:
        person = people[who]
        sender, uid = person.account, uids[person.agent]
        try:
            if move == "move":
                world.token.transfer(person.account, 500 * WAD, sender=world.founder)
                world.subnets.deregister(world.subnet, person.agent, sender=sender)
                uids[person.agent] = world.subnets.register(
                    world.subnet, person.agent, 2**127, 2**127, sender=sender
                )
            elif move == "judge":
                world.next_epoch()
                mover = replace(person, uid=uid)
                seal(world, mover, [0, 1], [30, 40])
                world.open_reveals()
                show(world, mover, [0, 1], [30, 40])
            elif move == "wait":
                world.next_epoch()
            else:
                getattr(world.weights, move)(world.subnet, uid, sender=sender)
        except Reverted as error:
            expect(error)
        for epoch in (world.epoch, world.epoch + 1):
            word = world.weights.seats_at(world.subnet, epoch)
            agents = [
                world.weights.seat(world.subnet, epoch, bit)[0] for bit in range(256) if word >> bit & 1
            ]
            assert len(agents) == len(set(agents)), "one seat an agent"
            voting = world.weights.total_stake(world.subnet, epoch)
            assert voting <= world.weights.seated_stake(world.subnet, epoch)
            assert world.weights.seated_stake(world.subnet, epoch) <= world.stakes.total_of(world.subnet)
    world.vm.restore(point)
