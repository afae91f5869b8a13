"""``weft status``: what runs here, and what the ledger says of the network."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False) -> None:
    """Show what runs here, and the neurons that the ledger knows."""
    from weftwork.cli.screen import print_json, print_next, print_table, reporting
    from weftwork.network.find import open_ledger
    from weftwork.network.home import Home
    from weftwork.network.local import is_running, show_roles
    from weftwork.network.state import read_state
    from weftwork.units import Wad

    with reporting(as_json):
        home = Home.open()
        running = is_running(home)
        with open_ledger(home.facts) as (chain, contracts):
            found = None
            if chain is not None and contracts is not None:
                found = read_state(chain, contracts, int(home.facts.get("subnet", 1)))
        if as_json:
            roles = dict(show_roles(home.facts))
            print_json({"home": str(home.path), "running": running, "roles": roles, "network": found})
            return
        print(f"home     {home.path}")
        print(f"running  {'yes, process ' + str(home.facts['pid']) if running else 'no'}")
        for name, url in show_roles(home.facts):
            print(f"         {name:<12} {url}")
        if found is None:
            print("ledger   out of reach")
        else:
            minted = Wad(found["minted"]).format()
            print(f"ledger   block {found['block']}, epoch {found['epoch']}, minted {minted} WEFT")
            print()
            print_table(
                ("uid", "role", "model", "stake", "last pay", "endpoint"),
                [
                    (
                        n["uid"],
                        n["role"],
                        n["model"],
                        Wad(n["stake"]).format(2),
                        Wad(n["paid"]).format(4),
                        n["endpoint"],
                    )
                    for n in found["neurons"]
                ],
                right=(0, 3, 4),
            )
        print_next("weft epoch" if running else "weft up")
