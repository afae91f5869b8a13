"""The served ledger answers wallets and programs, and refuses what a hostile page or client sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from weftwork import ledger
from weftwork.errors import BadConfig
from weftwork.ledger.serve import RpcApp, free_port

JSON = "application/json"
PAGE = "https://wallet.example"


@pytest.fixture(scope="module")
def app() -> Iterator[RpcApp]:
    """An app over a ledger without development methods, which one web page may call."""
    with ledger.connect("embedded:") as chain:
        one = RpcApp(chain, origins=[PAGE], max_body=10_000, body_seconds=0.05)
        yield one
        one.close()


def ask(
    app: RpcApp, body: Any, *, method: str = "POST", path: str = "/rpc", **headers: str
) -> tuple[int, dict, Any]:
    """Status, headers and decoded body of one request; ``body`` may be bytes, JSON, or a list of messages."""
    given = {"host": "127.0.0.1:8642", "content_type": JSON, **headers}
    wire = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items() if value]
    scope = {"type": "http", "method": method, "path": path, "headers": wire}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    messages = [
        {"type": "http.request", "body": raw[i : i + 4096], "more_body": True}
        for i in range(0, len(raw), 4096)
    ]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        if "x_stall" in headers:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    answer = sent[1]["body"]
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, json.loads(answer) if answer else None


def request(method: str, *params: Any, key: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": key, "method": method, "params": list(params)}


def test_program_without_an_origin_is_answered(app: RpcApp) -> None:
    status, headers, answer = ask(app, request("eth_chainId"))
    assert (status, headers["content-type"]) == (200, JSON)
    assert answer == {"jsonrpc": "2.0", "id": 1, "result": "0x7a69"}
    assert "access-control-allow-origin" not in headers


def test_batch_is_answered_and_notifications_are_not(app: RpcApp) -> None:
    note = {"jsonrpc": "2.0", "method": "eth_chainId"}
    _, _, answers = ask(app, [request("eth_blockNumber", key="a"), note, request("eth_wrong", key="b"), 7])
    assert [answer["id"] for answer in answers] == ["a", "b", None]
    assert [answer.get("error", {}).get("code") for answer in answers] == [None, -32601, -32600]
    assert ask(app, note)[0] == 204


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"not json", -32700),
        (b"", -32700),
        (b"[]", -32600),
        (b"{}", -32600),
        (b"[" * 9000, -32700),
        ([1] * 1001, -32600),
    ],
)
def test_malformed_json_rpc_gets_its_code(app: RpcApp, body: Any, code: int) -> None:
    status, _, answer = ask(app, body)
    assert status == 200
    assert answer["error"]["code"] == code


def test_wrong_types_are_invalid_params_and_the_app_lives(app: RpcApp) -> None:
    for params in ({"a": 1}, [None], [{}], [[]], [1e400], ["0x" + "f" * 5000], [True, True]):
        answer = ask(app, {"jsonrpc": "2.0", "id": 1, "method": "eth_getBalance", "params": params})[2]
        assert answer["error"]["code"] == -32602
    assert ask(app, request("eth_chainId"))[2]["result"] == "0x7a69"


def test_development_methods_do_not_exist_outside_development(app: RpcApp) -> None:
    for method in ("evm_mine", "evm_snapshot", "evm_increaseTime", "evm_revert", "evm_setNextBlockTimestamp"):
        error = ask(app, request(method, "0x1"))[2]["error"]
        assert error["code"] == -32601
        assert "development" in error["message"]


def test_no_account_is_unlocked(app: RpcApp) -> None:
    assert ask(app, request("eth_accounts"))[2]["result"] == []
    for method in ("eth_sendTransaction", "personal_unlockAccount", "eth_sign", "debug_traceTransaction"):
        assert ask(app, request(method, {}))[2]["error"]["code"] == -32601


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8642", "", "localhost.:1"])
def test_rebound_host_name_is_refused(app: RpcApp, host: str) -> None:
    assert ask(app, request("eth_chainId"), host=host)[0] == 421


@pytest.mark.parametrize("host", ["localhost:8642", "LOCALHOST", "127.0.0.1", "[::1]:8642", "[::1]"])
def test_local_host_names_are_served(app: RpcApp, host: str) -> None:
    assert ask(app, request("eth_chainId"), host=host)[0] == 200


def test_web_page_posting_to_loopback_is_refused_before_anything_runs(app: RpcApp) -> None:
    for origin in ("https://evil.example", "null", "http://localhost:3000"):
        status, headers, _ = ask(app, request("eth_chainId"), origin=origin)
        assert status == 403
        assert "access-control-allow-origin" not in headers
        assert ask(app, b"", method="OPTIONS", origin=origin)[0] == 403


def test_listed_page_is_allowed_with_its_preflight(app: RpcApp) -> None:
    status, headers, _ = ask(app, b"", method="OPTIONS", origin=PAGE)
    assert status == 204
    assert headers["access-control-allow-origin"] == PAGE
    assert headers["access-control-allow-methods"] == "POST"
    status, headers, answer = ask(app, request("eth_chainId"), origin=PAGE)
    assert (status, headers["access-control-allow-origin"], headers["vary"]) == (200, PAGE, "origin")
    assert answer["result"] == "0x7a69"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_form_content_types_are_refused(app: RpcApp, kind: str) -> None:
    assert ask(app, request("eth_chainId"), content_type=kind)[0] == 415


def test_content_type_may_name_its_charset(app: RpcApp) -> None:
    assert ask(app, request("eth_chainId"), content_type="application/json; charset=utf-8")[0] == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(app: RpcApp, method: str) -> None:
    status, headers, _ = ask(app, b"", method=method)
    assert status == 405
    assert "POST" in headers["allow"]


def test_large_bodies_are_refused_whether_announced_or_not(app: RpcApp) -> None:
    assert ask(app, b"x" * 20_000)[0] == 413
    assert ask(app, b"{}", content_length="20000")[0] == 413
    assert ask(app, b"{}", content_length="-5")[0] == 413


def test_body_that_never_comes_is_given_up(app: RpcApp) -> None:
    assert ask(app, b"{}", x_stall="1")[0] == 408


def test_other_paths_are_not_found(app: RpcApp) -> None:
    assert ask(app, request("eth_chainId"), path="/admin")[0] == 404


def test_remote_ledger_cannot_be_served_again() -> None:
    from weftwork.ledger.client import Ledger
    from weftwork.ledger.remote import Remote

    with pytest.raises(BadConfig, match="only an embedded ledger"):
        RpcApp(Ledger(Remote("http://127.0.0.1:1", 1)))


def test_taken_port_is_told_before_anything_is_opened() -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(BadConfig, match="taken"):
            free_port("127.0.0.1", listener.getsockname()[1])
