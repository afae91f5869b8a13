# pragma version ~=0.4.3
# pragma optimize codesize
"""
@title Compute market
@license Apache-2.0
@notice Machines rented by auction: deployments of groups, one order a group, bids with deposits, leases paid by the
        block out of a streaming escrow. Mirror of `spec/market.py`.
@custom:halt Nobody can pause it or move users' money. The owner lists currencies, sets the take of leases to come,
             the bid deposit and waiting times, each within fixed bounds. Tenants close and take back what is unspent,
             and providers withdraw what they earned, at any time.
"""

import audit
import order_book
import fee
import ownable
import rule
import stream
import till

initializes: audit
initializes: ownable
initializes: rule[ownable := ownable]
initializes: stream
initializes: till
initializes: fee[ownable := ownable, till := till]
initializes: order_book[audit := audit, rule := rule, stream := stream, till := till]

exports: (
    audit.declare,
    audit.declared,
    audit.identity,
    audit.validation,
    order_book.bidders_of,
    order_book.bids,
    order_book.cool_until,
    order_book.deployments,
    order_book.groups,
    order_book.leases,
    order_book.network,
    ownable.owner,
    ownable.pending_owner,
    ownable.propose_owner,
    ownable.accept_owner,
    ownable.renounce_owner,
    rule.params,
    rule.set_params,
    stream.account_of,
    stream.deposits_of,
    stream.dry_block,
    stream.payment_of,
    fee.currencies,
    fee.income,
    fee.pots,
    fee.set_currency,
    fee.set_income,
    fee.sweep,
    till.owed,
    till.pull,
)


event DeploymentCreated:
    deployment: indexed(uint256)
    owner: indexed(address)
    token: indexed(address)
    mode: uint256
    version: bytes32


event GroupCreated:
    deployment: indexed(uint256)
    group: uint256
    terms: order_book.Terms


event DeploymentUpdated:
    deployment: indexed(uint256)
    version: bytes32


event DeploymentClosed:
    deployment: indexed(uint256)


event Withdrawn:
    order: indexed(uint256)
    payee: indexed(address)
    amount: uint256
    fee: uint256


event Reclaiming:
    order: indexed(uint256)
    until: uint256


@deploy
def __init__(
    network_: address,
    identity_: address,
    validation_: address,
    owner_: address,
    params_: rule.Params,
    income_: fee.Income,
):
    """
    @notice Bid deposits are in the token `network_`; `owner_` lists the currencies.
    """
    ownable.__init__(owner_)
    audit.__init__(identity_, validation_)
    fee.__init__(income_)
    order_book.__init__(network_)
    rule.__init__(params_)


@external
@nonreentrant
def create_deployment(
    token: address, mode: uint256, version: bytes32, groups: DynArray[order_book.Terms, order_book.MAX_GROUPS], amount: uint256
) -> uint256:
    """
    @notice Open a deployment with its first deposit and an order for each group. What does not pay a whole block goes
            to streams in order (mode 0) or by rate (1). Returns the deployment's number.
    """
    assert fee.currencies[token].listed, "market: currency is not listed"
    assert len(groups) != 0, "market: there are no groups"

    id: uint256 = order_book._create(msg.sender, token, version)
    log DeploymentCreated(deployment=id, owner=msg.sender, token=token, mode=mode, version=version)
    for i: uint256 in range(len(groups), bound=order_book.MAX_GROUPS):
        order_book._add_group(id, groups[i])
        log GroupCreated(deployment=id, group=i + 1, terms=groups[i])
    assert amount >= fee.currencies[token].min_deposit, "escrow: deposit is too small"
    stream._open(id, msg.sender, mode, amount)

    till._receive(token, msg.sender, amount)
    return id


@external
def update_deployment(id: uint256, version: bytes32):
    """
    @notice Change the manifest's hash.
    """
    order_book._check_owned(id)
    assert version != order_book.deployments[id].version, "market: version is the same"

    order_book.deployments[id].version = version

    log DeploymentUpdated(deployment=id, version=version)


@external
@nonreentrant
def deposit(id: uint256, amount: uint256):
    """
    @notice Add to a deployment's account from the caller's tokens; anyone may.
    """
    token: address = order_book._token(id)
    stream._deposit(id, msg.sender, amount, fee.currencies[token].min_deposit)

    till._receive(token, msg.sender, amount)


@external
@nonreentrant
def take_back(id: uint256, amount: uint256):
    """
    @notice Return to the caller `amount` of what is not yet spent of its own deposit.
    """
    token: address = order_book._token(id)
    stream._take_back(id, msg.sender, amount)

    till._send(token, msg.sender, amount)


@external
@nonreentrant
def close_deployment(id: uint256):
    """
    @notice End all leases, orders and bids, and give everyone back what is left of their deposit.
    """
    order_book._check_owned(id)

    for i: uint256 in range(order_book.deployments[id].groups, bound=order_book.MAX_GROUPS):
        order_book._end_order(id, i + 1, order_book.LEASE_CLOSED)
        order_book._set_group(id, i + 1, order_book.GROUP_CLOSED)
    order_book.deployments[id].active = False
    refunds: DynArray[stream.Deposit, stream.MAX_DEPOSITS] = stream._close(id)

    log DeploymentClosed(deployment=id)

    token: address = order_book.deployments[id].token
    for refund: stream.Deposit in refunds:
        till._send(token, refund.owner, refund.amount)


@external
@nonreentrant
def pause_group(id: uint256, group: uint256):
    """
    @notice Take a group off the market: its order, bids and lease end.
    """
    order_book._leave_group(id, group, order_book.GROUP_PAUSED)


@external
@nonreentrant
def close_group(id: uint256, group: uint256):
    """
    @notice Close a group for good.
    """
    order_book._leave_group(id, group, order_book.GROUP_CLOSED)


@external
def start_group(id: uint256, group: uint256):
    """
    @notice Put a paused group, or one whose lease ended for want of money, back with a new order.
    """
    order_book._start_group(id, group)


@external
@nonreentrant
def bid(
    order: uint256,
    agent: uint256,
    price: uint256,
    window: uint256,
    offer: bytes32,
    terms: order_book.Terms,
    proofs: DynArray[bytes32, audit.MAX_PROOFS],
):
    """
    @notice Offer, as a provider, to serve an order at `price` a block, and to announce a leave `window` blocks ahead
            (0: no promise). `terms` are the group's; `offer` is the digest of the resources offered. The bid deposit is
            taken along, and given back when the bid has lost or ended.
    """
    order_book._bid(order, agent, price, window, offer, terms, proofs)


@external
@nonreentrant
def close_bid(order: uint256, agent: uint256):
    """
    @notice The provider's close: of an open bid, or of its lease once a promised window has passed.
    """
    audit._check_agent(agent)

    order_book._close_bid(order, agent)


@external
@nonreentrant
def create_lease(order: uint256, agent: uint256):
    """
    @notice Accept an open bid, as the tenant: its payment starts, all other bids lose and are refunded now.
    """
    order_book._create_lease(order, agent, fee.currencies[order_book._token(order >> 64)].take)


@external
@nonreentrant
def close_lease(order: uint256, failed: bool):
    """
    @notice The tenant's close, which makes the group's next order; a provider that `failed` cannot bid on
            it for a while.
    """
    order_book._close_lease(order, failed)


@external
def start_reclaim(order: uint256) -> uint256:
    """
    @notice Announce, as the provider, that the lease will be left; the first block in which it can be closed.
    """
    agent: uint256 = order_book.leases[order].agent
    audit._check_agent(agent)
    assert order_book.leases[order].state == order_book.LEASE_ACTIVE, "market: lease is not active"

    until: uint256 = block.number + order_book.bids[order][agent].window
    order_book.leases[order].state = order_book.LEASE_RECLAIMING
    order_book.leases[order].reclaim_at = until

    log Reclaiming(order=order, until=until)
    return until


@external
@nonreentrant
def close_dry(order: uint256):
    """
    @notice End, as the provider, a lease whose account has been dry for the grace period.
    """
    audit._check_agent(order_book.leases[order].agent)

    order_book._close_dry(order)


@external
@nonreentrant
def withdraw(order: uint256) -> uint256:
    """
    @notice Pay a provider, at its agent's wallet, what the order has earned, less the take; anyone may.
    """
    id: uint256 = order >> 64
    amount: uint256 = stream._withdraw(id, order)
    token: address = order_book.deployments[id].token
    net: uint256 = fee._charge(token, amount, order_book.leases[order].take)
    payee: address = audit._payee(order_book.leases[order].agent)

    log Withdrawn(order=order, payee=payee, amount=net, fee=amount - net)

    till._send(token, payee, net)
    return net
