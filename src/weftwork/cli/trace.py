"""``weft trace``: draw the thread of an answer."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def trace(
    what: Annotated[str, typer.Argument(metavar="ID|FILE", help="A record (8 digits or more), or a thread.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole thread, private content too.")
    ] = False,
) -> None:
    """Draw the thread of an answer: who asked, who answered, who judged, who was paid."""
    from weftwork.cli.screen import paint, print_json, print_next, reporting
    from weftwork.network.find import find_thread
    from weftwork.network.thread import draw_thread

    with reporting(as_json):
        thread, _ = find_thread(what)
        if as_json:
            print_json(thread.to_json())
            return
        names = {str(k): str(v) for k, v in thread.network.get("names", {}).items()}
        for line in draw_thread(thread, names):
            print(line)
        for entry in thread.of("request")[:1]:
            kept = thread.contents.get(str(entry.raw.get("content")))
            if kept:
                print(paint("\nasked     ", "dim") + kept["body"][:400])
        for entry in thread.of("receipt"):
            kept = thread.contents.get(str(entry.raw.get("output")))
            if kept and entry.raw.get("final"):
                print(paint("answered  ", "dim") + kept["body"][:400])
        print_next(f"weft verify {thread.start}")
