"""Yuma consensus: one epoch of a subnet in exact I32F32 integers.

Validators (rows i) weigh miners (columns j). Weights above what a stake majority supports are clipped, miners
are paid by the clipped weights, validators by the bonds that their weights built up. Source: subtensor's
sparse production epoch, which these integers reproduce bit for bit (liquid alpha within the error of its own
exponential).

Every step is one function, in the order of :func:`run_epoch`. ``S`` is stake, ``A`` active stake, ``W``
weights, ``C`` consensus, ``B`` bonds, ``I`` incentive, ``D`` dividends. All rounding is downwards, so no sum
exceeds 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from weftwork.errors import BadConfig, Exploitable
from weftwork.spec.epoch import MILLION, PRESETS, LiquidAlpha, Params, Result, Row, Snapshot
from weftwork.spec.fixed import (
    HALF,
    ONE,
    U16_MAX,
    clamp,
    div_down,
    from_u16,
    logistic,
    mul_down,
    normalise,
    to_u16,
)
from weftwork.spec.median import weighted_median

__all__ = ["PRESETS", "LiquidAlpha", "Params", "Result", "Row", "Snapshot", "run_epoch", "upscale_weights"]

Vector = list[int]
Matrix = list[Row]
BPS: Final = 10_000


def run_epoch(
    snapshot: Snapshot,
    params: Params,
    emission: int,
    *,
    miner_bps: int = 5000,
    allow_exploitable: bool = False,
) -> Result:
    """Close one epoch: who agrees with whom, who earns what, and the bonds that go on.

    Args:
        snapshot: the public state at the epoch's last block.
        params: the subnet's parameters; ``PRESETS`` names two.
        emission: units to share out, of any decimals.
        miner_bps: the miners' part of the emission in basis points; validators get the rest.
        allow_exploitable: compute Yuma 2 with a bonds penalty below 1 all the same (to study it).

    Raises:
        Exploitable: Yuma 2 with a bonds penalty below 1.
        BadConfig: ``emission`` is negative or ``miner_bps`` is not within 0 .. 10000.
    """
    check_terms(params, emission, miner_bps, allow_exploitable)
    n = snapshot.n
    active = find_active(snapshot.last_update, params.activity_cutoff, snapshot.block)
    S = normalise_stake(snapshot.stakes, params.stake_threshold, snapshot.owner)
    permits = [p or i == snapshot.owner for i, p in enumerate(snapshot.permits)]
    new_permits = grant_permits(S, params.max_validators, snapshot.owner)
    A = normalise([s if a and p else 0 for s, a, p in zip(S, active, permits, strict=True)])

    W = normalise_rows(mask_weights(snapshot, permits))
    C = find_consensus(W, A, from_u16(params.kappa))
    clipped = clip_weights(W, C)
    incentive = normalise(rank_columns(clipped, A))

    goal = penalise_weights(W, clipped, from_u16(params.bonds_penalty))
    held = mask_bonds(snapshot)
    if params.yuma == 3:
        bonds = update_bonds(goal, held, C, params)
        dividends = earn_dividends(bonds, incentive, A)
        stored = bonds
    else:
        bonds = update_bonds_by_stake(goal, held, A, n, params)
        dividends = normalise([sum(mul_down(b, incentive[j]) for j, b in row.items()) for row in bonds])
        stored = upscale_columns(bonds, n)

    pay = pay_out(incentive, dividends, A if any(A) else S, emission, miner_bps)
    return Result(
        stake=S,
        active_stake=A,
        active=active,
        permits=new_permits,
        consensus=C,
        validator_trust=[sum(row.values()) for row in clipped],
        incentive=incentive,
        dividends=dividends,
        emission=pay[0],
        miner_emission=pay[1],
        validator_emission=pay[2],
        bonds=[store_row(row) if p else {} for row, p in zip(stored, new_permits, strict=True)],
        fallback=not any(incentive) and not any(dividends),
    )


def check_terms(params: Params, emission: int, miner_bps: int, allow_exploitable: bool) -> None:
    """Refuse an epoch that cannot be computed or should not be paid by."""
    if params.exploitable and not allow_exploitable:
        raise Exploitable(
            "Yuma 2 with a bonds penalty below 1 is exploitable: a lone voter on a miner below consensus "
            "owns that miner's whole bond column and earns several times its share",
            value=params.bonds_penalty,
        )
    if emission < 0:
        raise BadConfig("an emission is not negative", value=emission, hint="give the units of this epoch")
    if not 0 <= miner_bps <= BPS:
        raise BadConfig("miner_bps lies between 0 and 10000", value=miner_bps, hint="5000 is half and half")


def upscale_weights(values: Sequence[int]) -> Vector:
    """Raw u16 weights scaled on submission so that the largest is 65535; half rounds up.

    ``round(v 65535 / max)``, but ``round(v floor32(65535 / max))`` where max exceeds 32768. All zeros stay.
    Source: subtensor ``vec_max_upscale_to_u16``.
    """
    top = max(values, default=0)
    if top == 0:
        return list(values)
    if top > 32768:
        scale = (U16_MAX << 32) // top
        return [min((v * scale + HALF) >> 32, U16_MAX) for v in values]
    return [min(((v * U16_MAX << 32) // top + HALF) >> 32, U16_MAX) for v in values]


def find_active(last_update: Sequence[int], cutoff: int, block: int) -> list[bool]:
    """Active unless ``last_update_i + cutoff < block``."""
    return [updated + cutoff >= block for updated in last_update]


def normalise_stake(stakes: Sequence[int], threshold: int, owner: int | None) -> Vector:
    """``S_i = s_i / sum(s)`` where ``s_i >= threshold`` or i is the owner, else 0.

    Computed with 64 fractional bits and cut to 32, both downwards.
    """
    passing = [s if s >= threshold or i == owner else 0 for i, s in enumerate(stakes)]
    total = sum(passing)
    return [((s << 64) // total) >> 32 for s in passing] if total else passing


def grant_permits(stake: Sequence[int], max_validators: int, owner: int | None) -> list[bool]:
    """Permits for the next epoch: the top ``max_validators`` by stake that is not 0, and the owner.

    Equal stakes resolve to the higher uid.
    """
    order = sorted(range(len(stake)), key=lambda i: (stake[i], i), reverse=True)
    chosen = {i for i in order[:max_validators] if stake[i]}
    return [i in chosen or i == owner for i in range(len(stake))]


def mask_weights(snapshot: Snapshot, permits: Sequence[bool]) -> Matrix:
    """The weights that count: of permitted rows, not on oneself (but for the owner), not on a newer neuron.

    ``w_ij`` falls if ``last_update_i <= registered_at_j``, or if i's earliest open commitment is older than
    j.
    """
    born = snapshot.registered_at
    rows: Matrix = []
    for i, row in enumerate(snapshot.weights):
        if not permits[i]:
            rows.append({})
            continue
        updated = snapshot.last_update[i]
        committed = snapshot.commit_block[i] if snapshot.commit_block else None
        rows.append(
            {
                j: w
                for j, w in row.items()
                if (i != j or i == snapshot.owner)
                and updated > born[j]
                and (committed is None or committed >= born[j])
            }
        )
    return rows


def normalise_rows(weights: Matrix) -> Matrix:
    """``W_ij = w_ij / sum_j w_ij``, I32F32, rounded down."""
    rows: Matrix = []
    for row in weights:
        total = sum(row.values())
        rows.append({j: (w << 32) // total for j, w in row.items()} if total else row)
    return rows


def find_consensus(weights: Matrix, active_stake: Vector, kappa: int) -> Vector:
    """``C_j``: the largest weight on j that validators with at least ``kappa`` of the stake support.

    A missing weight counts as 0. The stake of the voters is normalised once more before the vote.
    """
    voters = [i for i, a in enumerate(active_stake) if a]
    stake = normalise([active_stake[i] for i in voters])
    minority = sum(stake) - kappa
    return [
        weighted_median(stake, [weights[i].get(j, 0) for i in voters], minority)
        for j in range(len(active_stake))
    ]


def clip_weights(weights: Matrix, consensus: Vector) -> Matrix:
    """``min(W_ij, C_j)``; a weight that is clipped to 0 is removed, one that was 0 stays."""
    return [{j: min(w, consensus[j]) for j, w in row.items() if not w or consensus[j]} for row in weights]


def rank_columns(weights: Matrix, stake: Vector) -> Vector:
    """``R_j = sum_i A_i W_ij``, each product rounded down."""
    ranks = [0] * len(stake)
    for a, row in zip(stake, weights, strict=True):
        for j, w in row.items():
            ranks[j] += mul_down(a, w)
    return ranks


def penalise_weights(weights: Matrix, clipped: Matrix, beta: int) -> Matrix:
    """``WB = W + beta (clipped - W)``; the goal of the bonds. Zeros are kept only at beta 0 and 1."""
    if beta == 0:
        return weights
    if beta == ONE:
        return clipped
    rows: Matrix = []
    for row, low in zip(weights, clipped, strict=True):
        mixed = {j: w + mul_down(beta, low.get(j, 0) - w) for j, w in row.items()}
        rows.append({j: w for j, w in mixed.items() if w > 0})
    return rows


def mask_bonds(snapshot: Snapshot) -> Matrix:
    """Stored bonds without those on neurons that registered since the last tempo."""
    born, last = snapshot.registered_at, snapshot.last_tempo
    return [{j: b for j, b in row.items() if born[j] < last} for row in snapshot.bonds]


def moving_alpha(params: Params) -> int:
    """``alpha = 1 - floor32(bonds_moving_average / 10**6)``; slightly more than the decimal number."""
    return ONE - (params.bonds_moving_average << 32) // MILLION


def liquid_alpha(weight: int, bond: int, consensus: int, liquid: LiquidAlpha) -> int:
    """The moving average's alpha for one pair: fast where a weight leads consensus or leaves a bond.

    ``d = clamp(w - C)`` when buying (w >= b), else ``clamp(b - w)``;
    ``alpha = low + (high - low) / (1 + exp(-(steepness / 100) (d - 0.5)))``, clamped to [low, high].
    """
    distance = clamp(weight - consensus if weight >= bond else bond - weight, 0, ONE)
    low, high = from_u16(liquid.low), from_u16(liquid.high)
    slope = abs(liquid.steepness << 32) // 100
    slope = -slope if liquid.steepness > 0 else slope
    sigmoid = logistic(mul_down(slope, distance - HALF))
    return clamp(low + mul_down(sigmoid, high - low), low, high)


def update_bonds(goal: Matrix, held: Matrix, consensus: Vector, params: Params) -> Matrix:
    """Yuma 3: ``B = alpha WB + (1 - alpha) B``, one average a pair and no stake inside.

    With liquid alpha (and any consensus at all) a pair absent from ``goal`` loses its bond and the sum is
    held in [0, 1]; without it such a pair decays.
    """
    old_rows = [{j: from_u16(b) for j, b in row.items()} for row in held]
    liquid = params.liquid_alpha
    if liquid is None or not any(consensus):
        return average_rows(goal, old_rows, moving_alpha(params))
    rows: Matrix = []
    for new, old in zip(goal, old_rows, strict=True):
        row: Row = {}
        for j, w in new.items():
            b = old.get(j, 0)
            alpha = liquid_alpha(w, b, consensus[j], liquid)
            row[j] = min(mul_down(ONE - alpha, b) + mul_down(alpha, w), ONE)
        rows.append(row)
    return rows


def average_rows(new: Matrix, old: Matrix, alpha: int) -> Matrix:
    """``alpha new + (1 - alpha) old``, each product rounded down; a missing entry counts as 0."""
    return [
        {
            j: mul_down(alpha, new_row.get(j, 0)) + mul_down(ONE - alpha, old_row.get(j, 0))
            for j in new_row.keys() | old_row.keys()
        }
        for new_row, old_row in zip(new, old, strict=True)
    ]


def sum_columns(matrix: Matrix, n: int) -> Vector:
    """``sum_i m_ij`` for each column."""
    sums = [0] * n
    for row in matrix:
        for j, x in row.items():
            sums[j] += x
    return sums


def normalise_columns(matrix: Matrix, n: int) -> Matrix:
    """``m_ij / sum_i m_ij``, rounded down; a column of zeros stays."""
    sums = sum_columns(matrix, n)
    return [{j: div_down(x, sums[j]) for j, x in row.items()} for row in matrix]


def earn_dividends(bonds: Matrix, incentive: Vector, active_stake: Vector) -> Vector:
    """Yuma 3: ``D_i = A_i sum_j (B_ij / sum_i B_ij) I_j``, normalised; each product rounded down."""
    shares = normalise_columns(bonds, len(incentive))
    return normalise(
        [
            mul_down(sum(mul_down(b, incentive[j]) for j, b in row.items()), a)
            for row, a in zip(shares, active_stake, strict=True)
        ]
    )


def update_bonds_by_stake(goal: Matrix, held: Matrix, active_stake: Vector, n: int, params: Params) -> Matrix:
    """Yuma 2: ``B = norm(alpha norm(A_i WB_ij) + (1 - alpha) norm(B))``, all by column, no liquid alpha."""
    old = normalise_columns([{j: b << 32 for j, b in row.items()} for row in held], n)
    weighed = [{j: mul_down(w, a) for j, w in row.items()} for row, a in zip(goal, active_stake, strict=True)]
    return normalise_columns(average_rows(normalise_columns(weighed, n), old, moving_alpha(params)), n)


def upscale_columns(matrix: Matrix, n: int) -> Matrix:
    """``m_ij / max_i m_ij``, rounded down, so that the largest bond on each miner is 1."""
    top = [0] * n
    for row in matrix:
        for j, x in row.items():
            top[j] = max(top[j], x)
    return [{j: div_down(x, top[j]) for j, x in row.items()} for row in matrix]


def store_row(row: Row) -> Row:
    """A row of bonds as u16, uids ascending, zeros left out."""
    stored = ((j, to_u16(row[j])) for j in sorted(row))
    return {j: b for j, b in stored if b}


def pay_out(
    incentive: Vector, dividends: Vector, stake: Vector, emission: int, miner_bps: int
) -> tuple[Vector, Vector, Vector]:
    """Share out the emission: ``(combined, to miners, to validators)`` a neuron, each rounded down.

    ``combined_i = floor(E (I_i + D_i) / T)`` with ``T = sum(I) + sum(D)``, in I32F32 as the chain stores it.
    Miners share ``floor(E miner_bps / 10000)`` by incentive and validators the rest by dividends; a side
    without any leaves its part to the other. When T is 0 all goes to validators by ``stake``. No sum exceeds
    E.
    """
    combined = normalise([i + d for i, d in zip(incentive, dividends, strict=True)])
    if not any(combined):
        by_stake = [mul_down(s, emission) for s in stake]
        return by_stake, [0] * len(stake), list(by_stake)
    pot = emission * miner_bps // BPS if any(dividends) else emission
    pot = pot if any(incentive) else 0
    return (
        [mul_down(x, emission) for x in combined],
        share_pot(incentive, pot),
        share_pot(dividends, emission - pot),
    )


def share_pot(shares: Vector, pot: int) -> Vector:
    """``floor(pot x_i / sum(x))``; nothing where nobody has a share."""
    total = sum(shares)
    return [pot * x // total for x in shares] if total else [0] * len(shares)
