"""A person's way to the market of the network that is known here: a key, coins on a network of one's own."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from weftwork.compute.audit import read_audits
from weftwork.compute.market import AUDITED
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
from weftwork.wire.server import LOOPBACK

if TYPE_CHECKING:
    from weftwork.compute.sdl import Deployment
    from weftwork.ledger import Account

COINS = 100 * WAD
"""What a tenant is brought up to in either currency on a network of one's own, wad."""
NAME = "tenant"
TAG = "lease"
"""What feedback on a provider is about."""
MOST_CLIENTS = 64


def read_suppliers(venue: Venue) -> list[Supplier]:
    """The providers of machines that the ledger knows, oldest first; raises LedgerError."""
    renders = int(venue.parts.at(venue.ledger, "render_panel").call("subnet"))
    return [
        Supplier(agent, wallet, card.endpoint, card.name)
        for agent, wallet, card in read_agents(venue.ledger, venue.contracts, "provider")
        if not renders or card.subnet != renders
    ]


def open_suppliers(venue: Venue, *, local: bool = True, **options: Any) -> Suppliers:
    """All providers of a network; close its ``client`` when done."""
    return Suppliers(venue, lambda: read_suppliers(venue), Client(local, timeout=30.0), **options)


@asynccontextmanager
async def open_tenant(home: Home | None = None, **options: Any) -> AsyncIterator[Tenant]:
    """The tenant of the network that is known in ``home``, else here, with its own key and coins.

    Where this home holds the network's treasury, the key is brought up to :data:`COINS` of both currencies.
    Raises :class:`NotFound` where no network is known, :class:`Unavailable` where its ledger is out of reach.
    """
    home = home or find_home()
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


def find_home() -> Home:
    """The home of the network that is known here; raises :class:`NotFound`.

    Where ``WEFT_LEDGER`` names the URL of a ledger, it is the default home with the network on that ledger.
    """
    url = os.environ.get("WEFT_LEDGER")
    if url:
        return _remote_home(url)
    for home in live_homes():
        if home.facts.get("contracts") and home.facts.get("ledger"):
            return home
    raise NotFound(
        f"no network is known in {home_path()}", value=str(home_path()), hint="start one with `weft up`"
    )


def _remote_home(url: str) -> Home:
    from weftwork import ledger
    from weftwork.ledger.deployment import find_network

    home = Home.open(create=True)
    with ledger.connect(url) as chain:
        contracts = find_network(chain)
    is_local = (urlsplit(url).hostname or "") in LOOPBACK
    home.facts = {"ledger": url, "contracts": contracts.to_json(), "local": is_local}
    return home


def keep_manifest(
    home: Home, number: int, file: str, deployment: Deployment, currency: str | None = None
) -> None:
    """Remember what was deployed, so that a lease that is made again gets the same manifest."""
    folder = home.path / "deployments"
    folder.mkdir(exist_ok=True, mode=0o700)
    path = folder / f"{number}.json"
    path.touch(mode=0o600)
    kept = {
        "file": file,
        "currency": currency,
        "groups": deployment.group_specs_json(),
        "manifest": deployment.manifest_json(),
    }
    path.write_text(json.dumps(kept))


def kept_deployment(home: Home, number: int) -> dict[str, Any]:
    """What :func:`keep_manifest` wrote: ``groups``, ``manifest``, ``currency``; raises NotFound."""
    path = home.path / "deployments" / f"{number}.json"
    try:
        found = json.loads(path.read_text())
        if isinstance(found, dict) and isinstance(found.get("groups"), list):
            return found
    except (OSError, ValueError):
        pass
    raise NotFound(
        f"deployment {number} was not made from {home.path}",
        value=number,
        hint="name its file instead, or work from the home that deployed it: WEFT_HOME=DIR",
    )


def read_scores(venue: Venue) -> dict[int, int]:
    """What tenants gave the providers that they leased from: hundredths of a point of 100, by agent.

    Only the word of those counts who had a lease with the provider.
    """
    tenants: dict[int, set[str]] = {}
    for event in venue.events("LeaseCreated"):
        agent, order = int(event.args["agent"]), int(event.args["order"])
        tenants.setdefault(agent, set()).add(venue.owner_of(order >> 64))
    registry = venue.contracts.at(venue.ledger, "reputation")
    scores = {}
    for agent, known in tenants.items():
        count, value, decimals = registry.call("getSummary", agent, sorted(known)[:MOST_CLIENTS], TAG, "")
        scores[agent] = int(value) * 100 // 10 ** int(decimals) if count else 0
    return scores


def read_audited(
    venue: Venue, agents: Iterable[int], attributes: Iterable[tuple[str, str]], auditors: Iterable[str]
) -> dict[int, bool]:
    """Which agents one of ``auditors`` signed all ``attributes`` for (without any: that they are audited)."""
    named, wanted = {one.lower() for one in auditors}, tuple(attributes) or (AUDITED,)
    out = {}
    for agent in agents:
        signed = read_audits(venue, agent, wanted).signed
        out[agent] = any(set(wanted) <= set(pairs) for who, pairs in signed.items() if who.lower() in named)
    return out


def rate_supplier(venue: Venue, account: Account, agent: int, score: int) -> None:
    """Give a provider a score of 100, in public; raises Reverted."""
    registry = venue.contracts.at(venue.ledger, "reputation")
    registry.send(account, "giveFeedback", agent, score, 0, TAG, "", "", "", bytes(32))
