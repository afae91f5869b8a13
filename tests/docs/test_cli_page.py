"""docs/cli.md is what the commands say of themselves; ``python tools/make_cli_docs.py`` writes it anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_page_of_the_commands_is_what_they_say_of_themselves() -> None:
    command = [sys.executable, str(ROOT / "tools" / "make_cli_docs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
