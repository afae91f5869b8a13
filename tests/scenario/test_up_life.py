"""`weft up` on one machine: starts once, leaves nothing behind however it ends, goes on where it was."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.process import WEFT, Weft, children_of, is_alive, run_weft, wait_until

from weftwork.ledger.serve import free_port

ASKED = ("swap", "250", "USDC", "for", "ETH")
ENGINE = ("--engine", "echo:weft-intent")
ECHO = (*ENGINE, *ENGINE, "--roles", "ledger,miner,gateway", "--port", "0")


@pytest.fixture
def started() -> Iterator[list[Weft]]:
    """What a test starts; it ends with the test."""
    found: list[Weft] = []
    yield found
    for one in found:
        one.close()


def post(url: str, body: object, **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of a POST of JSON, or of what the headers say."""
    sent = {"content-type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    request = urllib.request.Request(url, json.dumps(body).encode(), sent)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, dict(reply.headers.items()), reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers.items()), error.read().decode()


def rpc(method: str, *params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}


def test_network_goes_on_where_it_was_after_any_end(tmp_path: Path, started: list[Weft]) -> None:
    first = Weft(tmp_path, "up", "--port", "0", "--log", "info")
    started.append(first)
    told = first.ready()
    answer = json.loads(run_weft(tmp_path, "ask", *ASKED, "--json").stdout)
    assert answer["intent"] == {"intent": "swap", "amount": "250", "sell": "USDC", "buy": "ETH"}
    below = children_of(first.process.pid)
    assert len(below) == 3, "the ledger and two models"

    refused = run_weft(tmp_path, "up", "--json", check=False)
    assert json.loads(refused.stdout)["error"]["code"] == "refused"
    for url in told["roles"].values():
        if "/rpc" not in url:
            with urllib.request.urlopen(url + "/metrics", timeout=30) as reply:
                assert b"weft_http_request_seconds" in reply.read()
    lines = [json.loads(line) for line in first.log.splitlines() if line.startswith("{")]
    assert {"gateway", "miner-1"} <= {line["role"] for line in lines} | {"miner-1"}
    assert any(line.get("thread") == answer["thread"] for line in lines)
    shown = run_weft(tmp_path, "status").stdout
    assert str(first.process.pid) in shown

    first.kill()
    wait_until("nothing is left", lambda: not any(is_alive(pid) for pid in below))
    assert json.loads(run_weft(tmp_path, "status", "--json").stdout)["running"] is False

    again = Weft(tmp_path, "up", "--port", "0")
    started.append(again)
    kept = again.ready()
    assert kept["contracts"] == told["contracts"]
    assert kept["api_key"] == told["api_key"]
    places = {name: url for name, url in told["roles"].items() if name not in ("ledger", "gateway-1")}
    assert {name: kept["roles"][name] for name in places} == places
    assert json.loads(run_weft(tmp_path, "ask", *ASKED, "--json").stdout)["answer"] == answer["answer"]
    assert json.loads(run_weft(tmp_path, "verify", answer["thread"], "--json").stdout)["verified"] is True
    network = json.loads(run_weft(tmp_path, "status", "--json").stdout)["network"]
    assert [row["role"] for row in network["neurons"]].count("miner") == 2, "nobody enrolled twice"

    below = children_of(again.process.pid)
    assert json.loads(run_weft(tmp_path, "down", "--json").stdout)["stopped"] is True
    assert again.end() == 0
    assert not any(is_alive(pid) for pid in below)


@pytest.mark.parametrize("moment", ["at once", "with its first child", "with all children"])
def test_interrupt_while_starting_leaves_nothing(moment: str, tmp_path: Path, started: list[Weft]) -> None:
    one = Weft(tmp_path, "up", "--port", "0")
    started.append(one)
    pid = one.process.pid
    wait_until("it has begun", (tmp_path / "lock").exists)
    least = {"at once": 0, "with its first child": 1, "with all children": 3}[moment]
    below = wait_until("children are there", lambda: [0, *c] if len(c := children_of(pid)) >= least else None)
    one.process.send_signal(signal.SIGINT)
    one.process.wait(60)
    wait_until("nothing is left", lambda: not any(is_alive(child) for child in below if child))
    assert "Traceback" not in one.log
    retry = Weft(tmp_path, "up", *ECHO)
    started.append(retry)
    assert retry.ready()["gateway"], "what was left half done is finished"
    assert retry.end(signal.SIGINT) == 0


def test_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        error = json.loads(run_weft(tmp_path, "up", "--port", port, "--json", check=False).stdout)["error"]
    assert error["code"] == "input.config"
    assert port in error["message"]
    assert "--port" in error["hint"]
    assert not (tmp_path / "ledger").exists()


def test_page_of_a_stranger_reaches_neither_ledger_nor_gateway(tmp_path: Path, started: list[Weft]) -> None:
    one = Weft(tmp_path, "up", *ECHO, "--allow-origin", "https://wallet.example")
    started.append(one)
    told = one.ready()
    url = told["gateway"] + "/rpc"
    chain = rpc("eth_chainId")
    assert json.loads(post(url, chain)[2])["result"] == "0x7a69"
    for origin in ("https://evil.example", "null", "http://localhost:3000"):
        status, headers, _ = post(url, chain, origin=origin)
        assert status == 403
        assert "access-control-allow-origin" not in {name.lower() for name in headers}
        assert post(told["ledger"], chain, origin=origin)[0] == 403
    assert post(url, chain, content_type="text/plain")[0] == 400, "what a page may send without asking"
    assert post(url, chain, host="evil.example")[0] == 421
    status, headers, _ = post(url, chain, origin="https://wallet.example")
    assert (status, headers["access-control-allow-origin"]) == (200, "https://wallet.example")
    told_ = json.loads(post(url, rpc("evm_snapshot"))[2])
    assert "development" in told_["error"]["message"], "time travel is for --dev"
    assert json.loads(post(url, rpc("eth_accounts"))[2])["result"] == []
    assert post(told["gateway"] + "/v1/chat/completions", {})[0] == 401


def test_words_come_as_they_are_said_on_a_terminal(tmp_path: Path, started: list[Weft]) -> None:
    one = Weft(tmp_path, "up", *ECHO)
    started.append(one)
    one.ready()
    master, slave = pty.openpty()
    env = {**os.environ, "WEFT_HOME": str(tmp_path), "NO_COLOR": "1"}
    asking = subprocess.Popen(
        [*WEFT, "ask", "the", "quick", "brown", "fox"], env=env, stdout=slave, stderr=subprocess.PIPE
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:
            break
        shown += part
        if not part:
            break
    os.close(master)
    assert asking.stderr is not None
    with asking.stderr:
        assert (asking.wait(60), asking.stderr.read()) == (0, b"")
    assert b"the quick brown fox" in shown
    assert b"next: weft trace 0x" in shown
    error = json.loads(run_weft(tmp_path, "ask", "--best", "1", "hi", "--json", check=False).stdout)["error"]
    assert error["code"] == "input"
    best = json.loads(run_weft(tmp_path, "ask", "--best", "2", "hello", "--json").stdout)
    assert best["answer"] == "hello"
    assert json.loads(run_weft(tmp_path, "ask", "--models", "--json").stdout)[0]["id"] == "weft-intent"
    error = json.loads(run_weft(tmp_path, "ask", "-m", "gpt-99", "hi", "--json", check=False).stdout)["error"]
    assert error["code"] == "refused"
    assert "gpt-99" in error["message"]
    error = json.loads(run_weft(tmp_path, "trace", "0x1234567890", "--json", check=False).stdout)["error"]
    assert error["code"] == "not_found"
    one.kill()
    error = json.loads(run_weft(tmp_path, "ask", "hi", "--json", check=False).stdout)["error"]
    assert error["code"] == "unavailable"


def test_ollama_on_its_usual_port_is_offered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    from weftwork.cli.up import _offer_ollama
    from weftwork.models.engine import compatible

    class Ollama(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"models":[{"name":"llama3:8b"}]}')

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", free_port("127.0.0.1", 0)), Ollama)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setattr(compatible, "OLLAMA", f"http://127.0.0.1:{server.server_port}")
        _offer_ollama()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert capsys.readouterr().out == "ollama has llama3:8b: weft join miner --engine ollama:llama3:8b\n"
    _offer_ollama()
    assert capsys.readouterr().out == "", "nobody there, nothing said"
