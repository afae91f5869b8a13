"""``weft up``: the roles of one home, in this process, around a ledger in a child process or at a URL.

The network on one machine is nothing but the roles of :mod:`weftwork.network.role` wired together. What it
is stands in the home's ``network.json`` while it runs, so that other commands find it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weftwork.errors import BadConfig, WeftError
from weftwork.network.founding import (
    LedgerProcess,
    find_treasury,
    open_network,
    open_site,
    wait_for_network,
)
from weftwork.network.home import Home
from weftwork.network.judge import ValidatorRole
from weftwork.network.role import GatewayRole, MinerRole
from weftwork.units import WAD

if TYPE_CHECKING:
    from weftwork.ledger import Account, Ledger
    from weftwork.ledger.deployment import Contracts
    from weftwork.models.engine.port import Engine

ROLES = ("ledger", "gateway", "miner", "validator")
PORT = 8642
ENGINES = ("weft-intent", "weft-intent")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start: roles, where they bind and are found, and what they stand on."""

    roles: tuple[str, ...] = ROLES
    ledger: str | None = None
    host: str = "127.0.0.1"
    port: int = PORT
    endpoint: str | None = None
    subnet: int = 1
    engines: tuple[str, ...] = ENGINES
    model: str | None = None
    stake: int = 1_000 * WAD
    fund_from: str | None = None
    block_time: float = 2.0
    tempo: int = 60
    commit_blocks: int = 36
    dev: bool = False
    rate: float = 0.2
    rule: str = "intent"
    least_gateways: int = 2
    local: bool = True

    def __post_init__(self) -> None:
        unknown = [role for role in self.roles if role not in ROLES]
        if unknown or not self.roles:
            raise BadConfig(
                f"there is no role {', '.join(unknown) or 'given'}",
                value=",".join(unknown),
                hint=f"choose among {', '.join(ROLES)}",
            )
        if "ledger" not in self.roles and self.ledger is None:
            raise BadConfig(
                "these roles need a ledger",
                hint="--ledger URL, or add ledger to --roles",
                value=str(self.roles),
            )


def open_named_engine(spec: str) -> Engine:
    """The engine of ``weft-intent`` (the model in the box), or of any spec of :func:`open_engine`."""
    if spec in ("weft-intent", "weft-intent-early"):
        from weftwork.network.cast import open_boxed_engine

        return open_boxed_engine(spec)
    from weftwork.models.engine import open_engine

    return open_engine(spec)


class LocalNetwork:
    """The roles of one plan, started in order and stopped in reverse; ``say`` is told what came up."""

    def __init__(self, home: Home, plan: Plan, say: Callable[[str], None] = lambda text: None) -> None:
        self.home = home
        self.plan = plan
        self.say = say
        self.ledger: Ledger
        self.contracts: Contracts
        self.roles: list[Any] = []
        self.facts: dict[str, Any] = {}
        self._process: LedgerProcess | None = None
        self._sites: list[Any] = []

    async def start(self) -> None:
        """Bring everything up; what came up before a failure is stopped again."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        from weftwork import ledger

        plan, home = self.plan, self.home
        url = plan.ledger
        if "ledger" in plan.roles:
            port = 0 if plan.roles != ("ledger",) else plan.port
            self._process = await asyncio.to_thread(
                LedgerProcess.start,
                home.path / "ledger",
                port=port,
                dev=plan.dev,
                block_time=plan.block_time,
            )
            url = self._process.url
            self.say(f"ledger     {url}")
        assert url is not None
        self.ledger = await asyncio.to_thread(ledger.connect, url)
        founder = find_treasury(home, plan.fund_from)
        self.contracts = await asyncio.to_thread(self._find_network, founder)
        self.facts = {
            "ledger": url,
            "contracts": self.contracts.to_json(),
            "subnet": plan.subnet,
            "pid": os.getpid(),
            "since": int(time.time()),
            "roles": {},
        }
        if "ledger" in plan.roles:
            self.facts["roles"]["ledger"] = url
            self.facts["ledger_path"] = f"embedded:{home.path / 'ledger'}"
        if "miner" in plan.roles:
            for number, spec in enumerate(plan.engines, 1):
                await self._add_miner(f"miner-{number}", spec, founder)
        if "gateway" in plan.roles:
            await self._add_gateways(founder)
        if "validator" in plan.roles:
            await self._add_validator("validator-1", founder)
        self.facts["names"] = {site.account.address: name for name, site in self._sites}
        home.save(**self.facts)

    def _find_network(self, founder: Account | None) -> Contracts:
        plan = self.plan
        if "ledger" in plan.roles or founder is not None:
            return open_network(self.ledger, founder, tempo=plan.tempo, commit_blocks=plan.commit_blocks)
        return wait_for_network(self.ledger)

    async def _site(self, name: str, founder: Account | None, **options: Any) -> Any:
        site = await asyncio.to_thread(
            open_site, self.home, name, self.ledger, self.contracts, founder, local=self.plan.local, **options
        )
        self._sites.append((name, site))
        return site

    def _port(self, shared: bool) -> int:
        """The plan's port for the first role that serves it; others take a free one."""
        return 0 if shared else self.plan.port

    async def _add_miner(self, name: str, spec: str, founder: Account | None) -> None:
        plan = self.plan
        alone = plan.roles == ("miner",) and len(plan.engines) == 1
        engine = open_named_engine(spec)
        role = MinerRole(
            await self._site(name, founder),
            engine,
            plan.subnet,
            model=plan.model or engine.describe().model,
            host=plan.host,
            port=self._port(not alone),
            endpoint=plan.endpoint if alone else None,
            name=name,
        )
        self.roles.append(role)
        place = await role.start()
        self.facts["roles"][name] = role.url
        self.say(f"{name}    {role.url}  {role.miner.model} by {spec}, uid {place.uid}")

    async def _add_gateways(self, founder: Account | None) -> None:
        plan = self.plan
        admin = secrets.token_hex(24)
        both = "validator" in plan.roles
        for number in (1, 2) if both else (1,):
            name = f"gateway-{number}"
            role = GatewayRole(
                await self._site(name, founder),
                [plan.subnet],
                admin=admin,
                host=plan.host,
                port=plan.port if number == 1 else 0,
                endpoint=plan.endpoint if number == 1 else None,
                every=3.0,
            )
            if number == 1 and self._process is not None:
                self._serve_rpc(role, self._process.url)
            self.roles.append(role)
            await role.start()
            self.facts["roles"][name] = role.url
            self.say(f"{name}  {role.url}/v1")
            if number == 1:
                self._give_key(role, admin)

    def _serve_rpc(self, role: GatewayRole, url: str) -> None:
        """POST /rpc at the gateway: passed on to the ledger's own process."""
        from weftwork.wire.client import Client
        from weftwork.wire.server import HttpRequest, HttpResponse

        client = Client(local=True, timeout=30.0)

        @role.gateway.app.post("/rpc")
        async def rpc(request: HttpRequest) -> HttpResponse:
            reply = await client.request(
                "POST", url, body=request.body, headers={"content-type": "application/json"}
            )
            return HttpResponse(reply.body, reply.status, content_type="application/json")

    def _give_key(self, role: GatewayRole, admin: str) -> None:
        """The API key of whoever works on this machine, made once and kept in the home."""
        held = self.home.facts.get("api_key")
        keys = role.gateway.keys
        try:
            keys.find(f"Bearer {held}")
        except WeftError:
            held, _ = keys.create("local", 1_000 * WAD)
        self.facts |= {"gateway": role.url, "api_key": held, "admin_key": admin}

    async def _add_validator(self, name: str, founder: Account | None) -> None:
        from weftwork.models.subnet import open_subnet_rule

        plan = self.plan
        alone = plan.roles == ("validator",)
        role = ValidatorRole(
            await self._site(name, founder, coins=plan.stake + 1_000 * WAD),
            plan.subnet,
            open_subnet_rule(plan.rule),
            stake=plan.stake,
            rate=plan.rate,
            host=plan.host,
            port=self._port(not alone),
            endpoint=plan.endpoint if alone else None,
            least=plan.least_gateways,
            name=name,
        )
        self.roles.append(role)
        place = await role.start()
        role.run()
        self.facts["roles"][name] = role.validator.running.url if role.validator.running else ""
        self.say(f"{name}  {self.facts['roles'][name]}  uid {place.uid}")

    async def stop(self) -> None:
        """Stop everything that was started."""
        for role in reversed(self.roles):
            with contextlib.suppress(WeftError, AttributeError, AssertionError):
                await role.stop()
        for _, site in self._sites:
            site.store.close()
        if hasattr(self, "ledger"):
            self.ledger.close()
        if self._process is not None:
            await asyncio.to_thread(self._process.stop)
        if self.home.facts.get("pid") == os.getpid():
            facts = {"pid": None, "gateway": None, "roles": {}}
            if "ledger_path" in self.facts:
                facts["ledger"] = self.facts["ledger_path"]
            self.home.save(**facts)


async def run_network(
    home: Home, plan: Plan, say: Callable[[str], None], ready: Callable[[LocalNetwork], Any]
) -> None:
    """Start a plan, call ``ready``, and stay up until SIGINT or SIGTERM."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    network = LocalNetwork(home, plan, say)
    starting = loop.create_task(network.start())
    waiting = loop.create_task(done.wait())
    await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return
    starting.result()
    try:
        ready(network)
        await waiting
    finally:
        await network.stop()


def is_running(home: Home) -> bool:
    """Whether the process that ``network.json`` names is alive."""
    pid = home.facts.get("pid")
    if not pid:
        return False
    try:
        os.kill(int(pid), 0)
    except (OSError, ValueError):
        return False
    return True


def stop_network(home: Home, *, timeout: float = 30.0) -> bool:
    """Ask the network of ``home`` to stop and wait for it; False where nothing ran."""
    if not is_running(home):
        return False
    pid = int(home.facts["pid"])
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if not is_running(home):
            return True
        time.sleep(0.1)
    raise WeftError(f"process {pid} does not stop", value=pid, hint=f"kill -9 {pid}")


def show_roles(facts: dict[str, Any]) -> Sequence[tuple[str, str]]:
    """Name and address of each role that runs."""
    return list((facts.get("roles") or {}).items())
