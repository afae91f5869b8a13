"""Vote escrow: who locks longer has more votes and a larger share of the fee income.

Time runs in epochs of equal length. A lock of ``amount`` until epoch ``end`` weighs, in epoch ``e``::

    weight = amount * (end - e)          while e < end, and nothing after

in whole units times epochs, so no division ever rounds a weight. A change made in an epoch counts from the
next one on: nobody locks into an epoch whose income or votes it already sees. The upstream network publishes
no formula for its lock-up holders; this one is ours, after the linear decay of Curve's vote escrow. Income of
an epoch is shared by weight, each claim rounded down against what is left, so that the last claim takes the
rest. Mirrored by ``VoteEscrow.vy``; refusals are the contract's sentences.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from weftwork.errors import Refused

BPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Lock:
    """``amount`` units until the beginning of epoch ``end``."""

    amount: int = 0
    end: int = 0

    def weigh(self, epoch: int) -> int:
        """The weight in ``epoch``, unit-epochs."""
        return self.amount * max(self.end - epoch, 0)


class VoteEscrow:
    """All locks with their history, and the income of each epoch by token."""

    def __init__(self, max_epochs: int) -> None:
        self.max_epochs = max_epochs
        self.locks: dict[str, list[tuple[int, Lock]]] = {}
        self.pots: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.claimed_weight: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.cursor: dict[tuple[str, str], int] = {}
        self.held: defaultdict[str, int] = defaultdict(int)

    def find_lock(self, account: str) -> Lock:
        """The lock as it stands, whether it counts yet or not."""
        history = self.locks.get(account)
        return history[-1][1] if history else Lock()

    def weigh(self, account: str, epoch: int) -> int:
        """The weight of an account in an epoch."""
        current = Lock()
        for since, lock in self.locks.get(account, []):
            if since <= epoch:
                current = lock
        return current.weigh(epoch)

    def total(self, epoch: int) -> int:
        """The weight of all in an epoch."""
        return sum(self.weigh(account, epoch) for account in self.locks)

    def lock(self, account: str, amount: int, end: int, epoch: int) -> Lock:
        """Lock, add to a lock, or make it longer; it counts from the next epoch on."""
        before = self.find_lock(account)
        if before.amount and before.end <= epoch:
            raise Refused("votes: lock is over")
        if not before.amount and not amount:
            raise Refused("votes: amount is zero")
        if end < before.end:
            raise Refused("votes: lock would be shorter", value=end)
        if not 1 <= end - (epoch + 1) <= self.max_epochs:
            raise Refused("votes: lock is too short or too long", value=end)
        after = Lock(before.amount + amount, end)
        self._note(account, epoch + 1, after)
        return after

    def withdraw(self, account: str, epoch: int) -> int:
        """Take out what was locked, once the lock is over."""
        before = self.find_lock(account)
        if not before.amount or before.end > epoch:
            raise Refused("votes: lock is not over", value=before.end)
        self._note(account, epoch + 1, Lock())
        return before.amount

    def fund(self, token: str, amount: int, epoch: int) -> int:
        """Book income to the current epoch; it waits for an epoch in which somebody has weight."""
        self.held[token] += amount
        if self.total(epoch) == 0:
            return 0
        booked = self.held.pop(token)
        self.pots[token, epoch] += booked
        return booked

    def claim(self, token: str, account: str, epoch: int, most: int = 64) -> int:
        """An account's share of up to ``most`` ended epochs it has not claimed yet, oldest first."""
        history = self.locks.get(account)
        if not history:
            return 0
        start = max(self.cursor.get((token, account), 0), history[0][0])
        stop = min(epoch, start + most)
        paid = 0
        for ended in range(start, stop):
            weight, pot = self.weigh(account, ended), self.pots[token, ended]
            if weight and pot:
                left = self.total(ended) - self.claimed_weight[token, ended]
                share = pot * weight // left
                self.pots[token, ended] -= share
                self.claimed_weight[token, ended] += weight
                paid += share
        self.cursor[token, account] = max(start, stop)
        return paid

    def _note(self, account: str, since: int, lock: Lock) -> None:
        history = self.locks.setdefault(account, [])
        if history and history[-1][0] == since:
            history[-1] = (since, lock)
        else:
            history.append((since, lock))


def is_adopted(votes_for: int, against: int, abstain: int, total: int, quorum: int) -> bool:
    """Whether a vote passed: more for than against, and cast votes reach ``quorum`` bps of all."""
    cast = votes_for + against + abstain
    return votes_for > against and cast * BPS >= total * quorum
