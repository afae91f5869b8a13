"""A checker's accusations: a tile that is wrong beyond doubt costs its node collateral.

    docket.accuse(Fault(agent, job, receipt))     kept in the store until it is settled
    await docket.press()                          asks the panel about what waits, each once an epoch

On record it is once for each job, whichever tile proves it and whoever asks; the subnet's closing then burns
a part of the collateral. An accusation that too few sign is made again in later epochs, since who sits on the
panel changes with the epoch, and is dropped after :data:`TRIES`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from weftwork.errors import LedgerUnavailable, Reverted, WeftError
from weftwork.spec.panel import NOTE_FAULT, Fault
from weftwork.units import ZERO, Digest

if TYPE_CHECKING:
    from weftwork.compute.panel import PanelSeat
    from weftwork.store import Store

TRIES = 3
"""Epochs in which the panel is asked about one fault."""
KEY = "check:accused"
FINAL = frozenset(
    {
        "panel: fault is on record",
        "panel: decision is carried out",
        "panel: there is no such door",
        "panel: there is no evidence",
    }
)
"""Refusals of the panel that another try does not change."""


class Docket:
    """What one checker wants the panel to put on record."""

    def __init__(self, panel: PanelSeat, store: Store, log: Any) -> None:
        """``log`` has the methods of a structlog logger."""
        self.panel, self._store, self._log = panel, store, log
        self._waiting: dict[tuple[int, int], tuple[Fault, int, int]] = {}
        for agent, job, receipt, tried, tries in store.state(KEY, []):
            self._waiting[agent, job] = (Fault(agent, job, Digest(receipt)), tried, tries)

    @property
    def waiting(self) -> list[Fault]:
        """The faults that are neither on record nor dropped."""
        return [fault for fault, _, _ in self._waiting.values()]

    def accuse(self, fault: Fault) -> None:
        """Keeps a fault for the next :meth:`press`; of a job the first one."""
        self._waiting.setdefault((fault.agent, fault.work), (fault, -1, 0))
        self._save()

    async def press(self) -> list[Fault]:
        """Asks the panel about each fault that was not tried in this epoch; those put on record by it now.

        Raises LedgerError where the ledger is away; all that waits is kept, and this was no try.
        """
        if not self._waiting:
            return []
        place = self.panel.panel.address
        if not await asyncio.to_thread(self.panel.panel.call, "is_door", place, NOTE_FAULT):
            self._log.warning("the panel keeps no docket", panel=place)
            self._waiting.clear()
        epoch = (await asyncio.to_thread(self.panel.ballot.phase)).epoch
        noted = []
        try:
            for key, (fault, tried, tries) in list(self._waiting.items()):
                if tried == epoch:
                    continue
                if await asyncio.to_thread(self.is_noted, fault):
                    del self._waiting[key]
                elif await self._ask(fault, epoch, tries + 1):
                    noted.append(fault)
        finally:
            self._save()
        return noted

    async def _ask(self, fault: Fault, epoch: int, tries: int) -> bool:
        """Whether the panel put it on record now; it no longer waits unless it may be asked again. What may
        pass, too few signatures or a wallet without coins, is one of its tries."""
        key = (fault.agent, fault.work)
        try:
            done = await self.panel.decide(self.panel.panel.address, fault.call)
        except LedgerUnavailable:
            raise
        except WeftError as error:
            told = {"agent": fault.agent, "job": fault.work, "error": error.sentence}
            is_final = isinstance(error, Reverted) and error.reason in FINAL
            if not is_final and tries < TRIES:
                self._waiting[key] = (fault, epoch, tries)
                self._log.info("a fault waits", **told)
                return False
            if not await asyncio.to_thread(self.is_noted, fault):  # else another was first
                self._log.warning("a fault is dropped", **told)
            done = None
        del self._waiting[key]
        return done is not None

    def is_noted(self, fault: Fault) -> bool:
        """Whether a fault of this agent's in this work is on record; blocks."""
        return bytes(self.panel.panel.call("fault_of", fault.agent, fault.work)) != ZERO

    def _save(self) -> None:
        rows = [
            [fault.agent, fault.work, str(fault.evidence), tried, tries]
            for fault, tried, tries in self._waiting.values()
        ]
        self._store.set_state(KEY, rows)
