"""``weft demo``: the finite end-to-end run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from weftwork.network.demo import Report

app = typer.Typer()


@app.command()
def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the requests.")] = 7,
    compute: Annotated[bool, typer.Option(help="Rent machines and render a scene, too.")] = True,
) -> None:
    """Raise a network: ask, judge, pay, verify, rent, render, burn, mint; exit 1 if it does not add up."""
    import asyncio

    from weftwork.cli.screen import print_json, reporting, say

    with reporting(as_json):
        from weftwork.network.demo import Demo
        from weftwork.network.home import new_run
        from weftwork.wire import log

        log.configure(level="error")
        home = new_run("demo")
        steps = iter(range(1, 10))

        def tell(text: str) -> None:
            if not as_json:
                say(text if text.startswith(" ") else f"{next(steps)}. {text}")

        run = Demo(home, tell, seed=seed, compute=compute)
        report = asyncio.run(run.run())
        if as_json:
            print_json(report.to_json())
        else:
            _show(report)
        if not report.ok:
            raise SystemExit(1)


def _show(report: Report) -> None:
    from weftwork.cli.screen import paint, print_next, print_table
    from weftwork.units import Wad

    def coins(amount: int) -> str:
        return f"{'-' if amount < 0 else ''}{Wad(abs(amount)).format(4)}"

    print()
    head = ("miner", "what it does", "answered", "right", "score", "incentive", "emission", "fees", "earned")
    rows = []
    for row in sorted(report.rows.values(), key=lambda r: -r.earned):
        rows.append(
            (
                row.name,
                row.kind,
                row.answered,
                row.right,
                "-" if row.score is None else f"{row.score:.0%}",
                f"{row.incentive:.1%}",
                coins(row.emission),
                coins(row.fees),
                coins(row.earned),
            )
        )
    print_table(head, rows, right=range(2, 9))
    passed = sum(check.ok is True for check in report.checks)
    failed = [check for check in report.checks if check.ok is False]
    for one in report.unanswered:
        print(paint(f"no answer to {one['request']!r}: {one['message']}", "yellow"))
    print(f"\nanswered  {report.answered} of {report.requests} requests, {report.right} exactly right")
    print(f"epoch     {report.epoch} closed; minted {coins(report.minted)}, paid {coins(report.paid)} WEFT")
    print(f"burned    {coins(report.burned)} WEFT (registrations and the burnt part of fees)")
    print(
        f"conserved {'every unit accounted for' if report.conserved else paint('UNITS ARE MISSING', 'red')}"
    )
    print(f"thread    {report.thread}")
    said = "and nothing differs" if report.verified else paint("NOT VERIFIED", "red")
    print(f"verified  {passed} checks passed, {len(failed)} failed, {said}")
    for check in failed:
        print(paint(f"          {check.name}: {check.detail}", "red"))
    if not report.fair:
        print(paint("UNFAIR: a dishonest miner earned as much as an honest one", "red"))
    _show_compute(report)
    print(f"files     {report.files['home']}")
    print(f"seconds   {report.seconds:.1f}")
    print_next(f"weft trace {report.thread[:18]}   (then: weft verify {report.thread[:18]}, weft up)")


def _show_compute(report: Report) -> None:
    from weftwork.cli.screen import paint, print_table
    from weftwork.units import Wad

    told = report.compute
    if told is None:
        return
    if told.nodes:
        print()
        head = ("node", "what it does", "tiles", "paid", "minted", "collateral", "slashed")
        rows = [
            (
                row.name,
                row.kind,
                row.tiles,
                Wad(row.paid).format(9),
                Wad(row.minted).format(4),
                Wad(row.left).format(4),
                Wad(row.slashed).format(4),
            )
            for row in told.nodes.values()
        ]
        print_table(head, rows, right=range(2, 7))
        print()
    if told.winner:
        print(f"lease     {told.winner} won of {len(told.bids)} bids, and answered {told.status}")
    if told.picture:
        burnt, fee = Wad(told.destroyed + told.retired).format(9), Wad(told.fee).format(9)
        print(f"burnt     {burnt} of {Wad(told.spent).format(9)} WEFT paid for tiles, {fee} to the operator")
        minted, claimed = Wad(told.minted).format(4), Wad(told.claimed).format(4)
        print(f"minted    {minted} WEFT by the schedule, {claimed} of it for these tiles")
        slashed = Wad(told.slashed).format(4)
        print(f"slashed   {slashed} WEFT of collateral, burnt; checkers rendered {told.checked} tiles again")
        if told.fault:
            print(f"fault     {told.fault}")
        print(f"picture   {told.picture}")
    for words in told.missing:
        print(paint(f"left out  {words}", "yellow"))
    if not told.punished:
        print(paint("UNPUNISHED: collateral was not slashed as faults are on record", "red"))
    if not told.ok:
        print(paint("UNSETTLED: what was paid for machines and renders does not add up", "red"))
