# pragma version ~=0.4.3
"""
@title Stakes
@license Apache-2.0
@notice Who backs whom: one stake pool for each (subnet, agent), delegation with take, unbonding, collateral, slashing.
        What the pool held at the last block of each epoch is kept for good: it is the weight of a validator's vote.
@custom:halt Nobody can pause this contract or move anyone's stake. Only `Epochs` adds rewards and slashes, by the
             rules of the subnet. Without it, stakers still unstake and withdraw everything that they have.
"""

import checkpoint
import collateral
import commission
import holder
import pool
import young

initializes: checkpoint
initializes: collateral
initializes: commission
initializes: young

exports: (
    collateral.collateral_of,
    collateral.collaterals,
    commission.MAX_TAKE,
    commission.take,
    commission.take_delay,
    commission.take_raised_at,
)


interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable
    def transferFrom(owner: address, receiver: address, amount: uint256) -> bool: nonpayable
    def burn(amount: uint256): nonpayable


interface Identity:
    def ownerOf(agent: uint256) -> address: view


interface Subnets:
    def current_epoch(subnet: uint256) -> uint256: view


BPS: constant(uint256) = 10_000
REPORTER_BPS: public(constant(uint256)) = 1_000
# A staker of a pool has this many shares at least, or none: rounding costs next to nothing, and nobody holds up others.
MIN_SHARES: public(constant(uint256)) = 10**9
MAX_ENTRIES: constant(uint256) = 16
# In place of a round: the key of open withdrawals, which outlive rounds.
QUEUE: constant(uint256) = max_value(uint256)

token: public(immutable(address))
identity: public(immutable(address))
unbonding: public(immutable(uint256))
DEPLOYER: immutable(address)


struct Entry:
    shares: uint256
    release: uint256
    round: uint256


subnets: public(address)
epochs: public(address)
# pools that earn and vote, and pools of what is unbonding
pools: public(HashMap[uint256, HashMap[uint256, pool.Pool]])
unbonding_pools: public(HashMap[uint256, HashMap[uint256, pool.Pool]])
_shares: HashMap[bytes32, HashMap[address, uint256]]
_entries: HashMap[bytes32, HashMap[address, DynArray[Entry, MAX_ENTRIES]]]
total_of: public(HashMap[uint256, uint256])
total: public(uint256)


event Staked:
    subnet: indexed(uint256)
    agent: indexed(uint256)
    account: indexed(address)
    amount: uint256
    shares: uint256


event Unstaked:
    subnet: indexed(uint256)
    agent: indexed(uint256)
    account: indexed(address)
    amount: uint256
    shares: uint256
    release: uint256


event Withdrawn:
    subnet: indexed(uint256)
    agent: indexed(uint256)
    account: indexed(address)
    amount: uint256


event Rewarded:
    subnet: indexed(uint256)
    agent: indexed(uint256)
    amount: uint256
    take: uint256


event Slashed:
    subnet: indexed(uint256)
    agent: indexed(uint256)
    reporter: indexed(address)
    burned: uint256
    reported: uint256


@deploy
def __init__(token_: address, identity_: address, unbonding_blocks: uint256, take_delay_blocks: uint256):
    """
    @notice Stake leaves after `unbonding_blocks`; an agent raises its take once in `take_delay_blocks`.
    """
    token = token_
    identity = identity_
    unbonding = unbonding_blocks
    commission.__init__(take_delay_blocks)
    DEPLOYER = msg.sender


@external
def bind(subnets_: address, epochs_: address):
    """
    @notice Name the two contracts beside this one; once, by the deployer.
    """
    assert msg.sender == DEPLOYER, "stakes: caller is not the deployer"
    assert self.subnets == empty(address), "stakes: already bound"

    self.subnets = subnets_
    self.epochs = epochs_


@external
def stake(subnet: uint256, agent: uint256, amount: uint256) -> uint256:
    """
    @notice Back `agent` on `subnet` with the caller's tokens; the shares got, rounded down. Stake takes rewards along
            once it has stood through a whole epoch.
    """
    assert staticcall Identity(identity).ownerOf(agent) != empty(address), "stakes: there is no such agent"
    bonded: pool.Pool = self.pools[subnet][agent]
    shares: uint256 = pool._buy(bonded, amount)
    assert shares != 0, "stakes: amount is too small"
    key: bytes32 = self._key(subnet, agent, bonded.round)
    held: uint256 = self._shares[key][msg.sender] + shares
    assert held >= MIN_SHARES, "stakes: stake would be too small"

    epoch: uint256 = self._epoch(subnet)
    self._shares[key][msg.sender] = held
    young._add(key, msg.sender, epoch, shares, amount)
    self._set(subnet, agent, epoch, bonded, pool._put(bonded, amount, shares))

    log Staked(subnet=subnet, agent=agent, account=msg.sender, amount=amount, shares=shares)

    assert extcall Token(token).transferFrom(msg.sender, self, amount)
    return shares


@external
def unstake(subnet: uint256, agent: uint256, shares: uint256) -> uint256:
    """
    @notice Take `shares` out of the pool; their worth, rounded down, can be withdrawn after the unbonding. What is not
            through a whole epoch yet takes no more than was paid for it, unless nobody else is left.
    """
    bonded: pool.Pool = self.pools[subnet][agent]
    key: bytes32 = self._key(subnet, agent, bonded.round)
    held: uint256 = self._shares[key][msg.sender]
    assert shares != 0 and shares <= held, "stakes: not that many shares"
    assert shares == held or held - shares >= MIN_SHARES, "stakes: stake would be too small"
    queue: bytes32 = self._key(subnet, agent, QUEUE)
    assert len(self._entries[queue][msg.sender]) < MAX_ENTRIES, "stakes: too many open withdrawals"

    epoch: uint256 = self._epoch(subnet)
    amount: uint256 = young._leave(key, msg.sender, epoch, held, shares, pool._worth(bonded, shares))
    if shares == bonded.shares:
        amount = bonded.amount
    self._shares[key][msg.sender] = held - shares
    self._set(subnet, agent, epoch, bonded, pool._take(bonded, amount, shares))
    aside: pool.Pool = self.unbonding_pools[subnet][agent]
    units: uint256 = pool._buy(aside, amount)
    self.unbonding_pools[subnet][agent] = pool._put(aside, amount, units)
    release: uint256 = block.number + unbonding
    self._entries[queue][msg.sender].append(Entry(shares=units, release=release, round=aside.round))

    log Unstaked(
        subnet=subnet, agent=agent, account=msg.sender, amount=amount, shares=shares, release=release
    )
    return amount


@external
def withdraw_unbonded(subnet: uint256, agent: uint256) -> uint256:
    """
    @notice Pay the caller all of its stake whose unbonding is over; less where the pool was slashed meanwhile.
    """
    queue: bytes32 = self._key(subnet, agent, QUEUE)
    entries: DynArray[Entry, MAX_ENTRIES] = self._entries[queue][msg.sender]
    kept: DynArray[Entry, MAX_ENTRIES] = []
    aside: pool.Pool = self.unbonding_pools[subnet][agent]
    paid: uint256 = 0
    for entry: Entry in entries:
        if entry.release > block.number:
            kept.append(entry)
        elif entry.round == aside.round and entry.shares != 0:
            amount: uint256 = pool._worth(aside, entry.shares)
            aside = pool._take(aside, amount, entry.shares)
            paid += amount
    assert len(kept) < len(entries), "stakes: nothing has unbonded"

    self._entries[queue][msg.sender] = kept
    self.unbonding_pools[subnet][agent] = aside

    log Withdrawn(subnet=subnet, agent=agent, account=msg.sender, amount=paid)

    assert extcall Token(token).transfer(msg.sender, paid)
    return paid


@external
def set_take(agent: uint256, bps: uint256):
    """
    @notice Set the part of rewards that the agent's wallet keeps; lower at any time, higher once in `take_delay`.
    """
    holder._check(identity, agent)

    commission._set(agent, bps)


@external
def lock_collateral(subnet: uint256, agent: uint256, amount: uint256):
    """
    @notice Add to the collateral that stands for the caller's agent; only the account that locked first may add.
    """
    holder._check(identity, agent)

    collateral._lock(subnet, agent, amount)

    assert extcall Token(token).transferFrom(msg.sender, self, amount)


@external
def release_collateral(subnet: uint256, agent: uint256) -> uint256:
    """
    @notice Ask for the collateral back; a second call after the unbonding pays what was not slashed. From the request on
            it stands for nothing; a request that is not used within another unbonding lapses.
    """
    paid: uint256 = collateral._release(subnet, agent, unbonding)

    if paid != 0:
        assert extcall Token(token).transfer(msg.sender, paid)
    return paid


@external
def reward(subnet: uint256, agent: uint256, amount: uint256):
    """
    @notice Share `amount`, which `Epochs` has sent along, among the stakers; the take goes to the agent as stake. An
            agent without stakers is paid at its wallet.
    """
    assert msg.sender == self.epochs, "stakes: caller is not the epochs contract"

    account: address = holder._payee(identity, agent)
    bonded: pool.Pool = self.pools[subnet][agent]
    part: uint256 = amount * commission.take[agent] // BPS
    if bonded.shares != 0:
        grown: pool.Pool = pool._put(bonded, amount - part, 0)
        shares: uint256 = pool._buy(grown, part)
        self._shares[self._key(subnet, agent, bonded.round)][account] += shares
        self._set(subnet, agent, self._epoch(subnet), bonded, pool._put(grown, part, shares))

    log Rewarded(subnet=subnet, agent=agent, amount=amount, take=part)

    if bonded.shares == 0:
        assert extcall Token(token).transfer(account, amount)


@external
def slash(subnet: uint256, agent: uint256, bps: uint256, culprit: address, reporter: address) -> uint256:
    """
    @notice Burn `bps` of all that backs an agent, unbonding stake and collateral too. The reporter gets a tenth of what
            the culprit itself loses by its stake and collateral, and nothing of what its delegators lose.
    """
    assert msg.sender == self.epochs, "stakes: caller is not the epochs contract"

    bonded: pool.Pool = self.pools[subnet][agent]
    rest: pool.Pool = pool._cut(bonded, bps)
    self._set(subnet, agent, self._epoch(subnet), bonded, rest)
    aside: pool.Pool = self.unbonding_pools[subnet][agent]
    aside_rest: pool.Pool = pool._cut(aside, bps)
    self.unbonding_pools[subnet][agent] = aside_rest
    held: collateral.Collateral = collateral.collaterals[subnet][agent]
    pledge: uint256 = pool._share_up(held.amount, bps)
    shares: uint256 = self._shares[self._key(subnet, agent, bonded.round)][culprit]
    own: uint256 = pool._worth(bonded, shares) * (bonded.amount - rest.amount) // max(bonded.amount, 1)
    if held.account == culprit:
        own += pledge

    cut: uint256 = bonded.amount - rest.amount + aside.amount - aside_rest.amount
    cut += collateral._cut(subnet, agent, pledge)
    reported: uint256 = own * REPORTER_BPS // BPS

    log Slashed(subnet=subnet, agent=agent, reporter=reporter, burned=cut - reported, reported=reported)

    extcall Token(token).burn(cut - reported)
    if reported != 0:
        assert extcall Token(token).transfer(reporter, reported)
    return cut


@external
def slash_collateral(subnet: uint256, agent: uint256, amount: uint256, bps: uint256) -> uint256:
    """
    @notice Burn up to `amount` of an agent's collateral, and no more than `bps` of it; what was burnt.
    """
    assert msg.sender == self.epochs, "stakes: caller is not the epochs contract"

    limit: uint256 = collateral.collaterals[subnet][agent].amount * bps // BPS
    cut: uint256 = collateral._cut(subnet, agent, min(amount, limit))

    log Slashed(subnet=subnet, agent=agent, reporter=empty(address), burned=cut, reported=0)

    extcall Token(token).burn(cut)
    return cut


@external
@view
def shares_of(subnet: uint256, agent: uint256, account: address) -> uint256:
    """
    @notice The shares of `account` in the pool of an agent.
    """
    return self._shares[self._key(subnet, agent, self.pools[subnet][agent].round)][account]


@external
@view
def stake_of(subnet: uint256, agent: uint256, account: address) -> uint256:
    """
    @notice What the shares of `account` are worth now, rounded down.
    """
    bonded: pool.Pool = self.pools[subnet][agent]
    return pool._worth(bonded, self._shares[self._key(subnet, agent, bonded.round)][account])


@external
@view
def stake_at(subnet: uint256, agent: uint256, epoch: uint256) -> uint256:
    """
    @notice The whole pool of an agent at the last block of `epoch`; as it stands now for the current epoch.
    """
    return checkpoint._at(self._key(subnet, agent, 0), epoch)


@external
@view
def unbonding_of(subnet: uint256, agent: uint256, account: address) -> DynArray[Entry, MAX_ENTRIES]:
    """
    @notice The open withdrawals of `account`: shares of the unbonding pool and the block of their release.
    """
    return self._entries[self._key(subnet, agent, QUEUE)][account]


@internal
def _set(subnet: uint256, agent: uint256, epoch: uint256, before: pool.Pool, after: pool.Pool):
    """
    @dev Store a pool, its worth at this epoch, and the totals.
    """
    self.pools[subnet][agent] = after
    checkpoint._set(self._key(subnet, agent, 0), epoch, after.amount)
    self.total_of[subnet] = self.total_of[subnet] + after.amount - before.amount
    self.total = self.total + after.amount - before.amount


@internal
@view
def _epoch(subnet: uint256) -> uint256:
    return staticcall Subnets(self.subnets).current_epoch(subnet)


@internal
@pure
def _key(subnet: uint256, agent: uint256, round: uint256) -> bytes32:
    return keccak256(abi_encode(subnet, agent, round))
