"""The epoch against numbers that subtensor's own code gave."""

import json
from pathlib import Path

import pytest

from weftwork.lab.yuma import compare, run_case, split_file
from weftwork.lab.yuma_case import read_case, read_expect
from weftwork.spec.fixed import HALF, ONE
from weftwork.spec.median import weighted_median
from weftwork.spec.yuma import grant_permits, normalise_stake, upscale_weights

VECTORS = Path(__file__).parents[2] / "vectors"
CASES = [raw for _, raw in split_file(json.loads((VECTORS / "yuma.json").read_text()))]
MONEY = {row["id"]: row for row in json.loads((VECTORS / "medians_and_money.json").read_text())["vectors"]}


def spec_epochs(raw, monkeypatch):
    monkeypatch.setattr("weftwork.lab.yuma.FAST_FROM", 1 << 30)
    case = read_case(raw, "$")
    return list(compare(case, read_expect(raw, "$"), run_case(case)))


@pytest.mark.parametrize("raw", CASES, ids=lambda raw: raw["id"])
def test_epoch_gives_every_published_number(raw, monkeypatch):
    assert spec_epochs(raw, monkeypatch) == []


@pytest.mark.parametrize("raw", CASES, ids=lambda raw: raw["id"])
def test_fast_epoch_gives_every_published_number(raw, monkeypatch):
    monkeypatch.setattr("weftwork.lab.yuma.FAST_FROM", 0)
    case = read_case(raw, "$")
    assert list(compare(case, read_expect(raw, "$"), run_case(case))) == []


def test_liquid_alpha_agrees_closer_than_its_tolerance(monkeypatch):
    liquid = [raw for raw in CASES if raw["case"]["liquid_alpha"]]
    assert len(liquid) > 10
    for raw in liquid:
        assert spec_epochs({**raw, "tolerance_u16": 0}, monkeypatch) == []


def fixed(x):
    return int(x * ONE)


@pytest.mark.parametrize("row", MONEY["weighted_median"]["cases"], ids=lambda row: str(row["stake"]))
def test_median_finds_the_published_score(row):
    voters = [(fixed(s), fixed(w)) for s, w in zip(row["stake"], row["score"], strict=True) if s]
    stake, score = [s for s, _ in voters], [w for _, w in voters]
    if len(stake) == 1:
        stake = [ONE]
    assert weighted_median(stake, score, ONE - fixed(row["majority"])) == fixed(row["expect"])


def test_median_of_columns_finds_the_published_scores():
    stake, weights = None, None
    for row in MONEY["weighted_median_col"]["cases"]:
        if not row.get("same_input"):
            stake = [fixed(s) for s in row["stake"]]
            weights = [[fixed(w) for w in line] for line in row["W"]]
        voters = [i for i, s in enumerate(stake) if s]
        total = [stake[i] for i in voters]
        minority = sum(total) - fixed(row["majority"])
        found = [weighted_median(total, [weights[i][j] for i in voters], minority) for j in range(3)]
        assert found == [fixed(x) for x in row["expect"]]


def test_an_exact_half_resolves_to_the_higher_weight():
    kappa = (32767 << 32) // 65535
    assert weighted_median([HALF, HALF], [fixed(0.2), fixed(0.6)], ONE - kappa) == fixed(0.6)


def test_weights_count_only_once_they_are_newer_than_the_miner():
    row = MONEY["test_zero_weights"]
    whole = [[65535]]
    case = {
        **CASES[1]["case"],
        "yuma": row["yuma"],
        "n": row["n"],
        "stakes": row["stakes"],
        "registered_at": [0, 0],
        "max_validators": 1,
        "emission": row["emission"],
        "steps": [
            {"block": 0, "epoch": True},
            {"block": 1, "set_weights": {"1": [[1], *whole]}, "epoch": True},
            {"block": 2, "set_weights": {"0": [[1], *whole]}},
            {"block": 2, "replace": {"1": {"stake": 0, "registered_at": 2}}, "epoch": True},
            {"block": 3, "set_weights": {"0": [[1], *whole]}, "epoch": True},
        ],
    }
    epochs = run_case(read_case({"id": row["id"], "case": case}, "$"))
    assert [{"emission": epoch["emission"]} for epoch in epochs] == row["expect_per_epoch"]


@pytest.mark.parametrize(("n", "validators"), MONEY["test_validator_permits"]["n_and_validators"])
def test_permits_go_to_the_top_stakes_above_the_threshold(n, validators):
    stakes = [validators + i for i in range(validators)] + [validators - 1] * (n - validators)
    permits = grant_permits(normalise_stake(stakes, validators, None), validators, None)
    assert permits == [i < validators for i in range(n)]
    stakes = [s + (2 * n if i >= validators else 0) for i, s in enumerate(stakes)]
    permits = grant_permits(normalise_stake(stakes, validators, None), validators, None)
    assert permits == [i >= validators for i in range(n)]


def test_equal_stakes_give_the_permit_to_the_higher_uid_and_the_owner_always_has_one():
    assert grant_permits([5, 5, 0, 5], 2, None) == [False, True, False, True]
    assert grant_permits([5, 5, 0, 5], 2, 2) == [False, True, True, True]
    assert grant_permits([5, 5, 0, 5], 0, 0) == [True, False, False, False]


def test_submitted_weights_are_scaled_as_the_chain_scales_them():
    assert upscale_weights([32776, 4820]) == [65535, 9637]
    assert upscale_weights([2, 1]) == [65535, 32768]
    assert upscale_weights([0, 0]) == [0, 0]
    assert upscale_weights([]) == []
