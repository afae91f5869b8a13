"""Who votes on an epoch's closing, and how much stake accepts it. Mirrored by ``Weights.vy``, ``Epochs.vy``.

Sets of validators are words of 256 bits, bit i for uid i.
"""

from __future__ import annotations

from collections.abc import Mapping


def active_validators(permitted: int, revealed: int, revealed_before: int) -> int:
    """Permitted validators that revealed in this epoch or in the one before.

    ``permitted & (revealed | revealed_before)``: a newcomer is active from its first reveal on, who missed
    two in a row is inactive until the next. So leaving and entering again saves nobody a reveal.
    """
    return permitted & (revealed | revealed_before)


def safe_validators(seated: int, revealed: int, revealed_before: int, revealed_earlier: int) -> int:
    """Validators that are not pruned: seated in the next epoch, a reveal in this one or the two before."""
    return seated & (revealed | revealed_before | revealed_earlier)


def voting_stake(active: int, stakes: Mapping[int, int], threshold: int) -> dict[int, int]:
    """Stake with which each active uid votes: its stake at the epoch's last block, 0 below the threshold."""
    return {
        uid: stake if stake >= threshold else 0 for uid, stake in sorted(stakes.items()) if active >> uid & 1
    }


def accepts_closing(signed: int, total: int, window_is_over: bool) -> bool:
    """``3 signed >= 2 total`` at once, or ``2 signed > total`` after the window; never for no stake."""
    if total == 0:
        return False
    return 3 * signed >= 2 * total or (window_is_over and 2 * signed > total)


def seated_stake(seated: int, stakes: Mapping[int, int]) -> int:
    """Stake on all seats at the epoch's last block: of the silent too, and of those below the threshold."""
    return sum(stake for uid, stake in stakes.items() if seated >> uid & 1)


def may_slash(signed: int, seated: int) -> bool:
    """``2 signed > seated``: a closing burns collateral only if more than half of the stake on all seats
    signed it. Else dust that alone revealed, and so alone votes, could burn whose collateral it likes."""
    return 2 * signed > seated


def may_skip(total: int, current_epoch: int, epoch: int, stall_epochs: int) -> bool:
    """Whether anyone may skip ``epoch`` and nobody may close it any more: no stake votes on it, or
    ``stall_epochs`` have gone by since, so that no result is accepted after its signers have left."""
    return total == 0 or current_epoch > epoch + stall_epochs
