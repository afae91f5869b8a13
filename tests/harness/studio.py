"""A render subnet in one process: nodes over HTTP on an embedded ledger, and somebody with a scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from harness.stage import BALL, write_scene
from weftwork.compute.render.errand import Event
from weftwork.compute.render.node import RenderNode
from weftwork.compute.render.requester import RenderClient
from weftwork.compute.render.scene import Scene, read_scene
from weftwork.network.devnet import Devnet
from weftwork.network.render import NODE_COINS, CheckerRole, NodeRole, find_render_subnet, open_client
from weftwork.units import WAD

SPEED = 100_000
"""Thousandths of an OB that every machine of a test has: it is not measured, so that prices are the same."""


class Studio:
    """A network with nodes, and clients whose events are kept in ``events``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.net = Devnet(tempo=400, commit_blocks=300)
        self.nodes: dict[str, NodeRole] = {}
        self.clients: list[RenderClient] = []
        self.checkers: list[CheckerRole] = []
        self.events: list[Event] = []

    async def __aenter__(self) -> Self:
        await self.net.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for role in [*self.nodes.values(), *self.checkers]:
            await role.stop()
        for client in self.clients:
            await client.close()
        await self.net.__aexit__()

    async def add_node(self, name: str, kind: type[RenderNode] = RenderNode, **options: Any) -> NodeRole:
        """A node with a place on the subnet; it looks after its jobs only when asked."""
        site = self.net.sites.get(name) or self.net.site(name, NODE_COINS)
        options = {"milli_ob": SPEED, "care": None} | options
        role = NodeRole(site, self.folder / name, kind=kind, name=name, **options)
        await role.start()
        self.nodes[name] = role
        return role

    async def add_checker(self, name: str, **options: Any) -> CheckerRole:
        """A validator of the render subnet."""
        site = self.net.site(name, 2_000 * WAD)
        role = CheckerRole(site, self.folder / name, name=name, **options)
        await role.start()
        self.checkers.append(role)
        return role

    async def open(self, name: str = "artist", out: str = "out", **options: Any) -> RenderClient:
        """Somebody who has renders made into the folder ``out``; the same name again goes on."""
        site = self.net.sites.get(name) or self.net.site(name, 1_000 * WAD)
        options = {"milli_ob": SPEED, "tell": self.events.append} | options
        client = await open_client(site, self.folder / out, **options)
        self.clients.append(client)
        return client

    def scene(self, text: str = BALL, **numbers: int) -> tuple[Scene, dict[str, bytes]]:
        """A small scene: 64 by 48 pixels, 2 samples."""
        numbers = {"width": 64, "height": 48, "spp": 2} | numbers
        return read_scene(write_scene(self.folder / "scene", text), **numbers)

    def end_epoch(self) -> None:
        """Lets the render subnet's epoch end."""
        start, tempo, _ = self._clock()
        self.net.mine_to(start + ((self.net.ledger.block_number() + 1 - start) // tempo + 1) * tempo)

    def open_reveals(self) -> None:
        """Lets time pass until weights of the render subnet's epoch are revealed."""
        start, tempo, commits = self._clock()
        self.net.mine_to(start + (self.net.ledger.block_number() + 1 - start) // tempo * tempo + commits)

    def _clock(self) -> tuple[int, int, int]:
        subnet = find_render_subnet(self.net.ledger, self.net.compute)
        found = self.net.contracts.at(self.net.ledger, "subnets").call("clocks", subnet)
        return int(found[0]), int(found[1]), int(found[2])

    def coins(self, name: str) -> int:
        """What somebody's key holds, wad."""
        return self.net.coins([self.net.sites[name].account.address])

    def told(self, kind: str) -> list[Event]:
        """The events of one kind."""
        return [event for event in self.events if event.kind == kind]

    def wallet(self, name: str) -> str:
        """Somebody's address."""
        return self.net.sites[name].account.address
