"""Stake: pools of shares, delegation with take, unbonding, collateral and slashing.

A pool holds ``amount`` units behind ``shares``. Every division rounds in the pool's favour, so no order of
calls pays out more than came in, and a reward or a slash changes what a share is worth, never how many there
are. Mirrored by ``pool.vy`` and ``Stakes.vy``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from weftwork.errors import BadConfig, LimitExceeded

BPS: Final = 10_000
MAX_TAKE: Final = 1_800
"""The most that a validator keeps of its delegators' rewards: 18 %."""
REPORTER_BPS: Final = 1_000
"""A tenth of what a culprit itself loses goes to whoever showed the fault; all else is burnt, so that nobody
gains by robbing his delegators."""
MIN_SHARES: Final = 10**9
"""A staker of a pool has so many shares at least, or none: rounding costs next to nothing, and since it is
counted for each, nobody can hold up another's leaving."""
MAX_SHARES_PER_UNIT: Final = 10**6
"""A pool that is cut below one unit for so many shares is wiped and its rest burnt."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Units behind shares; ``round`` rises when a pool is wiped, which voids the earlier shares."""

    amount: int = 0
    shares: int = 0
    round: int = 0

    def worth(self, shares: int) -> int:
        """What some shares are worth: ``floor(shares amount / all shares)``."""
        return shares * self.amount // self.shares if self.shares else 0


def add_stake(pool: Pool, amount: int, held: int = 0, min_shares: int = MIN_SHARES) -> tuple[Pool, int]:
    """Put ``amount`` in for a staker with ``held`` shares: ``(pool, shares)`` with
    ``shares = floor(amount shares / amount)``, one each in an empty pool.

    Raises:
        LimitExceeded: the amount buys no share, or the staker would have too few.
    """
    shares = amount * pool.shares // pool.amount if pool.shares else amount
    if shares == 0 or held + shares < min_shares:
        raise LimitExceeded(
            "that is too little to stake", value=amount, hint=f"the least stake is {min_shares} shares"
        )
    return Pool(pool.amount + amount, pool.shares + shares, pool.round), shares


@dataclass(frozen=True, slots=True)
class Young:
    """Stake not yet through a whole epoch: when its latest part came, its shares, what they cost."""

    epoch: int = 0
    shares: int = 0
    paid: int = 0

    def at(self, epoch: int) -> Young:
        """What of it is still young in ``epoch``: nothing from the second epoch after it came."""
        return self if self.epoch + 1 >= epoch else Young(epoch)

    def add(self, epoch: int, shares: int, paid: int) -> Young:
        """More of it; what was young stays so as long as the new."""
        kept = self.at(epoch)
        return Young(epoch, kept.shares + shares, kept.paid + paid)

    def leave(self, epoch: int, held: int, shares: int, worth: int) -> tuple[Young, int]:
        """Let ``shares`` of the ``held`` go: ``(young, amount)``. The oldest go first and take all that they
        are worth, rounded down; the young take at most what was paid for them, so that a reward stays with
        those whose stake earned it.
        """
        kept = self.at(epoch)
        old = held - kept.shares
        if shares <= old or not kept.shares:
            return kept, worth
        price = kept.paid * (shares - old) // kept.shares
        rest = Young(kept.epoch, kept.shares - (shares - old), kept.paid - price)
        return rest, min(worth, worth * old // shares + price)


def remove_stake(
    pool: Pool,
    shares: int,
    held: int,
    young: Young = Young(),
    epoch: int = 0,
    min_shares: int = MIN_SHARES,
) -> tuple[Pool, Young, int]:
    """Take shares of a staker's ``held`` out: ``(pool, young, amount)`` with at most
    ``floor(shares amount / all shares)``; the last to leave takes everything.

    Raises:
        LimitExceeded: there are not so many shares, or too few would stay.
    """
    if not 1 <= shares <= held:
        raise LimitExceeded("there are not that many shares", value=shares, hint=f"the staker has {held}")
    if 0 < held - shares < min_shares:
        raise LimitExceeded(
            "too few shares would stay", value=held - shares, hint="take all of them, or fewer"
        )
    rest, paid = young.leave(epoch, held, shares, pool.worth(shares))
    if shares == pool.shares:
        paid = pool.amount
    return Pool(pool.amount - paid, pool.shares - shares, pool.round), rest, paid


def share_reward(pool: Pool, reward: int, take_bps: int) -> tuple[Pool, int, int]:
    """Add a reward: ``(pool, take, shares)``.

    The validator's take is ``floor(reward take / 10000)`` and buys shares at the price after the delegators'
    part has come in (rounded down); the delegators' part, with every rest, raises the worth of all shares. An
    empty pool takes nothing in: ``take`` is then the whole reward, to be paid to the validator itself, and
    ``shares`` is 0.

    Raises:
        BadConfig: the take is over :data:`MAX_TAKE`.
    """
    check_take(take_bps)
    if not pool.shares:
        return pool, reward, 0
    take = reward * take_bps // BPS
    grown = Pool(pool.amount + reward - take, pool.shares, pool.round)
    shares = take * grown.shares // grown.amount if grown.amount else 0
    return Pool(grown.amount + take, grown.shares + shares, grown.round), take, shares


def check_take(take_bps: int) -> int:
    """A take within its bounds.

    Raises:
        BadConfig: it is negative or over :data:`MAX_TAKE`.
    """
    if not 0 <= take_bps <= MAX_TAKE:
        raise BadConfig(f"a take lies between 0 and {MAX_TAKE} bps", value=take_bps, hint="1800 is 18 %")
    return take_bps


def may_raise_take(raised_at: int, block: int, delay: int) -> bool:
    """A take falls at any time and rises once in ``delay`` blocks; ``raised_at`` is 0 at first."""
    return raised_at == 0 or block >= raised_at + delay


def cut_amount(amount: int, bps: int) -> int:
    """What a slash takes: ``ceil(amount bps / 10000)``."""
    return -(-amount * bps // BPS)


def slash_pool(pool: Pool, bps: int) -> tuple[Pool, int]:
    """Cut a pool by ``bps``: ``(pool, what was taken)``; all shares lose alike.

    A pool left with less than one unit for :data:`MAX_SHARES_PER_UNIT` shares is wiped whole.
    """
    rest = pool.amount - cut_amount(pool.amount, bps)
    if rest * MAX_SHARES_PER_UNIT < pool.shares:
        return Pool(0, 0, pool.round + 1), pool.amount
    return Pool(rest, pool.shares, pool.round), pool.amount - rest


def split_slash(cut: int, own: int, reporter_bps: int = REPORTER_BPS) -> tuple[int, int]:
    """``(burnt, to the reporter)`` of a slashed amount, ``own`` of which was the culprit's; the reporter gets
    ``floor(own reporter / 10000)``.
    """
    reported = own * reporter_bps // BPS
    return cut - reported, reported


def culprit_part(before: Pool, after: Pool, shares: int) -> int:
    """What a culprit with some shares loses when a pool is slashed, rounded down."""
    return before.worth(shares) * (before.amount - after.amount) // max(before.amount, 1)


def slash_all(bonded: Pool, unbonding: Pool, collateral: int, bps: int) -> tuple[Pool, Pool, int, int]:
    """Slash everything that backs a validator: ``(bonded, unbonding, collateral, what was taken)``.

    Stake that is on its way out is cut as the rest is, so leaving after a fault saves nothing.
    """
    kept, cut = slash_pool(bonded, bps)
    leaving, cut_leaving = slash_pool(unbonding, bps)
    pledge = cut_amount(collateral, bps)
    return kept, leaving, collateral - pledge, cut + cut_leaving + pledge


def price_fault(collateral: int, bps: int) -> int:
    """What an epoch in which an agent was faulted costs of its collateral: ``floor(collateral bps / 10000)``,
    however many faults are on record.
    """
    return collateral * bps // BPS


def slash_collateral(collateral: int, amount: int, bps: int = BPS) -> tuple[int, int]:
    """``(what stays, what was burnt)``: ``min(amount, floor(collateral bps / 10000))``, all of it burnt, so
    that no reporter gains by it. ``collateral`` is what is there when the claim is made.
    """
    cut = min(amount, price_fault(collateral, bps))
    return collateral - cut, cut


@dataclass(frozen=True, slots=True)
class Collateral:
    """What stands for an agent, slashable until it is paid back; ``release`` and ``lapse`` are 0 unless it
    was asked for, and then the first block in which it can be paid back and the first in which no longer.
    """

    amount: int = 0
    release: int = 0
    lapse: int = 0

    def stands(self, block: int) -> bool:
        """Whether no request for it is under way; only then does it count."""
        return self.release == 0 or block >= self.lapse

    def lock(self, amount: int) -> Collateral:
        """More of it; a request is called off."""
        return Collateral(self.amount + amount)

    def release_at(self, block: int, unbonding_blocks: int) -> tuple[Collateral, int]:
        """Ask for it back, or get it: ``(collateral, paid)``. A request lapses after another unbonding.

        Raises:
            LimitExceeded: there is none, or it is still unbonding.
        """
        if self.amount == 0:
            raise LimitExceeded("there is no collateral", value=0)
        if self.stands(block):
            return Collateral(self.amount, block + unbonding_blocks, block + 2 * unbonding_blocks), 0
        if block < self.release:
            raise LimitExceeded("collateral is still unbonding", value=self.release)
        return Collateral(), self.amount


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Shares of the unbonding pool that can be paid from block ``release`` on."""

    shares: int
    release: int
    round: int = 0


def unbond(aside: Pool, amount: int, block: int, unbonding_blocks: int) -> tuple[Pool, Withdrawal]:
    """Move an amount out of the voting pool into the unbonding pool: ``(pool, withdrawal)``, shares rounded
    down.
    """
    shares = amount * aside.shares // aside.amount if aside.shares else amount
    pool = Pool(aside.amount + amount, aside.shares + shares, aside.round)
    return pool, Withdrawal(shares, block + unbonding_blocks, aside.round)


def pay_unbonded(
    aside: Pool, withdrawals: Iterable[Withdrawal], block: int
) -> tuple[Pool, list[Withdrawal], int]:
    """Pay every withdrawal whose time has come: ``(pool, those still open, amount)``, each rounded down.

    Withdrawals of a wiped round are void.
    """
    kept: list[Withdrawal] = []
    paid = 0
    for entry in withdrawals:
        if entry.release > block:
            kept.append(entry)
        elif entry.round == aside.round and entry.shares:
            amount = aside.worth(entry.shares)
            aside = Pool(aside.amount - amount, aside.shares - entry.shares, aside.round)
            paid += amount
    return aside, kept, paid
