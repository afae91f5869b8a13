"""A person's way to the market of the network that is known here: a key, coins on a network of one's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from weftwork.compute.supplier import Supplier, Suppliers
from weftwork.compute.tenant import Tenant
from weftwork.compute.venue import Venue
from weftwork.errors import NotFound, Unavailable
from weftwork.ledger.deployment_compute import find_compute
from weftwork.network.discovery import read_agents
from weftwork.network.enrol import fund
from weftwork.network.find import open_ledger
from weftwork.network.founding import find_treasury
from weftwork.network.home import Home, home_path, live_homes
from weftwork.units import WAD
from weftwork.wire.client import Client

if TYPE_CHECKING:
    from weftwork.compute.venue import Currency
    from weftwork.ledger import Account, Ledger
    from weftwork.ledger.deployment import Contracts

COINS = 100 * WAD
"""What a tenant is brought up to in either currency on a network of one's own, wad."""
NAME = "tenant"


def read_suppliers(ledger: Ledger, contracts: Contracts) -> list[Supplier]:
    """The providers that the ledger knows, oldest first; raises LedgerError."""
    return [
        Supplier(agent, wallet, card.endpoint, card.name)
        for agent, wallet, card in read_agents(ledger, contracts, "provider")
    ]


def open_suppliers(venue: Venue, *, local: bool = True, **options: Any) -> Suppliers:
    """All providers of a network; close its ``client`` when done."""
    return Suppliers(
        venue, lambda: read_suppliers(venue.ledger, venue.contracts), Client(local, timeout=30.0), **options
    )


@asynccontextmanager
async def open_tenant(home: Home | None = None, **options: Any) -> AsyncIterator[Tenant]:
    """The tenant of the network that is known in ``home``, else here, with its own key and coins.

    Where this home holds the network's treasury, the key is brought up to :data:`COINS` of both currencies.
    Raises :class:`NotFound` where no network is known, :class:`Unavailable` where its ledger is out of reach.
    """
    home = home or _find_home()
    facts = home.facts
    if str(facts.get("ledger", "")).startswith("embedded:"):
        raise Unavailable(f"the network of {home.path} is not running", value=str(home.path), hint="weft up")
    with open_ledger(facts) as (ledger, contracts):
        if ledger is None or contracts is None:
            raise Unavailable(
                f"the ledger at {facts.get('ledger')} is out of reach",
                value=str(facts.get("ledger")),
                hint="weft status shows what runs; weft up starts it again",
            )
        parts = await asyncio.to_thread(find_compute, ledger, contracts)
        venue = Venue(ledger, contracts, parts)
        account = home.account(NAME)
        treasury = find_treasury(home)
        if treasury is not None:
            await asyncio.to_thread(fund_tenant, venue, treasury, account)
        suppliers = open_suppliers(venue, local=bool(facts.get("local", True)))
        try:
            yield Tenant(venue, account, suppliers, **options)
        finally:
            await suppliers.client.close()


def fund_tenant(venue: Venue, treasury: Account, account: Account, coins: int = COINS) -> None:
    """Bring an account up to ``coins`` wad of both currencies, and to gas; raises LedgerError."""
    fund(venue.ledger, venue.contracts, treasury, account.address, coins=coins)
    for one in venue.currencies[1:]:
        token = venue.token_at(one.token)
        missing = one.to_units(coins) - int(token.call("balanceOf", account.address))
        if missing > 0 and int(token.call("balanceOf", treasury.address)) >= missing:
            token.send(treasury, "transfer", account.address, missing)


def _find_home() -> Home:
    for home in live_homes():
        if home.facts.get("contracts") and home.facts.get("ledger"):
            return home
    raise NotFound(
        f"no network is known in {home_path()}", value=str(home_path()), hint="start one with `weft up`"
    )


def keep_manifest(home: Home, deployment: int, file: str, manifest: Sequence[Any]) -> None:
    """Remember what was deployed, so that a lease that is made again gets the same manifest."""
    folder = home.path / "deployments"
    folder.mkdir(exist_ok=True, mode=0o700)
    path = folder / f"{deployment}.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"file": file, "manifest": list(manifest)}))


def kept_manifest(home: Home, deployment: int) -> dict[str, Any] | None:
    """What :func:`keep_manifest` wrote; None where it was deployed elsewhere."""
    path = home.path / "deployments" / f"{deployment}.json"
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def show(currency: Currency, units: int) -> str:
    """An amount for a table."""
    return currency.format(units)
