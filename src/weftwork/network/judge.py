"""The validator's role: stake, a seat, doors at several gateways on changing keys, peers from the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from weftwork.closing.ballot import Ballot
from weftwork.closing.standing import Standing
from weftwork.errors import BadReply, Unavailable, WeftError
from weftwork.ledger.serve import free_port
from weftwork.models.client import Client
from weftwork.models.probe import Doors
from weftwork.models.registration import Registration
from weftwork.models.subnet.port import Subnet, Worker
from weftwork.models.validator import Peer, Validator
from weftwork.network.discovery import read_agents, read_neurons
from weftwork.network.enrol import Place, derive_payer, enrol_neuron, fund, open_channel
from weftwork.network.role import Site, binding
from weftwork.units import WAD
from weftwork.wire.client import Client as HttpClient

if TYPE_CHECKING:
    from collections.abc import Sequence


_MOST = 8
"""Gateways that one validator asks through at most: each costs a deposit, and anyone may register one."""
_FOLLOW_SECONDS = 30.0


class ValidatorRole:
    """A validator with ``stake`` wad behind it, that asks through every gateway it is given or finds."""

    def __init__(
        self,
        site: Site,
        subnet: int,
        rule: Subnet,
        *,
        stake: int = 1_000 * WAD,
        gateways: Iterable[str] = (),
        purse: int = WAD,
        kind: type[Validator] = Validator,
        standing: Standing | None = None,
        rate: float = 0.05,
        host: str = "127.0.0.1",
        port: int = 0,
        endpoint: str | None = None,
        least: int = 2,
        patience: float = 300.0,
        name: str = "validator",
        **options: Any,
    ) -> None:
        """``gateways``: URLs to ask through (none: those that the ledger knows), at least ``least`` of them,
        for which it waits ``patience`` seconds; ``purse``: wad for each payer's key."""
        self.site = site
        self.subnet = subnet
        self.place: Place | None = None
        self.validator: Validator
        self._rule = rule
        self._stake = stake
        self._gateways = tuple(gateways)
        self._purse = purse
        self._kind = kind
        self._options = {"standing": standing, "rate": rate, "name": name, **options}
        self._bind = (host, port)
        self._endpoint = endpoint
        self._least = least
        self._http = HttpClient(site.local, timeout=60.0)
        self._keys = int(site.store.state("payer_keys", 0))
        self._patience = patience
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, say: Callable[[str], None] = lambda text: None) -> Place:
        """Take a seat on the ledger, wait for gateways and open doors to them, serve peers.

        Raises :class:`Unavailable` where too few gateways answer for as long as its patience lasts.
        """
        site = self.site
        host, port = self._bind
        port = free_port(host, port)
        url = self._endpoint or f"http://{f'[{host}]' if ':' in host else host}:{port}"
        card = Registration("validator", url, "weft validator", self.subnet)
        self.place = await asyncio.to_thread(self._enrol, card)
        assert self.place.uid is not None
        doors = await self._open_doors(say)
        ballot = Ballot(site.ledger, site.contracts, site.account, self.subnet, self.place.uid, site.store)
        self.validator = self._kind(
            site.account,
            self._rule,
            ballot,
            Doors(doors, site.rng, make=self._make_door, least=self._least),
            site.store,
            site.contracts.domains,
            roster=self._roster,
            peers=self._peers,
            local=site.local,
            now=site.now,
            rng=site.rng,
            **self._options,
        )
        with binding(host, port):
            await self.validator.start(host, port)
        return self.place

    @property
    def url(self) -> str:
        """Where it serves."""
        assert self.validator.running is not None
        return self.validator.running.url

    async def _urls(self) -> list[str]:
        """The gateways to ask through: those given, else the first of the ledger's, at most ``_MOST``."""
        if self._gateways:
            return list(dict.fromkeys(self._gateways))
        site = self.site
        found = await asyncio.to_thread(read_agents, site.ledger, site.contracts, "gateway")
        return list(dict.fromkeys(card.endpoint for _, _, card in found))

    async def _open_doors(self, say: Callable[[str], None]) -> list[Client]:
        """A door to each gateway that answers, once there are enough of them."""
        end = time.monotonic() + self._patience
        doors: dict[str, Client] = {}
        told = -1
        while True:
            for url in await self._urls():
                if url not in doors and len(doors) < _MOST:
                    with contextlib.suppress(WeftError):
                        doors[url] = await self._make_door(url)
            if len(doors) >= self._least:
                return list(doors.values())
            if time.monotonic() > end:
                raise Unavailable(
                    f"{len(doors)} of {self._least} gateways answered within {self._patience:g} s",
                    value=len(doors),
                    hint="weft up --roles gateway --ledger URL starts one; --gateways 1 asks for fewer",
                )
            if told != len(doors):
                told = len(doors)
                say(f"waiting for gateways: {told} of {self._least} answer")
            await asyncio.sleep(1.0)

    async def _follow(self) -> None:
        """Keep to the gateways that are there, as they come and go."""
        while True:
            await asyncio.sleep(_FOLLOW_SECONDS)
            try:
                urls = await self._urls()
                near = [url for url in urls if url in self.validator.doors.urls]
                await self.validator.doors.follow([*near, *(u for u in urls if u not in near)][:_MOST])
            except WeftError as error:
                self.validator.app.log.warning("gateways", code=error.code, error=error.sentence)

    def _enrol(self, card: Registration) -> Place:
        site = self.site
        return enrol_neuron(
            site.ledger,
            site.contracts,
            site.account,
            self.subnet,
            card.to_uri(),
            stake=self._stake,
            validate=True,
        )

    async def _make_door(self, url: str) -> Client:
        """A payer's key never used before, with coins and a channel to the gateway at ``url``."""
        return await asyncio.to_thread(self._open_door, url, (await self._meet(url))["wallet"])

    async def _meet(self, url: str) -> dict[str, Any]:
        reply = await self._http.get_json(url + "/v1/describe")
        told = reply.body if reply.status == 200 and isinstance(reply.body, dict) else {}
        if not told.get("wallet"):
            raise BadReply(f"what is at {url} does not answer as a gateway", value=url)
        return told

    def _open_door(self, url: str, gateway: str) -> Client:
        site = self.site
        self._keys += 1
        site.store.set_state("payer_keys", self._keys)
        payer = derive_payer(site.account, self._keys)
        fund(site.ledger, site.contracts, site.account, payer.address, coins=self._purse, gas=WAD // 10)
        open_channel(site.ledger, site.contracts, payer, gateway, self._purse)
        return Client(
            payer,
            url,
            site.contracts.domains,
            store=site.store,
            http=self._http,
            local=site.local,
            deposit=self._purse,
            now=site.now,
        )

    async def _roster(self) -> Sequence[Worker]:
        found = await asyncio.to_thread(read_neurons, self.site.ledger, self.site.contracts, self.subnet)
        return [
            Worker(n.uid, n.wallet, n.card.model, n.card.engine, n.card.endpoint)
            for n in found
            if n.card is not None and n.card.role == "miner"
        ]

    async def _peers(self) -> Sequence[Peer]:
        found = await asyncio.to_thread(read_neurons, self.site.ledger, self.site.contracts, self.subnet)
        return [
            Peer(n.wallet, n.card.endpoint)
            for n in found
            if n.card is not None and n.card.role == "validator" and n.wallet != self.site.account.address
        ]

    def run(self, **options: Any) -> None:
        """Follow the chain's phases from now on, beside whatever else runs here."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self.validator.run(**options)), loop.create_task(self._follow())]

    async def stop(self) -> None:
        """Stop following, pay at the gateways, stop serving."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if hasattr(self, "validator"):
            await self.validator.stop()
        await self._http.close()
