"""The protocol in Vyper: sources beside this file, and ``artifacts/`` with the ABI and bytecode of each.

``load_artifact("Token")`` gives what a deployment needs; ``list_artifacts()`` names all that deploy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from weftwork.errors import NotFound

DIRECTORY = Path(__file__).parent
"""Where the ``.vy`` sources lie."""


@dataclass(frozen=True, eq=False)
class Artifact:
    """A compiled contract: its ABI, its deployment bytecode, and what it was compiled from."""

    name: str
    abi: tuple[dict[str, Any], ...]
    bytecode: bytes
    compiler: str
    evm: str
    source_sha256: str
    runtime_size: int


def list_artifacts() -> list[str]:
    """The names of all contracts that deploy, sorted."""
    return sorted(path.stem for path in (DIRECTORY / "artifacts").glob("*.json"))


@cache
def load_artifact(name: str) -> Artifact:
    """Load the artifact of the contract ``name``; raises ``NotFound`` if the package ships none."""
    path = DIRECTORY / "artifacts" / f"{name}.json"
    if not name.isidentifier() or not path.is_file():
        raise NotFound("there is no contract of that name", value=name, hint=", ".join(list_artifacts()))
    fields = json.loads(path.read_text())
    fields["abi"] = tuple(fields["abi"])
    fields["bytecode"] = bytes.fromhex(fields["bytecode"][2:])
    return Artifact(**fields)
