"""The provider's role: an executor on this machine, an agent on the ledger, a place at the market."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weftwork.compute.provider import (
    Pricer,
    Provider,
    Setting,
    make_offer,
    open_pricing,
    read_amounts,
    read_attributes,
)
from weftwork.compute.venue import Venue
from weftwork.errors import BadConfig
from weftwork.ledger.deployment_compute import find_compute
from weftwork.ledger.serve import free_port
from weftwork.models.registration import Registration
from weftwork.network.enrol import enrol_agent
from weftwork.network.role import Site, binding
from weftwork.wire.running import Running, serve

if TYPE_CHECKING:
    from weftwork.compute.executor.port import Executor

EXECUTORS = ("process", "podman", "kubernetes", "ray")


def open_executor(name: str, folder: Path, **options: Any) -> Executor:
    """The executor of that name, keeping what it keeps under ``folder``; raises BadConfig.

    ``options`` are its own: where it binds, its kubeconfig, and so on.
    """
    if name not in EXECUTORS:
        raise BadConfig(
            f"there is no executor {name[:40]}", value=name[:40], hint=f"choose {', '.join(EXECUTORS)}"
        )
    from importlib import import_module

    try:
        kind = getattr(import_module(f"weftwork.compute.executor.{name}"), f"{name.capitalize()}Executor")
        made: Executor = kind(folder, **options)
    except TypeError as error:
        raise BadConfig(f"the executor {name} cannot be set up so: {error}", value=name) from error
    return made


class ProviderRole:
    """A provider that sells this machine, or what its executor reaches, at the market of one network."""

    def __init__(
        self,
        site: Site,
        executor: Executor,
        *,
        pricer: Pricer | None = None,
        has: str = "",
        attributes: Iterable[str] = (),
        setting: Setting | None = None,
        every: float = 2.0,
        host: str = "127.0.0.1",
        port: int = 0,
        endpoint: str | None = None,
        hosts: Iterable[str] = (),
        name: str = "provider",
        title: str = "",
        rests: bool = False,
    ) -> None:
        """``has`` is what it offers (``cpu=4,memory=8Gi``), the rest being what its executor counts;
        ``every`` is the seconds between two looks at the ledger (0: only when :meth:`tick` is called).
        ``title`` is what tenants see it called. With ``rests`` its leases are paused while it is stopped, as
        where its ledger stops too."""
        self.site = site
        self.executor = executor
        self.name = name
        self.title = title or name
        self.provider: Provider
        self.running: Running | None = None
        self._pricer = pricer or open_pricing(None)
        self._has = read_amounts(has)
        self._attributes = read_attributes(attributes)
        self._setting = setting
        self._every = every
        self._bind = (host, port)
        self._endpoint = endpoint
        self._hosts = tuple(hosts)
        self._rests = rests
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """See that executor and pricing work, serve, stand at the market, look at the ledger; the agent's id.

        Raises ExtraMissing or Unavailable where the executor cannot run here, BadConfig where the pricing
        cannot, and LedgerError.
        """
        site = self.site
        await self.executor.check()
        await self._pricer.check()
        capacity = await self.executor.capacity()
        counted = {
            "cpu": capacity.cpu,
            "memory": capacity.memory,
            "storage": capacity.storage,
            "gpu": capacity.gpu,
        }
        has = {**counted, **self._has}
        if any(key.startswith("storage/") for key in self._has) and "storage" not in self._has:
            del has["storage"]
        host, port = self._bind
        port = free_port(host, port)
        url = self._endpoint or f"http://{f'[{host}]' if ':' in host else host}:{port}"
        card = Registration("provider", url, self.title)
        venue = await asyncio.to_thread(open_venue, site)
        agent = await asyncio.to_thread(enrol_agent, site.ledger, site.contracts, site.account, card.to_uri())
        self.provider = Provider(
            venue,
            site.account,
            agent,
            self.executor,
            self._pricer,
            make_offer(self.title, has, self._attributes),
            site.store,
            setting=self._setting,
            now=site.now,
            name=self.name,
            hosts=self._hosts,
        )
        await self.provider.stand()
        with binding(host, port):
            self.running = await serve(self.provider.app, host, port)
        if self._every:
            self._task = asyncio.get_running_loop().create_task(self.provider.run(self._every))
        return agent

    @property
    def url(self) -> str:
        """Where it serves."""
        assert self.running is not None
        return self.running.url

    async def tick(self) -> bool:
        """One look at the ledger; False where it is away."""
        return await self.provider.tick()

    async def stop(self) -> None:
        """Stop looking and serving. Leases go on, or rest; a provider that starts again finds them."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self.running is not None:
            await self.running.stop()
            if self._rests:
                await self.provider.rest()
        await self._pricer.close()
        await self.executor.close()
        await self.site.store.flushed()


def open_venue(site: Site) -> Venue:
    """The market of a role's network; raises NetworkNotFound where it has none."""
    return Venue(site.ledger, site.contracts, find_compute(site.ledger, site.contracts))
