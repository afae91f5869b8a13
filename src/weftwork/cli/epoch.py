"""``weft epoch``: weights, incentives and claims of one epoch."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()
Number = Annotated[int | None, typer.Argument(help="Which epoch; the last closed one if absent.")]
Subnet = Annotated[int | None, typer.Option(help="Which subnet.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one object.")]


@app.command()
def epoch(number: Number = None, subnet: Subnet = None, as_json: AsJson = False) -> None:
    """Show an epoch: who weighed whom, what consensus made of it, who was paid or slashed."""
    from weftwork.cli.screen import print_json, print_next, print_table, progress, reporting
    from weftwork.errors import NotFound
    from weftwork.network.find import open_ledger
    from weftwork.network.home import all_homes, home_path
    from weftwork.network.state import read_epoch
    from weftwork.units import Wad

    with reporting(as_json):
        home = next(all_homes(), None)
        if home is None:
            raise NotFound(
                f"no network is known in {home_path()}", hint="start one with `weft up` or `weft demo`"
            )
        with progress("recomputing the epoch"), open_ledger(home.facts) as (chain, contracts):
            if chain is None or contracts is None:
                raise NotFound("the ledger is out of reach", value=home.facts.get("ledger"), hint="weft up")
            found = read_epoch(chain, contracts, subnet or int(home.facts.get("subnet", 1)), number)
        if as_json:
            print_json(found)
            return
        pot = Wad(found["pot"]).format()
        print(f"epoch {found['epoch']} of subnet {found['subnet']}: {found['status']}, pot {pot} WEFT")
        if found["neurons"]:
            print()
            print_table(
                ("uid", "agent", "incentive", "dividends", "paid"),
                [
                    (
                        n["uid"],
                        n["agent"],
                        f"{n['incentive']:.2%}",
                        f"{n['dividends']:.2%}",
                        Wad(n["paid"]).format(4),
                    )
                    for n in found["neurons"]
                ],
                right=(0, 1, 2, 3, 4),
            )
            print()
            for row in found["weights"]:
                print(f"uid {row['uid']} weighed " + ", ".join(f"{u}:{v}" for u, v in row["row"].items()))
        for agent, amount in found["slashed"].items():
            lost = Wad(amount).format(4)
            print(f"agent {agent}, whose fault is on record, loses {lost} WEFT of its collateral")
        print_next("weft status")
