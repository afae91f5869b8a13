# pragma version ~=0.4.3
"""
@title Equal emission
@license Apache-2.0
@notice Every live subnet has the same part of the emission.
@custom:halt Nothing to halt: it holds no state and no tokens.
"""


interface Subnets:
    def live() -> uint256: view


subnets: public(immutable(address))


@deploy
def __init__(subnets_: address):
    subnets = subnets_


@external
def allot(subnet: uint256, budget: uint256) -> uint256:
    """
    @notice What a subnet may mint out of `budget`, which all subnets share.
    """
    return budget // max(staticcall Subnets(subnets).live(), 1)
