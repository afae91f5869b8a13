"""The market's states: what ends what, who gets a deposit back, and that no unit is lost on the way."""

from __future__ import annotations

import pytest

from weftwork.errors import Refused
from weftwork.spec.escrow import Mode
from weftwork.spec.market import (
    BidState,
    Currency,
    GroupState,
    LeaseState,
    Market,
    OrderState,
    Params,
    Proof,
    Terms,
    check_proof,
    find_order,
)
from weftwork.spec.take import Split

PARAMS = Params(bid_deposit=500, max_bids=2, cooldown=10, grace=20, min_window=5, max_window=50)
ORDER = find_order(1, 1, 1)


def open_market(*terms: Terms, amount: int = 1_000) -> Market:
    market = Market("weft", PARAMS, Split(2_500, 4_000), {"weft": Currency(1_000), "usd": Currency(2_000)})
    market.create_deployment("tenant", "usd", Mode.IN_ORDER, "v1", terms or (Terms(100),), amount, 0)
    return market


def bid(
    market: Market, agent: str, price: int = 50, window: int = 0, block: int = 0, order: int = ORDER
) -> None:
    market.bid(agent, order, agent, price, window, Proof(), block)


def test_the_winner_leases_and_the_losers_have_their_deposits_back():
    market = open_market()
    bid(market, "anna", 60)
    bid(market, "ben", 40)
    market.create_lease("tenant", ORDER, "ben", 0)
    assert {name: one.state for name, one in market.bids[ORDER].items()} == {
        "anna": BidState.LOST,
        "ben": BidState.ACTIVE,
    }
    assert market.wallets["weft", "anna"] == 0
    assert market.wallets["weft", "ben"] == -500
    assert market.withdraw(ORDER, "ben", 10) == (320, 80)
    assert market.sweep("usd") == (20, 28, 32)
    assert market.held("usd") == 600


def test_one_group_closed_leaves_the_other_running():
    market = open_market(Terms(100), Terms(100))
    second = find_order(1, 2, 1)
    for order in (ORDER, second):
        bid(market, "anna", 10, order=order)
        market.create_lease("tenant", order, "anna", 0)
    market.close_group("tenant", 1, 1, 5)
    assert market.withdraw(ORDER, "anna", 50)[0] == 40
    assert market.withdraw(second, "anna", 50)[0] == 400
    with pytest.raises(Refused):
        market.start_group("tenant", 1, 1)


def test_a_lease_without_money_waits_out_the_grace_and_the_group_can_start_again():
    market = open_market(amount=100)
    bid(market, "anna")
    market.create_lease("tenant", ORDER, "anna", 0)
    with pytest.raises(Refused):
        market.close_dry(ORDER, "anna", 21)
    market.close_dry(ORDER, "anna", 22)
    group = market.deployments[0].groups[0]
    assert (market.leases[ORDER].state, group.state) == (LeaseState.DRY, GroupState.DRY)
    assert market.wallets["weft", "anna"] == 0
    market.start_group("tenant", 1, 1)
    assert (group.order, group.orders) == (OrderState.OPEN, 2)


def test_a_closed_deployment_returns_everything_but_what_was_earned():
    market = open_market()
    market.deposit("sponsor", 1, 300, 0)
    bid(market, "anna")
    market.create_lease("tenant", ORDER, "anna", 0)
    market.close_deployment("tenant", 1, 4)
    assert market.wallets["usd", "tenant"] == 0
    assert market.wallets["usd", "sponsor"] == -200
    assert market.held("usd") == 200
    market.withdraw(ORDER, "anna", 99)
    market.sweep("usd")
    assert market.held("usd") == market.held("weft") == 0


def test_auditors_that_sign_no_attribute_are_refused():
    with pytest.raises(Refused):
        open_market(Terms(100, all_of=("ann",)))


def test_a_proof_needs_all_of_the_first_and_any_of_the_second():
    terms = Terms(100, attributes=("a=1", "b=2"), all_of=("ann",), any_of=("bob", "cat"))
    full = {"a=1", "b=2"}
    check_proof(terms, Proof(signed={"ann": full, "cat": full}))
    for signed in ({"ann": full}, {"bob": full, "cat": full}, {"ann": {"a=1"}, "bob": full}):
        with pytest.raises(Refused):
            check_proof(terms, Proof(declared=full, signed=signed))
