"""``weft down``: stop what ``weft up`` started."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def down(as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False) -> None:
    """Stop the network of this home; its ledger and records stay."""
    from weftwork.cli.screen import print_json, print_next, reporting
    from weftwork.network.home import Home
    from weftwork.network.local import stop_network

    with reporting(as_json):
        home = Home.open()
        stopped = stop_network(home)
        if as_json:
            print_json({"stopped": stopped, "home": str(home.path)})
            return
        print("stopped" if stopped else "nothing was running")
        print_next("weft up")
