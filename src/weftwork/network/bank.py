"""Payment channels on the ledger, as payees read them and redeem vouchers from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weftwork.models.voucher import ChannelView, VoucherClaim
from weftwork.records import NO_ADDRESS

if TYPE_CHECKING:
    from weftwork.ledger import Account, Ledger
    from weftwork.ledger.deployment import Contracts


class LedgerChannels:
    """The ``Channels`` contract behind the port of :class:`weftwork.models.voucher.ChannelSource`.

    ``account`` pays the gas of claims; whoever submits one, the money goes where the channel's route says.
    """

    def __init__(self, ledger: Ledger, contracts: Contracts, account: Account) -> None:
        self._ledger = ledger
        self._account = account
        self._channels = contracts.at(ledger, "channels")

    def view(self, payer: str, receiver: str) -> ChannelView:
        """The channel at the newest block; zeros where it was never opened. Raises LedgerError."""
        block = self._ledger.block_number()
        held = self._channels.call("channel_of", payer, receiver, block=block)
        return ChannelView(
            payer=payer,
            receiver=receiver,
            deposited=held.deposited,
            claimed=held.claimed,
            withdrawn=held.withdrawn,
            closing_amount=held.closing_amount,
            closing_at=held.closing_at,
            signer=None if held.signer == NO_ADDRESS else held.signer,
            block=block,
        )

    def claim_many(self, claims: Sequence[VoucherClaim]) -> None:
        """Redeem up to 64 vouchers in one transaction; stale and forged ones are skipped by the contract."""
        rows = [(c.payer, c.receiver, c.cumulative, c.receipt, c.signature) for c in claims]
        self._channels.send(self._account, "claim_many", rows)

    def pull(self, account: str) -> int:
        """Pay an account what its claims have brought in; the amount in wad."""
        due = int(self._channels.call("balance_of", account))
        if due:
            self._channels.send(self._account, "pull", account)
        return due
