# pragma version ~=0.4.3
"""
@title Subnets
@license Apache-2.0
@notice The markets of the network: each subnet's clock, parameters and neurons. An agent of the identity registry buys
        a place (a uid) at a price that rises with each registration and halves with time.
@custom:halt A subnet's owner can change its parameters, each change after `params_delay` blocks, and dissolve it when
             no neuron is left, or `params_delay` blocks after it announced the end. Nobody else can change or stop anything. Stake and earned claims are elsewhere and stay.
"""

import checkpoint
import clock
import lock
import params
import place
import price

initializes: checkpoint
initializes: clock
initializes: lock
initializes: params[checkpoint := checkpoint, clock := clock]
initializes: place

exports: (
    clock.clocks,
    clock.current_epoch,
    clock.first_block,
    clock.phase,
    lock.ends_at,
    lock.last_lock,
    lock.last_lock_at,
    lock.lock_cost,
    lock.lock_interval,
    lock.min_lock,
    params.fee_split,
    params.params_at,
    params.params_hash,
    params.rules,
    place.agent_of,
    place.is_registered,
    place.neuron,
    place.neuron_count,
    place.registered,
    place.uid_of,
)


interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable
    def transferFrom(owner: address, receiver: address, amount: uint256) -> bool: nonpayable
    def burn(amount: uint256): nonpayable


interface Identity:
    def getAgentWallet(agent: uint256) -> address: view
    def isAuthorizedOrOwner(account: address, agent: uint256) -> bool: view


interface Stakes:
    def unbonding() -> uint256: view
    def stake_at(subnet: uint256, agent: uint256, epoch: uint256) -> uint256: view


MAX_UIDS: constant(uint256) = 256
MAX_SUBNETS: public(constant(uint256)) = 128

token: public(immutable(address))
identity: public(immutable(address))
stakes: public(immutable(address))
params_delay: public(immutable(uint256))
DEPLOYER: immutable(address)


struct Subnet:
    owner: address
    created: uint256
    lock: uint256
    price: uint256
    priced_at: uint256
    live: bool


struct ClosingRules:
    params: bytes32
    first_block: uint256
    tempo: uint256
    current: uint256
    window: uint256
    stall: uint256
    equivocation_bps: uint256
    fault_bps: uint256
    live: bool


struct Row:
    agent: uint256
    registered_at: uint256
    wallet: address
    stake: uint256
    free: bool


weights: public(address)
epochs: public(address)
count: public(uint256)
live: public(uint256)
subnets: public(HashMap[uint256, Subnet])


event SubnetCreated:
    subnet: indexed(uint256)
    owner: indexed(address)
    tempo: uint256
    commit_blocks: uint256
    lock: uint256


event SubnetDissolved:
    subnet: indexed(uint256)
    lock: uint256


event OwnerChanged:
    subnet: indexed(uint256)
    owner: indexed(address)


@deploy
def __init__(
    token_: address,
    identity_: address,
    stakes_: address,
    params_delay_blocks: uint256,
    min_lock_: uint256,
    lock_interval_blocks: uint256,
):
    """
    @notice A new subnet locks `min_lock_` at least; the cost doubles with each and falls back within two intervals.
    """
    assert params_delay_blocks > staticcall Stakes(stakes_).unbonding(), "subnets: delay is below the unbonding"

    token = token_
    identity = identity_
    stakes = stakes_
    params_delay = params_delay_blocks
    lock.__init__(min_lock_, lock_interval_blocks)
    DEPLOYER = msg.sender


@external
def bind(weights_: address, epochs_: address):
    """
    @notice Name the two contracts beside this one; once, by the deployer.
    """
    assert msg.sender == DEPLOYER, "subnets: caller is not the deployer"
    assert self.weights == empty(address), "subnets: already bound"

    self.weights = weights_
    self.epochs = epochs_


@external
def create_subnet(
    tempo: uint256, commit_blocks: uint256, p: params.Params, max_lock: uint256, deadline: uint256
) -> uint256:
    """
    @notice Open a subnet whose epochs last `tempo` blocks, of which the first `commit_blocks` take commitments. The
            lock comes back when the subnet is dissolved.
    """
    assert block.timestamp <= deadline, "subnets: deadline has passed"
    assert self.live < MAX_SUBNETS, "subnets: all subnets are taken"
    cost: uint256 = lock._cost()
    assert cost <= max_lock, "subnets: lock costs more than the maximum given"
    self._check_params(tempo, p)

    self.count += 1
    self.live += 1
    subnet: uint256 = self.count
    lock._take(cost)
    self.subnets[subnet] = Subnet(
        owner=msg.sender,
        created=block.number,
        lock=cost,
        price=p.price_min,
        priced_at=block.number,
        live=True,
    )
    clock._start(subnet, tempo, commit_blocks)
    params._set(subnet, 0, p)

    log SubnetCreated(
        subnet=subnet, owner=msg.sender, tempo=tempo, commit_blocks=commit_blocks, lock=cost
    )

    assert extcall Token(token).transferFrom(msg.sender, self, cost)
    return subnet


@external
def announce_end(subnet: uint256):
    """
    @notice Take no more neurons, for good, so that the subnet can be dissolved after `params_delay` blocks though some
            stay: nobody keeps its lock by squatting.
    """
    self._check_owner(subnet)

    lock._announce(subnet, params_delay)


@external
def dissolve(subnet: uint256):
    """
    @notice End a subnet and return its lock, one lock interval after its start at the earliest; with neurons left, only
            when its end was announced. It mints no more; fees go to those who go on judging.
    """
    self._check_owner(subnet)
    lock._check_end(subnet, self.subnets[subnet].created, place.registered[subnet])

    amount: uint256 = self.subnets[subnet].lock
    self.subnets[subnet].lock = 0
    self.subnets[subnet].live = False
    self.live -= 1

    log SubnetDissolved(subnet=subnet, lock=amount)

    assert extcall Token(token).transfer(msg.sender, amount)


@external
def change_owner(subnet: uint256, owner: address):
    """
    @notice Hand a subnet, its lock and its part of the emission to another account.
    """
    self._check_owner(subnet)
    assert owner != empty(address), "subnets: owner is zero"

    self.subnets[subnet].owner = owner

    log OwnerChanged(subnet=subnet, owner=owner)


@external
def change_params(subnet: uint256, p: params.Params) -> uint256:
    """
    @notice Set the parameters from the first epoch that begins after `params_delay` blocks; that epoch's number.
    """
    self._check_owner(subnet)
    self._check_params(clock.clocks[subnet].tempo, p)

    epoch: uint256 = clock._epoch(subnet, block.number + params_delay) + 1
    params._set(subnet, epoch, p)
    return epoch


@external
def register(subnet: uint256, agent: uint256, max_price: uint256, deadline: uint256) -> uint256:
    """
    @notice Buy a uid for an agent that the caller holds; the price is burnt. On a full subnet the neuron that earned
            least gives up its uid.
    """
    assert self.subnets[subnet].live, "subnets: there is no such subnet"
    lock._check_open(subnet)
    assert block.timestamp <= deadline, "subnets: deadline has passed"
    self._check_agent(agent)
    assert place._uids[subnet][agent] == 0, "subnets: agent is registered"
    epoch: uint256 = clock._epoch(subnet, block.number)
    version: uint256 = params._version(subnet, epoch)
    cost: uint256 = self._price(subnet, version)
    assert cost <= max_price, "subnets: price is over the maximum given"

    victim: uint256 = max_value(uint256)
    if place.neuron_count[subnet] >= params._params[subnet][version].max_uids:
        victim = place._victim(subnet, epoch, params._params[subnet][version].immunity, self.weights)
    uid: uint256 = place._place(subnet, agent, cost, victim, self.weights)
    self.subnets[subnet].price = price._bumped(
        cost, params._params[subnet][version].price_bump, params._params[subnet][version].price_max
    )
    self.subnets[subnet].priced_at = block.number

    assert extcall Token(token).transferFrom(msg.sender, self, cost)
    extcall Token(token).burn(cost)
    return uid


@external
def deregister(subnet: uint256, agent: uint256):
    """
    @notice Give up an agent's uid; its stake and collateral stay with those who own them.
    """
    self._check_agent(agent)
    uid: uint256 = place._uids[subnet][agent]
    assert uid != 0, "subnets: agent is not registered"

    place._vacate(subnet, uid - 1, False, self.weights)


@external
def note_pay(subnet: uint256, agent: uint256, epoch: uint256, amount: uint256):
    """
    @notice Remember what a neuron was paid for an epoch, which decides who is pruned; only `Epochs`.
    """
    assert msg.sender == self.epochs, "subnets: caller is not the epochs contract"

    place._note_pay(subnet, agent, epoch, amount)


@external
@view
def price_of(subnet: uint256) -> uint256:
    """
    @notice What a registration costs in this block.
    """
    return self._price(subnet, params._version(subnet, clock._epoch(subnet, block.number)))


@external
@view
def closing_rules(subnet: uint256, epoch: uint256) -> ClosingRules:
    """
    @notice What a closing of `epoch` must satisfy, and the epoch of this block.
    """
    version: uint256 = params._version(subnet, epoch)
    return ClosingRules(
        params=params._hashes[subnet][version],
        first_block=clock._first(subnet, epoch),
        tempo=clock.clocks[subnet].tempo,
        current=clock._epoch(subnet, block.number),
        window=params._params[subnet][version].closing_window,
        stall=params._params[subnet][version].stall_epochs,
        equivocation_bps=params._params[subnet][version].equivocation_slash_bps,
        fault_bps=params._params[subnet][version].fault_slash_bps,
        live=self.subnets[subnet].live,
    )


@external
@view
def neurons(subnet: uint256) -> DynArray[Row, MAX_UIDS]:
    """
    @notice Every uid in order: agent, wallet (zero while suspended), and the stake behind it now.
    """
    rows: DynArray[Row, MAX_UIDS] = []
    epoch: uint256 = clock._epoch(subnet, block.number)
    for uid: uint256 in range(place.neuron_count[subnet], bound=MAX_UIDS):
        neuron: place.Neuron = place.neuron[subnet][uid]
        row: Row = Row(
            agent=neuron.agent,
            registered_at=neuron.registered_at,
            wallet=empty(address),
            stake=0,
            free=neuron.free,
        )
        if not neuron.free:
            row.wallet = staticcall Identity(identity).getAgentWallet(neuron.agent)
            row.stake = staticcall Stakes(stakes).stake_at(subnet, neuron.agent, epoch)
        rows.append(row)
    return rows


@internal
@view
def _check_params(tempo: uint256, p: params.Params):
    params._check(p)
    assert (
        (p.stall_epochs + 2) * tempo + p.closing_window <= staticcall Stakes(stakes).unbonding()
    ), "subnets: closings take longer than the unbonding"


@internal
@view
def _check_owner(subnet: uint256):
    assert self.subnets[subnet].live, "subnets: there is no such subnet"
    assert msg.sender == self.subnets[subnet].owner, "subnets: caller is not the owner"


@internal
@view
def _check_agent(agent: uint256):
    assert (
        staticcall Identity(identity).getAgentWallet(agent) == msg.sender
        or staticcall Identity(identity).isAuthorizedOrOwner(msg.sender, agent)
    ), "subnets: caller does not hold the agent"


@internal
@view
def _price(subnet: uint256, version: uint256) -> uint256:
    return price._decayed(
        self.subnets[subnet].price,
        block.number - self.subnets[subnet].priced_at,
        params._params[subnet][version].price_min,
        params._params[subnet][version].price_max,
        params._params[subnet][version].price_half_life,
    )
