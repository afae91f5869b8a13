"""``weft up --detach``: the same command in a process of its own; returns once that says it is ready."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def start_detached(as_json: bool, timeout: float = 180.0) -> None:
    """Run this command again without ``--detach``, in its own session, and show what came up.

    Raises :class:`Unavailable` with the process's own words where it does not.
    """
    from weftwork.cli.screen import print_json, print_next, progress
    from weftwork.network.home import Home

    home = Home.open(create=True)
    words = [word for word in sys.argv[1:] if word not in ("-d", "--detach", "--json")]
    with progress("starting"), (home.path / "up.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "weftwork.cli", *words, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        facts = _read_ready(process, timeout, str(home.path / "up.log"))
    if as_json:
        print_json(facts)
        return
    for name, url in facts["roles"].items():
        print(f"{name:<12} {url}")
    for name in facts.get("coming") or ():
        print(f"{name:<12} follows")
    if facts.get("gateway"):
        print(f"\nexport OPENAI_BASE_URL={facts['gateway']}/v1 OPENAI_API_KEY={facts['api_key']}")
    print_next('weft ask "swap 250 USDC for ETH"   (weft down stops it)')


def _read_ready(process: subprocess.Popen[str], timeout: float, log: str) -> dict[str, Any]:
    import select

    from weftwork.errors import Unavailable

    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], timeout)
    line = process.stdout.readline() if ready else ""
    try:
        facts = json.loads(line)
    except ValueError:
        facts = {}
    if facts.get("ready"):
        return dict(facts)
    process.kill()
    told = line + process.stdout.read()
    try:
        error = json.loads(told)["error"]
        raise Unavailable(error["message"], hint=error.get("hint") or f"see {log}")
    except (ValueError, KeyError, TypeError):
        raise Unavailable(f"weft up failed: {told.strip()[-300:]}", hint=f"see {log}") from None
