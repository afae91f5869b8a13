"""The client among peers that it cannot trust: forbidden addresses, endless answers, silence, broken HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from weftwork.errors import (
    BadInput,
    BadReply,
    PrivateAddress,
    Redirected,
    TimedOut,
    TooLarge,
    Unreachable,
)
from weftwork.wire.client import Client
from weftwork.wire.guard import check_address, read_url
from weftwork.wire.server import App, EventStream, HttpRequest, Limits, serve

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(talk: Peer) -> AsyncIterator[str]:
    """A peer on loopback that does with each connection what ``talk`` says; its URL."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def saying(*answers: bytes, then_wait: bool = False) -> Peer:
    """A peer that says one of ``answers`` to each request of a connection."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        if then_wait:
            await reader.read()

    return talk


def make_app() -> App:
    app = App("peer")

    @app.post("/echo")
    async def echo(request: HttpRequest) -> Any:
        return {"got": request.object(), "key": request.headers.get("authorization")}

    @app.get("/events")
    async def events(request: HttpRequest) -> Any:
        async def pieces() -> AsyncIterator[Any]:
            for number in range(100):
                yield {"n": number, "pad": "é" * number}
            yield b"data: [DONE]\n\n"

        return EventStream(pieces())

    return app


async def test_role_calls_another_and_keeps_the_connection() -> None:
    app = make_app()
    async with await serve(app) as running, Client(local=True) as client:
        for number in range(5):
            reply = await client.post_json(running.url + "/echo", {"n": number}, {"authorization": "k"})
            assert (reply.status, reply.body) == (200, {"got": {"n": number}, "key": "k"})
        assert len(running._connections) == 1
        status, headers, obj = await client.get_json(running.url + "/nowhere")
        assert (status, obj["error"]["code"]) == (404, "not_found")
        assert headers["content-type"] == "application/json"


async def test_many_calls_share_a_bounded_number_of_connections() -> None:
    async with await serve(make_app()) as running, Client(local=True, max_connections=3) as client:
        calls = [client.post_json(running.url + "/echo", {"n": n}) for n in range(50)]
        replies = await asyncio.gather(*calls)
        assert [reply.body["got"]["n"] for reply in replies] == list(range(50))
        assert len(running._connections) <= 3


async def test_caller_that_gives_up_waiting_leaves_its_turn_to_the_next() -> None:
    begun, release = asyncio.Event(), asyncio.Event()
    app = App("peer")

    @app.get("/wait")
    async def wait(request: HttpRequest) -> Any:
        begun.set()
        await release.wait()

    async with await serve(app) as running, Client(local=True, max_connections=1) as client:
        first, second, third = (
            asyncio.create_task(client.get_json(running.url + path))
            for path in ("/wait", "/wait", "/healthz")
        )
        await begun.wait()
        release.set()
        await first
        second.cancel()
        assert (await asyncio.wait_for(third, 10)).status == 200


async def test_events_arrive_as_they_were_sent() -> None:
    async with await serve(make_app()) as running, Client(local=True) as client:
        async with client.stream("GET", running.url + "/events") as stream:
            events = [event async for event in stream.events()]
        assert len(events) == 101
        assert events[-1].data == "[DONE]"
        assert (await client.get_json(running.url + "/healthz")).status == 200
        assert len(running._connections) == 1


async def test_leaving_a_stream_early_cancels_the_peers_work() -> None:
    cancelled = asyncio.Event()
    app = App("peer")

    @app.get("/endless")
    async def endless(request: HttpRequest) -> Any:
        async def pieces() -> AsyncIterator[Any]:
            try:
                while True:
                    yield {"token": "a"}
                    await asyncio.sleep(0)
            finally:
                cancelled.set()

        return EventStream(pieces())

    async with await serve(app) as running, Client(local=True) as client:
        async with client.stream("GET", running.url + "/endless") as stream:
            async for _ in stream.events():
                break
        await asyncio.wait_for(cancelled.wait(), 10)


async def test_cancelled_call_cancels_the_peers_work() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()
    app = App("peer")

    @app.get("/wait")
    async def wait(request: HttpRequest) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with await serve(app) as running, Client(local=True) as client:
        call = asyncio.create_task(client.get_json(running.url + "/wait"))
        await begun.wait()
        call.cancel()
        await asyncio.wait_for(cancelled.wait(), 10)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001::1", "not an address",
    ],
)  # fmt: skip
def test_special_addresses_are_refused(address: str) -> None:
    with pytest.raises(PrivateAddress):
        check_address(address, local=False)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(address: str) -> None:
    check_address(address, local=False)


def test_local_network_may_use_private_addresses_and_not_the_cloud_metadata_service() -> None:
    for address in ("127.0.0.1", "::1", "10.1.2.3", "192.168.0.7"):
        check_address(address, local=True)
    for address in ("169.254.169.254", "224.0.0.1", "0.0.0.0", "::ffff:169.254.169.254"):
        with pytest.raises(PrivateAddress):
            check_address(address, local=True)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://1.1.1.1/", "file:///etc/passwd", "http://", "http:///x", "//1.1.1.1/", "http://user@1.1.1.1/",
        "http://user:password@1.1.1.1/", "http://1.1.1.1:0/", "http://1.1.1.1:99999/", "http://1.1.1.1/a b",
        "http://1.1.1.1/\r\nHost: evil", "http://1.1.1.1\\@evil/", "http://exämple.org/", "http://[::1/",
        "http://a/" + "x" * 9000, "gopher://127.0.0.1:25/",
    ],
)  # fmt: skip
def test_urls_that_are_no_plain_endpoint_are_refused(url: str) -> None:
    with pytest.raises(BadInput):
        read_url(url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_every_spelling_of_loopback_is_refused_unless_local(host: str) -> None:
    async with Client() as client:
        with pytest.raises((PrivateAddress, Unreachable)) as caught:
            await client.get_json(f"http://{host}:1/")
        assert host in ("[::1]",) or isinstance(caught.value, PrivateAddress)


async def test_name_with_one_private_address_among_public_ones_is_refused() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["1.1.1.1", "10.0.0.1"]

    async with Client(resolve=resolve) as client:
        with pytest.raises(PrivateAddress):
            await client.get_json("http://miner.example/")


async def test_name_that_turns_private_after_the_check_gains_nothing() -> None:
    asked: list[str] = []
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    async with peer(saying(closing)) as url, Client(local=True, resolve=resolve) as client:
        rebinding = url.replace("127.0.0.1", "miner.example")
        assert (await client.get_json(rebinding)).status == 200
        assert asked == ["miner.example"]
        with pytest.raises(PrivateAddress):
            await client.get_json(rebinding)
        assert asked == ["miner.example"] * 2


async def test_redirect_is_never_followed() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n"
    async with peer(saying(answer, answer)) as url, Client(local=True) as client:
        with pytest.raises(Redirected, match=r"169\.254\.169\.254"):
            await client.get_json(url)
        with pytest.raises(Redirected):
            async with client.stream("GET", url):
                pass


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (OK + b"Content-Length: 1000000\r\n\r\n", TooLarge),
        (OK + b"Content-Length: 99999999999999999999999\r\n\r\n", BadReply),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + (b"100\r\n" + b"x" * 256 + b"\r\n") * 10, TooLarge),
        (OK + b"\r\n" + b"x" * 5000, TooLarge),
        (OK + b"X-A: " + b"y" * 100_000 + b"\r\n\r\n", TooLarge),
        (OK + b"Content-Length: 10\r\n\r\nabc", Unreachable),
        (OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", BadReply),
        (OK + b"Content-Length: 3\r\n\r\n{a}", BadReply),
        (OK + b"Content-Length: 2\r\n\r\n{}" * 2, BadReply),
        (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", BadReply),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", BadReply),
        (b"SSH-2.0-OpenSSH\r\n", BadReply),
        (b"", Unreachable),
    ],
)
async def test_answer_that_is_no_answer_is_named(answer: bytes, error: type[Exception]) -> None:
    async with peer(saying(answer)) as url, Client(local=True, max_bytes=1000) as client:
        with pytest.raises(error):
            await client.get_json(url)
        with pytest.raises(error):
            async with client.stream("GET", url) as stream:
                await stream.json()
        assert not client._busy


async def test_answer_to_the_end_of_the_connection_is_whole() -> None:
    async with peer(saying(OK + b"\r\n[1]")) as url, Client(local=True) as client:
        assert (await client.get_json(url)).body == [1]


async def test_interim_answers_are_skipped() -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\n{}"
    async with peer(saying(answer)) as url, Client(local=True) as client:
        reply = await client.get_json(url)
    assert (reply.status, reply.headers) == (200, {"content-length": "2"})


async def test_silent_peers_time_out() -> None:
    async with peer(saying(b"", then_wait=True)) as url, Client(local=True, timeout=0.1) as client:
        with pytest.raises(TimedOut):
            await client.get_json(url)
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    async with (
        peer(saying(head, then_wait=True)) as url,
        Client(local=True, timeout=0.1) as client,
        client.stream("GET", url) as stream,
    ):
        assert stream.status == 200
        with pytest.raises(TimedOut):
            await stream.read()


async def test_silent_peer_times_out_after_a_long_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weftwork.wire.client._LONG", 0.1)  # what is longer is looked at each second
    async with peer(saying(b"", then_wait=True)) as url, Client(local=True, timeout=0.2) as client:
        with pytest.raises(TimedOut, match=r"0\.2 s"):
            await client.get_json(url)


async def test_peer_that_drips_does_not_outlast_the_timeout() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Content-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with peer(drip) as url, Client(local=True, timeout=0.2) as client:
        with pytest.raises(TimedOut):
            await client.get_json(url)


async def test_nobody_there_is_unreachable() -> None:
    async with peer(saying(b"")) as url:
        pass
    async with Client(local=True) as client:
        with pytest.raises(Unreachable):
            await client.get_json(url)
        with pytest.raises(Unreachable):
            await client.get_json("http://no-such-name.invalid/")


async def test_peer_without_a_valid_certificate_is_unreachable_by_https() -> None:
    async with await serve(make_app()) as running, Client(local=True) as client:
        with pytest.raises(Unreachable):
            await client.get_json(running.url.replace("http://", "https://"))


async def test_connection_that_the_peer_closed_meanwhile_is_not_used_again() -> None:
    answer = OK + b"Content-Length: 2\r\n\r\n{}"
    async with peer(saying(answer)) as url, Client(local=True) as client:
        for _ in range(3):
            assert (await client.get_json(url)).status == 200
            assert (await client.post_json(url, {}, repeat=True)).status == 200


async def test_peer_that_sends_unasked_loses_its_connection() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.write(OK + b'Content-Length: 7\r\n\r\n["lie"]')
        await reader.read()

    async with peer(talk) as url, Client(local=True) as client:
        for _ in range(3):
            try:
                assert (await client.get_json(url)).body == {}
            except BadReply:
                continue


async def test_slow_reader_of_a_stream_makes_the_peer_wait() -> None:
    sent = 0
    piece = b"x" * 65_536

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: %d\r\n\r\n" % (len(piece) * 400))
        for _ in range(400):
            writer.write(piece)
            await writer.drain()
            sent += 1

    async with (
        peer(talk) as url,
        Client(local=True, max_bytes=1 << 30) as client,
        client.stream("GET", url) as stream,
    ):
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 400
        assert len(await stream.read()) == len(piece) * 400


async def test_closed_client_ends_calls_under_way() -> None:
    app = App("peer", limits=Limits(drain_seconds=0.1))
    begun = asyncio.Event()

    @app.get("/wait")
    async def wait(request: HttpRequest) -> Any:
        begun.set()
        await asyncio.Event().wait()

    async with await serve(app) as running:
        client = Client(local=True, max_connections=1)
        calls = [asyncio.create_task(client.get_json(running.url + "/wait")) for _ in range(2)]
        await begun.wait()
        await client.close()
        for result in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(result, Unreachable)
        with pytest.raises(Unreachable):
            await client.get_json(running.url)


@pytest.mark.parametrize("name", ["a\r\nb", "a: b", "ä"])
async def test_headers_cannot_be_smuggled_into_a_request(name: str) -> None:
    async with Client(local=True) as client:
        with pytest.raises(BadInput):
            await client.get_json("http://127.0.0.1:1/", {name: "x"})
        with pytest.raises(BadInput):
            await client.get_json("http://127.0.0.1:1/", {"x": f"a{name}"} if "\r" in name else {"x": "\0"})
