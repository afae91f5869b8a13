"""The compute market as a state machine: deployment, group, order, bid, lease, and the money between them.

::

    deployment  active -> closed
    group       open <-> paused ; open -> dry (the money was out) -> open ; any -> closed
    order       open -> active -> closed            one that is not closed for each open group
    bid         open -> active | lost | closed ; active -> closed
    lease       active -> reclaiming -> closed ; active | reclaiming -> closed | dry

A tenant picks any open bid; the losing ones get their deposits back in the same step. A lease that dies while
its group is open makes the group's next order, and a provider that failed cannot bid there for ``cooldown``
blocks. A provider that promised a reclamation window announces its leave that long ahead. What a lease costs
is what was bid, and the network's take is the rate of the day it began. After Akash's x/market and
x/deployment, where a dry account kills its deployment: here it pauses, and only its provider may end the
lease, ``grace`` blocks later. Mirrored by ``Market.vy``; refusals are the contract's sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from weftwork.errors import Refused
from weftwork.spec import escrow
from weftwork.spec.escrow import Account, Mode
from weftwork.spec.take import Split, split_income, take_fee

MAX_GROUPS: Final = 20
MAX_BIDS: Final = 20
MARKET: Final = "market"


class GroupState(IntEnum):
    """A group takes bids only while it is open."""

    NONE = 0
    OPEN = 1
    PAUSED = 2
    DRY = 3
    CLOSED = 4


class OrderState(IntEnum):
    """An order is open for bids, active under a lease, or closed."""

    NONE = 0
    OPEN = 1
    ACTIVE = 2
    CLOSED = 3


class BidState(IntEnum):
    """A bid is open, won (active), lost or closed."""

    NONE = 0
    OPEN = 1
    ACTIVE = 2
    LOST = 3
    CLOSED = 4


class LeaseState(IntEnum):
    """A lease runs, is being reclaimed by its provider, is closed, or ended for want of money."""

    NONE = 0
    ACTIVE = 1
    RECLAIMING = 2
    CLOSED = 3
    DRY = 4


@dataclass(frozen=True, slots=True)
class Params:
    """What governance sets; times in blocks, ``bid_deposit`` in the network token's smallest unit."""

    bid_deposit: int
    max_bids: int = MAX_BIDS
    cooldown: int = 600
    grace: int = 1_200
    min_window: int = 600
    max_window: int = 432_000


@dataclass(frozen=True, slots=True)
class Currency:
    """A token that pays deployments: the take in bps, and the least deposit of a newcomer."""

    take: int
    min_deposit: int = 1


@dataclass(frozen=True, slots=True)
class Terms:
    """What a group asks: price a block at the most, the least reclamation window, attributes and auditors."""

    max_price: int
    window: int = 0
    attributes: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """What a provider shows for itself: attributes it declared, and those that auditors signed."""

    declared: Collection[str] = ()
    signed: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bid:
    """A price a block and a promise to announce a leave ``window`` blocks ahead."""

    price: int
    window: int
    payer: str
    deposit: int
    state: BidState = BidState.OPEN


@dataclass(frozen=True, slots=True)
class Lease:
    """Who serves an order, at which take; it may leave from ``reclaim_at`` on, if it reclaims."""

    agent: str
    take: int
    state: LeaseState = LeaseState.ACTIVE
    reclaim_at: int = 0


@dataclass(slots=True)
class Group:
    """One group: its terms, its state, and its orders, of which only the last may be open or active."""

    terms: Terms
    state: GroupState = GroupState.OPEN
    orders: int = 1
    order: OrderState = OrderState.OPEN
    cool: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Deployment:
    """A tenant's deployment; ``version`` is its manifest's hash."""

    owner: str
    token: str
    version: str
    account: Account
    groups: list[Group]
    active: bool = True


def find_order(deployment: int, group: int, order: int) -> int:
    """The number of an order: ``deployment << 64 | group << 32 | order``, group and order from 1."""
    return deployment << 64 | group << 32 | order


def check_proof(terms: Terms, proof: Proof) -> None:
    """Raise ``Refused`` unless the attributes are declared or, where auditors are named, signed by them."""
    wanted = set(terms.attributes)
    if not terms.all_of and not terms.any_of:
        if not wanted <= set(proof.declared):
            raise Refused("market: attribute is not declared")
        return

    def covers(auditor: str) -> bool:
        return wanted <= set(proof.signed.get(auditor, ()))

    if not all(covers(one) for one in terms.all_of):
        raise Refused("market: attribute is not audited")
    if terms.any_of and not any(covers(one) for one in terms.any_of):
        raise Refused("market: attribute is not audited")


class Market:
    """The whole market; ``wallets`` counts what everyone got (below zero: gave)."""

    def __init__(
        self, network: str, params: Params, split: Split, currencies: Mapping[str, Currency]
    ) -> None:
        self.network = network
        self.params = params
        self.split = split
        self.currencies = dict(currencies)
        self.deployments: list[Deployment] = []
        self.bids: dict[int, dict[str, Bid]] = {}
        self.leases: dict[int, Lease] = {}
        self.pots: Counter[str] = Counter()
        self.wallets: Counter[tuple[str, str]] = Counter()

    # the tenant
    def create_deployment(
        self,
        owner: str,
        token: str,
        mode: Mode,
        version: str,
        groups: tuple[Terms, ...],
        amount: int,
        block: int,
    ) -> int:
        """Open a deployment with its first deposit and one order a group; its number, from 1."""
        if token not in self.currencies:
            raise Refused("market: currency is not listed", value=token)
        if not groups:
            raise Refused("market: there are no groups")
        for terms in groups:
            if terms.max_price <= 0:
                raise Refused("market: price is zero")
            if (terms.all_of or terms.any_of) and not terms.attributes:
                raise Refused("market: auditors sign no attribute")
            if terms.window > self.params.max_window:
                raise Refused("market: reclamation window is out of range", value=terms.window)
        if amount < self.currencies[token].min_deposit:
            raise Refused("escrow: deposit is too small", value=amount)
        account = escrow.open_account(owner, amount, block, mode)
        self.deployments.append(Deployment(owner, token, version, account, [Group(t) for t in groups]))
        self._move(token, owner, -amount)
        return len(self.deployments)

    def update_deployment(self, caller: str, id: int, version: str) -> None:  # noqa: A002
        """Change the manifest's hash; nothing else can change."""
        one = self._owned(caller, id)
        if version == one.version:
            raise Refused("market: version is the same", value=version)
        one.version = version

    def deposit(self, caller: str, id: int, amount: int, block: int) -> None:  # noqa: A002
        """Add to a deployment's account; anyone may."""
        one = self._find(id)
        least = self.currencies[one.token].min_deposit
        one.account = escrow.deposit(one.account, caller, amount, block, least)
        self._move(one.token, caller, -amount)

    def take_back(self, caller: str, id: int, amount: int, block: int) -> None:  # noqa: A002
        """Return to a depositor what is not yet spent of its own."""
        one = self._find(id)
        one.account = escrow.take_back(one.account, caller, amount, block)
        self._move(one.token, caller, amount)

    def close_deployment(self, caller: str, id: int, block: int) -> None:  # noqa: A002
        """End everything: leases, orders, bids; give back the deposits."""
        one = self._owned(caller, id)
        for number, group in enumerate(one.groups, 1):
            self._end_order(id, number, block, LeaseState.CLOSED)
            group.state = GroupState.CLOSED
        one.account, refunds = escrow.close(one.account, block)
        for refund in refunds:
            self._move(one.token, refund.owner, refund.amount)
        one.active = False

    def pause_group(self, caller: str, id: int, group: int, block: int) -> None:  # noqa: A002
        """Take a group off the market: its order, bids and lease end."""
        self._leave_group(caller, id, group, block, GroupState.PAUSED)

    def close_group(self, caller: str, id: int, group: int, block: int) -> None:  # noqa: A002
        """Close a group for good."""
        self._leave_group(caller, id, group, block, GroupState.CLOSED)

    def start_group(self, caller: str, id: int, group: int) -> None:  # noqa: A002
        """Put a paused group, or one whose lease ended for want of money, back with a new order."""
        one = self._group(self._owned(caller, id), group)
        if one.state not in (GroupState.PAUSED, GroupState.DRY):
            raise Refused("market: group is not paused")
        one.state = GroupState.OPEN
        self._reorder(one)

    def create_lease(self, caller: str, order: int, agent: str, block: int) -> None:
        """Accept an open bid: the payment starts, all other bids lose and are refunded."""
        one, group = self._order(order)
        self._check_owner(caller, one)
        self._check_order(order, group, OrderState.OPEN, "market: order is not open")
        bid = self.bids.get(order, {}).get(agent)
        if bid is None or bid.state is not BidState.OPEN:
            raise Refused("market: bid is not open")
        one.account = escrow.add_payment(one.account, order, bid.price, block)
        for name, other in self.bids[order].items():
            if name != agent and other.state is BidState.OPEN:
                self._end_bid(order, name, BidState.LOST)
        self.bids[order][agent] = replace(bid, state=BidState.ACTIVE)
        self.leases[order] = Lease(agent, self.currencies[one.token].take)
        group.order = OrderState.ACTIVE

    def close_lease(self, caller: str, order: int, failed: bool, block: int) -> None:
        """The tenant's close, which makes the next order; ``failed`` keeps the provider away for a while."""
        one, group = self._order(order)
        self._check_owner(caller, one)
        self._check_order(order, group, OrderState.ACTIVE, "market: lease is not active")
        if failed:
            group.cool[self.leases[order].agent] = block + self.params.cooldown
        self._end_order(*self._parts(order)[:2], block, LeaseState.CLOSED)
        self._reorder(group)

    # the provider
    def bid(
        self, caller: str, order: int, agent: str, price: int, window: int, proof: Proof, block: int
    ) -> None:
        """Offer to serve an order at ``price`` a block; the bid deposit goes along."""
        _, group = self._order(order)
        self._check_order(order, group, OrderState.OPEN, "market: order is not open")
        if price <= 0:
            raise Refused("market: price is zero")
        if price > group.terms.max_price:
            raise Refused("market: price is over the order's", value=price)
        if block < group.cool.get(agent, 0):
            raise Refused("market: provider failed here lately", value=agent)
        bids = self.bids.setdefault(order, {})
        if agent in bids and bids[agent].state is BidState.OPEN:
            raise Refused("market: provider has a bid here", value=agent)
        if sum(one.state is BidState.OPEN for one in bids.values()) >= self.params.max_bids:
            raise Refused("market: order has too many bids")
        if window and not self.params.min_window <= window <= self.params.max_window:
            raise Refused("market: reclamation window is out of range", value=window)
        if window < group.terms.window:
            raise Refused("market: reclamation window is too short", value=window)
        check_proof(group.terms, proof)
        bids.pop(agent, None)
        bids[agent] = Bid(price, window, caller, self.params.bid_deposit)
        self._move(self.network, caller, -self.params.bid_deposit)

    def close_bid(self, order: int, agent: str, block: int) -> None:
        """The provider's close: of an open bid, or of its lease once a promised window has passed."""
        _, group = self._order(order)
        bid = self.bids.get(order, {}).get(agent)
        if bid is not None and bid.state is BidState.OPEN:
            self._end_bid(order, agent, BidState.CLOSED)
            return
        if bid is None or bid.state is not BidState.ACTIVE:
            raise Refused("market: bid is not open")
        lease = self.leases[order]
        if bid.window and (lease.state is not LeaseState.RECLAIMING or block < lease.reclaim_at):
            raise Refused("market: reclamation window has not passed", value=lease.reclaim_at)
        group.cool[agent] = block + self.params.cooldown
        self._end_order(*self._parts(order)[:2], block, LeaseState.CLOSED)
        self._reorder(group)

    def start_reclaim(self, order: int, agent: str, block: int) -> int:
        """Announce a leave; the block from which the provider may close. The full rate is paid until then."""
        lease = self._lease_of(order, agent)
        if lease.state is not LeaseState.ACTIVE:
            raise Refused("market: lease is not active")
        until = block + self.bids[order][agent].window
        self.leases[order] = replace(lease, state=LeaseState.RECLAIMING, reclaim_at=until)
        return until

    def close_dry(self, order: int, agent: str, block: int) -> None:
        """End a lease that has not been paid for ``grace`` blocks; the group waits to be started again."""
        self._lease_of(order, agent)
        one, group = self._order(order)
        account = escrow.settle(one.account, block)
        if account.state is not escrow.State.PAUSED or block < account.paused_at + self.params.grace:
            raise Refused("market: account is not dry for long enough")
        one.account = account
        self._end_order(*self._parts(order)[:2], block, LeaseState.DRY)
        group.state = GroupState.DRY

    def withdraw(self, order: int, payee: str, block: int) -> tuple[int, int]:
        """Pay the provider what it has earned, less the take: ``(net, fee)``; anyone may."""
        one, _ = self._order(order)
        account, amount = escrow.withdraw(one.account, order, block)
        one.account = account
        net, fee = take_fee(amount, self.leases[order].take)
        self.pots[one.token] += fee
        self._move(one.token, payee, net)
        return net, fee

    def sweep(self, token: str) -> tuple[int, int, int]:
        """Send the fee income on: ``(providers, community, holders)``."""
        parts = split_income(self.pots.pop(token, 0), self.split)
        for name, part in zip(("providers", "community", "holders"), parts, strict=True):
            self._move(token, name, part)
        return parts

    # what is there
    def held(self, token: str) -> int:
        """All that the market holds of a token: accounts, bid deposits, fees."""
        total = self.pots[token]
        total += sum(one.account.held for one in self.deployments if one.token == token)
        if token == self.network:
            bids = (bid for bids in self.bids.values() for bid in bids.values())
            total += sum(bid.deposit for bid in bids if bid.state in (BidState.OPEN, BidState.ACTIVE))
        return total

    def _move(self, token: str, account: str, amount: int) -> None:
        self.wallets[token, account] += amount

    def _find(self, id: int) -> Deployment:  # noqa: A002
        if not 1 <= id <= len(self.deployments):
            raise Refused("market: there is no such deployment", value=id)
        return self.deployments[id - 1]

    def _owned(self, caller: str, id: int) -> Deployment:  # noqa: A002
        one = self._find(id)
        self._check_owner(caller, one)
        if not one.active:
            raise Refused("market: deployment is closed", value=id)
        return one

    @staticmethod
    def _check_owner(caller: str, one: Deployment) -> None:
        if caller != one.owner:
            raise Refused("market: caller is not the tenant", value=caller)

    @staticmethod
    def _group(one: Deployment, group: int) -> Group:
        if not 1 <= group <= len(one.groups):
            raise Refused("market: there is no such group", value=group)
        return one.groups[group - 1]

    @staticmethod
    def _parts(order: int) -> tuple[int, int, int]:
        return order >> 64, order >> 32 & 0xFFFFFFFF, order & 0xFFFFFFFF

    def _order(self, order: int) -> tuple[Deployment, Group]:
        id, group, _ = self._parts(order)  # noqa: A001
        one = self._find(id)
        return one, self._group(one, group)

    def _check_order(self, order: int, group: Group, state: OrderState, sentence: str) -> None:
        if self._parts(order)[2] != group.orders or group.order is not state:
            raise Refused(sentence, value=order)

    def _lease_of(self, order: int, agent: str) -> Lease:
        lease = self.leases.get(order)
        if (
            lease is None
            or lease.agent != agent
            or lease.state not in (LeaseState.ACTIVE, LeaseState.RECLAIMING)
        ):
            raise Refused("market: lease is not active", value=order)
        return lease

    def _leave_group(self, caller: str, id: int, group: int, block: int, state: GroupState) -> None:  # noqa: A002
        one = self._group(self._owned(caller, id), group)
        if one.state is not GroupState.OPEN and (state is GroupState.PAUSED or one.state is state):
            raise Refused("market: group is not open")
        self._end_order(id, group, block, LeaseState.CLOSED)
        one.state = state

    @staticmethod
    def _reorder(group: Group) -> None:
        group.orders += 1
        group.order = OrderState.OPEN

    def _end_bid(self, order: int, agent: str, state: BidState) -> None:
        bid = self.bids[order][agent]
        self.bids[order][agent] = replace(bid, state=state)
        self._move(self.network, bid.payer, bid.deposit)

    def _end_order(self, id: int, number: int, block: int, state: LeaseState) -> None:  # noqa: A002
        """Close a group's last order with its bids and lease, if it is not closed."""
        one = self.deployments[id - 1]
        group = one.groups[number - 1]
        order = find_order(id, number, group.orders)
        if group.order is OrderState.ACTIVE:
            one.account = escrow.end_payment(one.account, order, block)
            lease = self.leases[order]
            self.leases[order] = replace(lease, state=state)
            self._end_bid(order, lease.agent, BidState.CLOSED)
        for agent, bid in self.bids.get(order, {}).items():
            if bid.state is BidState.OPEN:
                self._end_bid(order, agent, BidState.LOST)
        group.order = OrderState.CLOSED
