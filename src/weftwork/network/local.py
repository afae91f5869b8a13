"""``weft up``: the roles of one home, in this process, around a ledger in a child process or at a URL.

The network on one machine is nothing but the roles of :mod:`weftwork.network.role` wired together. What it
is stands in the home's ``network.json`` while it runs, so that other commands find it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from weftwork.errors import BadConfig, NetworkNotFound, WeftError
from weftwork.network.founding import (
    LedgerProcess,
    find_treasury,
    open_network,
    open_site,
    wait_for_network,
)
from weftwork.network.home import Home
from weftwork.network.plan import Plan
from weftwork.network.supply import Supply
from weftwork.units import WAD
from weftwork.wire import log

if TYPE_CHECKING:
    from weftwork.ledger import Account, Ledger
    from weftwork.ledger.deployment import Contracts
    from weftwork.models.engine.port import Engine
    from weftwork.network.role import GatewayRole, Site

REDEEM = WAD // 1000
"""Vouchers worth less than this, in wad, are not redeemed when a miner stops, where gas costs something."""


def open_named_engine(spec: str) -> Engine:
    """The engine of ``weft-intent`` (the model in the box), or of any spec of :func:`open_engine`."""
    if spec in ("weft-intent", "weft-intent-early"):
        from weftwork.network.cast import open_boxed_engine

        return open_boxed_engine(spec)
    from weftwork.models.engine import open_engine

    return open_engine(spec)


class LocalNetwork:
    """The roles of one plan, started in order and stopped in reverse; ``say`` is told what came up.

    ``marks`` holds, in seconds since ``since`` (a reading of ``time.monotonic``), when each step was done.
    """

    def __init__(
        self,
        home: Home,
        plan: Plan,
        say: Callable[[str], None] = lambda text: None,
        since: float | None = None,
    ) -> None:
        self.home = home
        self.plan = plan
        self.say = say
        self.ledger: Ledger
        self.contracts: Contracts
        self.roles: list[Any] = []
        self.facts: dict[str, Any] = {}
        self.marks: dict[str, float] = {}
        self.engines: list[Engine] = []
        self._since = time.monotonic() if since is None else since
        self._process: LedgerProcess | None = None
        self._sites: list[tuple[str, Site]] = []
        self._founder: Account | None = None
        self._ports: dict[str, int] = {}
        self._supply = Supply(self)
        self._following: asyncio.Task[None] | None = None
        self._stopped = False

    def _mark(self, step: str) -> None:
        self.marks[step] = round(time.monotonic() - self._since, 2)

    def up(self, step: str, name: str, text: str) -> None:
        """A step is done: when, and a line on what came up."""
        self._mark(step)
        self.tell(name, text, f"{self.marks[step]:5.1f} s")

    def tell(self, name: str, text: str, when: str = "") -> None:
        """A line about a role: to whoever waits for all to be up, and to the log once it is."""
        if "ready" in self.marks:
            log.logger(name).info(text)
        else:
            self.say(f"{when:<7}  {name:<12} {text}")

    # Starting

    async def start(self) -> None:
        """Bring everything up; whoever calls it stops what came up, also where this fails or is cancelled."""
        plan, home = self.plan, self.home
        self._ports = dict(home.facts.get("ports") or {})
        self._check_port()
        if "ledger" in plan.roles:
            alone = plan.is_alone("ledger")
            self._process = LedgerProcess.spawn(
                home.path / "ledger",
                port=plan.port if alone else 0,
                dev=plan.dev,
                block_time=plan.block_time,
                origins=plan.origins,
            )
        engines = asyncio.ensure_future(self._start_engines())
        try:
            await self._open_ledger()
            await engines
        finally:
            engines.cancel()
            await asyncio.gather(engines, return_exceptions=True)
        await self._start_roles()
        self.facts["coming"] = self._supply.coming
        self.save()
        self._mark("ready")
        self._following = asyncio.ensure_future(self._supply.follow())

    def save(self) -> None:
        """Write down what runs, for other commands."""
        self.facts["ports"] = {**self._ports, **self._ports_used()}
        self.facts["names"] = {site.account.address: name for name, site in self._sites}
        self.home.save(**self.facts)

    def _check_port(self) -> None:
        """Refuse a port that is taken before anything is started."""
        from weftwork.ledger.serve import free_port

        plan = self.plan
        if plan.port and ("gateway" in plan.roles or len(plan.roles) == 1):
            free_port(plan.host, plan.port)

    async def _start_engines(self) -> None:
        if "miner" in self.plan.roles:
            self.engines = [await asyncio.to_thread(open_named_engine, spec) for spec in self.plan.engines]
            await asyncio.gather(*(engine.start() for engine in self.engines))
            self._mark("engines")

    async def _open_ledger(self) -> None:
        from weftwork import ledger

        plan, home = self.plan, self.home
        # What the roles need is loaded while the ledger's process starts.
        await asyncio.to_thread(_load_roles)
        self._mark("imports")
        url = plan.ledger
        if self._process is not None:
            url = await asyncio.to_thread(self._process.wait)
        assert url is not None
        self.ledger = await asyncio.to_thread(ledger.connect, url)
        self.up("ledger", "ledger", url)
        self._founder = find_treasury(home, plan.fund_from)
        self.contracts = await asyncio.to_thread(self._find_network)
        self._mark("network")
        self.facts = {
            "ledger": url,
            "contracts": self.contracts.to_json(),
            "subnet": plan.subnet,
            "local": plan.local,
            "pid": os.getpid(),
            "since": int(time.time()),
            "roles": {},
            "leaving": {},
        }
        if self._process is not None:
            self.facts["roles"]["ledger"] = url
            self.facts["ledger_path"] = f"embedded:{home.path / 'ledger'}"

    def _find_network(self) -> Contracts:
        plan = self.plan
        if "ledger" in plan.roles or plan.found:
            return open_network(
                self.ledger, self._founder, tempo=plan.tempo, commit_blocks=plan.commit_blocks
            )
        return wait_for_network(self.ledger, plan.patience, self.say)

    async def _start_roles(self) -> None:
        plan = self.plan
        if plan.subnet != 1 or "ledger" not in plan.roles:
            await asyncio.to_thread(self._check_subnet)
        if "miner" in plan.roles:
            engines = zip(plan.engines, self.engines, strict=True)
            names = [f"miner-{number}" for number in range(1, len(plan.engines) + 1)]
            await _all(
                self._add_miner(name, spec, engine)
                for name, (spec, engine) in zip(names, engines, strict=True)
            )
        if "gateway" in plan.roles:
            both = "validator" in plan.roles
            await _all(self._add_gateway(number) for number in ((1, 2) if both else (1,)))
            self.home.save(**self.facts)
        late = []
        if "provider" in plan.roles:
            late.append(self._supply.add_provider("provider-1"))
        if "renderer" in plan.roles:
            late.append(self._supply.check_renderer("render-1"))
        if "validator" in plan.roles:
            late.append(self._add_validator("validator-1"))
        await _all(late)

    def _check_subnet(self) -> None:
        if self.plan.subnet > int(self.contracts.at(self.ledger, "subnets").call("count")):
            raise NetworkNotFound(
                f"this network has no subnet {self.plan.subnet}",
                value=self.plan.subnet,
                hint="weft status shows the network",
            )

    async def site(self, name: str, **options: Any) -> Site:
        """What a role of that name stands on, kept until the network stops."""
        site = await asyncio.to_thread(
            open_site,
            self.home,
            name,
            self.ledger,
            self.contracts,
            self._founder,
            local=self.plan.local,
            **options,
        )
        self._sites.append((name, site))
        return site

    def place(self, name: str, *, own: bool) -> dict[str, Any]:
        """Where a role binds: the plan's port for the one it is meant for, else the port of last time."""
        from weftwork.ledger.serve import free_port

        port = self.plan.port if own else 0
        if not port and (last := self._ports.get(name)):
            with contextlib.suppress(BadConfig):
                port = free_port(self.plan.host, int(last))
        return {
            "host": self.plan.host,
            "port": port,
            "endpoint": self.plan.endpoint if own else None,
            "hosts": self.plan.hosts,
        }

    async def _add_miner(self, name: str, spec: str, engine: Engine) -> None:
        from weftwork.network.role import MinerRole

        plan = self.plan
        role = MinerRole(
            await self.site(name),
            engine,
            plan.subnet,
            model=plan.model or engine.describe().model,
            redeem=1 if plan.local else REDEEM,
            name=name,
            **self.place(name, own=plan.is_alone("miner")),
        )
        self.roles.append(role)
        place = await role.start()
        self.facts["roles"][name] = role.url
        self.up(name, name, f"{role.url}  {role.miner.model} by {spec}, uid {place.uid}")

    async def _add_gateway(self, number: int) -> None:
        from weftwork.network.role import GatewayRole

        plan, name = self.plan, f"gateway-{number}"
        admin = self.home.facts.get("admin_key") or secrets.token_hex(24)
        role = GatewayRole(
            await self.site(name),
            [plan.subnet],
            admin=admin if number == 1 else None,
            origins=plan.origins,
            every=3.0,
            **self.place(name, own=number == 1),
        )
        if number == 1 and self._process is not None:
            self._serve_rpc(role, self._process.url)
        self.roles.append(role)
        await role.start()
        self.facts["roles"][name] = role.url
        self.up(name, name, f"{role.url}/v1")
        if number == 1:
            self._give_key(role, admin)

    def _serve_rpc(self, role: GatewayRole, url: str) -> None:
        """POST /rpc at the gateway: passed on to the ledger's own process, behind the gateway's guards."""
        from weftwork.errors import BadJson
        from weftwork.wire.client import Client
        from weftwork.wire.server import HttpRequest, HttpResponse

        client = Client(local=True, timeout=30.0)

        @role.gateway.app.post("/rpc")
        async def rpc(request: HttpRequest) -> HttpResponse:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":  # what a page may send without asking first
                raise BadJson("JSON-RPC is sent as application/json", value=kind[:80])
            reply = await client.request(
                "POST", url, body=request.body, headers={"content-type": "application/json"}
            )
            return HttpResponse(reply.body, reply.status, content_type="application/json")

        role.gateway.app.on_stop(client.close)

    def _give_key(self, role: GatewayRole, admin: str) -> None:
        """The API key of whoever works on this machine, made once and kept in the home."""
        held = self.home.facts.get("api_key")
        keys = role.gateway.keys
        try:
            keys.find(f"Bearer {held}")
        except WeftError:
            held, _ = keys.create("local", 1_000 * WAD)
            keys.flush()
        self.facts |= {"gateway": role.url, "api_key": held, "admin_key": admin}

    async def _add_checker(self, name: str) -> None:
        from weftwork.network.render import CheckerRole

        role = CheckerRole(
            await self.site(name, coins=self.plan.stake + 1_000 * WAD),
            self.home.path / "renders" / name,
            stake=self.plan.stake,
            name=name,
            **self.place(name, own=self.plan.is_alone("validator")),
        )
        self.roles.append(role)
        place = await role.start()
        role.run()
        self.facts["roles"][name] = role.url
        self.up(name, name, f"{role.url}  checks renders, uid {place.uid}")

    async def _add_watcher(self, name: str) -> None:
        from weftwork.network.ready import WatcherRole

        renders = self.home.path / "renders" / name if self.plan.trial == "render" else None
        if renders is not None:
            from weftwork.compute.render.worker import find_mitsuba

            find_mitsuba()
        role = WatcherRole(
            await self.site(name, coins=self.plan.stake + 1_000 * WAD),
            stake=self.plan.stake,
            renders=renders,
            name=name,
            **self.place(name, own=self.plan.is_alone("validator")),
        )
        self.roles.append(role)
        place = await role.start()
        role.run(least=1)
        self.facts["roles"][name] = role.url
        self.up(name, name, f"{role.url}  watches who stands ready, uid {place.uid}")

    async def _add_validator(self, name: str) -> None:
        if self.plan.rule in ("render", "availability"):
            await (self._add_checker if self.plan.rule == "render" else self._add_watcher)(name)
            return
        from weftwork.models.subnet import open_subnet_rule
        from weftwork.network.judge import ValidatorRole
        from weftwork.network.role import GatewayRole

        plan = self.plan
        own = [role.url for role in self.roles if isinstance(role, GatewayRole)]
        role = ValidatorRole(
            await self.site(name, coins=plan.stake + 1_000 * WAD),
            plan.subnet,
            open_subnet_rule(plan.rule),
            stake=plan.stake,
            gateways=plan.via or (own if len(own) >= plan.least_gateways else ()),
            rate=plan.rate,
            least=plan.least_gateways,
            patience=plan.patience,
            name=name,
            **self.place(name, own=plan.is_alone("validator")),
        )
        self.roles.append(role)
        place = await role.start(self.say)
        role.run()
        self.facts["roles"][name] = role.url
        self.up(name, name, f"{role.url}  uid {place.uid}")

    def _ports_used(self) -> dict[str, int]:
        from urllib.parse import urlsplit

        return {
            name: urlsplit(url).port or 0 for name, url in self.facts["roles"].items() if name != "ledger"
        }

    # Stopping

    async def stop(self) -> None:
        """Stop everything that was started: validators, gateways (they pay), miners (they redeem), ledger."""
        if self._stopped:
            return
        self._stopped = True
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        kinds = [type(role).__name__ for role in self.roles]
        order = ["ReadyStand", "WatcherRole", "CheckerRole", "ValidatorRole", "GatewayRole", "MinerRole"]
        order += ["ProviderRole", "NodeRole"]
        for kind in sorted(set(kinds), key=order.index):
            ending = [role.stop() for role in self.roles if type(role).__name__ == kind]
            await asyncio.gather(*ending, return_exceptions=True)
        await asyncio.gather(*(engine.close() for engine in self.engines), return_exceptions=True)
        for _, site in self._sites:
            with contextlib.suppress(WeftError):
                site.store.close()
        if hasattr(self, "ledger"):
            self.ledger.close()
        if self._process is not None:
            await asyncio.to_thread(self._process.stop)
        if self.facts:
            facts = {"pid": None, "roles": {}, "coming": []}
            if "ledger_path" in self.facts:
                facts["ledger"] = self.facts["ledger_path"]
            self.home.save(**facts)

    def kill(self) -> None:
        """End the children at once."""
        if self._process is not None:
            self._process.process.kill()


def _load_roles() -> None:
    import weftwork.closing
    import weftwork.ledger.deployment
    import weftwork.models.subnet
    import weftwork.network.judge
    import weftwork.network.role  # noqa: F401


async def _all(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Await all of them; the first failure cancels the others and is raised."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
