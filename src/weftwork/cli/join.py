"""``weft join``: take part in a network as a miner, a validator or a provider."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    help="Join a network as a miner, a validator or a provider.", no_args_is_help=True, rich_markup_mode=None
)
Ledger = Annotated[str | None, typer.Option(help="URL of the ledger; that of this home's network if absent.")]
Subnet = Annotated[int, typer.Option(help="Which subnet.")]
Host = Annotated[str, typer.Option(help="Address to bind to; loopback unless you say otherwise.")]
Port = Annotated[int, typer.Option(help="Port to bind to; 0 takes a free one.")]
Endpoint = Annotated[
    str | None, typer.Option(help="URL under which others reach you, if not where you bind.")
]
FundFrom = Annotated[str | None, typer.Option(metavar="KEYFILE", help="Key that funds this role's own key.")]
Name = Annotated[
    str | None, typer.Option(help="Which home of this machine's roles it is; a free one if absent.")
]
Log = Annotated[str, typer.Option(help="From which level on to log: debug, info, warning or error.")]
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
    name: Name = None,
    log: Log = "warning",
    as_json: AsJson = False,
) -> None:
    """Serve an engine: answer paid requests, sign receipts, take vouchers."""
    from weftwork.cli.screen import reporting
    from weftwork.cli.up import stay_up

    with reporting(as_json):
        from weftwork.network.plan import Plan

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
        stay_up(plan, as_json, log=log, name=name)


@app.command()
def validator(
    ledger: Ledger = None,
    rule: Annotated[
        str, typer.Option(help="What is judged: intent, chat; render: scenes; availability: who is there.")
    ] = "intent",
    trial: Annotated[
        str,
        typer.Option(
            help="With --rule availability: drill, or render: nodes are asked to render, and timed."
        ),
    ] = "drill",
    stake: Annotated[str, typer.Option(help="WEFT to stake.")] = "1000",
    rate: Annotated[float, typer.Option(help="Test questions a second, on average.")] = 0.2,
    gateways: Annotated[int, typer.Option(min=1, help="Gateways to ask through at least.")] = 2,
    via: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Ask through this gateway, not those found.")
    ] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for network and gateways.")] = 300.0,
    subnet: Subnet = 1,
    host: Host = "127.0.0.1",
    port: Port = 0,
    endpoint: Endpoint = None,
    fund_from: FundFrom = None,
    public: Public = False,
    name: Name = None,
    log: Log = "warning",
    as_json: AsJson = False,
) -> None:
    """Judge miners: ask as any client does, weigh the answers, close epochs with the others."""
    from weftwork.cli.screen import reporting
    from weftwork.cli.up import stay_up

    with reporting(as_json):
        from weftwork.network.plan import Plan
        from weftwork.units import Wad

        plan = Plan(
            roles=("validator",),
            ledger=_find_ledger(ledger),
            rule=rule,
            trial=trial,
            stake=int(Wad.parse(stake)),
            rate=rate,
            least_gateways=gateways,
            via=tuple(via or ()),
            patience=wait,
            subnet=subnet,
            host=host,
            port=port,
            endpoint=endpoint,
            fund_from=_find_funder(fund_from, ledger),
            local=not public,
        )
        stay_up(plan, as_json, log=log, name=name)


@app.command()
def provider(
    ledger: Ledger = None,
    executor: Annotated[
        str, typer.Option(help="What runs leases: process, podman, kubernetes or ray; render: scenes.")
    ] = "process",
    executor_option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A setting of the executor: docs/executors.md."),
    ] = None,
    price: Annotated[
        str | None,
        typer.Option(help="A month's prices: cpu=1.6,memory=0.8,storage=0.02,gpu=100,gpu/a100=900."),
    ] = None,
    pricing: Annotated[
        str | None, typer.Option(metavar="SCRIPT|MODULE:FUNCTION", help="What prices each order instead.")
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="An attribute that orders may ask for.")
    ] = None,
    offer: Annotated[
        str, typer.Option(help="What to sell, as cpu=4,memory=8Gi,storage=100Gi,gpu=0; all of it if absent.")
    ] = "",
    notice: Annotated[int, typer.Option(min=0, help="Blocks of notice before it leaves a lease.")] = 0,
    ready: Annotated[bool, typer.Option(help="Answer drills too, and be paid for standing ready.")] = True,
    wait: Annotated[float, typer.Option(help="Seconds to wait for a network.")] = 300.0,
    host: Host = "127.0.0.1",
    port: Port = 0,
    endpoint: Endpoint = None,
    fund_from: FundFrom = None,
    public: Public = False,
    name: Name = None,
    log: Log = "warning",
    as_json: AsJson = False,
) -> None:
    """Sell this machine by auction: quote, bid, run what tenants deploy, be paid by the block."""
    from weftwork.cli.screen import reporting
    from weftwork.cli.up import stay_up

    with reporting(as_json):
        from weftwork.network.plan import Plan

        plan = Plan(
            roles=("provider",),
            ledger=_find_ledger(ledger),
            executor=executor,
            executor_options=tuple(executor_option or ()),
            price=price,
            pricing=pricing,
            attributes=tuple(attribute or ()),
            has=offer,
            window=notice,
            ready=ready,
            patience=wait,
            host=host,
            port=port,
            endpoint=endpoint,
            fund_from=_find_funder(fund_from, ledger),
            local=not public,
        )
        stay_up(plan, as_json, log=log, name=name)


def _find_ledger(given: str | None) -> str:
    from weftwork.errors import NotFound
    from weftwork.network.home import Home

    if given:
        return given
    home = Home.open()
    url = home.facts.get("ledger", "")
    if not str(url).startswith("http") or not home.is_running:
        raise NotFound(
            "no ledger runs here", value=url, hint="weft up, or name one: --ledger http://host:port"
        )
    return str(url)


def _find_funder(given: str | None, ledger: str | None) -> str | None:
    """The key that funds: the one given, else the treasury of the network that runs in the default home."""
    from weftwork.network.home import home_path

    treasury = home_path() / "ledger" / "treasury.key"
    return given or (str(treasury) if ledger is None and treasury.exists() else None)
