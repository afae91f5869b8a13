"""A weight copier is one epoch late: it loses where miners change, and is no worse off where they do not."""

import json

import pytest
from typer.testing import CliRunner

from weftwork.cli.lab import app
from weftwork.lab.copier import Market, copy_consensus, run_market, run_study
from weftwork.spec.epoch import PRESETS

SHORT = Market(epochs=40)


@pytest.mark.parametrize("period", [1, 2, 4])
def test_a_copier_earns_less_than_an_honest_validator_where_quality_changes(period):
    earnings = run_market(Market(epochs=40, period=period))
    assert earnings.copier < 1 < earnings.honest
    assert earnings.ratio < 0.98


def test_the_faster_miners_change_the_more_a_copier_loses():
    slow, fast = (run_market(Market(epochs=40, period=period)).ratio for period in (8, 1))
    assert fast < slow - 0.05


def test_only_being_late_costs_a_copier_anything():
    late = run_market(Market(epochs=40, period=1, noise=0)).ratio
    static = run_market(Market(epochs=40, period=0, noise=0)).ratio
    assert static == pytest.approx(1, abs=0.01)
    assert late < static - 0.1


def test_in_a_static_market_copying_pays_as_found(capsys):
    ratio = run_market(Market(epochs=40, period=0)).ratio
    with capsys.disabled():
        print(f"\nstatic market, preset weft: a copier earns {ratio:.3f} of an honest validator")
    assert 0.95 < ratio < 1.1


def test_a_copier_without_anything_to_copy_weighs_all_alike():
    assert copy_consensus([], 1, 2, 3) == {2: 65535, 3: 65535, 4: 65535}
    assert copy_consensus([[1, 2, 4], [0, 0, 0]], 2, 2, 3) == {2: 16383, 3: 32767, 4: 65535}


def test_the_table_prints_every_preset_and_the_static_case(monkeypatch):
    rows = run_study(periods=(2, 0), seeds=1, market=SHORT)
    assert [(row["preset"], row["period"]) for row in rows] == [(p, k) for p in PRESETS for k in (2, 0)]
    monkeypatch.setattr("weftwork.lab.copier.run_study", lambda: rows)
    assert "never" in CliRunner().invoke(app, ["copier"]).stdout
    assert json.loads(CliRunner().invoke(app, ["copier", "--json"]).stdout) == rows


@pytest.mark.nightly
@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("period", [1, 2, 4, 8])
@pytest.mark.parametrize("seed", range(3))
def test_a_copier_loses_under_the_default_preset_for_every_noise(noise, period, seed):
    assert run_market(Market(period=period, noise=noise, seed=seed)).ratio < 1
