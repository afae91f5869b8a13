"""The epoch of :mod:`weftwork.spec.yuma` on numpy arrays: the same integers, bit for bit.

Only the matrices are computed here, dense, one row for each validator that has a say; everything with one
entry a
neuron is computed by the spec's own functions. Every product and quotient is exact in 64 bits:
``(a b) >> 32`` is taken in two halves of ``b``, a median is found by sorting ``weight << 16 | row``, and
``exp`` reads the spec's own table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from weftwork.errors import BadInput
from weftwork.spec.epoch import LiquidAlpha, Params, Result, Row, Snapshot
from weftwork.spec.fixed import (
    EXP_LIMIT,
    GUARD_BITS,
    HALF,
    ONE,
    STEP_BITS,
    U16_MAX,
    exp_table,
    from_u16,
    normalise,
)
from weftwork.spec.yuma import (
    check_terms,
    find_active,
    grant_permits,
    moving_alpha,
    normalise_stake,
    pay_out,
)

Ints = NDArray[np.int64]
Words = NDArray[np.uint16]
Flags = NDArray[np.bool_]
TILE_CELLS: Final = 1 << 15
ROW_BITS: Final = 16
ROW_MASK: Final = (1 << ROW_BITS) - 1


@dataclass(frozen=True, slots=True, eq=False)
class DenseSnapshot:
    """A :class:`Snapshot` whose matrices are arrays with one row for each uid in ``rows``.

    Attributes:
        rows: int64[k], ascending uids of all permitted neurons, the owner, and all that have bonds.
        weights: uint16[k, n], upscaled on submission; 0 is absent unless ``present`` says otherwise.
        bonds: uint16[k, n], as the epoch before stored them.
        present: bool[k, n] or None, true where a weight was submitted, be it 0.
        others: as in :class:`Snapshot`, one entry a neuron.
    """

    block: int
    last_tempo: int
    owner: int | None
    stakes: list[int]
    registered_at: Ints
    last_update: Ints
    permits: Flags
    rows: Ints
    weights: Words
    bonds: Words
    present: Flags | None = None
    commit_block: list[int | None] | None = None

    def __post_init__(self) -> None:
        n, k = len(self.stakes), len(self.rows)
        for name in ("weights", "bonds"):
            matrix = getattr(self, name)
            if matrix.shape != (k, n) or matrix.dtype != np.uint16:
                raise BadInput(
                    f"{name} is a uint16 matrix of {k} by {n}, not {matrix.dtype} {matrix.shape}",
                    value=name,
                    hint="give one row for each uid in rows",
                )

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot) -> DenseSnapshot:
        """The same state with dense matrices."""
        permitted = [p or i == snapshot.owner for i, p in enumerate(snapshot.permits)]
        rows = [i for i in range(snapshot.n) if permitted[i] or snapshot.bonds[i]]
        n = snapshot.n
        weights = np.zeros((len(rows), n), dtype=np.uint16)
        bonds = np.zeros_like(weights)
        present = np.zeros(weights.shape, dtype=np.bool_)
        zeros = False
        for k, i in enumerate(rows):
            row = snapshot.weights[i]
            uids = list(row)
            weights[k, uids] = list(row.values())
            present[k, uids] = True
            zeros = zeros or 0 in row.values()
            bonds[k, list(snapshot.bonds[i])] = list(snapshot.bonds[i].values())
        return cls(
            block=snapshot.block,
            last_tempo=snapshot.last_tempo,
            owner=snapshot.owner,
            stakes=snapshot.stakes,
            registered_at=np.array(snapshot.registered_at, dtype=np.int64),
            last_update=np.array(snapshot.last_update, dtype=np.int64),
            permits=np.array(snapshot.permits, dtype=np.bool_),
            rows=np.array(rows, dtype=np.int64),
            weights=weights,
            bonds=bonds,
            present=present if zeros else None,
            commit_block=snapshot.commit_block or None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class DenseResult:
    """A :class:`Result` whose bonds are a uint16 matrix with one row for each uid in ``rows``."""

    rows: Ints
    bonds: Words
    stake: list[int]
    active_stake: list[int]
    active: list[bool]
    permits: list[bool]
    consensus: list[int]
    validator_trust: list[int]
    incentive: list[int]
    dividends: list[int]
    emission: list[int]
    miner_emission: list[int]
    validator_emission: list[int]
    fallback: bool

    def to_result(self) -> Result:
        """The same result with sparse rows of bonds."""
        sparse: list[Row] = [{} for _ in self.stake]
        for uid, row in zip(self.rows.tolist(), self.bonds, strict=True):
            held = np.flatnonzero(row)
            sparse[uid] = dict(zip(held.tolist(), row[held].tolist(), strict=True))
        plain = {name: getattr(self, name) for name in Result.__slots__ if name != "bonds"}
        return Result(bonds=sparse, **plain)


def run_epoch_fast(
    snapshot: Snapshot,
    params: Params,
    emission: int,
    *,
    miner_bps: int = 5000,
    allow_exploitable: bool = False,
) -> Result:
    """:func:`weftwork.spec.yuma.run_epoch`, equal in every number and much faster from some 50 neurons on."""
    check_terms(params, emission, miner_bps, allow_exploitable)
    dense = DenseSnapshot.from_snapshot(snapshot)
    return run_epoch_dense(
        dense, params, emission, miner_bps=miner_bps, allow_exploitable=allow_exploitable
    ).to_result()


def run_epoch_dense(
    snapshot: DenseSnapshot,
    params: Params,
    emission: int,
    *,
    miner_bps: int = 5000,
    allow_exploitable: bool = False,
) -> DenseResult:
    """:func:`weftwork.spec.yuma.run_epoch` from arrays to arrays; arguments and errors are the same."""
    check_terms(params, emission, miner_bps, allow_exploitable)
    rows, owner = snapshot.rows, snapshot.owner
    active = find_active(snapshot.last_update.tolist(), params.activity_cutoff, snapshot.block)
    S = normalise_stake(snapshot.stakes, params.stake_threshold, owner)
    permits = [p or i == owner for i, p in enumerate(snapshot.permits.tolist())]
    new_permits = grant_permits(S, params.max_validators, owner)
    A = normalise([s if a and p else 0 for s, a, p in zip(S, active, permits, strict=True)])
    stake = np.array(A, dtype=np.int64)[rows]

    raw, present = mask_weights(snapshot, np.array(permits, dtype=np.bool_)[rows])
    total = np.maximum(raw.sum(axis=1, dtype=np.int64), 1)
    n, kappa = len(S), from_u16(params.kappa)
    tiles = [slice(j, j + width) for width in [tile_width(len(rows))] for j in range(0, n, width)]
    weights: list[Ints] = []
    C, ranks = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    trust = np.zeros(len(rows), dtype=np.int64)
    for tile in tiles:
        W = normalise_rows(raw[:, tile], total)
        weights.append(W)
        C[tile] = find_consensus(W, stake, kappa)
        clipped = np.minimum(W, C[tile])
        ranks[tile] = mul_down(clipped, stake[:, None]).sum(axis=0)
        trust += clipped.sum(axis=1)
    incentive = normalise(ranks.tolist())

    earn = np.array(incentive, dtype=np.int64)
    fresh = snapshot.registered_at < snapshot.last_tempo
    agreed = bool(C.any())
    earned = np.zeros(len(rows), dtype=np.int64)
    stored = np.empty_like(snapshot.bonds)
    for tile, W in zip(tiles, weights, strict=True):
        here = None if present is None else present[:, tile]
        goal, kept = penalise_weights(W, C[tile], from_u16(params.bonds_penalty), here)
        held = snapshot.bonds[:, tile].astype(np.int64)
        held *= fresh[tile]
        if params.yuma == 3:
            bonds = update_bonds(goal, held, C[tile], kept, params, agreed)
            earned += mul_down(divide(bonds, bonds.sum(axis=0)), earn[tile]).sum(axis=1)
        else:
            bonds = update_bonds_by_stake(goal, held, stake, params)
            earned += mul_down(bonds, earn[tile]).sum(axis=1)
            bonds = divide(bonds, bonds.max(axis=0, initial=0))
        bonds *= U16_MAX
        bonds >>= 32
        stored[:, tile] = bonds
    if params.yuma == 3:
        earned = mul_down(earned, stake)
    stored[~np.array(new_permits, dtype=np.bool_)[rows]] = 0
    dividends, trusted = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    dividends[rows], trusted[rows] = earned, trust
    shares = normalise(dividends.tolist())

    pay = pay_out(incentive, shares, A if any(A) else S, emission, miner_bps)
    return DenseResult(
        rows=rows,
        bonds=stored,
        stake=S,
        active_stake=A,
        active=active,
        permits=new_permits,
        consensus=C.tolist(),
        validator_trust=trusted.tolist(),
        incentive=incentive,
        dividends=shares,
        emission=pay[0],
        miner_emission=pay[1],
        validator_emission=pay[2],
        fallback=not any(incentive) and not any(shares),
    )


def tile_width(rows: int) -> int:
    """How many columns are worked on at a time, so that one tile's arrays stay in the cache."""
    return max(64, TILE_CELLS // max(rows, 1))


def mul_down(a: Ints, b: Ints | int) -> Ints:
    """``(a b) >> 32`` for ``0 <= a, b <= 2**32``; ``b`` is the smaller operand where they differ in shape.

    Below 1 the product fits in 64 bits without a sign; a ``b`` that reaches 1 is multiplied in two halves.
    """
    if (b if isinstance(b, int) else int(b.max(initial=0))) < ONE:
        product = a.view(np.uint64) * (np.uint64(b) if isinstance(b, int) else b.view(np.uint64))
        product >>= np.uint64(32)
        return product.view(np.int64)
    halves = a * (b & 0xFFFF)
    halves >>= 16
    halves += a * (b >> 16)
    halves >>= 16
    return halves


def divide(matrix: Ints, columns: Ints) -> Ints:
    """``(m_ij << 32) // c_j`` for ``0 <= m_ij <= 2**32``; a column of zeros stays."""
    divisor = np.maximum(columns, 1).astype(np.uint64)
    wide = matrix.astype(np.uint64)
    if matrix.size and int(matrix.max()) >= ONE:  # the shift by 32 would not fit: divide in two steps
        wide <<= np.uint64(31)
        quotient = wide // divisor
        wide -= quotient * divisor
        wide <<= np.uint64(1)
        quotient <<= np.uint64(1)
        quotient += wide >= divisor
        return quotient.view(np.int64)
    wide <<= np.uint64(32)
    wide //= divisor
    return wide.view(np.int64)


def mask_weights(snapshot: DenseSnapshot, permitted: Flags) -> tuple[Words, Flags | None]:
    """The weights that count, and where a counting weight is present (None: wherever it is not 0)."""
    rows, born = snapshot.rows, snapshot.registered_at
    drop = np.zeros(snapshot.weights.shape, dtype=np.bool_)
    drop[~permitted] = True
    diagonal = rows if snapshot.owner is None else np.where(rows == snapshot.owner, -1, rows)
    drop[np.flatnonzero(diagonal >= 0), rows[diagonal >= 0]] = True
    newest = int(born.max(initial=0))
    for k, uid in enumerate(rows.tolist()):
        if snapshot.last_update[uid] <= newest:
            drop[k] |= snapshot.last_update[uid] <= born
        commit = snapshot.commit_block[uid] if snapshot.commit_block else None
        if commit is not None and commit < newest:
            drop[k] |= commit < born
    raw = snapshot.weights * ~drop
    return raw, None if snapshot.present is None else snapshot.present & ~drop


def normalise_rows(raw: Words, total: Ints) -> Ints:
    """``(w_ij << 32) // total_i``."""
    wide = raw.astype(np.int64)
    wide <<= 32
    wide //= total[:, None]
    return wide


def find_consensus(weights: Ints, stake: Ints, kappa: int) -> Ints:
    """The weighted median of each column over the rows with stake."""
    voters = np.flatnonzero(stake)
    if not len(voters):
        return np.zeros(weights.shape[1], dtype=np.int64)
    share = np.array(normalise(stake[voters].tolist()), dtype=np.int64)
    total = int(share.sum())
    minority = total - kappa
    votes = np.ascontiguousarray(weights[voters].T)
    votes <<= ROW_BITS
    votes |= np.arange(len(voters))
    votes.sort(axis=1)
    if total <= minority:
        return cast(Ints, votes[:, -1] >> ROW_BITS)
    below = share.take(votes & ROW_MASK).cumsum(axis=1)
    first = (below > minority).argmax(axis=1)
    return cast(Ints, votes[np.arange(len(votes)), first] >> ROW_BITS)


def penalise_weights(
    weights: Ints, consensus: Ints, beta: int, present: Flags | None
) -> tuple[Ints, Flags | None]:
    """``W + beta (clipped - W)``, and where an entry is present (None: wherever it is not 0)."""
    if beta == 0:
        return weights, present
    clipped = np.minimum(weights, consensus)
    if beta == ONE:
        return clipped, None if present is None else present & ((weights == 0) | (consensus > 0))
    # floor(-x) is -ceil(x): the cut is rounded up, as (beta (clipped - w)) >> 32 rounds down.
    cut = weights - clipped
    high, low = beta >> 16, beta & 0xFFFF
    product = cut * low
    product += 0xFFFF
    product >>= 16
    product += cut * high
    product += 0xFFFF
    product >>= 16
    return weights - product, None


def update_bonds(
    goal: Ints, held: Ints, consensus: Ints, present: Flags | None, params: Params, agreed: bool
) -> Ints:
    """Yuma 3: the moving average of weights, with one alpha or (where anything is agreed on) one a pair."""
    old = held * 65537
    old += held == U16_MAX  # floor(b 2**32 / 65535) is 65537 b, and one more at the top
    if params.liquid_alpha is None or not agreed:
        alpha = moving_alpha(params)
        return mul_down(goal, alpha) + mul_down(old, ONE - alpha)
    alphas = liquid_alphas(goal, old, consensus, params.liquid_alpha)
    bonds = mul_down(goal, alphas)
    np.subtract(ONE, alphas, out=alphas)
    bonds += mul_down(old, alphas)
    np.minimum(bonds, ONE, out=bonds)
    bonds *= (goal != 0) if present is None else present
    return bonds


def liquid_alphas(goal: Ints, old: Ints, consensus: Ints, liquid: LiquidAlpha) -> Ints:
    """The alpha of every pair; :func:`weftwork.spec.yuma.liquid_alpha` on matrices."""
    distance = np.where(goal >= old, goal - consensus, old - goal)
    np.clip(distance, 0, ONE, out=distance)
    distance -= HALF
    slope = abs(liquid.steepness << 32) // 100
    whole, rest = divmod(-slope if liquid.steepness > 0 else slope, ONE)
    t = distance * whole
    if rest:
        distance *= rest
        distance >>= 32
        t += distance
    low, high = from_u16(liquid.low), from_u16(liquid.high)
    alphas = mul_down(logistic(t), high - low)
    alphas += low
    return np.clip(alphas, low, high, out=alphas)


@lru_cache(maxsize=1)
def _exp_table() -> Ints:
    return np.array(exp_table(), dtype=np.int64)


def logistic(t: Ints) -> Ints:
    """``1 / (1 + exp(t))``; :func:`weftwork.spec.fixed.logistic` on a matrix."""
    x = np.abs(t)
    np.minimum(x, EXP_LIMIT, out=x)
    entry = _exp_table().take(x >> STEP_BITS)
    x &= (1 << STEP_BITS) - 1
    square = x * x
    square >>= 33
    x -= square
    x *= entry
    x >>= 32
    entry -= x
    entry >>= GUARD_BITS
    e = entry.view(np.uint64)
    tail: Any = e << np.uint64(32)
    tail //= e + np.uint64(ONE)
    tail = tail.view(np.int64)
    tail[t == 0] = HALF  # the one place where e is 1 and its shift by 32 does not fit
    return cast(Ints, np.where(t > 0, tail, ONE - tail))


def update_bonds_by_stake(goal: Ints, held: Ints, stake: Ints, params: Params) -> Ints:
    """Yuma 2: the moving average of stake-weighted, column-normalised bonds."""
    held <<= 32
    held //= np.maximum(held.sum(axis=0) >> 32, 1)
    fresh = mul_down(goal, stake[:, None])
    fresh = divide(fresh, fresh.sum(axis=0))
    alpha = moving_alpha(params)
    mixed = mul_down(fresh, alpha) + mul_down(held, ONE - alpha)
    return divide(mixed, mixed.sum(axis=0))
