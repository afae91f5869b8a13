"""How feedback on an agent is summed up: the reading of ERC-8004's ``getSummary``, in exact integers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from weftwork.errors import Refused

MAX_DECIMALS = 18
MAX_ABSOLUTE = 10**38


@dataclass(frozen=True)
class Feedback:
    """One entry of feedback: ``value / 10**decimals``, of what the tags say."""

    value: int
    decimals: int
    tag1: str = ""
    tag2: str = ""
    revoked: bool = False


@dataclass(frozen=True)
class Tally:
    """What a summary adds up: entries, their total in 18 decimals, how many have each number of decimals."""

    count: int = 0
    total: int = 0
    by_decimals: tuple[int, ...] = (0,) * (MAX_DECIMALS + 1)

    def __add__(self, other: Tally) -> Tally:
        """The tally of both lists of feedback together: pages of a long list are added."""
        both = tuple(a + b for a, b in zip(self.by_decimals, other.by_decimals, strict=True))
        return Tally(self.count + other.count, self.total + other.total, both)


def divide_toward_zero(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` rounded toward zero, as the EVM divides; ``denominator`` > 0."""
    quotient = abs(numerator) // denominator
    return quotient if numerator >= 0 else -quotient


def tally(entries: Iterable[Feedback], tag1: str = "", tag2: str = "") -> Tally:
    """Add up the entries that are not revoked and match the tags; an empty tag matches all.

    ``total = sum(value * 10**(18 - decimals))``. Source: ERC-8004, reference contracts 2.0.0.
    """
    count, total, by_decimals = 0, 0, [0] * (MAX_DECIMALS + 1)
    for entry in entries:
        if entry.revoked or (tag1 and entry.tag1 != tag1) or (tag2 and entry.tag2 != tag2):
            continue
        count += 1
        total += entry.value * 10 ** (MAX_DECIMALS - entry.decimals)
        by_decimals[entry.decimals] += 1
    return Tally(count, total, tuple(by_decimals))


def summarize(parts: Tally) -> tuple[int, int, int]:
    """The summary of a tally: count, mean, and the decimals that the mean is given in.

    The decimals are those that most entries have, the fewest where two are as frequent; the mean is
    ``total / count``, then ``/ 10**(18 - decimals)``, each rounded toward zero. Nothing gives (0, 0, 0).
    A mean beyond 128 bits is ``Refused``: the reference wraps around there.
    Source: ERC-8004, reference contracts 2.0.0.
    """
    if parts.count == 0:
        return 0, 0, 0
    decimals = parts.by_decimals.index(max(parts.by_decimals))
    mean = divide_toward_zero(parts.total, parts.count)
    scaled = divide_toward_zero(mean, 10 ** (MAX_DECIMALS - decimals))
    if not -(2**127) <= scaled < 2**127:
        raise Refused("reputation: mean is out of range", value=scaled)
    return parts.count, scaled, decimals
