"""Who stood ready, as numbers: what one checker measured in an epoch, and what all together say of many.

A checker counts drills (:class:`Tally`) and weighs the nodes by ``spec/availability.py``; its weights go to
the subnet as any validator's do. What is reported to ``Credits`` is not any checker's word: it is the sum,
over the closings of the subnet's epochs that ended within the epoch of credits, of each node's incentive,
which is a function of revealed weights alone. So every checker comes to the same bytes, and can sign them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from weftwork import closing
from weftwork.errors import EpochNotFound
from weftwork.records import NO_ADDRESS
from weftwork.spec.availability import BPS, Standing, penalty, weigh
from weftwork.spec.fixed import from_ratio, mul_down
from weftwork.units import U16

if TYPE_CHECKING:
    from weftwork.ledger.client import Ledger
    from weftwork.ledger.deployment import Contracts
    from weftwork.store import Store
    from weftwork.units import Digest

CHUNK: Final = 100
"""Nodes in one report, as ``Credits`` takes them."""


@dataclass(frozen=True, slots=True)
class ReadySeat:
    """A node of the subnet as the ledger has it.

    Attributes:
        operator: whoever holds its identity; nodes of one operator share its penalty.
        memory: GiB that its card declares.
        age: days since it came to the subnet.
    """

    uid: int
    wallet: str
    endpoint: str
    operator: str = ""
    memory: int = 1
    age: int = 1


@dataclass(slots=True)
class Tally:
    """What one checker saw of a node in an epoch: drills set, done right, done wrong, and the scores."""

    asked: int = 0
    ready: int = 0
    wrong: int = 0
    scores: list[int] = field(default_factory=list)

    @property
    def idle(self) -> int:
        """The part of the epoch in which it stood ready, in bps; nothing for who answered wrong."""
        return 0 if self.wrong or not self.asked else BPS * self.ready // self.asked

    @property
    def score(self) -> int:
        """The median of its scores (of two, the lower), in points; 0 without any."""
        return sorted(self.scores)[(len(self.scores) - 1) // 2] if self.scores else 0

    def to_json(self) -> list[Any]:
        """A plain row."""
        return [self.asked, self.ready, self.wrong, self.scores]

    @classmethod
    def from_json(cls, row: Any) -> Tally:
        """The inverse of :meth:`to_json`."""
        asked, ready, wrong, scores = row
        return cls(int(asked), int(ready), int(wrong), [int(one) for one in scores])


def weigh_ready(seats: Sequence[ReadySeat], tallies: Mapping[str, Tally]) -> dict[int, int]:
    """u16 weights by uid, the best 65,535, after RNP-015; none for who was not asked, or never ready.

    ``tallies`` are by wallet. The averages of the formula are over the nodes that stood ready at all, so who
    is down moves nobody else's weight. Where all of them are too small for it (every logarithm is 0), idle
    time and penalty alone count, so that who was there is paid.
    """
    owned = Counter(seat.operator or seat.wallet.lower() for seat in seats)
    there = [seat for seat in seats if (held := tallies.get(seat.wallet)) and held.idle]
    standings = [
        Standing(
            tallies[seat.wallet].idle,
            tallies[seat.wallet].score,
            seat.memory,
            seat.age,
            owned[seat.operator or seat.wallet.lower()],
        )
        for seat in there
    ]
    raw = weigh(standings)
    if not any(raw):
        raw = [mul_down(from_ratio(one.idle, BPS), penalty(one.wallets)) for one in standings]
    top = max(raw, default=0)
    if not top:
        return {}
    rows = {seat.uid: value * U16 // top for seat, value in zip(there, raw, strict=True)}
    return {uid: value for uid, value in sorted(rows.items()) if value}


class ReadyBook:
    """Who stood ready in each epoch of credits, read from the ledger alone. All methods block."""

    def __init__(
        self, ledger: Ledger, contracts: Contracts, place: str, subnet: int, store: Store | None = None
    ) -> None:
        """``place`` is the address of ``Credits``; ``store`` remembers the incentives of closed epochs."""
        self.ledger, self.contracts, self.subnet = ledger, contracts, subnet
        self.credits = ledger.contract("Credits", place)
        self._subnets = contracts.at(ledger, "subnets")
        self._epochs = contracts.at(ledger, "epochs")
        self._store = store
        self._bonds: dict[Digest, closing.Bonds] = {}
        self._known: dict[int, dict[str, int]] = {}
        self._ends: dict[int, int] = {}
        self._calls: dict[int, list[bytes]] = {}
        self._span: tuple[int, int] | None = None

    def window(self, epoch: int) -> tuple[int, int]:
        """When an epoch of credits begins and ends, Unix seconds; the end is not in it."""
        if self._span is None:
            self._span = int(self.credits.call("start")), int(self.credits.call("length"))
        start, length = self._span
        return start + epoch * length, start + (epoch + 1) * length

    def epochs_within(self, epoch: int) -> list[int]:
        """The subnet's epochs whose last block lies in an epoch of credits, which must be over.

        Raises EpochNotFound while it is not, or while one of them is neither closed nor skipped.
        """
        begin, end = self.window(epoch)
        if int(self.ledger.block()["timestamp"]) < end:
            raise EpochNotFound(f"epoch {epoch} of credits has not ended", value=epoch)
        found = []
        for number in range(int(self._subnets.call("current_epoch", self.subnet)) - 1, -1, -1):
            at = self._end(number)
            if at < begin:
                break
            if at < end:
                found.append(number)
        if found and int(self._epochs.call("next_close", self.subnet)) <= found[0]:
            raise EpochNotFound(
                f"epoch {found[0]} of subnet {self.subnet} is not closed yet",
                value=found[0],
                hint="it is reported once the subnet's validators have closed or skipped it",
            )
        return found[::-1]

    def _end(self, number: int) -> int:
        """The time of the last block of an epoch of the subnet."""
        if number not in self._ends:
            last = int(self._subnets.call("first_block", self.subnet, number + 1)) - 1
            self._ends[number] = int(self.ledger.block(last)["timestamp"])
        return self._ends[number]

    def incentives(self, number: int) -> dict[str, int]:
        """The incentive (I32F32) of each wallet in an epoch of the subnet that is closed; none if skipped."""
        known = self._known.get(number)
        key = f"ready:{self.subnet}:{number}"
        if known is None and self._store is not None:
            known = self._store.state(key)
        if known is None:
            known = self._compute(number)
            if self._store is not None:
                self._store.set_state(key, known)
        self._known[number] = known
        return known

    def _compute(self, number: int) -> dict[str, int]:
        if self._epochs.call("epochs", self.subnet, number)[0] != closing.CLOSED:
            return {}
        before = closing.read_bonds(self.ledger, self.contracts, self.subnet, number, self._bonds)
        snapshot = closing.read_snapshot(self.ledger, self.contracts, self.subnet, number)
        result = closing.run_snapshot(snapshot, before)
        if result is None or result.fallback:
            return {}
        pairs = zip(snapshot.wallets, result.incentive, strict=True)
        return {wallet: part for wallet, part in pairs if wallet != NO_ADDRESS and part}

    def weights(self, epoch: int) -> dict[str, int]:
        """What each wallet's readiness weighs in an epoch of credits, by wallet; raises EpochNotFound."""
        total: Counter[str] = Counter()
        for number in self.epochs_within(epoch):
            total.update(self.incentives(number))
        return dict(sorted(total.items()))

    def calls(self, epoch: int) -> list[bytes]:
        """The calls of ``Credits.report_ready`` that say so, a hundred nodes each; raises EpochNotFound."""
        if epoch not in self._calls:
            rows = list(self.weights(epoch).items())
            parts = (rows[place : place + CHUNK] for place in range(0, len(rows), CHUNK))
            self._calls[epoch] = [
                self.credits.encode("report_ready", epoch, *map(list, zip(*part, strict=True)))
                for part in parts
            ]
        return self._calls[epoch]
