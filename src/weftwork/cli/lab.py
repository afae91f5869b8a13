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
