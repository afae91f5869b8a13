"""Write docs/cli.md: every command's own help, in the order of ``weft --help``. ``--check`` only compares."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import typer

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
HEAD = """# The command line

Made by `tools/make_cli_docs.py` from the commands themselves; a test holds it to them.

Every command takes `--json` (one object on standard output, errors too). A failure prints a code, a sentence
and a hint, and ends with status 1, or 2 where what was typed cannot be used; `weft --debug COMMAND` shows a
traceback. Progress goes to standard error, and only to a terminal; `NO_COLOR` is honoured. `WEFT_HOME` is
where keys, records and the ledger of this machine lie (`~/.weft`).
"""


def walk_commands(
    command: Any, words: tuple[str, ...], parent: Any = None
) -> list[tuple[tuple[str, ...], str]]:
    """(words, help text) of a command and of all below it."""
    context = command.make_context(
        words[-1], [], parent=parent, resilient_parsing=True, terminal_width=100, max_content_width=100
    )
    found = [(words, command.get_help(context))]
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        found += walk_commands(command.get_command(context, name), (*words, name), context)
    return found


def write_page() -> str:
    """The whole page."""
    from weftwork.cli.main import app

    os.environ["COLUMNS"] = "100"
    parts = [HEAD]
    for words, text in walk_commands(typer.main.get_command(app), ("weft",)):
        body = "\n".join(line.rstrip() for line in text.splitlines()).strip()
        parts.append(f"## {' '.join(words)}\n\n```text\n{body}\n```\n")
    return "\n".join(parts)


def main() -> int:
    """Write or check the page; 1 where it differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 where the page is not what is made now")
    page = write_page()
    if parser.parse_args().check:
        if PAGE.read_text() != page:
            print(f"{PAGE.name} is behind: run python tools/make_cli_docs.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
