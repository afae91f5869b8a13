"""``weft join``: take part in a network as a miner or a validator."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    help="Join a network as a miner or a validator.", no_args_is_help=True, rich_markup_mode=None
)
Ledger = Annotated[str | None, typer.Option(help="URL of the ledger; that of this home's network if absent.")]
Subnet = Annotated[int, typer.Option(help="Which subnet.")]
Host = Annotated[str, typer.Option(help="Address to bind to; loopback unless you say otherwise.")]
Port = Annotated[int, typer.Option(help="Port to bind to; 0 takes a free one.")]
Endpoint = Annotated[
    str | None, typer.Option(help="URL under which others reach you, if not where you bind.")
]
FundFrom = Annotated[str | None, typer.Option(metavar="KEYFILE", help="Key that funds this role's own key.")]
Public = Annotated[bool, typer.Option("--public", help="Others are on the internet: no private addresses.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON when up.")]


@app.command()
def miner(
    ledger: Ledger = None,
    engine: Annotated[
        str, typer.Option(help="weft-intent, FILE.gguf, ollama:MODEL, URL#MODEL or echo.")
    ] = "weft-intent",
    model: Annotated[str | None, typer.Option(help="Name under which it is asked for.")] = None,
    subnet: Subnet = 1,
    host: Host = "127.0.0.1",
    port: Port = 0,
    endpoint: Endpoint = None,
    fund_from: FundFrom = None,
    public: Public = False,
    as_json: AsJson = False,
) -> None:
    """Serve an engine: answer paid requests, sign receipts, take vouchers."""
    from weftwork.cli.screen import reporting

    with reporting(as_json):
        from weftwork.network.local import Plan

        plan = Plan(
            roles=("miner",),
            ledger=_find_ledger(ledger),
            engines=(engine,),
            model=model,
            subnet=subnet,
            host=host,
            port=port,
            endpoint=endpoint,
            fund_from=_find_funder(fund_from, ledger),
            local=not public,
        )
        _stay(plan, as_json)


@app.command()
def validator(
    ledger: Ledger = None,
    rule: Annotated[str, typer.Option(help="How answers are judged: intent or chat.")] = "intent",
    stake: Annotated[str, typer.Option(help="WEFT to stake.")] = "1000",
    rate: Annotated[float, typer.Option(help="Test questions a second, on average.")] = 0.2,
    gateways: Annotated[int, typer.Option(help="Gateways to ask through at least.")] = 2,
    subnet: Subnet = 1,
    host: Host = "127.0.0.1",
    port: Port = 0,
    endpoint: Endpoint = None,
    fund_from: FundFrom = None,
    public: Public = False,
    as_json: AsJson = False,
) -> None:
    """Judge miners: ask as any client does, weigh the answers, close epochs with the others."""
    from weftwork.cli.screen import reporting

    with reporting(as_json):
        from weftwork.network.local import Plan
        from weftwork.units import Wad

        plan = Plan(
            roles=("validator",),
            ledger=_find_ledger(ledger),
            rule=rule,
            stake=int(Wad.parse(stake)),
            rate=rate,
            least_gateways=gateways,
            subnet=subnet,
            host=host,
            port=port,
            endpoint=endpoint,
            fund_from=_find_funder(fund_from, ledger),
            local=not public,
        )
        _stay(plan, as_json)


def _find_ledger(given: str | None) -> str:
    from weftwork.errors import NotFound
    from weftwork.network.home import Home

    if given:
        return given
    url = Home.open().facts.get("ledger", "")
    if not str(url).startswith("http"):
        raise NotFound(
            "no ledger runs here", value=url, hint="weft up, or name one: --ledger http://host:port"
        )
    return str(url)


def _find_funder(given: str | None, ledger: str | None) -> str | None:
    """The key that funds: the one given, else the treasury of the network that runs in the default home."""
    from weftwork.network.home import home_path

    treasury = home_path() / "ledger" / "treasury.key"
    return given or (str(treasury) if ledger is None and treasury.exists() else None)


def _stay(plan: object, as_json: bool) -> None:
    """Each process that joins keeps a home of its own, so that several may join from one machine."""
    from weftwork.cli.up import stay_up
    from weftwork.network.home import Home, home_path
    from weftwork.network.local import Plan, is_running

    assert isinstance(plan, Plan)
    base = home_path() / f"joined-{plan.roles[0]}"
    path, number = base, 1
    while path.exists() and is_running(Home.open(path, create=True)):
        number += 1
        path = base.with_name(f"{base.name}-{number}")
    stay_up(plan, as_json, Home.open(path, create=True))
