"""Leaving: the way back of :mod:`weftwork.network.enrol`: the seat and the place are given up, stake and
collateral come home.

Stake and collateral unbond, so leaving takes two calls at least: one now, and the same again when the
unbonding is over. Every step looks first whether it is done, so that it is done once whatever breaks off in
between. What a role is owed besides (vouchers, leases, pay) is in :mod:`weftwork.network.dues`.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weftwork.errors import Refused, StoreError
from weftwork.network.dues import (
    State,
    Step,
    check_leases,
    leave_market,
    open_venue,
    redeem_vouchers,
    send_free,
    take_deposits,
    take_pay,
    take_purses,
)
from weftwork.network.enrol import own_agents
from weftwork.spec.quorum import accepts_closing
from weftwork.store import Store

if TYPE_CHECKING:
    from weftwork.compute.venue import Venue
    from weftwork.ledger import Account, Ledger
    from weftwork.ledger.deployment import Contracts
    from weftwork.network.home import Home

MAX_WITHDRAWALS = 16
"""How many withdrawals of one account from one pool ``Stakes`` lets be open at a time."""


@dataclass(frozen=True, slots=True)
class Stand:
    """An agent on a subnet in which an account has something; ``uid`` is its place, ``owned`` whether the
    agent is the account's own."""

    subnet: int
    agent: int
    owned: bool
    uid: int | None


@dataclass(frozen=True, slots=True)
class Vote:
    """An epoch that has ended and cannot be closed without one validator. After block ``until`` it has
    stalled, and so has every later one on which the validator votes if it shows no more weights."""

    subnet: int
    epoch: int
    until: int


def find_agents(ledger: Ledger, contracts: Contracts, owner: str) -> list[int]:
    """All of :func:`~weftwork.network.enrol.own_agents`, oldest first; raises LedgerError."""
    return list(own_agents(ledger, contracts, owner))[::-1]


def find_stands(ledger: Ledger, contracts: Contracts, account: str) -> list[Stand]:
    """Every agent on every subnet where ``account`` ever had a place, stake or collateral; raises
    LedgerError."""
    stakes, subnets = contracts.at(ledger, "stakes"), contracts.at(ledger, "subnets")
    own = find_agents(ledger, contracts, account)
    found = [event for agent in own for event in subnets.events("Registered", agent=agent)]
    found += stakes.events("Staked", account=account) + stakes.events("CollateralChanged", account=account)
    stands = []
    for subnet, agent in sorted({(int(one.args["subnet"]), int(one.args["agent"])) for one in found}):
        owned = agent in own
        placed = owned and subnets.call("is_registered", subnet, agent)
        uid = int(subnets.call("uid_of", subnet, agent)) if placed else None
        stands.append(Stand(subnet, agent, owned, uid))
    return stands


def find_votes(ledger: Ledger, contracts: Contracts, account: str, stand: Stand) -> list[Vote]:
    """The epochs that ended and are not closed, and in which the others have no majority without this
    validator.

    Whoever leaves then takes with it the pay of all that worked in them. An epoch that has stalled is not
    among them: nobody can close it any more. Raises LedgerError.
    """
    names = ("subnets", "weights", "epochs", "stakes")
    subnets, weights, epochs, stakes = (contracts.at(ledger, name) for name in names)
    if stand.uid is None or not stakes.call("shares_of", stand.subnet, stand.agent, account):
        return []
    now = _next_epoch(ledger, contracts, stand.subnet)
    stall = int(subnets.call("closing_rules", stand.subnet, max(now - 1, 0)).stall)
    found = []
    for epoch in range(max(int(epochs.call("next_close", stand.subnet)), now - stall), now):
        agent, _, stake = weights.call("seat", stand.subnet, epoch, stand.uid)
        total = int(weights.call("total_stake", stand.subnet, epoch)) if stake else 0
        if agent == stand.agent and stake and not accepts_closing(total - stake, total, True):
            found.append(epoch)
    if not found:
        return []
    since = int(subnets.call("first_block", stand.subnet, found[0]))
    shown = weights.events("WeightsRevealed", since, subnet=stand.subnet, uid=stand.uid)
    last = max([found[-1], *(int(event.args["epoch"]) + 1 for event in shown)])  # what it showed counts twice
    until = int(subnets.call("first_block", stand.subnet, last + stall + 1)) - 1
    return [Vote(stand.subnet, epoch, until) for epoch in found]


def check_votes(ledger: Ledger, contracts: Contracts, account: str, name: str) -> None:
    """Raise Refused where a validator is needed to close an epoch that has ended; ``name`` is its home's."""
    stands = find_stands(ledger, contracts, account)
    votes = [vote for stand in stands for vote in find_votes(ledger, contracts, account, stand)]
    if votes:
        listed = ", ".join(f"{vote.epoch} of subnet {vote.subnet}" for vote in votes)
        raise Refused(
            f"without this validator nobody can close epoch {listed}, and who worked in it would not be paid",
            value=[vote.epoch for vote in votes],
            hint=f"start it again as it was joined (--name {name.removeprefix('joined-')}) until weft epoch "
            f"shows it closed; or leave after block {max(vote.until for vote in votes)}, when that is past",
        )


def _next_epoch(ledger: Ledger, contracts: Contracts, subnet: int) -> int:
    """The epoch of the next block, in which what is sent now takes place."""
    start, tempo, _ = contracts.at(ledger, "subnets").call("clocks", subnet)
    return int((ledger.block_number() + 1 - start) // tempo)


# What is given up


def leave_seat(
    ledger: Ledger, contracts: Contracts, account: Account, stand: Stand, *, dry: bool = False
) -> list[Step]:
    """Give up a validator's seat, from the next epoch on; raises LedgerError."""
    weights, identity = contracts.at(ledger, "weights"), contracts.at(ledger, "identity")
    if stand.uid is None or identity.call("getAgentWallet", stand.agent) != account.address:
        return []  # the seat of an agent that acts by another wallet goes with its place
    epoch = _next_epoch(ledger, contracts, stand.subnet)
    if not weights.call("seats_at", stand.subnet, epoch + 1) >> stand.uid & 1:
        return []
    if not dry:
        weights.send(account, "leave", stand.subnet, stand.uid)
    note = f"from epoch {epoch + 1} on"
    return [_step("seat", State.GIVEN_UP, stand, note=note, planned=dry)]


def leave_place(
    ledger: Ledger,
    contracts: Contracts,
    account: Account,
    stand: Stand,
    begun: MutableMapping[str, int],
    *,
    leaving: int = 0,
    dry: bool = False,
) -> list[Step]:
    """Give up a neuron's uid; where its work of the running epoch may still be paid, once that epoch has
    ended.

    ``begun`` keeps, by subnet and agent, the epoch in which that was first asked for, so that it waits for
    no later one. ``leaving`` is the stake, in wad, that would leave in the same call (with ``dry``). Raises
    LedgerError.
    """
    if stand.uid is None:
        return []
    subnets = contracts.at(ledger, "subnets")
    epoch = _next_epoch(ledger, contracts, stand.subnet)
    first = begun.setdefault(f"{stand.subnet}/{stand.agent}", epoch)
    if epoch <= first and _may_earn(ledger, contracts, stand, epoch, leaving):
        until = int(subnets.call("first_block", stand.subnet, epoch + 1)) - 1
        note = f"its work in epoch {epoch} may be paid"
        return [_step("place", State.WAITS, stand, until=until, note=note, planned=dry)]
    if not dry:
        subnets.send(account, "deregister", stand.subnet, stand.agent)
    return [_step("place", State.GIVEN_UP, stand, note=f"uid {stand.uid}", planned=dry)]


def _may_earn(ledger: Ledger, contracts: Contracts, stand: Stand, epoch: int, leaving: int) -> bool:
    """Whether somebody may judge ``epoch``, and this neuron is paid by it: no validator is whose stake has
    left."""
    weights, stakes = contracts.at(ledger, "weights"), contracts.at(ledger, "stakes")
    if weights.call("seats_at", stand.subnet, epoch) >> stand.uid & 1:
        return int(stakes.call("stake_at", stand.subnet, stand.agent, epoch)) > leaving
    return int(weights.call("seated_stake", stand.subnet, epoch)) > 0


# What comes back


def withdraw_stake(
    ledger: Ledger, contracts: Contracts, account: Account, stand: Stand, *, dry: bool = False
) -> list[Step]:
    """Take the stake whose unbonding is over; less came out where it was slashed meanwhile. Raises
    LedgerError."""
    stakes = contracts.at(ledger, "stakes")
    now, where = ledger.block_number(), (stand.subnet, stand.agent)
    if not any(entry.release <= now for entry in stakes.call("unbonding_of", *where, account.address)):
        return []
    amount = int(stakes.call("withdraw_unbonded", *where, sender=account))
    if not dry:
        receipt = stakes.send(account, "withdraw_unbonded", *where)
        amount = int(stakes.events_in(receipt, "Withdrawn")[0].args["amount"])
    note = "" if amount else "all of it was slashed"
    return [_step("stake", State.TAKEN, stand, amount, note=note, planned=dry)]


def unbond_stake(
    ledger: Ledger, contracts: Contracts, account: Account, stand: Stand, *, dry: bool = False
) -> list[Step]:
    """Take all shares out of an agent's pool, and say what is unbonding now; raises LedgerError."""
    stakes, where = contracts.at(ledger, "stakes"), (stand.subnet, stand.agent)
    shares = int(stakes.call("shares_of", *where, account.address))
    now = ledger.block_number()
    entries = [one for one in stakes.call("unbonding_of", *where, account.address) if one.release > now]
    steps = []
    if shares and len(entries) >= MAX_WITHDRAWALS:
        worth = int(stakes.call("stake_of", *where, account.address))
        until = min(one.release for one in entries)
        note = f"{MAX_WITHDRAWALS} withdrawals are open, and there cannot be more"
        steps.append(_step("stake", State.WAITS, stand, worth, until=until, note=note, planned=dry))
    elif shares and dry:
        amount = int(stakes.call("unstake", *where, shares, sender=account))
        until = now + int(stakes.call("unbonding"))
        steps.append(_step("stake", State.UNBONDING, stand, amount, until=until, planned=True))
    elif shares:
        stakes.send(account, "unstake", *where, shares)
        entries = stakes.call("unbonding_of", *where, account.address)
    aside = stakes.call("unbonding_pools", *where)
    for entry in entries:
        held = entry.round == aside.round and aside.shares
        worth = entry.shares * aside.amount // aside.shares if held else 0
        note = "" if worth else "all of it was slashed"
        steps.append(_step("stake", State.UNBONDING, stand, worth, until=entry.release, note=note))
    return steps


def release_collateral(
    ledger: Ledger, contracts: Contracts, account: Account, stand: Stand, *, dry: bool = False
) -> list[Step]:
    """Ask an agent's collateral back, or take it where that was asked an unbonding ago; raises LedgerError.

    A request that was not used within another unbonding has lapsed, and is made anew.
    """
    stakes, where = contracts.at(ledger, "stakes"), (stand.subnet, stand.agent)
    held = stakes.call("collaterals", *where)
    if held.account != account.address or not held.amount:
        return []
    now = ledger.block_number()
    if held.release > now:
        return [_unbonding(stand, held.amount, held.release, held.lapse)]
    lapsed = 0 < held.lapse <= now + 1
    if dry and held.release and not lapsed:
        return [_step("collateral", State.TAKEN, stand, int(held.amount), planned=True)]
    if dry:
        wait = int(stakes.call("unbonding"))
        return [_unbonding(stand, held.amount, now + wait, now + 2 * wait, lapsed=lapsed, planned=True)]
    receipt = stakes.send(account, "release_collateral", *where)
    told = stakes.events_in(receipt, "CollateralChanged")[0].args
    if not told["amount"]:
        return [_step("collateral", State.TAKEN, stand, int(held.amount))]
    again = stakes.call("collaterals", *where)
    return [_unbonding(stand, again.amount, again.release, again.lapse, lapsed=held.release > 0)]


def _unbonding(
    stand: Stand, amount: int, until: int, lapse: int, *, lapsed: bool = False, planned: bool = False
) -> Step:
    note = f"to be taken before block {lapse}"
    if lapsed:
        note = f"the request of before had lapsed; {note}"
    return _step(
        "collateral", State.UNBONDING, stand, int(amount), until=int(until), note=note, planned=planned
    )


def _step(what: str, state: State, stand: Stand, amount: int = 0, **more: Any) -> Step:
    return Step(what, state, amount, stand.subnet, stand.agent, **more)


def leave_stands(
    ledger: Ledger,
    contracts: Contracts,
    account: Account,
    begun: MutableMapping[str, int],
    *,
    dry: bool = False,
) -> list[Step]:
    """Take one account's stake and collateral home and give up its seats and places, as far as that can be
    done now.

    ``begun`` is that of :func:`leave_place`. Raises LedgerError; what was done by then stays, and is not
    done again.
    """
    steps: list[Step] = []
    for stand in find_stands(ledger, contracts, account.address):
        given = (ledger, contracts, account, stand)
        steps += leave_seat(*given, dry=dry)
        steps += withdraw_stake(*given, dry=dry)
        unbonding = unbond_stake(*given, dry=dry)
        steps += unbonding
        steps += release_collateral(*given, dry=dry)
        leaving = sum(step.amount for step in unbonding if step.planned and step.state is State.UNBONDING)
        steps += leave_place(*given, begun, leaving=leaving, dry=dry)
    return steps


# One home


@dataclass(frozen=True, slots=True)
class Left:
    """What the leaving of one key of a home came to."""

    name: str
    account: str
    steps: tuple[Step, ...]


def leave_home(
    home: Home,
    ledger: Ledger,
    contracts: Contracts,
    *,
    to: str | None = None,
    dry: bool = False,
) -> list[Left]:
    """Have every key of a home, which the caller holds, leave as far as it can now; with ``dry`` nothing is
    sent. What is free goes ``to`` an address where one is named.

    Raises Refused, before anything is done, where tenants rent or an epoch cannot be closed without one of
    them; LedgerError, after which the same call goes on where it was.
    """
    accounts = {name: home.account(name) for name in home.key_names}
    venue = open_venue(ledger, contracts)
    for account in accounts.values():
        check_votes(ledger, contracts, account.address, home.path.name)
        if venue is not None:
            check_leases(venue, find_agents(ledger, contracts, account.address), home.path.name)
    begun: dict[str, int] = dict(home.facts.get("leaving") or {})
    left = []
    try:
        for name, account in accounts.items():
            steps = _take_kept(home, name, ledger, contracts, account, dry)
            steps += take_deposits(ledger, contracts, account, dry=dry)
            steps += _leave_compute(venue, account, dry)
            steps += leave_stands(ledger, contracts, account, begun, dry=dry)
            if to is not None:
                steps += _send(ledger, contracts, account, to, venue, steps, dry)
            left.append(Left(name, account.address, tuple(steps)))
    finally:
        if not dry and begun != (home.facts.get("leaving") or {}):
            home.save(leaving=begun)
    return left


def _take_kept(
    home: Home, name: str, ledger: Ledger, contracts: Contracts, account: Account, dry: bool
) -> list[Step]:
    """What a role's own store knows of; one that is broken keeps nothing else from leaving."""
    path = home.store_path(name)
    if not path.exists():
        return []
    try:
        with Store(path) as store:
            steps = redeem_vouchers(ledger, contracts, account, store, dry=dry)
            return steps + take_purses(ledger, contracts, account, store, dry=dry)
    except StoreError as error:
        return [Step("vouchers", State.WAITS, note=f"{path.name}: {error.sentence}", planned=dry)]


def _leave_compute(venue: Venue | None, account: Account, dry: bool) -> list[Step]:
    if venue is None:
        return []
    agents = find_agents(venue.ledger, venue.contracts, account.address)
    return leave_market(venue, account, agents, dry=dry) + take_pay(venue, account, dry=dry)


def _send(
    ledger: Ledger,
    contracts: Contracts,
    account: Account,
    to: str,
    venue: Venue | None,
    steps: Iterable[Step],
    dry: bool,
) -> list[Step]:
    taken = [one for one in steps if one.planned and one.state is State.TAKEN and one.coin == "WEFT"]
    coming = sum(step.amount for step in taken)
    last = is_over(steps)
    return send_free(ledger, contracts, account, to, venue=venue, coming=coming, last=last, dry=dry)


def is_over(steps: Iterable[Step]) -> bool:
    """Whether nothing is left that a later call would get back."""
    return all(step.state not in (State.UNBONDING, State.WAITS) for step in steps)


def read_block_seconds(ledger: Ledger, sample: int = 100) -> float:
    """Seconds from block to block, on average over the last ``sample``; 0 where there are none to go by."""
    head = ledger.block()
    back = min(int(head["number"]), sample)
    if not back:
        return 0.0
    passed = int(head["timestamp"]) - int(ledger.block(int(head["number"]) - back)["timestamp"])
    return max(0.0, passed / back)
