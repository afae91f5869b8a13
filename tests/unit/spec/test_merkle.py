"""Claims stand under one root: proofs hold for their own leaf and place, and for no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadInput
from weftwork.spec.merkle import (
    Claim,
    ClaimKind,
    hash_claim,
    hash_leaf,
    merkle_proof,
    merkle_root,
    verify_proof,
)
from weftwork.units import ZERO

EPOCHS = "0x" + "ab" * 20


def leaves(count: int) -> list[bytes]:
    return [hash_leaf(bytes([i % 256, i // 256])) for i in range(count)]


@given(st.integers(1, 70), st.data())
def test_every_leaf_proves_its_own_place_and_no_other(count, data):
    tree = leaves(count)
    index = data.draw(st.integers(0, count - 1))
    proof = merkle_proof(tree, index)
    assert len(proof) == (count - 1).bit_length()
    assert verify_proof(merkle_root(tree), tree[index], index, proof)
    for other in range(count):
        if other != index:
            assert not verify_proof(merkle_root(tree), tree[index], other, proof)
            assert not verify_proof(merkle_root(tree), tree[other], index, proof)


def test_index_beyond_the_tree_is_no_second_place_for_a_leaf():
    tree = leaves(4)
    assert not verify_proof(merkle_root(tree), tree[0], 4, merkle_proof(tree, 0))
    with pytest.raises(BadInput, match="no leaf 4 of 4"):
        merkle_proof(tree, 4)


def test_node_is_no_leaf():
    tree = leaves(4)
    inner = merkle_root(tree[:2])
    assert not verify_proof(merkle_root(tree), hash_leaf(tree[0] + tree[1]), 0, merkle_proof(tree, 0)[1:])
    assert inner != hash_leaf(tree[0] + tree[1])


def test_no_claims_have_the_zero_root():
    assert merkle_root([]) == ZERO


def test_claim_is_bound_to_chain_contract_subnet_epoch_and_each_of_its_fields():
    claim = Claim(0, ClaimKind.PAY, 7, "0x" + "11" * 20, 5)
    variants = {
        hash_claim(1, EPOCHS, 1, 1, claim),
        hash_claim(2, EPOCHS, 1, 1, claim),
        hash_claim(1, "0x" + "ac" * 20, 1, 1, claim),
        hash_claim(1, EPOCHS, 2, 1, claim),
        hash_claim(1, EPOCHS, 1, 2, claim),
        hash_claim(1, EPOCHS, 1, 1, Claim(1, ClaimKind.PAY, 7, claim.account, 5)),
        hash_claim(1, EPOCHS, 1, 1, Claim(0, ClaimKind.STAKE, 7, claim.account, 5)),
        hash_claim(1, EPOCHS, 1, 1, Claim(0, ClaimKind.PAY, 8, claim.account, 5)),
        hash_claim(1, EPOCHS, 1, 1, Claim(0, ClaimKind.PAY, 7, "0x" + "12" * 20, 5)),
        hash_claim(1, EPOCHS, 1, 1, Claim(0, ClaimKind.PAY, 7, claim.account, 6)),
    }
    assert len(variants) == 10
