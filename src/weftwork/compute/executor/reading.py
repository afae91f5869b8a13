"""The logs of a lease's replicas as one stream."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

from weftwork.compute.executor.port import LogLine
from weftwork.sandbox.logfile import Line, LogReader

_POLL_SECONDS = 0.1


async def follow_logs(
    replicas: Iterable[tuple[str, int, Path]],
    *,
    tail: int | None = None,
    going: Callable[[], Awaitable[bool]] | None = None,
) -> AsyncIterator[LogLine]:
    """The lines of each (service, replica, folder), merged by time; then those that come while ``going``."""
    readers = [(service, index, LogReader(folder)) for service, index, folder in replicas]
    try:
        for line in await asyncio.to_thread(_backlog, readers, tail):
            yield line
        while going is not None:
            last = not await going()
            for line in heapq.merge(*_streams(readers), key=_when):
                yield line
            if last:
                return
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        for _, _, reader in readers:
            reader.close()


def _backlog(readers: list[tuple[str, int, LogReader]], tail: int | None) -> Iterable[LogLine]:
    merged = heapq.merge(*_streams(readers), key=_when)
    return list(merged) if tail is None else deque(merged, maxlen=max(tail, 0))


def _streams(readers: list[tuple[str, int, LogReader]]) -> list[Iterable[LogLine]]:
    return [_name_lines(service, index, reader.read()) for service, index, reader in readers]


def _name_lines(service: str, index: int, lines: Iterable[Line]) -> Iterable[LogLine]:
    for line in lines:
        yield LogLine(service, index, line.time, "stdout" if line.stream == "o" else "stderr", line.text)


def _when(line: LogLine) -> float:
    return line.time
