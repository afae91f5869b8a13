"""How much honest utility keeps the honest majority in place against a united cabal.

Honest validators (a share of the stake) put ``W_H`` of their weight on honest miners, the cabal puts ``W_C``
on its own. The guarantee is the smallest ``W_H`` with which the honest side earns at least its share of the
stake whatever ``W_C`` the cabal chooses. Setting and published figures: subtensor ``docs/consensus.md``; the
epoch is this project's own, in exact integers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weftwork.spec.epoch import PRESETS, LiquidAlpha, Params
from weftwork.spec.fixed import ONE, U16_MAX
from weftwork.spec.yuma_fast import DenseSnapshot, run_epoch_dense

Floats = NDArray[np.float64]
NODES: Final = 512
VALIDATORS: Final = 64
STAKE_SD: Final = 0.3
UNIT: Final = 10**12
CHAIN: Final = PRESETS["subtensor"]
ROUNDING: Final = 2e-4
"""What u16 weights may cost the honest side without counting as a loss."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One question: stake and noise of the honest side, the part of validators in pay (xi), and the rules."""

    honest_stake: float = 0.6
    weight_sd: float = 0.4
    validator_share: float = 0.5
    params: Params = CHAIN
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A sampled network: stakes, how many of either kind are honest, and weights before their quadrants are
    scaled.
    """

    stakes: list[int]
    honest_validators: int
    honest_miners: int
    to_honest: Floats
    to_cabal: Floats


def sample_network(setting: Setting, nodes: int = NODES, validators: int = VALIDATORS) -> Network:
    """Gaussian stakes and weights, cut at 0; each side's stake is scaled to its exact share."""
    rng = np.random.default_rng(setting.seed)
    miners = nodes - validators
    honest_v, honest_m = (min(max(round(setting.honest_stake * k), 1), k - 1) for k in (validators, miners))
    raw = np.maximum(rng.normal(1, STAKE_SD, validators), 0)
    raw[:honest_v] *= setting.honest_stake / raw[:honest_v].sum()
    raw[honest_v:] *= (1 - setting.honest_stake) / raw[honest_v:].sum()
    weights = np.maximum(rng.normal(1, setting.weight_sd, (validators, miners)), 0)
    honest, cabal = weights[:, :honest_m], weights[:, honest_m:]
    return Network(
        stakes=[int(s * UNIT) for s in raw] + [0] * miners,
        honest_validators=honest_v,
        honest_miners=honest_m,
        to_honest=honest / honest.sum(axis=1, keepdims=True),
        to_cabal=cabal / cabal.sum(axis=1, keepdims=True),
    )


def make_snapshot(network: Network, honest_weight: float, cabal_weight: float) -> DenseSnapshot:
    """The network's first weights: honest validators give ``honest_weight`` to honest miners, cabal ones the
    rest.
    """
    validators, n = len(network.to_honest), len(network.stakes)
    share = np.full((validators, 1), 1 - cabal_weight)
    share[: network.honest_validators] = honest_weight
    rows = np.concatenate([share * network.to_honest, (1 - share) * network.to_cabal], axis=1)
    weights = np.zeros((validators, n), np.uint16)
    weights[:, validators:] = np.rint(rows / rows.max(axis=1, keepdims=True) * U16_MAX)
    return DenseSnapshot(
        block=10,
        last_tempo=5,
        owner=None,
        stakes=network.stakes,
        registered_at=np.zeros(n, np.int64),
        last_update=np.full(n, 9),
        permits=np.arange(n) < validators,
        rows=np.arange(validators),
        weights=weights,
        bonds=np.zeros((validators, n), np.uint16),
    )


def honest_emission(network: Network, setting: Setting, honest_weight: float, cabal_weight: float) -> float:
    """The honest side's part of one epoch's pay: ``xi D_H + (1 - xi) I_H``."""
    params = replace(setting.params, max_validators=len(network.to_honest))
    snapshot = make_snapshot(network, honest_weight, cabal_weight)
    result = run_epoch_dense(snapshot, params, 0, allow_exploitable=True)
    validators = len(network.to_honest)
    dividends = sum(result.dividends[: network.honest_validators]) / ONE
    incentive = sum(result.incentive[validators : validators + network.honest_miners]) / ONE
    return setting.validator_share * dividends + (1 - setting.validator_share) * incentive


def needed_utility(
    setting: Setting,
    *,
    cabal_steps: int = 25,
    points: int = 100,
    nodes: int = NODES,
    validators: int = VALIDATORS,
) -> float | None:
    """The smallest honest utility, on a grid of ``points``, that keeps the honest share; None where none
    does.

    Args:
        setting: the question.
        cabal_steps: the cabal tries the weights 0, 1/steps, ..., 1 on itself.
        points: the grid of the answer: 100 is hundredths.
        nodes: neurons in all.
        validators: how many of them validate.
    """
    network = sample_network(setting, nodes, validators)

    def keeps(utility: int, cabal: float) -> bool:
        return honest_emission(network, setting, utility / points, cabal) >= setting.honest_stake - ROUNDING

    needed = 0
    for step in range(cabal_steps, -1, -1):
        cabal = step / cabal_steps
        if keeps(needed, cabal):
            continue
        if not keeps(points, cabal):
            return None
        low, high = needed, points
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if keeps(middle, cabal) else (middle, high)
        needed = high
    return needed / points


def with_penalty(penalty: float, params: Params = CHAIN) -> Params:
    """The same rules with another bonds penalty (beta)."""
    return replace(params, bonds_penalty=round(penalty * U16_MAX))


def with_kappa(kappa: float) -> Params:
    """The chain's rules with another majority; 0.5 is 32767 / 65535, as on the chain."""
    return Params(kappa=int(kappa * U16_MAX))


PUBLISHED: Final[list[tuple[str, Setting, float | None]]] = [
    ("no noise", Setting(weight_sd=0.0), 0.60),
    ("noise 0.2", Setting(weight_sd=0.2), 0.67),
    ("noise 0.4, bonds penalty 1", Setting(), 0.74),
    ("bonds penalty 0", Setting(params=with_penalty(0)), 0.79),
    ("bonds penalty 0.5", Setting(params=with_penalty(0.5)), 0.77),
    ("miners get all", Setting(validator_share=0.0), 0.83),
    ("validators get a quarter", Setting(validator_share=0.25), 0.79),
    ("honest stake 0.7", Setting(honest_stake=0.7), 0.75),
    ("honest stake 0.55", Setting(honest_stake=0.55), 0.77),
    ("honest stake 0.55, kappa 0.4", Setting(honest_stake=0.55, params=with_kappa(0.4)), 0.78),
    ("honest stake 0.55, kappa 0.6", Setting(honest_stake=0.55, params=with_kappa(0.6)), None),
    ("honest stake 0.51", Setting(honest_stake=0.51), 0.91),
]
"""Name, setting, and the smallest honest utility as an independent float re-run of the published study found
it.
"""

OURS: Final[list[tuple[str, Setting]]] = [
    ("bonds penalty 0.25", Setting(params=with_penalty(0.25))),
    (
        "bonds penalty 0.25, liquid alpha",
        Setting(params=Params(bonds_penalty=16384, liquid_alpha=LiquidAlpha())),
    ),
    ("bonds penalty 0, liquid alpha", Setting(params=Params(bonds_penalty=0, liquid_alpha=LiquidAlpha()))),
    ("bonds penalty 1, liquid alpha", Setting(params=Params(liquid_alpha=LiquidAlpha()))),
]
"""Settings that nobody published: what the preset ``weft`` costs."""


def run_study(*, cabal_steps: int = 25, points: int = 100) -> list[dict[str, Any]]:
    """Every setting with the utility that it needs here and, where there is one, the published figure."""
    settings = [*PUBLISHED, *((name, setting, "unpublished") for name, setting in OURS)]
    return [
        {
            "setting": name,
            "needed": needed_utility(setting, cabal_steps=cabal_steps, points=points),
            **({} if known == "unpublished" else {"published": known}),
        }
        for name, setting, known in settings
    ]
