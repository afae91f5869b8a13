"""The epoch against numbers that subtensor's own code gave."""

import json
from pathlib import Path

import pytest

from weftwork.lab.yuma import compare, run_case, split_file
from weftwork.lab.yuma_case import read_case, read_expect
from weftwork.spec.fixed import HALF, ONE
from weftwork.spec.median import weighted_median

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
