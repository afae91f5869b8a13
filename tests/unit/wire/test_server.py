"""The server as strangers meet it: real sockets on loopback, and what it grants to each of them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import uvloop

from weftwork.errors import NotFound, Unpaid
from weftwork.wire.server import App, EventStream, HttpRequest, HttpResponse, Limits, Running, serve


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> Any:
    return asyncio.DefaultEventLoopPolicy() if request.param == "asyncio" else uvloop.EventLoopPolicy()


class Witness:
    """What handlers saw."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.release = asyncio.Event()
        self.bodies: list[bytes] = []


def make_app(witness: Witness, **settings: Any) -> App:
    app = App("miner", **settings)

    @app.post("/echo")
    async def echo(request: HttpRequest) -> Any:
        witness.bodies.append(request.body)
        return request.object()

    @app.post("/raw")
    async def raw(request: HttpRequest) -> Any:
        return HttpResponse(request.body)

    @app.get("/channel/{payer}")
    async def channel(request: HttpRequest) -> Any:
        return {"payer": request.params["payer"], "args": request.args}

    @app.get("/files/{path*}")
    async def files(request: HttpRequest) -> Any:
        return 201, {"path": request.params["path"]}

    @app.get("/unpaid")
    async def unpaid(request: HttpRequest) -> Any:
        raise Unpaid("7 are due", value=7)

    @app.get("/broken")
    async def broken(request: HttpRequest) -> Any:
        raise RuntimeError("the secret of the miner")

    @app.get("/injected")
    async def injected(request: HttpRequest) -> Any:
        return HttpResponse(b"", headers={"x-a": "b\r\nset-cookie: evil"})

    @app.get("/wait")
    async def wait(request: HttpRequest) -> Any:
        witness.begun.set()
        try:
            await witness.release.wait()
        except asyncio.CancelledError:
            witness.cancelled.set()
            raise
        return {"waited": True}

    @app.get("/count/{n}")
    async def count(request: HttpRequest) -> Any:
        async def events() -> AsyncIterator[Any]:
            for number in range(int(request.params["n"])):
                yield {"n": number}

        return EventStream(events(), headers={"x-weft-thread": "0xabc"})

    @app.get("/fails/{n}")
    async def fails(request: HttpRequest) -> Any:
        async def events() -> AsyncIterator[Any]:
            for number in range(int(request.params["n"])):
                yield {"n": number}
            raise NotFound("the miner died")

        return events()

    @app.get("/endless")
    async def endless(request: HttpRequest) -> Any:
        async def events() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"data: " + b"x" * 65_536 + b"\n\n"
                    witness.begun.set()
            finally:
                witness.cancelled.set()

        return EventStream(events())

    return app


async def talk(running: Running, data: bytes) -> bytes:
    """All that the server answers to ``data`` on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(data)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


def get(path: str, *headers: str, method: str = "GET", close: bool = True) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode()


def post(path: str, body: bytes, *headers: str, close: bool = True) -> bytes:
    return get(path, f"Content-Length: {len(body)}", *headers, method="POST", close=close) + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


async def test_client_gets_its_json_back() -> None:
    async with await serve(make_app(Witness())) as running:
        answer = await talk(running, post("/echo", b'{"a": [1, 2, {"b": null}]}'))
    assert status(answer) == 200
    assert body(answer) == {"a": [1, 2, {"b": None}]}
    assert b"content-type: application/json\r\n" in answer


async def test_path_parts_and_query_reach_the_handler() -> None:
    async with await serve(make_app(Witness())) as running:
        one = await talk(running, get("/channel/0xAB%20c?x=1&y=%26"))
        two = await talk(running, get("/files/a/b/c"))
        absolute = await talk(running, get("http://127.0.0.1/channel/z"))
    assert body(one) == {"payer": "0xAB c", "args": {"x": "1", "y": "&"}}
    assert (status(two), body(two)) == (201, {"path": "a/b/c"})
    assert body(absolute)["payer"] == "z"


@pytest.mark.parametrize(
    ("data", "code", "error"),
    [
        (get("/nowhere"), 404, "not_found"),
        (get("/echo"), 405, "refused.method"),
        (get("/unpaid"), 402, "refused.unpaid"),
        (post("/echo", b"{"), 400, "input.json"),
        (post("/echo", b"[1]"), 400, "input.json"),
        (post("/echo", b""), 400, "input.json"),
        (post("/echo", b'{"a": NaN}'), 400, "input.json"),
        (post("/echo", b'{"a": "\\ud800"}'), 400, "input.json"),
        (post("/echo", b"[" * 50_000), 400, "input.json"),
        (post("/echo", b'{"a": "\xff"}'), 400, "input.json"),
        (b"HELLO\r\n\r\n", 400, "input.http"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nBad Header\r\n\r\n", 400, "input.http"),
        (get("/channel/a", "Host: 127.0.0.1"), 400, "input.http"),
        (get("/echo", "Content-Length: 3", "Content-Length: 4", method="POST"), 400, "input.http"),
        (
            get("/echo", "Content-Length: 3", "Transfer-Encoding: chunked", method="POST"),
            400,
            "input.http",
        ),
        (get("/echo", "Content-Length: -1", method="POST"), 400, "input.http"),
        (get("/channel/" + "a" * 70_000), 431, "refused.head"),
        (get("/channel/a", *(f"X-{n}: {'y' * 1000}" for n in range(70))), 431, "refused.head"),
        (b"GET /channel/a HTTP/1.1\r\nConnection: close\r\n\r\n", 421, "refused.host"),
        (get("/channel/a").replace(b"Host: 127.0.0.1", b"Host: weft.evil.example"), 421, "refused.host"),
        (get("/channel/a").replace(b"Host: 127.0.0.1", b"Host: 127.0.0.1.evil.example"), 421, "refused.host"),
        (post("/echo", b"{}", "Origin: https://evil.example"), 403, "refused.origin"),
        (post("/echo", b"{}", "Origin: null"), 403, "refused.origin"),
    ],
)
async def test_bad_request_gets_a_clear_error(data: bytes, code: int, error: str) -> None:
    witness = Witness()
    async with await serve(make_app(witness)) as running:
        answer = await talk(running, data)
        assert status(answer) == code
        assert body(answer)["error"]["code"] == error
        assert body(answer)["error"]["message"]
        assert status(await talk(running, get("/healthz"))) == 200
    assert code == 400 or not witness.bodies


async def test_internal_error_is_logged_and_not_shown() -> None:
    async with await serve(make_app(Witness())) as running:
        answer = await talk(running, get("/broken"))
        injected = await talk(running, get("/injected"))
    assert status(answer) == 500
    assert b"secret" not in answer
    assert b"set-cookie" not in injected


async def test_body_of_100_megabytes_is_refused_by_its_length_alone() -> None:
    witness = Witness()
    async with await serve(make_app(witness)) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(get("/echo", "Content-Length: 100000000", method="POST", close=False))
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert status(head) == 413
    assert not witness.bodies


@pytest.mark.parametrize("chunked", [False, True])
async def test_client_that_sends_100_megabytes_all_the_same_reads_its_refusal(chunked: bool) -> None:
    witness = Witness()
    size, piece = 100_000_000, bytes(1_000_000)
    async with await serve(make_app(witness)) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        writer.write(get("/echo", length, method="POST", close=False))
        for _ in range(size // len(piece)):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            await writer.drain()
        writer.write_eof()
        answer = await reader.read()
        held = [len(c.pieces) for c in running._connections]
        writer.close()
    assert status(answer) == 413
    assert not any(held)
    assert not witness.bodies


@pytest.mark.parametrize(
    "data",
    [
        b"GET /channel/a HTTP/1.1\r\nHost: 127.0",
        b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{",
        b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{",
    ],
)
async def test_slow_loris_is_answered_408(data: bytes) -> None:
    limits = Limits(head_seconds=0.2, body_seconds=0.2)
    async with await serve(make_app(Witness(), limits=limits)) as running:
        answer = await talk(running, data)
        assert status(await talk(running, get("/healthz"))) == 200
    assert status(answer) == 408
    assert body(answer)["error"]["code"] == "refused.slow"


async def test_slow_loris_gains_nothing_by_sending_a_byte_now_and_then() -> None:
    async with await serve(make_app(Witness(), limits=Limits(head_seconds=0.2))) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET /channel/a HTTP/1.1\r\n")

        async def drip() -> None:
            while True:
                writer.write(b"X-A: b\r\n")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        answer = await asyncio.wait_for(reader.read(100), 10)
        dripping.cancel()
        writer.close()
    assert status(answer) == 408


async def test_silent_connections_are_closed() -> None:
    limits = Limits(head_seconds=0.2, idle_seconds=0.2)
    async with await serve(make_app(Witness(), limits=limits)) as running:
        assert await talk(running, b"") == b""
        kept = await talk(running, get("/healthz", close=False))
    assert status(kept) == 200


async def test_reader_that_never_reads_is_cut() -> None:
    witness = Witness()
    async with await serve(make_app(witness, limits=Limits(write_seconds=0.2))) as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1024)
        writer.write(get("/endless"))
        await asyncio.wait_for(witness.cancelled.wait(), 10)
        writer.close()


async def test_client_that_goes_away_cancels_its_handler() -> None:
    witness = Witness()
    app = make_app(witness)
    async with await serve(app) as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(get("/wait"))
        await witness.begun.wait()
        writer.close()
        await asyncio.wait_for(witness.cancelled.wait(), 10)
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        witness.cancelled.clear()
        writer.write(get("/endless"))
        await witness.begun.wait()
        writer.transport.abort()
        await asyncio.wait_for(witness.cancelled.wait(), 10)
    assert app.running == 0
    assert app.metrics.requests(499) == 1


async def test_pipelined_requests_are_answered_in_order() -> None:
    data = b"".join(
        get(f"/channel/{n}", close=False) if n % 2 else post("/echo", b'{"payer": "%d"}' % n, close=False)
        for n in range(200)
    )
    async with await serve(make_app(Witness())) as running:
        answer = await talk(running, data + get("/channel/last"))
    found = [text.decode() for text in re.findall(rb'"payer":"(\w+)"', answer)]
    assert found == [*map(str, range(200)), "last"]


async def test_refusal_waits_for_the_answers_before_it() -> None:
    async with await serve(make_app(Witness())) as running:
        answer = await talk(running, get("/count/3", close=False) + b"nonsense\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.index(b"0\r\n\r\n") < answer.index(b"HTTP/1.1 400")


async def test_request_cut_into_single_bytes_is_read() -> None:
    async with await serve(make_app(Witness())) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        for byte in post("/echo", b'{"a": 1}'):
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        answer = await reader.read()
        writer.close()
    assert body(answer) == {"a": 1}


async def test_chunked_body_is_read_and_trailers_are_ignored() -> None:
    data = get("/raw", "Transfer-Encoding: chunked", method="POST")
    async with await serve(make_app(Witness())) as running:
        answer = await talk(running, data + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nHost: evil\r\n\r\n")
    assert answer.endswith(b"\r\n\r\nabcde")


async def test_waiting_client_is_told_to_continue_only_if_its_body_is_wanted() -> None:
    async with await serve(make_app(Witness())) as running:
        for length, first in ((2, 100), (100_000_000, 413)):
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            wait = get("/echo", f"Content-Length: {length}", "Expect: 100-continue", method="POST")
            writer.write(wait)
            assert status(await reader.readuntil(b"\r\n\r\n")) == first
            if first == 100:
                writer.write(b"{}")
                assert status(await reader.read()) == 200
            writer.close()


async def test_head_and_options_follow_the_routes() -> None:
    async with await serve(make_app(Witness())) as running:
        head = await talk(running, get("/channel/a", method="HEAD"))
        stream = await talk(running, get("/count/3", method="HEAD"))
        options = await talk(running, get("/echo", method="OPTIONS"))
        missing = await talk(running, get("/nowhere", method="OPTIONS"))
    assert status(head) == 200
    assert head.endswith(b"\r\n\r\n")
    assert b"content-length: 23\r\n" in head
    assert stream.endswith(b"\r\n\r\n")
    assert (status(options), status(missing)) == (204, 404)
    assert b"allow: POST, OPTIONS\r\n" in options


async def test_listed_web_page_may_act_and_read() -> None:
    app = make_app(Witness(), origins=["https://console.example"])
    origin = "Origin: https://console.example"
    async with await serve(app) as running:
        asked = get("/echo", origin, "Access-Control-Request-Headers: content-type", method="OPTIONS")
        preflight = await talk(running, asked)
        done = await talk(running, post("/echo", b"{}", origin))
        other = await talk(running, get("/channel/a", "Origin: https://evil.example"))
        own = await talk(running, post("/echo", b"{}", "Origin: http://127.0.0.1"))
    assert b"access-control-allow-headers: content-type\r\n" in preflight
    assert b"access-control-allow-origin: https://console.example\r\n" in done
    assert b"access-control-allow-origin" not in other
    assert status(own) == 200


async def test_events_are_streamed_in_chunks_with_the_handlers_headers() -> None:
    async with await serve(make_app(Witness())) as running:
        answer = await talk(running, get("/count/2"))
        old = await talk(running, b"GET /count/2 HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        empty = await talk(running, get("/count/0"))
    assert b"x-weft-thread: 0xabc\r\n" in answer
    assert answer.endswith(b'\r\n1e\r\ndata: {"n":0}\n\ndata: {"n":1}\n\n\r\n0\r\n\r\n')
    assert old.endswith(b'\r\n\r\ndata: {"n":0}\n\ndata: {"n":1}\n\n')
    assert empty.endswith(b"\r\n\r\n0\r\n\r\n")


async def test_stream_that_fails_says_so_before_or_within() -> None:
    async with await serve(make_app(Witness())) as running:
        before = await talk(running, get("/fails/0"))
        within = await talk(running, get("/fails/1"))
    assert status(before) == 404
    assert body(before)["error"]["message"] == "the miner died"
    assert status(within) == 200
    assert b'data: {"error":{"code":"not_found","message":"the miner died"}}\n\n' in within
    assert within.endswith(b"0\r\n\r\n")


async def test_server_takes_no_more_than_its_concurrency() -> None:
    witness = Witness()
    async with await serve(make_app(witness, limits=Limits(concurrency=1))) as running:
        first = asyncio.create_task(talk(running, get("/wait")))
        await witness.begun.wait()
        second = await talk(running, get("/channel/a"))
        witness.release.set()
        assert body(await first) == {"waited": True}
    assert status(second) == 503
    assert body(second)["error"]["code"] == "refused.busy"


async def test_server_takes_no_more_than_its_connections() -> None:
    witness = Witness()
    async with await serve(make_app(witness, limits=Limits(connections=1))) as running:
        first = asyncio.create_task(talk(running, get("/wait")))
        await witness.begun.wait()
        assert status(await talk(running, get("/healthz"))) == 503
        witness.release.set()
        assert status(await first) == 200


async def test_stopping_server_finishes_what_runs() -> None:
    witness = Witness()
    app = make_app(witness)
    order: list[str] = []
    app.on_start(lambda: order.append("started"))
    app.on_stop(lambda: order.append("stopped"))
    running = await serve(app)
    first = asyncio.create_task(talk(running, get("/wait", close=False)))
    await witness.begun.wait()
    stopping = asyncio.create_task(running.stop())
    await asyncio.sleep(0)
    witness.release.set()
    answer = await first
    await stopping
    assert body(answer) == {"waited": True}
    assert b"connection: close\r\n" in answer
    assert order == ["started", "stopped"]
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", running.port)


async def test_stopping_server_cuts_what_does_not_end() -> None:
    witness = Witness()
    running = await serve(make_app(witness, limits=Limits(drain_seconds=0.1)))
    first = asyncio.create_task(talk(running, get("/wait")))
    await witness.begun.wait()
    await running.stop()
    assert witness.cancelled.is_set()
    with suppress(ConnectionError):
        assert await first == b""


async def test_metrics_count_requests_by_route_and_status() -> None:
    app = make_app(Witness())
    app.metrics.count("receipts", 2, engine="echo")
    app.metrics.gauge("waiting", lambda: 3)
    async with await serve(app) as running:
        for path in ("/channel/a", "/channel/b", "/nowhere"):
            await talk(running, get(path))
        text = (await talk(running, get("/metrics"))).decode()
    line = 'weft_http_request_seconds_count{method="GET",role="miner",route="%s",status="%d"} %d.0'
    assert line % ("/channel/{payer}", 200, 2) in text
    assert line % ("-", 404, 1) in text
    assert 'weft_receipts_total{engine="echo",role="miner"} 2.0' in text
    assert 'weft_waiting{role="miner"} 3.0' in text


async def test_event_is_sent_before_its_source_waits_for_the_next() -> None:
    gate = asyncio.Event()

    async def count() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        yield b"data: 2\n\n"
        await gate.wait()
        yield b"data: 3\n\n"

    app = App("test")

    @app.get("/count")
    async def show(request: HttpRequest) -> EventStream:
        return EventStream(count())

    async with await serve(app) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(get("/count"))
        assert (await reader.readuntil(b"data: 2\n\n")).endswith(b"\r\n\r\n12\r\ndata: 1\n\ndata: 2\n\n")
        gate.set()
        rest = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
    assert rest == b"\r\n9\r\ndata: 3\n\n\r\n0\r\n\r\n"
