"""``weft lab``: study the protocol's own formulas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="lab", help="Run the protocol's own formulas on your numbers.", no_args_is_help=True)


@app.callback()
def lab() -> None:
    """Run the protocol's own formulas on your numbers."""


@app.command()
def yuma(
    file: Annotated[Path, typer.Argument(help="A file of format weft-yuma/1; docs/yuma.md describes it.")],
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the file's own expect; exit 1 on any difference.")
    ] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print JSON; this command prints nothing else.")
    ] = True,
    allow_exploitable: Annotated[
        bool,
        typer.Option("--allow-exploitable", help="Run Yuma 2 with a bonds penalty below 1 all the same."),
    ] = False,
) -> None:
    """Run the epochs of FILE in exact integers and print, per case, what its expect would hold."""
    from weftwork.lab.yuma import check_file, run_file

    if not check:
        typer.echo(json.dumps(run_file(file, allow_exploitable=allow_exploitable)))
        return
    checked, unchecked, differences = check_file(file, allow_exploitable=allow_exploitable)
    report = {"checked": len(checked), "differences": [d.to_json() for d in differences]}
    if unchecked:
        report["unchecked"] = unchecked
    typer.echo(json.dumps(report))
    if differences:
        raise typer.Exit(1)
