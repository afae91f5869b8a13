"""The command ``weft``: one file for each noun beside this one, loaded when its command runs."""

from __future__ import annotations

import importlib
import os
import sys
import time
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

STARTED = time.monotonic()
"""When this process began, as near as it can tell."""

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("use", "Raise a whole network, do real work on it, judge, pay, verify; rent machines, render."),
    "up": ("use", "Start a network, or some roles of one, and stay up."),
    "down": ("use", "Stop what `weft up` started."),
    "ask": ("use", "Ask the network; the words are the command."),
    "trace": ("use", "Draw the thread of an answer: who asked, answered, judged and was paid."),
    "verify": ("use", "Recompute a thread, and name the record that differs."),
    "join": ("supply", "Join a network as a miner, a validator or a provider."),
    "leave": ("supply", "Take stake, collateral and what is due back home from a role that joined."),
    "compute": ("buy", "Rent machines by auction, have scenes rendered by many."),
    "epoch": ("study", "Show an epoch: weights, incentives, claims."),
    "status": ("study", "Show what runs here and what the ledger says."),
    "lab": ("study", "Run the protocol's formulas on your own numbers."),
}
"""Command → (group, one line of help). The module ``weftwork.cli.<command>`` holds its ``app``."""


class LazyGroup(TyperGroup):
    """A group whose commands are imported only when they run: help comes from :data:`COMMANDS`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, name: str) -> Any:
        """The command ``name``, imported now; None where there is none of that name."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"weftwork.cli.{name}")
        module.app.rich_markup_mode = None  # plain help, in pipes and terminals alike
        module.app._add_completion = False
        command = typer.main.get_command(module.app)
        command.name = name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The table of commands by group, without importing any of them."""
        for group in dict.fromkeys(group for group, _ in COMMANDS.values()):
            with formatter.section(group.capitalize()):
                formatter.write_dl([(name, text) for name, (g, text) in COMMANDS.items() if g == group])


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        from weftwork import __version__

        print(f"weft {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Sell, buy, judge and own AI work on an open network."""
    if debug:
        os.environ["WEFT_DEBUG"] = "1"


def run() -> None:
    """Entry point of the console script."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(141) from None
    except Exception as error:
        if os.environ.get("WEFT_DEBUG"):
            raise
        print(f"error internal: {type(error).__name__}: {error}", file=sys.stderr)
        print("hint: this is a fault of weft's own; `weft --debug ...` shows where", file=sys.stderr)
        raise SystemExit(70) from None
