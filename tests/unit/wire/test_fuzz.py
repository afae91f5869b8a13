"""Whatever bytes arrive, the server answers in HTTP or closes, and goes on serving; so does the client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import WeftError
from weftwork.wire.client import Client
from weftwork.wire.server import App, HttpRequest, Limits, serve

PARTS = st.sampled_from(
    [
        b"GET ", b"POST ", b"HEAD ", b"OPTIONS ", b"CONNECT ", b"PRI ", b"/echo", b"/healthz", b"/metrics",
        b"*", b"/%ff%00",
        b"http://127.0.0.1/echo", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" HTTP/9.9\r\n",
        b"Host: 127.0.0.1\r\n",
        b"Host: [::1]:1\r\n", b"Host: \xff\r\n", b"Content-Length: 2\r\n",
        b"Content-Length: 9999999999999999999999\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Expect: 100-continue\r\n",
        b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Connection: close\r\n", b"Origin: null\r\n",
        b"\r\n", b"\n",
        b"{}",
        b"2\r\n{}\r\n", b"0\r\n\r\n", b"ffffffffffffffffff\r\n",
    ]
)  # fmt: skip
PIECES = st.lists(PARTS | st.binary(max_size=12), max_size=14)


def make_app() -> App:
    app = App("peer", limits=Limits(head_seconds=0.1, body_seconds=0.1, idle_seconds=0.1))

    @app.post("/echo")
    async def echo(request: HttpRequest) -> Any:
        return request.object()

    return app


@given(st.lists(PIECES, min_size=1, max_size=4))
def test_any_bytes_are_answered_or_cut_and_the_server_lives(connections: list[list[bytes]]) -> None:
    async def main() -> None:
        app = make_app()
        async with await serve(app) as running, Client(local=True) as client:

            async def attack(pieces: list[bytes]) -> None:
                reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
                try:
                    for piece in pieces:
                        writer.write(piece)
                        await asyncio.sleep(0)
                    writer.write_eof()
                    answer = await asyncio.wait_for(reader.read(), 10)
                    assert not answer or answer.startswith(b"HTTP/1.1 ")
                    assert b"internal error" not in answer
                except ConnectionError:
                    pass
                finally:
                    writer.close()

            await asyncio.gather(*map(attack, connections))
            assert (await client.post_json(running.url + "/echo", {"a": 1})).body == {"a": 1}
            assert app.running == 0

    asyncio.run(main())


ANSWERS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 302 Found\r\n",
        b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 999 X\r\n",
        b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n",
        b"Location: http://10.0.0.1/\r\n", b"Connection: close\r\n", b"Keep-Alive: timeout=0\r\n",
        b"\r\n", b"{}",
        b"2\r\n{}\r\n", b"0\r\n\r\n", b"data: x\n\n",
    ]
)  # fmt: skip


GOOD = ("answered", "unavailable.reply", "unavailable.peer", "refused.redirect")


async def outcome(call: Awaitable[Any]) -> str:
    """``answered``, or the code of the error that the call ends with."""
    try:
        await call
    except WeftError as error:
        return error.code
    return "answered"


async def drain(client: Client, url: str) -> None:
    async with client.stream("GET", url) as stream:
        async for _ in stream.events():
            pass


@given(st.lists(ANSWERS | st.binary(max_size=12), max_size=10))
def test_any_answer_is_a_reply_or_a_named_error(pieces: list[bytes]) -> None:
    async def main() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readuntil(b"\r\n\r\n")
                for piece in pieces:
                    writer.write(piece)
                    await asyncio.sleep(0)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with Client(local=True, timeout=10) as client:
            for _ in range(2):
                assert await outcome(client.get_json(url)) in GOOD
                assert await outcome(drain(client, url)) in GOOD
            assert not client._busy
        server.close()

    asyncio.run(main())
