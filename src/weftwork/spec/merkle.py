"""Merkle trees of claims: what an epoch pays, under one root.

``leaf = keccak(0x00 ++ keccak(data))``, ``node = keccak(0x01 ++ left ++ right)``. Children are not sorted:
which side a node stands on follows the bits of its leaf's index. A node without a right neighbour is paired
with 32 zero bytes, so every leaf of a tree of n has a proof of exactly ``ceil(log2(n))`` hashes. Mirrored
by ``merkle.vy``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from weftwork.errors import BadInput
from weftwork.units import ZERO, Digest, keccak

LEAF: Final = b"\x00"
NODE: Final = b"\x01"
MAX_DEPTH: Final = 16
"""The longest proof that the contract takes: trees of up to 65,536 leaves."""

CLAIM_TYPE: Final = keccak(
    b"Claim(uint64 subnet,uint64 epoch,uint64 index,uint8 kind,uint256 agent,address account,uint256 amount)"
)


class ClaimKind(IntEnum):
    """What a claim does with its amount."""

    PAY = 0
    """Pay the account."""
    STAKE = 1
    """Add to the stake pool of the agent."""
    SLASH = 2
    """Burn this much of the agent's collateral; paid from no pot."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One leaf of an epoch's result; ``amount`` in wad, ``account`` as 0x and 40 hexadecimal digits."""

    index: int
    kind: ClaimKind
    agent: int
    account: str
    amount: int


def encode_words(*words: int | bytes | str) -> bytes:
    """ABI encoding of static values, one 32-byte word each: whole numbers, bytes32, addresses."""
    out = []
    for word in words:
        if isinstance(word, str):
            out.append(bytes(12) + bytes.fromhex(word.removeprefix("0x")))
        elif isinstance(word, bytes):
            out.append(word)
        else:
            out.append(int(word).to_bytes(32, "big"))
        if len(out[-1]) != 32:
            raise BadInput("a word has 32 bytes", value=repr(word)[:80])
    return b"".join(out)


def hash_claim(chain_id: int, contract: str, subnet: int, epoch: int, claim: Claim) -> Digest:
    """The leaf of one claim, bound to its chain, contract, subnet, epoch and index."""
    data = encode_words(
        CLAIM_TYPE,
        chain_id,
        contract,
        subnet,
        epoch,
        claim.index,
        int(claim.kind),
        claim.agent,
        claim.account,
        claim.amount,
    )
    return Digest(keccak(LEAF + keccak(data)))


def hash_leaf(data: bytes) -> Digest:
    """The leaf of any data: ``keccak(0x00 ++ keccak(data))``."""
    return Digest(keccak(LEAF + keccak(data)))


def hash_pair(left: bytes, right: bytes) -> Digest:
    """The node above two: ``keccak(0x01 ++ left ++ right)``."""
    return Digest(keccak(NODE + left + right))


def build_levels(leaves: Sequence[bytes]) -> list[list[Digest]]:
    """All levels of the tree, leaves first, the root alone in the last; none for no leaves."""
    if not leaves:
        return []
    levels = [[Digest(leaf) for leaf in leaves]]
    while len(levels[-1]) > 1:
        low = levels[-1]
        levels.append(
            [hash_pair(low[i], low[i + 1] if i + 1 < len(low) else ZERO) for i in range(0, len(low), 2)]
        )
    return levels


def merkle_root(leaves: Sequence[bytes]) -> Digest:
    """The root over ``leaves`` in order; 32 zero bytes for none, the leaf itself for one."""
    return build_levels(leaves)[-1][0] if leaves else ZERO


def merkle_proof(leaves: Sequence[bytes], index: int) -> list[Digest]:
    """The siblings from leaf ``index`` up to the root; raises :class:`BadInput` for an index outside."""
    if not 0 <= index < len(leaves):
        raise BadInput(f"there is no leaf {index} of {len(leaves)}", value=index)
    proof = []
    for level in build_levels(leaves)[:-1]:
        beside = index ^ 1
        proof.append(level[beside] if beside < len(level) else ZERO)
        index >>= 1
    return proof


def verify_proof(root: bytes, leaf: bytes, index: int, proof: Sequence[bytes]) -> bool:
    """Whether ``leaf`` stands at ``index`` of the tree under ``root``."""
    if len(proof) > MAX_DEPTH or index >> len(proof):
        return False
    node = bytes(leaf)
    for beside in proof:
        node = hash_pair(beside, node) if index & 1 else hash_pair(node, beside)
        index >>= 1
    return node == bytes(root)
