# pragma version ~=0.4.3
"""
@title Quorum
@license Apache-2.0
@notice Whose signatures stand under a closing, how much stake that is, and whether it is enough.
"""

import signature


interface Identity:
    def getAgentWallet(agent: uint256) -> address: view


interface Weights:
    def seat(subnet: uint256, epoch: uint256, uid: uint256) -> (uint256, address, uint256): view


MAX_VOTES: constant(uint256) = 64


struct Vote:
    uid: uint256
    signature: Bytes[65]


@internal
@view
def _signed(
    weights: address,
    identity: address,
    subnet: uint256,
    epoch: uint256,
    digest: bytes32,
    votes: DynArray[Vote, MAX_VOTES],
) -> uint256:
    """
    @dev The stake of all who signed `digest`, each once. A signature that is not the seat's reverts; one of a validator
         that was suspended since (its identity transferred, its wallet changed) counts nothing, so nobody can spoil a
         closing by signing and leaving.
    """
    signed: uint256 = 0
    next: uint256 = 0
    for vote: Vote in votes:
        assert vote.uid >= next, "epochs: votes are not by rising uid"
        next = vote.uid + 1
        agent: uint256 = 0
        signer: address = empty(address)
        stake: uint256 = 0
        agent, signer, stake = staticcall Weights(weights).seat(subnet, epoch, vote.uid)
        assert signer != empty(address), "epochs: nobody had that seat"
        assert signature._recover(digest, vote.signature) == signer, "epochs: signer differs"
        if staticcall Identity(identity).getAgentWallet(agent) == signer:
            signed += stake
    return signed


@internal
@pure
def _accepts(signed: uint256, total: uint256, window_is_over: bool) -> bool:
    """
    @dev Two thirds of the stake at once, or more than half after the window; never for no stake.
    """
    if total == 0:
        return False

    return 3 * signed >= 2 * total or (window_is_over and 2 * signed > total)


@internal
@pure
def _may_slash(signed: uint256, seated: uint256) -> bool:
    """
    @dev More than half of the stake on all seats: who is silent is counted as against, so that dust which alone revealed
         burns nobody's collateral.
    """
    return 2 * signed > seated
