"""``weft down``: stop what runs in this home."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()
Name = Annotated[
    str | None, typer.Argument(help="One role that joined, by its home's name (joined-miner); all if absent.")
]


@app.command()
def down(
    name: Name = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Stop the network of this home and the roles that joined from it; ledger, keys and records stay."""
    from weftwork.cli.screen import print_json, print_next, progress, reporting
    from weftwork.errors import NotFound
    from weftwork.network.home import Home, home_path, live_homes
    from weftwork.network.life import stop_home

    with reporting(as_json):
        homes = live_homes()
        if name is not None:
            homes = [home for home in homes if home.path.name in (name, f"joined-{name}")]
            if not homes:
                raise NotFound(
                    f"nothing joined as {name}", value=name, hint="weft status shows what runs here"
                )
        elif not homes:
            Home.open()
        # Roles that joined go first: they settle on the ledger that the base home serves.
        homes.sort(key=lambda home: home.path == home_path())
        stopped = []
        for home in homes:
            with progress(f"stopping {home.path.name}"):
                if stop_home(home):
                    stopped.append(str(home.path))
        if as_json:
            print_json({"stopped": bool(stopped), "home": str(home_path()), "homes": stopped})
            return
        for path in stopped:
            print(f"stopped {path}")
        if not stopped:
            print("nothing was running")
        print_next("weft up")
