"""The demo's checkers of renders: they render tiles again, put the cheat on record, and close its epoch.

Two validators of the render subnet judge what was handed in. The panel of their subnet can decide once their
stake has stood through an epoch; then the fault goes on record, and the next closing burns a tenth of the
cheat's collateral, by a claim that anyone may carry out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from weftwork.spec.merkle import ClaimKind
from weftwork.units import WAD

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from weftwork.closing import ClosingPlan
    from weftwork.network.devnet import Devnet
    from weftwork.network.render import CheckerRole

NAMES = ("iris", "otto")
STAKE = 1_000 * WAD
SHARE = 150_000
"""Receipts that each of them checks, in millionths: of 36 tiles both draw none once in 120,000 runs."""


@dataclass(frozen=True, slots=True)
class Slash:
    """What a fault cost an agent, wad: due by the closing, burnt by the ledger, left; the leaf's record."""

    agent: int
    due: int
    burnt: int
    left: int
    record: str


class CheckerBench:
    """The two checkers on a network that stands."""

    def __init__(self, net: Devnet, folder: Path) -> None:
        self.net, self.folder = net, folder
        self.roles: list[CheckerRole] = []
        self.subnet = self.fault_bps = 0

    async def start(self, stack: AsyncExitStack) -> None:
        """They stake and take their seats, which count from the next epoch on."""
        from weftwork.network.render import CheckerRole

        for name in NAMES:
            site = self.net.site(name, STAKE + 250 * WAD)
            role = CheckerRole(site, self.folder / name, stake=STAKE, name=name, share=SHARE)
            stack.push_async_callback(role.stop)
            await role.start()
            self.roles.append(role)
        self.subnet = self.roles[0].checker.ballot.subnet
        self._end_epoch()

    async def judge(self) -> int:
        """What was handed in is looked at, and the epoch judged by it; how many tiles were rendered again."""
        findings = await asyncio.gather(*(role.checker.look() for role in self.roles))
        for role in self.roles:
            await role.checker.commit()
        self._pass_to(self._clock()[2])
        for role in self.roles:
            await role.checker.reveal()
        self._end_epoch()
        return sum(len(found) for found in findings)

    async def punish(self) -> list[Slash]:
        """What is beyond doubt goes on record, its epoch is closed and its claims are carried out: who lost
        what."""
        for role in self.roles:
            await role.checker.look()
        epoch = self.roles[0].checker.ballot.phase().epoch
        self._end_epoch()
        await self.roles[0].checker.close()
        plan = await asyncio.to_thread(self._recompute, epoch)
        self.fault_bps = plan.snapshot.params.fault_slash_bps
        return [self._read_slash(plan, claim.index) for claim in plan.claims if claim.kind == ClaimKind.SLASH]

    def _recompute(self, epoch: int) -> ClosingPlan:
        from weftwork.closing import verify_closing

        return verify_closing(self.net.ledger, self.net.contracts, self.subnet, epoch)

    def _read_slash(self, plan: ClosingPlan, index: int) -> Slash:
        claim, stakes = plan.claims[index], self.net.contracts.at(self.net.ledger, "stakes")
        cuts = stakes.events("Slashed", plan.snapshot.last_block + 1, subnet=self.subnet, agent=claim.agent)
        burnt = sum(int(event.args["burned"]) for event in cuts)
        left = int(stakes.call("collaterals", self.subnet, claim.agent).amount)
        return Slash(claim.agent, claim.amount, burnt, left, str(plan.payments[index].id))

    # Time

    def _clock(self) -> tuple[int, int, int]:
        found = self.net.contracts.at(self.net.ledger, "subnets").call("clocks", self.subnet)
        return int(found[0]), int(found[1]), int(found[2])

    def _pass_to(self, gone: int) -> None:
        """Let time pass until so many blocks of the epoch are gone."""
        start, tempo, _ = self._clock()
        now = self.net.ledger.block_number() + 1
        self.net.mine_to(now - (now - start) % tempo + gone)

    def _end_epoch(self) -> None:
        self._pass_to(self._clock()[1])
