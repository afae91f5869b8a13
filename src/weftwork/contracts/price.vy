# pragma version ~=0.4.3
"""
@title Prices of places
@license Apache-2.0
@notice What a registration and a new subnet cost: both rise with each that is taken and fall back with time.
"""

MILLION: constant(uint256) = 1_000_000


@internal
@pure
def _decayed(last: uint256, elapsed: uint256, low: uint256, high: uint256, half_life: uint256) -> uint256:
    """
    @dev The last price, halved once each half-life and in a straight line between; then clamped to the range.
    """
    price: uint256 = last >> min(elapsed // half_life, 255)
    fall: uint256 = price * (elapsed % half_life)
    price -= (fall + 2 * half_life - 1) // (2 * half_life)
    return min(max(price, low), high)


@internal
@pure
def _bumped(price: uint256, bump: uint256, high: uint256) -> uint256:
    """
    @dev The price after a registration; `bump` is in millionths.
    """
    return min(price * bump // MILLION, high)


@internal
@pure
def _lock_cost(last: uint256, elapsed: uint256, interval: uint256, low: uint256) -> uint256:
    """
    @dev max(low, 2 last - last elapsed / interval).
    """
    fall: uint256 = last * elapsed // interval
    if fall >= 2 * last:
        return low

    return max(low, 2 * last - fall)
