"""A market with providers that run real sandboxes and tenants that rent from them, over real HTTP.

Nothing happens by itself: a provider looks at the ledger when it is told to, or while a tenant waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from weftwork.compute import sdl
from weftwork.compute.bidding import Policy, Pricing, choose_cheapest
from weftwork.compute.provider import Setting
from weftwork.compute.provider.pricing import FunctionPricer, Pricer
from weftwork.compute.sdl import Deployment
from weftwork.compute.tenant import Deployed, Tenant
from weftwork.compute.venue import Venue
from weftwork.errors import LedgerUnavailable, Unavailable
from weftwork.network.devnet import Devnet
from weftwork.network.provider import ProviderRole, open_executor
from weftwork.network.rent import fund_tenant, open_suppliers
from weftwork.network.role import Site
from weftwork.store import Store
from weftwork.units import WAD

COINS = 100 * WAD
MICRO = 10**12
HELLO = """
version: "2.0"
services:
  web:
    image: python
    command: [python3, -u, -m, http.server, "8000"]
    expose: [{{port: 8000, as: 80, to: [{{global: true}}]}}]
profiles:
  compute:
    web: {{resources: {{cpu: {{units: 0.25}}, memory: {{size: 64Mi}}, storage: {{size: 8Mi}}}}}}
  placement:
    here:
      {requirements}
      pricing: {{web: {{denom: {denom}, amount: {amount}}}}}
deployment:
  web: {{here: {{profile: web, count: 1}}}}
"""


def hello(amount: int = 100, denom: str = "uweft", requirements: str = "") -> Deployment:
    """A web server at no more than ``amount`` of ``denom`` a block."""
    return sdl.parse(HELLO.format(amount=amount, denom=denom, requirements=requirements))


def asks(micro: int) -> Pricer:
    """A pricing of so many millionths a block, whatever is asked for."""
    return FunctionPricer(lambda request: micro * MICRO)


class Clock:
    """Real time and what was added to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Switch:
    """A ledger's transport that can be cut."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.away = False

    def call(self, method: str, params: list[Any]) -> Any:
        self._check()
        return self.inner.call(method, params)

    def batch(self, calls: list[tuple[str, list[Any]]]) -> list[Any]:
        self._check()
        return list(self.inner.batch(calls))

    def close(self) -> None:
        self.inner.close()

    def _check(self) -> None:
        if self.away:
            raise LedgerUnavailable("the line to the ledger is cut")


class Rental:
    """A devnet with a market: ``providers`` by name, tenants as they are made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.net = Devnet()
        self.clock = Clock()
        self.providers: dict[str, ProviderRole] = {}
        self.venue: Venue
        self.switch: Switch
        self._tenants: list[Tenant] = []
        self.told: list[tuple[str, dict[str, Any]]] = []

    async def __aenter__(self) -> Rental:
        await self.net.__aenter__()
        self.venue = Venue(self.net.ledger, self.net.contracts, self.net.compute)
        self.switch = Switch(self.net.ledger._transport)
        self.net.ledger._transport = self.switch
        return self

    async def __aexit__(self, *_: object) -> None:
        self.switch.away = False
        for tenant in self._tenants:
            await tenant.suppliers.client.close()
        for role in self.providers.values():
            for lease in await role.executor.leases():
                await role.executor.forget(lease)
            await role.stop()
        await self.net.__aexit__()

    async def add_provider(
        self,
        name: str,
        pricer: Pricer | Pricing | None = None,
        *,
        has: str = "cpu=1,memory=512Mi,storage=256Mi",
        attributes: Sequence[str] = (),
        setting: Setting | None = None,
    ) -> ProviderRole:
        """A provider with coins for its bids; skips the test where this host has no sandbox."""
        site = self.net.site(name, COINS)
        site.store.close()
        site.store = Store(self.folder / f"{name}.db")
        site.now = self.clock
        return await self._start(name, site, pricer, has, attributes, setting)

    async def _start(
        self, name: str, site: Site, pricer: Any, has: str, attributes: Sequence[str], setting: Setting | None
    ) -> ProviderRole:
        chosen = pricer if pricer is None or hasattr(pricer, "price") else FunctionPricer(pricer)
        role = ProviderRole(
            site,
            open_executor("process", self.folder / name),
            pricer=chosen,
            has=has,
            attributes=attributes,
            setting=setting or Setting(collect_seconds=0.0),
            every=0.0,
            name=name,
        )
        try:
            await role.start()
        except Unavailable as error:
            pytest.skip(f"no sandbox here: {error} ({error.hint})")
        self.providers[name] = role
        role.remade = (name, site, pricer, has, attributes, setting)  # type: ignore[attr-defined]
        return role

    async def kill(self, name: str) -> None:
        """The provider's process is gone at once: it serves and looks no more, and says nothing."""
        role = self.providers.pop(name)
        assert role.running is not None
        await role.running.stop()
        role.site.store.close()
        self._dead = role.remade  # type: ignore[attr-defined]

    async def restart(self) -> ProviderRole:
        """The one that was killed starts again, on the same folder and key."""
        name, site, pricer, has, attributes, setting = self._dead
        site.store = Store(self.folder / f"{name}.db")
        return await self._start(name, site, pricer, has, attributes, setting)

    def add_tenant(self, name: str = "tenant") -> Tenant:
        """A tenant with both currencies, who sees providers work while it waits."""
        account = self.net.site(name, COINS).account
        fund_tenant(self.venue, self.net.founder, account, COINS)
        suppliers = open_suppliers(self.venue, now=self.clock)
        made = Tenant(
            self.venue,
            account,
            suppliers,
            now=self.clock,
            sleep=self.pump,
            say=lambda step, facts: self.told.append((step, facts)),
        )
        self._tenants.append(made)
        return made

    async def pump(self, seconds: float = 0.0) -> None:
        """Every provider looks at the ledger once; then a moment for what runs outside of this process."""
        for role in list(self.providers.values()):
            await role.tick()
        await asyncio.sleep(0.02)

    async def rent(
        self,
        tenant: Tenant,
        deployment: Deployment | None = None,
        policy: Policy = choose_cheapest,
        **given: Any,
    ) -> Deployed:
        """A deployment that serves."""
        options: dict[str, Any] = {"deposit": WAD, "patience": 5.0, "ready_seconds": 30.0, **given}
        return await tenant.deploy(deployment or hello(), policy=policy, **options)

    def mine(self, blocks: int) -> None:
        """Let blocks pass."""
        self.net.ledger.rpc("evm_mine", {"blocks": blocks})

    def coins(self, *who: Any) -> int:
        """What accounts hold of the network token."""
        return self.net.coins([getattr(one, "address", one) for one in who])

    @property
    def dollars(self) -> tuple[int, int]:
        """All dollars, and those that people and the market known here hold."""
        token = self.net.compute.at(self.net.ledger, "dollar")
        known = [*self.net.names, self.net.compute.market]
        return int(token.call("totalSupply")), sum(int(token.call("balanceOf", one)) for one in known)

    async def get(self, url: str) -> int:
        """The status that a service answers with."""
        client = self._tenants[0].suppliers.client
        return (await client.request("GET", url, timeout=2.0)).status
