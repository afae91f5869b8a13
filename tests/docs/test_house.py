"""The house keeps its own rules: floors, room sizes, names, and nothing large in the tree."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tracked(*patterns: str) -> list[Path]:
    out = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in out.stdout.splitlines() if (ROOT / line).exists()]


def test_imports_go_down_only() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_room_is_past_its_size() -> None:
    long = [f"{p.name}: {n}" for p in tracked("*.py") if (n := len(p.read_text().splitlines())) > 500]
    long += [f"{p.name}: {n}" for p in tracked("*.vy") if (n := len(p.read_text().splitlines())) > 400]
    assert not long


def test_no_room_is_without_a_name() -> None:
    nameless = re.compile(r"(^|/)(utils?|common|helpers?|managers?|misc)(\.py|/)")
    assert not [p for p in tracked() if nameless.search(str(p.relative_to(ROOT)))]


def test_nothing_large_and_no_lock_file_is_committed() -> None:
    assert not [p for p in tracked() if p.name in {"uv.lock", "package-lock.json"}]
    large = [p for p in tracked() if p.stat().st_size > 5_000_000 and p.suffix != ".gguf"]
    assert not large
    assert sum(p.stat().st_size for p in tracked("*.gguf")) <= 6_000_000
