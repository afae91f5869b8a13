"""The page on the contracts says what the contracts say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_bounds_errors_and_halts_in_the_docs_are_those_of_the_contracts() -> None:
    tool = [sys.executable, "tools/contract_tables.py", "--check"]
    done = subprocess.run(tool, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_has_its_line_in_the_docs() -> None:
    page = (ROOT / "docs" / "contracts.md").read_text()
    table = page.split("## Who can halt", 1)[0]
    for path in (ROOT / "src" / "weftwork" / "contracts").glob("[A-Z]*.vy"):
        assert f"`{path.stem}`" in table, path.name
