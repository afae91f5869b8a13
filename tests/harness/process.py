"""Processes as people start them: ``weft`` with its words, and anvil from npm; all end with the test."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from weftwork import ledger
from weftwork.errors import LedgerUnavailable
from weftwork.ledger import Ledger
from weftwork.ledger.serve import free_port

ROOT = Path(__file__).parents[2]
WEFT = [sys.executable, "-c", "import sys; sys.argv[0] = 'weft'; from weftwork.cli.main import run; run()"]
_OURS = ("WEFT_", "COV_")
WAIT = 240.0


def run_weft(home: Path, *words: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
    """A command that ends."""
    done = subprocess.run(
        [*WEFT, *words], env=_env(home, **env), capture_output=True, text=True, timeout=WAIT, check=False
    )
    assert not check or done.returncode == 0, f"weft {' '.join(words)}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done


def _env(home: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_OURS) or k == "WEFT_BLENDER_PYTHON"}
    return {**kept, "WEFT_HOME": str(home), "NO_COLOR": "1", **more}


class Weft:
    """A ``weft`` command that stays up."""

    def __init__(self, home: Path, *words: str) -> None:
        self.words = words
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [*WEFT, *words, "--json"],
            env=_env(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        self.told: dict[str, Any] = {}

    def ready(self) -> dict[str, Any]:
        """What it prints when all of it is up."""
        if not self.told:
            assert self.process.stdout is not None
            text = ""
            for line in self.process.stdout:
                text += line
                if line.startswith('{"ready"'):
                    self.told = json.loads(line)
                    return self.told
            pytest.fail(f"weft {' '.join(self.words)} ended:\n{text}{self.log}")
        return self.told

    @property
    def log(self) -> str:
        """What it wrote to standard error."""
        self._log.seek(0)
        return self._log.read()

    def url(self, role: str) -> str:
        """Where one of its roles serves."""
        return str(self.ready()["roles"][role])

    def kill(self) -> None:
        """End it without a moment's notice."""
        self.process.kill()
        self.process.wait()
        self.close()

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it as Ctrl-C or ``weft down`` does; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(WAIT)
        self.close()
        return status

    def close(self) -> None:
        """Let go of it, killed if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()


def children_of(pid: int) -> list[int]:
    """Process ids of all that descend from ``pid``."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found += [int(stat.parent.name), *children_of(int(stat.parent.name))]
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs (one that is only waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(what: str, check: Callable[[], Any], *, pause: float = 0.1, limit: float = WAIT) -> Any:
    """What ``check`` returns once that is true; the test fails where it never is."""
    end = time.monotonic() + limit
    while not (found := check()):
        if time.monotonic() > end:
            pytest.fail(f"waited in vain until {what}")
        time.sleep(pause)
    return found


def skip_for_npm(what: str) -> NoReturn:
    """Skip with a reason that says how to get a peer that npm has."""
    have = "npm is there" if shutil.which("npm") else "npm is missing"
    pytest.skip(f"{what} is not installed ({have}): run npm i --no-package-lock in the repository's root")


def find_anvil() -> Path:
    """The anvil of this platform's npm package; skips with a reason where it is missing."""
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system(), "none")
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(
        platform.machine()
    )
    binary = ROOT / f"node_modules/@foundry-rs/anvil-{system}-{machine}/bin/anvil"
    if not binary.is_file():
        skip_for_npm("anvil")
    return binary


def start_anvil(*flags: str) -> tuple[subprocess.Popen[bytes], Ledger, str]:
    """An anvil of its own that mines each transaction at once, with further ``flags``; skips with a reason
    where it is missing."""
    binary = find_anvil()
    port = free_port("127.0.0.1", 0)
    flags = ("--hardfork", "cancun", "--chain-id", "31337", "--accounts", "0", "--port", str(port), *flags)
    process = subprocess.Popen([str(binary), *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def connect() -> Ledger | None:
        try:
            return ledger.connect(url, timeout=30)
        except LedgerUnavailable:
            assert process.poll() is None, "anvil ended at once"
            return None

    return process, wait_until("anvil answers", connect), url
