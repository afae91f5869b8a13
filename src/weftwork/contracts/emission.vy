# pragma version ~=0.4.3
"""
@title Emission
@license Apache-2.0
@notice What a block may mint: halved each time that half of what was left of the cap has been issued.
"""


@internal
@pure
def _block_emission(issued: uint256, cap: uint256, base: uint256) -> uint256:
    """
    @dev base >> floor(log2(cap / (cap - issued))); nothing once the cap is reached.
    """
    if issued >= cap:
        return 0

    left: uint256 = cap - issued
    halvings: uint256 = 0
    for _: uint256 in range(255):
        left = left << 1
        if left > cap:
            break

        halvings += 1
    return base >> halvings
