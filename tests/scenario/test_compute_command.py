"""Machines are rented by commands: a file becomes an address that answers, also after kill -9."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.bubble import needs_sandbox
from harness.process import ROOT, Weft, run_weft

HELLO = ROOT / "examples" / "compute" / "hello.yaml"


@pytest.fixture
def started() -> Iterator[list[Weft]]:
    made: list[Weft] = []
    yield made
    for one in made:
        one.kill()


@needs_sandbox
def test_a_file_becomes_an_address_that_answers_whatever_is_killed(
    tmp_path: Path, started: list[Weft]
) -> None:
    up = Weft(tmp_path, "up", "--port", "0", "--roles", "ledger,provider")
    started.append(up)
    up.ready()
    shown = run_weft(tmp_path, "compute", "quote", str(HELLO)).stdout
    assert "provider-1" in shown
    assert "next: weft compute deploy" in shown
    out = run_weft(tmp_path, "compute", "deploy", str(HELLO), "--deposit", "3").stdout
    steps = [
        "deployment 1, deposit 3 WEFT",
        "bid of agent",
        "leased to agent",
        "manifest taken",
        "next: curl",
    ]
    assert [step for step in steps if step not in out] == []
    url = out.splitlines()[-1].removeprefix("next: curl ")
    assert _get(url) == 200

    up.kill()
    assert _get(url) == 200, "a service outlives its provider's process"
    again = Weft(tmp_path, "up", "--port", "0", "--roles", "ledger,provider")
    started.append(again)
    again.ready()
    (deployment,) = json.loads(run_weft(tmp_path, "compute", "leases", "--json").stdout)["deployments"]
    (lease,) = deployment["leases"]
    assert (lease["state"], lease["run"], lease["urls"]) == ("leased", "running", [url])
    lines = run_weft(tmp_path, "compute", "logs", "1", "--json").stdout.splitlines()
    assert any("GET / HTTP" in json.loads(line)["text"] for line in lines)
    assert "provider" in run_weft(tmp_path, "compute", "why", "1/1/1").stdout

    closed = json.loads(run_weft(tmp_path, "compute", "close", "1", "--rate", "90", "--json").stdout)
    assert 29 * 10**17 < int(closed["returned"]) < 3 * 10**18
    assert run_weft(tmp_path, "compute", "leases").stdout.startswith("nothing is rented")
    assert run_weft(tmp_path, "compute", "logs", "1/1/1").stdout, "logs stay"
    _fail_clearly(tmp_path)
    assert json.loads(run_weft(tmp_path, "down", "--json").stdout)["stopped"] is True
    away = run_weft(tmp_path, "compute", "leases", "--json", check=False)
    assert json.loads(away.stdout)["error"]["hint"] == "weft up"


def _fail_clearly(home: Path) -> None:
    """Files and words that cannot be used end with a code, a sentence and a hint; nothing is deployed."""
    big, bomb = home / "big.yaml", home / "bomb.yaml"
    big.write_bytes(b"# " + b"x" * (10 << 20))
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30))
    bomb.write_text(f"l0: &l0 [x]\n{levels}\n")
    dear = home / "dear.yaml"
    dear.write_text(HELLO.read_text().replace("amount: 100", "amount: 0.000001"))
    image = home / "image.yaml"
    image.write_text(HELLO.read_text().replace("image: python:3", "image: nginx:1.27"))
    for words, code in (
        (("deploy", str(big)), "input.sdl.size"),
        (("deploy", str(bomb)), "input.sdl"),
        (("quote", str(home / "none.yaml")), "not_found.sdl"),
        (("deploy", str(dear)), "refused.no_bid"),
        (("deploy", str(HELLO), "--policy", "luck"), "input.config"),
        (("deploy", str(HELLO), "--deposit", "5000"), "ledger"),
        (("deploy", str(image)), "refused"),
        (("logs", "9/1/1"), "input"),
        (("close", "x"), "input"),
    ):
        done = run_weft(home, "compute", *words, "--json", check=False)
        error = json.loads(done.stdout)["error"]
        assert error["code"].startswith(code), (words, error)
        assert error["hint"], words
        assert done.returncode in (1, 2)
    assert run_weft(home, "compute", "leases").stdout.startswith("nothing is rented")


def _get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as reply:
        return int(reply.status)
