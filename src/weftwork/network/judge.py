"""The validator's role: stake, a seat, doors at several gateways on changing keys, peers from the ledger."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from weftwork.errors import WeftError
from weftwork.models.ballot import Ballot
from weftwork.models.client import Client
from weftwork.models.probe import Doors
from weftwork.models.registration import Registration
from weftwork.models.standing import Standing
from weftwork.models.subnet.port import Subnet, Worker
from weftwork.models.validator import Peer, Validator
from weftwork.network.discovery import read_agents, read_neurons
from weftwork.network.enrol import Place, enrol_neuron, fund, open_channel
from weftwork.network.role import Site
from weftwork.units import WAD
from weftwork.wire.client import Client as HttpClient

if TYPE_CHECKING:
    from collections.abc import Sequence


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
        name: str = "validator",
        **options: Any,
    ) -> None:
        """``gateways``: URLs to ask through (none: all that the ledger knows), at least ``least`` of them;
        ``purse``: wad for each payer's key."""
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
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> Place:
        """Take a seat on the ledger, open doors, serve peers."""
        site = self.site
        # The neuron comes first: its uid is part of what a validator signs. The address follows.
        card = Registration("validator", self._endpoint or "http://127.0.0.1:1", subnet=self.subnet)
        self.place = await asyncio.to_thread(self._enrol, card)
        assert self.place.uid is not None
        urls = self._gateways or [
            card.endpoint
            for _, _, card in await asyncio.to_thread(read_agents, site.ledger, site.contracts, "gateway")
        ]
        doors = [await self._make_door(url) for url in dict.fromkeys(urls)]
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
        running = await self.validator.start(*self._bind)
        card = self.validator.registration(self._endpoint or running.url)
        await asyncio.to_thread(self._enrol, card)
        return self.place

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
        if reply.status != 200:
            raise WeftError(f"the gateway at {url} answered {reply.status}", value=url)
        return dict(reply.body)

    def _open_door(self, url: str, gateway: str) -> Client:
        from weftwork.ledger import Account
        from weftwork.models.probe import derive_secret

        site = self.site
        self._keys += 1
        site.store.set_state("payer_keys", self._keys)
        payer = Account.from_key(derive_secret(site.account, b"payer", self._keys))
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
        self._task = asyncio.get_running_loop().create_task(self.validator.run(**options))

    async def stop(self) -> None:
        """Stop following, pay at the gateways, stop serving."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.validator.stop()
        await self._http.close()
