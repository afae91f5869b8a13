"""Every fence in the README and the docs runs: Python in one process, shell lines in one shell and home.

Fences: ``python`` runs; ``console`` holds ``$ command`` lines, each of which must succeed, and the lines
under a command must appear in what it prints (``...`` stands for anything); ``json`` and ``toml`` must
parse; ``text`` and ``solidity`` are only shown. A fence directly under ``<!-- not run: reason -->`` is
shown and not run; a page that holds ``<!-- needs: a sandbox -->`` is skipped where there is none.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from harness.bubble import LACK

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"(<!-- not run: (?P<why>[^>]+) -->\n+)?^```(?P<lang>[\w-]*)\n(?P<body>.*?)^```$", re.M | re.S
)
NEEDS_SANDBOX = "<!-- needs: a sandbox -->"
SHOWN = {"text", "solidity", "vyper", "http", "", "mermaid", "html"}


def find_fences(page: Path) -> list[tuple[str, str]]:
    """(language, body) of the fences of ``page`` that are to be run."""
    return [(m["lang"], m["body"]) for m in FENCE.finditer(page.read_text()) if not m["why"]]


def run_console(body: str, env: dict[str, str], folder: Path) -> None:
    """Run each ``$`` line of a console fence and hold its output against the lines shown under it.

    All fences of a page share one shell: what a line exports, the next one sees.
    """
    kept = folder / "exported"
    for block in re.split(r"^\$ ", body, flags=re.M)[1:]:
        command, _, shown = block.partition("\n")
        script = f"[ -f {kept} ] && . {kept}\n{command}\nstatus=$?\nexport -p > {kept}\nexit $status"
        done = subprocess.run(
            ["bash", "-c", script], env=env, cwd=folder, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        for line in shown.strip().splitlines():
            pattern = r"\s+".join(re.escape(word).replace(r"\.\.\.", ".*") for word in line.split())
            assert not pattern or re.search(pattern, done.stdout + done.stderr), (
                f"$ {command}\nlacks: {line}\n{done.stdout}"
            )


@pytest.mark.parametrize("page", [p for p in PAGES if p.exists()], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_fence_of_the_page_runs(page: Path, tmp_path: Path) -> None:
    if NEEDS_SANDBOX in page.read_text() and LACK:
        pytest.skip(LACK)
    fences = find_fences(page)
    env = dict(os.environ, WEFT_HOME=str(tmp_path / "home"), NO_COLOR="1", PYTHONDONTWRITEBYTECODE="1")
    env["WEFT_PORT"] = "0"
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    python = "\n".join(body for lang, body in fences if lang == "python")
    if python:
        done = subprocess.run(
            [sys.executable, "-c", python], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stderr
    try:
        run_fences(page, fences, env, tmp_path)
    finally:
        if (tmp_path / "home" / "network.json").exists():
            subprocess.run([sys.executable, "-m", "weftwork.cli", "down"], env=env, capture_output=True)


def run_fences(page: Path, fences: list[tuple[str, str]], env: dict[str, str], tmp_path: Path) -> None:
    """All fences of a page but the Python ones, in order."""
    for lang, body in fences:
        if lang == "json":
            json.loads(body)
        elif lang == "toml":
            tomllib.loads(body)
        elif lang == "console":
            run_console(body, env, tmp_path)
        else:
            assert lang == "python" or lang in SHOWN, (
                f"{page.name}: a fence in {lang} is neither run nor shown"
            )
