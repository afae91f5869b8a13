"""Burn and mint on chain against the executable spec, under any calls: same amounts, no unit lost, no cap
passed.
"""

from __future__ import annotations

from functools import cache

from harness.minting import CAP, CAPPED, GRACE, RESERVED, RULES, WEEK, MintingWorld
from harness.tokens import WAD
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from weftwork.spec import bme as spec

KINDS = WORK, READY, SPENT = range(3)


@cache
def build_world(capped):
    return MintingWorld(CAPPED if capped else RULES, staked=not capped)


who = st.integers(0, 1)
amount = st.one_of(st.integers(0, 999), st.integers(1, 50_000 * WAD))


class CreditsMachine(RuleBasedStateMachine):
    """Two customers buy and order, two nodes work and stand ready, epochs are settled and claimed."""

    @initialize(capped=st.booleans())
    def start(self, capped):
        world = self.world = build_world(capped)
        self.vm, self.credits, self.token = world.vm, world.credits, world.token
        self.vm.restore(world.point)
        self.rules = world.rules
        self.book = spec.Book()
        self.price = 4 * WAD
        self.weights = {}
        self.left = {}
        self.bought = dict.fromkeys(self.names(world.customers), 0)
        self.owed = dict.fromkeys(self.names([world.operator, world.reserve, world.stakers]), 0)
        self.supply = self.token.totalSupply()
        self.waiting = 0

    def names(self, accounts):
        return [one.address for one in accounts]

    def now(self):
        return (self.vm.time - self.world.start) // WEEK

    def add(self, epoch, kind, account, weight):
        side = self.weights.setdefault((epoch, kind), {})
        side[account] = side.get(account, 0) + weight

    def pay_in(self, payer, paid):
        self.book, destroyed, _, fee = spec.burn(self.book, paid, self.rules)
        self.supply -= destroyed
        self.owed[self.world.operator.address] += fee
        self.add(self.now(), SPENT, payer, paid)
        return spec.credits_for(paid, self.price)

    @rule(customer=who, amount=amount)
    def buy(self, customer, amount):
        payer = self.world.customers[customer]
        amount = min(amount, self.token.balanceOf(payer))
        bought = self.credits.buy(amount, sender=payer)
        assert bought == self.pay_in(payer.address, amount)
        self.bought[payer.address] += bought

    @rule(customer=who, node=who, part=st.integers(1, 3))
    def award(self, customer, node, part):
        payer, worker = self.world.customers[customer], self.world.nodes[node]
        given = self.bought[payer.address] // part
        self.credits.award(worker, given, sender=payer)
        self.bought[payer.address] -= given
        self.add(self.now(), WORK, worker.address, given)

    @rule(customer=who, node=who, amount=amount, hooked=st.booleans(), later=st.integers(0, WEEK))
    def order(self, customer, node, amount, hooked, later):
        payer, worker = self.world.customers[customer], self.world.nodes[node]
        amount = min(amount, self.token.balanceOf(payer))
        if amount == 0:
            return
        job = self.world.order(amount, customer, node, hooked)
        self.world.deliver(job, node)
        if not hooked:
            assert self.token.balanceOf(self.credits) >= self.held() + amount
            self.vm.set_time(self.vm.time + later)
            self.credits.collect(job)
        else:
            with self.vm.reverts("credits: job is collected"):
                self.credits.collect(job)
        self.add(self.now(), WORK, worker.address, self.pay_in(payer.address, amount))

    @rule(node=who, weight=st.integers(1, 2**40), back=st.integers(0, 1))
    def report_ready(self, node, weight, back):
        worker, epoch = self.world.nodes[node], max(self.now() - back, 0)
        if epoch < self.book.epoch or worker.address in self.weights.get((epoch, READY), {}):
            return
        self.credits.report_ready(epoch, [worker], [weight], sender=self.world.checker)
        self.add(epoch, READY, worker.address, weight)

    @rule(price=st.integers(1, 100 * WAD))
    def move_price(self, price):
        self.world.say_price(price)
        self.price = price

    @rule(seconds=st.integers(1, 2 * WEEK))
    def wait(self, seconds):
        self.vm.set_time(self.vm.time + seconds)
        self.world.say_price(self.price)

    @rule(amount=st.sampled_from([0, RESERVED, 200_000 * WAD, 400_000 * WAD]))
    def other_minter_reserves(self, amount):
        self.world.other.reserve(amount)

    @rule(wait=st.sampled_from([True, True, True, False]))
    def settle(self, wait):
        epoch = self.book.epoch
        due = self.world.start + (epoch + 1) * WEEK + GRACE
        if wait and self.vm.time < due:
            self.wait(due - self.vm.time)
        if self.vm.time < self.world.start + (epoch + 1) * WEEK + GRACE:
            with self.vm.reverts("credits: epoch is not over"):
                self.credits.settle()
            return
        room = max(CAP - self.token.minted() - self.world.other.reserved(), 0)
        work, ready, spent = (self.weights.get((epoch, kind), {}) for kind in KINDS)
        staked = {} if self.rules is CAPPED else {"stakers": 1}
        self.book, payout = spec.settle_epoch(
            self.book, spec.Activity(work, spent, ready, staked), self.rules, room
        )
        assert self.credits.settle() == epoch
        args = self.vm.event("Settled").args
        assert (args.minted, args.recycled) == (payout.minted, payout.recycled)
        paid = payout.paid
        assert tuple(args)[3:] == (
            paid.jobs,
            paid.availability,
            paid.requesters,
            paid.liquidity,
            paid.reserve,
        )
        self.supply += payout.minted
        self.owed[self.world.reserve.address] += paid.reserve
        self.owed[self.world.stakers.address] += paid.liquidity
        for kind, pool in zip(KINDS, (paid.jobs, paid.availability, paid.requesters), strict=True):
            self.left[epoch, kind] = pool

    @rule(customer=who, node=who, amount=amount, weight=st.integers(1, 2**40), kinds=st.permutations(KINDS))
    def week(self, customer, node, amount, weight, kinds):
        """A week as it should be: bought, worked, stood ready, settled and claimed."""
        self.buy(customer, amount)
        self.award(customer, node, 1)
        self.report_ready(node, weight, 0)
        self.settle(True)
        for kind in kinds:
            self.claim(1, kind, customer if kind == SPENT else node)

    @rule(back=st.integers(1, 3), kind=st.sampled_from(KINDS), which=who)
    def claim(self, back, kind, which):
        epoch = self.book.epoch - back
        account = (self.world.customers if kind == SPENT else self.world.nodes)[which]
        if epoch < 0:
            return
        side = self.weights.get((epoch, kind), {})
        if not side.get(account.address):
            with self.vm.reverts("credits: nothing to claim"):
                self.credits.claim(epoch, kind, account)
            return
        wanted = spec.pay_next(self.left[epoch, kind], sum(side.values()), side.pop(account.address))
        before = self.token.balanceOf(account)
        assert self.credits.claim(epoch, kind, account) == wanted
        assert self.token.balanceOf(account) == before + wanted
        self.left[epoch, kind] -= wanted

    @rule(which=st.integers(0, 2))
    def pull(self, which):
        world = self.world
        account = (world.operator, world.reserve, world.stakers)[which]
        assert self.credits.pull(account) == self.owed[account.address]
        self.owed[account.address] = 0

    def held(self):
        return self.book.retired + self.book.carried.total + sum(self.left.values()) + sum(self.owed.values())

    @invariant()
    def every_unit_is_in_a_pool_or_owed_to_somebody(self):
        if not hasattr(self, "book"):
            return
        assert self.token.balanceOf(self.credits) == self.held()
        assert self.token.totalSupply() == self.supply
        assert self.token.minted() <= CAP

    def teardown(self):
        assert self.credits.next_epoch() == self.book.epoch
        assert self.credits.scheduled() == self.book.scheduled
        assert self.credits.minted() == self.book.minted
        assert self.credits.retired() == self.book.retired
        carried = self.book.carried
        assert tuple(self.credits.carried()) == (
            carried.jobs,
            carried.availability,
            carried.requesters,
            carried.liquidity,
        )


class TestCreditsEqualTheSpec(CreditsMachine.TestCase):
    settings = settings.default
