"""``weft up``: start a network, or some roles of one, and stay up."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from weftwork.network.home import Home
    from weftwork.network.local import LocalNetwork, Plan

app = typer.Typer()
Roles = Annotated[str, typer.Option(help="Comma-separated: ledger, gateway, miner, validator.")]
Ledger = Annotated[str | None, typer.Option(help="URL of the ledger, where it is not started here.")]
Engine = Annotated[
    list[str] | None, typer.Option(help="weft-intent, echo, FILE.gguf, ollama:MODEL or URL#MODEL.")
]
Host = Annotated[str, typer.Option(help="Address to bind to; loopback unless you say otherwise.")]
Port = Annotated[int, typer.Option(envvar="WEFT_PORT", help="Port of the gateway (or of the only role).")]
Endpoint = Annotated[str | None, typer.Option(help="URL under which others reach this role.")]
FundFrom = Annotated[str | None, typer.Option(metavar="KEYFILE", help="Key that funds new roles.")]
BlockTime = Annotated[float, typer.Option(help="Seconds after which the ledger mines an empty block.")]
Dev = Annotated[bool, typer.Option("--dev", help="Allow snapshots and time travel on the ledger.")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Return once all is up; `weft down` stops it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON when all is up.")]


@app.command()
def up(
    roles: Roles = "ledger,gateway,miner,validator",
    ledger: Ledger = None,
    engine: Engine = None,
    host: Host = "127.0.0.1",
    port: Port = 8642,
    endpoint: Endpoint = None,
    fund_from: FundFrom = None,
    block_time: BlockTime = 2.0,
    dev: Dev = False,
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Start a network on this machine and stay up; Ctrl-C or `weft down` stops it."""
    from weftwork.cli.screen import reporting

    with reporting(as_json):
        from weftwork.network.local import ENGINES, Plan

        given = [role.strip() for role in roles.split(",") if role.strip()]
        if ledger is not None and "ledger" in given:
            given.remove("ledger")
        plan = Plan(
            roles=tuple(given),
            ledger=ledger,
            host=host,
            port=port,
            endpoint=endpoint,
            engines=tuple(engine) if engine else ENGINES,
            fund_from=fund_from,
            block_time=block_time,
            dev=dev,
        )
        if detach:
            start_detached(as_json)
        else:
            stay_up(plan, as_json)


def start_detached(as_json: bool, timeout: float = 120.0) -> None:
    """Run this same command in a process of its own, and return once it says that it is ready."""
    import json
    import subprocess
    import sys

    from weftwork.cli.screen import print_json, print_next
    from weftwork.errors import Unavailable
    from weftwork.network.home import Home

    home = Home.open(create=True)
    rest = [word for word in sys.argv[1:] if word not in ("-d", "--detach", "--json")]
    log = home.path / "up.log"
    with log.open("a") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "weftwork.cli", *rest, "--json"],
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
            start_new_session=True,
        )
    assert process.stdout is not None
    line = _read_line(process.stdout, timeout)
    facts = json.loads(line) if line.startswith("{") and line.rstrip().endswith("}") else {}
    if not facts.get("ready"):
        process.kill()
        rest_of_it = line + process.stdout.read()
        raise Unavailable(f"weft up failed: {rest_of_it.strip()[-300:]}", hint=f"see {log}")
    if as_json:
        print_json(facts)
        return
    for name, url in facts["roles"].items():
        print(f"{name:<12} {url}")
    if facts.get("gateway"):
        print(f"\nexport OPENAI_BASE_URL={facts['gateway']}/v1 OPENAI_API_KEY={facts['api_key']}")
    print_next('weft ask "swap 250 USDC for ETH"   (weft down stops it)')


def _read_line(stream: IO[str], timeout: float) -> str:
    import select

    ready, _, _ = select.select([stream], [], [], timeout)
    return stream.readline() if ready else ""


def stay_up(plan: Plan, as_json: bool, home: Home | None = None) -> None:
    """Run a plan in the home until it is stopped, showing what came up."""
    from weftwork.cli.screen import say
    from weftwork.errors import Refused
    from weftwork.network.home import Home
    from weftwork.network.local import is_running, run_network
    from weftwork.wire import log

    home = home or Home.open(create=True)
    if is_running(home):
        raise Refused(
            f"a network runs already in {home.path}",
            value=home.facts.get("pid"),
            hint="weft status shows it, weft down stops it, WEFT_HOME=DIR keeps another",
        )
    log.configure("json" if as_json else "human", "warning")

    def ready(network: LocalNetwork) -> None:
        _show_ready(network, as_json)

    run = run_network(home, plan, (lambda text: None) if as_json else say, ready)
    try:
        import uvloop
    except ImportError:
        import asyncio

        asyncio.run(run)
    else:
        uvloop.run(run)


def _show_ready(network: LocalNetwork, as_json: bool) -> None:
    import json

    from weftwork.cli.screen import print_next

    facts = network.facts
    if as_json:
        shown = {k: facts.get(k) for k in ("gateway", "ledger", "subnet", "pid", "roles", "api_key")}
        print(json.dumps({"ready": True, "home": str(network.home.path), **shown}), flush=True)
        return
    if facts.get("gateway"):
        print(f"\nexport OPENAI_BASE_URL={facts['gateway']}/v1 OPENAI_API_KEY={facts['api_key']}")
        print_next('weft ask "swap 250 USDC for ETH, no more than half a percent slippage"')
    else:
        print_next("weft status")
    import sys

    sys.stdout.flush()
