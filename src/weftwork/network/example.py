"""The examples that come with Weftwork: inside the installed package, else those of the clone."""

from __future__ import annotations

from pathlib import Path

from weftwork.errors import NotFound

_PACKAGE = Path(__file__).parents[1]


def find_example(name: str) -> Path:
    """The file or folder of the example ``name`` (``compute/hello.yaml``); raises NotFound."""
    for root in (_PACKAGE / "examples", _PACKAGE.parents[1] / "examples"):
        if (root / name).exists():
            return root / name
    raise NotFound(f"the example {name} is not installed", value=name, hint="install weftwork again")
