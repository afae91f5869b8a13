"""The embedded ledger served as JSON-RPC over HTTP: a raw ASGI app, and the process that ``weft up`` starts.

Any web page can post to loopback, so the app answers only to listed Host names, only to listed Origins, and
only to JSON; ``evm_*`` exists only where the ledger was opened with ``dev``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from weftwork.errors import BadConfig, WeftError
from weftwork.ledger import connect
from weftwork.ledger.client import Ledger

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
MAX_BODY = 5 * 1024 * 1024
BODY_SECONDS = 10.0
_THREADS = 4
_PARENT_SECONDS = 0.5


class RpcApp:
    """An ASGI app that answers JSON-RPC at ``paths`` with an embedded ledger.

    ``hosts`` are the names under which it may be called (without port), ``origins`` the web pages that may
    call it.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        paths: Iterable[str] = ("/rpc",),
        hosts: Iterable[str] = LOCAL_HOSTS,
        origins: Iterable[str] = (),
        max_body: int = MAX_BODY,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        embedded = ledger.embedded
        if embedded is None:
            raise BadConfig(
                "only an embedded ledger can be served", hint="a remote node is served by its own URL"
            )
        self._answer = embedded.face.handle_body
        self._paths = frozenset(paths)
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._max_body = max_body
        self._body_seconds = body_seconds
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="ledger-rpc")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def close(self) -> None:
        """Stop the threads that run calls."""
        self._pool.shutdown()

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {key.lower(): value.decode("latin-1") for key, value in scope["headers"]}
        origin = headers.get(b"origin")
        refused = self._refusal(scope, headers, origin)
        if refused is not None:
            status, sentence, extra = refused
            await _refuse(send, status, sentence, extra + self._cors(origin))
            return
        if scope["method"] == "OPTIONS":
            extra = [(b"access-control-allow-methods", b"POST"), (b"access-control-max-age", b"600")]
            extra.append((b"access-control-allow-headers", b"content-type"))
            await _send(send, 204, b"", extra + self._cors(origin))
            return
        body = await self._body(receive)
        if isinstance(body, int):
            sentence = "the body is too large" if body == 413 else "the body did not arrive in time"
            await _refuse(send, body, sentence, [*self._cors(origin), (b"connection", b"close")])
            return
        answer = await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, body)
        kind = [(b"content-type", b"application/json")] if answer else []
        await _send(send, 200 if answer else 204, answer, kind + self._cors(origin))

    def _refusal(
        self, scope: Scope, headers: dict[bytes, str], origin: str | None
    ) -> tuple[int, str, list[tuple[bytes, bytes]]] | None:
        if _host_name(headers.get(b"host", "")) not in self._hosts:
            return 421, "this host name is not served here", []
        if scope["path"] not in self._paths:
            return 404, "there is nothing at this path", []
        if origin is not None and origin.rstrip("/").lower() not in self._origins:
            return 403, "this origin is not allowed", []
        if scope["method"] == "OPTIONS" and origin is not None:
            return None
        if scope["method"] != "POST":
            return 405, "JSON-RPC is sent by POST", [(b"allow", b"POST, OPTIONS")]
        if headers.get(b"content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "the content type must be application/json", []
        length = headers.get(b"content-length", "0")
        if not length.isdigit() or int(length) > self._max_body:
            return 413, "the body is too large", [(b"connection", b"close")]
        return None

    def _cors(self, origin: str | None) -> list[tuple[bytes, bytes]]:
        if origin is None or origin.rstrip("/").lower() not in self._origins:
            return []
        return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"origin")]

    async def _body(self, receive: Receive) -> bytes | int:
        """The whole body, or the HTTP status that says why not."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return 408
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._max_body:
                        return 413
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            return 408


def _host_name(host: str) -> str:
    """The Host header without its port, in lower case."""
    name, colon, port = host.strip().lower().rpartition(":")
    return (
        name if colon and port.isdigit() and (":" not in name or name.endswith("]")) else host.strip().lower()
    )


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse(send: Send, status: int, sentence: str, headers: list[tuple[bytes, bytes]]) -> None:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": sentence}}
    await _send(send, status, json.dumps(error).encode(), [(b"content-type", b"application/json"), *headers])


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def free_port(host: str, port: int) -> int:
    """``port`` if nothing listens there (0: any free one); raises BadConfig."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadConfig(
                f"port {port} of {host} is taken: {error.strerror}", value=port, hint="choose another --port"
            ) from None
        return int(probe.getsockname()[1])


async def serve(
    app: RpcApp,
    host: str,
    port: int,
    ready: Callable[[], None],
    *,
    with_parent: int | None = None,
    beat: Awaitable[None] | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT or the end of the parent process; ``ready`` is called when it accepts.

    ``with_parent`` is the parent's process id (0: whatever it is now; None: outlive it).

    ``beat`` runs beside it, as long as it serves.
    """
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.server.embed import Server

    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=10_000),
        websockets=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    stop: Callable[[], None] = server.stop
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
    running = loop.create_task(server.serve())
    beside = [_orphaned(with_parent or os.getppid(), stop)] if with_parent is not None else []
    tasks = [asyncio.ensure_future(one) for one in (*beside, *([beat] if beat else []))]
    try:
        await _accepting(host, port, running)
        ready()
        await running
    finally:
        stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(running, *tasks, return_exceptions=True)


async def keep_time(ledger: Ledger, seconds: float) -> None:
    """Mine an empty block whenever ``seconds`` have gone by without one, so that time goes on by itself."""
    embedded = ledger.embedded
    if embedded is None or seconds <= 0:
        return
    seen = ledger.block_number()
    while True:
        await asyncio.sleep(seconds)
        if ledger.block_number() == seen:
            await asyncio.to_thread(embedded.node.mine, 1)
        seen = ledger.block_number()


async def _orphaned(parent: int, stop: Callable[[], None]) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110
        await asyncio.sleep(_PARENT_SECONDS)
    stop()


async def _accepting(host: str, port: int, running: asyncio.Task[None]) -> None:
    while not running.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            await writer.wait_closed()
            return
    await running


def main(argv: list[str] | None = None) -> int:
    """Serve one ledger in this process; prints one JSON line when ready, and stops on SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m weftwork.ledger.serve", description=main.__doc__)
    parser.add_argument("--path", default="", help="folder of the ledger; empty: in memory")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8545, help="port; 0 takes a free one")
    parser.add_argument(
        "--dev", action="store_true", help="allow evm_snapshot, evm_increaseTime and the like"
    )
    parser.add_argument("--allow-host", action="append", default=[], help="a further Host name to answer to")
    parser.add_argument(
        "--allow-origin", action="append", default=[], help="a web page's origin that may call"
    )
    parser.add_argument("--chain-id", type=int, default=None, help="chain id of a new ledger (31337)")
    parser.add_argument(
        "--with-parent",
        type=int,
        nargs="?",
        const=0,
        metavar="PID",
        help="stop when the process that started it ends; its id, where it may have ended already",
    )
    parser.add_argument(
        "--block-time", type=float, default=0.0, help="seconds after which an empty block is mined (0: never)"
    )
    given = parser.parse_args(argv)
    try:
        port = free_port(given.host, given.port)
        with connect(f"embedded:{given.path}", dev=given.dev, chain_id=given.chain_id) as ledger:
            hosts = {*LOCAL_HOSTS, given.host, *given.allow_host}
            app = RpcApp(ledger, paths=("/", "/rpc"), hosts=hosts, origins=given.allow_origin)
            line = {"ready": True, "url": f"http://{given.host}:{port}/rpc", "port": port}
            line |= {"chain_id": ledger.chain_id, "block": ledger.block_number(), "dev": given.dev}
            try:
                ready = partial(print, json.dumps(line), flush=True)
                beat = keep_time(ledger, given.block_time) if given.block_time > 0 else None
                asyncio.run(serve(app, given.host, port, ready, with_parent=given.with_parent, beat=beat))
            finally:
                app.close()
    except WeftError as error:
        print(json.dumps({"ready": False, "error": error.to_json()}), flush=True)
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # The ledger is closed. The server's own threads may still ask for Python's lock, and an interpreter that
    # ends would cut them off in the middle of their frames, which aborts the process; so it ends here.
    os._exit(status)
