"""``weft compute quote | deploy | why``: from a deployment file to services that answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weftwork.cli.screen import paint, print_json, print_next, print_table, progress, reporting, say

if TYPE_CHECKING:
    from weftwork.compute.sdl import Deployment
    from weftwork.compute.survey import Survey
    from weftwork.compute.tenant import Answer, Ordered, Tenant

File = Annotated[str, typer.Argument(help="A deployment file (docs/sdl.md); - reads standard input.")]
Currency = Annotated[
    str | None, typer.Option(help="Pay in token or usd, whatever the file's denomination says.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one object.")]
POLICIES = ("cheapest", "best", "value", "audited", "by-hand")


def quote(file: File, currency: Currency = None, as_json: AsJson = False) -> None:
    """Ask every provider on the ledger what FILE would cost; the cheapest is marked."""
    with reporting(as_json):
        deployment = read(file, as_json)

        async def ask() -> tuple[list[Ordered], list[Answer]]:
            from weftwork.network.rent import open_tenant

            async with open_tenant() as tenant:
                return (
                    await asyncio.to_thread(tenant.order, deployment, currency),
                    await tenant.quote(deployment, currency),
                )

        with progress("asking the providers"):
            ordered, answers = asyncio.run(ask())
    if as_json:
        print_json({"file": file, "groups": [_group_json(one, answers) for one in ordered]})
        return
    for one in ordered:
        show_answers(one, [answer for answer in answers if answer.group == one.number])
    if any(answer.quote for answer in answers):
        print_next(f"weft compute deploy {file}")
    else:
        print_next(f"weft compute why {file}" if answers else "weft join provider")


def deploy(
    file: File,
    policy: Annotated[str, typer.Option(help=f"Which bid to take: {', '.join(POLICIES)}.")] = "cheapest",
    provider: Annotated[
        int | None, typer.Option(help="The agent whose bid to take, by hand.", metavar="AGENT")
    ] = None,
    auditor: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="Whose word counts for --policy audited.")
    ] = None,
    deposit: Annotated[str, typer.Option(help="What to deposit, in the file's currency.")] = "5",
    currency: Currency = None,
    patience: Annotated[float, typer.Option(help="Seconds to wait for bids.")] = 20.0,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until every service answers.")] = True,
    as_json: AsJson = False,
) -> None:
    """Rent what FILE asks for: bids, lease, manifest, and the addresses where it answers."""
    with reporting(as_json):
        from weftwork.compute.bidding import POLICIES as CHOICES
        from weftwork.compute.bidding import by_hand
        from weftwork.errors import BadConfig
        from weftwork.units import Wad

        deployment = read(file, as_json)
        if provider is not None:
            choice = by_hand(provider)
        elif policy in CHOICES:
            choice = CHOICES[policy]
        else:
            raise BadConfig(
                "by hand a provider is named" if policy == "by-hand" else f"there is no policy {policy[:40]}",
                value=policy[:40],
                hint="--provider AGENT; weft compute quote FILE lists agents"
                if policy == "by-hand"
                else f"choose {', '.join(POLICIES)}",
            )
        steps = Steps(quiet=as_json)

        async def run() -> dict[str, Any]:
            from weftwork.network.home import Home
            from weftwork.network.rent import find_home, keep_manifest, open_tenant

            home: Home = find_home()
            async with open_tenant(home, say=steps) as tenant:
                await prepare(tenant, policy)
                if policy == "audited":
                    await _read_audits(tenant, deployment, auditor or [])
                done = await tenant.deploy(
                    deployment,
                    deposit=int(Wad.parse(deposit)),
                    policy=choice,
                    currency=currency,
                    patience=patience,
                    wait=wait,
                    on_open=lambda number: keep_manifest(home, number, file, deployment, currency),
                )
                return {
                    "deployment": done.deployment,
                    "version": deployment.hash.hex(),
                    "leases": [lease_json(lease) for lease in done.leases],
                }

        made = asyncio.run(run())
    if as_json:
        print_json(made)
        return
    urls = [url for lease in made["leases"] for url in lease["urls"]]
    for url in urls:
        print(paint(url, "bold"))
    first = made["leases"][0]["order"]
    print_next(f"curl {urls[0]}" if urls and urls[0].startswith("http") else f"weft compute logs {first}")


def why(
    what: Annotated[
        str, typer.Argument(metavar="FILE|ORDER", help="A deployment file, or an order of yours.")
    ],
    currency: Currency = None,
    as_json: AsJson = False,
) -> None:
    """Say which provider fails which constraint, and by how much."""
    with reporting(as_json):

        async def ask() -> list[Survey]:
            from weftwork.compute.sdl.received import read_group
            from weftwork.compute.survey import survey
            from weftwork.network.rent import find_home, kept_deployment, open_tenant

            home = find_home()
            order, deployment = _file_or_order(what, as_json)
            async with open_tenant(home) as tenant:
                if deployment is not None:
                    ordered = await asyncio.to_thread(tenant.order, deployment, currency)
                    groups = list(zip(deployment.groups, ordered, strict=True))
                else:
                    kept = kept_deployment(home, order >> 64)
                    specs = [read_group(spec) for spec in kept["groups"]]
                    made = tenant.order_groups(specs, currency or kept.get("currency"))
                    number = order >> 32 & 0xFFFFFFFF
                    groups = [pair for pair in zip(specs, made, strict=True) if pair[1].number == number]
                return await survey(tenant, groups)

        with progress("asking the providers"):
            found = asyncio.run(ask())
    if as_json:
        print_json({"what": what, "groups": [one.to_json() for one in found]})
        return
    from weftwork.compute.why import summarise

    for one in found:
        print(paint(f"group {one.group}", "bold"))
        for line in summarise(one.report):
            print(line)
        if one.report.rows:
            print()
            rows = [(r.provider, r.constraint, r.wanted, r.has, r.short) for r in one.report.rows]
            print_table(("provider", "constraint", "wanted", "has", "short"), rows)
    bids = any(one.report.bids for one in found)
    if not bids:
        print_next("weft compute check FILE, and change what is short")
    elif _is_file(what):
        print_next(f"weft compute deploy {what}")
    else:
        print_next(f"weft compute lease {what.split('/')[0]}")


def read(file: str, as_json: bool) -> Deployment:
    """The deployment in a file, every problem of it told."""
    from weftwork.cli.compute import report_problems
    from weftwork.compute.error import BadSdl
    from weftwork.compute.sdl import read_file

    try:
        return read_file(file)
    except BadSdl as error:
        raise SystemExit(report_problems(error, as_json=as_json)) from None


def _file_or_order(what: str, as_json: bool) -> tuple[int, Deployment | None]:
    from weftwork.compute.venue import parse_order

    if _is_file(what):
        return 0, read(what, as_json)
    return parse_order(what), None


def _is_file(what: str) -> bool:
    from pathlib import Path

    return what == "-" or Path(what).exists() or not what[:1].isdigit()


async def prepare(tenant: Tenant, policy: str) -> None:
    """Read scores or audits where the policy looks at them."""
    if policy in ("best", "value"):
        from weftwork.network.rent import read_scores

        scores = await asyncio.to_thread(read_scores, tenant.venue)
        tenant.score_of = lambda agent: scores.get(agent, 0)


async def _read_audits(tenant: Tenant, deployment: Deployment, auditors: list[str]) -> None:
    """Which providers are audited: by the file's own auditors, or by those that are named."""
    from weftwork.errors import BadConfig
    from weftwork.network.rent import read_audited

    named = {
        *auditors,
        *(one for group in deployment.groups for one in (*(group.all_of or ()), *(group.any_of or ()))),
    }
    if not named:
        raise BadConfig(
            "audited by whom?", hint="--auditor ADDRESS, or signedBy in the file", value="audited"
        )
    agents = [one.agent for one in await tenant.suppliers.find()]
    attributes = sorted({pair for group in deployment.groups for pair in group.attributes})
    tenant.audited = await asyncio.to_thread(read_audited, tenant.venue, agents, attributes, named)


class Steps:
    """Shows a deployment step by step, on standard output for people, not at all with ``quiet``."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet

    def __call__(self, step: str, facts: dict[str, Any]) -> None:
        if self.quiet:
            return
        from weftwork.compute.venue import format_order

        order = format_order(facts["order"]) if "order" in facts else ""
        if step == "asking":
            say(f"asking {facts['count']} providers")
        elif step == "quotes":
            for one in facts["ordered"]:
                show_answers(one, [answer for answer in facts["answers"] if answer.group == one.number])
            print()
        elif step == "deployed":
            print(f"deployment {facts['deployment']}, deposit {facts['deposit']}", flush=True)
        elif step == "bid":
            bid = facts["bid"]
            price = facts["currency"].format(bid.price, 9)
            print(f"{order}  bid of agent {bid.agent}: {price} a block", flush=True)
        elif step == "leased":
            bid = facts["bid"]
            price = facts["currency"].format(bid.price, 9)
            print(f"{order}  leased to agent {bid.agent} at {price} a block", flush=True)
        elif step == "manifest":
            print(f"{order}  manifest taken by {facts['supplier'].endpoint}", flush=True)
        elif step == "status":
            print(f"{order}  {facts['status'].get('state')}", flush=True)
        elif step == "closed":
            print(f"deployment {facts['deployment']} is closed, its deposit is back", flush=True)


def show_answers(one: Ordered, answers: list[Answer]) -> None:
    """A table of what each provider quotes for a group."""
    if not answers:
        print("there is no provider on this network")
        return
    first = next((answer for answer in answers if answer.quote), None)
    rows = []
    for answer in answers:
        mark = "*" if answer is first else ""
        price = one.currency.format(answer.quote.price, 9) if answer.quote else "-"
        month = one.currency.format(answer.month(), 4) if answer.quote else "-"
        said = answer.refusal.sentence if answer.refusal else ""
        rows.append((mark, answer.supplier.agent, answer.supplier.name, price, month, said))
    print(paint(f"group {one.name}, at most {one.currency.format(one.terms[1], 9)} a block", "bold"))
    print_table(("", "agent", "provider", "a block", "a month", "why not"), rows, right=(1, 3, 4))


def _group_json(one: Ordered, answers: list[Answer]) -> dict[str, Any]:
    return {
        "group": one.name,
        "currency": one.currency.name,
        "max_price": str(one.terms[1]),
        "quotes": [
            {
                "agent": answer.supplier.agent,
                "provider": answer.supplier.name,
                "price": str(answer.quote.price) if answer.quote else None,
                "month": str(answer.month()) if answer.quote else None,
                "expiry": answer.quote.expiry if answer.quote else None,
                "why_not": answer.refusal.to_json() if answer.refusal else None,
            }
            for answer in answers
            if answer.group == one.number
        ],
    }


def lease_json(lease: Any) -> dict[str, Any]:
    """A lease as an object."""
    from weftwork.compute.venue import format_order

    return {
        "order": format_order(lease.order),
        "agent": lease.supplier.agent,
        "endpoint": lease.supplier.endpoint,
        "price": str(lease.price),
        "currency": lease.currency.name,
        "state": lease.status.get("state"),
        "urls": lease.urls,
    }
