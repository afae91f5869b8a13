"""What rendering costs: work in OBh, three tiers of service, and euros for it, in exact integers.

::

    OBh  = sum over frames of OB of the node * hours          euros = OBh / (100 * multiplier of the tier)

A better tier costs more for the same work: it goes first, and to better hosts. Work is counted in millionths
of an OBh, money in wad. Source: OTOY and Render Network on multi-tier pricing, which give the second tier as
2 to 4 and the third as 8 to 16 times the first; their pages differ, so the numbers are presets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from weftwork.errors import BadConfig

WAD: Final = 10**18
MICRO: Final = 1_000_000
BASE: Final = 100
"""OBh for a euro in a tier whose multiplier is 1."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier of service: its number (1 goes first) and OBh for a euro, which moves between two bounds."""

    name: str
    number: int
    obh_per_euro: int
    least: int
    most: int

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.obh_per_euro <= self.most:
            raise BadConfig(
                f"{self.name} gives {self.least} to {self.most} OBh for a euro",
                value=self.obh_per_euro,
                hint="a tier's price moves within its bounds; another preset has others",
            )

    def moved(self, obh_per_euro: int) -> Tier:
        """The tier at another price; BadConfig outside its bounds."""
        return replace(self, obh_per_euro=obh_per_euro)


def _tiers(trusted: tuple[int, int], priority: tuple[int, int], economy: tuple[int, int]) -> dict[str, Tier]:
    bounds = {"trusted": trusted, "priority": priority, "economy": economy}
    return {
        name: Tier(name, number, low, low, high)
        for number, (name, (low, high)) in enumerate(bounds.items(), start=1)
    }


PRESETS: Final[Mapping[str, Mapping[str, Tier]]] = {
    "render": _tiers((100, 100), (200, 400), (800, 1_600)),
    "render-credits": _tiers((50, 50), (100, 100), (200, 200)),
}
"""``render``: multipliers 1, 2 to 4, 8 to 16. ``render-credits``: the page that gives 100 OBh for a credit of
the second tier and 200 of the third, with the first at half of the second (it is not on that page)."""


def find_tier(name: str, preset: str = "render") -> Tier:
    """A tier by its name (trusted, priority, economy) or its number; raises BadConfig."""
    tiers = PRESETS.get(preset)
    if tiers is None:
        raise BadConfig(f"there is no preset {preset}", value=preset, hint=f"choose {', '.join(PRESETS)}")
    for tier in tiers.values():
        if name in (tier.name, str(tier.number)):
            return tier
    raise BadConfig(f"there is no tier {name}", value=name, hint=f"choose {', '.join(tiers)}")


def count_work(milli_ob: int, microseconds: int) -> int:
    """Millionths of an OBh: ``ceil(milli_ob * microseconds / 3,600,000)``, so that no work is free."""
    if milli_ob < 0 or microseconds < 0:
        raise BadConfig("speed and time are not negative", value=min(milli_ob, microseconds))
    return -(-milli_ob * microseconds // 3_600_000)


def price_work(micro_obh: int, obh_per_euro: int) -> int:
    """Euros (wad) for work: ``ceil(micro_obh * 10**18 / (10**6 * obh_per_euro))``."""
    if micro_obh < 0 or obh_per_euro < 1:
        raise BadConfig("work is not negative, and a euro buys some", value=micro_obh)
    return -(-micro_obh * WAD // (MICRO * obh_per_euro))


def work_for(euros: int, obh_per_euro: int) -> int:
    """Millionths of an OBh that ``euros`` (wad) buy, rounded down; never more than were paid for."""
    return euros * MICRO * obh_per_euro // WAD


def split_budget(total: int, samples: list[int]) -> list[int]:
    """``total`` shared by samples, each part rounded up: no part is 0, and together they cover the total."""
    if total < 0 or not samples or min(samples) < 1:
        raise BadConfig("every part of a render has samples", value=len(samples))
    whole = sum(samples)
    return [max(1, -(-total * part // whole)) for part in samples]
