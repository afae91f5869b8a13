"""What a validator thinks of each worker: a moving average of scores, and the weights that follow from it.

Whole millionths throughout. With score ``v`` and share ``a`` (in ppm)

    mean += (v - mean) * max(a, 1 / (n + 1))        the plain mean of the first 1/a scores, then an EMA
    weight = mean ** sharpness * min(n, trust) / trust

so a newcomer's few lucky answers do not weigh as much as a long record, and differences between good
answers count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from weftwork.errors import BadInput
from weftwork.units import U16

FULL = 1_000_000
"""A perfect score, in millionths."""


def clamp(value: int) -> int:
    """``value`` within 0 and 1,000,000."""
    return max(0, min(FULL, value))


@dataclass(slots=True)
class Mean:
    """One miner's record: its wallet, scores counted (``n``), their moving average in millionths."""

    wallet: str
    n: int = 0
    mean: int = 0
    fresh: int = 0
    """Scores since the last :meth:`Standing.rest`."""


@dataclass(slots=True)
class Standing:
    """The records by uid; a uid that another wallet took over starts anew."""

    share: int = 50_000
    sharpness: int = 2
    trust: int = 4
    decay: int = 250_000
    means: dict[int, Mean] = field(default_factory=dict)

    def add(self, uid: int, wallet: str, value: int) -> None:
        """Counts a score in millionths."""
        if not 0 <= value <= FULL:
            raise BadInput("a score is between 0 and 1,000,000", value=value)
        found = self.means.get(uid)
        if found is None or found.wallet != wallet:
            found = self.means[uid] = Mean(wallet)
        share = max(self.share, FULL // (found.n + 1))
        found.mean = clamp(found.mean + (value - found.mean) * share // FULL)
        found.n += 1
        found.fresh += 1

    def prune(self, present: Iterable[tuple[int, str]]) -> None:
        """Forgets every uid that is not there any more, or that another wallet holds."""
        there = dict(present)
        for uid in [uid for uid, found in self.means.items() if there.get(uid) != found.wallet]:
            del self.means[uid]

    def rest(self) -> None:
        """Ends an epoch: who was never heard in it fades by ``decay``."""
        for found in self.means.values():
            if not found.fresh:
                found.mean -= found.mean * self.decay // FULL
            found.fresh = 0

    def weights(self, without: Iterable[int] = ()) -> dict[int, int]:
        """u16 weights by rising uid, the best 65,535; none for those that would get 0."""
        skipped = set(without)
        raw = {
            uid: found.mean**self.sharpness * min(found.n, self.trust)
            for uid, found in sorted(self.means.items())
            if uid not in skipped
        }
        top = max(raw.values(), default=0)
        if top == 0:
            return {}
        shares = {uid: value * U16 // top for uid, value in raw.items()}
        return {uid: share for uid, share in shares.items() if share}

    def to_json(self) -> list[list[Any]]:
        """The records as plain rows."""
        return [[uid, m.wallet, m.n, m.mean, m.fresh] for uid, m in sorted(self.means.items())]

    def load(self, rows: Iterable[Any]) -> None:
        """Takes the rows that :meth:`to_json` gave."""
        self.means = {int(uid): Mean(wallet, n, mean, fresh) for uid, wallet, n, mean, fresh in rows}

    def table(self) -> Mapping[int, int]:
        """Means in millionths by uid."""
        return {uid: found.mean for uid, found in sorted(self.means.items())}
