"""The market on chain: auctions, leases by the block, closes with notice, and what a tenant can count on."""

from __future__ import annotations

import pytest
from harness.market import ATTRIBUTE, PARAMS, START, MarketWorld, hash_attribute, params_of

from weftwork.spec.escrow import FOREVER
from weftwork.spec.market import Params, Terms, find_order

BLOCKING = """
# pragma version ~=0.4.3
balanceOf: public(HashMap[address, uint256])
blocked: public(HashMap[address, bool])
tax: uint256

@external
def mint(account: address, amount: uint256):
    self.balanceOf[account] += amount

@external
def block_account(account: address, is_blocked: bool):
    self.blocked[account] = is_blocked

@external
def set_tax(tax: uint256):
    self.tax = tax

@external
def transfer(receiver: address, amount: uint256):
    assert not self.blocked[receiver], "blocked"
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[receiver] += amount

@external
def transferFrom(owner: address, receiver: address, amount: uint256):
    self.balanceOf[owner] -= amount
    self.balanceOf[receiver] += amount - self.tax
"""


@pytest.fixture(scope="module")
def world():
    return MarketWorld()


@pytest.fixture(autouse=True)
def fresh(world):
    world.vm.restore(world.point)
    for known in (world.declared, world.signed, world.requests):
        known.clear()


def test_losing_bidders_have_their_deposits_back_in_the_transaction_that_accepts_another(world):
    order = find_order(world.create(), 1, 1)
    for agent, price in ((0, 60), (1, 40), (2, 50)):
        world.bid(order, agent, price)
        assert world.network.balanceOf(world.providers[agent]) == START - PARAMS.bid_deposit
    world.market.create_lease(order, 1, sender=world.tenants[0])
    assert [world.network.balanceOf(one) for one in world.providers[:3]] == [START, START - 500, START]
    assert [world.market.bids(order, agent).state for agent in range(3)] == [3, 2, 3]


def test_of_two_tenants_only_the_orders_own_accepts_a_bid_and_only_once(world):
    order = find_order(world.create(), 1, 1)
    world.bid(order)
    with world.vm.reverts("market: caller is not the tenant"):
        world.market.create_lease(order, 0, sender=world.tenants[1])
    world.market.create_lease(order, 0, sender=world.tenants[0])
    with world.vm.reverts("market: order is not open"):
        world.market.create_lease(order, 0, sender=world.tenants[0])


def test_provider_earns_its_own_bid_for_each_block_less_the_take_of_the_currency(world):
    for token, net in ((world.network, 450), (world.dollar, 400)):
        order = world.lease(token=token)
        before = token.balanceOf(world.providers[0])
        world.vm.mine(10)
        assert world.market.withdraw(order, sender=world.stranger) == net
        assert token.balanceOf(world.providers[0]) == before + net
        assert world.market.pots(token) == 500 - net


def test_a_vote_on_the_take_changes_no_lease_that_runs(world):
    order = world.lease()
    world.market.set_currency(world.network, True, 3_000, 1, sender=world.owner)
    world.vm.mine(10)
    assert world.market.withdraw(order) == 450


def test_income_goes_to_the_pools_by_their_parts(world):
    order = world.lease(token=world.dollar)
    world.vm.mine(101)
    world.market.withdraw(order)
    assert world.market.sweep(world.dollar) == 1_010
    shares = [world.dollar.balanceOf(one) for one in world.pools.values()]
    assert shares == [252, 354, 404]


def test_a_dry_deployment_pauses_and_a_top_up_by_anyone_goes_on_with_the_same_lease(world):
    order = world.lease(amount=520)
    assert world.market.dry_block(1) == world.vm.block + 10
    world.vm.mine(15)
    world.market.deposit(1, 100, sender=world.sponsor)
    assert world.market.leases(order).state == 1
    assert world.market.account_of(1).state == 1
    world.vm.mine(2)
    assert world.market.withdraw(order) == (520 + 100) * 9 // 10


def test_a_provider_ends_an_unpaid_lease_only_after_the_grace(world):
    order = world.lease(amount=100)
    world.vm.mine(2 + PARAMS.grace - 1)
    with world.vm.reverts("market: account is not dry for long enough"):
        world.market.close_dry(order, sender=world.providers[0])
    world.vm.mine()
    world.market.close_dry(order, sender=world.providers[0])
    assert (world.market.leases(order).state, world.market.groups(1, 1).state) == (4, 3)
    world.market.start_group(1, 1, sender=world.tenants[0])
    assert world.market.groups(1, 1).orders == 2


def test_a_provider_that_promised_a_window_announces_its_leave_and_cools_down(world):
    order = world.lease(window=20)
    with world.vm.reverts("market: reclamation window has not passed"):
        world.market.close_bid(order, 0, sender=world.providers[0])
    until = world.market.start_reclaim(order, sender=world.providers[0])
    world.vm.mine(19)
    with world.vm.reverts("market: reclamation window has not passed"):
        world.market.close_bid(order, 0, sender=world.providers[0])
    world.vm.mine()
    assert world.vm.block == until
    world.market.close_bid(order, 0, sender=world.providers[0])
    again = find_order(1, 1, 2)
    with world.vm.reverts("market: provider failed here lately"):
        world.bid(again)
    world.bid(again, agent=1)
    world.vm.mine(PARAMS.cooldown)
    world.bid(again)
    assert world.market.withdraw(order) == 20 * 45


def test_a_tenant_closes_at_once_and_the_group_is_on_the_market_again(world):
    order = world.lease(window=50)
    world.market.close_lease(order, False, sender=world.tenants[0])
    assert world.vm.event("OrderOpened").args.order == find_order(1, 1, 2)
    world.bid(find_order(1, 1, 2))


def test_a_bid_above_the_orders_price_costs_nothing(world):
    order = find_order(world.create(), 1, 1)
    with world.vm.reverts("market: price is over the order's"):
        world.bid(order, price=101)
    with world.vm.reverts("market: terms differ"):
        world.bid(order, price=101, terms=Terms(101))
    assert world.network.balanceOf(world.providers[0]) == START


def test_nobody_bids_or_closes_for_a_provider_but_its_holder(world):
    order = find_order(world.create(), 1, 1)
    with world.vm.reverts("market: caller does not hold the agent"):
        world.bid(order, agent=0, sender=world.providers[1])
    world.bid(order)
    with world.vm.reverts("market: caller does not hold the agent"):
        world.market.close_bid(order, 0, sender=world.providers[1])


def test_a_provider_takes_an_open_bid_back_and_may_bid_anew(world):
    order = find_order(world.create(), 1, 1)
    world.bid(order, price=60)
    world.market.close_bid(order, 0, sender=world.providers[0])
    assert world.network.balanceOf(world.providers[0]) == START
    assert world.market.bidders_of(order) == []
    world.bid(order, price=55)
    assert world.market.bids(order, 0).price == 55


def audited(world, all_of=(), any_of=()):
    names = [one.address for one in world.auditors]
    terms = Terms(
        100,
        attributes=(ATTRIBUTE, "tier=community"),
        all_of=tuple(names[one] for one in all_of),
        any_of=tuple(names[one] for one in any_of),
    )
    return find_order(world.create((terms,)), 1, 1), terms


def test_every_auditor_of_all_and_one_of_any_must_have_signed_every_attribute(world):
    ann, bob = world.auditors
    order, terms = audited(world, all_of=[0], any_of=[0, 1])
    for auditor in (ann, bob):
        for attribute in terms.attributes:
            world.audit(0, auditor, attribute)
    world.audit(1, ann, ATTRIBUTE)
    world.bid(order, 0, terms=terms)
    with world.vm.reverts("market: attribute is not audited"):
        world.bid(order, 1, terms=terms)


def test_an_auditor_takes_its_word_back_and_another_providers_proof_does_not_count(world):
    ann, _ = world.auditors
    order, terms = audited(world, all_of=[0])
    for attribute in terms.attributes:
        world.audit(0, ann, attribute)
        world.audit(1, ann, attribute)
    proofs = world.proofs(0, terms)
    for wrong in (world.proofs(1, terms), proofs[::-1], proofs[:1], [*proofs, proofs[0]]):
        with world.vm.reverts("market: attribute is not audited"):
            world.bid(order, 0, terms=terms, proofs=wrong)
    world.audit(0, ann, "tier=community", answer=0)
    with world.vm.reverts("market: attribute is not audited"):
        world.bid(order, 0, terms=terms, proofs=proofs)


def test_proofs_of_any_of_are_all_by_one_auditor(world):
    ann, bob = world.auditors
    order, terms = audited(world, any_of=[0, 1])
    mixed = [world.audit(0, ann, terms.attributes[0]), world.audit(0, bob, terms.attributes[1])]
    with world.vm.reverts("market: attribute is not audited"):
        world.bid(order, 0, terms=terms, proofs=mixed)
    world.bid(order, 0, terms=terms, proofs=[mixed[0], world.audit(0, ann, terms.attributes[1])])


def test_without_auditors_a_provider_needs_to_declare_the_attribute(world):
    terms = Terms(100, attributes=(ATTRIBUTE,))
    order = find_order(world.create((terms,)), 1, 1)
    with world.vm.reverts("market: attribute is not declared"):
        world.bid(order, terms=terms)
    with world.vm.reverts("market: caller does not hold the agent"):
        world.market.declare(0, [hash_attribute(ATTRIBUTE)], True, sender=world.stranger)
    world.declare(0)
    world.bid(order, terms=terms)


def test_a_blocked_sponsor_does_not_hold_up_the_close_and_pulls_its_money_later(world):
    coin = world.vm.deploy(BLOCKING)
    world.market.set_currency(coin, True, 0, 1, sender=world.owner)
    for account in (world.tenants[0], world.sponsor):
        coin.mint(account, 1_000)
    number = world.create(token=coin, amount=300)
    world.market.deposit(number, 200, sender=world.sponsor)
    coin.block_account(world.sponsor, True)
    world.market.close_deployment(number, sender=world.tenants[0])
    assert (coin.balanceOf(world.tenants[0]), coin.balanceOf(world.sponsor)) == (1_000, 800)
    assert world.market.pull(coin, world.sponsor) == 0
    coin.block_account(world.sponsor, False)
    assert world.market.pull(coin, world.sponsor) == 200
    assert coin.balanceOf(world.sponsor) == 1_000


def test_a_token_that_keeps_a_part_of_a_transfer_is_refused(world):
    coin = world.vm.deploy(BLOCKING)
    world.market.set_currency(coin, True, 0, 1, sender=world.owner)
    coin.mint(world.tenants[0], 1_000)
    coin.set_tax(1)
    with world.vm.reverts("till: token keeps a part"):
        world.create(token=coin, amount=300)


def test_only_the_owner_sets_rules_and_only_within_bounds(world):
    market, owner = world.market, world.owner
    with world.vm.reverts("ownable: caller is not the owner"):
        market.set_currency(world.dollar, True, 0, 1, sender=world.stranger)
    with world.vm.reverts("take: rate is too high"):
        market.set_currency(world.dollar, True, 3_001, 1, sender=owner)
    with world.vm.reverts("take: split is over the whole"):
        market.set_income((*world.pools.values(), 6_000, 4_001), sender=owner)
    with world.vm.reverts("market: max_bids is 1 to 20"):
        market.set_params(params_of(Params(1, max_bids=21)), sender=owner)
    with world.vm.reverts("market: waiting time is out of range"):
        market.set_params(params_of(Params(1, min_window=9, max_window=8)), sender=owner)
    market.set_currency(world.dollar, False, 0, 1, sender=owner)
    with world.vm.reverts("market: currency is not listed"):
        world.create(token=world.dollar)


def test_twenty_groups_with_full_books_still_close_in_one_transaction(world):
    world.market.set_params(params_of(Params(500)), sender=world.owner)
    number = world.create(tuple([Terms(100)] * 20), amount=100_000)
    for group in range(1, 21):
        for agent in range(4):
            world.bid(find_order(number, group, 1), agent)
    for group in range(1, 11):
        world.market.create_lease(find_order(number, group, 1), 0, sender=world.tenants[0])
    world.vm.mine(10)
    world.market.close_deployment(number, sender=world.tenants[0])
    assert [world.network.balanceOf(one) for one in world.providers] == [START] * 4
    assert world.network.balanceOf(world.tenants[0]) == START - 10 * 10 * 50
    assert world.market.dry_block(number) > FOREVER
    assert world.market.withdraw(find_order(number, 3, 1)) == 450


def test_a_manifest_changes_only_to_another_version(world):
    number = world.create()
    with world.vm.reverts("market: version is the same"):
        world.market.update_deployment(number, b"\x01" * 32, sender=world.tenants[0])
    world.market.update_deployment(number, b"\x02" * 32, sender=world.tenants[0])
    assert world.market.deployments(number).version == b"\x02" * 32
