# pragma version ~=0.4.3
"""
@title Closing
@license Apache-2.0
@notice The result of one epoch as validators sign it (EIP-712), and the tally of which of its claims were made.
"""

CLOSING_TYPE: constant(bytes32) = keccak256(
    "Closing(uint64 subnet,uint64 epoch,bytes32 snapshot,bytes32 params,bytes32 previous,bytes32 bonds,uint256 pot,uint256 payout,bytes32 claims)"
)


struct Closing:
    subnet: uint256
    epoch: uint256
    snapshot: bytes32
    params: bytes32
    previous: bytes32
    bonds: bytes32
    pot: uint256
    payout: uint256
    claims: bytes32


_claimed: HashMap[bytes32, uint256]


@external
@view
def is_claimed(subnet: uint256, epoch: uint256, index: uint256) -> bool:
    """
    @notice Whether the leaf at `index` has been carried out.
    """
    return self._is_claimed(subnet, epoch, index)


@external
@pure
def hash_closing(closing: Closing) -> bytes32:
    """
    @notice The id of a closing: its EIP-712 struct hash.
    """
    return self._hash(closing)


@internal
@pure
def _hash(closing: Closing) -> bytes32:
    return keccak256(abi_encode(CLOSING_TYPE, closing))


@internal
@view
def _is_claimed(subnet: uint256, epoch: uint256, index: uint256) -> bool:
    return (self._claimed[self._word(subnet, epoch, index)] >> (index & 255)) & 1 == 1


@internal
def _mark(subnet: uint256, epoch: uint256, index: uint256):
    """
    @dev Note that a leaf is carried out; it can be only once.
    """
    word: bytes32 = self._word(subnet, epoch, index)
    bit: uint256 = 1 << (index & 255)
    assert self._claimed[word] & bit == 0, "epochs: already claimed"

    self._claimed[word] = self._claimed[word] | bit


@internal
@pure
def _word(subnet: uint256, epoch: uint256, index: uint256) -> bytes32:
    return keccak256(abi_encode(subnet, epoch, index >> 8))
