"""The demo's compute act: a machine rented by auction, a scene rendered by many, credits burnt and minted.

Four providers bid for a deployment file; the cheapest runs it in a sandbox and is reached over HTTP. Four
nodes render a scene: one saves samples and one dies in mid-job, and neither is paid for what it did not do.
Two checkers render tiles again, and the one that saved samples loses a tenth of its collateral. The render is
paid by burning: credits for those who worked, new tokens by the schedule at the epoch's end.
What this machine lacks (bubblewrap, the extra ``render``) is said, with how to get it, and the rest goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weftwork.compute.bidding import choose_cheapest
from weftwork.compute.credit import CreditDesk, Pool
from weftwork.compute.render.errand import Event
from weftwork.compute.render.node import RenderNode
from weftwork.errors import ExtraMissing, Unavailable, WeftError
from weftwork.network.demo_check import CheckerBench
from weftwork.network.example import find_example
from weftwork.network.rogue_node import MortalNode, ThriftyNode
from weftwork.spec.stake import price_fault
from weftwork.units import WAD

if TYPE_CHECKING:
    from weftwork.compute.tenant import Tenant
    from weftwork.compute.venue import Venue
    from weftwork.network.devnet import Devnet
    from weftwork.network.provider import ProviderRole
    from weftwork.network.render import NodeRole

PRICES = {"north": 61, "east": 48, "south": 55, "west": 73}
"""What each provider asks for the example, millionths of a token a block."""
NODES: dict[str, tuple[type[RenderNode], str]] = {
    "north": (RenderNode, "renders"),
    "east": (ThriftyNode, "saves samples"),
    "south": (RenderNode, "renders"),
    "west": (MortalNode, "dies in mid-job"),
}
SCENE = "render/weave/weave.xml"
SIZE = {"width": 448, "height": 252, "spp": 36}
TILE = 28
FRAME = 16
DEPOSIT = WAD
Say = Callable[[str], None]


@dataclass
class NodeRow:
    """What one node did and got: tiles shown, what it was paid in credits and what it claimed, wad; of its
    collateral what it locked, what was slashed, and what is left."""

    name: str
    kind: str
    honest: bool
    tiles: int = 0
    paid: int = 0
    refused: str = ""
    minted: int = 0
    wrong: bool = False
    locked: int = 0
    slashed: int = 0
    left: int = 0


@dataclass
class ComputeReport:
    """All that the compute act found out; amounts in wad."""

    bids: list[tuple[str, int]] = field(default_factory=list)
    winner: str = ""
    url: str = ""
    status: int = 0
    lease_paid: int = 0
    lease_back: int = 0
    deposit: int = 0
    nodes: dict[str, NodeRow] = field(default_factory=dict)
    picture: str = ""
    spent: int = 0
    destroyed: int = 0
    retired: int = 0
    fee: int = 0
    minted: int = 0
    claimed: int = 0
    checked: int = 0
    slashed: int = 0
    fault_bps: int = 0
    fault: str = ""
    conserved: bool = False
    missing: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def caught(self) -> bool:
        """Whether every node that did not do its work was refused, and no other."""
        return all(bool(row.refused) != row.honest for row in self.nodes.values())

    @property
    def settled(self) -> bool:
        """Whether each amount is the sum of its parts, to the unit."""
        rows = self.nodes.values()
        return (
            self.lease_paid + self.lease_back == self.deposit
            and self.spent == sum(row.paid for row in rows) == self.destroyed + self.retired + self.fee
            and all(row.paid == 0 for row in rows if row.refused and not row.honest)
            and self.claimed == sum(row.minted for row in rows) <= self.minted
        )

    @property
    def punished(self) -> bool:
        """Whether who handed in a wrong tile lost its part of the collateral, nobody else any, and all of it
        was burnt, to the unit."""
        rows = self.nodes.values()
        due = {row.name: price_fault(row.locked, self.fault_bps) if row.wrong else 0 for row in rows}
        return (
            all(row.slashed == due[row.name] and row.left == row.locked - row.slashed for row in rows)
            and all(row.wrong is False for row in rows if row.honest)
            and self.slashed == sum(due.values())
        )

    @property
    def ok(self) -> bool:
        """Whether all that could be run on this machine came out as it must."""
        served = self.status == 200 or not self.bids
        return served and self.caught and self.settled and self.punished and self.conserved

    def to_json(self) -> dict[str, Any]:
        """The report as one object; amounts in wad as text."""
        return {
            "bids": {name: str(price) for name, price in self.bids},
            "winner": self.winner,
            "url": self.url,
            "status": self.status,
            "lease": {
                "deposit": str(self.deposit),
                "paid": str(self.lease_paid),
                "back": str(self.lease_back),
            },
            "nodes": {
                row.name: {
                    "kind": row.kind,
                    "tiles": row.tiles,
                    "paid": str(row.paid),
                    "minted": str(row.minted),
                    "refused": row.refused,
                    "collateral": {
                        "locked": str(row.locked),
                        "slashed": str(row.slashed),
                        "left": str(row.left),
                    },
                }
                for row in self.nodes.values()
            },
            "picture": self.picture,
            "spent": str(self.spent),
            "burn": {
                "destroyed": str(self.destroyed),
                "retired": str(self.retired),
                "fee": str(self.fee),
            },
            "minted": str(self.minted),
            "claimed": str(self.claimed),
            "checked": self.checked,
            "slashed": str(self.slashed),
            "fault": self.fault,
            "punished": self.punished,
            "conserved": self.conserved,
            "settled": self.settled,
            "missing": self.missing,
            "ok": self.ok,
            "seconds": round(self.seconds, 2),
        }


class ComputeAct:
    """The act on a network that stands; ``folder`` keeps what its machines keep, and the picture."""

    def __init__(self, net: Devnet, folder: Path, say: Say = lambda text: None) -> None:
        self.net, self.folder, self.say = net, folder, say
        self.report = ComputeReport()
        self._agents: dict[int, str] = {}

    async def run(self) -> ComputeReport:
        """Both halves, as far as this machine has what they need."""
        start = time.monotonic()
        async with AsyncExitStack() as stack:
            for part in (self._rent, self._render):
                try:
                    await part(stack)
                except (ExtraMissing, Unavailable) as error:
                    self._lack(error)
        self.report.conserved = self.net.is_conserved()
        self.report.seconds = time.monotonic() - start
        return self.report

    def _lack(self, error: WeftError) -> None:
        words = f"{error.sentence} ({error.hint})" if error.hint else error.sentence
        if words not in self.report.missing:
            self.report.missing.append(words)

    # A machine by auction

    async def _rent(self, stack: AsyncExitStack) -> None:
        """A deployment file goes to auction, and what wins is reached over HTTP and paid by the block."""
        self.say("renting a machine: 4 providers bid for a web server, the cheapest runs it in a sandbox")
        from weftwork.compute import sdl
        from weftwork.compute.venue import Venue
        from weftwork.network.rent import open_suppliers
        from weftwork.wire.client import Client

        net = self.net
        venue = Venue(net.ledger, net.contracts, net.compute)
        providers = await self._raise_providers(stack)
        tenant = self._tenant(venue, providers, open_suppliers(venue))
        stack.push_async_callback(tenant.suppliers.client.close)
        self.report.deposit = DEPOSIT
        before = self._coins("tenant")
        done = await tenant.deploy(
            sdl.parse(find_example("compute/hello.yaml").read_text()),
            deposit=DEPOSIT,
            policy=choose_cheapest,
            patience=10.0,
            ready_seconds=30.0,
        )
        lease = done.leases[0]
        self.report.winner, self.report.url = lease.supplier.name, lease.urls[0]
        async with AsyncExitStack() as inner:
            http = Client(True, timeout=5.0)
            inner.push_async_callback(http.close)
            self.report.status = (await http.request("GET", self.report.url)).status
        self.say(f"   {lease.supplier.name} runs it: {self.report.url} answers {self.report.status}")
        net.ledger.rpc("evm_mine", {"blocks": 20})
        await asyncio.to_thread(tenant.market.close, done.deployment)
        for provider in providers.values():
            await provider.tick()
        self.report.lease_back = DEPOSIT - (before - self._coins("tenant"))
        self.report.lease_paid = DEPOSIT - self.report.lease_back
        self.say(f"   closed after its blocks: {_show(self.report.lease_paid)} paid, the rest is back")

    async def _raise_providers(self, stack: AsyncExitStack) -> dict[str, ProviderRole]:
        from weftwork.compute.provider.pricing import FunctionPricer
        from weftwork.network.provider import ProviderRole, open_executor

        providers: dict[str, ProviderRole] = {}
        for name, micro in PRICES.items():
            price = micro * 10**12
            role = ProviderRole(
                self.net.site(name, 20 * WAD),
                open_executor("process", self.folder / name),
                pricer=FunctionPricer(lambda request, price=price: price),
                has="cpu=1,memory=512Mi,storage=256Mi",
                every=0.0,
                name=name,
            )
            stack.push_async_callback(_end, role)
            self._agents[await role.start()] = name
            providers[name] = role
        return providers

    def _tenant(self, venue: Venue, providers: dict[str, ProviderRole], suppliers: Any) -> Tenant:
        from weftwork.compute.tenant import Tenant

        def hear(step: str, facts: dict[str, Any]) -> None:
            if step == "bid":
                name, price = self._agents[facts["bid"].agent], facts["bid"].price
                self.report.bids.append((name, price))
                self.say(f"   {name} bids {facts['currency'].format(price)} a block")

        async def pump(seconds: float) -> None:
            for role in providers.values():
                await role.tick()
            await asyncio.sleep(0.02)

        account = self.net.site("tenant", 20 * WAD).account
        return Tenant(venue, account, suppliers, sleep=pump, say=hear)

    # A picture by many

    async def _raise_nodes(self, stack: AsyncExitStack) -> dict[str, NodeRole]:
        from weftwork.network.render import NODE_COINS, NodeRole

        nodes: dict[str, NodeRole] = {}
        speed: int | None = None
        for name, (kind, words) in NODES.items():
            site = self.net.site(f"{name}-node", NODE_COINS)
            role = NodeRole(
                site,
                self.folder / f"{name}-node",
                kind=kind,
                milli_ob=speed,
                care=None,
                name=f"{name}-node",
            )
            stack.push_async_callback(role.stop)
            await role.start()
            speed = role.node.milli_ob  # they share this machine: one measurement is enough
            nodes[name] = role
            self.report.nodes[name] = NodeRow(name, words, kind is RenderNode)
        return nodes

    async def _render(self, stack: AsyncExitStack) -> None:
        """A scene is rendered by tiles; each share is checked before it is paid for, by burning."""
        if find_spec("mitsuba") is None:
            raise ExtraMissing("the scene was not rendered here", hint="pip install 'weftwork[render]'")
        from weftwork.compute.render.scene import read_scene
        from weftwork.network.render import open_client

        self.say("rendering a scene on 4 nodes, of which one saves samples and one dies in mid-job")
        net, nodes = self.net, await self._raise_nodes(stack)
        bench = CheckerBench(net, self.folder)
        await bench.start(stack)
        wallets = {role.site.account.address: name for name, role in nodes.items()}
        out = self.folder / "render"
        artist = net.site("artist", 200 * WAD)
        client = await open_client(
            artist,
            out,
            burns=True,
            milli_ob=next(iter(nodes.values())).node.milli_ob,
            tell=lambda event: self._hear(event, wallets),
        )
        stack.push_async_callback(client.close)
        scene, files = read_scene(find_example(SCENE), **SIZE)
        plan = await client.order(scene, files, [FRAME], tile_size=TILE, hold=10 * WAD)
        self.say(
            f"   {scene.width}x{scene.height}, {len(client.journal.bundles)} bundles of tiles; "
            f"estimate {_show(plan.tokens)} at the economy tier, held before the start"
        )
        result = await client.run()
        self.report.spent = result.spent
        self.report.picture = str(result.paths[0])
        for bundle in client.journal.bundles.values():
            self.report.nodes[wallets[bundle.node]].paid += bundle.budget
        await self._check(bench, nodes)
        await asyncio.to_thread(
            self._mint, wallets, CreditDesk(net.ledger, net.contracts.token, net.compute, net.founder)
        )

    async def _check(self, bench: CheckerBench, nodes: dict[str, NodeRole]) -> None:
        """Checkers render tiles again; the epoch is closed, and the cheat's collateral pays for its fault."""
        report, net = self.report, self.net
        self.say("   2 checkers render tiles again, and close their epoch")
        stakes = net.contracts.at(net.ledger, "stakes")
        agents = {role.place.agent: name for name, role in nodes.items() if role.place is not None}
        for agent, name in agents.items():
            report.nodes[name].locked = int(stakes.call("collaterals", bench.subnet, agent).amount)
        report.checked = await bench.judge()
        token = net.contracts.at(net.ledger, "token")
        before = int(token.call("minted")) - int(token.call("totalSupply"))
        for slash in await bench.punish():
            report.nodes[agents[slash.agent]].slashed += slash.burnt
            report.fault = slash.record
            lost, left = _show(slash.burnt), _show(slash.left)
            self.say(
                f"   {agents[slash.agent]} loses {lost} of its collateral, which is burnt; {left} are left"
            )
        report.slashed = int(token.call("minted")) - int(token.call("totalSupply")) - before
        report.fault_bps = bench.fault_bps
        for agent, name in agents.items():
            report.nodes[name].left = int(stakes.call("collaterals", bench.subnet, agent).amount)

    def _hear(self, event: Event, wallets: dict[str, str]) -> None:
        name = wallets.get(str(event.facts.get("node")), "")
        row = self.report.nodes.get(name)
        if row is None:
            return
        if event.kind == "tile":
            row.tiles += 1
        elif event.kind in ("cheat", "lost"):
            row.refused = str(event.facts["why"])
            row.wrong |= event.kind == "cheat"
            why = "is caught: its tile differs from the same tile rendered again"
            why = why if event.kind == "cheat" else "stops answering in mid-job"
            self.say(f"   {name} {why}; its tiles go to another node, unpaid")
        elif event.kind == "paid":
            self.say(f"   {name} is paid {_show(int(event.facts['amount']))} for its tiles, by burning")

    def _mint(self, wallets: dict[str, str], desk: CreditDesk) -> None:
        """The epoch of credits ends: what was burnt, what is minted by the schedule, and who gets it."""
        report = self.report
        for event in desk.credits.events("Burnt"):
            report.destroyed += int(event.args["destroyed"])
            report.retired += int(event.args["retired"])
            report.fee += int(event.args["fee"])
        over = int(desk.credits.call("length")) + int(desk.credits.call("grace")) + 1
        self.net.ledger.rpc("evm_increaseTime", over)
        self.net.ledger.rpc("evm_mine", {"blocks": 1})
        report.minted = sum(one.minted for one in desk.settle())
        for wallet, name in wallets.items():
            report.nodes[name].minted = desk.claim_all(wallet)[Pool.WORK]
        report.claimed = sum(row.minted for row in report.nodes.values())
        self.say(
            f"   burnt {_show(report.destroyed + report.retired)} of {_show(report.spent)}, "
            f"{_show(report.fee)} to the operator; the epoch mints {_show(report.minted)}, "
            f"{_show(report.claimed)} of it for these tiles"
        )

    def _coins(self, name: str) -> int:
        return self.net.coins([self.net.sites[name].account.address])


async def _end(role: ProviderRole) -> None:
    for lease in await role.executor.leases():
        await role.executor.forget(lease)
    await role.stop()


def _show(amount: int) -> str:
    from weftwork.units import Wad

    return f"{Wad(amount).format(9 if amount < WAD // 1_000 else 4)} WEFT"
