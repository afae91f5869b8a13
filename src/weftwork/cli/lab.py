"""``weft lab``: study the protocol's own formulas."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from weftwork.cli.screen import print_json, print_next, print_table, reporting

app = typer.Typer(
    name="lab",
    help="Run the protocol's formulas on your own numbers.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.callback()
def lab() -> None:
    """Run the protocol's formulas on your own numbers."""


@app.command()
def yuma(
    file: Annotated[
        Path, typer.Argument(help="A file of format weft-yuma/1 (docs/yuma.md); - reads standard input.")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the file's own expect; exit 1 on any difference.")
    ] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print errors as JSON too; results always are.")
    ] = False,
    allow_exploitable: Annotated[
        bool,
        typer.Option("--allow-exploitable", help="Run Yuma 2 with a bonds penalty below 1 all the same."),
    ] = False,
) -> None:
    """Run the epochs of FILE in exact integers and print, per case, what its expect would hold.

    Standard output holds JSON alone: a list with one object a case, or the report of --check.
    """
    from weftwork.lab.yuma import check_file, read_text, run_file

    with reporting(json_):
        source: Any = read_text(sys.stdin.buffer.read(), "standard input") if str(file) == "-" else file
        if not check:
            print_cases(run_file(source, allow_exploitable=allow_exploitable))
            return
        checked, unchecked, differences = check_file(source, allow_exploitable=allow_exploitable)
        report: dict[str, Any] = {"checked": len(checked), "differences": [d.to_json() for d in differences]}
        if unchecked:
            report["unchecked"] = unchecked
        print_json(report)
    if differences:
        raise typer.Exit(1)


def print_cases(cases: list[dict[str, Any]]) -> None:
    """A JSON list with one case a line."""
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    sys.stdout.write(f"[{lines}]\n")
    sys.stdout.flush()


@app.command()
def guarantee(
    quick: Annotated[bool, typer.Option("--quick", help="A coarser grid, some seconds less.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how much honest utility holds off a cabal: the published settings beside ours."""
    from weftwork.lab.guarantee import run_study

    rows = run_study(cabal_steps=5, points=50) if quick else run_study()
    if json_:
        print_json(rows)
        return

    def show(value: float | None) -> str:
        return "none" if value is None else f"{value:.0%}"

    print_table(
        ("setting", "needed here", "published study, re-run"),
        [
            (row["setting"], show(row["needed"]), show(row["published"]) if "published" in row else "-")
            for row in rows
        ],
        right=(1, 2),
    )
    print_next("weft lab copier")


@app.command()
def copier(json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what copying the last revealed consensus earns beside measuring, by pace of change."""
    from weftwork.lab.copier import run_study

    rows = run_study()
    if json_:
        print_json(rows)
        return
    print_table(
        ("preset", "quality changes", "copier / honest"),
        [
            (
                row["preset"],
                f"every {row['period']} epochs" if row["period"] else "never",
                f"{row['copier_to_honest']:.3f}",
            )
            for row in rows
        ],
        right=(2,),
    )
    print_next("weft lab guarantee")


@app.command()
def bme(
    scenario: Annotated[Path, typer.Argument(help="A scenario in TOML (docs/bme.md).")],
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write table.csv, study.json and chart.svg into this folder.")
    ] = None,
) -> None:
    """Run years of burn and mint under assumed demand: supply, price, income of nodes, equilibrium."""
    from weftwork.errors import BadScenario
    from weftwork.lab.bme import run_scenario, write_study
    from weftwork.lab.bme_scenario import read_scenario

    with reporting(json_):
        study = run_scenario(read_scenario(scenario))
        try:
            files = write_study(study, out) if out else []
        except OSError as error:
            raise BadScenario(
                f"cannot write to {out}: {error.strerror}",
                value=str(out),
                hint="name another folder for --out",
            ) from error
        if json_:
            print_json(study.to_json() | {"files": [str(path) for path in files]})
            return
        print_bme(study)
        for path in files:
            print(path)
        print_next(f"weft lab bme {scenario} --out DIR" if not files else f"open {files[-1]}")


def print_bme(study: Any) -> None:
    """A study as a table by year, sparklines, and its equilibrium."""
    from weftwork.lab.bme import show
    from weftwork.lab.chart import short, spark

    years = study.by_year()
    wads = ("supply", "demand", "burnt", "minted", "price", "balance_price", "node_income")
    print_table(
        ("year", "supply", "dollars", "burnt", "minted", "price", "balance at", "nodes", "income", "return"),
        [
            (
                row.year,
                *(short(getattr(row, name) / 10**18) for name in wads[:6]),
                f"{row.nodes:,}",
                short(row.node_income / 10**18),
                f"{row.job_return / 10_000:.2f}",
            )
            for row in years
        ],
        right=range(10),
    )
    print()
    for name in ("supply", "burnt", "minted", "price", "node_income"):
        print(f"{name.replace('_', ' '):12} {spark([getattr(row, name) for row in years])}")
    found = study.find_equilibrium()
    year = found["supply_year"]
    print(
        f"\nsupply: {f'stops growing in year {year}' if year else 'still grows at the end'}, "
        f"at most {show(found['peak_supply'], 0)}, {show(found['end_supply'], 0)} at the end"
    )
    year = found["nodes_year"]
    print(
        f"nodes: {found['end_nodes']:,} at the end; income "
        + (f"meets cost from year {year} on" if year else "does not settle at cost")
    )
    if found["farming_years"]:
        print(
            "warning: in the years "
            + ", ".join(str(one) for one in found["farming_years"])
            + " a dollar burnt for one's own node returned a dollar or more"
        )
