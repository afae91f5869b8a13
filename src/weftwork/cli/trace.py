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
    from weftwork.network.thread import draw_thread, read_talk

    with reporting(as_json):
        thread, _ = find_thread(what)
        if as_json:
            print_json(thread.to_json())
            return
        names = {str(k): str(v) for k, v in thread.network.get("names", {}).items()}
        for line in draw_thread(thread, names):
            print(line)
        question, answer = read_talk(thread)
        if question:
            print(paint("\nasked     ", "dim") + question[:400])
        if answer:
            print(paint("answered  ", "dim") + answer[:400])
        print_next(f"weft verify {thread.start}")
