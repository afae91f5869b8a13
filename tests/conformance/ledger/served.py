"""A ledger in a process of its own, as ``weft up`` runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


class Served:
    """A ledger in a process of its own."""

    def __init__(self, path: Path, *flags: str) -> None:
        command = [sys.executable, "-m", "weftwork.ledger.serve", "--path", str(path), "--port", "0", *flags]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ | {"LC_ALL": "C"}
        )
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline())
        self.url: str = self.ready.get("url", "")

    def stop(self) -> int:
        """End it as ``weft down`` does; returns its exit status."""
        if self.url:
            self.process.terminate()
        status = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status
