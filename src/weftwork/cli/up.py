"""``weft up``: start a network, or some roles of one, and stay up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from weftwork.network.home import Home
    from weftwork.network.local import LocalNetwork
    from weftwork.network.plan import Plan

app = typer.Typer()
Roles = Annotated[
    str, typer.Option(help="Comma-separated: ledger, gateway, miner, validator, provider, renderer.")
]
Ledger = Annotated[
    str | None, typer.Option(metavar="URL", help="JSON-RPC of the ledger, where it is not started here.")
]
Engine = Annotated[
    list[str] | None,
    typer.Option(help="What a miner serves: weft-intent, echo, FILE.gguf, ollama:MODEL or URL#MODEL."),
]
Host = Annotated[str, typer.Option(help="Address to bind to; loopback unless you say otherwise.")]
Port = Annotated[
    int,
    typer.Option(envvar="WEFT_PORT", help="Port of the gateway (or of the only role); 0 takes a free one."),
]
Endpoint = Annotated[
    str | None, typer.Option(metavar="URL", help="Under which others reach this role, if not where it binds.")
]
Origin = Annotated[
    list[str] | None, typer.Option(metavar="URL", help="A web page's origin that may call the gateway.")
]
FundFrom = Annotated[str | None, typer.Option(metavar="KEYFILE", help="Key that funds new roles.")]
Found = Annotated[
    bool, typer.Option("--found", help="Raise a network on --ledger where there is none; --fund-from pays.")
]
BlockTime = Annotated[float, typer.Option(help="Seconds after which the ledger mines an empty block.")]
Tempo = Annotated[int, typer.Option(help="Blocks an epoch, for a network that is raised now.")]
CommitBlocks = Annotated[int, typer.Option(help="How many of them are for commitments.")]
Name = Annotated[
    str | None, typer.Option(help="Which home of this machine's roles that join a network it is.")
]
Dev = Annotated[bool, typer.Option("--dev", help="Allow snapshots and time travel on the ledger.")]
Log = Annotated[str, typer.Option(help="From which level on to log: debug, info, warning or error.")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Return once all is up; `weft down` stops it.")]
EVERYTHING = "ledger,gateway,miner,validator,provider,renderer"
NoRender = Annotated[bool, typer.Option("--no-render", help="Leave out the role that renders scenes.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON when all is up; log in JSON.")]


@app.command()
def up(
    roles: Roles = EVERYTHING,
    ledger: Ledger = None,
    engine: Engine = None,
    host: Host = "127.0.0.1",
    port: Port = 8642,
    endpoint: Endpoint = None,
    allow_origin: Origin = None,
    fund_from: FundFrom = None,
    found: Found = False,
    block_time: BlockTime = 2.0,
    tempo: Tempo = 60,
    commit_blocks: CommitBlocks = 36,
    name: Name = None,
    dev: Dev = False,
    no_render: NoRender = False,
    log: Log = "warning",
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Start a network on this machine and stay up; Ctrl-C or `weft down` stops it.

    With --ledger URL, it starts these roles on a network that others run.
    """
    from weftwork.cli.screen import reporting

    with reporting(as_json):
        from weftwork.network.plan import ENGINES, Plan

        given = [role.strip() for role in roles.split(",") if role.strip()]
        if ledger is not None and "ledger" in given:
            given.remove("ledger")
        if no_render and "renderer" in given:
            given.remove("renderer")
        plan = Plan(
            roles=tuple(dict.fromkeys(given)),
            ledger=ledger,
            host=host,
            port=port,
            endpoint=endpoint,
            origins=tuple(allow_origin or ()),
            engines=tuple(engine) if engine else ENGINES,
            fund_from=fund_from,
            found=found,
            block_time=block_time,
            tempo=tempo,
            commit_blocks=commit_blocks,
            dev=dev,
            ready=True,
            spare=("provider", "renderer") if roles == EVERYTHING else (),
        )
        if detach:
            from weftwork.cli.detach import start_detached

            start_detached(as_json)
        else:
            stay_up(plan, as_json, log=log, name=name)


def stay_up(plan: Plan, as_json: bool, *, log: str = "warning", name: str | None = None) -> None:
    """Run a plan in its home until it is stopped, showing what came up.

    A network on a ledger of its own has the default home; roles that join another's have one each.
    """
    from weftwork.cli.screen import say
    from weftwork.errors import BadConfig
    from weftwork.network.home import Home, joined_home
    from weftwork.network.life import heed_signals

    if log not in ("debug", "info", "warning", "error"):
        raise BadConfig(f"there is no log level {log}", value=log, hint="debug, info, warning or error")
    heed_signals()
    if "ledger" in plan.roles:
        home = Home.open(create=True)
        home.hold()
        home = _read_again(home)
    else:
        home = joined_home(name or "-".join(plan.roles), exact=name is not None)
    # The home is held until this process has ended, so that nobody starts beside what is still ending.
    _run(home, plan, (lambda text: None) if as_json else say, as_json, log)


def _read_again(home: Home) -> Home:
    """What stands in the home now that it is held: another process may have written it meanwhile."""
    from weftwork.network.home import Home

    home.facts = Home.open(home.path, create=True).facts
    return home


def _run(home: Home, plan: Plan, say: Any, as_json: bool, level: str) -> None:
    from weftwork.cli.main import STARTED
    from weftwork.network.life import run_network
    from weftwork.network.local import LocalNetwork
    from weftwork.wire import log
    from weftwork.wire.running import tune_process

    log.configure("json" if as_json else "human", level)  # type: ignore[arg-type]

    def show(network: LocalNetwork) -> None:
        _show_ready(network, as_json)
        tune_process()

    async def main() -> None:
        await run_network(LocalNetwork(home, plan, say, STARTED), show)

    try:
        import uvloop
    except ImportError:
        import asyncio

        asyncio.run(main())
    else:
        uvloop.run(main())


def _show_ready(network: LocalNetwork, as_json: bool) -> None:
    import json

    from weftwork.cli.screen import print_next

    facts = network.facts
    if as_json:
        shown = {
            k: facts.get(k) for k in ("gateway", "ledger", "subnet", "pid", "roles", "coming", "api_key")
        }
        shown |= {"contracts": facts["contracts"], "seconds": network.marks}
        print(json.dumps({"ready": True, "home": str(network.home.path), **shown}), flush=True)
        return
    steps = ", ".join(f"{name} {network.marks[name]:.1f}" for name in _STEPS if name in network.marks)
    print(f"up after {network.marks['ready']:.1f} s ({steps})")
    if "gateway" in facts["roles"] or facts.get("gateway"):
        print(f"\nexport OPENAI_BASE_URL={facts['gateway']}/v1 OPENAI_API_KEY={facts['api_key']}")
        _offer_ollama()
        print_next('weft ask "swap 250 USDC for ETH, no more than half a percent slippage"')
    else:
        print_next("weft status")


_STEPS = ("imports", "ledger", "engines", "network")


def _offer_ollama() -> None:
    """A line for each model of an Ollama on this machine, if there is one."""
    import json
    import urllib.request

    from weftwork.models.engine.compatible import OLLAMA

    try:
        with urllib.request.urlopen(OLLAMA + "/api/tags", timeout=0.3) as reply:  # noqa: S310 - loopback
            models = [str(row["name"]) for row in json.load(reply)["models"]]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for model in models[:3]:
        print(f"ollama has {model}: weft join miner --engine ollama:{model}")
