"""What goes wrong while machines are rented: killed providers, a ledger that is away, money that runs out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness.rental import COINS, MICRO, Rental, asks, hello

from weftwork.compute.provider import Setting, open_pricing
from weftwork.compute.provider.pricing import ScriptPricer
from weftwork.compute.survey import survey
from weftwork.compute.why import summarise
from weftwork.errors import Refused, Unavailable
from weftwork.units import WAD


@pytest.fixture
async def rental(tmp_path: Path) -> AsyncIterator[Rental]:
    async with Rental(tmp_path) as made:
        yield made


async def test_a_killed_provider_finds_its_leases_again(rental: Rental) -> None:
    await rental.add_provider("ada", asks(20))
    tenant = rental.add_tenant()
    (lease,) = (await rental.rent(tenant)).leases
    await rental.kill("ada")
    assert await rental.get(lease.urls[0]) == 200, "what runs goes on without its provider"
    again = await rental.restart()
    await rental.pump()
    assert [one.order for one in again.provider.book.in_phase("running")] == [lease.order]
    status = await tenant.status(lease.order)
    assert status["services"][0]["ready"] == 1
    assert await rental.get(lease.urls[0]) == 200
    assert again.provider.desk.stock.free.cpu == 750, "what it holds is known again"
    tenant.market.close(lease.order >> 64)
    await rental.pump()
    assert not again.provider.book.in_phase("running")
    assert rental.net.is_conserved()


async def test_a_provider_killed_between_bid_and_lease_learns_that_it_won(rental: Rental) -> None:
    await rental.add_provider("ada", asks(20))
    tenant = rental.add_tenant()
    file = hello()
    (ordered,) = tenant.order(file)
    await tenant.quote(file)
    tenant.allow(ordered.currency.token)
    number = tenant.market.deploy([ordered.terms], ordered.currency.token, WAD, file.hash)
    await rental.pump()
    order = number << 64 | 1 << 32 | 1
    (bid,) = tenant.market.list_bids(order)
    await rental.kill("ada")
    rental.venue.contract.send(tenant.account, "create_lease", order, bid.agent)
    await rental.restart()
    await tenant.suppliers.find()
    supplier = await tenant.suppliers.of(bid.agent)
    await tenant.send(order, supplier, file.manifest_json())
    status = await tenant.wait_ready(order, supplier, 30.0)
    assert status["phase"] == "running"


async def test_a_ledger_that_is_gone_for_five_minutes_closes_no_lease(rental: Rental) -> None:
    setting = Setting(manifest_seconds=60, bid_seconds=60, collect_seconds=0.0)
    role = await rental.add_provider("ada", asks(20), setting=setting)
    tenant = rental.add_tenant()
    (lease,) = (await rental.rent(tenant)).leases
    rental.switch.away = True
    for _ in range(10):
        rental.clock.ahead += 30
        assert not await role.tick()
        assert await rental.get(lease.urls[0]) == 200
    assert role.provider.away_since is not None
    rental.switch.away = False
    assert await role.tick()
    assert role.provider.away_since is None
    assert [one.order for one in role.provider.book.in_phase("running")] == [lease.order]
    assert await rental.get(lease.urls[0]) == 200
    rental.mine(20)
    await role.tick()
    assert role.provider.book.find(lease.order).earned > 0, "it is paid for the time between"


async def test_a_dry_account_pauses_its_services_and_a_deposit_resumes_them(rental: Rental) -> None:
    role = await rental.add_provider("dear", asks(20_000))
    tenant = rental.add_tenant()
    done = await rental.rent(tenant, hello(amount=20_000))
    (lease,) = done.leases
    left = tenant.market.forecast(done.deployment).blocks
    rental.mine(left + 5)
    await role.tick()
    assert role.provider.book.find(lease.order).phase == "paused"
    status = await tenant.status(lease.order)
    assert (status["state"], status["why"]) == ("paused", "its account is dry")
    with pytest.raises(Unavailable):
        await rental.get(lease.urls[0])
    await asyncio.to_thread(tenant.market.top_up, done.deployment, WAD)
    await role.tick()
    assert role.provider.book.find(lease.order).phase == "running"
    assert await rental.get(lease.urls[0]) == 200
    tenant.market.close(done.deployment)
    await rental.pump()
    assert rental.net.is_conserved()


async def test_a_lease_that_stays_dry_is_left_after_the_grace(rental: Rental) -> None:
    role = await rental.add_provider(
        "dear", asks(20_000), setting=Setting(collect_seconds=0.0, dry_blocks=50)
    )
    tenant = rental.add_tenant()
    done = await rental.rent(tenant, hello(amount=20_000))
    (lease,) = done.leases
    grace = int(rental.venue.contract.call("params")[3])
    rental.mine(tenant.market.forecast(done.deployment).blocks + grace)
    await role.tick()
    assert role.provider.book.find(lease.order).phase == "paused"
    rental.mine(51)
    await role.tick()
    ended = role.provider.book.find(lease.order)
    assert (ended.phase, ended.why) == ("ended", "its account stayed dry")
    assert role.provider.desk.stock.free.cpu == 1_000
    assert rental.net.is_conserved()


async def test_a_manifest_that_never_comes_frees_the_provider(rental: Rental) -> None:
    role = await rental.add_provider("ada", asks(20), setting=Setting(manifest_seconds=60))
    tenant = rental.add_tenant()
    file = hello()
    (ordered,) = tenant.order(file)
    answers = await tenant.quote(file)
    tenant.allow(ordered.currency.token)
    number = tenant.market.deploy([ordered.terms], ordered.currency.token, WAD, file.hash)
    order = number << 64 | 1 << 32 | 1
    from weftwork.compute.bidding import choose_cheapest

    lease = await tenant.lease(order, ordered, answers, choose_cheapest, 5.0)
    await rental.pump()
    assert role.provider.book.find(order).phase == "won"
    rental.clock.ahead += 61
    await rental.pump()
    assert role.provider.book.find(order).why == "its manifest did not come in time"
    assert role.provider.desk.stock.free.cpu == 1_000
    with pytest.raises(Refused, match="not leased to this provider"):
        await tenant.send(order, lease.supplier, file.manifest_json())


async def test_a_provider_leaves_after_the_notice_that_it_promised(rental: Rental) -> None:
    role = await rental.add_provider("ada", asks(20), setting=Setting(collect_seconds=0.0, window=20))
    tenant = rental.add_tenant()
    (lease,) = (await rental.rent(tenant)).leases
    path = f"/v1/lease/{lease.order >> 64}-1-1/leave"
    with pytest.raises(Refused, match="may not close leases here"):
        await tenant.suppliers.call(lease.supplier, "POST", path, tenant.account)
    told = await tenant.suppliers.call(lease.supplier, "POST", path, role.site.account)
    assert (told["phase"], told["leaving"]) == ("running", True)
    await role.tick()
    assert await rental.get(lease.urls[0]) == 200, "it serves until the notice is over"
    rental.mine(20)
    await role.tick()
    assert role.provider.book.find(lease.order).phase == "ended"
    assert rental.coins(role.site.account) >= COINS, "its deposit is back"


async def test_a_pricing_script_that_hangs_makes_no_bid_and_holds_nobody_up(rental: Rental) -> None:
    hanging = ScriptPricer(b"#!/bin/sh\nsleep 600\n", seconds=0.5)
    await rental.add_provider("slow", hanging)
    await rental.add_provider("ada", asks(30))
    tenant = rental.add_tenant()
    refused = [one for one in await tenant.quote(hello()) if one.refusal]
    assert "out of time" in refused[0].refusal.sentence
    assert (await rental.rent(tenant)).leases[0].supplier.name == "ada"


async def test_a_pricing_function_that_hangs_makes_no_bid_and_holds_nobody_up(
    rental: Rental, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slowshop.py").write_text("import time\n\ndef quote(request):\n    time.sleep(600)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    await rental.add_provider("slow", open_pricing("slowshop:quote", seconds=0.5))
    await rental.add_provider("ada", asks(30))
    tenant = rental.add_tenant()
    refused = [one for one in await tenant.quote(hello()) if one.refusal]
    assert "did not answer in 0.5 s" in refused[0].refusal.sentence
    assert (await rental.rent(tenant)).leases[0].supplier.name == "ada"


async def test_logs_stay_for_a_month_after_the_end(rental: Rental) -> None:
    role = await rental.add_provider("ada", asks(20))
    tenant = rental.add_tenant()
    (lease,) = (await rental.rent(tenant)).leases
    tenant.market.close(lease.order >> 64)
    await role.tick()
    rental.clock.ahead += 29 * 86_400
    await role.tick()
    assert await anext(tenant.suppliers.logs(lease.supplier, lease.order, tenant.account))
    rental.clock.ahead += 2 * 86_400
    await role.tick()
    assert await role.executor.leases() == []
    with pytest.raises(Refused, match="its logs are gone"):
        await anext(tenant.suppliers.logs(lease.supplier, lease.order, tenant.account))


async def test_why_no_bid_names_each_provider_with_what_it_lacks(rental: Rental) -> None:
    await rental.add_provider("small", asks(20), has="cpu=100m,memory=512Mi,storage=256Mi")
    await rental.add_provider("dear", asks(500))
    gone = await rental.add_provider("gone", asks(20))
    assert gone.running is not None
    await gone.running.stop()
    await rental.add_provider("ada", asks(20))
    tenant = rental.add_tenant()
    file = hello()
    (found,) = await survey(tenant, list(zip(file.groups, tenant.order(file), strict=True)))
    rows = {row.provider.split()[1]: (row.constraint, row.short) for row in found.report.rows}
    assert rows["small"] == ("cpu", "0.15 CPU")
    assert rows["dear"] == ("price", "0.000400000000000000")
    assert rows["gone"][0] == "reachable"
    assert [name.split()[1] for name, _ in found.report.bids] == ["ada"]
    assert summarise(found.report)[0] == "1 of 4 providers bid"
    assert MICRO * 400 == 4 * 10**14
