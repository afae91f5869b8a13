"""The market against the executable spec, under any calls: same result, same state, no unit lost."""

from __future__ import annotations

from functools import cache

from harness.market import ATTRIBUTE, OFFER, PARAMS, START, MarketWorld
from harness.vm import ZERO_ADDRESS
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from weftwork.errors import Refused
from weftwork.spec import escrow
from weftwork.spec.escrow import Mode
from weftwork.spec.market import OrderState, Terms, find_order


@cache
def build_world():
    world = MarketWorld()
    ann, bob = world.auditors
    for agent in (0, 1, 2):
        world.declare(agent)
        world.audit(agent, ann)
    world.audit(0, bob)
    world.audit(1, bob)
    world.audit(1, bob, answer=40)
    both = (ann.address, bob.address)
    world.kinds = [
        Terms(1_000),
        Terms(90, window=6),
        Terms(1_000, attributes=(ATTRIBUTE,)),
        Terms(1_000, attributes=(ATTRIBUTE,), all_of=(ann.address,)),
        Terms(1_000, attributes=(ATTRIBUTE,), all_of=both[:1], any_of=both),
        Terms(1_000, attributes=(ATTRIBUTE,), all_of=both),
    ]
    world.point = world.vm.snapshot()
    return world


kind = st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5])
side = st.sampled_from([0, 0, 0, 1])
agent = st.integers(0, 3)
price = st.sampled_from([1, 7, 50, 50, 90, 333, 1_000, 1_001, 0])
amount = st.one_of(st.integers(1, 3_000), st.just(0), st.integers(0, 30))
window = st.sampled_from([6, 0, 6, 0, 6, 3, 51])
group = st.sampled_from([1, 1, 1, 2, 3])


class MarketMachine(RuleBasedStateMachine):
    """Two tenants, a sponsor, four providers and two currencies, each step done in the spec too."""

    @initialize(kinds=st.lists(kind, min_size=2, max_size=3), amount=st.integers(200, 5_000), mode=side)
    def start(self, kinds, amount, mode):
        self.world = build_world()
        self.vm, self.market = self.world.vm, self.world.market
        self.vm.restore(self.world.point)
        self.mirror = self.world.mirror()
        self.create(0, 0, mode, kinds, amount)
        for group in range(1, len(kinds) + 1):
            self.auction(group, 50, {0, 1}, 6)

    def both(self, expected, call):
        """Run the spec and the contract: both do it (their results are returned) or both refuse alike."""
        try:
            wanted = expected()
        except Refused as refusal:
            with self.vm.reverts(refusal.sentence):
                call()
            return None
        return wanted, call()

    def tenant(self, number):
        return self.world.tenants[number]

    def person(self, number):
        return [*self.world.tenants, self.world.sponsor, self.world.stranger][number]

    def order(self, group):
        """The last order of a group of a deployment, or of one that is not there."""
        one = self.mirror.deployments[0]
        last = one.groups[group - 1].orders if group <= len(one.groups) else 1
        return find_order(1, min(group, len(one.groups)), last)

    def group_of(self, order):
        return self.mirror.deployments[0].groups[(order >> 32 & 0xFF) - 1]

    @precondition(lambda self: len(self.mirror.deployments) < 3)
    @rule(t=side, currency=side, mode=side, kinds=st.lists(kind, max_size=3), amount=amount)
    def create(self, t, currency, mode, kinds, amount):
        groups = tuple(self.world.kinds[one] for one in kinds)
        token = [self.world.dollar, self.world.network][currency]
        version, given = b"\x01" * 32, [self.world.terms(one) for one in groups]
        done = self.both(
            lambda: self.mirror.create_deployment(
                self.tenant(t).address, token.address, Mode(mode), version, groups, amount, self.vm.block
            ),
            lambda: self.market.create_deployment(token, mode, version, given, amount, sender=self.tenant(t)),
        )
        assert not done or done[0] == done[1]

    @rule(number=st.sampled_from([1, 1, 1, 2]), who=st.integers(0, 3), amount=amount)
    def deposit(self, number, who, amount):
        if number > len(self.mirror.deployments):
            return
        self.both(
            lambda: self.mirror.deposit(self.person(who).address, number, amount, self.vm.block),
            lambda: self.market.deposit(number, amount, sender=self.person(who)),
        )

    @rule(who=st.integers(0, 3), amount=amount)
    def take_back(self, who, amount):
        self.both(
            lambda: self.mirror.take_back(self.person(who).address, 1, amount, self.vm.block),
            lambda: self.market.take_back(1, amount, sender=self.person(who)),
        )

    @rule(group=group, agent=agent, price=price, window=window)
    def bid(self, group, agent, price, window):
        self.place(self.order(group), agent, price, window)

    def place(self, order, agent, price, window):
        terms, provider = self.group_of(order).terms, self.world.providers[agent]
        self.both(
            lambda: self.mirror.bid(
                provider.address, order, str(agent), price, window, self.world.proof(agent), self.vm.block
            ),
            lambda: self.market.bid(
                order,
                agent,
                price,
                window,
                OFFER,
                self.world.terms(terms),
                self.world.proofs(agent, terms),
                sender=provider,
            ),
        )

    @rule(group=group, agent=agent, t=side)
    def create_lease(self, group, agent, t):
        order = self.order(group)
        self.both(
            lambda: self.mirror.create_lease(self.tenant(t).address, order, str(agent), self.vm.block),
            lambda: self.market.create_lease(order, agent, sender=self.tenant(t)),
        )

    @rule(group=group, price=st.sampled_from([7, 50, 80]), agents=st.sets(agent, min_size=1), window=window)
    def auction(self, group, price, agents, window):
        order = self.order(group)
        for agent in sorted(agents):
            self.place(order, agent, price + agent, window)
        bids = self.mirror.bids.get(order, {})
        if bids and self.group_of(order).order is OrderState.OPEN:
            self.create_lease(group=group, agent=int(min(bids, key=lambda one: bids[one].price)), t=0)

    @rule(group=group, agent=agent, wait=st.booleans())
    def close_bid(self, group, agent, wait):
        order = self.order(group)
        lease = self.mirror.leases.get(order)
        if wait and lease:
            agent = int(lease.agent)
            self.vm.mine(max(lease.reclaim_at - self.vm.block, 0))
        self.both(
            lambda: self.mirror.close_bid(order, str(agent), self.vm.block),
            lambda: self.market.close_bid(order, agent, sender=self.world.providers[agent]),
        )

    @rule(group=group, failed=st.booleans(), t=side)
    def close_lease(self, group, failed, t):
        order = self.order(group)
        self.both(
            lambda: self.mirror.close_lease(self.tenant(t).address, order, failed, self.vm.block),
            lambda: self.market.close_lease(order, failed, sender=self.tenant(t)),
        )

    def lessee(self, order):
        lease = self.mirror.leases.get(order)
        return lease.agent if lease else "0"

    @rule(group=group)
    def start_reclaim(self, group):
        order = self.order(group)
        agent = self.lessee(order)
        done = self.both(
            lambda: self.mirror.start_reclaim(order, agent, self.vm.block),
            lambda: self.market.start_reclaim(order, sender=self.world.providers[int(agent)]),
        )
        assert not done or done[0] == done[1]

    @rule(group=group, wait=st.booleans())
    def close_dry(self, group, wait):
        order = self.order(group)
        dry = escrow.find_dry_block(self.mirror.deployments[0].account) + PARAMS.grace
        if wait and self.vm.block < dry < self.vm.block + 300:
            self.vm.mine(dry - self.vm.block)
        agent = self.lessee(order)
        self.both(
            lambda: self.mirror.close_dry(order, agent, self.vm.block),
            lambda: self.market.close_dry(order, sender=self.world.providers[int(agent)]),
        )

    @rule(group=group, before=st.integers(0, 2), blocks=st.integers(0, 20))
    def withdraw(self, group, before, blocks):
        self.vm.mine(blocks)
        order = self.order(group)
        order -= min(before, (order & 0xFFFFFFFF) - 1)
        payee = self.world.providers[int(self.lessee(order))]
        done = self.both(
            lambda: self.mirror.withdraw(order, payee.address, self.vm.block),
            lambda: self.market.withdraw(order, sender=self.world.stranger),
        )
        assert not done or done[0][0] == done[1]

    @rule(group=group, what=st.sampled_from(["pause", "pause", "start", "start", "start", "close"]), t=side)
    def change_group(self, group, what, t):
        caller = self.tenant(t)
        name = f"{what}_group"
        blocks = () if what == "start" else (self.vm.block,)
        self.both(
            lambda: getattr(self.mirror, name)(caller.address, 1, group, *blocks),
            lambda: getattr(self.market, name)(1, group, sender=caller),
        )

    @rule(chance=st.integers(0, 9))
    def close_deployment(self, chance):
        if chance == 7:
            self.both(
                lambda: self.mirror.close_deployment(self.tenant(0).address, 1, self.vm.block),
                lambda: self.market.close_deployment(1, sender=self.tenant(0)),
            )

    @rule(token=side)
    def sweep(self, token):
        token = [self.world.network, self.world.dollar][token]
        assert self.market.sweep(token) == sum(self.mirror.sweep(token.address))

    @rule(blocks=st.one_of(st.integers(1, 12), st.integers(1, 60)))
    def mine(self, blocks):
        self.vm.mine(blocks)

    @invariant()
    def no_unit_is_created_lost_or_stranded(self):
        if not hasattr(self, "mirror"):
            return
        for token in (self.world.network, self.world.dollar):
            assert token.balanceOf(self.market) == self.mirror.held(token.address)

    def teardown(self):
        if not hasattr(self, "mirror"):
            return
        people = {one.address: START for one in (*self.world.tenants, *self.world.providers)}
        people |= {self.world.sponsor.address: START, self.world.stranger.address: START}
        pools = {one.address: name for name, one in self.world.pools.items()}
        for token in (self.world.network, self.world.dollar):
            wallets = self.mirror.wallets
            for address, start in people.items():
                assert token.balanceOf(address) == start + wallets[token.address, address]
            for address, name in pools.items():
                assert token.balanceOf(address) == wallets[token.address, name]
            assert self.market.pots(token) == self.mirror.pots[token.address]
        for number, one in enumerate(self.mirror.deployments, 1):
            self.compare(number, one)

    def compare(self, number, one):
        view, account = self.market.account_of(number), one.account
        assert (view.state, view.mode, view.balance) == (account.state, account.mode, account.balance)
        assert view.rate == account.rate
        if account.state is escrow.State.PAUSED:
            assert view.paused_at == account.paused_at == self.market.dry_block(number)
        if account.state is escrow.State.OPEN:
            dry = escrow.find_dry_block(account)
            assert min(self.market.dry_block(number), escrow.FOREVER) == dry
        deposits = [(d.owner, d.amount) for d in account.deposits]
        assert [tuple(d) for d in self.market.deposits_of(number)] == deposits
        assert self.market.deployments(number).active == one.active
        for place, group in enumerate(one.groups, 1):
            kept = self.market.groups(number, place)
            assert (kept.state, kept.orders, kept.order) == (group.state, group.orders, group.order)
            for agent in range(4):
                assert self.market.cool_until(number, place, agent) == group.cool.get(str(agent), 0)
        for order, bids in self.mirror.bids.items():
            for agent, bid in bids.items():
                kept = self.market.bids(order, int(agent))
                assert (kept.price, kept.window, kept.payer, kept.state) == (
                    bid.price,
                    bid.window,
                    bid.payer,
                    bid.state,
                )
        for order, lease in self.mirror.leases.items():
            kept = self.market.leases(order)
            assert (str(kept.agent), kept.take) == (lease.agent, lease.take)
            assert (kept.state, kept.reclaim_at) == (lease.state, lease.reclaim_at)


class TestMarketEqualsTheSpec(MarketMachine.TestCase):
    settings = settings(max_examples=max(40, settings.default.max_examples))


def test_the_machines_parameters_are_those_of_the_spec():
    world = build_world()
    world.vm.restore(world.point)
    assert tuple(world.market.params()) == (500, 3, 7, 10, 5, 50)
    assert PARAMS.bid_deposit == 500
    assert world.market.owner() != ZERO_ADDRESS
