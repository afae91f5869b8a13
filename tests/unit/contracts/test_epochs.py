"""An epoch from stake to paid claim, and everything that Epochs refuses."""

from __future__ import annotations

import pytest
from harness.settled import make_settled, pay
from harness.world import WAD, World, as_tuple

from weftwork.spec.merkle import Claim, ClaimKind, merkle_proof
from weftwork.spec.quorum import accepts_closing
from weftwork.spec.subnet import SUBNET_PRESETS


@pytest.fixture(scope="module")
def settled():
    return make_settled()


@pytest.fixture
def world(settled):
    point = settled.vm.snapshot()
    yield settled
    settled.vm.restore(point)


def pass_window(world):
    world.vm.mine(world.params.closing_window)


# the whole way


def test_epoch_is_judged_closed_and_paid(world):
    assert world.pot == 20 * WAD
    claims = pay(world, 8 * WAD, 2 * WAD, 6 * WAD, 4 * WAD)
    closing = world.closing(world.now, claims)
    minted = world.token.minted()
    world.close(closing, world.alice, world.bob)
    assert world.token.minted() - minted == 20 * WAD
    assert world.epochs.previous(world.subnet) == closing.id == world.epochs.hash_closing(as_tuple(closing))

    before = world.token.balanceOf(world.mia)
    for index in range(4):
        world.claim(world.now, claims, index)
    assert world.token.balanceOf(world.mia) - before == 8 * WAD
    assert world.stakes.stake_of(world.subnet, world.alice.agent, world.alice) == 66 * WAD
    assert world.token.balanceOf(world.epochs) == 0
    assert world.unaccounted() == 0


def test_stranger_claims_many_for_all_in_one_transaction(world):
    claims = pay(world, 8 * WAD, 2 * WAD, 6 * WAD, 4 * WAD)
    world.close(world.closing(world.now, claims), world.alice, world.bob)
    leaves = world.leaves(world.now, claims)
    items = [
        (c.index, int(c.kind), c.agent, c.account, c.amount, merkle_proof(leaves, c.index)) for c in claims
    ]
    world.epochs.claim_many(world.subnet, world.now, items, sender=world.vm.account("stranger"))
    assert all(world.epochs.is_claimed(world.subnet, world.now, i) for i in range(4))
    assert world.token.balanceOf(world.epochs) == 0


def test_emission_that_a_closing_leaves_is_never_minted(world):
    minted = world.token.minted()
    world.close(world.closing(world.now, pay(world, WAD)), world.alice, world.bob)
    assert world.token.minted() - minted == WAD
    assert world.epochs.reserved() == 0


# quorum


def test_two_thirds_close_at_once(world):
    world.close(world.closing(world.now, []), world.alice, world.cara)


def test_sixty_percent_wait_for_the_window_to_end(world):
    closing = world.closing(world.now, [])
    with world.vm.reverts("epochs: quorum is not reached"):
        world.close(closing, world.alice)
    pass_window(world)
    world.close(closing, world.alice)


def test_forty_percent_delay_a_closing_and_never_stop_it(world):
    closing = world.closing(world.now, pay(world, WAD))
    pass_window(world)
    with world.vm.reverts("epochs: quorum is not reached"):
        world.close(closing, world.bob, world.cara)
    world.close(closing, world.alice)
    assert world.epochs.next_close(world.subnet) == world.now + 1


def test_exactly_half_is_refused_before_and_after_the_window():
    world = World()
    alice, bob = world.join("alice", 50 * WAD), world.join("bob", 50 * WAD)
    world.enter(alice, bob)
    epoch = world.next_epoch()
    world.judge([(alice, {0: 1}), (bob, {0: 1})])
    world.next_epoch()
    world.seal(epoch)
    closing = world.closing(epoch, [])
    for _ in range(2):
        with world.vm.reverts("epochs: quorum is not reached"):
            world.close(closing, alice)
        pass_window(world)
    world.close(closing, alice, bob)


def test_contract_counts_stake_as_the_spec_does(world):
    record = world.epochs.epochs(world.subnet, world.now)
    assert record.total == 100 * WAD
    closing = world.closing(world.now, [])
    stake = {world.alice.uid: 60, world.bob.uid: 30, world.cara.uid: 10}
    people = [world.alice, world.bob, world.cara]
    for late in (False, True):
        for mask in range(8):
            signers = [p for i, p in enumerate(people) if mask >> i & 1]
            expected = accepts_closing(sum(stake[p.uid] for p in signers), 100, late)
            point = world.vm.snapshot()
            try:
                world.close(closing, *signers)
                accepted = True
            except Exception:
                accepted = False
            world.vm.restore(point)
            assert accepted == expected, (late, mask)
        pass_window(world)


def test_vote_counts_once(world):
    closing = world.closing(world.now, [])
    (vote,) = world.vote(closing, world.bob)
    with world.vm.reverts("epochs: votes are not by rising uid"):
        world.epochs.close(as_tuple(closing), [vote, vote])


def test_vote_of_another_key_or_another_seat_is_refused(world):
    closing = world.closing(world.now, [])
    (vote,) = world.vote(closing, world.bob)
    with world.vm.reverts("epochs: signer differs"):
        world.epochs.close(as_tuple(closing), [(world.alice.uid, vote[1])])
    with world.vm.reverts("epochs: nobody had that seat"):
        world.epochs.close(as_tuple(closing), [(world.mia.uid, vote[1])])


def test_second_closer_finds_the_epoch_closed(world):
    first, second = world.closing(world.now, pay(world, WAD)), world.closing(world.now, pay(world, 2 * WAD))
    world.close(first, world.alice, world.bob)
    with world.vm.reverts("epochs: epoch is already closed"):
        world.close(first, world.alice, world.bob)
    with world.vm.reverts("epochs: epoch is already closed"):
        world.close(second, world.alice, world.bob)


# what a closing binds


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("snapshot", b"\1" * 32, "epochs: snapshot differs"),
        ("params", b"\1" * 32, "epochs: params differ"),
        ("previous", b"\1" * 32, "epochs: previous closing differs"),
        ("pot", 21 * WAD, "epochs: pot differs"),
        ("subnet", 9, "epochs: epoch is not sealed"),
        ("epoch", 7, "epochs: epoch is not sealed"),
    ],
)
def test_closing_of_other_data_is_refused_even_if_all_sign(world, field, value, reason):
    closing = world.closing(world.now, [], **{field: value})
    with world.vm.reverts(reason):
        world.close(closing, world.alice, world.bob, world.cara)


def test_payout_over_the_pot_is_refused_even_if_all_sign(world):
    closing = world.closing(world.now, pay(world, 20 * WAD))
    over = list(as_tuple(closing))
    over[7] += 1
    with world.vm.reverts("epochs: payout is over the pot"):
        world.epochs.close(tuple(over), [])


def test_claims_over_the_payout_are_refused_whatever_the_root_says(world):
    claims = pay(world, 8 * WAD, 8 * WAD, 8 * WAD)
    world.close(world.closing(world.now, claims, payout=20 * WAD), world.alice, world.bob)
    world.claim(world.now, claims, 0)
    world.claim(world.now, claims, 1)
    with world.vm.reverts("epochs: claims are over the payout"):
        world.claim(world.now, claims, 2)


def test_snapshot_is_the_hash_of_the_epochs_last_block(world):
    last = world.subnets.first_block(world.subnet, world.now + 1) - 1
    assert world.epochs.epochs(world.subnet, world.now).snapshot == world.vm.block_hash(last)


# claims


def test_leaf_is_claimed_once(world):
    claims = pay(world, 8 * WAD, 2 * WAD)
    world.close(world.closing(world.now, claims), world.alice, world.bob)
    world.claim(world.now, claims, 1)
    with world.vm.reverts("epochs: already claimed"):
        world.claim(world.now, claims, 1)


@pytest.mark.parametrize(
    "forged", [{"amount": 9 * WAD}, {"index": 1}, {"kind": 1}, {"agent": 99}, {"account": "0x" + "99" * 20}]
)
def test_forged_claim_is_refused(world, forged):
    claims = pay(world, 8 * WAD, 2 * WAD)
    world.close(world.closing(world.now, claims), world.alice, world.bob)
    with world.vm.reverts("epochs: proof does not hold"):
        world.claim(world.now, claims, 0, **forged)


def test_proof_of_another_epoch_is_refused(world):
    claims = pay(world, 8 * WAD, 2 * WAD)
    with world.vm.reverts("epochs: epoch is not closed"):
        world.claim(world.now, claims, 0)


def test_unknown_kind_of_claim_is_refused(world):
    claims = [Claim(0, 7, world.mia.agent, world.mia.address, WAD)]
    world.close(world.closing(world.now, claims), world.alice, world.bob)
    with world.vm.reverts("epochs: there is no such kind of claim"):
        world.claim(world.now, claims, 0)


# order, stalls


def test_epoch_is_sealed_after_it_ends_and_in_order(world):
    with world.vm.reverts("epochs: epoch has not ended"):
        world.epochs.seal(world.subnet, world.epoch)
    world.next_epoch()
    world.next_epoch()
    with world.vm.reverts("epochs: epochs are sealed in order"):
        world.epochs.seal(world.subnet, world.now + 2)


def test_epochs_close_in_order(world):
    world.next_epoch()
    world.epochs.seal(world.subnet, world.now + 1)
    with world.vm.reverts("epochs: epochs are closed in order"):
        world.close(world.closing(world.now + 1, []), world.alice, world.bob)


def test_skipped_epoch_mints_nothing_and_carries_its_fees_over(world):
    world.close(world.closing(world.now, []), world.alice, world.bob)
    give_fees(world, 100 * WAD)
    stalled = world.epoch
    world.next_epoch()
    world.epochs.seal(world.subnet, stalled)
    record = world.epochs.epochs(world.subnet, stalled)
    assert record.fees == 5 * WAD, "5 % of a fee go to the validators"
    minted = world.token.minted()
    world.judge([(world.alice, {0: 1})])
    with world.vm.reverts("epochs: epoch has not stalled"):
        world.epochs.skip(world.subnet, stalled)
    for _ in range(world.params.stall_epochs):
        world.next_epoch()
    world.epochs.skip(world.subnet, stalled)
    assert world.token.minted() == minted
    assert world.epochs.carried(world.subnet) == 5 * WAD
    world.epochs.seal(world.subnet, stalled + 1)
    assert world.epochs.epochs(world.subnet, stalled + 1).fees == 5 * WAD
    assert world.unaccounted() == 0
    with world.vm.reverts("epochs: epoch was skipped"):
        world.epochs.skip(world.subnet, stalled)


def test_validators_that_have_left_since_do_not_close_an_epoch_that_stalled(world):
    closing = world.closing(world.now, pay(world, WAD))
    for _ in range(world.params.stall_epochs):
        world.next_epoch()
    with world.vm.reverts("epochs: epoch has stalled"):
        world.close(closing, world.alice, world.bob)
    world.epochs.skip(world.subnet, world.now)
    assert world.epochs.reserved() == 0


def test_any_number_of_epochs_without_voters_is_passed_by_in_one_seal(world):
    world.close(world.closing(world.now, []), world.alice, world.bob)
    for _ in range(40):
        world.next_epoch()
    world.judge([(world.alice, {0: 1})])
    judged = world.epoch
    world.next_epoch()
    with world.vm.reverts("epochs: epochs are sealed in order"):
        world.epochs.seal(world.subnet, judged)
    world.epochs.seal(world.subnet, world.now + 1)
    world.epochs.seal(world.subnet, judged)
    assert world.vm.gas_used < 500_000
    assert world.epochs.next_close(world.subnet) == world.now + 1, "it had voters still and waits"
    world.epochs.skip(world.subnet, world.now + 1)
    assert world.epochs.next_close(world.subnet) == judged
    world.close(world.closing(judged, []), world.alice)


def test_batch_passes_over_leaves_that_another_has_claimed(world):
    claims = pay(world, 8 * WAD, 2 * WAD, 6 * WAD, 4 * WAD)
    world.close(world.closing(world.now, claims), world.alice, world.bob)
    world.claim(world.now, claims, 3)
    leaves = world.leaves(world.now, claims)
    items = [
        (c.index, int(c.kind), c.agent, c.account, c.amount, merkle_proof(leaves, c.index)) for c in claims
    ]
    world.epochs.claim_many(world.subnet, world.now, items)
    assert world.token.balanceOf(world.epochs) == 0


def test_epoch_is_sealed_though_another_minter_reached_the_cap(world):
    other = world.vm.account("other minter")
    world.token.set_minter(other, True, sender=world.founder)
    world.token.mint(other, world.token.CAP() - world.token.minted(), sender=other)
    world.next_epoch()
    assert world.epochs.seal(world.subnet, world.now + 1) == 0


def test_fees_of_a_dissolved_subnet_that_nobody_judges_are_burnt():
    world = World()
    miner = world.join("miner")
    world.mia = miner
    world.epochs.seal(world.subnet, 0) if world.epoch else world.next_epoch()
    give_fees(world, 100 * WAD)
    world.subnets.deregister(world.subnet, miner.agent, sender=miner.account)
    world.vm.mine(100)
    world.subnets.dissolve(world.subnet, sender=world.founder)
    supply = world.token.totalSupply()
    world.epochs.seal(world.subnet, world.epoch - 1)
    assert supply - world.token.totalSupply() == 5 * WAD
    assert world.epochs.carried(world.subnet) == world.unaccounted() == 0


def give_fees(world, amount):
    """A client pays the first miner on the subnet, which claims the voucher."""
    from weftwork.records import Domain, Voucher

    client = world.fund(world.vm.account("client"), amount)
    world.channels.open(world.mia.account, world.subnet, "0x" + "00" * 20, amount, sender=client)
    voucher = Voucher(world.channels.channel_id(client, world.mia.account), amount, b"\7" * 32)
    signature = client.sign(voucher.digest(Domain(world.vm.chain_id, world.channels.address)))
    world.channels.claim(client, world.mia.account, amount, b"\7" * 32, signature)


def test_fees_left_over_wait_for_the_next_epoch(world):
    world.close(world.closing(world.now, []), world.alice, world.bob)
    give_fees(world, 100 * WAD)
    world.next_epoch()
    world.epochs.seal(world.subnet, world.now + 1)
    minted = world.token.minted()
    claims = pay(world, 2 * WAD)
    world.close(world.closing(world.now + 1, claims), world.alice, world.bob)
    assert world.token.minted() == minted, "fees are paid out before anything is minted"
    assert world.epochs.carried(world.subnet) == 3 * WAD
    world.claim(world.now + 1, claims, 0)
    assert world.unaccounted() == 0


def test_fault_claim_burns_a_bounded_part_of_collateral_once_an_epoch(world):
    world.stakes.lock_collateral(world.subnet, world.max.agent, 50 * WAD, sender=world.max.account)
    claims = [Claim(i, ClaimKind.SLASH, world.max.agent, world.max.address, 40 * WAD) for i in range(2)]
    closing = world.closing(world.now, claims)
    assert closing.payout == 0
    world.close(closing, world.alice, world.bob)
    supply = world.token.totalSupply()
    world.claim(world.now, claims, 0)
    assert supply - world.token.totalSupply() == 5 * WAD, "at most a tenth"
    with world.vm.reverts("epochs: already slashed"):
        world.claim(world.now, claims, 1)


# identity


def test_transferred_identity_suspends_its_validator(world):
    new_owner = world.vm.account("new owner")
    world.identity.transferFrom(world.bob.account, new_owner, world.bob.agent, sender=world.bob.account)
    closing = world.closing(world.now, [])
    pass_window(world)
    with world.vm.reverts("epochs: quorum is not reached"):
        world.close(closing, world.bob, world.cara)
    point = world.vm.snapshot()
    world.close(closing, world.alice, world.bob)
    assert world.vm.event("Closed").args.signed == 60 * WAD, "its vote counts nothing and spoils nothing"
    world.vm.restore(point)
    rows = world.subnets.neurons(world.subnet)
    assert rows[world.bob.uid].wallet == "0x" + "00" * 20
    with world.vm.reverts("weights: caller is not the wallet"):
        world.commit(world.bob, {world.mia.uid: 1})
    assert world.stakes.stake_of(world.subnet, world.bob.agent, world.bob) == 30 * WAD, "stake stays"


# stake at the epoch's edge


def test_stake_that_hops_at_the_edge_of_an_epoch_does_not_vote_twice(world):
    world.close(world.closing(world.now, []), world.alice, world.bob)
    epoch = world.epoch
    world.vm.mine(world.subnets.first_block(world.subnet, epoch + 1) - 1 - world.vm.block)
    world.stakes.unstake(world.subnet, world.cara.agent, 10 * WAD, sender=world.cara.account)
    assert world.stakes.stake_at(world.subnet, world.cara.agent, epoch) == 0
    with world.vm.reverts("stakes: nothing has unbonded"):
        world.stakes.withdraw_unbonded(world.subnet, world.cara.agent, sender=world.cara.account)
    world.next_epoch()
    world.epochs.seal(world.subnet, epoch)
    assert world.epochs.epochs(world.subnet, epoch).total == 90 * WAD


def test_stake_after_the_last_block_does_not_vote_in_the_epoch(world):
    world.close(world.closing(world.now, []), world.alice, world.bob)
    epoch = world.epoch
    world.next_epoch()
    world.stakes.stake(world.subnet, world.cara.agent, 100 * WAD, sender=world.cara.account)
    world.epochs.seal(world.subnet, epoch)
    assert world.epochs.epochs(world.subnet, epoch).total == 100 * WAD


def test_unbonding_outlasts_every_closing():
    world = World()
    short = SUBNET_PRESETS["local"].replace(stall_epochs=9)
    with world.vm.reverts("subnets: closings take longer than the unbonding"):
        world.create(short)
