"""Does it pay to copy? A validator that repeats the last revealed consensus, beside validators that measure.

Commit-reveal keeps this epoch's weights sealed until it is too late to copy them, so a copier is one epoch
behind. It loses where the quality of miners changes and has nothing to lose where it does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weftwork.spec.epoch import PRESETS, Params, Snapshot
from weftwork.spec.fixed import U16_MAX
from weftwork.spec.yuma import upscale_weights
from weftwork.spec.yuma_fast import run_epoch_fast

Floats = NDArray[np.float64]
TEMPO: Final = 360
STAKE: Final = 10**12


@dataclass(frozen=True, slots=True)
class Market:
    """A subnet with one copier among honest validators of equal stake.

    Attributes:
        honest: honest validators, who see each miner's quality with noise.
        miners: how many miners they judge.
        epochs: how long it runs; the first tenth is left out of the account.
        period: epochs between changes of quality; 0 means it never changes.
        changed: the part of miners whose quality is drawn anew at each change.
        noise: standard deviation of what a validator sees, relative to the quality.
        delay: epochs that the copier is behind; commit-reveal makes it 1 at least.
        seed: of all chance.
    """

    honest: int = 7
    miners: int = 24
    epochs: int = 120
    period: int = 4
    changed: float = 0.5
    noise: float = 0.1
    delay: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Earnings:
    """Dividends for each unit of stake, as a part of the mean: the copier's, and the honest validators'
    average.
    """

    copier: float
    honest: float

    @property
    def ratio(self) -> float:
        """What copying earns beside measuring; below 1 it does not pay even if measuring is free."""
        return self.copier / self.honest


def run_market(market: Market, params: Params = PRESETS["weft"]) -> Earnings:
    """Run the subnet for its epochs in exact integers and add up who earned what."""
    rng = np.random.default_rng(market.seed)
    validators = market.honest + 1
    n = validators + market.miners
    params = replace(params, max_validators=validators)
    quality = draw_quality(rng, market.miners)
    bonds: list[dict[int, int]] = [{} for _ in range(n)]
    revealed: list[list[int]] = []
    earned = np.zeros(validators)
    for epoch in range(market.epochs):
        if market.period and epoch and epoch % market.period == 0:
            redrawn = rng.random(market.miners) < market.changed
            quality = np.where(redrawn, draw_quality(rng, market.miners), quality)
        seen = np.maximum(quality * rng.normal(1, market.noise, (market.honest, market.miners)), 0)
        rows = [judge(row, validators) for row in seen]
        rows.append(copy_consensus(revealed, market.delay, validators, market.miners))
        block = (epoch + 2) * TEMPO
        result = run_epoch_fast(
            Snapshot(
                block=block,
                last_tempo=block - TEMPO,
                owner=None,
                stakes=[STAKE] * validators + [0] * market.miners,
                registered_at=[0] * n,
                last_update=[block - 1] * n,
                permits=[i < validators for i in range(n)],
                weights=[*rows, *({} for _ in range(market.miners))],
                bonds=bonds,
            ),
            params,
            0,
        )
        bonds = result.bonds
        revealed.append(result.consensus[validators:])
        if epoch >= market.epochs // 10:
            earned += result.dividends[:validators]
    earned /= earned.mean()
    return Earnings(copier=float(earned[-1]), honest=float(earned[:-1].mean()))


def draw_quality(rng: np.random.Generator, miners: int) -> Floats:
    """Quality of each miner, log-normal: a few are much better than the rest."""
    return rng.lognormal(0, 0.8, miners)


def judge(seen: Floats, first_uid: int) -> dict[int, int]:
    """A validator's row of weights for what it saw, upscaled as a chain does on submission."""
    raw = np.rint(seen / seen.max() * U16_MAX).astype(int).tolist()
    return dict(enumerate(upscale_weights(raw), start=first_uid))


def copy_consensus(revealed: list[list[int]], delay: int, first_uid: int, miners: int) -> dict[int, int]:
    """The copier's row: the newest consensus that it can know, or equal weights while there is none."""
    known = revealed[-delay] if len(revealed) >= delay else [1] * miners
    top = max(known) or 1
    return dict(enumerate(upscale_weights([w * U16_MAX // top for w in known]), start=first_uid))


def run_study(
    periods: tuple[int, ...] = (1, 2, 4, 8, 16, 0),
    seeds: int = 3,
    market: Market = Market(),
) -> list[dict[str, Any]]:
    """Copier against honest for each preset and each pace of change; a period of 0 is the static case."""
    return [
        {
            "preset": name,
            "period": period,
            "copier_to_honest": round(
                float(
                    np.mean(
                        [
                            run_market(replace(market, period=period, seed=seed), params).ratio
                            for seed in range(seeds)
                        ]
                    )
                ),
                4,
            ),
        }
        for name, params in PRESETS.items()
        for period in periods
    ]
