# pragma version ~=0.4.3
"""
@title Allotment of an emission
@license Apache-2.0
@notice Pools by purpose, what each pays in an epoch, and the weights by which that is claimed: by work done, by time
        that one stood ready, by tokens spent. Mirror of `spec/bme.py`.
"""

BPS: constant(uint256) = 10_000
WORK: constant(uint256) = 0
READY: constant(uint256) = 1
SPENT: constant(uint256) = 2


struct Rules:
    jobs_bps: uint256
    availability_bps: uint256
    requesters_bps: uint256
    liquidity_bps: uint256
    fee_bps: uint256
    rebate_bps: uint256
    carry_bps: uint256
    job_cap: uint256
    availability_cap: uint256
    recycle_bps: uint256
    recycle_cap_bps: uint256


struct Pools:
    jobs: uint256
    availability: uint256
    requesters: uint256
    liquidity: uint256


rules: public(immutable(Rules))

carried: public(Pools)
weight_of: public(HashMap[uint256, HashMap[uint256, HashMap[address, uint256]]])
weight_left: public(HashMap[uint256, HashMap[uint256, uint256]])
pool_left: public(HashMap[uint256, HashMap[uint256, uint256]])


event Settled:
    epoch: indexed(uint256)
    minted: uint256
    recycled: uint256
    jobs: uint256
    availability: uint256
    requesters: uint256
    liquidity: uint256
    reserve: uint256


event Claimed:
    epoch: indexed(uint256)
    kind: indexed(uint256)
    account: indexed(address)
    amount: uint256


@deploy
def __init__(given: Rules):
    total: uint256 = given.jobs_bps + given.availability_bps + given.requesters_bps + given.liquidity_bps
    assert total <= BPS, "credits: shares are over the whole"
    assert given.fee_bps < BPS and given.rebate_bps <= BPS, "credits: share is over the whole"
    assert given.carry_bps <= BPS and given.recycle_bps <= BPS, "credits: share is over the whole"
    assert given.recycle_cap_bps <= BPS, "credits: share is over the whole"

    rules = given


@internal
def _add(epoch: uint256, kind: uint256, account: address, weight: uint256):
    self.weight_of[epoch][kind][account] += weight
    self.weight_left[epoch][kind] += weight


@internal
def _take(epoch: uint256, kind: uint256, account: address) -> uint256:
    """
    @dev What an account's weight is worth of what is left; the last one gets it all.
    """
    weight: uint256 = self.weight_of[epoch][kind][account]
    assert weight != 0, "credits: nothing to claim"

    left: uint256 = self.pool_left[epoch][kind]
    weight_left: uint256 = self.weight_left[epoch][kind]
    amount: uint256 = left * weight // weight_left
    self.weight_of[epoch][kind][account] = 0
    self.weight_left[epoch][kind] = weight_left - weight
    self.pool_left[epoch][kind] = left - amount

    log Claimed(epoch=epoch, kind=kind, account=account, amount=amount)
    return amount


@internal
def _share_out(epoch: uint256, minted: uint256, recycled: uint256, is_staked: bool) -> (uint256, uint256):
    """
    @dev Put an emission into the pools, and of each what this epoch pays where it is claimed. What is the reserve's, and what
         liquidity's (nothing unless somebody `is_staked`).
    """
    emission: uint256 = minted + recycled
    add: Pools = Pools(
        jobs=emission * rules.jobs_bps // BPS,
        availability=emission * rules.availability_bps // BPS,
        requesters=emission * rules.requesters_bps // BPS,
        liquidity=emission * rules.liquidity_bps // BPS,
    )
    paid: Pools = empty(Pools)
    if self.weight_left[epoch][WORK] != 0:
        paid.jobs = self._payable(add.jobs, self.carried.jobs, rules.job_cap)
    if self.weight_left[epoch][READY] != 0:
        paid.availability = self._payable(add.availability, self.carried.availability, rules.availability_cap)
    paid.requesters = min(
        self._payable(add.requesters, self.carried.requesters, 0),
        self.weight_left[epoch][SPENT] * rules.rebate_bps // BPS,
    )
    if is_staked:
        paid.liquidity = self._payable(add.liquidity, self.carried.liquidity, 0)
    self.carried = Pools(
        jobs=self.carried.jobs + add.jobs - paid.jobs,
        availability=self.carried.availability + add.availability - paid.availability,
        requesters=self.carried.requesters + add.requesters - paid.requesters,
        liquidity=self.carried.liquidity + add.liquidity - paid.liquidity,
    )
    self.pool_left[epoch][WORK] = paid.jobs
    self.pool_left[epoch][READY] = paid.availability
    self.pool_left[epoch][SPENT] = paid.requesters
    rest: uint256 = emission - add.jobs - add.availability - add.requesters - add.liquidity

    log Settled(
        epoch=epoch,
        minted=minted,
        recycled=recycled,
        jobs=paid.jobs,
        availability=paid.availability,
        requesters=paid.requesters,
        liquidity=paid.liquidity,
        reserve=rest,
    )
    return rest, paid.liquidity


@internal
@view
def _payable(allotted: uint256, carried: uint256, cap: uint256) -> uint256:
    """
    @dev The epoch's part and, at most, a part of what is carried over; not over the cap, where there is one.
    """
    amount: uint256 = allotted + carried * rules.carry_bps // BPS
    if cap != 0:
        return min(amount, cap)

    return amount
