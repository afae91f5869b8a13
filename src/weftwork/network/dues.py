"""What a role that leaves is owed beside stake and collateral: vouchers, deposits, the market's, pay; and
the way of what is free to another address.

Each function looks at the ledger first and sends only what is still to be done; with ``dry`` it sends
nothing and says what it would. All raise LedgerError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from weftwork.compute.credit import CreditDesk, Pool
from weftwork.compute.render.escrow import Escrow
from weftwork.compute.venue import Currency, Venue, format_order
from weftwork.errors import BadInput, NetworkNotFound, Refused, Reverted
from weftwork.ledger.deployment_compute import find_compute
from weftwork.models.channel import ChannelBook
from weftwork.models.voucher import CLAIMS_AT_ONCE, VoucherClaim
from weftwork.network.bank import LedgerChannels
from weftwork.network.enrol import derive_payer
from weftwork.spec.job import Status
from weftwork.spec.market import BidState, LeaseState
from weftwork.units import BPS

if TYPE_CHECKING:
    from weftwork.ledger import Account, Ledger
    from weftwork.ledger.deployment import Contracts
    from weftwork.store import Store

LIVE = (LeaseState.ACTIVE, LeaseState.RECLAIMING)
_AT_ONCE = 100
COIN = "WEFT"


class State(StrEnum):
    """What became of a step."""

    TAKEN = "taken"
    GIVEN_UP = "given up"
    SENT = "sent"
    UNBONDING = "unbonding"
    WAITS = "waits"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was got back, given up, or that has to wait.

    ``amount`` is in the smallest unit of ``coin`` (``decimals`` of them; the chain's own coin has no name
    here). ``until`` is the block after which the same call goes on, 0 where none is known. ``planned`` says
    that nothing was sent: it is what would be done.
    """

    what: str
    state: State
    amount: int = 0
    subnet: int | None = None
    agent: int | None = None
    until: int = 0
    note: str = ""
    coin: str = COIN
    decimals: int = 18
    planned: bool = False


def open_venue(ledger: Ledger, contracts: Contracts) -> Venue | None:
    """The market of a network; None where it has none."""
    try:
        return Venue(ledger, contracts, find_compute(ledger, contracts))
    except NetworkNotFound:
        return None


# Channels


def redeem_vouchers(
    ledger: Ledger, contracts: Contracts, account: Account, store: Store, *, dry: bool = False
) -> list[Step]:
    """Redeem the vouchers that a store keeps for ``account``, and bring home what its claims have brought in.

    The amount is what reaches the account, in wad: a subnet's channels share with its validators. What a
    channel does not cover any more is lost.
    """
    source = LedgerChannels(ledger, contracts, account)
    channels = contracts.at(ledger, "channels")
    book = ChannelBook(account.address, contracts.domains.of("voucher"), store, source)

    async def read() -> list[VoucherClaim]:
        await book.restore()
        return book.claims()

    claims, coming = [], 0
    for claim in asyncio.run(read()):
        pair = (claim.payer, claim.receiver)
        try:
            gross = int(channels.call("claim", *pair, claim.cumulative, claim.receipt, claim.signature))
        except Reverted:
            continue  # the channel is empty, or takes this signature no more
        claims.append(claim)
        legs = channels.call("legs_of", channels.call("channel_of", *pair).route)
        coming += gross - sum(gross * leg.bps // BPS for leg in legs)
    if dry:
        coming += int(channels.call("balance_of", account.address))
    else:
        for start in range(0, len(claims), CLAIMS_AT_ONCE):
            source.claim_many(claims[start : start + CLAIMS_AT_ONCE])
        coming = source.pull(account.address)
    return [Step("vouchers", State.TAKEN, coming, planned=dry)] if coming else []


def take_deposits(ledger: Ledger, contracts: Contracts, account: Account, *, dry: bool = False) -> list[Step]:
    """Ask back what ``account`` paid into channels and nobody has claimed, or take it where that was asked
    before; those whom it pays can claim until then."""
    channels = contracts.at(ledger, "channels")
    opened = channels.events("Opened", payer=account.address)
    steps = []
    for receiver in dict.fromkeys(str(event.args["receiver"]) for event in opened):
        held = channels.call("channel_of", account.address, receiver)
        left, now = held.deposited - held.withdrawn - held.claimed, ledger.block_number()
        if held.closing_amount and held.closing_at <= now and left:
            taken = min(held.closing_amount, left)
            if not dry:
                channels.send(account, "withdraw", receiver)
            steps.append(Step("deposit", State.TAKEN, taken, planned=dry))
            left -= taken
        elif held.closing_amount and left:
            steps.append(_closing(min(held.closing_amount, left), held.closing_at))
            continue
        if left and dry:
            delay = int(channels.call("withdraw_delay"))
            steps.append(_closing(left, now + delay, planned=True))
        elif left:
            channels.send(account, "request_withdraw", receiver, left)
            again = channels.call("channel_of", account.address, receiver)
            steps.append(_closing(left, again.closing_at))
    return steps


def _closing(amount: int, until: int, *, planned: bool = False) -> Step:
    note = "whom it pays can claim until then"
    return Step("deposit", State.UNBONDING, int(amount), until=int(until), note=note, planned=planned)


def take_purses(
    ledger: Ledger, contracts: Contracts, account: Account, store: Store, *, dry: bool = False
) -> list[Step]:
    """Bring home what lies with the payers' keys of a validator: deposits of their channels, coins, gas
    money.

    One row for what they hold and one for what is on its way, whatever the number of keys.
    """
    token = contracts.at(ledger, "token")
    taken = gas = coming = until = 0
    for payer in read_payers(ledger, account, store):
        steps = take_deposits(ledger, contracts, payer, dry=dry)
        waiting = [step for step in steps if step.state is State.UNBONDING]
        held = int(token.call("balanceOf", payer.address))
        held += sum(step.amount for step in steps if step.planned and step.state is State.TAKEN)
        taken += held
        coming += sum(step.amount for step in waiting)
        until = max([until, *(step.until for step in waiting)])
        if held and not dry:
            token.send(payer, "transfer", account.address, held)
        if not waiting:
            gas += _send_coin(ledger, payer, account.address, dry=dry)
    rows = [Step("payers' keys", State.TAKEN, taken, planned=dry)] if taken else []
    rows += [Step("payers' keys", State.TAKEN, gas, coin="", note="gas money", planned=dry)] if gas else []
    if coming:
        rows.append(Step("payers' keys", State.UNBONDING, coming, until=until, planned=dry))
    return rows


def read_payers(ledger: Ledger, account: Account, store: Store) -> Iterator[Account]:
    """The payers' keys that a validator made and that can still pay for a transaction."""
    made = range(1, int(store.state("payer_keys", 0)) + 1)
    least = 21_000 * ledger.fee_cap()
    for start in range(0, len(made), _AT_ONCE):
        keys = [derive_payer(account, number) for number in made[start : start + _AT_ONCE]]
        asked = [("eth_getBalance", [key.address, "latest"]) for key in keys]
        for key, answer in zip(keys, ledger.batch(asked), strict=True):
            if isinstance(answer, Exception):
                raise answer
            if int(answer, 16) > least:
                yield key


# The market


def check_leases(venue: Venue, agents: Iterable[int], name: str) -> None:
    """Raise Refused where an agent has leases that run; ``name`` is its home's."""
    live = [order for order in _orders(venue, "LeaseCreated", agents) if _lease_lives(venue, *order)]
    if live:
        listed = ", ".join(format_order(order) for order, _ in live)
        raise Refused(
            f"tenants still rent here: {listed}",
            value=[order for order, _ in live],
            hint=f"start it again (--name {name.removeprefix('joined-')}) until they end: a tenant ends "
            "its own by weft compute close, the provider any by POST /v1/lease/ORDER/leave at its own door",
        )


def _lease_lives(venue: Venue, order: int, agent: int) -> bool:
    lease = venue.contract.call("leases", order)
    return lease.agent == agent and lease.state in LIVE


def _orders(venue: Venue, name: str, agents: Iterable[int]) -> list[tuple[int, int]]:
    found = [event for agent in agents for event in venue.events(name, agent=agent)]
    return list(dict.fromkeys((int(event.args["order"]), int(event.args["agent"])) for event in found))


def leave_market(venue: Venue, account: Account, agents: list[int], *, dry: bool = False) -> list[Step]:
    """Take open bids back with their deposits, and what ended leases earned, less the market's take."""
    contract, steps = venue.contract, []
    network = venue.currencies[0]
    for order, agent in _orders(venue, "BidPlaced", agents):
        bid = contract.call("bids", order, agent)
        if bid.state == BidState.OPEN:
            if not dry:
                contract.send(account, "close_bid", order, agent)
            if bid.payer == account.address:
                steps.append(_money("bid", network, int(bid.deposit), order, planned=dry))
    for order, _ in _orders(venue, "LeaseCreated", agents):
        due = int(contract.call("withdraw", order))
        if due:
            currency = _currency(venue, contract.call("deployments", order >> 64).token)
            if not dry:
                due = venue.market(account).withdraw(order)
            steps.append(_money("lease", currency, due, order, planned=dry))
    for currency in venue.currencies:
        kept = int(contract.call("owed", currency.token, account.address))
        if kept:
            if not dry:
                contract.send(account, "pull", currency.token, account.address)
            steps.append(_money("kept by the market", currency, kept, planned=dry))
    return steps


def _currency(venue: Venue, token: str) -> Currency:
    """A currency of the market, also one that was listed by others and has no name here."""
    try:
        return venue.currency_of(token)
    except BadInput:
        return Currency(token[:10], token, int(venue.token_at(token).call("decimals")))


def _money(what: str, currency: Currency, amount: int, order: int | None = None, **more: Any) -> Step:
    note = f"order {format_order(order)}" if order else ""
    return Step(
        what,
        State.TAKEN,
        amount,
        note=note,
        coin=currency.name.upper(),
        decimals=currency.decimals,
        **more,
    )


# Pay


def take_pay(venue: Venue, account: Account, *, dry: bool = False) -> list[Step]:
    """Claim an account's parts of burn and mint, for work and for standing ready, of the epochs that are
    settled; those that are over are settled first. Renders handed in long ago are completed."""
    desk = CreditDesk(venue.ledger, venue.contracts.token, venue.parts, account)
    named = {"StoodReady": Pool.READY, "Worked": Pool.WORK}
    found = {
        (int(event.args["epoch"]), pool)
        for name, pool in named.items()
        for event in desk.credits.events(name, node=account.address)
        if desk.credits.call("weight_of", event.args["epoch"], int(pool), account.address)
    }
    if any(epoch >= int(desk.credits.call("next_epoch")) for epoch, _ in found) and not dry:
        desk.settle()
    settled, amount, later = int(desk.credits.call("next_epoch")), 0, []
    for epoch, pool in sorted(found):
        if epoch >= settled:
            later.append(epoch)
        elif dry:
            amount += int(desk.credits.call("claim", epoch, int(pool), account.address))
        else:
            amount += desk.claim(epoch, pool)
    steps = _complete_renders(venue, account, dry=dry)
    if amount:
        steps.append(Step("pay", State.TAKEN, amount, note="burn and mint", planned=dry))
    if later:
        note = f"burn and mint, epoch {', '.join(map(str, sorted(set(later))))} is not settled"
        steps.append(Step("pay", State.WAITS, note=note, planned=dry))
    return steps


def _complete_renders(venue: Venue, account: Account, *, dry: bool) -> list[Step]:
    """Have the jobs completed that this node handed in and whose review is over; others wait for theirs."""
    escrow = Escrow(venue.ledger, venue.contracts.token, venue.parts, account)
    done, waiting = 0, []
    for event in escrow.jobs.events("JobSubmitted", provider=account.address):
        job = escrow.read(int(event.args["jobId"]))
        if job.status != Status.SUBMITTED or job.evaluator != venue.parts.review:
            continue
        if not escrow.is_silent(job):
            waiting.append(job)
            continue
        if not dry:
            escrow.complete_silent(job.id)
        done += job.budget
    steps = [Step("renders", State.TAKEN, done, planned=dry)] if done else []
    if waiting:
        hours = escrow.window // 3_600
        note = f"{len(waiting)} in review, and checkers may ask for them, until {hours} hours after handed in"
        amount = sum(job.budget for job in waiting)
        steps.append(Step("renders", State.WAITS, amount, note=note, planned=dry))
    return steps


# To another address


def send_free(
    ledger: Ledger,
    contracts: Contracts,
    account: Account,
    to: str,
    *,
    venue: Venue | None = None,
    coming: int = 0,
    last: bool = True,
    dry: bool = False,
) -> list[Step]:
    """Send ``to`` what the account holds of the network's coin and of the market's dollar; of the chain's
    own coin too what the transfer leaves, if this is the ``last`` call: until then it pays for those to
    come.

    ``coming`` is what the account would have got by then in wad (with ``dry``).
    """
    if to.lower() == account.address.lower():
        return []
    others = venue.currencies[1:] if venue is not None else ()
    steps = []
    for currency in (Currency("weft", contracts.token, 18), *others):
        token = ledger.contract("Token", currency.token)
        held = int(token.call("balanceOf", account.address)) + (coming if currency.name == "weft" else 0)
        if held:
            if not dry:
                token.send(account, "transfer", to, held)
            coin, decimals = currency.name.upper(), currency.decimals
            steps.append(
                Step(
                    "free coins", State.SENT, held, coin=coin, decimals=decimals, note=f"to {to}", planned=dry
                )
            )
    if last:
        sent = _send_coin(ledger, account, to, dry=dry)
        steps += [Step("gas money", State.SENT, sent, coin="", note=f"to {to}", planned=dry)] if sent else []
    else:
        note = "it pays for the calls to come"
        steps.append(Step("gas money", State.WAITS, ledger.balance(account), coin="", note=note))
    return steps


def _send_coin(ledger: Ledger, account: Account, to: str, *, dry: bool) -> int:
    """Send all of the chain's own coin but what that costs at most; what was sent, in its smallest unit."""
    held = ledger.balance(account)
    try:
        gas = ledger.estimate(account.address, to, value=1) if held else 0
    except Reverted:
        return 0  # a contract that takes no coin
    rest = held - gas * ledger.fee_cap() * 9 // 8  # a fee grows by an eighth from block to block at the most
    if rest <= 0:
        return 0
    if not dry:
        ledger.wait(ledger.send(account, to, value=rest, gas=gas))
    return rest
