# pragma version ~=0.4.3
"""
@title Neurons
@license Apache-2.0
@notice The places (uids) of each subnet: who has them, since when, and who gives his up when all are taken.
"""


interface Weights:
    def safe_seats(subnet: uint256) -> uint256: view
    def drop_seat(subnet: uint256, uid: uint256): nonpayable


MAX_UIDS: constant(uint256) = 256
NOBODY: constant(uint256) = max_value(uint256)
# Immune neurons are pruned only while at most this many others could go.
MIN_NON_IMMUNE: constant(uint256) = 10
# What a neuron was paid counts against pruning until this many epochs later.
PAID_EPOCHS: constant(uint256) = 3


struct Neuron:
    agent: uint256
    registered_at: uint256
    paid_epoch: uint256
    paid: uint256
    free: bool


neuron: public(HashMap[uint256, HashMap[uint256, Neuron]])
neuron_count: public(HashMap[uint256, uint256])
registered: public(HashMap[uint256, uint256])
_uids: HashMap[uint256, HashMap[uint256, uint256]]


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
    """
    @notice Whether an agent has a uid.
    """
    return self._uids[subnet][agent] != 0


@external
@view
def agent_of(subnet: uint256, uid: uint256) -> uint256:
    """
    @notice The agent registered at a uid; the largest number there is where nobody is.
    """
    if uid >= self.neuron_count[subnet] or self.neuron[subnet][uid].free:
        return NOBODY

    return self.neuron[subnet][uid].agent


@internal
def _place(subnet: uint256, agent: uint256, price: uint256, victim: uint256, weights: address) -> uint256:
    """
    @dev Give an agent a new uid, or the victim's where one is named.
    """
    uid: uint256 = victim
    if victim == NOBODY:
        uid = self.neuron_count[subnet]
        self.neuron_count[subnet] = uid + 1
    elif not self.neuron[subnet][uid].free:
        self._vacate(subnet, uid, True, weights)
    self.neuron[subnet][uid] = Neuron(
        agent=agent, registered_at=block.number, paid_epoch=0, paid=0, free=False
    )
    self._uids[subnet][agent] = uid + 1
    self.registered[subnet] += 1

    log Registered(subnet=subnet, uid=uid, agent=agent, price=price)
    return uid


@internal
def _vacate(subnet: uint256, uid: uint256, pruned: bool, weights: address):
    """
    @dev Free a uid; a seat there goes with it, so that an agent never has two.
    """
    agent: uint256 = self.neuron[subnet][uid].agent
    self.neuron[subnet][uid].free = True
    self._uids[subnet][agent] = 0
    self.registered[subnet] -= 1

    log Deregistered(subnet=subnet, uid=uid, agent=agent, pruned=pruned)

    extcall Weights(weights).drop_seat(subnet, uid)


@internal
def _note_pay(subnet: uint256, agent: uint256, epoch: uint256, amount: uint256):
    """
    @dev Add to what a neuron was paid for its latest paid epoch.
    """
    place: uint256 = self._uids[subnet][agent]
    if place == 0:
        return

    paid_epoch: uint256 = self.neuron[subnet][place - 1].paid_epoch
    if epoch > paid_epoch:
        self.neuron[subnet][place - 1].paid_epoch = epoch
        self.neuron[subnet][place - 1].paid = amount
    elif epoch == paid_epoch:
        self.neuron[subnet][place - 1].paid += amount


@internal
@view
def _victim(subnet: uint256, epoch: uint256, immunity: uint256, weights: address) -> uint256:
    """
    @dev A free uid, else the one paid least (ties: oldest, then lowest uid). Validators that reveal are safe; new
         neurons are, unless at most MIN_NON_IMMUNE others could go.
    """
    found: uint256[2] = [NOBODY, NOBODY]
    paid: uint256[2] = [0, 0]
    born: uint256[2] = [0, 0]
    settled: uint256 = 0
    safe: uint256 = staticcall Weights(weights).safe_seats(subnet)
    for uid: uint256 in range(self.neuron_count[subnet], bound=MAX_UIDS):
        here: Neuron = self.neuron[subnet][uid]
        if here.free:
            return uid

        if (safe >> uid) & 1 == 1:
            continue

        immune: uint256 = 1
        if here.registered_at + immunity <= block.number:
            immune = 0
            settled += 1
        amount: uint256 = 0
        if here.paid_epoch + PAID_EPOCHS >= epoch:
            amount = here.paid
        if (
            found[immune] == NOBODY
            or amount < paid[immune]
            or (amount == paid[immune] and here.registered_at < born[immune])
        ):
            found[immune] = uid
            paid[immune] = amount
            born[immune] = here.registered_at

    if settled <= MIN_NON_IMMUNE and found[1] != NOBODY:
        return found[1]

    assert found[0] != NOBODY, "subnets: subnet is full"
    return found[0]
