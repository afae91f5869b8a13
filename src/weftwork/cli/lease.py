"""``weft compute leases | lease | logs | deposit | close``: what one has rented."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weftwork.cli.deployment import AsJson, Steps, lease_json
from weftwork.cli.screen import paint, print_json, print_next, print_table, progress, reporting, say

if TYPE_CHECKING:
    from weftwork.compute.estate import Estate

Lease = Annotated[str, typer.Argument(help="DEPLOYMENT/GROUP/NUMBER; what is left out is 1.")]
Deployment = Annotated[int, typer.Argument(help="The deployment's number.")]


def leases(
    all_: Annotated[bool, typer.Option("--all", help="Closed deployments too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List your deployments and leases, where they answer, and how long their money lasts."""
    with reporting(as_json):

        async def ask() -> list[tuple[Estate, dict[int, dict[str, Any]]]]:
            from weftwork.compute.estate import read_estates
            from weftwork.errors import WeftError
            from weftwork.network.rent import open_tenant

            out = []
            async with open_tenant() as tenant:
                found = await asyncio.to_thread(read_estates, tenant.venue, tenant.account.address)
                for one in found:
                    if not (one.active or all_):
                        continue
                    told: dict[int, dict[str, Any]] = {}
                    for tenure in one.tenures:
                        if tenure.agent is not None and tenure.word != "closed":
                            try:
                                told[tenure.order] = await tenant.status(tenure.order)
                            except WeftError as error:
                                told[tenure.order] = {"state": "away", "why": error.sentence}
                    out.append((one, told))
            return out

        with progress("reading the ledger"):
            found = asyncio.run(ask())
    if as_json:
        print_json({"deployments": [_estate_json(one, told) for one, told in found]})
        return
    rows = [row for one, told in found for row in _rows(one, told)]
    if not rows:
        print("nothing is rented")
        print_next("weft compute deploy FILE")
        return
    head = ("lease", "state", "agent", "a block", "left", "where")
    print_table(head, rows, right=(2, 3, 4))
    first = next((row[0] for row in rows if row[1] not in ("closed", "open")), None)
    print_next(f"weft compute logs {first}" if first else "weft compute deploy FILE")


def lease(
    deployment: Deployment,
    policy: Annotated[str, typer.Option(help="Which bid to take: cheapest, best or value.")] = "cheapest",
    patience: Annotated[float, typer.Option(help="Seconds to wait for bids.")] = 20.0,
    as_json: AsJson = False,
) -> None:
    """Lease again what lost its provider: new quotes, new bids, the same manifest."""
    with reporting(as_json):
        steps = Steps(quiet=as_json)

        async def run() -> list[dict[str, Any]]:
            from weftwork.cli.deployment import prepare
            from weftwork.compute.bidding import POLICIES
            from weftwork.compute.estate import read_estate
            from weftwork.compute.sdl.received import read_group
            from weftwork.errors import BadConfig
            from weftwork.network.rent import find_home, kept_deployment, open_tenant

            if policy not in POLICIES:
                raise BadConfig(f"there is no policy {policy[:40]}", hint=f"choose {', '.join(POLICIES)}")
            home = find_home()
            kept = kept_deployment(home, deployment)
            specs = [read_group(spec) for spec in kept["groups"]]
            async with open_tenant(home, say=steps) as tenant:
                await prepare(tenant, policy)
                estate = await asyncio.to_thread(read_estate, tenant.venue, deployment)
                done = await tenant.lease_again(
                    estate, specs, kept["manifest"], POLICIES[policy], patience=patience
                )
            return [lease_json(one) for one in done]

        made = asyncio.run(run())
    if as_json:
        print_json({"deployment": deployment, "leases": made})
        return
    for one in made:
        for url in one["urls"]:
            print(paint(url, "bold"))
    print_next("weft compute leases")


def logs(
    lease: Lease,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    service: Annotated[str | None, typer.Option(help="Of one service only.")] = None,
    tail: Annotated[int | None, typer.Option(min=0, help="The last so many lines.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object a line.")] = False,
) -> None:
    """Print what the services of a lease wrote, also after it ended."""
    import json

    with reporting(as_json):
        from weftwork.compute.venue import parse_order

        order = parse_order(lease)

        async def run() -> int:
            from weftwork.network.rent import open_tenant

            count = 0
            async with open_tenant() as tenant:
                supplier = await tenant.supplier_of(order)
                lines = tenant.suppliers.logs(
                    supplier, order, tenant.account, service=service, tail=tail, follow=follow
                )
                async for line in lines:
                    count += 1
                    if as_json:
                        print(json.dumps(line), flush=True)
                    else:
                        text = str(line.get("text", ""))
                        clean = "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text)
                        who = paint(f"{line.get('service')}-{line.get('replica')}", "dim")
                        print(f"{who}  {clean}", flush=True)
            return count

        if not asyncio.run(run()) and not as_json:
            say("it wrote nothing")


def deposit(
    deployment: Deployment,
    amount: Annotated[str, typer.Argument(help="How much, in the deployment's currency.")],
    as_json: AsJson = False,
) -> None:
    """Add money to a deployment; one that was paused for want of it goes on."""
    with reporting(as_json):

        async def run() -> Estate:
            from weftwork.compute.estate import read_estate
            from weftwork.network.rent import open_tenant
            from weftwork.units import Wad

            async with open_tenant() as tenant:
                estate = await asyncio.to_thread(read_estate, tenant.venue, deployment)
                units = estate.currency.to_units(int(Wad.parse(amount)))
                await asyncio.to_thread(tenant.allow, estate.currency.token)
                await asyncio.to_thread(tenant.market.top_up, deployment, units)
                return await asyncio.to_thread(read_estate, tenant.venue, deployment)

        with progress("depositing"):
            now = asyncio.run(run())
    if as_json:
        print_json(now.to_json())
        return
    print(f"deployment {deployment} has {now.currency.format(now.runway.balance)}, {_left(now)} left")
    print_next("weft compute leases")


def close(
    what: Annotated[
        str, typer.Argument(metavar="LEASE|DEPLOYMENT", help="A whole deployment, or one lease of it.")
    ],
    failed: Annotated[
        bool, typer.Option("--failed", help="Of a lease: its provider failed, and cannot bid for a while.")
    ] = False,
    rate: Annotated[
        int | None, typer.Option(min=0, max=100, help="What you give its provider, of 100; it is public.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """End a deployment and get back what is unspent, or end one lease, which opens its next order."""
    with reporting(as_json):

        async def run() -> dict[str, Any]:
            from weftwork.compute.estate import read_estate
            from weftwork.compute.venue import format_order, parse_order
            from weftwork.network.rent import open_tenant, rate_supplier

            order = parse_order(what)
            deployment = order >> 64
            async with open_tenant() as tenant:
                estate = await asyncio.to_thread(read_estate, tenant.venue, deployment)
                agents = [one.agent for one in estate.tenures if one.agent is not None]
                token = tenant.venue.token_at(estate.currency.token)
                before = int(token.call("balanceOf", tenant.account.address))
                if "/" in what:
                    agents = [
                        one.agent for one in estate.tenures if one.order == order and one.agent is not None
                    ]
                    again = await asyncio.to_thread(tenant.market.close_lease, order, failed=failed)
                    out: dict[str, Any] = {"lease": format_order(order), "next_order": format_order(again)}
                else:
                    await asyncio.to_thread(tenant.market.close, deployment)
                    out = {"deployment": deployment}
                back = int(token.call("balanceOf", tenant.account.address)) - before
                out |= {"returned": str(back), "currency": estate.currency.name}
                out["text"] = estate.currency.format(back)
                if rate is not None:
                    for agent in dict.fromkeys(agents):
                        await asyncio.to_thread(rate_supplier, tenant.venue, tenant.account, agent, rate)
            return out

        with progress("closing"):
            done = asyncio.run(run())
    text = done.pop("text")
    if as_json:
        print_json(done)
        return
    if "lease" in done:
        print(f"lease {done['lease']} is closed; its group is on the market again as {done['next_order']}")
        print_next(f"weft compute lease {done['lease'].split('/')[0]}, or weft compute close DEPLOYMENT")
    else:
        print(f"deployment {done['deployment']} is closed, {text} came back")
        print_next("weft compute leases --all")


def _rows(one: Estate, told: dict[int, dict[str, Any]]) -> list[tuple[Any, ...]]:
    from weftwork.compute.tenant import find_urls
    from weftwork.compute.venue import format_order

    out = []
    for tenure in one.tenures:
        status = told.get(tenure.order, {})
        word = tenure.word if tenure.word != "leased" else str(status.get("state", "leased"))
        price = one.currency.format(tenure.price, 9) if tenure.price else "-"
        where = ", ".join(find_urls(status)) or str(status.get("why") or "")
        agent = "-" if tenure.agent is None else tenure.agent
        out.append((format_order(tenure.order), word, agent, price, _left(one), where))
    return out


def _left(one: Estate) -> str:
    from weftwork.spec.escrow import FOREVER

    if not one.active:
        return "-"
    if one.is_dry:
        return "dry"
    return "no lease" if one.runway.blocks == FOREVER else f"{one.runway.blocks:,} blocks"


def _estate_json(one: Estate, told: dict[int, dict[str, Any]]) -> dict[str, Any]:
    from weftwork.compute.tenant import find_urls
    from weftwork.compute.venue import format_order

    out = one.to_json()
    by_order = {format_order(order): status for order, status in told.items()}
    for row in out["leases"]:
        status = by_order.get(row["order"])
        if status is not None:
            row |= {"services": status.get("services", []), "urls": find_urls(status)}
            row |= {"phase": status.get("phase"), "run": status.get("state"), "why": status.get("why", "")}
    return out
