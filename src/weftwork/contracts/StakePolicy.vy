# pragma version ~=0.4.3
"""
@title Emission by stake
@license Apache-2.0
@notice Each subnet has the part of the emission that it has of all stake: stakers vote by where they stake.
@custom:halt Nothing to halt: it holds no state and no tokens.
"""


interface Stakes:
    def total_of(subnet: uint256) -> uint256: view
    def total() -> uint256: view


stakes: public(immutable(address))


@deploy
def __init__(stakes_: address):
    stakes = stakes_


@external
def allot(subnet: uint256, budget: uint256) -> uint256:
    """
    @notice What a subnet may mint out of `budget`, which all subnets share.
    """
    total: uint256 = staticcall Stakes(stakes).total()
    if total == 0:
        return 0

    return budget * staticcall Stakes(stakes).total_of(subnet) // total
