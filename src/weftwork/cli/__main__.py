"""``python -m weftwork.cli``: the command ``weft`` where its script is not on the path."""

from weftwork.cli.main import run

run()
