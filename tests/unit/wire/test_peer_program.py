"""Programs that nobody here wrote talk to the server: the official OpenAI client, and curl."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from weftwork.errors import NotFound, WeftError
from weftwork.wire.server import App, EventStream, HttpRequest, Limits, serve
from weftwork.wire.sse import DONE, format_event

WORDS = ["swap", " 250", " USDC"]


def make_gateway() -> App:
    def render(error: WeftError) -> tuple[int, Any]:
        return error.status, {"error": {"message": error.sentence, "type": error.code, "code": error.code}}

    app = App("gateway", render=render, limits=Limits(body_bytes=4_000_000))

    @app.post("/v1/chat/completions")
    async def chat(request: HttpRequest) -> Any:
        asked = request.object()
        if asked["model"] != "echo":
            raise NotFound(f"no model {asked['model']}")
        base = {"id": "c", "created": 1, "model": "echo"}

        async def chunks() -> AsyncIterator[bytes]:
            for word in WORDS:
                choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
                yield format_event({**base, "object": "chat.completion.chunk", "choices": [choice]})
                await asyncio.sleep(0)
            yield DONE

        if asked.get("stream"):
            return EventStream(chunks(), {"x-weft-thread": "0x01"})
        message = {"role": "assistant", "content": str(len(request.body))}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {**base, "object": "chat.completion", "choices": [choice]}

    return app


async def test_openai_client_works_streaming_and_not() -> None:
    openai = pytest.importorskip("openai")
    messages = [{"role": "user", "content": "hi " * 1000}]
    async with await serve(make_gateway()) as running:
        async with openai.AsyncOpenAI(base_url=running.url + "/v1", api_key="wk-1", max_retries=0) as client:
            whole = await client.chat.completions.create(model="echo", messages=messages)
            assert int(whole.choices[0].message.content) > 3000
            stream = await client.chat.completions.create(model="echo", messages=messages, stream=True)
            assert [chunk.choices[0].delta.content async for chunk in stream] == WORDS
            with pytest.raises(openai.NotFoundError, match="no model other"):
                await client.chat.completions.create(model="other", messages=messages)
        assert not running._connections or not running.app.running


async def curl(*arguments: str, data: bytes | None = None) -> tuple[str, bytes]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "-m", "20", "-w", "%{stderr}%{http_code}", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(data)
    return err.decode(), out


async def test_curl_posts_streams_and_reads_its_refusals(tmp_path: Path) -> None:
    ask = json.dumps({"model": "echo", "pad": "x" * 2_000_000}).encode()
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(100_000_000)
    async with await serve(make_gateway()) as running:
        url = running.url + "/v1/chat/completions"
        code, out = await curl(url, "--data-binary", "@-", data=ask)
        assert (code, json.loads(out)["choices"][0]["message"]["content"]) == ("200", str(len(ask)))
        code, out = await curl(url, "-H", "Transfer-Encoding: chunked", "--data-binary", "@-", data=ask)
        assert code == "200"
        code, out = await curl("-N", url, "-d", '{"model": "echo", "stream": true}')
        assert (code, out.count(b"data: ")) == ("200", 4)
        code, out = await curl(url, "-T", str(big), "-X", "POST")
        assert (code, json.loads(out)["error"]["code"]) == ("413", "refused.size")
        code, out = await curl(url, "-T", str(big), "-X", "POST", "-H", "Expect:")
        assert (code, json.loads(out)["error"]["code"]) == ("413", "refused.size")
        code, out = await curl("--http2", running.url + "/healthz", running.url + "/healthz", "-I")
        assert code == "200200"


PROGRAM = """
import asyncio, sys
from weftwork.wire.server import App, run

app = App("miner")

@app.get("/wait")
async def wait(request):
    print("waiting", flush=True)
    await asyncio.sleep(0.2)
    return {"waited": True}

app.on_stop(lambda: print("stopped", flush=True))
run(lambda: app, ready=lambda running: print(running.url, flush=True))
"""


async def test_role_as_a_process_ends_what_runs_when_it_is_told_to_stop() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, stdout=asyncio.subprocess.PIPE, env={**os.environ}
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    call = asyncio.create_task(curl(url + "/wait"))
    assert await process.stdout.readline() == b"waiting\n"
    process.send_signal(signal.SIGTERM)
    code, out = await call
    assert (code, json.loads(out)) == ("200", {"waited": True})
    assert await process.stdout.read() == b"stopped\n"
    assert await process.wait() == 0
