# pragma version ~=0.4.3
"""
@title Sealed weights
@license Apache-2.0
@notice What each validator committed to in an epoch. The hash binds chain, contract, subnet, epoch and uid, so that one
        that is copied can be revealed by nobody.
"""

MAX_UIDS: constant(uint256) = 256
WEIGHTS_TAG: constant(bytes32) = keccak256("weft.weights.v1")


struct Commitment:
    hash: bytes32
    block: uint256


commitments: public(HashMap[uint256, HashMap[uint256, HashMap[uint256, Commitment]]])


event WeightsCommitted:
    subnet: indexed(uint256)
    epoch: indexed(uint256)
    uid: indexed(uint256)
    commitment: bytes32


@internal
def _keep(subnet: uint256, epoch: uint256, uid: uint256, hash: bytes32):
    """
    @dev Note a commitment; one an epoch.
    """
    assert hash != empty(bytes32), "weights: commitment is empty"
    assert self.commitments[subnet][epoch][uid].block == 0, "weights: already committed"

    self.commitments[subnet][epoch][uid] = Commitment(hash=hash, block=block.number)

    log WeightsCommitted(subnet=subnet, epoch=epoch, uid=uid, commitment=hash)


@internal
@view
def _check(
    hash: bytes32,
    subnet: uint256,
    epoch: uint256,
    uid: uint256,
    uids: DynArray[uint256, MAX_UIDS],
    values: DynArray[uint256, MAX_UIDS],
    version: uint256,
    sampling_key: bytes32,
    salt: bytes32,
):
    """
    @dev What is shown is what was sealed.
    """
    assert hash == keccak256(
        abi_encode(
            WEIGHTS_TAG,
            chain.id,
            self,
            subnet,
            epoch,
            uid,
            keccak256(abi_encode(uids)),
            keccak256(abi_encode(values)),
            version,
            sampling_key,
            salt,
        )
    ), "weights: reveal differs from the commitment"
