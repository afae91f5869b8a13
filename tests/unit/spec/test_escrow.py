"""The streaming escrow: paid by the block, settled when somebody looks, paused when the money is out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import Refused
from weftwork.spec import escrow
from weftwork.spec.escrow import FOREVER, Deposit, Mode, State
from weftwork.spec.escrow_fast import Book, settle_many

modes = st.sampled_from(Mode)


@st.composite
def accounts(draw, top=10**4):
    """An account with up to four payments and four depositors."""
    account = escrow.open_account("tenant", draw(st.integers(1, top)), 0, draw(modes))
    for n in range(draw(st.integers(0, 3))):
        account = escrow.deposit(account, f"sponsor{n}", draw(st.integers(1, top)), 0)
    for n, rate in enumerate(draw(st.lists(st.integers(1, 60), max_size=4))):
        if account.balance >= account.rate + rate:
            account = escrow.add_payment(account, n, rate, 0)
    return account


def test_provider_is_paid_its_rate_for_each_block_and_the_overdraft_pauses():
    account = escrow.add_payment(escrow.open_account("tenant", 1000, 0), 1, 30, 0)
    after, paid = escrow.withdraw(account, 1, 10)
    assert (paid, after.balance, after.state) == (300, 700, State.OPEN)
    after, paid = escrow.withdraw(after, 1, 105)
    assert (paid, after.balance, after.state) == (700, 0, State.PAUSED)
    assert after.paused_at == 33


def test_nobody_is_owed_for_blocks_after_the_money_was_out_and_a_top_up_goes_on():
    account = escrow.add_payment(escrow.open_account("tenant", 100, 0), 1, 10, 0)
    paused = escrow.settle(account, 50)
    assert (paused.state, paused.paused_at) == (State.PAUSED, 10)
    short = escrow.deposit(paused, "tenant", 9, 60)
    assert short.state is State.PAUSED
    resumed = escrow.deposit(short, "sponsor", 11, 70)
    assert resumed.state is State.OPEN
    assert escrow.forecast(resumed, 70) == 2
    assert escrow.withdraw(resumed, 1, 71)[1] == 110


def test_the_first_payment_in_order_gets_the_last_units_and_by_rate_all_do():
    def run(mode):
        account = escrow.open_account("tenant", 107, 0, mode)
        for order, rate in ((1, 20), (2, 10), (3, 20)):
            account = escrow.add_payment(account, order, rate, 0)
        return [one.balance for one in escrow.settle(account, 9).payments]

    assert run(Mode.IN_ORDER) == [47, 20, 40]
    assert run(Mode.PRO_RATA) == [43, 22, 42]


def test_sponsors_money_is_spent_before_the_tenants_own():
    account = escrow.deposit(escrow.open_account("tenant", 50, 0), "sponsor", 30, 0)
    account = escrow.add_payment(account, 1, 10, 0)
    closed, refunds = escrow.close(account, 4)
    assert refunds == (Deposit("tenant", 40), Deposit("sponsor", 0))
    assert closed.held == 40 == escrow.withdraw(closed, 1, 9)[1]


def test_forecast_names_the_block_and_the_top_up_that_a_tenant_needs():
    account = escrow.add_payment(escrow.open_account("tenant", 100, 5), 1, 7, 5)
    assert escrow.find_dry_block(account) == 5 + 14
    assert escrow.forecast(account, 10) == 9
    assert escrow.find_top_up(account, 10, 20) == 20 * 7 - (100 - 35)
    assert escrow.forecast(escrow.open_account("tenant", 1, 0), 3) == FOREVER


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (lambda a: escrow.deposit(a, "x", 0, 1), "escrow: amount is zero"),
        (lambda a: escrow.deposit(a, "x", 4, 1, least=5), "escrow: deposit is too small"),
        (lambda a: escrow.take_back(a, "tenant", 101, 1), "escrow: deposit is not that large"),
        (lambda a: escrow.take_back(a, "thief", 1, 1), "escrow: deposit is not that large"),
        (lambda a: escrow.add_payment(a, 2, 0, 1), "escrow: rate is zero"),
        (lambda a: escrow.add_payment(a, 2, 94, 0), "escrow: balance does not pay a block"),
        (lambda a: escrow.end_payment(a, 9, 1), "escrow: there is no such payment"),
        (lambda a: escrow.add_payment(escrow.settle(a, 99), 2, 1, 99), "escrow: account is paused"),
        (lambda a: escrow.deposit(escrow.close(a, 1)[0], "x", 1, 2), "escrow: account is not open"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(step, sentence):
    account = escrow.add_payment(escrow.open_account("tenant", 100, 0), 1, 7, 0)
    with pytest.raises(Refused) as caught:
        step(account)
    assert caught.value.sentence == sentence


def test_a_ninth_depositor_waits_for_an_empty_place():
    account = escrow.open_account("tenant", 5, 0)
    for n in range(7):
        account = escrow.deposit(account, f"sponsor{n}", 1, 0)
    with pytest.raises(Refused):
        escrow.deposit(account, "late", 1, 0)
    account = escrow.add_payment(account, 1, 1, 0)
    late = escrow.deposit(account, "late", 3, 1)
    assert late.deposits[1] == Deposit("late", 3)


@given(accounts(), st.lists(st.integers(0, 40), max_size=6))
def test_settling_often_or_once_is_the_same_to_the_unit(account, steps):
    block, often = 0, account
    for step in steps:
        block += step
        often = escrow.settle(often, block)
    assert often == escrow.settle(account, block)
    assert often.held == account.held


@given(st.lists(st.integers(1, 50), min_size=1, max_size=9), st.data(), modes)
def test_the_rest_is_shared_whole_and_nobody_gets_more_than_a_block(rates, data, mode):
    rest = data.draw(st.integers(0, sum(rates) - 1))
    parts = escrow.split_rest(rates, rest, mode)
    assert sum(parts) == rest
    assert all(0 <= part <= rate for part, rate in zip(parts, rates, strict=True))


@given(st.lists(accounts(), max_size=8), st.integers(0, 200), st.sampled_from([1, 10**18]))
def test_the_vectorised_path_equals_the_exact_one(many, block, scale):
    many = [
        escrow.Account(
            one.mode,
            one.state,
            tuple(Deposit(d.owner, d.amount * scale + d.amount % 7) for d in one.deposits),
            tuple(escrow.Payment(p.order, p.rate * scale + p.rate % 5) for p in one.payments),
            block // 3,
        )
        for one in many
    ]
    fast, exact = settle_many(Book.of(many), block), [escrow.settle(one, block) for one in many]
    assert list(fast.earned) == [p.balance for one in exact for p in one.payments]
    assert list(fast.deposits) == [d.amount for one in exact for d in (*one.deposits[1:], *one.deposits[:1])]
    assert list(fast.dry) == [one.state is State.PAUSED for one in exact]
    assert list(fast.paused_at) == [one.paused_at for one in exact]
