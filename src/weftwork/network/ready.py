"""The roles of the availability subnet wired to the ledger: nodes that stand ready, and who watches them.

    await stand_ready(site, app)            a node that serves already answers drills too, and is found
    stand = ReadyStand(site, app)           the same, and it claims what it is paid: await stand.start()
    role = WatcherRole(site, stake=…)       await role.start(); role.run()      drills, weighs, reports

The subnet is the one whose validators stand behind the compute layer's ``availability_panel``. Its nodes are
those of its neurons whose card is a provider's; who holds a node's identity is its operator.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weftwork.closing.ballot import Ballot
from weftwork.closing.exchange import Peer
from weftwork.compute.attendance import AttendanceDesk
from weftwork.compute.availability import MEAN_GAP, AvailabilityChecker
from weftwork.compute.credit import CreditDesk, Pool
from weftwork.compute.readiness import ReadySeat
from weftwork.errors import NetworkNotFound, NotFound, WeftError
from weftwork.ledger.deployment_compute import find_compute
from weftwork.models.registration import Registration
from weftwork.network.discovery import Neuron, read_neurons
from weftwork.network.enrol import Place, enrol_neuron, find_agent
from weftwork.network.role import Site, binding
from weftwork.units import WAD

if TYPE_CHECKING:
    from weftwork.compute.render.trial import RenderTrial
    from weftwork.wire.server import App

_DAY = 86_400
DRILLS_AN_EPOCH = 4
"""Drills of a node by one watcher in an epoch of the subnet, on average, where epochs are short."""
LEAST_GAP = 5.0
"""Seconds between two drills of a node, on average, however short epochs are."""
_SAMPLE = 100
_CLAIM_SECONDS = 10.0


class Watch:
    """What the roles of the availability subnet stand on: contracts, the subnet, who is there."""

    def __init__(self, site: Site) -> None:
        """Blocks; raises NetworkNotFound where the network has no such subnet."""
        self.site = site
        self.parts = find_compute(site.ledger, site.contracts)
        self.subnet = int(self.parts.at(site.ledger, "availability_panel").call("subnet"))
        if not self.subnet:
            raise NetworkNotFound(
                "this network has no availability subnet",
                value=self.parts.availability_panel,
                hint="its founder adds it: weft up",
            )

    def read_neurons(self) -> list[Neuron]:
        """The neurons of the subnet; blocks."""
        return read_neurons(self.site.ledger, self.site.contracts, self.subnet)

    def read_seats(self) -> list[ReadySeat]:
        """The nodes of the subnet. Nothing proves their memory, so all count as having 1 GiB; blocks."""
        ledger, contracts = self.site.ledger, self.site.contracts
        identity, subnets = contracts.at(ledger, "identity"), contracts.at(ledger, "subnets")
        now, out = int(ledger.block()["timestamp"]), []
        for one in self.read_neurons():
            if one.card is None or one.card.role != "provider":
                continue
            came = int(subnets.call("neuron", self.subnet, one.uid).registered_at)
            days = (now - int(ledger.block(came)["timestamp"])) // _DAY
            owner = str(identity.call("ownerOf", one.agent))
            out.append(ReadySeat(one.uid, one.wallet, one.card.endpoint, owner, age=1 + days))
        return out

    def mean_gap(self) -> float:
        """Seconds between two drills of a node that suit the subnet's epochs, by its last blocks; it blocks.

        Ten minutes, or a quarter of an epoch that is shorter than forty.
        """
        ledger = self.site.ledger
        tempo = int(self.site.contracts.at(ledger, "subnets").call("clocks", self.subnet)[1])
        head = ledger.block()
        number = int(head["number"])
        back = min(number, _SAMPLE)
        passed = int(head["timestamp"]) - int(ledger.block(number - back)["timestamp"]) if back else 0
        epoch = tempo * passed / max(1, back)
        return min(MEAN_GAP, max(LEAST_GAP, epoch / DRILLS_AN_EPOCH))

    async def seats(self) -> Sequence[ReadySeat]:
        """As :meth:`read_seats`."""
        return await asyncio.to_thread(self.read_seats)

    async def watchers(self) -> Sequence[str]:
        """The wallets of the subnet's validators."""
        found = await asyncio.to_thread(self.read_neurons)
        return [one.wallet for one in found if one.seated or _judges(one)]

    async def peers(self) -> Sequence[Peer]:
        """The other validators, and where they serve."""
        found = await asyncio.to_thread(self.read_neurons)
        own = self.site.account.address
        return [
            Peer(one.wallet, one.card.endpoint)
            for one in found
            if one.card is not None and _judges(one) and one.wallet != own
        ]


def _judges(one: Neuron) -> bool:
    return one.card is not None and one.card.role == "validator" and one.stake > 0


async def stand_ready(
    site: Site, app: App, *, is_busy: Callable[[], bool] = lambda: False
) -> tuple[AttendanceDesk, Place]:
    """Answer drills under ``app``, which a provider's card names already, as a neuron of the subnet.

    Raises NotFound for an account without an agent, LedgerError where it cannot pay for its place.
    """
    watch = await asyncio.to_thread(Watch, site)
    domain = site.contracts.domains.of("score")
    desk = AttendanceDesk(site.account, domain, watch.watchers, now=site.now, is_busy=is_busy)
    desk.mount(app)
    return desk, await asyncio.to_thread(_enrol_beside, site, watch.subnet)


def _enrol_beside(site: Site, subnet: int) -> Place:
    """A place on ``subnet`` for the agent that is there, under the card that it has."""
    agent = find_agent(site.ledger, site.contracts, site.account.address)
    if agent is None:
        raise NotFound("this account has no agent yet", value=site.account.address)
    uri = str(site.contracts.at(site.ledger, "identity").call("tokenURI", agent))
    return enrol_neuron(site.ledger, site.contracts, site.account, subnet, uri)


class ReadyStand:
    """A node beside whose own work drills are answered, and which claims what it is paid for that."""

    def __init__(self, site: Site, app: App, *, is_busy: Callable[[], bool] = lambda: False) -> None:
        """``app`` serves the node already; ``is_busy`` says whether it works for a requester now."""
        self.site = site
        self.desk: AttendanceDesk
        self.place: Place | None = None
        self._app, self._is_busy = app, is_busy
        self._key = f"ready:claimed:{site.account.address}"
        self._task: asyncio.Task[None] | None = None

    async def start(self, *, every: float | None = _CLAIM_SECONDS) -> Place:
        """Stand ready, and look ``every`` so many seconds for what is paid (None: only when asked).

        Raises as :func:`stand_ready`.
        """
        site = self.site
        self.desk, self.place = await stand_ready(site, self._app, is_busy=self._is_busy)
        parts = await asyncio.to_thread(find_compute, site.ledger, site.contracts)
        self._credits = CreditDesk(site.ledger, site.contracts.token, parts, site.account)
        if every is not None:
            self._task = asyncio.get_running_loop().create_task(self._keep(every))
        return self.place

    async def collect(self) -> int:
        """Claim this node's part of what was settled since the last look, in wad; raises LedgerError."""
        paid = await asyncio.to_thread(self._collect)
        await self.site.store.flushed()
        return paid

    def _collect(self) -> int:
        ended, paid = int(self._credits.credits.call("next_epoch")), 0
        first = self.site.store.state(self._key)
        for epoch in range(ended if first is None else int(first), ended):
            paid += self._credits.claim(epoch, Pool.READY)
            self.site.store.set_state(self._key, epoch + 1)
        if first is None:  # what was before it came is nothing of its own
            self.site.store.set_state(self._key, ended)
        return paid

    async def _keep(self, every: float) -> None:
        while True:
            try:
                if paid := await self.collect():
                    self._app.log.info("paid for standing ready", wad=paid)
            except WeftError as error:
                self._app.log.info("claims wait", code=error.code, error=error.sentence)
            await asyncio.sleep(every)

    async def stop(self) -> None:
        """Stop looking; the app stops with the node that serves it."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


class WatcherRole:
    """A validator of the availability subnet with ``stake`` wad behind it."""

    def __init__(
        self,
        site: Site,
        *,
        stake: int = 1_000 * WAD,
        host: str = "127.0.0.1",
        port: int = 0,
        endpoint: str | None = None,
        renders: Path | None = None,
        name: str = "watcher",
        **options: Any,
    ) -> None:
        """``options`` are the checker's own: ``drill``, ``limit`` and so on; without ``mean_gap`` drills come
        at times that suit the subnet's epochs (:meth:`Watch.mean_gap`). With a folder for ``renders`` nodes
        are drilled by the rendering challenge, and those that do not render count as down."""
        self.site = site
        self.checker: AvailabilityChecker
        self.place: Place | None = None
        self._stake, self._bind, self._endpoint = stake, (host, port), endpoint
        self._options = {"name": name, **options}
        self._renders = renders
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> Place:
        """Serve peers, stake, take a seat; it counts from the next epoch on."""
        site = self.site
        watch = await asyncio.to_thread(Watch, site)
        ballot = Ballot(site.ledger, site.contracts, site.account, watch.subnet, -1, site.store)
        options = {"mean_gap": await asyncio.to_thread(watch.mean_gap), **self._options}
        if self._renders is not None:
            options["trial"] = self._open_trial(self._renders)
        self.checker = AvailabilityChecker(
            site.account,
            ballot,
            site.store,
            site.contracts.domains,
            roster=watch.seats,
            peers=watch.peers,
            place=watch.parts.credits,
            panel=watch.parts.availability_panel,
            local=site.local,
            now=site.now,
            rng=site.rng,
            **options,
        )
        with binding(*self._bind):
            running = await self.checker.start(*self._bind)
        card = Registration("validator", self._endpoint or running.url, "weft watcher", watch.subnet)
        self.place = await asyncio.to_thread(
            lambda: enrol_neuron(
                site.ledger,
                site.contracts,
                site.account,
                watch.subnet,
                card.to_uri(),
                stake=self._stake,
                validate=True,
            )
        )
        assert self.place.uid is not None
        ballot.uid = self.place.uid
        return self.place

    def _open_trial(self, folder: Path) -> RenderTrial:
        """The rendering challenge, with a renderer of this watcher's own and a client that waits for it."""
        from weftwork.compute.render.asset import AssetStore
        from weftwork.compute.render.trial import RenderTrial
        from weftwork.compute.render.workshop import Workshop
        from weftwork.wire.client import Client

        site = self.site
        http, workshop = Client(site.local, timeout=20.0), Workshop(AssetStore(folder), plain=True)
        self._closers = [workshop.aclose, http.close]
        domain = site.contracts.domains.of("receipt")
        return RenderTrial(http, site.account, domain, workshop, now=site.now, rng=site.rng)

    def run(self, **options: Any) -> None:
        """Drill and follow the chain's phases from now on, beside whatever else runs here."""
        self._task = asyncio.get_running_loop().create_task(self.checker.run(**options))

    @property
    def url(self) -> str:
        """Where it serves."""
        assert self.checker.running is not None
        return self.checker.running.url

    async def stop(self) -> None:
        """Stop drilling, stop serving."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if hasattr(self, "checker"):
            await self.checker.stop()
        for close in self._closers:
            await close()


__all__ = ["ReadyStand", "Watch", "WatcherRole", "stand_ready"]
