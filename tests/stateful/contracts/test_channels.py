"""The channels against the executable spec, under any calls: same result, same state, no unit lost."""

from __future__ import annotations

from functools import cache

from harness.payment import BURNING, DELAY, RECEIPT, SPLITS, SUBNET, PaymentWorld
from harness.vm import ZERO_ADDRESS, Reverted
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from weftwork.errors import Refused
from weftwork.spec import channel as spec
from weftwork.spec.channel import Channel, Leg


@cache
def build_world():
    world = PaymentWorld()
    shared = [(world.owner, 3_333), (ZERO_ADDRESS, 1_111), (world.stranger, 2_222)]
    world.route = world.channels.create_route(shared)
    world.legs = [Leg(getattr(account, "address", account), bps) for account, bps in shared]
    world.keys = [world.session, world.vm.account("fresh")]
    world.point = world.vm.snapshot()
    return world


terms = st.sampled_from([0, SUBNET, BURNING, "route"])
side = st.sampled_from([0, 0, 0, 1])
amount = st.one_of(st.integers(1, 9_999), st.integers(0, 10**6), st.just(2**200))
cumulative = st.one_of(st.integers(1, 30_000), st.integers(0, 10**6), st.just(2**256 - 1))
signer = st.sampled_from(["payer", "payer", "session", "fresh", "stranger"])


class ChannelMachine(RuleBasedStateMachine):
    """Two payers, two receivers, four channels, each mirrored by the spec's own state."""

    @initialize(first=terms, second=terms, key=st.integers(-1, 1), amount=st.integers(1, 10**6))
    def start(self, first, second, key, amount):
        self.world = build_world()
        self.vm, self.channels = self.world.vm, self.world.channels
        self.vm.restore(self.world.point)
        self.mirror = {(p, r): Channel() for p in range(2) for r in range(2)}
        self.terms = {pair: (0, []) for pair in self.mirror}
        self.balances = {}
        self.to_burn = 0
        self.fees = dict.fromkeys(SPLITS, 0)
        self.burned = dict.fromkeys(SPLITS, 0)
        locked = self.world.token.balanceOf(self.world.subnets)
        self.supply = self.world.token.totalSupply() - locked
        self.open_channel(0, 0, amount, first, key)
        self.open_channel(1, 0, amount, second, -1)

    def owners(self):
        world = self.world
        return [*world.payers, *world.receivers, world.owner, world.stranger, world.epochs]

    def both(self, expected, call):
        """Run the spec and the contract: both do it (their results are returned) or both refuse alike."""
        try:
            wanted = expected()
        except Refused as refusal:
            with self.vm.reverts(refusal.sentence):
                call()
            return None
        return wanted, call()

    def sender(self, payer):
        return self.world.payers[payer]

    def key(self, name, payer):
        return {
            "payer": self.world.payers[payer],
            "session": self.world.keys[0],
            "fresh": self.world.keys[1],
            "stranger": self.world.stranger,
        }[name]

    def afford(self, account, wanted):
        return min(wanted, self.world.token.balanceOf(account))

    @rule(p=side, r=side, amount=amount, terms=terms, key=st.integers(-1, 1))
    def open(self, p, r, amount, terms, key):
        self.open_channel(p, r, amount, terms, key)

    def open_channel(self, p, r, amount, terms, key):
        world, amount = self.world, self.afford(self.sender(p), amount)
        session = ZERO_ADDRESS if key < 0 else world.keys[key].address
        before = self.mirror[p, r]
        if terms == "route":
            self.note = (0, world.legs)
            call = lambda: self.channels.open_route(  # noqa: E731
                world.receivers[r], world.route, session, amount, sender=self.sender(p)
            )
        else:
            validators, burn = SPLITS[terms]
            pot = self.channels.pot_of(terms)
            legs = [Leg(account, bps) for account, bps in ((pot, validators), (ZERO_ADDRESS, burn)) if bps]
            self.note = (terms, legs)
            call = lambda: self.channels.open(  # noqa: E731
                world.receivers[r], terms, session, amount, sender=self.sender(p)
            )
        done = self.both(lambda: spec.open_channel(before, amount, session), call)
        if done:
            self.mirror[p, r], self.terms[p, r] = done[0], self.note

    @rule(p=side, r=side, amount=amount, giver=side)
    def deposit(self, p, r, amount, giver):
        amount = self.afford(self.sender(giver), amount)
        done = self.both(
            lambda: spec.deposit(self.mirror[p, r], amount, self.sender(giver) == self.sender(p)),
            lambda: self.channels.deposit(
                self.sender(p), self.world.receivers[r], amount, sender=self.sender(giver)
            ),
        )
        if done:
            self.mirror[p, r] = done[0]

    def is_signed(self, p, r, name):
        session = spec.find_signer(self.mirror[p, r], self.vm.block)
        return name == "payer" or self.key(name, p).address == session

    def book(self, p, r, paid):
        subnet, legs = self.terms[p, r]
        parts, rest = spec.share(paid, legs)
        self.credit(self.world.receivers[r].address, rest)
        for leg, part in zip(legs, parts, strict=True):
            if leg.account == ZERO_ADDRESS:
                self.to_burn += part
                self.burned[subnet] += part
            else:
                self.credit(leg.account, part)
        self.fees[subnet] += paid

    def credit(self, account, part):
        self.balances[account] = self.balances.get(account, 0) + part

    @rule(p=side, r=side, cumulative=cumulative, name=signer)
    def claim(self, p, r, cumulative, name):
        payer, receiver = self.sender(p), self.world.receivers[r]
        signature = self.world.sign(self.key(name, p), payer, receiver, cumulative)
        done = self.both(
            lambda: spec.claim(self.mirror[p, r], cumulative, self.is_signed(p, r, name)),
            lambda: self.channels.claim(payer, receiver, cumulative, RECEIPT, signature),
        )
        if done:
            (self.mirror[p, r], paid), returned = done
            assert paid == returned
            self.book(p, r, paid)

    @rule(items=st.lists(st.tuples(side, side, cumulative, signer), max_size=5))
    def claim_many(self, items):
        batch, paid_in_all, skipped = [], 0, []
        for index, (p, r, cumulative, name) in enumerate(items):
            payer, receiver = self.sender(p), self.world.receivers[r]
            signature = self.world.sign(self.key(name, p), payer, receiver, cumulative)
            batch.append((payer, receiver, cumulative, RECEIPT, signature))
            try:
                after, paid = spec.claim(self.mirror[p, r], cumulative, self.is_signed(p, r, name))
            except Refused:
                skipped.append(index)
                continue
            self.mirror[p, r] = after
            self.book(p, r, paid)
            paid_in_all += paid
        assert self.channels.claim_many(batch) == paid_in_all
        assert [event.args.index for event in self.vm.events if event.name == "ClaimSkipped"] == skipped

    @rule(p=side, r=side, key=st.integers(-1, 1))
    def set_signer(self, p, r, key):
        session = ZERO_ADDRESS if key < 0 else self.world.keys[key].address
        done = self.both(
            lambda: spec.set_signer(self.mirror[p, r], session, self.vm.block, DELAY),
            lambda: self.channels.set_signer(self.world.receivers[r], session, sender=self.sender(p)),
        )
        if done:
            self.mirror[p, r] = done[0]

    @rule(p=side, r=side, amount=amount)
    def request_withdraw(self, p, r, amount):
        done = self.both(
            lambda: spec.request_withdraw(self.mirror[p, r], amount, self.vm.block, DELAY),
            lambda: self.channels.request_withdraw(self.world.receivers[r], amount, sender=self.sender(p)),
        )
        if done:
            self.mirror[p, r] = done[0]

    @rule(p=side, r=side, wait=st.booleans())
    def withdraw(self, p, r, wait):
        due = self.mirror[p, r].closing_at
        if wait and due > self.vm.block:
            self.vm.mine(due - self.vm.block)
        done = self.both(
            lambda: spec.withdraw(self.mirror[p, r], self.vm.block),
            lambda: self.channels.withdraw(self.world.receivers[r], sender=self.sender(p)),
        )
        if done:
            (self.mirror[p, r], paid), returned = done
            assert paid == returned

    @rule(p=side, r=side, amount=amount)
    def release(self, p, r, amount):
        done = self.both(
            lambda: spec.release(self.mirror[p, r], amount),
            lambda: self.channels.release(self.sender(p), amount, sender=self.world.receivers[r]),
        )
        if done:
            (self.mirror[p, r], given), returned = done
            assert given == returned

    @rule(blocks=st.integers(1, DELAY))
    def mine(self, blocks):
        self.vm.mine(blocks)

    @rule(account=st.integers(0, 7))
    def pull(self, account):
        accounts = [one.address for one in self.owners()] + [self.channels.pot_of(SUBNET)]
        target = accounts[account]
        try:
            paid = self.channels.pull(target)
        except Reverted:
            assert account == 7
            return
        assert paid == self.balances.pop(target, 0)

    @rule(subnet=st.sampled_from([0, SUBNET, BURNING]))
    def collect(self, subnet):
        paid = self.channels.collect(subnet, sender=self.world.epochs)
        assert paid == self.balances.pop(self.channels.pot_of(subnet), 0)

    @rule()
    def sweep_burn(self):
        locked = self.world.token.balanceOf(self.world.subnets)
        assert self.channels.sweep_burn() == self.to_burn
        self.supply -= self.to_burn
        self.to_burn = 0
        assert self.world.token.totalSupply() == self.supply + locked

    @invariant()
    def no_unit_is_created_lost_or_stranded(self):
        if not hasattr(self, "mirror"):
            return
        deposits = sum(one.balance for one in self.mirror.values())
        assert self.world.held() == deposits + sum(self.balances.values()) + self.to_burn

    def teardown(self):
        for (p, r), mirror in self.mirror.items():
            view = self.channels.channel_of(self.sender(p), self.world.receivers[r])
            assert view.signer == spec.find_signer(mirror, self.vm.block)
            for field in ("deposited", "claimed", "withdrawn", "closing_amount", "closing_at"):
                assert getattr(view, field) == getattr(mirror, field)
        assert self.channels.to_burn() == self.to_burn
        for account, balance in self.balances.items():
            assert self.channels.balance_of(account) == balance
        outside = sum(self.world.token.balanceOf(one) for one in self.owners())
        assert self.world.held() + outside == self.supply
        for subnet in (SUBNET, BURNING):
            assert self.channels.fees_of(subnet) == self.fees[subnet]
            assert self.channels.burned_of(subnet) == self.burned[subnet]


class TestChannelsEqualTheSpec(ChannelMachine.TestCase):
    settings = settings(max_examples=max(50, settings.default.max_examples))
