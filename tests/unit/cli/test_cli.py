"""The command line: light to load, clear when it fails, the same words in help, docs and JSON."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from harness.process import WEFT, run_weft

from weftwork.cli.main import COMMANDS, app

HEAVY = {
    "web3",
    "eth",
    "eth_abi",
    "eth_account",
    "pydantic",
    "numpy",
    "aiohttp",
    "granian",
    "structlog",
    "rich",
}


def walk_commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it, groups before what is in them."""
    yield words, command
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from walk_commands(command.get_command(None, name), (*words, name))


EVERY = list(walk_commands(typer.main.get_command(app)))


@pytest.fixture
def type_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in an empty home; its status, output and errors."""
    monkeypatch.setenv("WEFT_HOME", str(tmp_path))
    monkeypatch.delenv("WEFT_DEBUG", raising=False)

    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            app([*words])
        shown = capsys.readouterr()
        return int(end.value.code or 0), shown.out, shown.err

    return call


def test_cold_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from weftwork.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(re.findall(r"'([\w]+)'", done.stdout.splitlines()[-1]))
    assert "weftwork" in loaded
    assert not loaded & HEAVY
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize(("words", "command"), EVERY, ids=[" ".join(words) or "weft" for words, _ in EVERY])
def test_every_command_explains_itself(
    words: tuple[str, ...], command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        app([*words, "--help"])
    shown = capsys.readouterr().out
    assert end.value.code == 0
    assert shown.startswith("Usage: ")
    assert "\x1b" not in shown
    if not hasattr(command, "list_commands"):
        assert "--json" in shown


def test_no_command_prints_help_and_an_unknown_one_says_so(tmp_path: Path) -> None:
    done = run_weft(tmp_path, check=False)
    assert "Usage" in done.stdout + done.stderr
    done = run_weft(tmp_path, "weave", check=False)
    assert done.returncode == 2
    assert "weave" in done.stderr


def test_version_is_the_package_s(tmp_path: Path) -> None:
    from weftwork import __version__

    assert run_weft(tmp_path, "--version").stdout.strip() == f"weft {__version__}"


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("status",), 1, "not_found"),
        (("down",), 1, "not_found"),
        (("leave",), 1, "not_found"),
        (("leave", "--to", "my friend"), 2, "input"),
        (("epoch",), 1, "not_found"),
        (("trace", "0x12345678"), 1, "not_found"),
        (("verify", "0x12345678"), 1, "not_found"),
        (("verify", "no-such-file.json"), 2, "input"),
        (("ask", "swap", "5", "ETH"), 1, "not_found"),
        (("ask", "--models"), 1, "not_found"),
        (("join", "miner"), 1, "not_found"),
        (("join", "miner", "--ledger", "127.0.0.1:1"), 2, "input.config"),
        (("join", "miner", "--ledger", "http://127.0.0.1:9", "--engine", "echo"), 1, "ledger.unavailable"),
        (("join", "validator", "--ledger", "http://127.0.0.1:9", "--trial", "render"), 2, "input.config"),
        (("join", "validator", "--ledger", "http://127.0.0.1:9", "--trial", "luck"), 2, "input.config"),
        (("up", "--roles", "king"), 2, "input.config"),
        (("up", "--roles", "gateway"), 2, "input.config"),
        (("up", "--port", "70000"), 2, "input.config"),
        (("up", "--log", "loud"), 2, "input.config"),
        (("up", "--host", "0.0.0.0"), 2, "input.config"),
        (("up", "--tempo", "5"), 2, "input.config"),
        (("up", "--endpoint", "gpu.example"), 2, "input.config"),
        (("up", "--ledger", "http://127.0.0.1:9", "--found"), 2, "input.config"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_failure_is_a_code_a_sentence_and_a_hint(
    words: tuple[str, ...], status: int, code: str, type_in: Callable[..., tuple[int, str, str]]
) -> None:
    ended, out, err = type_in(*words, "--json")
    error = json.loads(out)["error"]
    assert (ended, error["code"], err) == (status, code, "")
    ended, out, err = type_in(*words)
    assert (ended, out) == (status, "")
    assert err.splitlines()[0] == f"error {code}: {error['message']}"
    if code == "input.config":
        assert error["hint"]
    if error.get("hint"):
        assert err.splitlines()[1] == f"hint: {error['hint']}"
    assert "Traceback" not in err


def test_debug_shows_where_an_error_came_from(tmp_path: Path) -> None:
    done = subprocess.run(
        [*WEFT, "--debug", "status"],
        env={**os.environ, "WEFT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" in done.stderr


def test_schema_of_intents_is_printed_without_a_network(tmp_path: Path) -> None:
    schema = json.loads(run_weft(tmp_path, "ask", "--schema").stdout)
    assert "swap" in json.dumps(schema)


def test_damaged_home_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "network.json").write_text("{")
    done = run_weft(tmp_path, "status", "--json", check=False)
    assert json.loads(done.stdout)["error"]["code"] == "input.config"
    assert (tmp_path / "network.json").read_text() == "{"


def test_stopped_network_is_told_from_none(tmp_path: Path) -> None:
    facts = {"gateway": "http://127.0.0.1:9", "api_key": "wk-x", "pid": os.getpid(), "roles": {}}
    (tmp_path / "network.json").write_text(json.dumps(facts))
    (tmp_path / "lock").write_text(str(os.getpid()))
    error = json.loads(run_weft(tmp_path, "ask", "hi", "--json", check=False).stdout)["error"]
    assert (error["code"], error["hint"]) == ("unavailable", "weft up")
    assert json.loads(run_weft(tmp_path, "status", "--json").stdout)["running"] is False
    assert json.loads(run_weft(tmp_path, "down", "--json").stdout)["stopped"] is False


def test_files_of_a_home_are_its_owner_s_alone(tmp_path: Path) -> None:
    from weftwork.network.home import Home

    home = Home.open(tmp_path / "home", create=True)
    home.save(api_key="wk-secret")
    home.save(api_key="wk-secret2")
    home.account("miner-1")
    for path in (home.path, home.file, home.path / "keys" / "miner-1.key"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
