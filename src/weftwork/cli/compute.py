"""``weft compute``: rent machines, have scenes rendered."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weftwork.cli import deployment as rental
from weftwork.cli import lease
from weftwork.cli import render as rendering
from weftwork.cli.screen import paint, print_json, print_next, print_table, reporting, say

if TYPE_CHECKING:
    from weftwork.compute.error import BadSdl
    from weftwork.compute.sdl import Deployment

app = typer.Typer(
    name="compute",
    help="Rent machines and have scenes rendered.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.callback()
def compute(
    ledger: Annotated[
        str | None,
        typer.Option(
            metavar="URL", envvar="WEFT_LEDGER", help="Ledger of the network to rent on, if not the one here."
        ),
    ] = None,
) -> None:
    """Rent machines and have scenes rendered."""
    if ledger:
        os.environ["WEFT_LEDGER"] = ledger


@app.command()
def check(
    file: Annotated[
        str, typer.Argument(help="A deployment file (docs/sdl.md); - reads standard input.")
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Refuse all that the schema refuses.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the file, and stop.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON: group specs, manifest, hash.")] = False,
) -> None:
    """Say what is wrong in FILE, with line and column, or what it asks for and its manifest hash."""
    from weftwork.compute.error import BadSdl
    from weftwork.compute.sdl import read_file

    if schema:
        from weftwork.compute.sdl.schema import export_schema

        print_json(export_schema())
        return
    if not file:
        raise typer.BadParameter("name a deployment file, or use --schema", param_hint="FILE")
    with reporting(json_):
        try:
            deployment = read_file(file, strict=strict)
        except BadSdl as error:
            raise SystemExit(report_problems(error, as_json=json_)) from None
    if json_:
        print_json(describe(deployment))
    else:
        _show(deployment, file, strict=strict)


app.command()(rental.quote)
app.command()(rental.deploy)
app.command()(rental.why)
app.command()(lease.leases)
app.command(name="lease")(lease.lease)
app.command()(lease.logs)
app.command()(lease.deposit)
app.command()(lease.close)
app.command()(rendering.render)
app.command()(rendering.approve)
app.command()(rendering.reject)


def describe(deployment: Deployment) -> dict[str, Any]:
    """All of a deployment that goes over a wire, with its warnings."""
    return {
        "file": deployment.file,
        "version": deployment.version,
        "hash": deployment.hash.hex(),
        "groups": deployment.group_specs_json(),
        "manifest": deployment.manifest_json(),
        "reclamation_ns": deployment.reclamation_ns,
        "warnings": [warning.to_json() for warning in deployment.warnings],
    }


def report_problems(error: BadSdl, *, as_json: bool) -> int:
    """Tell every problem of a deployment file; the exit status."""
    if as_json:
        problems = [problem.to_json() for problem in error.problems]
        print_json({"error": error.to_json() | {"problems": problems}})
        return 2
    for problem in error.problems:
        say(f"{paint('error', 'red')} {problem.code}: {problem}")
        say(f"hint: {problem.hint}")
    return 2


def _show(deployment: Deployment, file: str, *, strict: bool) -> None:
    from weftwork.compute.sdl.quantity import format_price, format_size

    for warning in deployment.warnings:
        say(f"{paint('warning', 'yellow')} {warning.code}: {warning}")
        say(f"hint: {warning.hint}")
    rows = []
    for group, manifest in zip(deployment.groups, deployment.manifest, strict=True):
        units = {unit.resource.id: unit for unit in group.units}
        for service in manifest.services:
            unit, resource = units[service.resource.id], service.resource
            price = format_price(unit.price).rstrip("0").rstrip(".")
            storage = " + ".join(format_size(volume.size) for volume in resource.storage)
            cpu = f"{resource.cpu / 1000:g}"
            name = (
                ascii(group.name)[1:-1],
                service.name,
                str(service.count),
                cpu,
                format_size(resource.memory),
            )
            rows.append((*name, storage, str(resource.gpu), f"{price} {unit.denom}"))
    head = ("group", "service", "count", "cpu", "memory", "storage", "gpu", "price a block, at most")
    print_table(head, rows, right=(2, 3, 4, 6))
    print(f"\nversion        {deployment.version}")
    print(f"manifest hash  {deployment.hash.hex()}")
    more = "--json" if strict else "--strict"
    print_next(f"weft compute check {file} {more}")
