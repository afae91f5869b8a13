"""What runs on a node of a Ray cluster: one replica in that node's own sandbox.

The node needs this package, bubblewrap and nothing else of ours; a replica there has the walls and limits of
the ``process`` executor, which this uses.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections import deque
from itertools import islice
from pathlib import Path
from typing import Any

from weftwork.compute.error import LeaseNotFound
from weftwork.compute.executor.port import Limits, ServiceStatus, State, key
from weftwork.compute.executor.process import ProcessExecutor
from weftwork.compute.sdl.model import ManifestGroup
from weftwork.errors import WeftError
from weftwork.sandbox.logfile import Line, LogReader

_LEASE = "task"
_LINES = 50_000


class Task:
    """One replica of one service, held by an actor; ``manifest`` says of which."""

    def __init__(self, group: ManifestGroup, limits: Limits, manifest: str) -> None:
        (service,) = group.services
        one = dataclasses.replace(service, count=1, expose=())
        self._group, self._limits = dataclasses.replace(group, services=(one,)), limits
        self._manifest, self._error = manifest, ""
        self._folder = Path(tempfile.mkdtemp(prefix="weft-task-"))
        self._executor = ProcessExecutor(self._folder, tied=True)
        self._reader = LogReader(self._folder / key(_LEASE) / f"{service.name}-0" / "log")
        self._kept: deque[Line] = deque(maxlen=_LINES)
        self._count = 0

    def manifest(self) -> str:
        """The hash of the group that the replica belongs to, in hex."""
        return self._manifest

    async def begin(self) -> dict[str, Any] | None:
        """Starts the replica; what went wrong, as an error's JSON, or None."""
        try:
            await self._executor.start(_LEASE, self._group, self._limits)
        except WeftError as error:
            self._error = error.sentence
            return error.to_json()
        return None

    async def status(self) -> ServiceStatus:
        """How the replica stands."""
        try:
            return (await self._executor.status(_LEASE)).services[0]
        except LeaseNotFound:
            state: State = "failed" if self._error else "starting"
            return ServiceStatus(self._group.services[0].name, state, 0, 1, why=self._error)

    def lines(self, skip: int, most: int) -> tuple[int, list[Line]]:
        """At most ``most`` lines after the first ``skip``, and the number of the one that follows them."""
        for line in self._reader.read():
            self._kept.append(line)
            self._count += 1
        first = self._count - len(self._kept)
        begin = max(skip - first, 0)
        found = list(islice(self._kept, begin, begin + most))
        return first + begin + len(found), found

    async def pause(self, paused: bool) -> None:
        """Takes the CPU away or gives it back; nothing happens to what has not begun."""
        try:
            await (self._executor.pause(_LEASE) if paused else self._executor.resume(_LEASE))
        except LeaseNotFound:
            return

    async def stop(self) -> None:
        """Ends the replica; its log stays until :meth:`forget`."""
        try:
            await self._executor.stop(_LEASE)
        except LeaseNotFound:
            return

    async def forget(self) -> None:
        """Leaves nothing on the node."""
        await self._executor.forget(_LEASE)
        self._reader.close()
        shutil.rmtree(self._folder, ignore_errors=True)
