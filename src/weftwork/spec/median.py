"""The stake-weighted median that finds consensus."""

from __future__ import annotations

from collections.abc import Sequence


def weighted_median(stake: Sequence[int], score: Sequence[int], minority: int) -> int:
    """The score above which no more than a minority of the stake lies, from below.

    Scores ascending, the answer is the first ``w`` with ``sum(stake_i : score_i <= w) > minority``; the
    largest score where no prefix exceeds it, 0 where nobody votes. An exact tie with the minority resolves to
    the higher score. Equal to subtensor's ``weighted_median`` (a quick-select with the same comparison).

    Args:
        stake: I32F32 weights of the voters, all positive.
        score: I32F32 scores of the same voters.
        minority: ``sum(stake) - kappa``; may be negative, and then the lowest score wins.
    """
    if not score:
        return 0
    below = 0
    for w, s in sorted(zip(score, stake, strict=True)):
        below += s
        if below > minority:
            return w
    return max(score)
