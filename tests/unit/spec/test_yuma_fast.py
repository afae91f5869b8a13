"""The epoch on arrays equals the epoch of the spec, number by number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weftwork.errors import BadInput
from weftwork.spec import yuma_fast
from weftwork.spec.epoch import LiquidAlpha, Params, Snapshot
from weftwork.spec.fixed import EXP_LIMIT, ONE, logistic
from weftwork.spec.yuma import run_epoch
from weftwork.spec.yuma_fast import DenseSnapshot, run_epoch_fast

EDGES_U16 = st.sampled_from([0, 1, 2, 32767, 32768, 65534, 65535])
U16 = st.one_of(EDGES_U16, st.integers(0, 65535))
BLOCKS = st.integers(0, 12)


@st.composite
def snapshots(draw):
    n = draw(st.integers(1, 9))
    uids = st.integers(0, n - 1)

    def column(entry):
        return draw(st.lists(entry, min_size=n, max_size=n))

    rows = st.dictionaries(uids, U16, max_size=n)
    return Snapshot(
        block=draw(st.integers(0, 14)),
        last_tempo=draw(BLOCKS),
        owner=draw(st.one_of(st.none(), uids)),
        stakes=column(st.one_of(st.sampled_from([0, 1, 5, 5, 10**24]), st.integers(0, 2**64))),
        registered_at=column(BLOCKS),
        last_update=column(BLOCKS),
        permits=column(st.booleans()),
        weights=column(rows),
        bonds=column(rows),
        commit_block=column(st.one_of(st.none(), BLOCKS)) if draw(st.booleans()) else [],
    )


@st.composite
def params(draw):
    low, high = sorted((draw(U16), draw(U16)))
    steepness = st.one_of(st.sampled_from([-32768, -1, 0, 1, 999, 1000, 32767]), st.integers(-32768, 32767))
    return Params(
        yuma=draw(st.sampled_from([3, 3, 2])),
        kappa=draw(st.one_of(st.just(32767), U16)),
        bonds_penalty=draw(st.one_of(st.sampled_from([0, 16384, 65535]), U16)),
        bonds_moving_average=draw(st.one_of(st.sampled_from([0, 900_000, 10**6]), st.integers(0, 10**6))),
        liquid_alpha=draw(
            st.one_of(st.none(), st.builds(LiquidAlpha, st.just(low), st.just(high), steepness))
        ),
        max_validators=draw(st.integers(0, 6)),
        activity_cutoff=draw(st.integers(0, 12)),
        stake_threshold=draw(st.sampled_from([0, 0, 5, 1000])),
    )


@settings(max_examples=250, deadline=None)
@given(snapshots(), params(), st.sampled_from([0, 1, 7, 10**9, 10**25]), st.integers(0, 10_000), st.data())
def test_array_epoch_equals_spec_epoch(snapshot, terms, emission, miner_bps, data):
    width = data.draw(st.integers(1, 10), label="tile width")
    usual = yuma_fast.tile_width
    yuma_fast.tile_width = lambda rows: width
    try:
        fast = run_epoch_fast(snapshot, terms, emission, miner_bps=miner_bps, allow_exploitable=True)
    finally:
        yuma_fast.tile_width = usual
    assert fast == run_epoch(snapshot, terms, emission, miner_bps=miner_bps, allow_exploitable=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([2, 3]), st.booleans(), st.sampled_from([0, 16384, 65535]))
def test_array_epoch_equals_spec_epoch_over_many_epochs_of_a_crowd(seed, yuma, liquid, penalty):
    rng = np.random.default_rng(seed)
    n, validators = 90, 12
    terms = Params(yuma, 32767, penalty, 900_000, LiquidAlpha() if liquid else None, max_validators=10)
    stakes = [int(x) for x in rng.integers(1, 2**60, validators)] + [0] * (n - validators)
    permits, bonds = [i < validators for i in range(n)], [{} for _ in range(n)]
    for block in (10, 20, 30):
        weights = [{} for _ in range(n)]
        for i in range(validators):
            uids = rng.choice(n, size=rng.integers(1, n), replace=False).tolist()
            weights[i] = dict(zip(uids, rng.integers(0, 65536, len(uids)).tolist(), strict=True))
        snapshot = Snapshot(block, block, 3, stakes, [0] * n, [block] * n, permits, weights, bonds)
        result = run_epoch(snapshot, terms, 10**18, allow_exploitable=True)
        assert run_epoch_fast(snapshot, terms, 10**18, allow_exploitable=True) == result
        permits, bonds = result.permits, result.bonds


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-EXP_LIMIT * 3, EXP_LIMIT * 3), min_size=1, max_size=30))
def test_logistic_on_arrays_equals_the_spec(exponents):
    exponents += [0, 1, -1, EXP_LIMIT, -EXP_LIMIT, EXP_LIMIT + 1]
    assert yuma_fast.logistic(np.array(exponents)).tolist() == [logistic(t) for t in exponents]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, ONE), st.integers(0, ONE)), min_size=1, max_size=20), st.booleans())
def test_products_and_quotients_on_arrays_are_exact(pairs, at_edge):
    pairs += [(ONE, ONE), (ONE, 0), (0, ONE)] if at_edge else []
    a, b = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    assert yuma_fast.mul_down(a, b).tolist() == [(x * y) >> 32 for x, y in pairs]
    divisor = np.array([max(x, y, 1) for x, y in pairs], dtype=np.int64)
    wanted = [(x << 32) // d for (x, _), d in zip(pairs, divisor.tolist(), strict=True)]
    assert yuma_fast.divide(a[None, :], divisor)[0].tolist() == wanted


def test_dense_snapshot_of_the_wrong_shape_is_refused():
    snapshot = Snapshot(1, 0, None, [1, 1], [0, 0], [1, 1], [True, True], [{}, {1: 5}], [{}, {}])
    dense = DenseSnapshot.from_snapshot(snapshot)
    with pytest.raises(BadInput, match="uint16 matrix of 2 by 2"):
        DenseSnapshot(
            **{
                name: getattr(dense, name)
                for name in DenseSnapshot.__slots__
                if name not in ("weights", "present", "commit_block")
            },
            weights=dense.weights.astype(np.int64),
        )
