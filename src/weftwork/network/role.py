"""The roles of a network, each wired to the ledger: what runs on one machine and on many is the same.

A role takes its key, its store and a ledger; it serves, enrols under the address that it serves at, and finds
the others through the ledger alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any

from weftwork.errors import BadConfig, BadReply, WeftError
from weftwork.models.channel import ChannelBook, ChannelPurse
from weftwork.models.gateway.app import Gateway, Setting
from weftwork.models.gateway.directory import Seat
from weftwork.models.gateway.hop import ClientHop
from weftwork.models.job import Terms
from weftwork.models.miner import Miner
from weftwork.models.registration import Registration
from weftwork.network.bank import LedgerChannels
from weftwork.network.discovery import Neuron, read_neurons
from weftwork.network.enrol import Place, enrol_agent, enrol_neuron, open_channel
from weftwork.records import Signed
from weftwork.units import WAD
from weftwork.wire.running import Running, serve

if TYPE_CHECKING:
    from weftwork.ledger import Account, Ledger
    from weftwork.ledger.deployment import Contracts
    from weftwork.models.engine.port import Engine
    from weftwork.store import Store


_AT_ONCE = 8
"""How many miners are looked up at a time."""


@dataclass(slots=True)
class Site:
    """What a role stands on: a ledger, the network's contracts, a key, a store, and whether all is local."""

    ledger: Ledger
    contracts: Contracts
    account: Account
    store: Store
    local: bool = True
    now: Callable[[], float] = time.time
    rng: Random = field(default_factory=Random)

    def book(self, credit: int) -> ChannelBook:
        """The channels in which this role is paid, with ``credit`` wad of unpaid work a payer."""
        source = LedgerChannels(self.ledger, self.contracts, self.account)
        domain = self.contracts.domains.of("voucher")
        return ChannelBook(self.account.address, domain, self.store, source, credit=credit, clock=self.now)

    def purse(self, payee: str, deposit: int) -> ChannelPurse:
        """The channel in which this role pays ``payee``, of which ``deposit`` wad in all was paid in."""
        domain = self.contracts.domains.of("voucher")
        return ChannelPurse(self.account, payee, domain, self.store, deposit=deposit)


@contextlib.contextmanager
def binding(host: str, port: int) -> Iterator[None]:
    """Turn the system's refusal to bind into :class:`BadConfig`."""
    try:
        yield
    except OSError as error:
        raise BadConfig(
            f"{host}:{port} cannot be served: {error.strerror or error}",
            value=f"{host}:{port}",
            hint="choose another --port (0 takes a free one)",
        ) from error


class MinerRole:
    """A miner that serves an engine on one subnet."""

    def __init__(
        self,
        site: Site,
        engine: Engine,
        subnet: int,
        *,
        model: str | None = None,
        terms: Terms | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        endpoint: str | None = None,
        credit: int = WAD,
        hosts: Iterable[str] = (),
        redeem: int | None = None,
        name: str = "miner",
    ) -> None:
        """``endpoint`` is the URL under which others reach it, where that is not where it binds;
        vouchers worth ``redeem`` wad or more are redeemed when it stops (None: none of them)."""
        self.site = site
        self.subnet = subnet
        self._bind = (host, port)
        self._endpoint = endpoint
        self._redeem = redeem
        self.place: Place | None = None
        self.miner = Miner(
            site.account,
            engine,
            site.contracts.domains,
            site.store,
            site.book(credit),
            subnet=subnet,
            model=model,
            terms=terms,
            now=site.now,
            hosts=hosts,
            name=name,
        )

    async def start(self) -> Place:
        """Serve, then stand on the ledger under that address."""
        with binding(*self._bind):
            running = await self.miner.start(*self._bind)
        uri = self.miner.registration(self._endpoint or running.url).to_uri()
        site = self.site
        self.place = await asyncio.to_thread(
            enrol_neuron, site.ledger, site.contracts, site.account, self.subnet, uri
        )
        return self.place

    @property
    def url(self) -> str:
        """Where it serves."""
        assert self.miner.running is not None
        return self.miner.running.url

    async def stop(self) -> None:
        """Stop serving; what is owed is redeemed, or stays in the store."""
        if self._redeem is not None and self.miner.running is not None:
            try:
                await asyncio.wait_for(self.miner.book.redeem(self._redeem), 10.0)
            except (WeftError, TimeoutError) as error:
                self.miner.app.log.warning("vouchers stay in the store", error=str(error))
        await self.miner.stop()


class GatewayRole:
    """A gateway that finds miners on the ledger and opens channels to them."""

    def __init__(
        self,
        site: Site,
        subnets: Iterable[int],
        *,
        admin: str | None = None,
        setting: Setting | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        endpoint: str | None = None,
        credit: int = 10 * WAD,
        deposit: int = 10 * WAD,
        every: float = 5.0,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
    ) -> None:
        """``deposit`` wad go into the channel of each miner found; ``every``: seconds between discoveries."""
        self.site = site
        self.subnets = tuple(subnets)
        self.deposit = deposit
        self._bind = (host, port)
        self._endpoint = endpoint
        self._every = every
        self._purses: dict[str, ChannelPurse] = {}
        self._task: asyncio.Task[None] | None = None
        self.running: Running | None = None
        self.book = site.book(credit)
        domains = site.contracts.domains
        setting = setting or Setting(durable=True)
        setting = replace(setting, hosts=(*setting.hosts, *hosts), origins=(*setting.origins, *origins))
        self.gateway = Gateway(
            site.account,
            domains,
            site.store,
            local=site.local,
            admin=admin,
            hop=ClientHop(site.account, domains, site.store, self.book, site.now),
            setting=setting,
            rng=site.rng,
            now=site.now,
        )

    async def start(self) -> Running:
        """Serve, stand on the ledger, find miners; then keep looking for new ones."""
        await self.book.restore()
        with binding(*self._bind):
            self.running = await serve(self.gateway.app, *self._bind)
        card = Registration("gateway", self._endpoint or self.running.url, "weft gateway")
        site = self.site
        await asyncio.to_thread(enrol_agent, site.ledger, site.contracts, site.account, card.to_uri())
        await self.discover()
        self._task = asyncio.get_running_loop().create_task(self._keep())
        return self.running

    @property
    def url(self) -> str:
        """Where it serves."""
        assert self.running is not None
        return self.running.url

    async def discover(self) -> int:
        """Look at the ledger once: who mines on these subnets, what they earned; how many can be asked."""
        found: list[tuple[Neuron, Registration]] = []
        for subnet in self.subnets:
            for neuron in await asyncio.to_thread(
                read_neurons, self.site.ledger, self.site.contracts, subnet
            ):
                card = neuron.card
                if card is not None and card.role == "miner" and card.subnet == subnet and card.model:
                    found.append((neuron, card))
        gate = asyncio.Semaphore(_AT_ONCE)

        async def meet(neuron: Neuron, card: Registration) -> Seat:
            async with gate:
                return await self._seat(neuron, card)

        seats = await asyncio.gather(*(meet(neuron, card) for neuron, card in found))
        self.gateway.update(seats)
        return sum(seat.purse is not None for seat in seats)

    async def _seat(self, neuron: Neuron, card: Registration) -> Seat:
        purse = self._purses.get(neuron.wallet)
        if purse is None or (purse.room is not None and purse.room < self.deposit // 2):
            try:
                purse = await self._fill(neuron, card, purse)
            except WeftError as error:
                self.gateway.app.log.info(
                    "a miner is left out", wallet=neuron.wallet, code=error.code, error=error.sentence
                )
        return Seat(
            wallet=neuron.wallet,
            subnet=card.subnet,
            uid=neuron.uid,
            endpoint=card.endpoint,
            model=card.model,
            input_price=card.input_price,
            output_price=card.output_price,
            engine=card.engine,
            incentive=neuron.paid / WAD,
            agent=neuron.agent,
            local=self.site.local,
            purse=purse,
        )

    async def _fill(self, neuron: Neuron, card: Registration, purse: ChannelPurse | None) -> ChannelPurse:
        """Open or top up the channel to a miner; a new purse goes on from the highest voucher it returns.

        No coin is locked for one that does not answer at its endpoint as who its card says.
        """
        site = self.site
        if purse is None:
            reply = await self.gateway.client.get_json(f"{card.endpoint}/v1/describe", timeout=5.0)
            told = reply.body if reply.status == 200 and isinstance(reply.body, dict) else {}
            if str(told.get("wallet")).lower() != neuron.wallet.lower():
                raise BadReply("another answers at the miner's endpoint", value=card.endpoint)
        await asyncio.to_thread(
            open_channel,
            site.ledger,
            site.contracts,
            site.account,
            neuron.wallet,
            self.deposit,
            subnet=card.subnet,
        )
        view = await asyncio.to_thread(
            LedgerChannels(site.ledger, site.contracts, site.account).view,
            site.account.address,
            neuron.wallet,
        )
        deposit = view.deposited - view.withdrawn
        if purse is not None:
            purse.deposit = deposit
            purse.rebase(view.claimed)
            return purse
        purse = site.purse(neuron.wallet, deposit)
        purse.rebase(view.claimed)
        with contextlib.suppress(WeftError):
            reply = await self.gateway.client.get_json(
                f"{card.endpoint}/v1/channel/{site.account.address}", timeout=5.0
            )
            held: Any = reply.body.get("highest") if reply.status == 200 else None
            purse.resume(Signed.from_json(held) if held else None)
        self._purses[neuron.wallet] = purse
        return purse

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.discover()
                await self.book.guard()
            except WeftError as error:
                self.gateway.app.log.warning("discovery", code=error.code, error=error.sentence)
            except Exception:
                self.gateway.app.report("discovery failed")

    async def stop(self) -> None:
        """Stop looking, stop serving, pay what is owed."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self.running is not None:
            await self.running.stop()
        else:
            await self.gateway.client.close()
        await self.site.store.flushed()
