"""A payment channel as the ledger holds it, and vouchers on their way there.

One channel for each (payer, receiver), its id ``keccak(abi.encode(payer, receiver))``; amounts are wads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from weftwork.spec.merkle import encode_words
from weftwork.units import Digest, keccak

CLAIMS_AT_ONCE = 64
"""How many vouchers one ``claim_many`` takes."""


def channel_id(payer: str, receiver: str) -> Digest:
    """The id of the channel from ``payer`` to ``receiver``, as ``Channels.vy`` computes it."""
    return Digest(keccak(encode_words(payer, receiver)))


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel as the ledger holds it at ``block``; totals ever, in wads; ``signer`` is a session key or
    None."""

    payer: str
    receiver: str
    deposited: int = 0
    claimed: int = 0
    withdrawn: int = 0
    closing_amount: int = 0
    closing_at: int = 0
    signer: str | None = None
    block: int = 0

    @property
    def cover(self) -> int:
        """The highest cumulative amount that is sure to be paid, a pending withdrawal taken as done."""
        return max(self.claimed, self.deposited - self.withdrawn - self.closing_amount)


@dataclass(frozen=True, slots=True)
class VoucherClaim:
    """One voucher on its way to the ledger."""

    payer: str
    receiver: str
    cumulative: int
    receipt: Digest
    signature: bytes


class ChannelSource(Protocol):
    """Where channels are read and vouchers are claimed; both calls may block, and are made in a thread."""

    def view(self, payer: str, receiver: str) -> ChannelView:
        """The channel now; one that was never opened has only zeros."""

    def claim_many(self, claims: Sequence[VoucherClaim]) -> None:
        """Redeem up to 64 vouchers in one transaction and wait for it."""

    def pull(self, receiver: str) -> None:
        """Bring what was claimed to the receiver's own account."""
