"""``weft lab bme``: assumptions in, exact tables and a chart out, and a clear word on a wrong scenario."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from weftwork.cli.lab import app
from weftwork.errors import BadConfig, BadScenario
from weftwork.lab.bme import run_scenario, show
from weftwork.lab.bme_scenario import parse_scenario, read_scenario
from weftwork.lab.chart import Line, Panel, draw_chart, nice, short, spark
from weftwork.spec.bme import WAD

EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "bme").glob("*.toml"))
GIVEN = """
years = 2
[token]
supply = 1_000_000
price = 2.5
[demand]
dollars_a_year = 520_000
[nodes]
count = 10
cost_a_year = 100
"""


def run(*arguments):
    return CliRunner().invoke(app, ["bme", *map(str, arguments)])


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "given.toml"
    path.write_text(GIVEN)
    return path


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_no_token_is_lost_over_the_years_of_an_example(path):
    scenario = read_scenario(path)
    study = run_scenario(scenario)
    supply, carried = scenario.supply, 0
    for row in study.rows:
        paid = row.jobs + row.availability + row.rebates + row.liquidity + row.reserve
        assert row.minted + carried == paid + row.carried
        supply, carried = supply + paid - row.burnt, row.carried
        assert row.supply == supply
    assert len(study.by_year()) == scenario.years
    assert run_scenario(scenario).rows == study.rows


def test_the_price_finds_the_balance_of_burning_and_minting():
    study = run_scenario(read_scenario(EXAMPLES[[p.stem for p in EXAMPLES].index("steady")]))
    found = study.find_equilibrium()
    assert found["supply_year"] == 2
    last = study.by_year()[-1]
    assert abs(last.burnt - last.minted) * 20 < last.minted


def test_paying_oneself_is_shown_where_it_pays():
    text = GIVEN.replace("520_000", "1000")
    study = run_scenario(parse_scenario(text.encode()))
    assert study.find_equilibrium()["farming_years"] == [1, 2]


def test_more_demand_burns_more_and_mints_the_same():
    quiet = run_scenario(parse_scenario(GIVEN.encode())).rows
    busy = run_scenario(parse_scenario(GIVEN.replace("520_000", "52_000_000").encode())).rows
    assert [row.minted for row in quiet] == [row.minted for row in busy]
    assert all(a.burnt * 99 < b.burnt for a, b in zip(quiet, busy, strict=True))


def test_nodes_leave_where_costs_are_not_met_and_one_stays():
    text = GIVEN.replace("cost_a_year = 100", "cost_a_year = 1_000_000_000\nentry = 1.0")
    assert run_scenario(parse_scenario(text.encode())).rows[-1].nodes < 10
    text = text.replace("years = 2", "years = 20")
    assert run_scenario(parse_scenario(text.encode())).rows[-1].nodes == 1


def test_the_command_writes_table_study_and_chart(scenario, tmp_path):
    done = run(scenario, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "stops growing" in done.output or "still grows" in done.output
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "table.csv").read_text())))
    assert len(rows) == 104
    assert rows[0]["demand"] == "10000"
    study = json.loads((tmp_path / "out" / "study.json").read_text())
    assert len(study["years"]) == 2
    root = ElementTree.parse(tmp_path / "out" / "chart.svg").getroot()
    assert len(root.findall(".//{http://www.w3.org/2000/svg}polyline")) == 7
    assert done.output.rstrip().endswith("chart.svg")


def test_the_command_speaks_json(scenario):
    done = run(scenario, "--json")
    assert done.exit_code == 0
    answer = json.loads(done.output)
    assert answer["files"] == []
    assert answer["assumptions"]["token"]["price"] == "2.5"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("years = 2", "years = 0", "years: a whole number of 1 to 100"),
        ("years = 2", "", "years: this field is missing"),
        ("years = 2", "years = true", "years: a whole number"),
        ("years = 2", "years = 2\nyear = 3", "year: there is no such field"),
        ("price = 2.5", "price = 0", "token.price: above zero"),
        ("price = 2.5", "price = nan", "token.price: a number is wanted"),
        ("price = 2.5", "price = '2.5'", "token.price: a number is wanted"),
        ("price = 2.5", "price = 1e400", "token.price: 0 to"),
        ("price = 2.5", "price = -1", "token.price: 0 to"),
        ("price = 2.5", "price = 2.5\npath = 'moon'", "token.path: one of constant, growth, equilibrium"),
        ("price = 2.5", "price = 2.5\npath = 'growth'", "token.growth: this field is missing"),
        ("520_000", "0", "demand.dollars_a_year: above zero"),
        ("520_000", "1\ngrowth = 0.123456", "demand.growth: at most four decimals"),
        ("count = 10", "count = 0", "nodes.count: a whole number"),
        ("[token]", "[tokens]", "token: this field is missing"),
        ("years = 2", "years = 2\npreset = 'render-year-9'", "rules: there is no preset 'render-year-9'"),
        ("years = 2", "years = 2\nrules = 1", "rules: a table is wanted"),
        ("years = 2", "years = 2\nrules = {launch = 1}", "rules.launch: a list"),
        ("years = 2", "years = 2\nrules = {launch = [0.9, 0.9]}", "rules: launch years mint at most"),
        ("years = 2", "years = 2\nrules = {shares = {jobs = 1, liquidity = 1}}", "rules: shares give away"),
        ("years = 2", "years = 2\nname = ''", "name: a text of 1 to 80"),
        ("years = 2", "years == 2", "given is not TOML"),
        ("[token]", "[token", "given is not TOML"),
    ],
)
def test_a_wrong_scenario_is_told_by_its_field(old, new, says):
    with pytest.raises(BadScenario) as caught:
        parse_scenario(GIVEN.replace(old, new, 1).encode(), "given")
    assert says in caught.value.sentence
    assert caught.value.hint


def test_a_file_that_cannot_be_read_is_an_error_without_a_traceback(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path):
        done = run(path)
        assert done.exit_code == 2
        assert "input.scenario" in done.output
    (tmp_path / "long.toml").write_text("#" * 100_001)
    assert "longer than" in run(tmp_path / "long.toml").output
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    assert "UTF-8" in run(tmp_path / "bytes.toml", "--json").output


def test_a_folder_that_cannot_be_written_is_told(scenario):
    done = run(scenario, "--out", scenario)
    assert done.exit_code == 2
    assert "cannot write" in done.output


def test_growth_beyond_all_money_is_refused():
    text = GIVEN.replace("years = 2", "years = 100").replace("520_000", "520_000\ngrowth = 10")
    with pytest.raises(BadConfig, match="beyond all money"):
        run_scenario(parse_scenario(text.encode()))


def test_charts_hold_for_nothing_one_and_many_points():
    for values in ([0.0], [1.0, 2.0], [1e-9, 5e20, 3.0]):
        text = draw_chart("a < b & c", [Panel("p", [Line("l", values)])], list(range(len(values))))
        assert ElementTree.fromstring(text) is not None
    assert nice(0) == 1
    assert all(value <= nice(value) <= 2 * value for value in (0.003, 0.99, 1.0, 7.2, 999.0, 1e9))
    assert [short(value) for value in (0.25, 380_284.0, 9.1e6)] == ["0.25", "380.3K", "9.1M"]
    assert spark([]) == ""
    assert spark([1, 1]) == "▄▄"
    assert spark([0, 7]) == "▁█"
    assert show(-15 * WAD // 10) == "-1.5"
