# pragma version ~=0.4.3
"""
@title Weights
@license Apache-2.0
@notice Who judges a subnet and what they say: seats of validators, sealed weights, reveals, and the stake that votes on
        an epoch's closing. What held at an epoch's last block can be read for good.
@custom:halt Nobody can pause this contract. A validator that does not reveal loses only that epoch's word.
"""

import checkpoint
import commitment
import reveals
import row
import sampler
import seats

initializes: checkpoint
initializes: commitment
initializes: reveals[checkpoint := checkpoint]
initializes: sampler
initializes: seats[checkpoint := checkpoint]

exports: (
    commitment.commitments,
    reveals.revealed,
    sampler.sampling,
)


interface Identity:
    def getAgentWallet(agent: uint256) -> address: view


interface Stakes:
    def stake_at(subnet: uint256, agent: uint256, epoch: uint256) -> uint256: view


struct Rules:
    max_validators: uint256
    stake_threshold: uint256
    min_weights: uint256
    max_weight: uint256
    version_key: uint256


interface Subnets:
    def identity() -> address: view
    def stakes() -> address: view
    def phase(subnet: uint256) -> (uint256, bool): view
    def agent_of(subnet: uint256, uid: uint256) -> uint256: view
    def neuron_count(subnet: uint256) -> uint256: view
    def rules(subnet: uint256, epoch: uint256) -> Rules: view


MAX_UIDS: constant(uint256) = 256
NOBODY: constant(uint256) = max_value(uint256)

subnets: public(immutable(address))
identity: public(immutable(address))
stakes: public(immutable(address))


event Entered:
    subnet: indexed(uint256)
    uid: indexed(uint256)
    agent: indexed(uint256)
    epoch: uint256


event Left:
    subnet: indexed(uint256)
    uid: indexed(uint256)
    epoch: uint256


event WeightsRevealed:
    subnet: indexed(uint256)
    epoch: indexed(uint256)
    uid: indexed(uint256)
    uids: DynArray[uint256, MAX_UIDS]
    values: DynArray[uint256, MAX_UIDS]
    version: uint256
    sampling_key: bytes32
    committed_at: uint256


@deploy
def __init__(subnets_: address):
    subnets = subnets_
    identity = staticcall Subnets(subnets_).identity()
    stakes = staticcall Subnets(subnets_).stakes()


@external
def enter(subnet: uint256, uid: uint256):
    """
    @notice Take a validator's seat from the next epoch on; when all are taken, from the seat with the least stake.
    """
    epoch: uint256 = self._epoch(subnet)
    agent: uint256 = self._caller_agent(subnet, uid)
    word: uint256 = seats._at(subnet, epoch + 1)
    assert not seats._has(word, uid), "weights: already entered"
    rules: Rules = staticcall Subnets(subnets).rules(subnet, epoch)
    stake: uint256 = self._stake(subnet, agent, epoch)
    assert stake != 0 and stake >= rules.stake_threshold, "weights: stake is below the threshold"

    taken: uint256 = 0
    lowest: uint256 = max_value(uint256)
    loser: uint256 = 0
    for other: uint256 in range(MAX_UIDS):
        if seats._has(word, other):
            taken += 1
            amount: uint256 = self._seat_stake(subnet, other, epoch)
            if amount < lowest:
                lowest = amount
                loser = other
    if taken >= rules.max_validators:
        assert stake > lowest, "weights: every seat has more stake"
        word = word ^ (1 << loser)
        log Left(subnet=subnet, uid=loser, epoch=epoch + 1)
    seats._set(subnet, epoch + 1, word | (1 << uid))
    seats._set_agent(subnet, uid, epoch + 1, agent)
    seats._set_signer(subnet, uid, epoch + 1, msg.sender)

    log Entered(subnet=subnet, uid=uid, agent=agent, epoch=epoch + 1)


@external
def leave(subnet: uint256, uid: uint256):
    """
    @notice Give up a seat from the next epoch on.
    """
    epoch: uint256 = self._epoch(subnet)
    self._caller_agent(subnet, uid)
    word: uint256 = seats._at(subnet, epoch + 1)
    assert seats._has(word, uid), "weights: no seat to leave"

    seats._set(subnet, epoch + 1, word ^ (1 << uid))

    log Left(subnet=subnet, uid=uid, epoch=epoch + 1)


@external
def drop_seat(subnet: uint256, uid: uint256):
    """
    @notice Take away, from the next epoch on, the seat of a uid that was given up or pruned; only `Subnets`.
    """
    assert msg.sender == subnets, "weights: caller is not the subnets contract"

    epoch: uint256 = self._epoch(subnet)
    word: uint256 = seats._at(subnet, epoch + 1)
    if seats._has(word, uid):
        seats._set(subnet, epoch + 1, word ^ (1 << uid))

        log Left(subnet=subnet, uid=uid, epoch=epoch + 1)


@external
def commit_weights(subnet: uint256, uid: uint256, sealed: bytes32):
    """
    @notice Seal this epoch's weights; once an epoch, before its reveals open. The wallet that commits signs closings.
    """
    epoch: uint256 = 0
    is_open: bool = False
    epoch, is_open = staticcall Subnets(subnets).phase(subnet)
    assert is_open, "weights: commits are closed"
    agent: uint256 = self._caller_agent(subnet, uid)
    self._check_seat(subnet, uid, agent, epoch)
    rules: Rules = staticcall Subnets(subnets).rules(subnet, epoch)
    assert self._stake(subnet, agent, epoch) >= rules.stake_threshold, "weights: stake is below the threshold"

    commitment._keep(subnet, epoch, uid, sealed)
    seats._set_signer(subnet, uid, epoch, msg.sender)


@external
def commit_sampling(subnet: uint256, uid: uint256, sealed: bytes32):
    """
    @notice Fix the key by which the caller samples receipts in the next epoch; it is shown with that epoch's weights.
    """
    agent: uint256 = self._caller_agent(subnet, uid)
    sampler._commit(subnet, self._epoch(subnet) + 1, uid, agent, sealed)


@external
def reveal_weights(
    subnet: uint256,
    uid: uint256,
    uids: DynArray[uint256, MAX_UIDS],
    values: DynArray[uint256, MAX_UIDS],
    version: uint256,
    sampling_key: bytes32,
    salt: bytes32,
):
    """
    @notice Show the weights committed to in this epoch; only after its commits have closed.
    """
    epoch: uint256 = 0
    is_open: bool = False
    epoch, is_open = staticcall Subnets(subnets).phase(subnet)
    assert not is_open, "weights: reveals are not open"
    agent: uint256 = self._caller_agent(subnet, uid)
    self._check_seat(subnet, uid, agent, epoch)
    kept: commitment.Commitment = commitment.commitments[subnet][epoch][uid]
    assert kept.block != 0, "weights: nothing was committed"
    assert not seats._has(reveals.revealed[subnet][epoch], uid), "weights: already revealed"
    rules: Rules = staticcall Subnets(subnets).rules(subnet, epoch)
    self._check_weights(subnet, agent, epoch, uids, values, version, rules)
    commitment._check(kept.hash, subnet, epoch, uid, uids, values, version, sampling_key, salt)
    sampler._check(subnet, epoch, agent, sampling_key)

    reveals._mark(subnet, epoch, uid)

    log WeightsRevealed(
        subnet=subnet,
        epoch=epoch,
        uid=uid,
        uids=uids,
        values=values,
        version=version,
        sampling_key=sampling_key,
        committed_at=kept.block,
    )


@external
@view
def seats_at(subnet: uint256, epoch: uint256) -> uint256:
    """
    @notice Who has a seat in `epoch`, a bit for each uid.
    """
    return seats._at(subnet, epoch)


@external
@view
def held_seats(subnet: uint256) -> uint256:
    """
    @notice The seats of the next epoch whose neuron still has stake behind it, a bit for each uid.
    """
    epoch: uint256 = self._epoch(subnet)
    return self._held(subnet, epoch, seats._at(subnet, epoch + 1))


@external
@view
def safe_seats(subnet: uint256) -> uint256:
    """
    @notice The seats of the next epoch that have stake and revealed in this epoch or in one of the two before: their
            neurons are not pruned.
    """
    epoch: uint256 = self._epoch(subnet)
    word: uint256 = seats._at(subnet, epoch + 1)
    shown: uint256 = reveals._recent(subnet, epoch)
    if epoch > 1:
        shown = shown | reveals.revealed[subnet][epoch - 2]
    return self._held(subnet, epoch, word & shown)


@external
@view
def next_judged(subnet: uint256, epoch: uint256) -> uint256:
    """
    @notice The first epoch from `epoch` on in which a seat may be active; the largest number if there is none.
    """
    return reveals._next_judged(subnet, epoch)


@external
@view
def active_at(subnet: uint256, epoch: uint256) -> uint256:
    """
    @notice The seats that revealed in this epoch or in the one before, a bit for each uid.
    """
    return self._active_at(subnet, epoch)


@external
@view
def seat(subnet: uint256, epoch: uint256, uid: uint256) -> (uint256, address, uint256):
    """
    @notice The agent on a seat in `epoch`, the key that signs for it, and the stake with which it votes.
    """
    rules: Rules = staticcall Subnets(subnets).rules(subnet, epoch)
    stake: uint256 = 0
    if seats._has(self._active_at(subnet, epoch), uid):
        stake = self._voting_stake(subnet, epoch, uid, rules.stake_threshold)
    return seats._agent_at(subnet, uid, epoch), seats._signer_at(subnet, uid, epoch), stake


@external
@view
def total_stake(subnet: uint256, epoch: uint256) -> uint256:
    """
    @notice All stake that votes on the closing of `epoch`.
    """
    active: uint256 = self._active_at(subnet, epoch)
    if active == 0:
        return 0

    rules: Rules = staticcall Subnets(subnets).rules(subnet, epoch)
    return self._sum(subnet, epoch, active, rules.stake_threshold)


@external
@view
def seated_stake(subnet: uint256, epoch: uint256) -> uint256:
    """
    @notice The stake on all seats of `epoch`, whether they were silent or not.
    """
    return self._sum(subnet, epoch, seats._at(subnet, epoch), 0)


@internal
@view
def _epoch(subnet: uint256) -> uint256:
    return (staticcall Subnets(subnets).phase(subnet))[0]


@internal
@view
def _caller_agent(subnet: uint256, uid: uint256) -> uint256:
    agent: uint256 = staticcall Subnets(subnets).agent_of(subnet, uid)
    assert agent != NOBODY, "weights: nobody is registered there"
    assert staticcall Identity(identity).getAgentWallet(agent) == msg.sender, "weights: caller is not the wallet"
    return agent


@internal
@view
def _check_seat(subnet: uint256, uid: uint256, agent: uint256, epoch: uint256):
    assert seats._has(seats._at(subnet, epoch), uid), "weights: validator has no seat"
    assert seats._agent_at(subnet, uid, epoch) == agent, "weights: seat is another agent's"


@internal
@view
def _check_weights(
    subnet: uint256,
    agent: uint256,
    epoch: uint256,
    uids: DynArray[uint256, MAX_UIDS],
    values: DynArray[uint256, MAX_UIDS],
    version: uint256,
    rules: Rules,
):
    assert len(uids) == len(values), "weights: not one value for each uid"
    assert self._stake(subnet, agent, epoch) >= rules.stake_threshold, "weights: stake is below the threshold"
    assert version >= rules.version_key, "weights: version is too old"
    neurons: uint256 = staticcall Subnets(subnets).neuron_count(subnet)
    row._check(uids, values, neurons, rules.min_weights, rules.max_weight)


@internal
@view
def _stake(subnet: uint256, agent: uint256, epoch: uint256) -> uint256:
    return staticcall Stakes(stakes).stake_at(subnet, agent, epoch)


@internal
@view
def _seat_stake(subnet: uint256, uid: uint256, epoch: uint256) -> uint256:
    """
    @dev The stake on a seat of the next epoch.
    """
    return self._stake(subnet, seats._agent_at(subnet, uid, epoch + 1), epoch)


@internal
@view
def _active_at(subnet: uint256, epoch: uint256) -> uint256:
    return seats._at(subnet, epoch) & reveals._recent(subnet, epoch)


@internal
@view
def _held(subnet: uint256, epoch: uint256, word: uint256) -> uint256:
    held: uint256 = 0
    for uid: uint256 in range(MAX_UIDS):
        if seats._has(word, uid) and self._seat_stake(subnet, uid, epoch) != 0:
            held = held | (1 << uid)
    return held


@internal
@view
def _sum(subnet: uint256, epoch: uint256, word: uint256, threshold: uint256) -> uint256:
    total: uint256 = 0
    for uid: uint256 in range(MAX_UIDS):
        if seats._has(word, uid):
            total += self._voting_stake(subnet, epoch, uid, threshold)
    return total


@internal
@view
def _voting_stake(subnet: uint256, epoch: uint256, uid: uint256, threshold: uint256) -> uint256:
    stake: uint256 = self._stake(subnet, seats._agent_at(subnet, uid, epoch), epoch)
    return stake if stake >= threshold else 0
