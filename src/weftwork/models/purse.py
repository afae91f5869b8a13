"""The payer's side of a payment channel: receipts that were checked go in, cumulative vouchers come out."""

from __future__ import annotations

from functools import partial
from typing import Any

from weftwork.errors import BadRecord, BadSignature, Overdrawn
from weftwork.models.voucher import channel_id
from weftwork.records import Domain, Receipt, Signed, Voucher
from weftwork.store import Store
from weftwork.units import Digest


class ChannelPurse:
    """The payer's side of one channel: receipts that were checked go in, cumulative vouchers come out."""

    def __init__(
        self,
        account: Any,
        payee: str,
        domain: Domain,
        store: Store | None = None,
        *,
        payer: str | None = None,
        deposit: int | None = None,
    ) -> None:
        """``account`` signs (``address``, ``sign_hash``); ``payer`` differs from it for a session key;
        ``deposit`` in
        wads bounds what is promised."""
        self.payer = payer or account.address
        self.payee = payee
        self.channel = channel_id(self.payer, payee)
        self.deposit = deposit
        self.due = 0
        self.signed = 0
        self.acknowledged = 0
        self._account = account
        self._domain = domain
        self._store = store
        self._last: Signed[Voucher] | None = None
        self._newest: Digest | None = None
        self._open: dict[Digest, int] = {}
        self._key = f"purse:{self.channel}"
        kept = store.state(self._key) if store is not None else None
        if kept:
            self.due, self.signed = int(kept["due"]), int(kept["signed"])
            self._newest = Digest(kept["receipt"]) if kept["receipt"] else None
            self._last = Signed.from_json(kept["voucher"]) if kept["voucher"] else None

    @property
    def room(self) -> int | None:
        """What the deposit still covers beyond receipts in hand; None if the deposit is not known."""
        return None if self.deposit is None else self.deposit - self.due

    def rebase(self, claimed: int) -> None:
        """Goes on above what the ledger counts as ``claimed``: all of before, in a channel filled anew.

        What is due beyond the last voucher stays due.
        """
        if claimed > self.signed:
            self.due = claimed + max(0, self.due - self.signed)
            self.signed = self.acknowledged = claimed
            self._last = None
            self._save()

    def accept(self, receipt: Signed[Receipt] | Receipt) -> int:
        """Books a receipt that the caller has checked, and returns what it adds; partial ones of a request
        add up."""
        record = receipt.record if isinstance(receipt, Signed) else receipt
        if record.worker != self.payee:
            raise BadRecord("the receipt is of another worker than this purse pays", value=record.worker)
        added = max(0, record.price - self._open.get(record.request, 0))
        if self.deposit is not None and self.due + added > self.deposit:
            raise Overdrawn(
                f"{self.due + added} would be due, the deposit is {self.deposit}", value=str(self.due + added)
            )
        if record.final:
            self._open.pop(record.request, None)
        else:
            self._open[record.request] = max(record.price, self._open.get(record.request, 0))
        self.due += added
        if added:
            self._newest = record.id
        self._save()
        return added

    def close(self, request: Digest) -> None:
        """Forgets the partial receipts of a request whose stream broke; what they say stays due."""
        self._open.pop(request, None)

    def voucher(self) -> Signed[Voucher] | None:
        """A voucher over all that is due, signed once; the newest again until it is acknowledged; else
        None."""
        if self.due > self.signed and self._newest is not None:
            record = Voucher(self.channel, self.due, self._newest)
            self._last = Signed(record, self._account.sign_hash(record.digest(self._domain)))
            self.signed = self.due
            if self._store is not None:
                self._store.add(self._last)
            self._save()
        return self._last if self._last is not None and self.signed > self.acknowledged else None

    def acknowledge(self, cumulative: int) -> None:
        """The payee has said that it holds a voucher over ``cumulative``; such a one need not be sent
        again."""
        self.acknowledged = max(self.acknowledged, min(cumulative, self.signed))

    def resume(self, highest: Signed[Any] | None) -> None:
        """Goes on from the highest voucher that the payee returned; one that this payer never signed is
        refused."""
        if highest is None:
            return
        record = highest.record
        if not isinstance(record, Voucher) or record.channel != self.channel:
            raise BadRecord("the voucher is for another channel", value=record.kind)
        if highest.signer(self._domain) not in (self._account.address, self.payer):
            raise BadSignature("the payee returned a voucher that this payer never signed", value=self.payee)
        if record.cumulative > self.signed:
            self.signed = record.cumulative
            self.due = max(self.due, record.cumulative)
            self._last = highest
            self._newest = record.receipt
            self._save()
        self.acknowledge(record.cumulative)

    def _save(self) -> None:
        if self._store is not None:
            kept = partial(_show, self.due, self.signed, self._newest, self._last)
            self._store.set_state_made(self._key, kept)


def _show(due: int, signed: int, newest: Digest | None, last: Signed[Voucher] | None) -> dict[str, Any]:
    return {
        "due": str(due),
        "signed": str(signed),
        "receipt": str(newest) if newest else None,
        "voucher": last.to_json() if last else None,
    }
