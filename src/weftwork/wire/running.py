"""Serving an app: in the running event loop, or as a process of its own."""

from __future__ import annotations

import asyncio
import gc
import inspect
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from weftwork.wire.protocol import Connection

if TYPE_CHECKING:
    from weftwork.wire.server import App


class Running:
    """A served app: its ``url`` and how to stop it."""

    def __init__(
        self, app: App, server: asyncio.Server, connections: set[Connection], url: str, port: int
    ) -> None:
        self.app = app
        self.url = url
        self.port = port
        self._server = server
        self._connections = connections
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        self._stopped = False

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.app.limits.tick)
            now = loop.time()
            for connection in [c for c in self._connections if c.deadline < now]:
                connection.expire()

    async def stop(self) -> None:
        """Takes no new requests, lets the running ones end within ``drain_seconds``, then cuts the rest."""
        if self._stopped:
            return
        self._stopped = True
        self.app.stopping = True
        self._server.close()
        for connection in list(self._connections):
            if connection.task is None:
                connection.transport.close()
        tasks = [c.task for c in self._connections if c.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=self.app.limits.drain_seconds)
        for connection in list(self._connections):
            connection.transport.abort()
        if tasks:
            await asyncio.wait(tasks, timeout=self.app.limits.drain_seconds)
        self._sweeper.cancel()
        await self.app.stopped()

    def cut(self) -> None:
        """Ends at once and answers nobody, as a process that is killed; :meth:`stop` does no more."""
        self._stopped = True
        self.app.stopping = True
        self._server.close()
        for connection in list(self._connections):
            connection.transport.abort()
            if connection.task is not None:
                connection.task.cancel()
        self._sweeper.cancel()

    async def __aenter__(self) -> Running:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


async def serve(app: App, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Serves ``app`` in the running event loop; port 0 takes a free one. OSError if the port is taken."""
    loop = asyncio.get_running_loop()
    connections: set[Connection] = set()
    await app.started()
    server = await loop.create_server(lambda: Connection(app, connections, loop), host, port, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    app.hosts.add(host)
    shown = f"[{host}]" if ":" in host else host
    return Running(app, server, connections, f"http://{shown}:{port}", port)


def run(
    factory: Callable[[], App | Awaitable[App]],
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    ready: Callable[[Running], Any] | None = None,
) -> None:
    """Serves one app as this process, on uvloop, until SIGINT or SIGTERM; calls ``ready`` once it is up."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        made = factory()
        app = await made if inspect.isawaitable(made) else made
        done = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, done.set)
        async with await serve(app, host, port) as running:
            if ready is not None:
                told = ready(running)
                if inspect.isawaitable(told):
                    await told
            await done.wait()

    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())


def tune_process() -> None:
    """Settings for a process that now serves for good: what it holds by now is no longer looked through for
    garbage, and the rest less often."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
