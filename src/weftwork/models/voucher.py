"""A payment channel as the ledger holds it, and vouchers on their way there.

One channel for each (payer, receiver), its id ``keccak(abi.encode(payer, receiver))``; amounts are wads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from weftwork.records import NO_ADDRESS
from weftwork.spec.merkle import encode_words
from weftwork.units import Digest, keccak

if TYPE_CHECKING:
    from weftwork.ledger.client import Ledger
    from weftwork.ledger.deployment import Contracts
    from weftwork.ledger.key import Account

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


class LedgerChannels:
    """The channels of ``Channels.vy``; ``account`` pays the gas of claims, and need not be the receiver."""

    def __init__(self, ledger: Ledger, contracts: Contracts, account: Account) -> None:
        self._ledger = ledger
        self._channels = contracts.at(ledger, "channels")
        self._account = account

    def view(self, payer: str, receiver: str) -> ChannelView:
        """See :class:`ChannelSource`; raises LedgerError."""
        found = self._channels.call("channel_of", payer, receiver)
        return ChannelView(
            payer,
            receiver,
            found.deposited,
            found.claimed,
            found.withdrawn,
            found.closing_amount,
            found.closing_at,
            None if found.signer == NO_ADDRESS else found.signer,
            self._ledger.block_number(),
        )

    def claim_many(self, claims: Sequence[VoucherClaim]) -> None:
        """See :class:`ChannelSource`; the contract skips what cannot be redeemed."""
        rows = [(c.payer, c.receiver, c.cumulative, c.receipt, c.signature) for c in claims]
        self._channels.send(self._account, "claim_many", rows)

    def pull(self, receiver: str) -> None:
        """See :class:`ChannelSource`."""
        if self._channels.call("balance_of", receiver):
            self._channels.send(self._account, "pull", receiver)
