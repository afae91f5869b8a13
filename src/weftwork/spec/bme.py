"""Burn and mint (after Render Network's RNP-001): work is paid in burnt tokens, workers in minted ones.

Amounts of tokens and of dollars are wads (10**18 is one), prices are dollars for one token, shares are bps.
What is minted never depends on what is burnt. Mirror of ``Credits.vy``; see also ``availability.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from weftwork.errors import BadConfig

WAD: Final = 10**18
BPS: Final = 10_000
PERMILLE: Final = 1_000
MONTHS: Final = 12
RENDER_EXTRA: Final = 107_374_182 * WAD
"""What Render's schedule mints in all: 20 % of its first 536,870,912 tokens."""


# --- paying


def gross_up(ask: int, fee_bps: int = 500) -> int:
    """What a customer pays so that a node's ask burns: ``ceil(ask 10000 / (10000 - fee_bps))`` (RNP-021)."""
    if not 0 <= fee_bps < BPS:
        raise BadConfig("a fee is below the whole", value=fee_bps, hint="give it in bps, 0 to 9999")
    return -(-ask * BPS // (BPS - fee_bps))


def tokens_for(dollars: int, price: int) -> int:
    """The tokens that pay ``dollars``: ``ceil(dollars / price)``."""
    if price <= 0:
        raise BadConfig("a price is above zero", value=price, hint="see what the feed says: docs/bme.md")
    return -(-dollars * WAD // price)


def credits_for(tokens: int, price: int) -> int:
    """The work credits that a payment of ``tokens`` is worth, in dollars: ``floor(tokens price)``."""
    return tokens * price // WAD


def split_payment(paid: int, fee_bps: int = 500) -> tuple[int, int]:
    """``(burnt, fee)`` of a payment: the operator's fee is rounded down, all the rest is burnt."""
    fee = paid * fee_bps // BPS
    return paid - fee, fee


# --- minting


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is minted in each year: launch years by rate, then a fixed part of what is left.

    Attributes:
        supply: all that this schedule ever mints.
        launch: bps of ``supply`` minted in year 1, 2, ...
        damping: permille by which each later year mints less than the year before it.
        epochs: epochs of a year.
    """

    supply: int
    launch: tuple[int, ...] = (850, 550, 550)
    damping: int = 945
    epochs: int = 52

    def __post_init__(self) -> None:
        if not (0 < self.damping < PERMILLE and self.epochs > 0 and self.supply >= 0):
            raise BadConfig("damping lies between 0 and 1000 permille", value=self.damping)
        if sum(self.launch) > BPS or any(rate < 0 for rate in self.launch):
            raise BadConfig("launch years mint at most the supply", value=sum(self.launch))

    def year_emission(self, year: int, scheduled: int) -> int:
        """What year ``year`` (from 0) mints, after ``scheduled`` in the years before it; rounded down.

        ``supply launch[year] / 10000``, and then ``(supply - scheduled) (1000 - damping) / 1000``: a
        geometric series with ratio ``damping`` whose sum is what the launch left, so the supply is never
        passed. Where that series starts is not published; this one is the series that ends at the supply.
        """
        left = self.supply - scheduled
        if year < len(self.launch):
            return min(self.supply * self.launch[year] // BPS, left)
        return left * (PERMILLE - self.damping) // PERMILLE

    def years(self, count: int) -> list[int]:
        """What each of the first ``count`` years mints."""
        out: list[int] = []
        for year in range(count):
            out.append(self.year_emission(year, sum(out)))
        return out


def epoch_emission(yearly: int, place: int, epochs: int) -> int:
    """What the epoch at ``place`` (from 0) of a year mints; the year's epochs add up to the year.

    ``floor(yearly (place + 1) / epochs) - floor(yearly place / epochs)``.
    """
    return yearly * (place + 1) // epochs - yearly * place // epochs


def month_emission(yearly: int, grain: int = WAD) -> int:
    """A twelfth of a year, to the nearest ``grain`` (whole tokens, as Render publishes it)."""
    return (2 * yearly + MONTHS * grain) // (2 * MONTHS * grain) * grain


def recycle(stock: int, issued: int, cap_bps: int, epochs: int) -> int:
    """What an epoch after the schedule's end gives again out of retired tokens: a fixed part of the issue.

    ``min(stock, floor(issued cap_bps / (10000 epochs)))``: burning fills the stock that bounds it, and does
    not set it, and no more ever circulates than was minted.
    """
    return min(stock, issued * cap_bps // (BPS * epochs))


# --- who gets it


@dataclass(frozen=True, slots=True)
class Shares:
    """Whose an emission is, bps of it; what they leave is the reserve's (foundation, operations).

    Attributes:
        jobs: nodes, by approved work.
        availability: nodes, by the time that they stood ready.
        requesters: rebates on what was spent.
        liquidity: providers of liquidity, by what they staked.
    """

    jobs: int
    availability: int
    requesters: int
    liquidity: int

    def __post_init__(self) -> None:
        parts = self.jobs, self.availability, self.requesters, self.liquidity
        if sum(parts) > BPS or any(part < 0 for part in parts):
            raise BadConfig("shares give away at most the whole", value=sum(parts), hint="see docs/bme.md")


@dataclass(frozen=True, slots=True)
class Pools:
    """An amount for each purpose."""

    jobs: int = 0
    availability: int = 0
    requesters: int = 0
    liquidity: int = 0
    reserve: int = 0

    def __add__(self, other: Pools) -> Pools:
        return Pools(*(getattr(self, name) + getattr(other, name) for name in POOLS))

    def __sub__(self, other: Pools) -> Pools:
        return Pools(*(getattr(self, name) - getattr(other, name) for name in POOLS))

    @property
    def total(self) -> int:
        """All of them together."""
        return sum(getattr(self, name) for name in POOLS)


POOLS: Final = ("jobs", "availability", "requesters", "liquidity", "reserve")


def share_out(emission: int, shares: Shares) -> Pools:
    """Each pool's part of an emission, rounded down; the reserve has the rest, so they sum to it."""
    jobs = emission * shares.jobs // BPS
    availability = emission * shares.availability // BPS
    requesters = emission * shares.requesters // BPS
    liquidity = emission * shares.liquidity // BPS
    rest = emission - jobs - availability - requesters - liquidity
    return Pools(jobs, availability, requesters, liquidity, rest)


def payable(allotted: int, carried: int, carry_bps: int = 5_000, cap: int = 0) -> int:
    """What a pool may pay in an epoch: its allotment and a part of what is carried over, at most ``cap``.

    ``min(cap, allotted + floor(carried carry_bps / 10000))``; a cap of 0 is none. The default is the
    half-life rule of RNP-013: at most half of what is left in each period, so nobody waits for a windfall.
    """
    amount = allotted + carried * carry_bps // BPS
    return min(amount, cap) if cap else amount


def pay_next(left: int, work_left: int, work: int) -> int:
    """What the next claimant gets: ``floor(left work / work_left)``; the last one gets all that is left."""
    return left * work // work_left if work_left else 0


def share_by(pool: int, weights: Sequence[int]) -> list[int]:
    """A pool by weights, one after the other by :func:`pay_next`: the parts sum to the pool exactly.

    Each is within ``len(weights)`` units of ``pool w_i / sum(w)``. Nothing is paid where all weights are 0.
    """
    left, work_left, parts = pool, sum(weights), []
    for weight in weights:
        part = pay_next(left, work_left, weight)
        parts.append(part)
        left, work_left = left - part, work_left - weight
    return parts


def rebate_pool(available: int, spent: int, rebate_bps: int) -> int:
    """What requesters get back in an epoch: ``min(available, floor(spent rebate_bps / 10000))``.

    Raises:
        BadConfig: a rebate above the whole (10,000 bps).
    """
    if not 0 <= rebate_bps <= BPS:
        raise BadConfig("a rebate is at most the whole", value=rebate_bps, hint="give it in bps, 0 to 10000")
    return min(available, spent * rebate_bps // BPS)


# --- an epoch


@dataclass(frozen=True, slots=True)
class Rules:
    """All parameters of burn and mint; the published ones are in ``bme_preset.py``."""

    schedule: Schedule
    shares: Shares
    fee_bps: int = 500
    rebate_bps: int = BPS
    carry_bps: int = 5_000
    job_cap: int = 0
    availability_cap: int = 0
    recycle_bps: int = 0
    recycle_cap_bps: int = 200

    def __post_init__(self) -> None:
        for value in (self.rebate_bps, self.carry_bps, self.recycle_bps, self.recycle_cap_bps):
            if not 0 <= value <= BPS:
                raise BadConfig("a share is 0 to 10000 bps", value=value, hint="see docs/bme.md")
        if not 0 <= self.fee_bps < BPS:
            raise BadConfig("a fee is below the whole", value=self.fee_bps, hint="give it in bps")


@dataclass(frozen=True, slots=True)
class Book:
    """What the engine remembers between epochs.

    Attributes:
        epoch: the epoch that is settled next.
        yearly: what the year of that epoch mints; set at each year's first epoch.
        scheduled: what the schedule gave to the years before that one, and to it.
        minted: what was minted so far.
        retired: burnt tokens that wait to be recycled.
        carried: what each pool holds and has not paid.
    """

    epoch: int = 0
    yearly: int = 0
    scheduled: int = 0
    minted: int = 0
    retired: int = 0
    carried: Pools = field(default_factory=Pools)


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened in an epoch: credits of work by node, tokens spent by requester, weights of standing
    ready by node, and what providers of liquidity staked.
    """

    work: Mapping[str, int] = field(default_factory=dict)
    spent: Mapping[str, int] = field(default_factory=dict)
    ready: Mapping[str, int] = field(default_factory=dict)
    staked: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Payout:
    """An epoch's result: what was minted and recycled, and who got what."""

    minted: int
    recycled: int
    paid: Pools
    jobs: dict[str, int]
    availability: dict[str, int]
    rebates: dict[str, int]
    liquidity: dict[str, int]


def open_epoch(book: Book, rules: Rules, room: int | None = None) -> tuple[Book, int]:
    """The book in the epoch's year, and what the epoch mints: at most ``room``, what the cap leaves."""
    schedule = rules.schedule
    year, place = divmod(book.epoch, schedule.epochs)
    if place == 0:
        yearly = schedule.year_emission(year, book.scheduled)
        book = replace(book, yearly=yearly, scheduled=book.scheduled + yearly)
    emission = epoch_emission(book.yearly, place, schedule.epochs)
    return book, emission if room is None else min(emission, room)


def find_paid(allotted: Pools, carried: Pools, totals: Pools, rules: Rules) -> Pools:
    """What each pool pays in an epoch, given the sums of work, readiness, spending and stake (``totals``).

    A pool without claimants pays nothing. The reserve always pays all that it has.
    """
    return Pools(
        jobs=payable(allotted.jobs, carried.jobs, rules.carry_bps, rules.job_cap) if totals.jobs else 0,
        availability=payable(
            allotted.availability, carried.availability, rules.carry_bps, rules.availability_cap
        )
        if totals.availability
        else 0,
        requesters=rebate_pool(
            payable(allotted.requesters, carried.requesters, rules.carry_bps),
            totals.requesters,
            rules.rebate_bps,
        ),
        liquidity=payable(allotted.liquidity, carried.liquidity, rules.carry_bps) if totals.liquidity else 0,
        reserve=allotted.reserve + carried.reserve,
    )


def settle_epoch(
    book: Book, activity: Activity, rules: Rules, room: int | None = None
) -> tuple[Book, Payout]:
    """Close an epoch: mint by the schedule, add to the pools, pay, carry over what is left.

    Nothing is lost: ``minted + recycled + carried before = paid + carried after``. ``room`` is what the
    token's cap leaves (None: no cap).
    """
    book, minted = open_epoch(book, rules, room)
    recycled = 0
    if minted == 0:
        recycled = recycle(book.retired, book.minted, rules.recycle_cap_bps, rules.schedule.epochs)
    allotted = share_out(minted + recycled, rules.shares)
    totals = Pools(
        sum(activity.work.values()),
        sum(activity.ready.values()),
        sum(activity.spent.values()),
        sum(activity.staked.values()),
    )
    paid = find_paid(allotted, book.carried, totals, rules)
    after = replace(
        book,
        epoch=book.epoch + 1,
        minted=book.minted + minted,
        retired=book.retired - recycled,
        carried=book.carried + allotted - paid,
    )

    def share(pool: int, weights: Mapping[str, int]) -> dict[str, int]:
        return dict(zip(weights, share_by(pool, list(weights.values())), strict=True))

    return after, Payout(
        minted=minted,
        recycled=recycled,
        paid=paid,
        jobs=share(paid.jobs, activity.work),
        availability=share(paid.availability, activity.ready),
        rebates=share(paid.requesters, activity.spent),
        liquidity=share(paid.liquidity, activity.staked),
    )


def burn(book: Book, paid: int, rules: Rules) -> tuple[Book, int, int, int]:
    """Take a payment: the book after, and ``(destroyed, retired, fee)``, which sum to ``paid``.

    ``retired = floor(burnt recycle_bps / 10000)`` waits to be recycled, all else of the burn is destroyed.
    """
    burnt, fee = split_payment(paid, rules.fee_bps)
    retired = burnt * rules.recycle_bps // BPS
    return replace(book, retired=book.retired + retired), burnt - retired, retired, fee
