"""The roles of the render subnet wired to the ledger: nodes, checkers, and whoever has something rendered.

    role = NodeRole(site, folder)            await role.start()     serves, enrols, is found
    checker = CheckerRole(site, folder)      await checker.start()  stakes, checks, closes epochs
    client = open_client(site, out)          plan = await client.order(…); await client.run()

The subnet is the one whose validators stand behind the compute layer's ``render_panel``.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weftwork.closing.ballot import Ballot
from weftwork.closing.exchange import Peer
from weftwork.closing.standing import Standing
from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.checker import RenderChecker
from weftwork.compute.render.escrow import Escrow
from weftwork.compute.render.node import RenderNode
from weftwork.compute.render.peer import COLLATERAL, NodeSeat
from weftwork.compute.render.repute import Repute
from weftwork.compute.render.requester import RenderClient
from weftwork.compute.render.shelf import Shelf
from weftwork.compute.render.workshop import Workshop
from weftwork.errors import NetworkNotFound
from weftwork.ledger.deployment_compute import ComputeContracts, find_compute
from weftwork.models.registration import Registration
from weftwork.network.discovery import Neuron, read_neurons
from weftwork.network.enrol import Place, enrol_agent, enrol_neuron, find_agent
from weftwork.network.role import Site, binding
from weftwork.sandbox import Quota
from weftwork.units import WAD

if TYPE_CHECKING:
    from weftwork.ledger import Ledger

ROSTER_SECONDS = 30.0
"""How long a roster that was read is believed."""
NODE_COINS = 200 * WAD + COLLATERAL
"""What a node is funded with on a network of one's own: its place on the subnet, and its collateral."""


def find_render_subnet(ledger: Ledger, parts: ComputeContracts) -> int:
    """The subnet of renders; raises NetworkNotFound where its panel is not bound yet."""
    subnet = int(parts.at(ledger, "render_panel").call("subnet"))
    if not subnet:
        raise NetworkNotFound(
            "this network has no render subnet", value=parts.render_panel, hint="its founder adds it: weft up"
        )
    return subnet


class Ground:
    """What every role of the render subnet stands on: contracts, subnet, escrow, reputation, who is there."""

    def __init__(self, site: Site, *, burns: bool = False) -> None:
        """Blocks; ``burns`` lets jobs be paid by burning (docs/bme.md). Raises NetworkNotFound."""
        self.site = site
        self.parts = find_compute(site.ledger, site.contracts)
        self.subnet = find_render_subnet(site.ledger, self.parts)
        self.escrow = Escrow(site.ledger, site.contracts.token, self.parts, site.account, burns=burns)
        self.repute = Repute(self.escrow, site.contracts)
        self._neurons: tuple[float, list[Neuron]] = (float("-inf"), [])
        self._watchers: tuple[float, set[str]] = (float("-inf"), set())

    async def neurons(self, *, fresh: bool = False) -> list[Neuron]:
        """The neurons of the subnet, read at most every so often."""
        read, found = self._neurons
        if fresh or time.monotonic() - read > ROSTER_SECONDS:
            found = await asyncio.to_thread(read_neurons, self.site.ledger, self.site.contracts, self.subnet)
            self._neurons = (time.monotonic(), found)
        return found

    async def nodes(self) -> Sequence[NodeSeat]:
        """The nodes that the ledger knows now, with what it says of them."""
        stakes, out = self.site.contracts.at(self.site.ledger, "stakes"), []
        for one in await self.neurons(fresh=True):
            if one.card is not None and one.card.role == "provider" and one.card.subnet == self.subnet:
                standing = await asyncio.to_thread(self.repute.standing, one.agent)
                stands = await asyncio.to_thread(stakes.call, "collateral_of", self.subnet, one.agent)
                held = await asyncio.to_thread(stakes.call, "collaterals", self.subnet, one.agent)
                seat = NodeSeat(one.uid, one.agent, one.wallet, one.card.endpoint, standing)
                out.append(replace(seat, collateral=int(stands), pledge=int(held.amount)))
        return out

    async def checkers(self) -> Collection[str]:
        """The wallets of the subnet's validators."""
        return {one.wallet for one in await self.neurons() if one.seated or _judges(one)}

    async def watchers(self) -> Collection[str]:
        """The wallets of the validators of the availability subnet, where the network has one."""
        if time.monotonic() - self._watchers[0] > ROSTER_SECONDS:
            found = await asyncio.to_thread(self._read_watchers)
            self._watchers = (time.monotonic(), found)
        return self._watchers[1]

    def _read_watchers(self) -> set[str]:
        ledger = self.site.ledger
        subnet = int(self.parts.at(ledger, "availability_panel").call("subnet"))
        found = read_neurons(ledger, self.site.contracts, subnet) if subnet else []
        return {one.wallet for one in found if one.seated or _judges(one)}

    async def peers(self) -> Sequence[Peer]:
        """The other validators of the subnet, and where they serve."""
        own = self.site.account.address
        return [
            Peer(one.wallet, one.card.endpoint)
            for one in await self.neurons(fresh=True)
            if one.card is not None and _judges(one) and one.wallet != own
        ]


def _judges(one: Neuron) -> bool:
    return one.card is not None and one.card.role == "validator" and one.stake > 0


class NodeRole:
    """A node that renders: its files lie in ``folder``."""

    def __init__(
        self,
        site: Site,
        folder: Path,
        *,
        threads: int = 1,
        quota: Quota | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        endpoint: str | None = None,
        hosts: Iterable[str] = (),
        kind: type[RenderNode] = RenderNode,
        name: str = "node",
        milli_ob: int | None = None,
        lazy: bool = False,
        care: float | None = 5.0,
        collateral: int = COLLATERAL,
        **options: Any,
    ) -> None:
        """``milli_ob`` is its speed (None: measured when it starts, or if ``lazy`` when somebody first asks
        for it); ``care``: seconds between looks at its jobs; ``collateral``: what it has to lose, wad;
        ``kind`` and ``options`` are the node's own."""
        self.site = site
        self.place: Place | None = None
        self.ground: Ground
        self.node: RenderNode
        self._folder, self._kind, self._bind, self._endpoint = folder, kind, (host, port), endpoint
        self._care, self._milli_ob, self._lazy, self._collateral = care, milli_ob, lazy, collateral
        self._options = {"hosts": hosts, "name": name, **options}
        self._workshop = Workshop(AssetStore(folder / "assets"), threads=threads, quota=quota)

    async def start(self) -> Place:
        """Measure, serve, then stand on the ledger under that address."""
        site = self.site
        self.ground = ground = await asyncio.to_thread(Ground, site)
        speed = self._milli_ob
        if speed is None:
            speed = 0 if self._lazy else await self._workshop.measure()
        self.node = self._kind(
            site.account,
            ground.escrow,
            ground.repute,
            site.store,
            self._workshop,
            Shelf(self._folder / "pixels"),
            site.contracts.domains,
            subnet=ground.subnet,
            checkers=ground.checkers,
            watchers=ground.watchers,
            milli_ob=speed,
            measure=self._workshop.measure if self._lazy else None,
            now=site.now,
            **self._options,
        )
        with binding(*self._bind):
            running = await self.node.start(*self._bind, care=self._care)
        card = Registration("provider", self._endpoint or running.url, "weft render node", ground.subnet)
        self.place = await asyncio.to_thread(
            lambda: enrol_neuron(
                site.ledger,
                site.contracts,
                site.account,
                ground.subnet,
                card.to_uri(),
                collateral=self._collateral,
            )
        )
        return self.place

    @property
    def url(self) -> str:
        """Where it serves."""
        assert self.node.running is not None
        return self.node.running.url

    async def stop(self) -> None:
        """Stop serving; what it holds goes on when it starts again."""
        if hasattr(self, "node"):
            await self.node.stop()
        else:
            await self._workshop.aclose()


class CheckerRole:
    """A validator of the render subnet with ``stake`` wad behind it."""

    def __init__(
        self,
        site: Site,
        folder: Path,
        *,
        stake: int = 1_000 * WAD,
        threads: int = 1,
        quota: Quota | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        endpoint: str | None = None,
        standing: Standing | None = None,
        name: str = "checker",
        **options: Any,
    ) -> None:
        self.site = site
        self.checker: RenderChecker
        self.place: Place | None = None
        self._stake, self._bind, self._endpoint = stake, (host, port), endpoint
        self._options = {"standing": standing, "name": name, **options}
        self._workshop = Workshop(AssetStore(folder / "assets"), threads=threads, quota=quota)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> Place:
        """Serve peers, stake, take a seat; it counts from the next epoch on."""
        site = self.site
        ground = await asyncio.to_thread(Ground, site)
        ballot = Ballot(site.ledger, site.contracts, site.account, ground.subnet, -1, site.store)
        self.checker = RenderChecker(
            site.account,
            ballot,
            site.store,
            site.contracts.domains,
            escrow=ground.escrow,
            workshop=self._workshop,
            roster=ground.nodes,
            peers=ground.peers,
            panel=ground.parts.render_panel,
            local=site.local,
            now=site.now,
            **self._options,
        )
        with binding(*self._bind):
            running = await self.checker.start(*self._bind)
        card = Registration("validator", self._endpoint or running.url, "weft render checker", ground.subnet)
        self.place = await asyncio.to_thread(
            lambda: enrol_neuron(
                site.ledger,
                site.contracts,
                site.account,
                ground.subnet,
                card.to_uri(),
                stake=self._stake,
                validate=True,
            )
        )
        assert self.place.uid is not None
        ballot.uid = self.place.uid
        return self.place

    def run(self, **options: Any) -> None:
        """Look and follow the chain's phases from now on, beside whatever else runs here."""
        self._task = asyncio.get_running_loop().create_task(self.checker.run(**options))

    @property
    def url(self) -> str:
        """Where it serves."""
        assert self.checker.running is not None
        return self.checker.running.url

    async def stop(self) -> None:
        """Stop looking, stop serving."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if hasattr(self, "checker"):
            await self.checker.stop()
        else:
            await self._workshop.aclose()


async def open_client(
    site: Site,
    out: Path,
    *,
    burns: bool = False,
    threads: int = 1,
    roster: Callable[[Ground], Any] | None = None,
    **options: Any,
) -> RenderClient:
    """Whoever has something rendered into the folder ``out``; ``options`` are :class:`RenderClient`'s.

    The account gets an agent, about which nodes say what they think. Raises NetworkNotFound, LedgerError.
    """
    ground = await asyncio.to_thread(lambda: Ground(site, burns=burns))
    if await asyncio.to_thread(find_agent, site.ledger, site.contracts, site.account.address) is None:
        await asyncio.to_thread(enrol_agent, site.ledger, site.contracts, site.account, CREATOR)
    options = {"now": site.now, "local": site.local, **options}
    return RenderClient(
        site.account,
        ground.escrow,
        ground.repute,
        site.store,
        Workshop(AssetStore(out / ".weft" / "assets"), threads=threads, plain=True),
        out,
        site.contracts.domains,
        subnet=ground.subnet,
        roster=ground.nodes if roster is None else lambda: roster(ground),
        **options,
    )


CREATOR = 'data:application/json,{"name":"weft creator","services":[]}'
"""The card of an account that only asks for renders."""

__all__ = ["CREATOR", "CheckerRole", "Ground", "NodeRole", "find_render_subnet", "open_client"]
