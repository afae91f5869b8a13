# pragma version ~=0.4.3
"""
@title Checkpoints
@license Apache-2.0
@notice The history of a value under a key: what it was at an earlier point (a block or an epoch number, which only
        grows). One storage slot a change: the point in the upper 48 bits, the value in the lower 208.
"""

VALUE_BITS: constant(uint256) = 208
MAX_VALUE: constant(uint256) = 2**208 - 1
MAX_POINT: constant(uint256) = 2**48 - 1

_count: HashMap[bytes32, uint256]
_trace: HashMap[bytes32, HashMap[uint256, uint256]]


@internal
@view
def _latest(key: bytes32) -> uint256:
    """
    @dev The value under `key` now; zero if it was never set.
    """
    count: uint256 = self._count[key]
    if count == 0:
        return 0

    return self._trace[key][unsafe_sub(count, 1)] & MAX_VALUE


@internal
@view
def _at(key: bytes32, point: uint256) -> uint256:
    """
    @dev The value under `key` after the last change at or before `point`.
    """
    low: uint256 = 0
    high: uint256 = self._count[key]
    for _: uint256 in range(64):
        if low == high:
            break

        middle: uint256 = unsafe_add(low, high) >> 1
        if self._trace[key][middle] >> VALUE_BITS > point:
            high = middle
        else:
            low = unsafe_add(middle, 1)

    if high == 0:
        return 0

    return self._trace[key][unsafe_sub(high, 1)] & MAX_VALUE


@internal
def _set(key: bytes32, point: uint256, amount: uint256):
    """
    @dev Make `amount` the value under `key` from `point` on; `point` may not be below the last one.
    """
    assert amount <= MAX_VALUE and point <= MAX_POINT, "checkpoint: out of range"

    count: uint256 = self._count[key]
    packed: uint256 = (point << VALUE_BITS) | amount
    if count != 0:
        last: uint256 = self._trace[key][unsafe_sub(count, 1)] >> VALUE_BITS
        assert last <= point, "checkpoint: point is in the past"

        if last == point:
            self._trace[key][unsafe_sub(count, 1)] = packed
            return

    self._trace[key][count] = packed
    self._count[key] = unsafe_add(count, 1)
