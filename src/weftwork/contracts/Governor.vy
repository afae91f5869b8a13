# pragma version ~=0.4.3
"""
@title Governor
@license Apache-2.0
@notice Who locked tokens in the vote escrow proposes a call and votes on it, with the weight of the epoch in which it was
        proposed. What is adopted waits for the timelock, then anyone makes the call.
@custom:halt Nobody can pause it. A proposer withdraws a proposal while it is voted on. The timelock lets users leave
             before a change that they do not want. Without votes nothing changes, and nothing else stops.
"""

interface Votes:
    def advance() -> uint256: nonpayable
    def current_epoch() -> uint256: view
    def weight_at(account: address, epoch: uint256) -> uint256: view
    def total_at(epoch: uint256) -> uint256: view


BPS: constant(uint256) = 10_000
# Longest call that a proposal makes, bytes.
MAX_DATA: constant(uint256) = 2048
# Longest time of voting, waiting or executing, blocks.
MAX_BLOCKS: constant(uint256) = 10_000_000
AGAINST: constant(uint256) = 0
AGREED: constant(uint256) = 1
ABSTAIN: constant(uint256) = 2
VOTING: constant(uint256) = 1
REJECTED: constant(uint256) = 2
WAITING: constant(uint256) = 3
READY: constant(uint256) = 4
EXPIRED: constant(uint256) = 5
DONE: constant(uint256) = 6
WITHDRAWN: constant(uint256) = 7

votes: public(immutable(address))


struct Rules:
    threshold_bps: uint256
    quorum_bps: uint256
    voting: uint256
    delay: uint256
    window: uint256


struct Proposal:
    proposer: address
    call: bytes32
    epoch: uint256
    ends: uint256
    ready: uint256
    expires: uint256
    quorum: uint256
    against: uint256
    agreed: uint256
    abstain: uint256
    done: bool
    withdrawn: bool


rules: public(Rules)
count: public(uint256)
proposals: public(HashMap[uint256, Proposal])
voted: public(HashMap[uint256, HashMap[address, bool]])


event Proposed:
    id: indexed(uint256)
    proposer: indexed(address)
    target: indexed(address)
    data: Bytes[MAX_DATA]
    description: bytes32
    ends: uint256


event Voted:
    id: indexed(uint256)
    account: indexed(address)
    support: uint256
    weight: uint256


event Withdrawn:
    id: indexed(uint256)


event Executed:
    id: indexed(uint256)


event RulesChanged:
    rules: Rules


@deploy
def __init__(votes_: address, rules_: Rules):
    votes = votes_
    self._set_rules(rules_)


@external
def propose(target: address, data: Bytes[MAX_DATA], description: bytes32) -> uint256:
    """
    @notice Propose the call `data` to `target`; `description` is the digest of the reasons. Returns the number.
    """
    extcall Votes(votes).advance()
    epoch: uint256 = staticcall Votes(votes).current_epoch()
    total: uint256 = staticcall Votes(votes).total_at(epoch)
    weight: uint256 = staticcall Votes(votes).weight_at(msg.sender, epoch)
    rules: Rules = self.rules
    assert weight != 0 and weight * BPS >= total * rules.threshold_bps, "governor: too few votes to propose"

    id: uint256 = self.count + 1
    self.count = id
    ends: uint256 = block.number + rules.voting
    self.proposals[id] = Proposal(
        proposer=msg.sender,
        call=keccak256(abi_encode(target, data, description)),
        epoch=epoch,
        ends=ends,
        ready=ends + rules.delay,
        expires=ends + rules.delay + rules.window,
        quorum=(total * rules.quorum_bps + BPS - 1) // BPS,
        against=0,
        agreed=0,
        abstain=0,
        done=False,
        withdrawn=False,
    )

    log Proposed(id=id, proposer=msg.sender, target=target, data=data, description=description, ends=ends)
    return id


@external
def vote(id: uint256, support: uint256):
    """
    @notice Vote against (0), for (1) or abstain (2), with the caller's whole weight, once.
    """
    assert self._state(id) == VOTING, "governor: vote is not open"
    assert not self.voted[id][msg.sender], "governor: has voted"
    assert support <= ABSTAIN, "governor: support is 0, 1 or 2"
    weight: uint256 = staticcall Votes(votes).weight_at(msg.sender, self.proposals[id].epoch)
    assert weight != 0, "governor: caller has no votes"

    self.voted[id][msg.sender] = True
    if support == AGAINST:
        self.proposals[id].against += weight
    elif support == AGREED:
        self.proposals[id].agreed += weight
    else:
        self.proposals[id].abstain += weight

    log Voted(id=id, account=msg.sender, support=support, weight=weight)


@external
def withdraw(id: uint256):
    """
    @notice Withdraw one's proposal while it is voted on.
    """
    assert self._state(id) == VOTING, "governor: vote is not open"
    assert msg.sender == self.proposals[id].proposer, "governor: caller did not propose"

    self.proposals[id].withdrawn = True

    log Withdrawn(id=id)


@external
@nonreentrant
def execute(id: uint256, target: address, data: Bytes[MAX_DATA], description: bytes32):
    """
    @notice Make the call of an adopted proposal after its timelock; anyone may, with the words of the proposal.
    """
    assert self._state(id) == READY, "governor: proposal is not ready"
    assert keccak256(abi_encode(target, data, description)) == self.proposals[id].call, "governor: call differs"

    self.proposals[id].done = True

    log Executed(id=id)

    raw_call(target, data)


@external
def set_rules(rules: Rules):
    """
    @notice Change the rules of proposals to come; only by a proposal.
    """
    assert msg.sender == self, "governor: only a proposal does that"

    self._set_rules(rules)


@external
@view
def state_of(id: uint256) -> uint256:
    """
    @notice 1 is voted on, 2 rejected, 3 waits, 4 ready, 5 expired, 6 done, 7 withdrawn; 0 unknown.
    """
    return self._state(id)


@internal
def _set_rules(rules: Rules):
    assert (
        rules.threshold_bps <= BPS and rules.quorum_bps != 0 and rules.quorum_bps <= BPS
    ), "governor: share is out of range"
    assert (
        rules.voting != 0 and rules.window != 0 and max(max(rules.voting, rules.delay), rules.window) <= MAX_BLOCKS
    ), "governor: time is out of range"

    self.rules = rules

    log RulesChanged(rules=rules)


@internal
@view
def _state(id: uint256) -> uint256:
    one: Proposal = self.proposals[id]
    if one.ends == 0:
        return 0

    if one.withdrawn:
        return WITHDRAWN

    if one.done:
        return DONE

    if block.number <= one.ends:
        return VOTING

    if one.agreed <= one.against or one.agreed + one.against + one.abstain < one.quorum:
        return REJECTED

    if block.number < one.ready:
        return WAITING

    if block.number < one.expires:
        return READY

    return EXPIRED
