"""A square where nodes stand ready and three checkers watch them: a ledger, HTTP, an epoch that is judged.

The parties share an event loop that runs while :meth:`Square.run` awaits something.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from random import Random
from typing import Any

from weftwork import ledger
from weftwork.closing.ballot import Ballot
from weftwork.closing.exchange import Peer
from weftwork.compute.attendance import AttendanceDesk, Drill
from weftwork.compute.availability import AvailabilityChecker
from weftwork.compute.readiness import ReadySeat
from weftwork.ledger.deployment_compute import find_compute
from weftwork.network.enrol import enrol_neuron, fund
from weftwork.network.founding import open_network
from weftwork.store import Store
from weftwork.units import WAD
from weftwork.wire.server import App, serve

TEMPO, COMMIT = 120, 80
URI = "data:application/json;base64,e30="


class LazyDesk(AttendanceDesk):
    """Answers at once, without doing the drill: each link is made up."""

    async def take(self, request: Any) -> Any:
        run = Drill.run
        try:
            Drill.run = lambda drill: [bytes([place]) * 32 for place in range(drill.links)]
            return await super().take(request)
        finally:
            Drill.run = run


class Square:
    """Two nodes that stand ready, one that is down, one that cheats; checkers with stakes 60, 30, 10."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.chain = ledger.connect("embedded:", dev=True)
        self.founder = self.chain.treasury()
        self.contracts = open_network(self.chain, self.founder, tempo=TEMPO, commit_blocks=COMMIT)
        self.parts = find_compute(self.chain, self.contracts)
        self.panel = self.parts.at(self.chain, "availability_panel")
        self.credits = self.parts.at(self.chain, "credits")
        self.token = self.contracts.at(self.chain, "token")
        self.subnets = self.contracts.at(self.chain, "subnets")
        self.subnet = int(self.panel.call("subnet"))
        self.domain = self.contracts.domains.of("score")
        self.seats: dict[str, ReadySeat] = {}
        self.desks: dict[str, AttendanceDesk] = {}
        self.checkers: dict[str, AvailabilityChecker] = {}
        self.peers: list[Peer] = []
        self.running: list[Any] = []
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Await something in the square."""
        return self.runner.run(work)

    def account(self, name: str, coins: int = 0) -> Any:
        """A funded key."""
        one = ledger.Account.create(seed=f"{name} of the square")
        fund(self.chain, self.contracts, self.founder, one.address, coins=coins or 300 * WAD)
        return one

    async def _open(self) -> None:
        await self._add_node("ann", memory=24, age=100)
        await self._add_node("bob", memory=8, age=3)
        await self._add_node("mallory", kind=LazyDesk)
        await self._add_node("gone", serves=False)
        for name, stake in (("ada", 60), ("bea", 30), ("cara", 10)):
            await self._add_checker(name, stake * WAD)

    async def _wallets(self) -> list[str]:
        return [peer.wallet for peer in self.peers]

    async def _add_node(
        self, name: str, *, kind: type[AttendanceDesk] = AttendanceDesk, serves: bool = True, **card: int
    ) -> None:
        account, app = self.account(name), App(name)
        desk = self.desks[name] = kind(account, self.domain, self._wallets, now=time.time)
        desk.mount(app)
        place = await serve(app)
        self.running.append(place)
        if not serves:
            await place.stop()
        where = enrol_neuron(self.chain, self.contracts, account, self.subnet, URI)
        assert where.uid is not None
        self.seats[name] = ReadySeat(where.uid, account.address, place.url, name, **card)

    async def _add_checker(self, name: str, stake: int) -> None:
        account, store = self.account(name, 500 * WAD), Store(None)
        where = enrol_neuron(
            self.chain, self.contracts, account, self.subnet, URI, stake=stake, validate=True
        )
        ballot = Ballot(self.chain, self.contracts, account, self.subnet, where.uid or 0, store)

        async def roster() -> list[ReadySeat]:
            return list(self.seats.values())

        async def peers() -> list[Peer]:
            return list(self.peers)

        checker = self.checkers[name] = AvailabilityChecker(
            account,
            ballot,
            store,
            self.contracts.domains,
            peers=peers,
            local=True,
            roster=roster,
            place=self.credits.address,
            panel=self.panel.address,
            drill=(6, 20),
            rng=Random(name),
            clock=lambda: 0.0,
            name=name,
        )
        place = await checker.start()
        self.peers.append(Peer(account.address, place.url))

    # Time

    def mine_to(self, block: int) -> None:
        """Let blocks pass until ``block`` is the next one's number."""
        missing = block - 1 - self.chain.block_number()
        if missing > 0:
            self.chain.rpc("evm_mine", {"blocks": missing})

    def first_block(self, epoch: int) -> int:
        return int(self.subnets.call("first_block", self.subnet, epoch))

    @property
    def epoch(self) -> int:
        """The subnet's epoch of the next block."""
        return next(iter(self.checkers.values())).ballot.phase().epoch

    def judge_epoch(self, drills: int = 2) -> int:
        """An epoch of the subnet from its first block to its closing; its number."""
        self.mine_to(self.first_block(self.epoch + 1))
        epoch = self.epoch
        for checker in self.checkers.values():
            for _ in range(drills):
                self.run(self._drill(checker))
            for _ in range(5):
                if self.run(checker.commit()) is not None:
                    break
                self.run(self._drill(checker))  # a busy machine answered no drill in time
        self.mine_to(self.first_block(epoch) + COMMIT)
        for checker in self.checkers.values():
            self.run(checker.reveal())
        self.mine_to(self.first_block(epoch + 1))
        return epoch

    async def _drill(self, checker: AvailabilityChecker) -> None:
        """Every node, drilled once more; where a busy machine let one of those who answer come too late, the
        count begins anew."""
        await checker.list_seats()
        for _ in range(5):
            await checker.drill(list(self.seats.values()))
            held = [checker.tallies[self.seats[name].wallet] for name in ("ann", "bob")]
            if all(one.ready == one.asked for one in held):
                return
            checker.tallies.clear()

    def credit_epoch(self, epoch: int) -> int:
        """The epoch of credits in which an epoch of the subnet ended."""
        at = self.chain.block(self.first_block(epoch + 1) - 1)["timestamp"]
        return int((at - self.credits.call("start")) // self.credits.call("length"))

    def pass_credits(self, epoch: int, grace: int = 0) -> None:
        """Let time pass until an epoch of credits is over, and its grace if wanted."""
        start, length = self.credits.call("start"), self.credits.call("length")
        wanted = int(start + (epoch + 1) * length + grace)
        if self.chain.block()["timestamp"] < wanted:
            self.chain.rpc("evm_setNextBlockTimestamp", wanted)
            self.chain.rpc("evm_mine")

    def close(self) -> None:
        """Stop everybody."""
        for checker in self.checkers.values():
            self.run(checker.stop())
            checker.store.close()
        for place in self.running:
            self.run(place.stop())
        self.runner.close()
        self.chain.close()
