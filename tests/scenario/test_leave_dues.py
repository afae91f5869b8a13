"""What is owed to who leaves comes home with it: vouchers, deposits, payers' purses, bids, leases, pay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from harness.desk import Requester
from harness.judges import WiseEngine

from weftwork.compute.bidding import choose_cheapest
from weftwork.compute.credit import CreditDesk
from weftwork.compute.render.escrow import Escrow
from weftwork.compute.venue import Venue
from weftwork.errors import Refused, StoreError
from weftwork.network.devnet import Devnet
from weftwork.network.dues import State, Step
from weftwork.network.enrol import enrol_agent, open_channel
from weftwork.network.home import Home
from weftwork.network.leave import leave_home
from weftwork.network.rent import fund_tenant
from weftwork.store import Store
from weftwork.units import WAD
from weftwork.wire.client import Client

DELAY = 100
PRICE = WAD // 1_000


class Village:
    """A devnet whose roles keep keys and stores in homes of their own, as those that joined do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.net = Devnet(tempo=400)

    def home(self, name: str) -> Home:
        return Home(self.folder / f"joined-{name}")

    def site(self, name: str, coins: int) -> Any:
        """A role's site on its own home."""
        net, self.net.home = self.net, self.home(name)
        try:
            self.home(name).make()
            return net.site(name, coins)
        finally:
            net.home = None

    async def stop(self, name: str) -> None:
        """The role's process has ended."""
        role = self.net.miners.pop(name, None)
        if role is not None:
            await role.stop()
            self.net._roles.remove(role)
        self.net.sites.pop(name).store.close()

    async def leave(self, name: str, **given: Any) -> list[Step]:
        home = Home(self.home(name).path)
        left = await asyncio.to_thread(leave_home, home, self.net.ledger, self.net.contracts, **given)
        return [step for one in left for step in one.steps]

    def coins(self, name: str) -> int:
        return self.net.coins([self.home(name).account(name).address])

    def mine(self, blocks: int) -> None:
        self.net.ledger.rpc("evm_mine", {"blocks": blocks})


@pytest.fixture
async def village(tmp_path: Path) -> AsyncIterator[Village]:
    made = Village(tmp_path)
    async with made.net:
        yield made


def one(steps: list[Step], what: str) -> Step:
    (found,) = (step for step in steps if step.what == what)
    return found


def whats(steps: list[Step]) -> list[tuple[str, str]]:
    return [(step.what, str(step.state)) for step in steps]


# Channels


async def work(village: Village, subnet: int = 0) -> int:
    """A miner that answered, was given a voucher, and was stopped without redeeming it; what that is over."""
    net = village.net
    net.home = village.home("mia")
    net.home.make()
    miner = await net.add_miner("mia", WiseEngine())
    net.home = None
    payer = village.site("pat", 5 * WAD)
    wallet = miner.site.account.address
    open_channel(net.ledger, net.contracts, payer.account, wallet, 5 * WAD, subnet=subnet)
    client = Client(local=True, timeout=10)
    asks = Requester(payer.account, wallet, client, payer.now, net.contracts.domains)
    asks.url = miner.url
    for i in range(5):
        assert (await asks.ask(f"stake {i + 1} ETH")).status == 200
    voucher = asks.purse.voucher()
    assert voucher is not None
    assert (await asks.post("/v1/voucher", [voucher.to_json()])).status == 200
    await client.close()
    await village.stop("mia")
    await village.stop("pat")
    return int(voucher.record.cumulative)


@pytest.mark.parametrize("subnet", [0, 1])
async def test_vouchers_in_a_miner_s_store_are_redeemed_once(village: Village, subnet: int) -> None:
    signed = await work(village, subnet)
    net, had = village.net, village.coins("mia")
    planned = one(await village.leave("mia", dry=True), "vouchers")
    assert village.coins("mia") == had
    steps = await village.leave("mia")
    assert whats(steps) == [("vouchers", "taken"), ("place", "given up")]
    gained = village.coins("mia") - had
    assert one(steps, "vouchers").amount == gained == planned.amount
    assert gained == signed if subnet == 0 else 0 < gained < signed, "a subnet shares its fees"
    block = net.ledger.block_number()
    assert await village.leave("mia") == []
    assert net.ledger.block_number() == block
    assert net.is_conserved()


async def test_what_was_claimed_and_not_fetched_comes_too(village: Village) -> None:
    signed = await work(village)
    net, had = village.net, village.coins("mia")
    held = Store(village.home("mia").store_path("mia"))
    kept = held.state(
        f"channel:{village.home('mia').account('mia').address}:{village.home('pat').account('pat').address}"
    )
    held.close()
    record = kept["voucher"]
    assert record is not None
    from weftwork.records import Signed

    voucher = Signed.from_json(record)
    channels = net.contracts.at(net.ledger, "channels")
    pair = [village.home(name).account(name).address for name in ("pat", "mia")]
    claim = (*pair, voucher.record.cumulative, voucher.record.receipt, voucher.signature)
    channels.send(net.founder, "claim_many", [claim])
    assert one(await village.leave("mia"), "vouchers").amount == signed
    assert village.coins("mia") == had + signed


async def test_a_payer_s_deposit_comes_back_after_its_delay_less_what_is_claimed_until_then(
    village: Village,
) -> None:
    signed = await work(village)
    had = village.coins("pat")
    steps = await village.leave("pat")
    assert whats(steps) == [("deposit", "unbonding")]
    assert steps[0].amount == 5 * WAD
    assert whats(await village.leave("pat")) == [("deposit", "unbonding")]
    await village.leave("mia")
    village.mine(DELAY)
    steps = await village.leave("pat")
    assert (steps[0].state, steps[0].amount) == (State.TAKEN, 5 * WAD - signed)
    assert village.coins("pat") == had + 5 * WAD - signed
    assert await village.leave("pat") == []
    assert village.net.is_conserved()


async def test_a_validator_s_payers_give_back_deposits_coins_and_gas_money(village: Village) -> None:
    from weftwork.closing.chance import derive_secret
    from weftwork.ledger import Account
    from weftwork.network.enrol import fund

    net = village.net
    site, gateway = village.site("vera", 100 * WAD), net.site("gateway", WAD)
    made = []
    for number in (1, 2, 3):
        site.store.set_state("payer_keys", number)
        payer = Account.from_key(derive_secret(site.account, b"payer", number))
        net.names[payer.address] = f"payer {number}"
        fund(net.ledger, net.contracts, site.account, payer.address, coins=2 * WAD, gas=WAD // 10)
        open_channel(net.ledger, net.contracts, payer, gateway.account.address, WAD)
        made.append(payer)
    gas = net.ledger.balance(site.account)
    await village.stop("vera")
    had = village.coins("vera")
    steps = await village.leave("vera")
    assert [(s.what, s.state, s.amount) for s in steps] == [
        ("payers' keys", State.TAKEN, 3 * WAD),
        ("payers' keys", State.UNBONDING, 3 * WAD),
    ]
    assert village.coins("vera") == had + 3 * WAD
    village.mine(DELAY)
    planned = await village.leave("vera", dry=True)
    steps = await village.leave("vera")
    assert [(s.state, s.coin) for s in steps] == [(State.TAKEN, "WEFT"), (State.TAKEN, "")]
    assert [(s.state, s.coin) for s in planned] == [(s.state, s.coin) for s in steps]
    assert (planned[0].amount, steps[0].amount) == (3 * WAD, 3 * WAD)
    assert village.coins("vera") == had + 6 * WAD == 100 * WAD
    assert net.coins([payer.address for payer in made]) == 0
    assert net.ledger.balance(site.account) > gas + WAD // 4
    assert await village.leave("vera") == []
    assert net.is_conserved()


async def test_a_broken_store_keeps_nothing_else_from_leaving(village: Village) -> None:
    await work(village)
    path = village.home("mia").store_path("mia")
    for one_ in path.parent.glob(f"{path.name}*"):
        one_.unlink()
    path.write_bytes(b"no store at all" * 100)
    with pytest.raises(StoreError):
        Store(path)
    assert whats(await village.leave("mia")) == [("vouchers", "waits"), ("place", "given up")]


# The market


class Stall:
    """A provider at the market, and a tenant, without any machine."""

    def __init__(self, village: Village) -> None:
        net = village.net
        self.venue = Venue(net.ledger, net.contracts, net.compute)
        self.site, tenant = village.site("prue", 100 * WAD), net.site("tenant", 100 * WAD)
        self.agent = enrol_agent(net.ledger, net.contracts, self.site.account, "data:,prue")
        fund_tenant(self.venue, net.founder, tenant.account)
        self.tenant = self.venue.market(tenant.account)
        self.provider = self.venue.market(self.site.account)
        for currency in self.venue.currencies:
            for account in (tenant.account, self.site.account):
                self.venue.token_at(currency.token).send(account, "approve", net.compute.market, 2**255)

    def order(self, currency: str = "token", window: int = 0) -> int:
        """A deployment of one group, on which the provider has bid."""
        token = self.venue.currency(currency).token
        deployment = self.tenant.deploy([(bytes(32), PRICE, 0, [], [], [])], token, WAD, bytes(32))
        order = deployment << 64 | 1 << 32 | 1
        self.provider.bid(self.provider.find_order(order), self.agent, PRICE, window=window)
        return order

    def lease(self, currency: str = "token", window: int = 0) -> int:
        order = self.order(currency, window)
        assert self.tenant.accept(order, choose_cheapest) is not None
        return order


async def test_a_provider_with_leases_is_refused_and_then_paid_for_them(village: Village) -> None:
    stall = Stall(village)
    orders = [stall.lease(), stall.lease("usd")]
    bid = stall.order()
    await village.stop("prue")
    block = village.net.ledger.block_number()
    with pytest.raises(Refused, match="tenants still rent here: 1/1/1, 2/1/1") as refused:
        await village.leave("prue")
    assert refused.value.value == orders
    assert village.net.ledger.block_number() == block, "nothing was done"
    village.mine(20)
    for order in orders:
        stall.tenant.close(order >> 64)
    had = village.coins("prue")
    dollars = stall.venue.token_at(village.net.compute.dollar)
    address = stall.site.account.address
    assert dollars.call("balanceOf", address) == 0
    planned = await village.leave("prue", dry=True)
    steps = await village.leave("prue")
    assert [(s.what, s.coin, s.amount) for s in planned] == [(s.what, s.coin, s.amount) for s in steps]
    assert [(s.what, s.coin) for s in steps] == [("bid", "WEFT"), ("lease", "WEFT"), ("lease", "USD")]
    assert village.coins("prue") == had + steps[0].amount + steps[1].amount
    assert dollars.call("balanceOf", address) == steps[2].amount > 0
    assert steps[0].amount == WAD // 2
    assert await village.leave("prue") == []
    assert stall.tenant.list_bids(bid) == []
    friend = village.net.founder.address
    before = dollars.call("balanceOf", friend)
    sent = await village.leave("prue", to=friend)
    assert [(s.what, s.coin) for s in sent] == [
        ("free coins", "WEFT"),
        ("free coins", "USD"),
        ("gas money", ""),
    ]
    assert dollars.call("balanceOf", friend) == before + steps[2].amount
    assert village.net.is_conserved()


async def test_a_lease_that_is_being_left_still_holds_until_its_notice_is_over(village: Village) -> None:
    stall = Stall(village)
    order = stall.lease(window=20)
    until = stall.provider.leave(order, stall.agent)
    assert until is not None
    await village.stop("prue")
    with pytest.raises(Refused, match="tenants still rent here"):
        await village.leave("prue")
    village.mine(20)
    assert stall.provider.leave(order, stall.agent) is None
    assert whats(await village.leave("prue")) == [("lease", "taken")]


# Pay


async def test_a_node_is_paid_for_work_of_epochs_that_are_over(village: Village) -> None:
    net = village.net
    site = village.site("nora", WAD)
    desk = CreditDesk(net.ledger, net.contracts.token, net.compute, net.founder)
    desk.buy(desk.tokens_for(20 * WAD))
    desk.award(site.account.address, 5 * WAD)
    await village.stop("nora")
    assert whats(await village.leave("nora")) == [("pay", "waits")]
    net.ledger.rpc("evm_increaseTime", 2 * 3_600)
    net.ledger.rpc("evm_mine")
    had = village.coins("nora")
    steps = await village.leave("nora")
    assert whats(steps) == [("pay", "taken")]
    assert village.coins("nora") == had + steps[0].amount > had
    assert await village.leave("nora") == []


async def test_a_render_that_nobody_refused_in_time_is_paid(village: Village) -> None:
    net = village.net
    site = village.site("nora", WAD)
    asks = Escrow(net.ledger, net.contracts.token, net.compute, net.founder)
    job = asks.open(site.account.address, 3 * WAD, "a bundle")
    Escrow(net.ledger, net.contracts.token, net.compute, site.account).submit(job, b"\x01" * 32)
    await village.stop("nora")
    had = village.coins("nora")
    steps = await village.leave("nora")
    assert whats(steps) == [("renders", "waits")]
    assert "72 hours" in steps[0].note
    net.ledger.rpc("evm_increaseTime", asks.window)
    net.ledger.rpc("evm_mine")
    steps = await village.leave("nora")
    assert whats(steps) == [("renders", "taken")]
    assert village.coins("nora") == had + 3 * WAD
    assert await village.leave("nora") == []
