"""Bytes carried between a port of the host, or of one sandbox, and a port inside another sandbox."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

CONNECTIONS = 512
"""At once on one relay; more wait in the system's queue."""

_DIAL_SECONDS = 5.0
_PIECE = 65_536


class Relay:
    """Accepts on ``listener`` and carries each connection to 127.0.0.1:``port`` behind a door.

    ``dial`` gives an unconnected socket of a ready replica's network, or None where none is ready.
    """

    def __init__(self, listener: socket.socket, port: int, dial: Callable[[], socket.socket | None]) -> None:
        self._listener, self._port, self._dial = listener, port, dial
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begins to accept."""
        self._server = await asyncio.start_server(self._carry, sock=self._listener)

    def close(self) -> None:
        """Ends the listener and what it carries."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            async with self._slots:
                await self._join(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = self._dial()
        if inner is None:
            return
        inner.setblocking(False)
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                await asyncio.get_running_loop().sock_connect(inner, ("127.0.0.1", self._port))
                far_reader, far_writer = await asyncio.open_connection(sock=inner)
        except BaseException:
            inner.close()
            raise
        try:
            await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))
        finally:
            far_writer.close()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """All of ``source`` into ``sink``, then the end of it."""
    while piece := await source.read(_PIECE):
        sink.write(piece)
        await sink.drain()
    with suppress(OSError, RuntimeError):
        sink.write_eof()
