# pragma version ~=0.4.3
"""
@title Lock of a subnet
@license Apache-2.0
@notice What a new subnet locks, and when its owner gets that back: nobody keeps it by squatting on a uid.
"""

import price

min_lock: public(immutable(uint256))
lock_interval: public(immutable(uint256))

last_lock: public(uint256)
last_lock_at: public(uint256)
# from which block on a subnet can be dissolved though neurons are left; 0 where its end was not announced
ends_at: public(HashMap[uint256, uint256])


event SubnetEnding:
    subnet: indexed(uint256)
    at: uint256


@deploy
def __init__(min_lock_: uint256, lock_interval_blocks: uint256):
    assert lock_interval_blocks != 0, "subnets: interval is zero"

    min_lock = min_lock_
    lock_interval = lock_interval_blocks


@external
@view
def lock_cost() -> uint256:
    """
    @notice What a new subnet locks in this block.
    """
    return self._cost()


@internal
@view
def _cost() -> uint256:
    return price._lock_cost(self.last_lock, block.number - self.last_lock_at, lock_interval, min_lock)


@internal
def _take(amount: uint256):
    """
    @dev Note what the newest subnet locked.
    """
    self.last_lock = amount
    self.last_lock_at = block.number


@internal
def _announce(subnet: uint256, delay: uint256):
    """
    @dev Let a subnet end `delay` blocks from now, once and for all.
    """
    self._check_open(subnet)

    self.ends_at[subnet] = block.number + delay

    log SubnetEnding(subnet=subnet, at=block.number + delay)


@internal
@view
def _check_open(subnet: uint256):
    assert self.ends_at[subnet] == 0, "subnets: subnet is ending"


@internal
@view
def _check_end(subnet: uint256, created: uint256, neurons: uint256):
    """
    @dev Nobody is left, or all were told in time; and the lock was held for one interval.
    """
    ends: uint256 = self.ends_at[subnet]
    assert neurons == 0 or (ends != 0 and block.number >= ends), "subnets: there are neurons left"
    assert block.number >= created + lock_interval, "subnets: lock is still held"
