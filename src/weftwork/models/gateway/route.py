"""Which miner gets a call: weights by incentive, price, latency and failures, and a share to explore.

Pure functions of what was seen; time and chance are given. A weight is a float: a choice, no money.

    weight = (incentive share + floor) * price factor * latency factor * health

    price factor    = (reference + cheapest) / (reference + price)      reference: the median price
    latency factor  = (reference + fastest) / (reference + latency)     reference: the median latency
    health          = 1 / (1 + failures in a row)**2, and 0 while a miner rests after failing

A share ``explore`` of the calls goes to miners in inverse proportion to the calls that they have had: each
reachable miner is heard, a new one first, and thousands of new ones still share that one part.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import median
from typing import Generic, TypeVar


@dataclass(slots=True)
class Standing:
    """What this gateway saw of one miner: calls, failures in a row, latency in microseconds (as RFC 6298)."""

    calls: int = 0
    failed: int = 0
    failures: int = 0
    mean: int = 0
    spread: int = 0
    rests_until: float = 0.0

    def succeed(self, took_us: int) -> None:
        """Counts one answer after ``took_us`` microseconds (of a stream: until its first words)."""
        if self.mean == 0:
            self.mean, self.spread = max(1, took_us), took_us // 2
        else:
            miss = took_us - self.mean
            self.mean = max(1, self.mean + miss // 8)
            self.spread += (abs(miss) - self.spread) // 4
        self.calls += 1
        self.failures = 0
        self.rests_until = 0.0

    def fail(self, now: float, policy: Policy) -> None:
        """Counts one failure at ``now`` (seconds): the miner rests, twice as long after each one in a row."""
        self.calls += 1
        self.failed += 1
        self.failures += 1
        self.rests_until = now + min(policy.rest * (1 << min(self.failures - 1, 16)), policy.longest_rest)

    def hedge_after(self, policy: Policy) -> float:
        """Seconds after which an answer is later than about 19 in 20: mean and four spreads, bounded."""
        if self.mean == 0:
            return policy.hedge_unknown
        late = (self.mean + 4 * self.spread) / 1e6
        return min(max(late, policy.hedge_least), policy.hedge_most)


@dataclass(frozen=True, slots=True)
class Policy:
    """How a gateway routes; shares are fractions of 1, times seconds."""

    explore: float = 0.1
    floor: float = 0.05
    rest: float = 1.0
    longest_rest: float = 300.0
    attempts: int = 3
    hedge: bool = True
    hedge_unknown: float = 2.0
    hedge_least: float = 0.05
    hedge_most: float = 30.0


@dataclass(frozen=True, slots=True)
class Option:
    """One miner as the choice sees it: its key, share of the subnet's incentive (0 to 1), price, standing."""

    key: Hashable
    incentive: float
    price: int
    standing: Standing


def weigh(options: Sequence[Option], now: float, policy: Policy) -> list[float]:
    """The weight of each option at ``now``; all 0 only if each of them rests."""
    if not options:
        return []
    prices = [option.price for option in options]
    known = [option.standing.mean for option in options if option.standing.mean]
    usual_price, least_price = max(1, median(prices)), min(prices)
    usual_time = max(1, median(known)) if known else 1
    least_time = min(known) if known else 1
    weights = []
    for option in options:
        seen = option.standing
        if seen.rests_until > now:
            weights.append(0.0)
            continue
        weight = option.incentive + policy.floor
        weight *= (usual_price + least_price) / (usual_price + option.price)
        weight *= (usual_time + least_time) / (usual_time + (seen.mean or usual_time))
        weights.append(weight / (1 + seen.failures) ** 2)
    return weights


K = TypeVar("K", bound=Hashable)


class Wheel(Generic[K]):
    """A drawn-up choice among miners: built every fraction of a second, asked on each call in O(log n)."""

    __slots__ = ("_explore", "_explored", "_keys", "_weighed")

    def __init__(self, keys: Sequence[K], options: Sequence[Option], now: float, policy: Policy) -> None:
        self._keys = list(keys)
        self._weighed = list(accumulate(weigh(options, now, policy)))
        heard = [
            0.0 if option.standing.rests_until > now else 1.0 / (1 + option.standing.calls)
            for option in options
        ]
        self._explored = list(accumulate(heard))
        self._explore = policy.explore

    def __len__(self) -> int:
        return len(self._keys)

    def pick(self, rng: random.Random, without: Collection[K] = ()) -> K | None:
        """One miner's key, by weight or exploring; one that rests only if no other is left; else None."""
        table = self._explored if rng.random() < self._explore else self._weighed
        if not table:
            return None
        if table[-1] > 0.0:
            for _ in range(4 if without else 1):
                key = self._keys[_draw(table, rng)]
                if key not in without:
                    return key
        return self._pick_rest(rng, table, without)

    def _pick_rest(self, rng: random.Random, table: list[float], without: Collection[K]) -> K | None:
        left, weights, before = [], [], 0.0
        for key, total in zip(self._keys, table, strict=True):
            if key not in without:
                left.append(key)
                weights.append(total - before)
            before = total
        if not left:
            return None
        sums = list(accumulate(weights))
        return left[_draw(sums, rng)] if sums[-1] > 0.0 else rng.choice(left)

    def pick_many(self, rng: random.Random, k: int, without: Collection[K] = ()) -> list[K]:
        """Up to ``k`` different miners, each drawn as :meth:`pick` does."""
        taken: list[K] = []
        while len(taken) < k:
            key = self.pick(rng, {*without, *taken})
            if key is None:
                break
            taken.append(key)
        return taken


def _draw(sums: list[float], rng: random.Random) -> int:
    return min(bisect(sums, rng.random() * sums[-1]), len(sums) - 1)
