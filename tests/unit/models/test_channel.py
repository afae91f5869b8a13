"""A payee books work and vouchers; a payer signs for what it got."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from weftwork.errors import BadRecord, BadSignature, Overdrawn, Replayed, Unpaid
from weftwork.ledger.key import Account
from weftwork.models.channel import ChannelBook, ChannelPurse, ChannelView, channel_id
from weftwork.records import Domain, Receipt, Signed, Voucher
from weftwork.store import Store
from weftwork.units import Digest

DOMAIN = Domain(31337, "0x" + "11" * 20)
PAYER, MINER, THIEF = (Account.create(name) for name in ("payer", "miner", "thief"))


class PaperLedger:
    """Channels on paper, with the contract's claim rule: min(cumulative, deposited - withdrawn) - claimed."""

    def __init__(self, **fields: int) -> None:
        self.fields = {"deposited": 1000, **fields}
        self.claimed = 0
        self.reads = 0
        self.transactions = 0
        self.signer: str | None = None

    def view(self, payer: str, receiver: str) -> ChannelView:
        self.reads += 1
        if payer != PAYER.address:
            return ChannelView(payer, receiver)
        return ChannelView(payer, receiver, claimed=self.claimed, signer=self.signer, **self.fields)

    def pull(self, receiver: str) -> None:
        self.pulled = self.claimed

    def claim_many(self, claims: Any) -> None:
        self.transactions += 1
        assert len(claims) <= 64
        for claim in claims:
            most = self.fields["deposited"] - self.fields.get("withdrawn", 0)
            self.claimed = max(self.claimed, min(claim.cumulative, most))


class Desk:
    """A miner's book beside a payer's purse."""

    def __init__(self, path: Path | None = None, credit: int = 100, **fields: int) -> None:
        self.ledger = PaperLedger(**fields)
        self.store = Store(path)
        self.now = 0.0
        self.book = ChannelBook(
            MINER.address, DOMAIN, self.store, self.ledger, credit=credit, clock=lambda: self.now
        )
        self.purse = ChannelPurse(PAYER, MINER.address, DOMAIN, deposit=fields.get("deposited", 1000))
        self.jobs = 0

    def receipt(self, price: int, key: Digest, sequence: int = 0, final: bool = True) -> Signed[Receipt]:
        nothing = Digest(bytes(32))
        record = Receipt(key, MINER.address, nothing, nothing, 1, 1, price, sequence, final, 0)
        return Signed(record, MINER.sign_hash(record.digest(DOMAIN)))

    async def work(self, price: int, pay: bool = True) -> Signed[Receipt]:
        """One job: the payer's voucher rides on its request."""
        self.jobs += 1
        key = Digest(self.jobs.to_bytes(32, "big"))
        voucher = self.purse.voucher() if pay else None
        await self.book.admit(PAYER.address, key, price, [voucher] if voucher else [])
        receipt = self.receipt(price, key)
        self.store.add(receipt)
        self.book.charge(PAYER.address, key, price, receipt.id)
        self.book.release(PAYER.address, key)
        self.purse.accept(receipt)
        return receipt

    def sign(
        self, cumulative: int, receipt: Digest, account: Account = PAYER, payee: str = ""
    ) -> Signed[Voucher]:
        record = Voucher(channel_id(PAYER.address, payee or MINER.address), cumulative, receipt)
        return Signed(record, account.sign_hash(record.digest(DOMAIN)))


async def test_vouchers_of_a_paying_client_follow_its_receipts() -> None:
    desk = Desk()
    for _ in range(9):
        await desk.work(100)
    totals = desk.book.totals()
    assert (totals["due"], totals["paid"], totals["held"]) == (900, 800, 0)
    assert desk.ledger.reads == 1, "the ledger is not read on the way of an answer"


async def test_client_that_never_pays_is_refused_beyond_the_credit_line() -> None:
    desk = Desk(credit=100)
    await desk.work(60, pay=False)
    await desk.work(60, pay=False)
    with pytest.raises(Unpaid):
        await desk.work(60, pay=False)
    await desk.work(60)


async def test_work_beyond_the_deposit_is_refused_until_more_is_deposited() -> None:
    desk = Desk(deposited=150)
    await desk.work(100)
    with pytest.raises(Overdrawn):
        await desk.work(100)
    desk.ledger.fields["deposited"] = desk.purse.deposit = 500
    desk.now += 5
    await desk.work(100)


async def test_stranger_without_channel_is_refused() -> None:
    desk = Desk()
    with pytest.raises(Overdrawn):
        await desk.book.admit(THIEF.address, Digest(b"\1" * 32), 1)


async def test_same_work_is_not_held_twice() -> None:
    desk = Desk()
    key = Digest(b"\1" * 32)
    await desk.book.admit(PAYER.address, key, 10)
    with pytest.raises(Replayed):
        await desk.book.admit(PAYER.address, key, 10)
    desk.book.release(PAYER.address, key)
    await desk.book.admit(PAYER.address, key, 10)


async def test_forged_replayed_overdrawn_and_stray_vouchers_are_refused_and_change_nothing() -> None:
    desk = Desk()
    receipt = (await desk.work(100)).id
    good = desk.sign(100, receipt)
    assert desk.book.receive(good) == 100
    assert desk.book.receive(good) == 0, "the same voucher again is harmless"
    with pytest.raises(BadSignature):
        desk.book.receive(desk.sign(200, receipt, THIEF))
    with pytest.raises(Replayed):
        desk.book.receive(desk.sign(50, receipt))
    with pytest.raises(Overdrawn):
        desk.book.receive(desk.sign(1001, receipt))
    with pytest.raises(BadRecord):
        desk.book.receive(desk.sign(200, receipt, payee=THIEF.address))
    with pytest.raises(BadRecord):
        desk.book.receive(desk.sign(200, Digest(b"\7" * 32)))
    with pytest.raises(BadRecord):
        desk.book.receive(desk.receipt(1, Digest(b"\7" * 32)))
    other_chain = Voucher(good.record.channel, 300, receipt)
    with pytest.raises(BadSignature):
        desk.book.receive(
            Signed(other_chain, PAYER.sign_hash(other_chain.digest(Domain(1, DOMAIN.contract))))
        )
    assert desk.book.totals()["paid"] == 100


async def test_voucher_that_a_later_one_overtook_does_not_stop_a_request() -> None:
    desk = Desk()
    receipt = (await desk.work(100)).id
    early, late = desk.sign(50, receipt), desk.sign(100, receipt)
    await desk.book.admit(PAYER.address, Digest(b"\1" * 32), 1, [late])
    await desk.book.admit(PAYER.address, Digest(b"\2" * 32), 1, [early])
    assert desk.book.totals()["paid"] == 100


async def test_session_key_of_the_channel_may_sign() -> None:
    desk = Desk()
    desk.ledger.signer = THIEF.address
    receipt = (await desk.work(100)).id
    assert desk.book.receive(desk.sign(100, receipt, THIEF)) == 100


async def test_pending_withdrawal_lowers_what_is_served_and_makes_the_payee_claim() -> None:
    desk = Desk()
    await desk.work(100)
    await desk.work(1)
    desk.ledger.fields |= {"closing_amount": 850, "closing_at": 50}
    assert await desk.book.guard() == 100
    assert desk.ledger.transactions == 1
    with pytest.raises(Overdrawn):
        await desk.work(60)


async def test_vouchers_are_claimed_in_one_batch_once_they_are_worth_it() -> None:
    desk = Desk()
    for _ in range(5):
        await desk.work(50)
    assert await desk.book.guard(threshold=10_000) == 0
    assert await desk.book.guard(threshold=200) == 200
    assert await desk.book.redeem() == 0


async def test_payee_that_crashed_knows_what_it_acknowledged(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "miner.db")
    for _ in range(3):
        await desk.work(100)
    await desk.store.flushed()
    again = Desk()
    again.store = Store(tmp_path / "miner.db")
    again.book = ChannelBook(MINER.address, DOMAIN, again.store, desk.ledger, credit=100)
    await again.book.restore()
    totals = again.book.totals()
    assert (totals["due"], totals["paid"]) == (300, 200)
    assert await again.book.redeem() == 200
    again.store.close()
    desk.store.close()


async def test_payer_that_lost_everything_resumes_from_what_the_payee_holds() -> None:
    desk = Desk()
    await desk.work(100)
    await desk.work(70)
    told = desk.book.statement(PAYER.address)
    assert told["due"] == "170"
    purse = ChannelPurse(PAYER, MINER.address, DOMAIN)
    purse.resume(Signed.from_json(told["highest"]))
    for receipt in told["unpaid"]:
        purse.accept(Signed.from_json(receipt))
    voucher = purse.voucher()
    assert voucher is not None
    assert desk.book.receive(voucher) == 70


async def test_payee_cannot_make_a_payer_resume_from_a_forged_voucher() -> None:
    desk = Desk()
    receipt = (await desk.work(100)).id
    with pytest.raises(BadSignature):
        ChannelPurse(PAYER, MINER.address, DOMAIN).resume(desk.sign(900, receipt, MINER))


async def test_purse_signs_once_and_repeats_until_acknowledged() -> None:
    desk = Desk()
    assert desk.purse.voucher() is None
    await desk.work(100)
    first = desk.purse.voucher()
    assert first is desk.purse.voucher()
    desk.purse.acknowledge(100)
    assert desk.purse.voucher() is None


async def test_partial_receipts_of_a_stream_are_paid_once() -> None:
    desk = Desk()
    key = Digest(b"\5" * 32)
    for sequence, price in enumerate((10, 30, 45)):
        desk.purse.accept(desk.receipt(price, key, sequence, final=price == 45))
    assert desk.purse.due == 45
    broken = replace(desk.receipt(20, Digest(b"\6" * 32), 0, final=False))
    desk.purse.accept(broken)
    desk.purse.close(broken.record.request)
    assert desk.purse.due == 65


async def test_purse_never_promises_more_than_its_deposit() -> None:
    desk = Desk(deposited=100)
    with pytest.raises(Overdrawn):
        desk.purse.accept(desk.receipt(101, Digest(b"\5" * 32)))


async def test_payer_restarts_with_its_own_vouchers(tmp_path: Path) -> None:
    desk = Desk()
    store = Store(tmp_path / "payer.db")
    purse = ChannelPurse(PAYER, MINER.address, DOMAIN, store)
    purse.accept(desk.receipt(40, Digest(b"\5" * 32)))
    signed = purse.voucher()
    store.close()
    store = Store(tmp_path / "payer.db")
    again = ChannelPurse(PAYER, MINER.address, DOMAIN, store)
    assert (again.due, again.signed) == (40, 40)
    assert again.voucher() == signed
    store.close()


async def test_payer_of_a_channel_that_was_filled_anew_signs_above_all_of_before() -> None:
    desk = Desk()
    desk.purse.accept(desk.receipt(100, Digest(b"\1" * 32)))
    assert desk.purse.voucher() is not None
    desk.purse.accept(desk.receipt(20, Digest(b"\2" * 32)))
    desk.purse.deposit = 1_500
    desk.purse.rebase(1_000)
    assert (desk.purse.signed, desk.purse.due) == (1_000, 1_020)
    voucher = desk.purse.voucher()
    assert voucher is not None
    assert voucher.record.cumulative == 1_020
    desk.purse.rebase(900)
    assert desk.purse.signed == 1_020, "what was signed already stays"
