"""The libraries under the epoch compute what the spec computes: emission, prices, Merkle proofs, quorum."""

from __future__ import annotations

import pytest
from harness.vm import Vm
from hypothesis import given
from hypothesis import strategies as st

from weftwork.spec import emission, registration
from weftwork.spec.merkle import Claim, ClaimKind, hash_claim, merkle_proof, merkle_root
from weftwork.spec.quorum import accepts_closing, may_slash

SOURCE = """
# pragma version ~=0.4.3
import emission
import merkle
import price
import quorum
@external
@view
def block_emission(issued: uint256, cap: uint256, base: uint256) -> uint256:
    return emission._block_emission(issued, cap, base)
@external
@view
def decayed(last: uint256, elapsed: uint256, low: uint256, high: uint256, half_life: uint256) -> uint256:
    return price._decayed(last, elapsed, low, high, half_life)
@external
@view
def bumped(last: uint256, bump: uint256, high: uint256) -> uint256:
    return price._bumped(last, bump, high)
@external
@view
def lock_cost(last: uint256, elapsed: uint256, interval: uint256, low: uint256) -> uint256:
    return price._lock_cost(last, elapsed, interval, low)
@external
@view
def may_slash(signed: uint256, seated: uint256) -> bool:
    return quorum._may_slash(signed, seated)
@external
@pure
def accepts(signed: uint256, total: uint256, late: bool) -> bool:
    return quorum._accepts(signed, total, late)
@external
@view
def holds(root: bytes32, subnet: uint256, epoch: uint256, item: merkle.Claim) -> bool:
    return merkle._holds(root, subnet, epoch, item)
"""
wads = st.integers(0, 2**90)


@pytest.fixture(scope="module")
def library():
    vm = Vm()
    contract = vm.deploy(SOURCE)
    contract.chain_id = vm.chain_id
    return contract


@given(
    st.one_of(
        st.integers(0, emission.CAP), st.integers(0, 80).map(lambda n: emission.CAP - (emission.CAP >> n))
    )
)
def test_emission_halves_where_the_spec_says(library, issued):
    expected = emission.block_emission(issued)
    assert library.block_emission(issued, emission.CAP, emission.WAD) == expected
    if issued:
        before = emission.block_emission(issued - 1)
        assert library.block_emission(issued - 1, emission.CAP, emission.WAD) == before


@given(wads, st.integers(0, 10**6), wads, wads, st.integers(1, 10**4))
def test_price_falls_as_the_spec_says(library, last, elapsed, one, other, half_life):
    low, high = min(one, other), max(one, other)
    expected = registration.decay_price(last, elapsed, low, high, half_life)
    assert library.decayed(last, elapsed, low, high, half_life) == expected


@given(wads, st.integers(10**6, 10**7), wads)
def test_price_rises_as_the_spec_says(library, last, bump, high):
    assert library.bumped(last, bump, high) == registration.bump_price(last, high, bump)


@given(wads, st.integers(0, 10**6), st.integers(1, 10**5), wads)
def test_lock_costs_what_the_spec_says(library, last, elapsed, interval, low):
    assert library.lock_cost(last, elapsed, interval, low) == registration.lock_cost(
        last, elapsed, interval, low
    )


@given(wads, wads, st.booleans())
def test_quorum_is_the_specs(library, one, other, late):
    for signed, total in ((min(one, other), max(one, other)), (one, 2 * one), (2 * one, 3 * one)):
        assert library.accepts(signed, total, late) == accepts_closing(signed, total, late)
        assert library.may_slash(signed, total) == may_slash(signed, total)


@given(st.integers(1, 40), st.data())
def test_proof_of_the_spec_holds_for_its_own_claim_only(library, count, data):
    account = "0x" + "11" * 20
    claims = [Claim(i, ClaimKind(i % 3), i * 7, account, 10**18 + i) for i in range(count)]
    leaves = [hash_claim(library.chain_id, library.address, 3, 9, claim) for claim in claims]
    index = data.draw(st.integers(0, count - 1))
    other = data.draw(st.integers(0, count + 3))
    proof = merkle_proof(leaves, index)
    root = merkle_root(leaves)

    def holds(claim, epoch=9):
        item = (claim.index, int(claim.kind), claim.agent, claim.account, claim.amount, proof)
        return library.holds(root, 3, epoch, item)

    claim = claims[index]
    assert holds(claim)
    assert not holds(claim, epoch=8)
    moved = Claim(other, claim.kind, claim.agent, account, claim.amount)
    assert holds(moved) == (other == index)
