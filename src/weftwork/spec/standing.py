"""Two-sided reputation of rendering: of nodes by what creators say, of creators by what nodes say.

Render Network says that a score weighs a recent slice against the long history, and publishes no weights:
those here are ours. With ``G`` good, ``L`` late and ``W`` wrong outcomes of all, ``g``, ``l``, ``w`` of the
newest twenty::

    long = (4 + G) / (5 + G + L + 3 W)     recent = (1 + g) / (1 + g + l + 3 w)     (long + recent) / 2

Who is new has 0.9; one wrong tile takes a newcomer to 0.375 and a node of a hundred good bundles to 0.916.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

PPM: Final = 1_000_000
RECENT: Final = 20
"""How many of the newest outcomes the recent slice holds."""
WRONG_WEIGHT: Final = 3
"""What is shown false weighs as much as so many that came late or not at all."""


class Outcome(IntEnum):
    """How a bundle ended, as the feedback's value says it."""

    WRONG = 0
    LATE = 25
    GOOD = 100


def read_outcome(value: int, decimals: int = 0) -> Outcome:
    """The outcome that a feedback's value stands for: 50 and more is good, above 0 late, else wrong."""
    whole = value // 10**decimals
    return Outcome.GOOD if whole >= 50 else Outcome.LATE if whole > 0 else Outcome.WRONG


def weigh_outcomes(outcomes: Sequence[Outcome]) -> int:
    """The standing, in millionths, of whoever had these outcomes, oldest first; each division rounds down."""
    long = _share(outcomes, 4, 1)
    recent = _share(outcomes[-RECENT:], 1, 0)
    return (long + recent) // 2


def _share(outcomes: Sequence[Outcome], good: int, bad: int) -> int:
    good += sum(one == Outcome.GOOD for one in outcomes)
    bad += sum(one == Outcome.LATE for one in outcomes)
    bad += WRONG_WEIGHT * sum(one == Outcome.WRONG for one in outcomes)
    return good * PPM // (good + bad)


def most_nodes(standing: int, most: int) -> int:
    """How many nodes work for a creator at once: ``most`` by its standing, rounded down, and one at least."""
    return max(1, most * standing // PPM)
