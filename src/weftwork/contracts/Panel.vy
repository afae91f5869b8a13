# pragma version ~=0.4.3
"""
@title Panel of a subnet's validators
@license Apache-2.0
@notice The validators of one subnet as one account: a call that more than half of their stake has signed is made, once,
        at one of the doors (a contract and a function) that were named when the panel was bound. The panel is its own
        docket: where `note_fault` is a door, they put faults of agents on record. Mirror of `spec/panel.py`.
@custom:halt Nobody can pause it, and it has no owner and holds no tokens. Where too few sign nothing happens; what then
             becomes of a job or an epoch is said by the contract behind the door. A fault that is on record stays.
"""

import eip712
import quorum
import signature

initializes: eip712

exports: (
    eip712.DOMAIN_SEPARATOR,
    eip712.eip712Domain,
)


interface Weights:
    def subnets() -> address: view
    def identity() -> address: view
    def stakes() -> address: view
    def seats_at(subnet: uint256, epoch: uint256) -> uint256: view
    def seat(subnet: uint256, epoch: uint256, uid: uint256) -> (uint256, address, uint256): view


interface Subnets:
    def current_epoch(subnet: uint256) -> uint256: view


interface Identity:
    def getAgentWallet(agent: uint256) -> address: view


interface Stakes:
    def stake_at(subnet: uint256, agent: uint256, epoch: uint256) -> uint256: view


# Most doors of a panel.
MAX_DOORS: constant(uint256) = 16
# Longest call, bytes: a report of who stood ready names 100 nodes.
MAX_CALL: constant(uint256) = 8_192
MAX_UIDS: constant(uint256) = 256
# Epochs that have ended since: stake of this one and of the one before decides.
AGE: constant(uint256) = 2
DECISION_TYPE: constant(bytes32) = keccak256(
    "Decision(uint64 subnet,uint64 epoch,address target,bytes data,uint256 nonce)"
)


struct Door:
    target: address
    selector: bytes4


weights: public(immutable(address))
subnets: immutable(address)
identity: immutable(address)
stakes: immutable(address)
DEPLOYER: immutable(address)

subnet: public(uint256)
is_door: public(HashMap[address, HashMap[bytes4, bool]])
is_decided: public(HashMap[bytes32, bool])
# by agent and work: what proves the fault that is on record
fault_of: public(HashMap[uint256, HashMap[uint256, bytes32]])
# what was counted once, of epochs that have ended and do not change
_totals: HashMap[uint256, uint256]


event Bound:
    subnet: indexed(uint256)
    doors: DynArray[Door, MAX_DOORS]


event Decided:
    target: indexed(address)
    selector: indexed(bytes4)
    id: indexed(bytes32)
    epoch: uint256
    nonce: uint256
    signed: uint256
    total: uint256


event Faulted:
    agent: indexed(uint256)
    work: indexed(uint256)
    evidence: bytes32
    epoch: uint256


@deploy
def __init__(weights_: address):
    """
    @notice The seats, keys and stake are those of `weights_`.
    """
    eip712.__init__("Weftwork", "1")
    weights = weights_
    subnets = staticcall Weights(weights_).subnets()
    identity = staticcall Weights(weights_).identity()
    stakes = staticcall Weights(weights_).stakes()
    DEPLOYER = msg.sender


@external
def bind(subnet_: uint256, doors: DynArray[Door, MAX_DOORS]):
    """
    @notice Name the subnet whose validators decide and all that they may call; once, by the deployer.
    """
    assert msg.sender == DEPLOYER, "panel: caller is not the deployer"
    assert self.subnet == 0, "panel: already bound"
    assert subnet_ != 0, "panel: subnet is zero"
    assert len(doors) != 0, "panel: there are no doors"

    self.subnet = subnet_
    for door: Door in doors:
        assert door.target.is_contract, "panel: door is no contract"
        self.is_door[door.target][door.selector] = True

    log Bound(subnet=subnet_, doors=doors)


@external
@nonreentrant
def decide(
    epoch: uint256,
    target: address,
    data: Bytes[MAX_CALL],
    nonce: uint256,
    votes: DynArray[quorum.Vote, quorum.MAX_VOTES],
) -> uint256:
    """
    @notice Make a call that validators with more than half of the stake have signed, in any order; anyone, once for each
            target, data and nonce. `epoch` is one of the last two that have ended. Returns the stake that signed.
    """
    assert len(data) >= 4, "panel: there is no such door"
    selector: bytes4 = convert(slice(data, 0, 4), bytes4)
    assert self.is_door[target][selector], "panel: there is no such door"
    id: bytes32 = self._id(target, data, nonce)
    assert not self.is_decided[id], "panel: decision is carried out"
    current: uint256 = staticcall Subnets(subnets).current_epoch(self.subnet)
    assert epoch < current and current <= epoch + AGE, "panel: epoch is not one of the last two"
    signed: uint256 = self._signed(epoch, current, self._hash(epoch, target, data, nonce), votes)
    total: uint256 = self._totals[epoch]
    if total == 0:
        total = self._total(epoch)
        self._totals[epoch] = total
    assert 2 * signed > total, "panel: majority is not reached"

    self.is_decided[id] = True

    log Decided(
        target=target,
        selector=selector,
        id=id,
        epoch=epoch,
        nonce=nonce,
        signed=signed,
        total=total,
    )

    raw_call(target, data)
    return signed


@external
def note_fault(agent: uint256, work: uint256, evidence: bytes32):
    """
    @notice Put on record that `evidence` proves a piece of work of an agent wrong; by a decision of this panel, once for
            each agent and work. The subnet's closings take a part of the agent's collateral for it.
    """
    assert msg.sender == self, "panel: caller is not the panel"
    assert evidence != empty(bytes32), "panel: there is no evidence"
    assert self.fault_of[agent][work] == empty(bytes32), "panel: fault is on record"

    self.fault_of[agent][work] = evidence

    log Faulted(
        agent=agent,
        work=work,
        evidence=evidence,
        epoch=staticcall Subnets(subnets).current_epoch(self.subnet),
    )


@external
@view
def hash_decision(epoch: uint256, target: address, data: Bytes[MAX_CALL], nonce: uint256) -> bytes32:
    """
    @notice The 32 bytes that a validator signs.
    """
    return self._hash(epoch, target, data, nonce)


@external
@view
def decision_id(target: address, data: Bytes[MAX_CALL], nonce: uint256) -> bytes32:
    """
    @notice The name under which a decision is carried out once, whatever the epoch of its signatures.
    """
    return self._id(target, data, nonce)


@external
@view
def voice(epoch: uint256, uid: uint256) -> uint256:
    """
    @notice The stake with which a seat of an epoch that has ended decides now: what it had at the end of that epoch and
            of the one before and has still.
    """
    agent: uint256 = 0
    signer: address = empty(address)
    stood: uint256 = 0
    agent, signer, stood = self._stood(epoch, uid)
    return min(stood, self._stake(agent, staticcall Subnets(subnets).current_epoch(self.subnet)))


@external
@view
def total(epoch: uint256) -> uint256:
    """
    @notice The stake of all seats of an epoch that has ended, of which more than half decides; also of those who were
            silent in it, whose voice is zero.
    """
    return self._total(epoch)


@internal
@view
def _signed(
    epoch: uint256, current: uint256, digest: bytes32, votes: DynArray[quorum.Vote, quorum.MAX_VOTES]
) -> uint256:
    """
    @dev The stake of all who signed, each once. What a validator has no more counts nothing, nor does one whose wallet
         has changed since.
    """
    signed: uint256 = 0
    seen: uint256 = 0
    for vote: quorum.Vote in votes:
        assert vote.uid < MAX_UIDS and (seen >> vote.uid) & 1 == 0, "panel: validator signs twice"
        seen = seen | (1 << vote.uid)
        agent: uint256 = 0
        signer: address = empty(address)
        stood: uint256 = 0
        agent, signer, stood = self._stood(epoch, vote.uid)
        assert signer != empty(address), "panel: nobody had that seat"
        assert signature._recover(digest, vote.signature) == signer, "panel: signer differs"
        if stood != 0 and staticcall Identity(identity).getAgentWallet(agent) == signer:
            signed += min(stood, self._stake(agent, current))
    return signed


@internal
@view
def _total(epoch: uint256) -> uint256:
    """
    @dev The stake that stood on every seat. Who is silent is counted as against: otherwise dust that reveals alone, where
         the others have nothing to weigh yet, would be a majority.
    """
    if epoch == 0:
        return 0

    word: uint256 = staticcall Weights(weights).seats_at(self.subnet, epoch)
    total: uint256 = 0
    for uid: uint256 in range(MAX_UIDS):
        if word >> uid == 0:
            break
        if (word >> uid) & 1 == 1:
            agent: uint256 = 0
            signer: address = empty(address)
            stake: uint256 = 0
            agent, signer, stake = staticcall Weights(weights).seat(self.subnet, epoch, uid)
            total += min(self._stake(agent, epoch), self._stake(agent, epoch - 1))
    return total


@internal
@view
def _stood(epoch: uint256, uid: uint256) -> (uint256, address, uint256):
    """
    @dev A seat's agent, its key, and the stake that voted in `epoch` and was there when the epoch began.
    """
    agent: uint256 = 0
    signer: address = empty(address)
    stake: uint256 = 0
    agent, signer, stake = staticcall Weights(weights).seat(self.subnet, epoch, uid)
    if epoch == 0 or stake == 0:
        return agent, signer, 0

    return agent, signer, min(stake, self._stake(agent, epoch - 1))


@internal
@view
def _stake(agent: uint256, epoch: uint256) -> uint256:
    return staticcall Stakes(stakes).stake_at(self.subnet, agent, epoch)


@internal
@view
def _hash(epoch: uint256, target: address, data: Bytes[MAX_CALL], nonce: uint256) -> bytes32:
    return eip712._digest(
        keccak256(abi_encode(DECISION_TYPE, self.subnet, epoch, target, keccak256(data), nonce))
    )


@internal
@pure
def _id(target: address, data: Bytes[MAX_CALL], nonce: uint256) -> bytes32:
    return keccak256(abi_encode(target, keccak256(data), nonce))
