"""``weft status``: what runs here, and what the ledger says of the network."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False) -> None:
    """Show what runs here, and the neurons that the ledger knows."""
    from weftwork.cli.screen import print_json, print_next, print_table, progress, reporting
    from weftwork.network.find import open_ledger
    from weftwork.network.home import Home, live_homes
    from weftwork.network.state import read_state
    from weftwork.units import Wad

    with reporting(as_json):
        homes = live_homes()
        home = homes[0] if homes else Home.open()
        pids = {one.path.name: one.runner for one in homes}
        roles = {
            f"{one.path.name}/{name}" if one is not home else name: url
            for one in homes
            if pids[one.path.name]
            for name, url in (one.facts.get("roles") or {}).items()
        }
        running = any(pids.values())
        with progress("reading the ledger"), open_ledger(home.facts) as (chain, contracts):
            found = None
            if chain is not None and contracts is not None:
                found = read_state(chain, contracts, int(home.facts.get("subnet", 1)))
        if as_json:
            print_json(
                {"home": str(home.path), "running": running, "pids": pids, "roles": roles, "network": found}
            )
            return
        print(f"home     {home.path}")
        told = ", ".join(f"process {pid}" for pid in pids.values() if pid)
        print(f"running  {'yes, ' + told if running else 'no'}")
        for name, url in roles.items():
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
