"""The published guarantee, re-run with the exact epoch."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from weftwork.cli.lab import app
from weftwork.lab.guarantee import (
    OURS,
    PUBLISHED,
    Setting,
    honest_emission,
    needed_utility,
    run_study,
    sample_network,
    with_penalty,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "medians_and_money.json").read_text())[
    "vectors"
]
RERUN = next(row for row in VECTORS if row["id"] == "consensus_guarantees_monte_carlo")


@pytest.mark.parametrize(("penalty", "needed"), [(0, 0.79), (0.5, 0.77), (1, 0.74)])
def test_honest_utility_needed_at_each_bonds_penalty_is_the_published_one(penalty, needed):
    found = needed_utility(Setting(params=with_penalty(penalty)))
    assert abs(found - needed) <= 0.0101


def test_our_table_holds_the_figures_of_the_published_study():
    rerun = sorted(str(row.get("rerun"))[:4] for row in RERUN["cases"])
    assert sorted("none" if known is None else str(known) for _, _, known in PUBLISHED) == rerun


def test_without_noise_the_honest_side_keeps_its_share_against_its_worst_cabal():
    setting = Setting(weight_sd=0)
    network = sample_network(setting)
    assert honest_emission(network, setting, 1.0, 0.0) == pytest.approx((1.0 + 0.6) / 2, abs=1e-3)
    by_cabal = [honest_emission(network, setting, 0.6, cabal / 10) for cabal in range(11)]
    assert min(by_cabal) == pytest.approx(0.6, abs=1e-3)


def test_a_higher_majority_than_the_honest_stake_protects_nobody():
    name, setting, known = next(row for row in PUBLISHED if "kappa 0.6" in row[0])
    assert known is None
    assert needed_utility(setting, cabal_steps=5, points=50) is None, name


def test_the_study_prints_every_setting():
    printed = CliRunner().invoke(app, ["guarantee", "--quick"])
    assert printed.exit_code == 0
    assert all(name in printed.stdout for name, *_ in [*PUBLISHED, *OURS])


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row[0])
def test_every_published_figure_holds_for_other_networks_too(row, seed):
    name, setting, known = row
    found = needed_utility(replace(setting, seed=seed))
    if known is None:
        assert found is None
    else:
        assert abs(found - known) <= (0.0401 if seed else 0.0101), name


@pytest.mark.nightly
def test_the_price_of_our_own_preset_is_reported():
    rows = {row["setting"]: row for row in run_study()}
    assert 0.74 <= rows["bonds penalty 0.25, liquid alpha"]["needed"] <= 0.79
    assert all(
        abs(row["needed"] - row["published"]) <= 0.0101 for row in rows.values() if row.get("published")
    )
