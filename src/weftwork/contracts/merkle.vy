# pragma version ~=0.4.3
"""
@title Merkle proofs of claims
@license Apache-2.0
@notice Leaves and nodes hash in domains of their own; a node's side follows the bits of its leaf's index, so a leaf
        proves one place only. A node without a right neighbour is paired with 32 zero bytes.
"""

MAX_DEPTH: constant(uint256) = 16
CLAIM_TYPE: constant(bytes32) = keccak256(
    "Claim(uint64 subnet,uint64 epoch,uint64 index,uint8 kind,uint256 agent,address account,uint256 amount)"
)


struct Claim:
    index: uint256
    kind: uint256
    agent: uint256
    account: address
    amount: uint256
    proof: DynArray[bytes32, MAX_DEPTH]


@internal
@view
def _holds(root: bytes32, subnet: uint256, epoch: uint256, item: Claim) -> bool:
    """
    @dev Whether a claim on this contract, on this chain, stands under `root`.
    """
    data: bytes32 = keccak256(
        abi_encode(
            CLAIM_TYPE,
            chain.id,
            self,
            subnet,
            epoch,
            item.index,
            item.kind,
            item.agent,
            item.account,
            item.amount,
        )
    )
    return self._verify(root, keccak256(concat(b"\x00", data)), item.index, item.proof)


@internal
@pure
def _verify(root: bytes32, leaf: bytes32, index: uint256, proof: DynArray[bytes32, MAX_DEPTH]) -> bool:
    """
    @dev Whether `leaf` stands at `index` under `root`.
    """
    if index >> len(proof) != 0:
        return False

    node: bytes32 = leaf
    place: uint256 = index
    for beside: bytes32 in proof:
        if place & 1 == 1:
            node = keccak256(concat(b"\x01", beside, node))
        else:
            node = keccak256(concat(b"\x01", node, beside))
        place = place >> 1
    return node == root
