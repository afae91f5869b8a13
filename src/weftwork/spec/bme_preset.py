"""Published parameters of burn and mint: Render Network's first three years, and how they scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from weftwork.errors import BadConfig
from weftwork.spec.bme import (
    BPS,
    MONTHS,
    RENDER_EXTRA,
    WAD,
    Rules,
    Schedule,
    Shares,
    month_emission,
)

FOUNDATION_BPS: Final = 2_500
"""Year 1: the foundation adds so much of the network's part for compute clients, and again for upgrades."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Rules, and the shares of each month of a year where they change."""

    rules: Rules
    months: tuple[Shares, ...] = ()

    def rules_at(self, place: int) -> Rules:
        """The rules in the epoch at ``place`` (from 0) of a year."""
        if not self.months:
            return self.rules
        month = place * MONTHS // self.rules.schedule.epochs
        return replace(self.rules, shares=self.months[month])

    def scaled(self, supply: int) -> Preset:
        """The same proportions over another supply; caps shrink or grow with it, rounded down."""
        old = self.rules.schedule.supply
        rules = replace(
            self.rules,
            schedule=replace(self.rules.schedule, supply=supply),
            job_cap=self.rules.job_cap * supply // old,
            availability_cap=self.rules.availability_cap * supply // old,
        )
        return replace(self, rules=rules)


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the published table, whole tokens (wads)."""

    network: int
    nodes: int
    liquidity: int
    requesters: int
    compute: int
    upgrade: int

    @property
    def incentives(self) -> int:
        """All that is given away: the network's part and two parts of the foundation's."""
        return self.network + self.compute + self.upgrade


def publish_month(yearly: int, shares: Shares, grain: int = WAD) -> Month:
    """A month as Render's table prints it: each column from the one before it, to the nearest ``grain``."""
    given = shares.jobs + shares.availability + shares.requesters + shares.liquidity
    network = _nearest(month_emission(yearly, grain) * given, BPS, grain)
    extra = _nearest(network * FOUNDATION_BPS, BPS, grain)
    return Month(
        network=network,
        nodes=_nearest(network * (shares.jobs + shares.availability), given, grain),
        liquidity=_nearest(network * shares.liquidity, given, grain),
        requesters=_nearest(network * shares.requesters, given, grain),
        compute=extra,
        upgrade=extra,
    )


def _nearest(numerator: int, denominator: int, grain: int) -> int:
    unit = denominator * grain
    return (2 * numerator + unit) // (2 * unit) * grain


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        BadConfig: there is none; the sentence names them all.
    """
    if name not in PRESETS:
        raise BadConfig(f"there is no preset {name!r}", value=name, hint=f"presets: {', '.join(PRESETS)}")
    return PRESETS[name]


_SCHEDULE: Final = Schedule(RENDER_EXTRA)
_FIRST: Final = (
    *[Shares(jobs=2_171, availability=329, requesters=0, liquidity=2_500)] * 3,
    *[Shares(jobs=2_171, availability=329, requesters=1_250, liquidity=1_250)] * 6,
    *[Shares(jobs=2_171, availability=329, requesters=2_500, liquidity=0)] * 3,
)
_LATER: Final = Shares(jobs=2_107, availability=393, requesters=2_500, liquidity=0)

PRESETS: Final[dict[str, Preset]] = {
    "render-year-1": Preset(Rules(_SCHEDULE, _FIRST[0]), _FIRST),
    "render-year-2": Preset(
        Rules(_SCHEDULE, _LATER, rebate_bps=5_000, job_cap=17_443 * WAD, availability_cap=3_257 * WAD)
    ),
    "render-year-3": Preset(
        Rules(_SCHEDULE, _LATER, rebate_bps=2_500, job_cap=15_000 * WAD, availability_cap=2_800 * WAD)
    ),
}
"""``render-year-1``: RNP-006 (half for the network: nodes half of it, liquidity and artists the rest, by
month) with RNP-013's 25,000 a month for availability. ``render-year-2``: RNP-018, 20.7 K a week for nodes,
which we split as in year 3. ``render-year-3``: RNP-022, 15 K a week for jobs and 2.8 K for availability.
Rebates started at 100 % and were to taper; the steps of 50 % and 25 % are ours. All have one schedule: 8.5 %,
5.5 % and 5.5 % of 107,374,182 in the first three years."""
