# pragma version ~=0.4.3
"""
@title Order book
@license Apache-2.0
@notice Deployments, groups, orders, bids and leases, and every step between their states. An order's number is
        `deployment << 64 | group << 32 | order`, group and order from 1; of a group's orders only the last is not
        closed. Mirror of `spec/market.py`.
"""

import audit
import rule
import stream
import till

uses: audit
uses: rule
uses: stream
uses: till


# Most groups in a deployment.
MAX_GROUPS: constant(uint256) = 20
MASK: constant(uint256) = 2**32 - 1
GROUP_OPEN: constant(uint256) = 1
GROUP_PAUSED: constant(uint256) = 2
GROUP_DRY: constant(uint256) = 3
GROUP_CLOSED: constant(uint256) = 4
ORDER_OPEN: constant(uint256) = 1
ORDER_ACTIVE: constant(uint256) = 2
ORDER_CLOSED: constant(uint256) = 3
BID_OPEN: constant(uint256) = 1
BID_ACTIVE: constant(uint256) = 2
BID_LOST: constant(uint256) = 3
BID_CLOSED: constant(uint256) = 4
LEASE_ACTIVE: constant(uint256) = 1
LEASE_RECLAIMING: constant(uint256) = 2
LEASE_CLOSED: constant(uint256) = 3
LEASE_DRY: constant(uint256) = 4
network: public(immutable(address))


struct Terms:
    spec: bytes32
    max_price: uint256
    window: uint256
    attributes: DynArray[bytes32, audit.MAX_ATTRIBUTES]
    all_of: DynArray[address, audit.MAX_AUDITORS]
    any_of: DynArray[address, audit.MAX_AUDITORS]


struct Deployment:
    owner: address
    token: address
    version: bytes32
    groups: uint256
    active: bool


struct Group:
    terms: bytes32
    state: uint256
    orders: uint256
    order: uint256


struct Bid:
    price: uint256
    window: uint256
    offer: bytes32
    payer: address
    deposit: uint256
    state: uint256


struct Lease:
    agent: uint256
    take: uint256
    state: uint256
    reclaim_at: uint256


count: uint256
deployments: public(HashMap[uint256, Deployment])
groups: public(HashMap[uint256, HashMap[uint256, Group]])
# by order and agent; a bid's states are 1 open, 2 won, 3 lost, 4 closed
bids: public(HashMap[uint256, HashMap[uint256, Bid]])
bidders: HashMap[uint256, DynArray[uint256, rule.MAX_BIDS]]
# by order; a lease's states are 1 active, 2 reclaiming, 3 closed, 4 dry
leases: public(HashMap[uint256, Lease])
cool: HashMap[uint256, HashMap[uint256, uint256]]


event GroupChanged:
    deployment: indexed(uint256)
    group: uint256
    state: uint256


event OrderOpened:
    order: indexed(uint256)


event BidPlaced:
    order: indexed(uint256)
    agent: indexed(uint256)
    price: uint256
    window: uint256
    offer: bytes32


event BidEnded:
    order: indexed(uint256)
    agent: indexed(uint256)
    state: uint256


event LeaseCreated:
    order: indexed(uint256)
    agent: indexed(uint256)
    price: uint256
    take: uint256


event LeaseEnded:
    order: indexed(uint256)
    agent: indexed(uint256)
    state: uint256


@deploy
def __init__(network_: address):
    network = network_


@external
@view
def bidders_of(order: uint256) -> DynArray[uint256, rule.MAX_BIDS]:
    """
    @notice The agents whose bids on the order are open or won.
    """
    return self.bidders[order]


@external
@view
def cool_until(deployment: uint256, group: uint256, agent: uint256) -> uint256:
    """
    @notice The first block in which a provider that failed may bid on the group again.
    """
    return self.cool[deployment << 32 | group][agent]


@internal
def _create(owner: address, token: address, version: bytes32) -> uint256:
    id: uint256 = self.count + 1
    self.count = id
    self.deployments[id] = Deployment(owner=owner, token=token, version=version, groups=0, active=True)
    return id


@internal
def _add_group(id: uint256, terms: Terms):
    assert terms.max_price != 0, "market: price is zero"
    assert (
        len(terms.attributes) != 0 or len(terms.all_of) + len(terms.any_of) == 0
    ), "market: auditors sign no attribute"
    assert terms.window <= rule.params.max_window, "market: reclamation window is out of range"

    number: uint256 = self.deployments[id].groups + 1
    self.deployments[id].groups = number
    self.groups[id][number] = Group(terms=keccak256(abi_encode(terms)), state=GROUP_OPEN, orders=0, order=0)
    self._reorder(id, number)


@internal
def _bid(
    order: uint256,
    agent: uint256,
    price: uint256,
    window: uint256,
    offer: bytes32,
    terms: Terms,
    proofs: DynArray[bytes32, audit.MAX_PROOFS],
):
    self._check_order(order, ORDER_OPEN, "market: order is not open")
    audit._check_agent(agent)
    assert keccak256(abi_encode(terms)) == self.groups[order >> 64][order >> 32 & MASK].terms, "market: terms differ"
    assert price != 0, "market: price is zero"
    assert price <= terms.max_price, "market: price is over the order's"
    assert block.number >= self.cool[order >> 32][agent], "market: provider failed here lately"
    assert self.bids[order][agent].state != BID_OPEN, "market: provider has a bid here"
    params: rule.Params = rule.params
    assert len(self.bidders[order]) < params.max_bids, "market: order has too many bids"
    assert (
        window == 0 or (window >= params.min_window and window <= params.max_window)
    ), "market: reclamation window is out of range"
    assert window >= terms.window, "market: reclamation window is too short"
    audit._check(agent, terms.attributes, terms.all_of, terms.any_of, proofs)

    self.bidders[order].append(agent)
    self.bids[order][agent] = Bid(
        price=price, window=window, offer=offer, payer=msg.sender, deposit=params.bid_deposit, state=BID_OPEN
    )

    log BidPlaced(order=order, agent=agent, price=price, window=window, offer=offer)

    till._receive(network, msg.sender, params.bid_deposit)


@internal
def _close_bid(order: uint256, agent: uint256):
    state: uint256 = self.bids[order][agent].state
    if state == BID_OPEN:
        left: DynArray[uint256, rule.MAX_BIDS] = []
        for one: uint256 in self.bidders[order]:
            if one != agent:
                left.append(one)
        self.bidders[order] = left
        self._end_bid(order, agent, BID_CLOSED)
        return

    assert state == BID_ACTIVE, "market: bid is not open"
    lease: Lease = self.leases[order]
    assert self.bids[order][agent].window == 0 or (
        lease.state == LEASE_RECLAIMING and block.number >= lease.reclaim_at
    ), "market: reclamation window has not passed"

    self._cool(order, agent)
    self._end_order(order >> 64, order >> 32 & MASK, LEASE_CLOSED)
    self._reorder(order >> 64, order >> 32 & MASK)


@internal
def _create_lease(order: uint256, agent: uint256, take: uint256):
    self._check_tenant(order >> 64)
    self._check_order(order, ORDER_OPEN, "market: order is not open")
    bid: Bid = self.bids[order][agent]
    assert bid.state == BID_OPEN, "market: bid is not open"

    stream._add(order >> 64, order, bid.price)
    self.bids[order][agent].state = BID_ACTIVE
    self.leases[order] = Lease(agent=agent, take=take, state=LEASE_ACTIVE, reclaim_at=0)
    self.groups[order >> 64][order >> 32 & MASK].order = ORDER_ACTIVE

    log LeaseCreated(order=order, agent=agent, price=bid.price, take=take)

    self._end_bids(order, agent)
    self.bidders[order] = [agent]


@internal
def _close_lease(order: uint256, failed: bool):
    self._check_tenant(order >> 64)
    self._check_order(order, ORDER_ACTIVE, "market: lease is not active")

    if failed:
        self._cool(order, self.leases[order].agent)
    self._end_order(order >> 64, order >> 32 & MASK, LEASE_CLOSED)
    self._reorder(order >> 64, order >> 32 & MASK)


@internal
def _close_dry(order: uint256):
    state: uint256 = self.leases[order].state
    assert state == LEASE_ACTIVE or state == LEASE_RECLAIMING, "market: lease is not active"
    id: uint256 = order >> 64
    stream._settle(id)
    assert (
        stream.accounts[id].state == stream.PAUSED
        and block.number >= stream.accounts[id].paused_at + rule.params.grace
    ), "market: account is not dry for long enough"

    self._end_order(id, order >> 32 & MASK, LEASE_DRY)
    self._set_group(id, order >> 32 & MASK, GROUP_DRY)


@internal
def _leave_group(id: uint256, group: uint256, state: uint256):
    now: uint256 = self._check_group(id, group)
    assert now == GROUP_OPEN or (state == GROUP_CLOSED and now != state), "market: group is not open"

    self._set_group(id, group, state)
    self._end_order(id, group, LEASE_CLOSED)


@internal
def _start_group(id: uint256, group: uint256):
    now: uint256 = self._check_group(id, group)
    assert now == GROUP_PAUSED or now == GROUP_DRY, "market: group is not paused"

    self._set_group(id, group, GROUP_OPEN)
    self._reorder(id, group)


@internal
def _set_group(id: uint256, group: uint256, state: uint256):
    self.groups[id][group].state = state
    log GroupChanged(deployment=id, group=group, state=state)


@internal
def _reorder(id: uint256, group: uint256):
    """
    @dev Open the group's next order.
    """
    number: uint256 = self.groups[id][group].orders + 1
    self.groups[id][group].orders = number
    self.groups[id][group].order = ORDER_OPEN
    log OrderOpened(order=id << 64 | group << 32 | number)


@internal
def _end_order(id: uint256, group: uint256, state: uint256):
    """
    @dev Close the group's last order with its bids and lease; nothing if it is closed.
    """
    one: Group = self.groups[id][group]
    order: uint256 = id << 64 | group << 32 | one.orders
    if one.order == ORDER_CLOSED:
        return

    self.groups[id][group].order = ORDER_CLOSED
    if one.order == ORDER_ACTIVE:
        agent: uint256 = self.leases[order].agent
        stream._end(id, order)
        self.leases[order].state = state
        log LeaseEnded(order=order, agent=agent, state=state)
        self._end_bid(order, agent, BID_CLOSED)
    else:
        self._end_bids(order, max_value(uint256))


@internal
def _end_bids(order: uint256, winner: uint256):
    """
    @dev All open bids but the winner's lose, and are refunded.
    """
    for agent: uint256 in self.bidders[order]:
        if agent != winner:
            self._end_bid(order, agent, BID_LOST)


@internal
def _end_bid(order: uint256, agent: uint256, state: uint256):
    bid: Bid = self.bids[order][agent]
    self.bids[order][agent].state = state
    log BidEnded(order=order, agent=agent, state=state)
    till._send(network, bid.payer, bid.deposit)


@internal
def _cool(order: uint256, agent: uint256):
    self.cool[order >> 32][agent] = block.number + rule.params.cooldown


@internal
@view
def _token(id: uint256) -> address:
    token: address = self.deployments[id].token
    assert token != empty(address), "market: there is no such deployment"
    return token


@internal
@view
def _check_tenant(id: uint256):
    self._token(id)
    assert msg.sender == self.deployments[id].owner, "market: caller is not the tenant"


@internal
@view
def _check_owned(id: uint256):
    self._check_tenant(id)
    assert self.deployments[id].active, "market: deployment is closed"


@internal
@view
def _check_group(id: uint256, group: uint256) -> uint256:
    self._check_owned(id)
    state: uint256 = self.groups[id][group].state
    assert state != 0, "market: there is no such group"
    return state


@internal
@view
def _check_order(order: uint256, state: uint256, sentence: String[32]):
    group: Group = self.groups[order >> 64][order >> 32 & MASK]
    assert order & MASK == group.orders and group.order == state, sentence
