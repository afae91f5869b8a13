"""Leases that a supervisor of their own holds on this host: what ``process`` and ``podman`` have in common.

A lease is a folder. Its supervisor (:mod:`weftwork.sandbox.supervisor`) is no child of the provider: a killed
provider finds folder and supervisor again. What a lease wrote, and how it ended, stay in the folder.
"""

from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from weftwork.compute.error import ExecutorFailed, LeaseConflict, LeaseNotFound
from weftwork.compute.executor.port import (
    Address,
    Capacity,
    Limits,
    LogLine,
    ServiceStatus,
    State,
    Status,
    key,
    sum_up,
)
from weftwork.compute.executor.reading import follow_logs
from weftwork.compute.sdl.model import ManifestGroup
from weftwork.errors import BadInput
from weftwork.sandbox.plan import Plan
from weftwork.sandbox.supervisor import began_at, write_whole

_BEGIN_SECONDS = 120.0
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.02
MAX_LEASE = 256
"""Characters of a lease's id."""


class Supervised:
    """An executor on this host; leases lie in ``folder``, ports are bound on ``bind`` and told as ``host``.

    ``grace`` is how many seconds a service has between being asked to end and being killed; ``clock`` gives
    Unix seconds.
    """

    name = "supervised"

    def __init__(
        self,
        folder: Path,
        *,
        bind: str = "127.0.0.1",
        host: str = "",
        grace: float = 3.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = Path(folder).absolute()
        self.bind, self.host, self.grace, self.clock = bind, host or bind, grace, clock
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def check(self) -> None:
        """See :class:`.port.Executor`."""

    async def start(self, lease: str, group: ManifestGroup, limits: Limits | None = None) -> None:
        """See :class:`.port.Executor`; a lease whose supervisor was killed is begun again."""
        if not lease or len(lease) > MAX_LEASE or not lease.isprintable():
            raise BadInput(f"a lease's id is from 1 to {MAX_LEASE} printable characters", value=lease[:80])
        limits, place = limits or Limits(), self.folder / key(lease)
        wanted = {"lease": lease, "group": group.to_json(), "limits": dataclasses.asdict(limits)}
        async with self._locks[lease]:
            if place.exists():
                kept = _load(place / "lease.json")
                state = _load(place / "state.json")
                if state.get("stopped"):
                    raise LeaseConflict(f"the lease {lease} was stopped", value=lease)
                if {name: kept.get(name) for name in wanted} != wanted:
                    raise LeaseConflict(f"the lease {lease} already runs another group", value=lease)
                if is_alive(place) or (state.get("begun") and _has_ended(state)):
                    return
                await self._sweep(lease, place)
                await self._run(lease, place, fresh=False)
                return
            await self.check()
            await self._prepare(group)
            self._lay_out(place, wanted, group, limits)
            await self._run(lease, place, fresh=True)

    async def status(self, lease: str) -> Status:
        """See :class:`.port.Executor`."""
        place = self._find(lease)
        kept, alive, state = _load(place / "lease.json"), is_alive(place), _load(place / "state.json")
        alive = alive or (not state and self._locks[lease].locked())  # it is being begun
        replicas = state.get("replicas") or []
        lost = "its supervisor was killed" if state.get("begun") else "it was not begun"
        services = []
        for service in kept["group"]["services"]:
            mine = [item for item in replicas if item["service"] == service["name"]]
            services.append(self._describe(service, mine, state, alive, lost))
        return Status(lease, tuple(services), bool(state.get("stopped")))

    async def logs(
        self, lease: str, service: str | None = None, *, tail: int | None = None, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """See :class:`.port.Executor`."""
        place = self._find(lease)
        replicas = []
        for item in _load(place / "plan.json")["replicas"]:
            if service in (None, item["service"]):
                folder = place / f"{item['service']}-{item['index']}" / "log"
                replicas.append((item["service"], item["index"], folder))

        async def going() -> bool:
            if not is_alive(place):
                return False
            now = await self.status(lease)
            of = [one for one in now.services if service in (None, one.name)]
            return any(one.live for one in of)

        async for line in follow_logs(replicas, tail=tail, going=going if follow else None):
            yield line

    async def pause(self, lease: str) -> None:
        """See :class:`.port.Executor`."""
        await self._tell(self._find(lease), "pause")

    async def resume(self, lease: str) -> None:
        """See :class:`.port.Executor`."""
        await self._tell(self._find(lease), "resume")

    async def stop(self, lease: str) -> None:
        """See :class:`.port.Executor`."""
        place = self._find(lease)
        async with self._locks[lease]:
            await self._tell(place, "stop")
            if not await _await_end(place, _STOP_SECONDS):
                await self._kill_supervisor(place)
            state = _load(place / "state.json")
            if not state.get("stopped") or not _has_ended(state):
                for replica in state.get("replicas") or []:
                    if replica["state"] not in ("exited", "failed"):
                        replica["state"], replica["why"] = "failed", "its supervisor was killed"
                write_whole(place / "state.json", state | {"stopped": True})
            if not state.get("done"):
                await self._sweep(lease, place)
            await asyncio.to_thread(shutil.rmtree, place / "volumes", True)

    async def forget(self, lease: str) -> None:
        """See :class:`.port.Executor`."""
        if (self.folder / key(lease) / "lease.json").exists():
            await self.stop(lease)
            async with self._locks[lease]:
                await asyncio.to_thread(shutil.rmtree, self.folder / key(lease), True)

    async def leases(self) -> list[str]:
        """See :class:`.port.Executor`."""
        found = self.folder.glob("lease-*/lease.json")
        return sorted(str(kept["lease"]) for place in found if (kept := _load(place)))

    async def capacity(self) -> Capacity:
        """All CPUs and memory of the host, and what is free on the disk of the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return Capacity((os.cpu_count() or 1) * 1000, memory, shutil.disk_usage(self.folder).free)

    async def close(self) -> None:
        """Nothing is held open."""

    # What an executor of this family adds.

    async def _prepare(self, group: ManifestGroup) -> None:
        """Sees to it that the group can be run; raises BadManifest or ImageRefused."""

    def _plan(self, lease: str, group: ManifestGroup, limits: Limits, place: Path, scratch: Path) -> Plan:
        """The plan for a lease that will lie in ``place`` and is being laid out in ``scratch``."""
        raise NotImplementedError

    def _launcher(self) -> list[str]:
        """What the supervisor is started under."""
        return []

    async def _sweep(self, lease: str, place: Path) -> None:
        """Takes away what a killed supervisor left running."""

    # What it has from here.

    def _lay_out(self, place: Path, wanted: dict[str, Any], group: ManifestGroup, limits: Limits) -> None:
        """Makes the lease's folder, whole or not at all."""
        scratch = self.folder / f".new-{place.name}-{os.getpid()}"
        shutil.rmtree(scratch, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch.mkdir(mode=0o700)
        try:
            plan = self._plan(wanted["lease"], group, limits, place, scratch)
            (scratch / "plan.json").write_text(json.dumps(plan.to_json()))
            (scratch / "lease.json").write_text(json.dumps(wanted))
            scratch.rename(place)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise

    async def _run(self, lease: str, place: Path, *, fresh: bool) -> None:
        """Starts the supervisor; where that fails, a fresh lease leaves nothing behind."""
        command = [*self._launcher(), sys.executable, "-m", "weftwork.sandbox.supervisor", str(place)]
        keep = ("PATH", "HOME", "XDG_RUNTIME_DIR", "TMPDIR", "PYTHONPATH", "CONTAINERS_CONF", "LANG")
        env = {name: os.environ[name] for name in keep if name in os.environ}
        (place / "state.json").unlink(missing_ok=True)
        try:
            with _open_log(place) as log:
                process = await asyncio.create_subprocess_exec(
                    *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd="/"
                )
            async with asyncio.timeout(_BEGIN_SECONDS):
                status = await process.wait()
            if status == 0:
                return
            said = str(_load(place / "state.json").get("error") or "")
            if not said:
                said = (place / "supervisor.log").read_text()[-300:].strip().rpartition("\n")[2]
            raise ExecutorFailed(f"the lease {lease} could not be begun: {said[:400]}", value=said[:200])
        except BaseException:
            if is_alive(place):
                await asyncio.shield(self._kill_supervisor(place))
            await asyncio.shield(self._sweep(lease, place))
            if fresh:
                shutil.rmtree(place, ignore_errors=True)
            raise

    def _find(self, lease: str) -> Path:
        place = self.folder / key(lease)
        if not (place / "lease.json").exists():
            raise LeaseNotFound(f"nothing runs or ran here for the lease {lease[:80]}", value=lease[:80])
        return place

    async def _tell(self, place: Path, word: str) -> None:
        """Says one word to the supervisor and waits until it is done; one that is gone is past it."""
        with suppress(OSError, TimeoutError):
            folder = os.open(place, os.O_PATH | os.O_DIRECTORY)  # a socket's path may have 107 bytes only
            try:
                reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/control")
            finally:
                os.close(folder)
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    writer.write(word.encode() + b"\n")
                    await reader.read()
            finally:
                writer.close()

    async def _kill_supervisor(self, place: Path) -> None:
        """Kills the process that holds the lease, if the id on file is still that process."""
        owner = _load(place / "owner.json")
        if owner and began_at(owner["pid"]) == owner["began"]:
            with suppress(ProcessLookupError):
                os.kill(owner["pid"], signal.SIGKILL)
            await _await_end(place, _STOP_SECONDS)

    def _describe(
        self, service: dict[str, Any], replicas: list[Any], state: dict[str, Any], alive: bool, lost: str
    ) -> ServiceStatus:
        if not alive:
            for replica in replicas:
                if replica["state"] not in ("exited", "failed"):
                    replica["state"], replica["why"] = "failed", lost
        states: list[State] = [replica["state"] for replica in replicas]
        if not states:
            states = ["starting"] if alive else ["failed"]
        ended = [r for r in replicas if r["exit_status"] is not None]
        first = next((r for r in ended if r["exit_status"]), ended[0] if ended else None)
        why = next((r["why"] for r in replicas if r["why"]), "" if replicas or alive else lost)
        ports = [port for port in state.get("ports") or [] if port["service"] == service["name"] and alive]
        return ServiceStatus(
            name=service["name"],
            state=sum_up(states),
            ready=states.count("running"),
            wanted=service["count"],
            exit_status=None if first is None else first["exit_status"],
            why=why,
            endpoints=tuple(self._address(port) for port in ports),
        )

    def _address(self, port: dict[str, Any]) -> Address:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return Address(
            port=port["port"],
            external=port["external"],
            proto="TCP",
            host=self.host,
            bound=port["bound"],
            url=f"http://{host}:{port['bound']}",
            hosts=tuple(port["hosts"]),
        )


def is_alive(place: Path) -> bool:
    """True while a supervisor holds the lease in ``place``: the lock is the kernel's, and dies with it."""
    try:
        lock = os.open(place / "alive", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


async def _await_end(place: Path, seconds: float) -> bool:
    """True once the supervisor of ``place`` is gone, False if it still holds the lease after ``seconds``."""
    for _ in range(int(seconds / _POLL_SECONDS)):
        if not is_alive(place):
            return True
        await asyncio.sleep(_POLL_SECONDS)
    return not is_alive(place)


def _open_log(place: Path) -> IO[bytes]:
    """Where a supervisor tells of its own faults."""
    return open(place / "supervisor.log", "ab")


def _has_ended(state: dict[str, Any]) -> bool:
    replicas = state.get("replicas") or []
    return bool(replicas) and all(replica["state"] in ("exited", "failed") for replica in replicas)


def _load(path: Path) -> dict[str, Any]:
    """The JSON object in a file, empty where there is none that can be read."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
