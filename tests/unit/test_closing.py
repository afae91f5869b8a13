"""The closing of an epoch as a pure function: who is paid what, and that nothing is made of nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.closing import (
    OWNER,
    Bonds,
    Culprit,
    EpochSnapshot,
    Sealed,
    Seat,
    Vote,
    compare_closings,
    compute_closing,
)
from weftwork.errors import BadRecord, ClosingDiffers
from weftwork.records import NO_ADDRESS
from weftwork.spec.merkle import ClaimKind, verify_proof
from weftwork.spec.subnet import SUBNET_PRESETS
from weftwork.units import ZERO

WAD = 10**18
LOCAL = SUBNET_PRESETS["local"]


def address(n):
    return "0x" + f"{n:040x}"


def snapshot(rows, stakes, params=LOCAL, miners=2, wallets=None, registered_at=None, culprits=()):
    """Validators 0 .. with ``rows`` of weights, then miners; blocks 100 to 139."""
    n = len(rows) + miners
    return EpochSnapshot(
        chain_id=31337,
        contract=address(99),
        subnet=1,
        epoch=4,
        first_block=100,
        last_block=139,
        owner=address(77),
        params=params,
        agents=tuple(range(10, 10 + n)),
        wallets=tuple(wallets or [address(i + 1) for i in range(n)]),
        stakes=(*stakes, *([0] * miners)),
        registered_at=tuple(registered_at or [1] * n),
        active=tuple([True] * len(rows) + [False] * miners),
        weights=tuple(rows) + ({},) * miners,
        committed_at=tuple([105 if row else None for row in rows] + [None] * miners),
        seats=tuple(Seat(i, 10 + i, address(i + 1), stake) for i, stake in enumerate(stakes)),
        culprits=culprits,
    )


def sealed(emission=40 * WAD, fees=0):
    return Sealed(1, emission + fees, fees, 100, ZERO, ZERO, ZERO)


def paid(plan, kind=None):
    out = {}
    for claim in plan.claims:
        if kind is None or claim.kind == kind:
            out[claim.agent] = out.get(claim.agent, 0) + claim.amount
    return out


AGREED = [{2: 3, 3: 1}, {2: 3, 3: 1}]


def test_miners_are_paid_by_weight_and_validators_by_stake_when_all_agree():
    plan = compute_closing(snapshot(AGREED, [60, 40]), sealed(), Bonds())
    miners, validators = paid(plan, ClaimKind.PAY), paid(plan, ClaimKind.STAKE)
    assert miners[12] == pytest.approx(15 * WAD, rel=1e-6)
    assert miners[13] == pytest.approx(5 * WAD, rel=1e-6)
    assert validators[10] == pytest.approx(12 * WAD, rel=1e-6)
    assert validators[11] == pytest.approx(8 * WAD, rel=1e-6)
    assert 0 <= plan.closing.pot - plan.closing.payout < 10


def test_fees_go_to_validators_by_dividends_and_nothing_else_of_them():
    plan = compute_closing(snapshot(AGREED, [60, 40]), sealed(0, 10 * WAD), Bonds())
    assert paid(plan, ClaimKind.PAY) == {}
    assert paid(plan)[10] == pytest.approx(6 * WAD, rel=1e-6)


def test_owner_is_paid_first_under_the_subtensor_split():
    plan = compute_closing(
        snapshot(AGREED, [60, 40], SUBNET_PRESETS["subtensor"]), sealed(100 * WAD), Bonds()
    )
    assert paid(plan)[OWNER] == 18 * WAD
    assert plan.claims[-1].account == address(77)
    assert sum(paid(plan, ClaimKind.STAKE).values()) == pytest.approx(41 * WAD, rel=1e-6)


def test_nothing_is_minted_where_nothing_was_judged_and_fees_wait():
    plan = compute_closing(snapshot([{}, {}], [60, 40]), sealed(40 * WAD, 10 * WAD), Bonds())
    assert plan.claims == ()
    assert (plan.closing.payout, plan.closing.claims) == (0, ZERO)


def test_subnet_without_neurons_has_an_empty_closing():
    plan = compute_closing(snapshot([], [], miners=0), sealed(), Bonds())
    assert plan.claims == ()
    assert plan.result is None


def test_neuron_whose_identity_was_transferred_is_not_paid():
    wallets = [address(1), address(2), NO_ADDRESS, address(4)]
    plan = compute_closing(snapshot(AGREED, [60, 40], wallets=wallets), sealed(), Bonds())
    assert set(paid(plan)) == {10, 11, 13}
    assert plan.closing.payout < 26 * WAD


def test_new_holder_of_a_uid_inherits_neither_bonds_nor_votes():
    before = compute_closing(snapshot(AGREED, [60, 40]), sealed(), Bonds())
    assert before.bonds.rows[0][2]
    later = snapshot(AGREED, [60, 40], registered_at=[1, 1, 150, 1])
    later = replace(later, epoch=5, first_block=140, last_block=179, committed_at=(145, 145, None, None))
    seen = later.with_bonds(before.bonds)
    assert seen.last_tempo == 140, "the spec drops the column of a uid that registered since"
    plan = compute_closing(later, sealed(), before.bonds)
    assert 12 not in paid(plan), "weights that were sealed before it came do not count"
    gone = later.with_bonds(replace(before.bonds, last_block=0))
    assert not any(gone.bonds), "rows of validators that registered since are dropped"


def test_fault_costs_a_part_of_the_collateral_and_is_no_part_of_the_payout():
    culprits = (Culprit(12, address(3), 50 * WAD), Culprit(13, address(4), 99), Culprit(14, address(5), 9))
    plain = compute_closing(snapshot(AGREED, [60, 40]), sealed(), Bonds())
    plan = compute_closing(snapshot(AGREED, [60, 40], culprits=culprits), sealed(), Bonds())
    burns = [claim for claim in plan.claims if claim.kind == ClaimKind.SLASH]
    assert [(c.agent, c.account, c.amount) for c in burns] == [
        (12, address(3), 5 * WAD), (13, address(4), 9),
    ], "a tenth, rounded down, and no leaf for nothing"  # fmt: skip
    assert plan.claims[: len(plain.claims)] == plain.claims
    assert plan.closing.payout == plain.closing.payout
    assert plan.closing.claims != plain.closing.claims


def test_fault_costs_collateral_though_nothing_was_judged():
    for rows, stakes in (([{}, {}], [60, 40]), ([], [])):
        public = snapshot(rows, stakes, miners=0 if not rows else 2, culprits=(Culprit(3, address(3), WAD),))
        plan = compute_closing(public, sealed(), Bonds())
        (claim,) = plan.claims
        assert (claim.kind, claim.agent, claim.amount) == (ClaimKind.SLASH, 3, WAD // 10)
        assert (plan.closing.payout, plan.closing.claims) == (0, plan.leaves[0])


def test_subnet_that_slashes_nothing_has_no_leaf_for_a_fault():
    params = LOCAL.replace(fault_slash_bps=0)
    public = snapshot(AGREED, [60, 40], params, culprits=(Culprit(12, address(3), WAD),))
    assert not paid(compute_closing(public, sealed(), Bonds()), ClaimKind.SLASH)


rows = st.lists(
    st.dictionaries(st.integers(0, 5), st.integers(0, 65_535), max_size=6), min_size=1, max_size=3
)


@given(rows, st.data(), st.integers(0, 10**24), st.integers(0, 10**24))
def test_closing_never_pays_more_than_the_pot_and_every_claim_proves_itself(given_rows, data, emission, fees):
    stakes = [data.draw(st.integers(0, 10**24)) for _ in given_rows]
    bps = data.draw(st.integers(0, 10_000))
    params = LOCAL.replace(miners_bps=bps, owner_bps=data.draw(st.integers(0, 10_000 - bps)))
    miners = 6 - len(given_rows)
    pledges = data.draw(st.lists(st.integers(0, 10**24), max_size=3))
    params = params.replace(fault_slash_bps=data.draw(st.integers(0, 10_000)))
    culprits = tuple(Culprit(i, address(i + 1), pledge) for i, pledge in enumerate(pledges))
    public = snapshot(given_rows, stakes, params, miners, culprits=culprits)
    plan = compute_closing(public, sealed(emission, fees), Bonds())
    paid_out = sum(claim.amount for claim in plan.claims if claim.kind != ClaimKind.SLASH)
    assert plan.closing.payout == paid_out <= emission + fees
    assert all(amount <= pledges[agent] for agent, amount in paid(plan, ClaimKind.SLASH).items())
    assert plan == compute_closing(public, sealed(emission, fees), Bonds()), "equal on every machine"
    for claim, leaf in zip(plan.claims, plan.leaves, strict=True):
        assert verify_proof(plan.closing.claims, leaf, claim.index, plan.proof(claim.index))
    assert [claim.index for claim in plan.claims] == list(range(len(plan.claims)))
    assert len(plan.payments) == len(plan.claims)


@given(st.sampled_from(["snapshot", "params", "previous", "bonds", "claims"]))
def test_field_that_differs_is_named(name):
    plan = compute_closing(snapshot(AGREED, [60, 40]), sealed(), Bonds())
    with pytest.raises(ClosingDiffers) as caught:
        compare_closings(plan.closing, plan.closing.replace(**{name: b"\1" * 32}))
    assert caught.value.value == name


@pytest.mark.parametrize(
    "text",
    [None, [], {}, {"uid": 1}, {"uid": "1", "signature": "00" * 65}, {"uid": 300, "signature": "00" * 65}],
)
def test_malformed_vote_is_refused(text):
    with pytest.raises(BadRecord):
        Vote.from_json(text)
