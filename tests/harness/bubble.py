"""Whether this host makes sandboxes: bubblewrap may be missing, or the kernel may forbid its namespaces."""

from __future__ import annotations

import shutil
import subprocess

import pytest


def find_lack() -> str:
    """Why there is no sandbox here; empty where one was made."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    look = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    done = subprocess.run(look, capture_output=True, text=True, timeout=30, check=False)
    return f"bubblewrap makes no sandbox here: {done.stderr.strip()[:200]}" if done.returncode else ""


LACK = find_lack()
needs_sandbox = pytest.mark.skipif(bool(LACK), reason=LACK)
