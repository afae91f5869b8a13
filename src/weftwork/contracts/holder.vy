# pragma version ~=0.4.3
"""
@title Holders of agents
@license Apache-2.0
@notice Who acts for an agent of the identity registry, and who is paid for it.
"""


interface Identity:
    def ownerOf(agent: uint256) -> address: view
    def getAgentWallet(agent: uint256) -> address: view


@internal
@view
def _payee(identity: address, agent: uint256) -> address:
    """
    @dev The wallet, or the owner where there is none.
    """
    wallet: address = staticcall Identity(identity).getAgentWallet(agent)
    if wallet == empty(address):
        return staticcall Identity(identity).ownerOf(agent)

    return wallet


@internal
@view
def _check(identity: address, agent: uint256):
    """
    @dev The caller is the agent's wallet or owner.
    """
    assert (
        staticcall Identity(identity).getAgentWallet(agent) == msg.sender
        or staticcall Identity(identity).ownerOf(agent) == msg.sender
    ), "stakes: caller does not hold the agent"
