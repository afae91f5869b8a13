"""Lock-up and votes: who locks longer counts more, and a change waits for everyone to see it."""

from __future__ import annotations

import pytest
from harness.market import MarketWorld

PERIOD, VOTING, DELAY, WINDOW = 100, 50, 40, 30
WHY = b"\x77" * 32


class Assembly:
    """The market owned by a governor, whose voters are two holders: one locked long, one short."""

    def __init__(self):
        self.world = world = MarketWorld()
        vm, owner = world.vm, world.owner
        self.vm = vm
        self.escrow = vm.deploy("VoteEscrow", world.network, PERIOD, 52, sender=owner)
        rules = (500, 1_500, VOTING, DELAY, WINDOW)
        self.governor = vm.deploy("Governor", self.escrow, rules, sender=owner)
        world.market.propose_owner(self.governor, sender=owner)
        self.long, self.short = world.tenants
        for one, epochs in ((self.long, 40), (self.short, 10)):
            world.network.approve(self.escrow, 2**256 - 1, sender=one)
            self.escrow.lock(1_000, 1 + epochs, sender=one)
        vm.mine(PERIOD)
        self.point = vm.snapshot()

    def propose(self, function, *args, sender=None):
        data = function.calldata(*args)
        number = self.governor.propose(function.contract, data, WHY, sender=sender or self.long)
        return number, (number, function.contract, data, WHY)

    def adopt(self, function, *args):
        number, call = self.propose(function, *args)
        self.governor.vote(number, 1, sender=self.long)
        self.vm.mine(VOTING + DELAY)
        self.governor.execute(*call)


@pytest.fixture(scope="module")
def assembly():
    return Assembly()


@pytest.fixture(autouse=True)
def fresh(assembly):
    assembly.vm.restore(assembly.point)


def test_who_locks_longer_has_more_votes_and_a_larger_share(assembly):
    escrow, world = assembly.escrow, assembly.world
    assert [escrow.weight_at(one, 1) for one in world.tenants] == [40_000, 10_000]
    world.dollar.transfer(escrow, 500, sender=world.owner)
    assert escrow.book(world.dollar) == 500
    assembly.vm.mine(PERIOD)
    assert [escrow.claim(world.dollar, one) for one in world.tenants] == [400, 100]


def test_a_lock_counts_from_the_next_epoch_so_nobody_buys_into_income_already_there(assembly):
    escrow, world = assembly.escrow, assembly.world
    world.network.approve(escrow, 2**256 - 1, sender=world.stranger)
    escrow.lock(10**6, 30, sender=world.stranger)
    world.dollar.transfer(escrow, 500, sender=world.owner)
    escrow.book(world.dollar)
    assembly.vm.mine(PERIOD)
    assert escrow.claim(world.dollar, world.stranger) == 0


def test_income_sent_before_anyone_locked_waits(assembly):
    vm, world = assembly.vm, assembly.world
    empty = vm.deploy("VoteEscrow", world.network, PERIOD, 52, sender=world.owner)
    world.dollar.transfer(empty, 500, sender=world.owner)
    assert empty.book(world.dollar) == 0
    world.network.approve(empty, 2**256 - 1, sender=world.stranger)
    empty.lock(5, 9, sender=world.stranger)
    vm.mine(PERIOD)
    assert empty.book(world.dollar) == 500


def test_nobody_withdraws_before_the_lock_is_over(assembly):
    escrow, short = assembly.escrow, assembly.short
    with assembly.vm.reverts("votes: lock is not over"):
        escrow.withdraw(sender=short)
    assembly.vm.mine(10 * PERIOD)
    assert escrow.withdraw(sender=short) == 1_000


def test_after_years_of_silence_anyone_brings_the_totals_up_to_date(assembly):
    escrow = assembly.escrow
    assembly.vm.mine(100 * PERIOD)
    with assembly.vm.reverts("votes: advance first"):
        escrow.withdraw(sender=assembly.short)
    escrow.advance()
    assert escrow.withdraw(sender=assembly.short) == 1_000


def test_an_adopted_change_of_the_market_waits_for_the_timelock(assembly):
    market, governor = assembly.world.market, assembly.governor
    assembly.adopt(market.accept_owner)
    assert market.owner() == governor.address
    number, call = assembly.propose(market.set_currency, assembly.world.dollar, True, 1_500, 5)
    governor.vote(number, 1, sender=assembly.long)
    governor.vote(number, 0, sender=assembly.short)
    assembly.vm.mine(VOTING + DELAY - 1)
    with assembly.vm.reverts("governor: proposal is not ready"):
        governor.execute(*call)
    assembly.vm.mine()
    with assembly.vm.reverts("governor: call differs"):
        governor.execute(*call[:3], bytes(32))
    governor.execute(*call)
    assert market.currencies(assembly.world.dollar).take == 1_500
    with assembly.vm.reverts("governor: proposal is not ready"):
        governor.execute(*call)


@pytest.mark.parametrize("support", [0, 2])
def test_what_more_hold_against_than_for_is_rejected(assembly, support):
    number, _ = assembly.propose(assembly.world.market.accept_owner)
    assembly.governor.vote(number, support, sender=assembly.long)
    if support == 2:
        assembly.governor.vote(number, 0, sender=assembly.short)
    assembly.vm.mine(VOTING + 1)
    assert assembly.governor.state_of(number) == 2


def test_without_a_quorum_nothing_passes_and_an_old_proposal_expires(assembly):
    vm, governor = assembly.vm, assembly.governor
    assembly.world.network.approve(assembly.escrow, 2**256 - 1, sender=assembly.world.stranger)
    assembly.escrow.lock(10_000, 50, sender=assembly.world.stranger)
    vm.mine(PERIOD)
    number, _ = assembly.propose(assembly.world.market.accept_owner, sender=assembly.world.stranger)
    governor.vote(number, 1, sender=assembly.short)
    vm.mine(VOTING + 1)
    assert governor.state_of(number) == 2
    number, _ = assembly.propose(assembly.world.market.accept_owner, sender=assembly.world.stranger)
    governor.vote(number, 1, sender=assembly.world.stranger)
    vm.mine(VOTING + DELAY + WINDOW)
    assert governor.state_of(number) == 5


def test_one_votes_once_with_the_weight_of_the_day_of_the_proposal(assembly):
    vm, governor = assembly.vm, assembly.governor
    number, _ = assembly.propose(assembly.world.market.accept_owner)
    governor.vote(number, 1, sender=assembly.short)
    assert vm.event("Voted").args.weight == 10_000
    for sender, support, sentence in (
        (assembly.short, 1, "governor: has voted"),
        (assembly.long, 3, "governor: support is 0, 1 or 2"),
        (assembly.world.stranger, 1, "governor: caller has no votes"),
    ):
        with vm.reverts(sentence):
            governor.vote(number, support, sender=sender)
    with vm.reverts("governor: too few votes to propose"):
        assembly.propose(assembly.world.market.accept_owner, sender=assembly.world.stranger)


def test_a_proposer_withdraws_and_only_a_proposal_changes_the_rules(assembly):
    vm, governor = assembly.vm, assembly.governor
    number, _ = assembly.propose(assembly.world.market.accept_owner)
    with vm.reverts("governor: caller did not propose"):
        governor.withdraw(number, sender=assembly.short)
    governor.withdraw(number, sender=assembly.long)
    assert governor.state_of(number) == 7
    with vm.reverts("governor: only a proposal does that"):
        governor.set_rules((1, 1, 1, 1, 1), sender=assembly.long)
    assembly.adopt(governor.set_rules, (100, 2_000, 10, 20, 30))
    assert tuple(governor.rules()) == (100, 2_000, 10, 20, 30)
