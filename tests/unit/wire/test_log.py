"""Each role's log lines are machine-readable and carry the thread's id; nothing private is in them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from weftwork.wire import log
from weftwork.wire.client import Client
from weftwork.wire.server import App, HttpRequest, serve


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    before, access = structlog.get_config(), log.access
    stream = io.StringIO()
    yield stream
    structlog.configure(**before)
    log.access = access


def make_app() -> App:
    app = App("miner")

    @app.post("/v1/work")
    async def work(request: HttpRequest) -> Any:
        log.bind_thread("0x" + "ab" * 32)
        log.logger("miner").info("answered", tokens=3)
        return {}

    @app.get("/broken")
    async def broken(request: HttpRequest) -> Any:
        raise RuntimeError("disk")

    return app


async def test_every_line_of_a_request_carries_its_thread(lines: io.StringIO) -> None:
    log.configure("json", "info", lines)
    async with await serve(make_app()) as running, Client(local=True) as client:
        await client.post_json(running.url + "/v1/work", {"prompt": "a secret"}, {"authorization": "wk-1"})
        await client.get_json(running.url + "/healthz")
        await client.get_json(running.url + "/broken")
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    answered, request, health, broken, last = found
    assert answered["thread"] == request["thread"] == "0x" + "ab" * 32
    assert (request["role"], request["path"], request["status"]) == ("miner", "/v1/work", 200)
    assert "thread" not in health
    assert (broken["level"], last["status"]) == ("error", 500)
    assert "RuntimeError: disk" in broken["exception"]
    assert "secret" not in lines.getvalue()
    assert "wk-1" not in lines.getvalue()


async def test_warnings_level_writes_no_line_a_request(lines: io.StringIO) -> None:
    log.configure("human", "warning", lines)
    async with await serve(make_app()) as running, Client(local=True) as client:
        await client.get_json(running.url + "/healthz")
        assert lines.getvalue() == ""
        await client.get_json(running.url + "/broken")
    assert "a handler failed" in lines.getvalue()
