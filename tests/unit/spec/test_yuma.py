"""What the epoch means for those who take part in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadConfig, BadInput, Exploitable
from weftwork.spec.epoch import PRESETS, LiquidAlpha, Params, Snapshot
from weftwork.spec.fixed import ONE
from weftwork.spec.yuma import run_epoch

CHAIN = PRESETS["subtensor"]


def snapshot(weights, stakes=(60, 40), miners=2, **changes):
    """Validators first, then miners; all registered at 0 and permitted, weights set at block 9."""
    v = len(stakes)
    n = v + miners
    fields = {
        "block": 10,
        "last_tempo": 5,
        "owner": None,
        "stakes": [*stakes, *[0] * miners],
        "registered_at": [0] * n,
        "last_update": [9] * n,
        "permits": [i < v for i in range(n)],
        "weights": [*weights, *[{} for _ in range(n - len(weights))]],
        "bonds": [{} for _ in range(n)],
    }
    return Snapshot(**{**fields, **changes})


def test_consensus_clips_weight_above_kappa_majority():
    honest, colluding = {2: 65535}, {3: 65535}
    result = run_epoch(snapshot([honest, colluding]), CHAIN, 1000)
    assert result.consensus[2] == ONE
    assert result.consensus[3] == 0
    assert result.incentive == [0, 0, ONE, 0]
    assert result.validator_trust == [ONE, 0, 0, 0]
    assert result.dividends == [ONE, 0, 0, 0]


def test_a_split_in_halves_pays_both_sides():
    result = run_epoch(snapshot([{2: 65535}, {3: 65535}], stakes=(50, 50)), CHAIN, 1000)
    assert result.incentive_u16 == [0, 0, 32767, 32767]


def test_nobody_judges_himself_but_the_owner():
    weights = [{0: 65535, 1: 65535}, {0: 65535}]
    plain = run_epoch(snapshot(weights, miners=0), CHAIN, 1000)
    owner = run_epoch(snapshot(weights, miners=0, owner=0), CHAIN, 1000)
    assert plain.consensus[0] == 0
    assert owner.consensus[0] == ONE // 2


def test_an_inactive_validator_has_no_word():
    weights = [{2: 65535}, {3: 65535}]
    late = snapshot(weights, block=5010, last_update=[9, 5000, 9, 9])
    result = run_epoch(late, CHAIN, 1000)
    assert result.active[:2] == [False, True]
    assert result.incentive == [0, 0, 0, ONE]


def test_a_neuron_that_registered_after_a_commitment_inherits_no_votes():
    weights = [{2: 65535, 3: 65535}, {2: 65535, 3: 65535}]
    born = [0, 0, 0, 7]
    plain = run_epoch(snapshot(weights, registered_at=born), CHAIN, 1000)
    sealed = run_epoch(snapshot(weights, registered_at=born, commit_block=[6, 6, None, None]), CHAIN, 1000)
    assert plain.incentive[3] > 0
    assert sealed.incentive == [0, 0, ONE, 0]


def test_a_newcomer_inherits_no_bonds():
    bonds = [{2: 65535, 3: 65535}, {}, {}, {}]
    kept = run_epoch(snapshot([{}, {}], bonds=bonds), CHAIN, 1000)
    lost = run_epoch(snapshot([{}, {}], bonds=bonds, registered_at=[0, 0, 0, 5]), CHAIN, 1000)
    assert set(kept.bonds[0]) == {2, 3}
    assert set(lost.bonds[0]) == {2}


def test_without_usable_weights_validators_are_paid_by_stake():
    result = run_epoch(snapshot([{}, {}]), CHAIN, 1000)
    assert result.fallback
    assert result.emission == [599, 399, 0, 0]
    assert result.validator_emission == result.emission
    assert result.miner_emission == [0, 0, 0, 0]


def test_bonds_reward_a_validator_who_saw_it_first_when_the_penalty_is_low():
    early, late = {3: 65535}, {2: 65535}
    first = run_epoch(snapshot([late, early]), PRESETS["weft"], 10**9)
    then = run_epoch(
        snapshot([early, early], bonds=first.bonds, permits=first.permits), PRESETS["weft"], 10**9
    )
    assert then.dividends[1] * 60 > then.dividends[0] * 40


def test_yuma_2_with_a_bonds_penalty_below_1_is_refused_with_the_reason():
    terms = Params(yuma=2, bonds_penalty=65534)
    with pytest.raises(Exploitable, match="lone voter"):
        run_epoch(snapshot([{}, {}]), terms, 1000)
    assert run_epoch(snapshot([{}, {}]), terms, 1000, allow_exploitable=True).fallback
    assert run_epoch(snapshot([{}, {}]), Params(yuma=2), 1000).fallback


def test_the_reason_holds_a_lone_voter_takes_a_whole_column():
    """A small validator alone on a miner owns that miner's bonds, whatever its stake."""
    terms = Params(yuma=2, bonds_penalty=0)
    many = snapshot([{2: 65535}, {2: 65535, 3: 6000}], stakes=(90, 10))
    first = run_epoch(many, terms, 10**9, allow_exploitable=True)
    assert first.bonds[1][3] == 65535
    assert 3 not in first.bonds[0]


@given(
    st.lists(st.dictionaries(st.integers(0, 5), st.integers(0, 65535)), min_size=3, max_size=3),
    st.lists(st.integers(0, 10**24), min_size=3, max_size=3),
    st.integers(0, 10**24),
    st.integers(0, 10_000),
    st.sampled_from(sorted(PRESETS)),
)
def test_no_epoch_pays_more_than_its_emission(weights, stakes, emission, miner_bps, preset):
    result = run_epoch(snapshot(weights, stakes, miners=3), PRESETS[preset], emission, miner_bps=miner_bps)
    assert sum(result.emission) <= emission
    assert sum(result.miner_emission) + sum(result.validator_emission) <= emission
    assert all(x >= 0 for x in result.miner_emission + result.validator_emission)
    assert sum(result.incentive) <= ONE
    assert sum(result.dividends) <= ONE
    if not result.fallback:
        lost = emission - sum(result.miner_emission) - sum(result.validator_emission)
        assert lost <= 6


def test_the_split_is_a_parameter():
    agreed = snapshot([{2: 65535}, {2: 65535}])
    for bps in (0, 4100, 5000, 10_000):
        result = run_epoch(agreed, CHAIN, 10**6, miner_bps=bps)
        assert result.miner_emission[2] == 10**6 * bps // 10_000
    with pytest.raises(BadConfig, match="miner_bps"):
        run_epoch(agreed, CHAIN, 10**6, miner_bps=10_001)
    with pytest.raises(BadConfig, match="not negative"):
        run_epoch(agreed, CHAIN, -1)


@pytest.mark.parametrize("terms", [*PRESETS.values(), Params(yuma=2, liquid_alpha=LiquidAlpha(0, 65535, -5))])
def test_parameters_survive_json_in_one_order(terms):
    written = terms.to_json()
    assert Params.from_json(written) == terms
    assert list(written) == list(CHAIN.to_json())


@pytest.mark.parametrize(
    "change",
    [
        {"kappa_u16": 65536},
        {"kappa_u16": "1"},
        {"yuma": 1},
        {"max_validators": True},
        {"activity_cutoff": -1},
        {"bonds_moving_average_millionths": 1_000_001},
        {"liquid_alpha": {"low_u16": 2, "high_u16": 1, "steepness": 0}},
        {"liquid_alpha": {"low_u16": 2}},
        {"liquid_alpha": 5},
        {"liquid_alpha": {"low_u16": 1, "high_u16": 2, "steepness": 40_000}},
        {"tempo": 360},
    ],
)
def test_parameters_out_of_range_are_refused(change):
    with pytest.raises(BadConfig) as caught:
        Params.from_json({**CHAIN.to_json(), **change})
    assert caught.value.hint


def test_a_lopsided_snapshot_is_refused():
    with pytest.raises(BadInput, match="4 stakes but 1 entries of permits"):
        snapshot([{}, {}], permits=[True])
    with pytest.raises(BadInput, match="owner"):
        snapshot([{}, {}], owner=4)
