"""``weft lab yuma``: any file of the format runs, and a malformed one is told where it is wrong."""

import copy
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from weftwork.cli.lab import app
from weftwork.errors import BadCase, Exploitable
from weftwork.lab.yuma import check_file, run_file

VECTORS = Path(__file__).parents[2] / "vectors" / "yuma.json"
FILE = json.loads(VECTORS.read_text())
SMALL = {
    "id": "small",
    "case": {
        "yuma": 3,
        "n": 2,
        "stakes": [100, 0],
        "owner": None,
        "max_validators": 1,
        "kappa_u16": 32767,
        "bonds_penalty_u16": 65535,
        "bonds_moving_average_millionths": 900000,
        "liquid_alpha": None,
        "activity_cutoff": 5000,
        "stake_threshold": 0,
        "emission": 1000,
        "registered_at": [0, 0],
        "last_tempo": 1,
        "steps": [
            {"block": 0, "epoch": True},
            {"block": 5, "set_weights": {"0": [[1], [9]]}, "epoch": True},
        ],
    },
}


def changed(path, value):
    """SMALL with one place changed; a value of ``...`` removes it."""
    raw = copy.deepcopy(SMALL)
    *way, last = path
    spot = raw
    for key in way:
        spot = spot[key]
    if value is ...:
        del spot[last]
    else:
        spot[last] = value
    return raw


def run(*arguments, text=None):
    return CliRunner().invoke(app, ["yuma", *arguments], input=text)


def test_a_file_a_list_and_one_case_give_the_same_answer():
    answer = run_file(SMALL)
    assert answer[0]["id"] == "small"
    assert [entry["emission"] for entry in answer[0]["expect"]] == [[1000, 0], [500, 500]]
    assert (
        run_file([SMALL])
        == run_file({"cases": [SMALL]})
        == run_file({"format": "weft-yuma/1", "cases": [SMALL]})
    )
    assert run_file({"format": FILE["format"], "cases": [SMALL]}) == answer
    assert run_file([]) == []


def test_the_answer_has_the_shape_of_expect():
    expect = FILE["cases"][9]["expect"]
    answer = run_file(FILE["cases"][9])[0]["expect"]
    assert [list(entry) for entry in answer] == [list(entry) for entry in expect]
    assert answer[0]["bonds_u16"] == expect[0]["bonds_u16"]


def test_what_a_run_prints_is_what_a_check_accepts(tmp_path):
    printed = run(str(VECTORS))
    assert printed.exit_code == 0
    cases = json.loads(printed.stdout)
    assert [case["id"] for case in cases] == [case["id"] for case in FILE["cases"]]
    merged = [{**raw, **case} for raw, case in zip(FILE["cases"], cases, strict=True)]
    (tmp_path / "merged.json").write_text(json.dumps(merged))
    report = run(str(tmp_path / "merged.json"), "--check")
    assert report.exit_code == 0
    assert json.loads(report.stdout) == {"checked": len(cases), "differences": []}


def test_a_difference_is_named_and_exits_1(tmp_path):
    case = {**SMALL, **run_file(SMALL)[0]}
    case["expect"][1]["emission"][1] += 1
    (tmp_path / "case.json").write_text(json.dumps(case))
    report = run(str(tmp_path / "case.json"), "--check", "--json")
    assert report.exit_code == 1
    (difference,) = json.loads(report.stdout)["differences"]
    assert (difference["id"], difference["epoch"], difference["field"], difference["at"]) == (
        "small",
        1,
        "emission",
        "1",
    )
    assert (difference["expected"], difference["got"], difference["tolerance"]) == (501, 500, 0)


def test_a_tolerance_counts_for_u16_values_and_emission_and_not_for_permits():
    case = {**SMALL, **copy.deepcopy(run_file(SMALL)[0]), "tolerance_u16": 2}
    last = case["expect"][1]
    last["consensus_u16"][1] -= 2
    last["emission"][0] += 1
    last["bonds_u16"][0]["1"] += 2
    assert check_file(case)[2] == []
    last["bonds_u16"][0]["1"] += 1
    last["validator_permit"][1] = True
    last["emission"][0] += 1
    assert [d.field for d in check_file(case)[2]] == ["emission", "validator_permit", "bonds_u16"]


def test_a_missing_epoch_is_a_difference():
    case = {**SMALL, **run_file(SMALL)[0]}
    case["expect"] = case["expect"][:1]
    assert [d.at for d in check_file(case)[2]] == ["length"]


def test_a_case_without_expect_is_reported_as_unchecked():
    assert check_file(SMALL) == ([], ["small"], [])


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("id",), ..., "$.id: a text"),
        (("case",), ..., "small.case: is missing"),
        (("case",), [], "small.case: an object is wanted, not a list"),
        (("tolerance_u16",), -1, "small.tolerance_u16"),
        (("case", "n"), ..., "small.case.n: is missing"),
        (("case", "n"), 2.0, "small.case.n: an integer is wanted, not a fraction"),
        (("case", "n"), True, "small.case.n: an integer is wanted, not true or false"),
        (("case", "n"), 3, "small.case.stakes: 3 entries are wanted, not 2"),
        (("case", "yuma"), 4, "small.case.yuma: an integer from 2 to 3"),
        (("case", "stakes"), [1, -1], "small.case.stakes[1]: an integer from 0"),
        (("case", "stakes"), [1, "1"], "small.case.stakes[1]: an integer is wanted, not a text"),
        (("case", "stakes"), {}, "small.case.stakes: a list is wanted, not an object"),
        (("case", "owner"), 2, "small.case.owner: an integer from 0 to 1"),
        (("case", "kappa_u16"), 65536, "small.case.kappa_u16"),
        (("case", "kappa"), 1, "small.case.kappa: is not a field"),
        (("case", "liquid_alpha"), {"low_u16": 5}, "small.case.liquid_alpha.high_u16: is missing"),
        (
            ("case", "liquid_alpha"),
            {"low_u16": 5, "high_u16": 1, "steepness": 1},
            "small.case.liquid_alpha: ",
        ),
        (("case", "steps"), {}, "small.case.steps: a list"),
        (("case", "steps", 1, "block"), ..., "small.case.steps[1].block: is missing"),
        (("case", "steps", 1, "epoch"), 1, "small.case.steps[1].epoch: true or false"),
        (("case", "steps", 1, "blok"), 1, "small.case.steps[1].blok: is not a field"),
        (
            ("case", "steps", 1, "set_weights"),
            {"2": [[], []]},
            "small.case.steps[1].set_weights.2: a uid from 0 to 1",
        ),
        (("case", "steps", 1, "set_weights"), {"01": [[], []]}, "set_weights.01: a uid"),
        (("case", "steps", 1, "set_weights"), {"0": [[1]]}, "set_weights.0: a pair"),
        (("case", "steps", 1, "set_weights"), {"0": [[1, 0], [1, 1]]}, "set_weights.0[0]: uids ascend"),
        (("case", "steps", 1, "set_weights"), {"0": [[1, 1], [1, 1]]}, "set_weights.0[0]: uids ascend"),
        (("case", "steps", 1, "set_weights"), {"0": [[0, 1], [1]]}, "set_weights.0[1]: 2 entries"),
        (
            ("case", "steps", 1, "set_weights"),
            {"0": [[0], [65536]]},
            "set_weights.0[1][0]: an integer from 0 to 65535",
        ),
        (("case", "steps", 1, "replace"), {"0": {"stake": 1}}, "replace.0.registered_at: is missing"),
        (("case", "steps", 1, "reset_bonds_on"), [7], "reset_bonds_on[0]: an integer from 0 to 1"),
    ],
)
def test_a_malformed_case_is_told_where_it_is_wrong(path, value, place):
    with pytest.raises(BadCase) as caught:
        run_file(changed(path, value))
    assert place in caught.value.sentence


def test_the_place_names_the_case_within_a_file():
    with pytest.raises(BadCase, match=r"cases\[1\] \(small\)\.case\.n"):
        run_file({"cases": [SMALL, changed(("case", "n"), None)]})


def test_the_owner_is_never_replaced():
    raw = changed(("case", "owner"), 0)
    raw["case"]["steps"][1]["replace"] = {"0": {"stake": 1, "registered_at": 3}}
    with pytest.raises(BadCase, match="the owner is never replaced"):
        run_file(raw)


def test_a_malformed_expect_is_told_where_it_is_wrong():
    case = {**SMALL, **run_file(SMALL)[0]}
    case["expect"][1]["bonds_u16"] = [{"5": 1}, {}]
    with pytest.raises(BadCase, match=r"expect\[1\].bonds_u16\[0\]"):
        check_file(case)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ('{"a": 1, "a": 2}', "'a' comes twice"),
        ('{"id": NaN}', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('"text"', "an object or a list is wanted"),
        ('{"format": "weft-yuma/2", "cases": []}', "weft-yuma/1, not 'weft-yuma/2'"),
        ('{"cases": {}}', "a list of cases"),
        ("[5]", "[0]: an object is wanted"),
    ],
)
def test_what_is_no_file_of_the_format_exits_2_without_a_traceback(text, why):
    printed = run("-", "--json", text=text)
    assert printed.exit_code == 2
    error = json.loads(printed.stdout)["error"]
    assert error["code"] == "input.case"
    assert why in error["message"]


def test_a_missing_file_and_a_binary_one_are_refused(tmp_path):
    assert run(str(tmp_path / "none.json")).exit_code == 2
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadCase, match="not UTF-8"):
        run_file(tmp_path / "binary")


def test_exploitable_parameters_are_refused_with_a_reason_unless_asked_for():
    raw = changed(("case", "yuma"), 2)
    raw["case"]["bonds_penalty_u16"] = 65534
    with pytest.raises(Exploitable, match="lone voter"):
        run_file(raw)
    printed = run("-", "--json", text=json.dumps(raw))
    assert printed.exit_code == 1
    assert json.loads(printed.stdout)["error"]["code"] == "refused.exploitable"
    assert run("-", "--allow-exploitable", text=json.dumps(raw)).exit_code == 0


def test_replacing_a_neuron_takes_its_permit_bonds_and_weights():
    raw = copy.deepcopy(SMALL)
    raw["case"].update(n=3, stakes=[100, 50, 0], registered_at=[0, 0, 0], max_validators=2)
    weights = {"0": [[1, 2], [5, 5]], "1": [[2], [5]]}
    raw["case"]["steps"] = [
        {"block": 0, "epoch": True},
        {"block": 5, "set_weights": weights, "epoch": True},
        {"block": 9, "replace": {"1": {"stake": 500, "registered_at": 8}}, "epoch": True},
    ]
    last = run_file(raw)[0]["expect"][2]
    assert last["dividends_u16"] == [65535, 0, 0]
    assert last["incentive_u16"] == [0, 0, 65535]
    assert last["validator_permit"] == [True, True, False]
    assert last["bonds_u16"][1] == {}
