"""Machines are rented by auction: a file becomes an order, quotes become bids, a bid becomes a service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from harness.rental import COINS, MICRO, Rental, asks, hello

from weftwork.compute.bidding import by_hand, choose_best, choose_cheapest
from weftwork.compute.error import NoBid
from weftwork.compute.estate import read_estate
from weftwork.errors import Refused, Reverted, Unreachable, WeftError
from weftwork.network.rent import rate_supplier, read_scores
from weftwork.units import WAD


@pytest.fixture
async def rental(tmp_path: Path) -> AsyncIterator[Rental]:
    async with Rental(tmp_path) as made:
        yield made


async def test_a_tenant_rents_a_web_server_and_every_unit_is_accounted_for(rental: Rental) -> None:
    cheap = await rental.add_provider("cheap", asks(20))
    dear = await rental.add_provider("dear", asks(30))
    tenant = rental.add_tenant()
    quotes = await tenant.quote(hello())
    assert [(one.supplier.name, one.quote.price) for one in quotes if one.quote] == [
        ("cheap", 20 * MICRO),
        ("dear", 30 * MICRO),
    ]
    done = await rental.rent(tenant)
    (lease,) = done.leases
    assert (lease.supplier.name, lease.price) == ("cheap", 20 * MICRO)
    assert await rental.get(lease.urls[0]) == 200
    bids = [facts["bid"].agent for step, facts in rental.told if step == "bid"]
    assert sorted(bids) == [quotes[0].supplier.agent, quotes[1].supplier.agent]
    assert rental.coins(dear.site.account) == COINS, "a losing bid's deposit is back"
    lines = [line async for line in tenant.suppliers.logs(lease.supplier, lease.order, tenant.account)]
    assert any("GET / HTTP" in line["text"] for line in lines)

    rental.mine(50)
    await asyncio.to_thread(tenant.market.close, done.deployment)
    await rental.pump()
    with pytest.raises(Unreachable):
        await rental.get(lease.urls[0])
    after = [line async for line in tenant.suppliers.logs(lease.supplier, lease.order, tenant.account)]
    assert len(after) >= len(lines), "logs stay after the lease"
    status = await tenant.status(lease.order)
    assert (status["phase"], status["state"]) == ("ended", "exited")
    spent = COINS - rental.coins(tenant.account)
    earned = rental.coins(cheap.site.account) - COINS
    fee = int(rental.venue.contract.call("pots", rental.net.contracts.token))
    assert spent == earned + fee
    assert spent % (20 * MICRO) == 0
    assert spent >= 50 * 20 * MICRO
    assert fee == spent // 10
    assert rental.net.is_conserved()


async def test_a_log_is_followed_until_its_lease_is_closed(rental: Rental) -> None:
    await rental.add_provider("ada", asks(20))
    tenant = rental.add_tenant()
    (lease,) = (await rental.rent(tenant)).leases
    lines = tenant.suppliers.logs(lease.supplier, lease.order, tenant.account, follow=True)
    first = await anext(lines)
    assert (first["service"], first["replica"]) == ("web", 0)
    reading = asyncio.ensure_future(_collect(lines))
    assert await rental.get(f"{lease.urls[0]}/followed") == 404
    tenant.market.close(lease.order >> 64)
    await rental.pump()
    assert any("GET /followed" in line["text"] for line in await asyncio.wait_for(reading, 30))


async def _collect(lines: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line async for line in lines]


async def test_a_lease_is_paid_in_dollars_too(rental: Rental) -> None:
    provider = await rental.add_provider("ada", asks(20))
    tenant = rental.add_tenant()
    done = await rental.rent(tenant, hello(denom="uusd"))
    assert done.leases[0].currency.name == "usd"
    rental.mine(10)
    await asyncio.to_thread(tenant.market.close, done.deployment)
    await rental.pump()
    total, known = rental.dollars
    assert total == known
    assert rental.coins(provider.site.account) == COINS
    assert provider.provider.book.find(done.leases[0].order).earned


async def test_what_was_quoted_is_bid_though_the_price_rose(rental: Rental) -> None:
    prices = [20 * MICRO]
    await rental.add_provider("ada", lambda request: prices[0])
    tenant = rental.add_tenant()
    (answer,) = await tenant.quote(hello())
    prices[0] = 90 * MICRO
    done = await rental.rent(tenant)
    assert answer.quote is not None
    assert done.leases[0].price == answer.quote.price == 20 * MICRO


async def test_two_tenants_race_for_the_last_place_and_the_loser_has_its_money_back(rental: Rental) -> None:
    provider = await rental.add_provider("small", asks(20), has="cpu=250m,memory=64Mi,storage=8Mi")
    first, second = rental.add_tenant("first"), rental.add_tenant("second")
    outcomes = await asyncio.gather(
        rental.rent(first, patience=1.0), rental.rent(second, patience=1.0), return_exceptions=True
    )
    lost = [one for one in outcomes if isinstance(one, NoBid)]
    won = [one for one in outcomes if not isinstance(one, BaseException)]
    assert (len(won), len(lost)) == (1, 1), outcomes
    loser = (first, second)[outcomes.index(lost[0])]
    assert rental.coins(loser.account) == COINS
    assert len(provider.provider.book.in_phase("running")) == 1
    with pytest.raises(NoBid, match="cannot meet cpu"):
        await rental.rent(loser)
    assert rental.coins(loser.account) == COINS, "nothing is opened where nobody quotes"
    assert rental.net.is_conserved()


async def test_a_bid_is_accepted_once_and_by_the_tenant_of_its_order(rental: Rental) -> None:
    await rental.add_provider("ada", asks(20))
    tenant, stranger = rental.add_tenant("tenant"), rental.add_tenant("stranger")
    done = await rental.rent(tenant)
    order = done.leases[0].order
    with pytest.raises(Reverted, match="caller is not the tenant"):
        stranger.venue.contract.send(stranger.account, "create_lease", order, done.leases[0].supplier.agent)
    with pytest.raises(Reverted, match="order is not open"):
        tenant.venue.contract.send(tenant.account, "create_lease", order, done.leases[0].supplier.agent)


async def test_a_bid_above_the_orders_price_is_not_made_and_not_taken(rental: Rental) -> None:
    provider = await rental.add_provider("dear", asks(500))
    tenant = rental.add_tenant()
    (answer,) = await tenant.quote(hello(amount=100))
    assert answer.quote is None
    assert isinstance(answer.refusal, NoBid)
    assert "over the order's" in answer.refusal.sentence
    with pytest.raises(NoBid, match="none of 1 providers quotes"):
        await rental.rent(tenant)
    (ordered,) = tenant.order(hello(amount=100))
    tenant.allow(ordered.currency.token)
    tenant.market.deploy([ordered.terms], ordered.currency.token, WAD, bytes(32))
    market = rental.venue.market(provider.site.account)
    (order,) = market.list_orders()
    with pytest.raises(Reverted, match="price is over the order's"):
        market.bid(order, provider.provider.desk.agent, 500 * MICRO)
    tenant.market.close(order.deployment)
    assert rental.coins(tenant.account, provider.site.account) == 2 * COINS


async def test_a_wrong_manifest_and_a_larger_one_are_refused_and_the_right_one_runs(rental: Rental) -> None:
    await rental.add_provider("ada", asks(20))
    tenant = rental.add_tenant()
    right, other = hello(), hello(amount=99)
    (ordered,) = tenant.order(right)
    answers = await tenant.quote(right)
    tenant.allow(ordered.currency.token)
    bigger = right.manifest_json()
    bigger[0]["services"][0]["resources"]["memory"]["size"]["val"] = str(2**30)
    from weftwork.compute.sdl import hash_manifest

    for version, sent, reason in (
        (right.hash, [{"name": "here", "services": []}], "not the one whose hash"),
        (hash_manifest(bigger), bigger, "other resources than were ordered"),
        (right.hash, right.manifest_json(), ""),
    ):
        number = tenant.market.deploy([ordered.terms], ordered.currency.token, WAD, version)
        order = number << 64 | 1 << 32 | 1
        lease = await tenant.lease(order, ordered, answers, choose_cheapest, 5.0)
        if reason:
            with pytest.raises(Refused, match=reason):
                await tenant.send(order, lease.supplier, sent)
            assert (await tenant.status(order))["phase"] == "won", "nothing half-open"
        else:
            await tenant.send(order, lease.supplier, sent)
            status = await tenant.wait_ready(order, lease.supplier, 30.0)
            assert status["phase"] == "running"
        tenant.market.close(number)
        await rental.pump()
    assert other.hash == right.hash, "a price is no part of what runs"
    assert rental.net.is_conserved()


async def test_strangers_see_no_logs_and_a_call_is_not_made_twice(rental: Rental) -> None:
    await rental.add_provider("ada", asks(20))
    tenant, stranger = rental.add_tenant("tenant"), rental.add_tenant("stranger")
    (lease,) = (await rental.rent(tenant)).leases
    with pytest.raises(Refused, match="is not the tenant of this lease"):
        await stranger.status(lease.order)
    lines = stranger.suppliers.logs(lease.supplier, lease.order, stranger.account)
    with pytest.raises(Refused, match="is not the tenant of this lease"):
        await anext(lines)
    client = tenant.suppliers.client
    path = f"/v1/lease/{lease.order >> 64}-1-1/logs"
    bare = await client.get_json(lease.supplier.endpoint + path)
    assert bare.status == 401
    assert "no valid x-weft-call header" in bare.body["error"]["message"]
    signed = tenant.suppliers._sign(lease.supplier, "GET", path, b"", tenant.account)
    first = await client.request("GET", lease.supplier.endpoint + path, headers=signed)
    again = await client.get_json(lease.supplier.endpoint + path, headers=signed)
    assert first.status == 200
    assert again.body["error"]["code"] == "refused.replayed"
    rental.clock.ahead += 400
    late = tenant.suppliers._sign(lease.supplier, "GET", path, b"", tenant.account)
    rental.clock.ahead += 400
    stale = await client.get_json(lease.supplier.endpoint + path, headers=late)
    assert "has expired" in stale.body["error"]["message"]


async def test_attributes_are_declared_and_auditors_asked_for_keep_others_out(rental: Rental) -> None:
    await rental.add_provider("west", asks(20), attributes=["region=us-west"])
    await rental.add_provider("east", asks(10), attributes=["region=eu-east"])
    tenant = rental.add_tenant()
    wanted = hello(requirements="attributes: {region: us-west}")
    done = await rental.rent(tenant, wanted)
    assert done.leases[0].supplier.name == "west"
    auditor = rental.net.founder
    asked = hello(
        requirements=f"signedBy: {{allOf: ['{auditor.address}']}}\n      attributes: {{region: us-west}}"
    )
    with pytest.raises(NoBid):
        await rental.rent(tenant, asked)
    role = rental.providers["west"]
    from weftwork.compute.market import hash_attribute

    agent = role.provider.desk.agent
    registry = rental.net.contracts.at(rental.net.ledger, "validation")
    request = b"\x07" * 32
    registry.send(role.site.account, "validationRequest", auditor.address, agent, "", request)
    digest = hash_attribute("region", "us-west")
    registry.send(auditor, "validationResponse", request, 100, "", digest, "")
    assert (await rental.rent(tenant, asked)).leases[0].supplier.name == "west"


async def test_a_provider_named_by_hand_is_taken_though_it_is_dearer(rental: Rental) -> None:
    await rental.add_provider("cheap", asks(20))
    dear = await rental.add_provider("dear", asks(30))
    tenant = rental.add_tenant()
    done = await rental.rent(tenant, policy=by_hand(dear.provider.desk.agent))
    assert done.leases[0].supplier.name == "dear"


async def test_the_best_provider_is_the_one_that_its_tenants_rated_highest(rental: Rental) -> None:
    cheap = await rental.add_provider("cheap", asks(20))
    dear = await rental.add_provider("dear", asks(30))
    tenant, stranger = rental.add_tenant("tenant"), rental.add_tenant("stranger")
    agents = {role.name: role.provider.desk.agent for role in (cheap, dear)}
    for name, score in (("cheap", 40), ("dear", 95)):
        await rental.rent(tenant, policy=by_hand(agents[name]))
        rate_supplier(rental.venue, tenant.account, agents[name], score)
    rate_supplier(rental.venue, stranger.account, agents["cheap"], 100)
    scores = read_scores(rental.venue)
    assert scores == {agents["cheap"]: 4_000, agents["dear"]: 9_500}, "who never leased has no say"
    tenant.score_of = lambda agent: scores.get(agent, 0)
    assert (await rental.rent(tenant, policy=choose_best)).leases[0].supplier.name == "dear"


async def test_after_a_failed_lease_another_provider_runs_the_same_manifest(rental: Rental) -> None:
    await rental.add_provider("cheap", asks(20))
    await rental.add_provider("dear", asks(30))
    tenant = rental.add_tenant()
    file = hello()
    done = await rental.rent(tenant, file)
    assert done.leases[0].supplier.name == "cheap"
    tenant.market.close_lease(done.leases[0].order, failed=True)
    await rental.pump()
    estate = read_estate(rental.venue, done.deployment)
    (lease,) = await tenant.lease_again(
        estate, file.groups, file.manifest_json(), choose_cheapest, patience=3.0
    )
    assert lease.supplier.name == "dear"
    assert lease.order == done.leases[0].order + 1
    assert await rental.get(lease.urls[0]) == 200


async def test_a_provider_that_lies_about_its_quote_is_not_believed(rental: Rental) -> None:
    role = await rental.add_provider("ada", asks(20))
    tenant = rental.add_tenant()
    (supplier,) = await tenant.suppliers.find()
    (ordered,) = tenant.order(hello())
    other = rental.net.founder
    quote = await role.provider.auction.quote(ordered.spec, tenant.account.address, ordered.currency.token)
    from weftwork.compute.binding import check_quote

    forged = quote.sign(other, rental.venue.domain)
    with pytest.raises(WeftError, match="not signed by the provider's wallet"):
        check_quote(forged, supplier.wallet, rental.venue.domain, now=rental.clock())
    good = quote.sign(role.site.account, rental.venue.domain)
    cheaper = {**good, "quote": {**good["quote"], "price": "1"}}
    with pytest.raises(WeftError, match="not signed by the provider's wallet"):
        check_quote(cheaper, supplier.wallet, rental.venue.domain, now=rental.clock())
    with pytest.raises(Refused, match="the quote has expired"):
        check_quote(good, supplier.wallet, rental.venue.domain, now=quote.expiry + 1)
    assert check_quote(good, supplier.wallet, rental.venue.domain, now=rental.clock()) == quote
