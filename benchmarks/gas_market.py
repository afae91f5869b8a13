"""Gas of the compute market: the cycle of order, bid, lease, withdrawal and close, and every single call."""

from __future__ import annotations

from typing import Any

from harness.market import ATTRIBUTE, OFFER, PARAMS, MarketWorld, hash_attribute, params_of

from weftwork.spec.market import Params, Terms, find_order


def run(meter: Any) -> None:
    """Every call of the market."""
    world = MarketWorld()
    vm, market = world.vm, world.market
    tenant, provider, terms = world.tenants[0], world.providers[0], Terms(100)
    meter.deployed(market)
    meter.call("", market.set_params, params_of(Params(500)), sender=world.owner)
    meter.call("", market.set_currency, world.dollar, True, 2_000, 10, sender=world.owner)
    income = (*world.pools.values(), 2_500, 4_000)
    meter.call("", market.set_income, income, sender=world.owner)
    meter.call("", market.declare, 0, [hash_attribute(ATTRIBUTE)], True, sender=provider)

    def create(case: str, *groups: Terms) -> int:
        given = [world.terms(one) for one in groups]
        args = (world.network, 0, bytes(32), given, 100_000)
        made: int = meter.call(case, market.create_deployment, *args, sender=tenant)
        return made

    def bid(case: str, order: int, agent: int, one: Terms, price: int = 50, window: int = 0) -> None:
        args = (order, agent, price, window, OFFER, world.terms(one), world.proofs(agent, one))
        meter.call(case, market.bid, *args, sender=world.providers[agent])

    number = create("one group", terms)
    order = find_order(number, 1, 1)
    bid("first", order, 0, terms, window=PARAMS.max_window * 20)
    for agent in (1, 2):
        bid("next", order, agent, terms)
    meter.call("one wins, two lose", market.create_lease, order, 0, sender=tenant)
    vm.mine(10)
    meter.call("first", market.withdraw, order)
    vm.mine(10)
    meter.call("next", market.withdraw, order)
    meter.call("the tenant's", market.deposit, number, 1_000, sender=tenant)
    meter.call("a sponsor's", market.deposit, number, 1_000, sender=world.sponsor)
    vm.mine(10)
    meter.call("", market.take_back, number, 400, sender=world.sponsor)
    meter.call("", market.start_reclaim, order, sender=provider)
    vm.mine(PARAMS.max_window * 20)
    meter.call("a lease", market.close_bid, order, 0, sender=provider)
    order = find_order(number, 1, 2)
    bid("on the next order", order, 1, terms)
    meter.call("one bid", market.create_lease, order, 1, sender=tenant)
    meter.call("", market.close_lease, order, False, sender=tenant)
    bid("again", find_order(number, 1, 3), 1, terms)
    meter.call("an open bid", market.close_bid, find_order(number, 1, 3), 1, sender=world.providers[1])
    meter.call("", market.pause_group, number, 1, sender=tenant)
    meter.call("", market.start_group, number, 1, sender=tenant)
    meter.call("", market.close_group, number, 1, sender=tenant)
    meter.call("", market.update_deployment, number, b"\x01" * 32, sender=tenant)
    meter.call("", market.close_deployment, number, sender=tenant)
    meter.call("", market.sweep, world.network)
    meter.call("nothing kept", market.pull, world.network, tenant)
    run_full(meter, world, create, bid)
    run_dry(meter, world)
    meter.call("", market.propose_owner, world.stranger, sender=world.owner)
    meter.call("", market.accept_owner, sender=world.stranger)
    meter.call("", market.renounce_owner, sender=world.stranger)
    meter.views(market, {"id": number, "order": order, "group": 1, "deployment": number}, {})


def run_full(meter: Any, world: MarketWorld, create: Any, bid: Any) -> None:
    """Audited attributes, a full book, and a deployment of twenty groups."""
    vm, market, tenant = world.vm, world.market, world.tenants[0]
    many = [vm.account(f"bidder{n}") for n in range(20)]
    terms = Terms(100)
    order = find_order(create("one group", terms), 1, 1)
    for account in many:
        world.network.transfer(account, 500, sender=world.stranger)
        world.network.approve(market, 2**256 - 1, sender=account)
        agent = world.identity.register(sender=account)
        market.bid(order, agent, 50, 0, OFFER, world.terms(terms), [], sender=account)
    meter.call("one wins, nineteen lose", market.create_lease, order, 4, sender=tenant)

    names = tuple(one.address for one in world.auditors)
    signed = Terms(100, attributes=(ATTRIBUTE, "tier=community"), all_of=names)
    for auditor in world.auditors:
        for attribute in signed.attributes:
            world.audit(0, auditor, attribute)
    number = create("two auditors", signed)
    bid("two attributes by two auditors", find_order(number, 1, 1), 0, signed)
    number = create("twenty groups", *[terms] * 20)
    for group in range(1, 21):
        world.bid(find_order(number, group, 1), 0)
        market.create_lease(find_order(number, group, 1), 0, sender=tenant)
    vm.mine(10)
    meter.call("of twenty leases", market.withdraw, find_order(number, 7, 1))
    meter.call("twenty leases", market.close_deployment, number, sender=tenant)


def run_dry(meter: Any, world: MarketWorld) -> None:
    """A lease that nobody pays for."""
    order = world.lease(amount=100)
    world.vm.mine(2 + 1_200)
    meter.call("", world.market.close_dry, order, sender=world.providers[0])
