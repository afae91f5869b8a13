"""How much is minted, and to whom: halving by issuance, the split, and the emission policy among subnets.

All amounts are integers of one smallest unit; the formulas hold for any number of decimals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from weftwork.errors import BadConfig
from weftwork.spec.fixed import U16_MAX

WAD: Final = 10**18
CAP: Final = 21_000_000 * WAD
"""The most that is ever minted."""
BPS: Final = 10_000


def count_halvings(issued: int, cap: int = CAP) -> int:
    """How often the emission has halved: ``floor(log2(cap / (cap - issued)))``, exact.

    It counts issuance, not blocks: the first halving comes when half of the cap is out, the next at three
    quarters. Burning and recycling lower ``issued`` and delay it. Source: subtensor ``block_emission.rs``.

    Raises:
        BadConfig: ``issued`` is not below ``cap``.
    """
    if not 0 <= issued < cap:
        raise BadConfig(
            "issuance lies between 0 and the cap", value=issued, hint="nothing is minted at the cap"
        )
    return (cap // (cap - issued)).bit_length() - 1


def block_emission(issued: int, cap: int = CAP, base: int = WAD) -> int:
    """What one block may mint: ``base >> halvings``, rounded down; 0 once the cap is reached.

    Mirrored by ``emission.vy``.
    """
    return 0 if issued >= cap else base >> count_halvings(issued, cap)


def epoch_emission(issued: int, blocks: int, cap: int = CAP, base: int = WAD) -> int:
    """What an epoch may mint: its blocks at the last one's rate, and at most what the cap has left."""
    return min(block_emission(issued, cap, base) * blocks, max(cap - issued, 0))


@dataclass(frozen=True, slots=True)
class Split:
    """Who gets a subnet's emission: the owner's cut first (a u16 proportion), the miners' part of the rest in
    bps.

    Validators get what is left.
    """

    owner_u16: int
    miners_bps: int

    def __post_init__(self) -> None:
        if not (0 <= self.owner_u16 <= U16_MAX and 0 <= self.miners_bps <= BPS):
            raise BadConfig(
                "a split gives away at most the whole", value=self.owner_u16, hint="see docs/emission.md"
            )

    def share_out(self, emission: int) -> tuple[int, int, int]:
        """``(owner, miners, validators)``, which sum to the emission; owner and miners are rounded down."""
        owner = emission * self.owner_u16 // U16_MAX
        miners = (emission - owner) * self.miners_bps // BPS
        return owner, miners, emission - owner - miners

    def to_bps(self) -> tuple[int, int]:
        """``(owner, miners)`` in basis points of the whole, to the nearest; what ``Subnets.vy`` stores."""
        owner = (self.owner_u16 * BPS + U16_MAX // 2) // U16_MAX
        return owner, ((BPS - owner) * self.miners_bps + BPS // 2) // BPS


SPLITS: Final[dict[str, Split]] = {
    "seed": Split(owner_u16=0, miners_bps=5000),
    "subtensor": Split(owner_u16=11796, miners_bps=5000),
}
"""``seed``: half to miners, half to validators. ``subtensor``: 18 % owner, 41 % miners, 41 % validators."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a policy may look at: votes of stake for a subnet, and the part of its fees that was burnt this
    epoch.
    """

    stake_votes: int = 0
    fees_burnt: int = 0


class EmissionPolicy(Protocol):
    """The plug-in that shares a budget among subnets; whatever it leaves is not minted."""

    def allot(self, budget: int, subnets: Mapping[int, Activity]) -> dict[int, int]:
        """Emission for each subnet id; the values sum to at most ``budget``, each rounded down."""
        ...


@dataclass(frozen=True, slots=True)
class EqualPolicy:
    """Every live subnet has the same: ``floor(budget / count)``. Mirrored by ``EqualPolicy.vy``."""

    def allot(self, budget: int, subnets: Mapping[int, Activity]) -> dict[int, int]:
        """See :class:`EmissionPolicy`."""
        return {subnet: budget // len(subnets) for subnet in subnets}


@dataclass(frozen=True, slots=True)
class StakeVotePolicy:
    """By votes of stake: ``floor(budget votes_i / sum(votes))``; nothing where nobody votes."""

    def allot(self, budget: int, subnets: Mapping[int, Activity]) -> dict[int, int]:
        """See :class:`EmissionPolicy`."""
        total = sum(a.stake_votes for a in subnets.values())
        return {subnet: budget * a.stake_votes // total if total else 0 for subnet, a in subnets.items()}


@dataclass(frozen=True, slots=True)
class UsageFeePolicy:
    """By use: ``floor(min(budget burnt_i / sum(burnt), burnt_i return_bps / 10000))``.

    ``return_bps`` is below 10000, so a fee always burns more than the emission that it attracts: whoever owns
    both ends of every payment, all miners and all stake still loses by paying himself.

    Raises:
        BadConfig: ``return_bps`` is 10000 or more.
    """

    return_bps: int = 9000

    def __post_init__(self) -> None:
        if not 0 <= self.return_bps < BPS:
            raise BadConfig(
                "usage must burn more than the emission that it attracts",
                value=self.return_bps,
                hint="choose a return_bps below 10000",
            )

    def allot(self, budget: int, subnets: Mapping[int, Activity]) -> dict[int, int]:
        """See :class:`EmissionPolicy`."""
        total = sum(a.fees_burnt for a in subnets.values())
        return {
            subnet: min(budget * a.fees_burnt // total, a.fees_burnt * self.return_bps // BPS) if total else 0
            for subnet, a in subnets.items()
        }


POLICIES: Final[dict[str, EmissionPolicy]] = {
    "equal": EqualPolicy(),
    "stake_vote": StakeVotePolicy(),
    "usage_fee": UsageFeePolicy(),
}


def split_mechanisms(amount: int, count: int, split_u16: Sequence[int] | None = None) -> list[int]:
    """Emission of a subnet among its mechanisms: ``floor(amount split_i / 65535)``, the rest to mechanism 0.

    Without a split each gets ``floor(amount / count)``. In order, nobody gets more than is left, so shares
    that sum to slightly more than 1 still conserve the amount. Source: subtensor ``split_emissions``.

    Raises:
        BadConfig: there is no mechanism, or the split has another length.
    """
    if count < 1 or (split_u16 is not None and len(split_u16) != count):
        raise BadConfig(
            f"{count} mechanisms need as many shares",
            value=count,
            hint="leave the split out for equal shares",
        )
    wanted = [amount // count] * count if split_u16 is None else [amount * s // U16_MAX for s in split_u16]
    left, parts = amount, []
    for part in wanted:
        parts.append(min(part, left))
        left -= parts[-1]
    parts[0] += left
    return parts
