# pragma version ~=0.4.3
"""
@title Subnets
@license Apache-2.0
@notice The markets of the network: each subnet's clock, parameters and neurons. An agent of the identity registry buys
        a place (a uid) at a price that rises with each registration and halves with time.
@custom:halt A subnet's owner can change its parameters, each change after `params_delay` blocks, and dissolve it when
             no neuron is left. Nobody else can change or stop anything. Stake and earned claims are elsewhere and stay.
"""

import checkpoint
import params

initializes: checkpoint


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


interface Weights:
    def holds_seat(subnet: uint256, uid: uint256) -> bool: view


MAX_UIDS: constant(uint256) = 256
MAX_SUBNETS: public(constant(uint256)) = 128
MIN_NON_IMMUNE: public(constant(uint256)) = 10
MILLION: constant(uint256) = 1_000_000

token: public(immutable(address))
identity: public(immutable(address))
stakes: public(immutable(address))
params_delay: public(immutable(uint256))
min_lock: public(immutable(uint256))
lock_interval: public(immutable(uint256))
DEPLOYER: immutable(address)


struct Subnet:
    owner: address
    start: uint256
    tempo: uint256
    commit_blocks: uint256
    lock: uint256
    neurons: uint256
    occupied: uint256
    price: uint256
    priced_at: uint256
    live: bool


struct Neuron:
    agent: uint256
    registered_at: uint256
    paid_epoch: uint256
    paid: uint256
    free: bool


struct Rules:
    neurons: uint256
    max_validators: uint256
    stake_threshold: uint256
    min_weights: uint256
    max_weight: uint256
    version_key: uint256


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
last_lock: public(uint256)
last_lock_at: public(uint256)
subnets: public(HashMap[uint256, Subnet])
neuron: public(HashMap[uint256, HashMap[uint256, Neuron]])
_uids: HashMap[uint256, HashMap[uint256, uint256]]
_params: HashMap[uint256, HashMap[uint256, params.Params]]
_hashes: HashMap[uint256, HashMap[uint256, bytes32]]
_versions: HashMap[uint256, uint256]


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


event ParamsChanged:
    subnet: indexed(uint256)
    epoch: indexed(uint256)
    hash: bytes32


event Registered:
    subnet: indexed(uint256)
    uid: indexed(uint256)
    agent: indexed(uint256)
    price: uint256


event Deregistered:
    subnet: indexed(uint256)
    uid: indexed(uint256)
    agent: indexed(uint256)
    pruned: bool


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
    assert lock_interval_blocks != 0, "subnets: interval is zero"

    token = token_
    identity = identity_
    stakes = stakes_
    params_delay = params_delay_blocks
    min_lock = min_lock_
    lock_interval = lock_interval_blocks
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
    assert commit_blocks != 0 and commit_blocks < tempo, "subnets: tempo has no room to commit and reveal"
    assert self.live < MAX_SUBNETS, "subnets: all subnets are taken"
    lock: uint256 = self._lock_cost()
    assert lock <= max_lock, "subnets: lock costs more than the maximum given"
    self._check_params(tempo, p)

    self.count += 1
    self.live += 1
    subnet: uint256 = self.count
    self.last_lock = lock
    self.last_lock_at = block.number
    self.subnets[subnet] = Subnet(
        owner=msg.sender,
        start=block.number,
        tempo=tempo,
        commit_blocks=commit_blocks,
        lock=lock,
        neurons=0,
        occupied=0,
        price=p.price_min,
        priced_at=block.number,
        live=True,
    )
    self._set_params(subnet, 0, p)

    log SubnetCreated(
        subnet=subnet, owner=msg.sender, tempo=tempo, commit_blocks=commit_blocks, lock=lock
    )

    assert extcall Token(token).transferFrom(msg.sender, self, lock)
    return subnet


@external
def dissolve(subnet: uint256):
    """
    @notice End a subnet without neurons and return its lock, one lock interval after its start at the earliest.
    """
    self._check_owner(subnet)
    assert self.subnets[subnet].occupied == 0, "subnets: there are neurons left"
    assert block.number >= self.subnets[subnet].start + lock_interval, "subnets: lock is still held"

    lock: uint256 = self.subnets[subnet].lock
    self.subnets[subnet].lock = 0
    self.subnets[subnet].live = False
    self.live -= 1

    log SubnetDissolved(subnet=subnet, lock=lock)

    assert extcall Token(token).transfer(msg.sender, lock)


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
    self._check_params(self.subnets[subnet].tempo, p)

    epoch: uint256 = self._epoch(subnet, block.number + params_delay) + 1
    self._set_params(subnet, epoch, p)
    return epoch


@external
def register(subnet: uint256, agent: uint256, max_price: uint256, deadline: uint256) -> uint256:
    """
    @notice Buy a uid for an agent that the caller holds; the price is burnt. On a full subnet the neuron that earned
            least gives up its uid.
    """
    assert self.subnets[subnet].live, "subnets: there is no such subnet"
    assert block.timestamp <= deadline, "subnets: deadline has passed"
    self._check_agent(agent)
    assert self._uids[subnet][agent] == 0, "subnets: agent is registered"
    version: uint256 = self._version(subnet, self._epoch(subnet, block.number))
    price: uint256 = self._price(subnet, version)
    assert price <= max_price, "subnets: price is over the maximum given"

    uid: uint256 = self.subnets[subnet].neurons
    if uid < self._params[subnet][version].max_uids:
        self.subnets[subnet].neurons = uid + 1
    else:
        uid = self._victim(subnet, self._params[subnet][version].immunity)
        if not self.neuron[subnet][uid].free:
            self._vacate(subnet, uid, True)
    self.neuron[subnet][uid] = Neuron(
        agent=agent, registered_at=block.number, paid_epoch=0, paid=0, free=False
    )
    self._uids[subnet][agent] = uid + 1
    self.subnets[subnet].occupied += 1
    bumped: uint256 = price * self._params[subnet][version].price_bump // MILLION
    self.subnets[subnet].price = min(bumped, self._params[subnet][version].price_max)
    self.subnets[subnet].priced_at = block.number

    log Registered(subnet=subnet, uid=uid, agent=agent, price=price)

    assert extcall Token(token).transferFrom(msg.sender, self, price)
    extcall Token(token).burn(price)
    return uid


@external
def deregister(subnet: uint256, agent: uint256):
    """
    @notice Give up an agent's uid; its stake and collateral stay with those who own them.
    """
    self._check_agent(agent)
    uid: uint256 = self._uids[subnet][agent]
    assert uid != 0, "subnets: agent is not registered"

    self._vacate(subnet, uid - 1, False)


@external
def note_pay(subnet: uint256, agent: uint256, epoch: uint256, amount: uint256):
    """
    @notice Remember what a neuron was paid for an epoch, which decides who is pruned; only `Epochs`.
    """
    assert msg.sender == self.epochs, "subnets: caller is not the epochs contract"

    uid: uint256 = self._uids[subnet][agent]
    if uid == 0:
        return

    neuron: Neuron = self.neuron[subnet][uid - 1]
    if epoch > neuron.paid_epoch:
        self.neuron[subnet][uid - 1].paid_epoch = epoch
        self.neuron[subnet][uid - 1].paid = amount
    elif epoch == neuron.paid_epoch:
        self.neuron[subnet][uid - 1].paid = neuron.paid + amount


@external
@view
def current_epoch(subnet: uint256) -> uint256:
    """
    @notice The number of the epoch of this block, from 0.
    """
    return self._epoch(subnet, block.number)


@external
@view
def first_block(subnet: uint256, epoch: uint256) -> uint256:
    """
    @notice The first block of an epoch; its last is the one before the next epoch's first.
    """
    return self.subnets[subnet].start + epoch * self.subnets[subnet].tempo


@external
@view
def phase(subnet: uint256) -> (uint256, bool):
    """
    @notice The current epoch, and whether it takes commitments now (else reveals).
    """
    epoch: uint256 = self._epoch(subnet, block.number)
    s: Subnet = self.subnets[subnet]
    return epoch, block.number < s.start + epoch * s.tempo + s.commit_blocks


@external
@view
def params_at(subnet: uint256, epoch: uint256) -> params.Params:
    """
    @notice The parameters that hold in `epoch`.
    """
    return self._params[subnet][self._version(subnet, epoch)]


@external
@view
def params_hash(subnet: uint256, epoch: uint256) -> bytes32:
    """
    @notice The hash of the parameters that hold in `epoch`.
    """
    return self._hashes[subnet][self._version(subnet, epoch)]


@external
@view
def fee_split(subnet: uint256) -> (uint256, uint256):
    """
    @notice What of a fee goes to the subnet's validators and what is burnt, in bps, in the current epoch.
    """
    version: uint256 = self._version(subnet, self._epoch(subnet, block.number))
    return self._params[subnet][version].validators_fee_bps, self._params[subnet][version].burn_fee_bps


@external
@view
def lock_cost() -> uint256:
    """
    @notice What a new subnet locks in this block.
    """
    return self._lock_cost()


@external
@view
def price_of(subnet: uint256) -> uint256:
    """
    @notice What a registration costs in this block.
    """
    return self._price(subnet, self._version(subnet, self._epoch(subnet, block.number)))


@external
@view
def uid_of(subnet: uint256, agent: uint256) -> uint256:
    """
    @notice The uid of an agent, which must be registered.
    """
    uid: uint256 = self._uids[subnet][agent]
    assert uid != 0, "subnets: agent is not registered"
    return uid - 1


@external
@view
def is_registered(subnet: uint256, agent: uint256) -> bool:
    return self._uids[subnet][agent] != 0


@external
@view
def agent_of(subnet: uint256, uid: uint256) -> uint256:
    """
    @notice The agent registered at a uid; the largest number there is where nobody is.
    """
    if uid >= self.subnets[subnet].neurons or self.neuron[subnet][uid].free:
        return max_value(uint256)

    return self.neuron[subnet][uid].agent


@external
@view
def rules(subnet: uint256, epoch: uint256) -> Rules:
    """
    @notice What weights must satisfy in `epoch`.
    """
    version: uint256 = self._version(subnet, epoch)
    return Rules(
        neurons=self.subnets[subnet].neurons,
        max_validators=self._params[subnet][version].max_validators,
        stake_threshold=self._params[subnet][version].stake_threshold,
        min_weights=self._params[subnet][version].min_weights,
        max_weight=self._params[subnet][version].max_weight,
        version_key=self._params[subnet][version].version_key,
    )


@external
@view
def closing_rules(subnet: uint256, epoch: uint256) -> ClosingRules:
    """
    @notice What a closing of `epoch` must satisfy, and the epoch of this block.
    """
    version: uint256 = self._version(subnet, epoch)
    return ClosingRules(
        params=self._hashes[subnet][version],
        first_block=self.subnets[subnet].start + epoch * self.subnets[subnet].tempo,
        tempo=self.subnets[subnet].tempo,
        current=self._epoch(subnet, block.number),
        window=self._params[subnet][version].closing_window,
        stall=self._params[subnet][version].stall_epochs,
        equivocation_bps=self._params[subnet][version].equivocation_slash_bps,
        fault_bps=self._params[subnet][version].fault_slash_bps,
        live=self.subnets[subnet].live,
    )


@external
@view
def neurons(subnet: uint256) -> DynArray[Row, MAX_UIDS]:
    """
    @notice Every uid in order: agent, wallet (zero while suspended), and the stake behind it now.
    """
    rows: DynArray[Row, MAX_UIDS] = []
    epoch: uint256 = self._epoch(subnet, block.number)
    for uid: uint256 in range(self.subnets[subnet].neurons, bound=MAX_UIDS):
        neuron: Neuron = self.neuron[subnet][uid]
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
def _epoch(subnet: uint256, number: uint256) -> uint256:
    assert self.subnets[subnet].tempo != 0, "subnets: there is no such subnet"
    return (number - self.subnets[subnet].start) // self.subnets[subnet].tempo


@internal
@view
def _version(subnet: uint256, epoch: uint256) -> uint256:
    return checkpoint._at(convert(subnet, bytes32), epoch)


@internal
def _set_params(subnet: uint256, epoch: uint256, p: params.Params):
    version: uint256 = self._versions[subnet]
    self._versions[subnet] = version + 1
    self._params[subnet][version] = p
    hash: bytes32 = params._hash(p)
    self._hashes[subnet][version] = hash
    checkpoint._set(convert(subnet, bytes32), epoch, version)

    log ParamsChanged(subnet=subnet, epoch=epoch, hash=hash)


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
def _lock_cost() -> uint256:
    """
    @dev max(min, 2 last - last elapsed / interval), downwards.
    """
    decay: uint256 = self.last_lock * (block.number - self.last_lock_at) // lock_interval
    if decay >= 2 * self.last_lock:
        return min_lock

    return max(min_lock, 2 * self.last_lock - decay)


@internal
@view
def _price(subnet: uint256, version: uint256) -> uint256:
    """
    @dev The last price halved once each half-life, in a straight line between; then clamped to the range.
    """
    half_life: uint256 = self._params[subnet][version].price_half_life
    elapsed: uint256 = block.number - self.subnets[subnet].priced_at
    halvings: uint256 = min(elapsed // half_life, 255)
    price: uint256 = self.subnets[subnet].price >> halvings
    price -= self._ceil(price * (elapsed % half_life), 2 * half_life)
    return min(max(price, self._params[subnet][version].price_min), self._params[subnet][version].price_max)


@internal
@pure
def _ceil(a: uint256, b: uint256) -> uint256:
    return (a + b - 1) // b


@internal
def _vacate(subnet: uint256, uid: uint256, pruned: bool):
    agent: uint256 = self.neuron[subnet][uid].agent
    self.neuron[subnet][uid].free = True
    self._uids[subnet][agent] = 0
    self.subnets[subnet].occupied -= 1

    log Deregistered(subnet=subnet, uid=uid, agent=agent, pruned=pruned)


@internal
@view
def _victim(subnet: uint256, immunity: uint256) -> uint256:
    """
    @dev A free uid, else the one paid least for its last epoch (ties: oldest, then lowest uid). Validators with a
         seat are safe; new neurons are, unless at most MIN_NON_IMMUNE others could go.
    """
    recent: uint256 = self._epoch(subnet, block.number)
    found: uint256[2] = [MAX_UIDS, MAX_UIDS]
    paid: uint256[2] = [0, 0]
    born: uint256[2] = [0, 0]
    settled: uint256 = 0
    for uid: uint256 in range(self.subnets[subnet].neurons, bound=MAX_UIDS):
        neuron: Neuron = self.neuron[subnet][uid]
        if neuron.free:
            return uid

        if staticcall Weights(self.weights).holds_seat(subnet, uid):
            continue

        immune: uint256 = 1
        if neuron.registered_at + immunity <= block.number:
            immune = 0
            settled += 1
        amount: uint256 = 0
        if neuron.paid_epoch + 3 >= recent:
            amount = neuron.paid
        if (
            found[immune] == MAX_UIDS
            or amount < paid[immune]
            or (amount == paid[immune] and neuron.registered_at < born[immune])
        ):
            found[immune] = uid
            paid[immune] = amount
            born[immune] = neuron.registered_at

    if settled <= MIN_NON_IMMUNE and found[1] != MAX_UIDS:
        return found[1]

    assert found[0] != MAX_UIDS, "subnets: subnet is full"
    return found[0]
