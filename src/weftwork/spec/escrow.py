"""A streaming escrow: payments by the block out of one account, settled lazily, paused when the money is out.

An account holds what several people deposited for one tenant and pays every running payment its rate each
block. Nothing is written while blocks pass; :func:`settle` brings the account up to date::

    full  = min(blocks passed, floor(balance / sum of rates))        blocks paid to everyone
    rest  = balance - full * sum of rates                            spent on the next block, in part

``rest`` is given to the payments in their order (:attr:`Mode.IN_ORDER`) or by rate (:attr:`Mode.PRO_RATA`),
and the account pauses at the block where it ran dry: nobody is owed anything for later blocks, and a top-up
that covers a block resumes it. Settling often or once gives the same account, to the unit. Amounts are in the
token's smallest unit. After Akash's escrow (facts: payment by payment since v1.1, pro rata up to v0.38),
without its debts. Mirrored by ``stream.vy``; refusals are the contract's sentences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from weftwork.errors import Refused

MAX_DEPOSITS = 8
"""Most people who have money in one account, the owner among them."""
MAX_PAYMENTS = 20
"""Most payments that run at once: one a group."""
FOREVER = 2**64 - 1
"""The block at which an account that pays nothing runs dry."""


class Mode(IntEnum):
    """Who gets what is left when it does not pay a whole block for everyone."""

    IN_ORDER = 0
    PRO_RATA = 1


class State(IntEnum):
    """An account is open, paused for want of money, or closed for good."""

    NONE = 0
    OPEN = 1
    PAUSED = 2
    CLOSED = 3


@dataclass(frozen=True, slots=True)
class Deposit:
    """What is left of one person's money."""

    owner: str
    amount: int


@dataclass(frozen=True, slots=True)
class Payment:
    """One payee's stream: ``rate`` a block while it runs, ``balance`` earned and not yet withdrawn."""

    order: int
    rate: int
    balance: int = 0
    running: bool = True


@dataclass(frozen=True, slots=True)
class Account:
    """The escrow of one deployment.

    The tenant's own deposit is the first; it is spent last, and the others in their order before it.
    """

    mode: Mode = Mode.IN_ORDER
    state: State = State.NONE
    deposits: tuple[Deposit, ...] = ()
    payments: tuple[Payment, ...] = ()
    settled_at: int = 0
    paused_at: int = 0

    @property
    def balance(self) -> int:
        """What is deposited and not yet earned by anyone."""
        return sum(deposit.amount for deposit in self.deposits)

    @property
    def rate(self) -> int:
        """What all running payments cost a block."""
        return sum(payment.rate for payment in self.payments if payment.running)

    @property
    def held(self) -> int:
        """All money in the account: unspent deposits and what payees have not withdrawn."""
        return self.balance + sum(payment.balance for payment in self.payments)

    def find(self, order: int) -> Payment:
        """The payment of that order; ``Refused`` if there is none."""
        for payment in self.payments:
            if payment.order == order:
                return payment
        raise Refused("escrow: there is no such payment", value=order)


def open_account(owner: str, amount: int, block: int, mode: Mode = Mode.IN_ORDER) -> Account:
    """An account with the tenant's first deposit."""
    if amount <= 0:
        raise Refused("escrow: amount is zero", value=amount)
    return Account(mode, State.OPEN, (Deposit(owner, amount),), (), block)


def split_rest(rates: list[int], rest: int, mode: Mode) -> list[int]:
    """Share ``rest``, less than the sum of ``rates``, among payments: no part is over its rate, all is given.

    In order: ``part_i = min(rate_i, what is left)``. Pro rata: ``part_i = floor(rest * rate_i / sum)``, and
    the units that rounding left go to the first payments, one each.
    """
    if mode is Mode.IN_ORDER:
        parts = []
        for rate in rates:
            part = min(rate, rest)
            rest -= part
            parts.append(part)
        return parts
    total = sum(rates)
    parts = [rest * rate // total for rate in rates]
    over = rest - sum(parts)
    return [part + (index < over) for index, part in enumerate(parts)]


def spend(deposits: tuple[Deposit, ...], amount: int) -> tuple[Deposit, ...]:
    """Take ``amount`` out of the deposits: the others' in their order, the tenant's own last."""
    left = list(deposits)
    for index in [*range(1, len(left)), 0]:
        part = min(left[index].amount, amount)
        if part:
            left[index] = Deposit(left[index].owner, left[index].amount - part)
            amount -= part
        if not amount:
            break
    return tuple(left)


def settle(before: Account, block: int) -> Account:
    """The account at ``block``: what was earned since it was last settled is booked.

    Linear in the number of payments, whatever the number of blocks.
    """
    rate, passed = before.rate, block - before.settled_at
    if before.state is not State.OPEN or rate == 0 or passed == 0:
        return replace(before, settled_at=block)
    balance = before.balance
    full = min(passed, balance // rate)
    running = [payment for payment in before.payments if payment.running]
    parts: Iterator[int] = iter([0] * len(running))
    spent = rate * full
    state, paused_at = State.OPEN, before.paused_at
    if full < passed:
        parts = iter(split_rest([payment.rate for payment in running], balance - spent, before.mode))
        spent, state, paused_at = balance, State.PAUSED, before.settled_at + full
    payments = tuple(
        replace(payment, balance=payment.balance + payment.rate * full + next(parts))
        if payment.running
        else payment
        for payment in before.payments
    )
    return Account(before.mode, state, spend(before.deposits, spent), payments, block, paused_at)


def deposit(before: Account, owner: str, amount: int, block: int, least: int = 1) -> Account:
    """Add to an account; a paused one goes on if it can now pay a block.

    Someone new takes an empty place, brings ``least`` or more, and :data:`MAX_DEPOSITS` places are all.
    """
    _check_open(before)
    if amount <= 0:
        raise Refused("escrow: amount is zero", value=amount)
    after = settle(before, block)
    deposits = list(after.deposits)
    place = _find_place(after.deposits, owner)
    if place is None:
        if amount < least:
            raise Refused("escrow: deposit is too small", value=amount)
        place = next((i for i, one in enumerate(deposits) if i and one.amount == 0), len(deposits))
        if place == MAX_DEPOSITS:
            raise Refused("escrow: too many depositors", value=place)
        deposits[place : place + 1] = [Deposit(owner, amount)]
    else:
        deposits[place] = Deposit(owner, deposits[place].amount + amount)
    return _resume(replace(after, deposits=tuple(deposits)))


def take_back(before: Account, owner: str, amount: int, block: int) -> Account:
    """Give a depositor ``amount`` of what is not yet spent of its own deposit."""
    _check_open(before)
    after = settle(before, block)
    place = _find_place(after.deposits, owner)
    if amount <= 0 or place is None or after.deposits[place].amount < amount:
        raise Refused("escrow: deposit is not that large", value=amount)
    deposits = list(after.deposits)
    deposits[place] = Deposit(owner, deposits[place].amount - amount)
    return replace(after, deposits=tuple(deposits))


def add_payment(before: Account, order: int, rate: int, block: int) -> Account:
    """Start a payment; the account must then be able to pay one block to all."""
    _check_open(before)
    after = settle(before, block)
    if after.state is State.PAUSED:
        raise Refused("escrow: account is paused")
    if rate <= 0:
        raise Refused("escrow: rate is zero", value=rate)
    if sum(payment.running for payment in after.payments) == MAX_PAYMENTS:
        raise Refused("escrow: too many payments")
    if after.balance < after.rate + rate:
        raise Refused("escrow: balance does not pay a block", value=after.balance)
    return replace(after, payments=(*after.payments, Payment(order, rate)))


def end_payment(before: Account, order: int, block: int) -> Account:
    """Stop a payment; what it earned stays to be withdrawn."""
    after = settle(before, block)
    if not after.find(order).running:
        raise Refused("escrow: payment has ended", value=order)
    payments = tuple(replace(one, running=False) if one.order == order else one for one in after.payments)
    return _resume(replace(after, payments=payments))


def withdraw(before: Account, order: int, block: int) -> tuple[Account, int]:
    """Pay a payee all that it has earned: the account after, and the amount."""
    after = settle(before, block)
    amount = after.find(order).balance
    payments = tuple(replace(one, balance=0) if one.order == order else one for one in after.payments)
    return replace(after, payments=payments), amount


def close(before: Account, block: int) -> tuple[Account, tuple[Deposit, ...]]:
    """End all payments and give everyone back what is left of their deposit: the account after, the refunds.

    What payees earned stays to be withdrawn.
    """
    _check_open(before)
    after = settle(before, block)
    payments = tuple(replace(one, running=False) for one in after.payments)
    empty = tuple(Deposit(one.owner, 0) for one in after.deposits)
    closed = Account(after.mode, State.CLOSED, empty, payments, block, after.paused_at)
    return closed, after.deposits


def find_dry_block(account: Account) -> int:
    """The first block that the account cannot pay whole; :data:`FOREVER` if it pays nothing or is closed."""
    if account.state is State.PAUSED:
        return account.paused_at
    if account.state is not State.OPEN or account.rate == 0:
        return FOREVER
    return account.settled_at + account.balance // account.rate


def forecast(account: Account, block: int) -> int:
    """The runway: how many blocks from ``block`` on are paid for, :data:`FOREVER` without end."""
    dry = find_dry_block(account)
    return FOREVER if dry == FOREVER else max(dry - block, 0)


def find_top_up(account: Account, block: int, blocks: int) -> int:
    """What must be added at ``block`` so that the next ``blocks`` blocks are paid for whole."""
    after = settle(account, block)
    return max(after.rate * blocks - after.balance, 0)


def _check_open(account: Account) -> None:
    if account.state not in (State.OPEN, State.PAUSED):
        raise Refused("escrow: account is not open")


def _find_place(deposits: tuple[Deposit, ...], owner: str) -> int | None:
    return next((index for index, one in enumerate(deposits) if one.owner == owner), None)


def _resume(account: Account) -> Account:
    if account.state is State.PAUSED and account.balance >= account.rate:
        return replace(account, state=State.OPEN)
    return account
