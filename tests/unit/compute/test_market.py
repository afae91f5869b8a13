"""A tenant and providers on a ledger: files become orders, quotes become bids, blocks are paid."""

from __future__ import annotations

import pytest

from weftwork import ledger
from weftwork.compute import sdl
from weftwork.compute.bidding import Request, Tariff, by_hand, choose_cheapest
from weftwork.compute.market import AUDITED, Denom, Market, hash_attribute, make_terms
from weftwork.compute.matching import Directory, read_demand
from weftwork.compute.quote import find_quotes
from weftwork.errors import BadInput
from weftwork.ledger import Account
from weftwork.spec.escrow import FOREVER
from weftwork.spec.placement import Offer
from weftwork.units import WAD

FILE = """
version: "2.0"
services:
  web:
    image: nginx:1.27
    expose: [{port: 80, to: [{global: true}]}]
profiles:
  compute:
    web: {resources: {cpu: {units: 1}, memory: {size: 1Gi}, storage: {size: 1Gi}}}
  placement:
    west:
      attributes: {region: us-west}
      pricing: {web: {denom: weft, amount: 0.001}}
deployment:
  web: {west: {profile: web, count: 2}}
"""
PARAMS = (WAD, 20, 5, 5, 3, 100)


class Town:
    """A chain with a token, agents 0 and 1 as providers, and the market."""

    def __init__(self):
        self.chain = ledger.connect("embedded:", dev=True)
        self.founder = self.chain.treasury()
        self.tenant, *self.providers = (Account.create(name) for name in ("tenant", "cheap", "dear"))
        people = [self.founder, self.tenant, *self.providers]
        given = [(one.address, 1_000 * WAD) for one in people]
        deploy = self.chain.deploy
        self.token = deploy(self.founder, "Token", self.founder.address, 0, given)
        self.identity = deploy(self.founder, "IdentityRegistry")
        validation = deploy(self.founder, "ValidationRegistry", self.identity.address)
        income = (self.founder.address,) * 3 + (0, 0)
        self.contract = deploy(
            self.founder,
            "Market",
            self.token.address,
            self.identity.address,
            validation.address,
            self.founder.address,
            PARAMS,
            income,
        )
        self.contract.send(self.founder, "set_currency", self.token.address, True, 1_000, 1)
        for one in people[1:]:
            self.chain.wait(self.chain.send(self.founder, one.address, value=10**18))
            self.token.send(one, "approve", self.contract.address, 2**256 - 1)
        for one in self.providers:
            self.identity.send(one, "register")
        self.denom = Denom(self.token.address)

    def of(self, account):
        return Market(self.contract, account)


@pytest.fixture(scope="module")
def town():
    made = Town()
    yield made
    made.chain.close()


@pytest.fixture(autouse=True)
def fresh(town):
    point = town.chain.rpc("evm_snapshot")
    yield
    town.chain.rpc("evm_revert", point)


def deploy(town, amount=WAD, window=0):
    group = sdl.parse(FILE).groups[0]
    terms = make_terms(group, town.denom, window=window)
    return group, town.of(town.tenant).deploy([terms], town.token.address, amount, bytes(32))


def test_what_was_quoted_is_bid_and_what_was_bid_is_paid(town):
    group, number = deploy(town)
    offers = [
        Offer(name, 8_000, 2**33, {"default": 2**34}, attributes=(("region", "us-west"),))
        for name in ("0", "1")
    ]
    tariffs = {"0": Tariff(3 * WAD, WAD), "1": Tariff(4 * WAD, WAD)}
    request = Request(read_demand(group), town.tenant.address, "weft", town.denom.to_units(group.price))
    quotes = {one.provider: one.price for one in find_quotes(request, Directory(offers), tariffs.__getitem__)}
    for agent, provider in enumerate(town.providers):
        market = town.of(provider)
        market.declare(agent, {"region": "us-west"})
        (order,) = market.list_orders()
        assert (order.deployment, order.max_price, order.owner) == (number, 2 * 10**15, town.tenant.address)
        market.bid(order, agent, quotes[str(agent)])
    tenant = town.of(town.tenant)
    chosen = tenant.accept(order.id, choose_cheapest)
    assert (chosen.agent, chosen.price) == (0, quotes["0"])
    assert tenant.forecast(number).rate == quotes["0"]
    started = town.chain.block_number()
    for _ in range(9):
        town.chain.rpc("evm_mine")
    blocks = town.chain.block_number() + 1 - started
    earned = blocks * quotes["0"]
    assert town.of(town.providers[0]).withdraw(order.id) == earned - earned * 1_000 // 10_000
    assert tenant.list_bids(order.id) == []
    assert town.token.call("balanceOf", town.providers[1].address) == 1_000 * WAD


def test_a_policy_that_picks_nobody_leaves_the_order_open(town):
    _, number = deploy(town)
    tenant = town.of(town.tenant)
    (order,) = tenant.list_orders()
    assert tenant.accept(order.id, by_hand(1)) is None
    assert tenant.find_order(order.id) == order
    assert tenant.forecast(number).blocks == FOREVER


def test_a_failed_provider_is_left_and_the_order_is_made_again(town):
    deploy(town)
    market, tenant = town.of(town.providers[0]), town.of(town.tenant)
    market.declare(0, {"region": "us-west"})
    (order,) = market.list_orders()
    market.bid(order, 0, 10**15)
    tenant.accept(order.id, choose_cheapest)
    assert market.list_orders() == []
    again = tenant.close_lease(order.id, failed=True)
    (order,) = market.list_orders()
    assert (order.id, order.number) == (again, 2)
    with pytest.raises(Exception, match="provider failed here lately"):
        market.bid(order, 0, 10**15)
    tenant.close(order.deployment)
    assert market.list_orders() == []


def test_a_provider_that_promised_notice_is_told_from_when_it_may_leave(town):
    deploy(town, window=4)
    market, tenant = town.of(town.providers[0]), town.of(town.tenant)
    market.declare(0, {"region": "us-west"})
    (order,) = market.list_orders()
    market.bid(order, 0, 10**15, window=4)
    tenant.accept(order.id, choose_cheapest)
    until = market.leave(order.id, 0)
    assert until == town.chain.block_number() + 4
    while town.chain.block_number() + 1 < until:
        town.chain.rpc("evm_mine")
    assert market.leave(order.id, 0) is None


def test_terms_keep_literal_attributes_and_refuse_what_the_chain_cannot_hold(town):
    group = sdl.parse(FILE.replace("{region: us-west}", "{region/*: us-west}")).groups[0]
    assert make_terms(group, town.denom)[3] == []
    signed = FILE.replace("attributes: {region: us-west}", "signedBy: {anyOf: ['0x" + "11" * 20 + "']}")
    assert make_terms(sdl.parse(signed).groups[0], town.denom)[3] == [hash_attribute(*AUDITED)]
    foreign = FILE.replace("attributes: {region: us-west}", "signedBy: {anyOf: [akash1365]}")
    with pytest.raises(BadInput):
        make_terms(sdl.parse(foreign).groups[0], town.denom)
