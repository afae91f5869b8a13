# pragma version ~=0.4.3
"""
@title Sampling keys
@license Apache-2.0
@notice The key by which a validator samples receipts in an epoch, fixed one epoch ahead. It is kept by agent, not by
        uid, so that nobody can bind whoever comes after him.
"""

SAMPLING_TAG: constant(bytes32) = keccak256("weft.sampling.v1")

sampling: public(HashMap[uint256, HashMap[uint256, HashMap[uint256, bytes32]]])


event SamplingCommitted:
    subnet: indexed(uint256)
    epoch: indexed(uint256)
    uid: indexed(uint256)
    commitment: bytes32


@internal
def _commit(subnet: uint256, epoch: uint256, uid: uint256, agent: uint256, commitment: bytes32):
    assert self.sampling[subnet][epoch][agent] == empty(bytes32), "weights: sampling is committed"

    self.sampling[subnet][epoch][agent] = commitment

    log SamplingCommitted(subnet=subnet, epoch=epoch, uid=uid, commitment=commitment)


@internal
@view
def _check(subnet: uint256, epoch: uint256, agent: uint256, key: bytes32):
    """
    @dev The key that is shown is the one that was fixed, if one was.
    """
    kept: bytes32 = self.sampling[subnet][epoch][agent]
    assert (
        kept == empty(bytes32) or kept == keccak256(abi_encode(SAMPLING_TAG, key))
    ), "weights: sampling key differs from the commitment"
