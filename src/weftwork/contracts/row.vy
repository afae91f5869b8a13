# pragma version ~=0.4.3
"""
@title Row of weights
@license Apache-2.0
@notice What a row of weights must satisfy on its own.
"""

MAX_UIDS: constant(uint256) = 256
U16: constant(uint256) = 65_535


@internal
@pure
def _check(
    uids: DynArray[uint256, MAX_UIDS],
    values: DynArray[uint256, MAX_UIDS],
    neurons: uint256,
    min_weights: uint256,
    max_weight: uint256,
):
    """
    @dev Each uid exists and is given once, there are enough of them, and none outweighs `max_weight` of the whole.
    """
    seen: uint256 = 0
    sum: uint256 = 0
    top: uint256 = 0
    for i: uint256 in range(len(uids), bound=MAX_UIDS):
        assert (seen >> uids[i]) & 1 == 0, "weights: uid is given twice"
        assert uids[i] < neurons, "weights: uid does not exist"
        assert values[i] <= U16, "weights: value is over 65535"
        seen = seen | (1 << uids[i])
        sum += values[i]
        top = max(top, values[i])
    assert len(uids) >= min(min_weights, neurons), "weights: too few weights"
    assert top * U16 <= max_weight * sum, "weights: one weight is too large"
