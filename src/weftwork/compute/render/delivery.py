"""A node's side of the ledger: hands bundles in, sees them paid or refused, and waits for nobody for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from weftwork.errors import LedgerError, Reverted, Unavailable, WeftError
from weftwork.spec.job import Status
from weftwork.spec.standing import Outcome

if TYPE_CHECKING:
    from weftwork.compute.render.escrow import Escrow
    from weftwork.compute.render.holding import Held, Holding
    from weftwork.compute.render.repute import Repute

_PAUSE = (0.5, 60.0)
"""Seconds before a ledger that failed is tried again: at first, and at the most."""


class Delivery:
    """Submits what is whole, and looks after what was submitted until it is paid or refused."""

    def __init__(
        self,
        holding: Holding,
        escrow: Escrow,
        repute: Repute,
        log: Any,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.holding, self.escrow, self.repute = holding, escrow, repute
        self.paid = 0
        """What was paid since it started, wad; what is burnt for work credits counts in full."""
        self._log, self._sleep = log, sleep
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._care: asyncio.Task[None] | None = None
        self._looking: dict[int, asyncio.Lock] = {}

    def start(self, every: float | None) -> None:
        """Takes up what a crash left; looks again ``every`` so many seconds (None: only when asked)."""
        for held in self.holding:
            if held.phase == "taken" and held.whole:
                self.deliver(held)
        if every is not None:
            self._care = asyncio.get_running_loop().create_task(self._keep(every))

    async def stop(self) -> None:
        """Stops looking; what was not handed in is handed in after the next start."""
        tasks = [*self._tasks.values(), *([self._care] if self._care else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def deliver(self, held: Held) -> None:
        """Hands a whole bundle in, in the background, for as long as it takes."""
        if held.job not in self._tasks:
            task = asyncio.ensure_future(self._deliver(held))
            self._tasks[held.job] = task
            task.add_done_callback(lambda done: self._tasks.pop(held.job, None))

    async def _deliver(self, held: Held) -> None:
        pause = _PAUSE[0]
        while True:
            try:
                await asyncio.to_thread(self.escrow.submit, held.job, held.root)
            except Reverted as error:
                held.trouble = error.sentence
                await self.look(held)
                if held.phase == "taken":
                    self._log.warning("a bundle is not taken in", job=held.job, error=error.sentence)
                    held.wake()
                return
            except (LedgerError, Unavailable) as error:
                held.trouble = error.sentence
                self._log.warning("the ledger is away", job=held.job, error=error.sentence)
                await self._sleep(pause)
                pause = min(pause * 2, _PAUSE[1])
            else:
                held.trouble = ""
                if held.phase == "taken":  # who asked meanwhile may have moved it on
                    self.holding.move(held, "submitted")
                return

    async def look(self, held: Held) -> None:
        """Asks the ledger how a bundle stands, and says of its creator what follows; raises LedgerError."""
        async with self._looking.setdefault(held.job, asyncio.Lock()):
            if held.phase not in ("taken", "submitted"):
                return
            found = await asyncio.to_thread(self.escrow.read, held.job)
            if self.escrow.account.address.lower() != found.node.lower():
                return
            if found.status == Status.SUBMITTED and await asyncio.to_thread(self.escrow.is_silent, found):
                await asyncio.to_thread(self.escrow.complete_silent, held.job)
                found = await asyncio.to_thread(self.escrow.read, held.job)
            before = held.phase
            if found.status == Status.COMPLETED:
                self.paid += found.budget
                self.holding.move(held, "paid")
                await self._say(held, Outcome.GOOD)
            elif found.status in (Status.REJECTED, Status.EXPIRED):
                self.holding.move(held, "refused")
                if before == "submitted" and found.status == Status.REJECTED:
                    await self._say(held, Outcome.LATE)
            elif found.status == Status.SUBMITTED and before == "taken":
                self.holding.move(held, "submitted")

    async def _say(self, held: Held, outcome: Outcome) -> None:
        """Feedback on the creator: good once a render, bad for each bundle refused."""
        key = f"said:{held.manifest.render}"
        if outcome == Outcome.GOOD and self.holding.store.state(key):
            return
        try:
            agent = await asyncio.to_thread(self.repute.agent_of, held.client)
            if agent is not None:
                await asyncio.to_thread(self.repute.say, agent, outcome, held.job)
                if outcome == Outcome.GOOD:
                    self.holding.store.set_state(key, True)
        except WeftError as error:
            self._log.warning("a creator got no feedback", job=held.job, error=error.sentence)

    async def look_all(self) -> None:
        """Looks at every bundle that is not over."""
        for held in self.holding:
            with contextlib.suppress(WeftError):
                await self.look(held)
                if held.phase == "taken" and held.whole:
                    self.deliver(held)

    async def _keep(self, every: float) -> None:
        while True:
            await self._sleep(every)
            await self.look_all()
