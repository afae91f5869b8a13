"""What outlives a lease that ran elsewhere: its logs and how it ended, in a folder of this host."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from weftwork.compute.executor.port import LogLine, ServiceStatus, Status, key
from weftwork.sandbox.logfile import Line, LogWriter
from weftwork.sandbox.supervisor import write_whole

LOG_BYTES = 8 * 1024 * 1024
"""What is kept of each replica's log."""


class Archive:
    """The leases that ended, each in a folder of its own under ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder).absolute()

    def has(self, lease: str) -> bool:
        """True once the lease was closed."""
        return bool(self._state(lease))

    def keep(self, lease: str, service: str, replica: int, lines: Iterable[LogLine]) -> None:
        """Appends lines to what is kept of a replica's log."""
        writer = LogWriter(self._place(lease) / f"{service}-{replica}" / "log", LOG_BYTES)
        writer.write([Line(line.time, "e" if line.stream == "stderr" else "o", line.text) for line in lines])
        writer.close()

    def close(self, lease: str, services: Iterable[ServiceStatus], why: str = "") -> None:
        """Writes down how the lease ended: what still ran was stopped, or failed for the reason ``why``."""
        kept = []
        for service in services:
            state = service.state if service.state in ("failed", "exited") else "failed" if why else "exited"
            ended = dataclasses.replace(service, state=state, ready=0, why=why or service.why, endpoints=())
            kept.append(dataclasses.asdict(ended))
        self._place(lease).mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(self._place(lease) / "state.json", {"lease": lease, "services": kept})

    def status(self, lease: str) -> Status:
        """How a closed lease ended."""
        services = [ServiceStatus(**item | {"endpoints": ()}) for item in self._state(lease)["services"]]
        return Status(lease, tuple(services), stopped=True)

    def replicas(self, lease: str, service: str | None = None) -> list[tuple[str, int, Path]]:
        """(service, replica, folder of its log) of all that is kept."""
        out = []
        for place in sorted(self._place(lease).glob("*-*/log")):
            name, _, index = place.parent.name.rpartition("-")
            if service in (None, name):
                out.append((name, int(index), place))
        return out

    def forget(self, lease: str) -> None:
        """Removes everything of the lease."""
        shutil.rmtree(self._place(lease), ignore_errors=True)

    def leases(self) -> list[str]:
        """All closed leases."""
        return [json.loads(place.read_text())["lease"] for place in self.folder.glob("lease-*/state.json")]

    def _place(self, lease: str) -> Path:
        return self.folder / key(lease)

    def _state(self, lease: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self._place(lease) / "state.json").read_text())
        except (OSError, ValueError):
            return {}
        return found
