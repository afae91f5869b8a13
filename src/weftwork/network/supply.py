"""What a home sells beside answers: machines, renders, and to stand ready for both.

Where it is one role of many, what nobody waits for comes after the rest is up: to render, and to stand ready.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from weftwork.errors import BadConfig, ExtraMissing, LedgerError, NotFound, Unavailable, WeftError
from weftwork.units import WAD
from weftwork.wire import log

if TYPE_CHECKING:
    from weftwork.network.local import LocalNetwork
    from weftwork.network.role import Site


class Supply:
    """The providers of one home's network, as its plan wants them."""

    def __init__(self, network: LocalNetwork) -> None:
        self.network = network
        self.coming: list[str] = []
        """Names of the roles that :meth:`follow` starts."""
        self._later: list[tuple[str, Callable[[], Awaitable[None]]]] = []

    async def check_renderer(self, name: str) -> None:
        """See that scenes can be rendered here, and leave it to :meth:`follow` to start the node."""
        from weftwork.compute.render.worker import find_mitsuba
        from weftwork.sandbox import run_sandboxed

        try:
            find_mitsuba()
            await run_sandboxed(["/bin/true"])
        except (ExtraMissing, Unavailable) as error:
            if "renderer" not in self.network.plan.spare:
                raise
            self.network.tell(name, f"left out: {error.sentence}")
            return
        self.coming.append(name)
        self._later.insert(0, (name, lambda: self._add_node(name, lazy=True)))
        self.network.tell(name, "follows")

    async def follow(self) -> None:
        """Start what comes after the rest; what cannot be had is logged, and all else goes on."""
        later, self._later = self._later, []
        for name, start in later:
            try:
                await start()
            except WeftError as error:
                log.logger(name).warning("it is left out", code=error.code, error=error.sentence)
            except Exception:
                log.logger(name).exception("it is left out")
            if name in self.coming:
                self.coming.remove(name)
            self.network.save()

    async def add_provider(self, name: str) -> None:
        """Sell machines by auction, or renders where the plan says so."""
        if self.network.plan.executor == "render":
            await self._add_node(name)
            return
        from weftwork.compute.provider import Setting, open_pricing
        from weftwork.compute.provider.book import LIVE
        from weftwork.compute.provider.pricing import STANDARD
        from weftwork.network.provider import ProviderRole, open_executor

        plan = self.network.plan
        pricer = open_pricing(plan.pricing, plan.price or STANDARD)
        executor = open_executor(plan.executor, self.network.home.path / "leases" / name, **self._options())
        role = ProviderRole(
            await self.network.site(name, coins=100 * WAD),
            executor,
            pricer=pricer,
            has=plan.has,
            attributes=plan.attributes,
            setting=Setting(window=plan.window, collect_seconds=60.0 if plan.local else 86_400.0),
            name=name,
            title="" if "ledger" in plan.roles else self.network.home.path.name.removeprefix("joined-"),
            rests="ledger" in plan.roles,
            **self.network.place(name, own=plan.is_alone("provider")),
        )
        try:
            await executor.check()
        except (ExtraMissing, Unavailable) as error:
            if "provider" not in plan.spare:
                raise
            self.network.tell(name, f"left out: {error.sentence}")
            return
        self.network.roles.append(role)
        agent = await role.start()
        self.network.facts["roles"][name] = role.url
        self.network.up(name, name, f"{role.url}  agent {agent}, {plan.executor}")
        book = role.provider.book

        async def ready() -> None:
            await self._stand_ready(name, role.site, role.provider.app, lambda: bool(book.in_phase(*LIVE)))

        if plan.is_alone("provider"):
            await ready()
        else:
            self._later.append((f"{name} ready", ready))

    async def _add_node(self, name: str, lazy: bool = False) -> None:
        from weftwork.compute.render.worker import find_mitsuba
        from weftwork.network.render import NODE_COINS, NodeRole

        find_mitsuba()
        role = NodeRole(
            await self.network.site(name, coins=NODE_COINS),
            self.network.home.path / "renders" / name,
            name=name,
            lazy=lazy,
            **self.network.place(name, own=len(self.network.plan.roles) == 1),
        )
        self.network.roles.append(role)
        place = await role.start()
        self.network.facts["roles"][name] = role.url
        speed = "" if lazy else f", {role.node.milli_ob / 1_000:g} OB"
        kinds = " ".join(role.node.kinds)
        self.network.up(name, name, f"{role.url}  render, uid {place.uid}{speed}, {kinds}")
        await self._stand_ready(name, role.site, role.node.app, lambda: role.node.is_busy)

    async def _stand_ready(self, name: str, site: Site, app: Any, is_busy: Callable[[], bool]) -> None:
        """Have a provider stand ready beside its work; where it cannot, a word is said and work goes on."""
        if not self.network.plan.ready:
            return
        from weftwork.network.ready import ReadyStand

        stand = ReadyStand(site, app, is_busy=is_busy)
        try:
            place = await stand.start()
        except (LedgerError, NotFound) as error:
            self.network.tell(name, f"does not stand ready: {error.sentence}")
            return
        self.network.roles.append(stand)
        self.network.up(f"{name} ready", name, f"stands ready, uid {place.uid}")

    def _options(self) -> dict[str, str]:
        """What the plan says of its executor: for one that serves at this machine's ports, also where."""
        plan = self.network.plan
        options: dict[str, str] = {}
        if plan.executor in ("process", "podman"):
            options["bind"] = plan.host
            if plan.hosts:
                options["host"] = plan.hosts[0]
        for pair in plan.executor_options:
            name, equals, value = pair.partition("=")
            if not equals or not name.isidentifier():
                raise BadConfig(f"{pair[:60]!r} is no NAME=VALUE", value=pair[:60])
            options[name] = value
        return options
