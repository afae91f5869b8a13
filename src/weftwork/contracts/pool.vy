# pragma version ~=0.4.3
"""
@title Pool of shares
@license Apache-2.0
@notice Units behind shares. Every division rounds in the pool's favour, so no order of calls pays out more than came
        in; a reward or a slash changes what a share is worth, never how many there are.
"""

BPS: constant(uint256) = 10_000
# A pool cut below one unit for this many shares is wiped: its shares are void and the rest is burnt.
MAX_SHARES_PER_UNIT: constant(uint256) = 10**6


struct Pool:
    amount: uint256
    shares: uint256
    round: uint256


@internal
@pure
def _worth(pool: Pool, shares: uint256) -> uint256:
    """
    @dev What `shares` are worth, rounded down.
    """
    if pool.shares == 0:
        return 0

    return shares * pool.amount // pool.shares


@internal
@pure
def _buy(pool: Pool, amount: uint256) -> uint256:
    """
    @dev The shares that `amount` buys, rounded down; one each in an empty pool.
    """
    if pool.shares == 0:
        return amount

    return amount * pool.shares // pool.amount


@internal
@pure
def _put(pool: Pool, amount: uint256, shares: uint256) -> Pool:
    return Pool(amount=pool.amount + amount, shares=pool.shares + shares, round=pool.round)


@internal
@pure
def _take(pool: Pool, amount: uint256, shares: uint256) -> Pool:
    return Pool(amount=pool.amount - amount, shares=pool.shares - shares, round=pool.round)


@internal
@pure
def _cut(pool: Pool, bps: uint256) -> Pool:
    """
    @dev The pool after a slash of `bps`, rounded up; wiped where next to nothing stays.
    """
    rest: uint256 = pool.amount - self._share_up(pool.amount, bps)
    if rest * MAX_SHARES_PER_UNIT < pool.shares:
        return Pool(amount=0, shares=0, round=pool.round + 1)

    return Pool(amount=rest, shares=pool.shares, round=pool.round)


@internal
@pure
def _share_up(amount: uint256, bps: uint256) -> uint256:
    return (amount * bps + BPS - 1) // BPS
