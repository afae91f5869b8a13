"""The vote escrow against the executable spec: same weights, same shares, no unit lost."""

from __future__ import annotations

from functools import cache

from harness.tokens import deploy_token
from harness.vm import Vm
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from weftwork.errors import Refused
from weftwork.spec.vote_escrow import VoteEscrow

PERIOD, MAX_EPOCHS, START = 10, 12, 10**24


@cache
def build_world():
    vm = Vm()
    people = [vm.account(f"holder{n}") for n in range(3)]
    owner = vm.account("owner")
    tokens = [deploy_token(vm, owner, [owner, *people], START) for _ in range(2)]
    escrow = vm.deploy("VoteEscrow", tokens[0], PERIOD, MAX_EPOCHS, sender=owner)
    for one in people:
        tokens[0].approve(escrow, 2**256 - 1, sender=one)
    return vm, people, owner, tokens, escrow, vm.snapshot()


who = st.integers(0, 2)
amount = st.one_of(st.integers(0, 50), st.integers(0, 10**20))


class VoteEscrowMachine(RuleBasedStateMachine):
    """Three holders, two tokens of income."""

    @initialize(amount=st.integers(1, 10**6), length=st.integers(1, 6))
    def start(self, amount, length):
        self.vm, self.people, self.owner, self.tokens, self.escrow, point = build_world()
        self.vm.restore(point)
        self.mirror = VoteEscrow(MAX_EPOCHS)
        self.sent = [0, 0]
        self.paid = [0, 0]
        self.lock(0, amount, length, 0)

    @property
    def epoch(self):
        return self.escrow.current_epoch()

    def both(self, expected, call):
        try:
            wanted = expected()
        except Refused as refusal:
            with self.vm.reverts(refusal.sentence):
                call()
            return None
        got = call()
        return wanted, got

    @rule(who=who, amount=amount, length=st.integers(0, MAX_EPOCHS + 1), grow=st.integers(0, 1))
    def lock(self, who, amount, length, grow):
        person, epoch = self.people[who], self.epoch
        before = self.mirror.find_lock(person.address).end
        end = before + length % 3 if grow and before else epoch + 1 + length
        self.both(
            lambda: self.mirror.lock(person.address, amount, end, epoch),
            lambda: self.escrow.lock(amount, end, sender=person),
        )

    @rule(who=who)
    def withdraw(self, who):
        person, epoch = self.people[who], self.epoch
        done = self.both(
            lambda: self.mirror.withdraw(person.address, epoch), lambda: self.escrow.withdraw(sender=person)
        )
        assert not done or done[0] == done[1]

    @rule(which=st.integers(0, 1), amount=amount)
    def fund(self, which, amount):
        self.tokens[which].transfer(self.escrow, amount, sender=self.owner)
        self.sent[which] += amount
        booked = self.mirror.fund(self.tokens[which].address, amount, self.epoch)
        assert self.escrow.book(self.tokens[which]) == booked

    @rule(which=st.integers(0, 1), who=who)
    def claim(self, which, who):
        token, person = self.tokens[which], self.people[who]
        paid = self.escrow.claim(token, person)
        assert paid == self.mirror.claim(token.address, person.address, self.epoch)
        self.paid[which] += paid

    @rule(blocks=st.integers(1, 4 * PERIOD))
    def mine(self, blocks):
        self.vm.mine(blocks)

    @invariant()
    def weights_are_equal_and_every_unit_is_there(self):
        if not hasattr(self, "mirror"):
            return
        epoch = self.epoch
        self.escrow.advance()
        assert self.escrow.total_at(epoch) == self.mirror.total(epoch)
        locked = sum(self.mirror.find_lock(one.address).amount for one in self.people)
        for index, token in enumerate(self.tokens):
            held = token.balanceOf(self.escrow)
            assert held == self.sent[index] - self.paid[index] + (locked if index == 0 else 0)

    def teardown(self):
        if not hasattr(self, "mirror"):
            return
        self.vm.mine((MAX_EPOCHS + 2) * PERIOD)
        for epoch in range(self.epoch + 1):
            for one in self.people:
                assert self.escrow.weight_at(one, epoch) == self.mirror.weigh(one.address, epoch)
        for index, token in enumerate(self.tokens):
            for one in self.people:
                self.claim(index, self.people.index(one))
            unbooked = self.mirror.held[token.address]
            assert self.paid[index] == self.sent[index] - unbooked


class TestVoteEscrowEqualsTheSpec(VoteEscrowMachine.TestCase):
    settings = settings(max_examples=settings.default.max_examples)
