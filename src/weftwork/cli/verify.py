"""``weft verify``: recompute a thread and name the record that differs."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def verify(
    what: Annotated[str, typer.Argument(metavar="ID|FILE", help="A record (8 digits or more), or a thread.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Recompute ids, signatures, scores, weights, epoch, proof and payment; exit 1 on any difference."""
    from weftwork.cli.screen import paint, print_json, print_next, progress, reporting
    from weftwork.network.find import find_pixels, find_thread, open_ledger
    from weftwork.network.verify import verify_thread

    with reporting(as_json):
        thread, _ = find_thread(what)
        with progress("recomputing"), open_ledger(thread.network) as (chain, contracts):
            checks = verify_thread(thread, chain, contracts, find_pixels())
        failed = [check for check in checks if check.ok is False]
        passed = sum(check.ok is True for check in checks)
        if as_json:
            print_json(
                {
                    "thread": thread.start,
                    "verified": not failed and passed > 0,
                    "passed": passed,
                    "failed": [check.to_json() for check in failed],
                    "ledger": chain is not None,
                    "checks": [check.to_json() for check in checks],
                }
            )
        else:
            marks = {True: paint("ok  ", "green"), False: paint("FAIL", "red"), None: paint("--  ", "dim")}
            for check in checks:
                print(f"{marks[check.ok]}  {check.name:<9} {check.id[:10]}…  {check.detail}")
            open_ = len(checks) - passed - len(failed)
            print(f"\n{passed} checks passed, {len(failed)} failed, {open_} could not be made here")
            if failed:
                print(paint(f"differs: {failed[0].id}", "red"))
            print_next("weft trace " + thread.start)
        if failed or not passed:
            raise SystemExit(1)
