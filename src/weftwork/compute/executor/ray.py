"""Work in many parts on a Ray cluster: each replica is an actor, placed by its resources, in a sandbox there.

Actors are detached: they outlive the provider, which finds them by name. A lease here has no ports. Logs and
exit statuses are fetched into ``folder`` before the actors go. Source: Ray's reference on actors.
"""

from __future__ import annotations

import asyncio
import dataclasses
import heapq
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from weftwork.compute.error import ExecutorFailed, ImageRefused, LeaseConflict, LeaseNotFound
from weftwork.compute.executor.archive import Archive
from weftwork.compute.executor.port import Capacity, Limits, LogLine, ServiceStatus, Status, sum_up
from weftwork.compute.executor.process import check_group
from weftwork.compute.executor.reading import follow_logs
from weftwork.compute.executor.runtime import find_runtimes
from weftwork.compute.executor.task import Task
from weftwork.compute.sdl.model import ManifestGroup, hash_manifest
from weftwork.errors import ExtraMissing, Unavailable

_MARK = "weft"
_ASK_SECONDS = 30.0
_ROOM_SECONDS = 10.0
"""How long a start waits for the cluster to have room; a replica that has none yet is starting."""

_PIECE = 5000
_POLL_SECONDS = 0.2


class RayExecutor:
    """Runs leases on the cluster at ``address`` (``auto``: the one of this machine), in ``namespace``."""

    name = "ray"

    def __init__(self, folder: Path, *, address: str = "auto", namespace: str = _MARK) -> None:
        self.archive, self.address, self.namespace = Archive(folder), address, namespace
        self._made: Any = None

    async def check(self) -> None:
        """See :class:`.port.Executor`."""
        await self._ray()

    async def start(self, lease: str, group: ManifestGroup, limits: Limits | None = None) -> None:
        """See :class:`.port.Executor`; a replica that no node has room for is starting until one has."""
        limits, manifest = limits or Limits(), hash_manifest([group.to_json()]).hex()
        if self.archive.has(lease):
            raise LeaseConflict(f"the lease {lease} was stopped", value=lease)
        check_group(group, find_runtimes())
        ray, found = await self._ray(), await self._actors(lease)
        for actor in found.values():
            if await self._ask(actor.manifest.remote(), manifest) != manifest:
                raise LeaseConflict(f"the lease {lease} already runs another group", value=lease)
        try:
            begun = []
            for service in group.services:
                one = dataclasses.replace(group, services=(service,))
                cpu = service.resource.cpu / 1000
                for index in range(service.count):
                    actor = ray.remote(Task).options(
                        name=f"{_MARK}|{lease}|{service.name}|{index}",
                        namespace=self.namespace,
                        lifetime="detached",
                        get_if_exists=True,
                        num_cpus=cpu if cpu < 1 else -(-service.resource.cpu // 1000),
                        memory=service.resource.memory,
                    )
                    begun.append(actor.remote(one, limits, manifest).begin.remote())
            ready, _ = await asyncio.to_thread(ray.wait, begun, num_returns=len(begun), timeout=_ROOM_SECONDS)
            for ref in ready:
                error = await self._ask(ref, None)
                if error is not None:
                    kind = ImageRefused if error["code"] == ImageRefused.code else ExecutorFailed
                    raise kind(error["message"], value=error.get("value"), hint=error.get("hint"))
        except BaseException:
            if not found:
                await asyncio.shield(self._end(lease))
            raise

    async def status(self, lease: str) -> Status:
        """See :class:`.port.Executor`."""
        if self.archive.has(lease):
            return self.archive.status(lease)
        return Status(lease, await self._read(await self._find(lease)))

    async def logs(
        self, lease: str, service: str | None = None, *, tail: int | None = None, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """See :class:`.port.Executor`."""
        if self.archive.has(lease):
            async for line in follow_logs(self.archive.replicas(lease, service), tail=tail):
                yield line
            return
        actors = {
            place: actor for place, actor in (await self._find(lease)).items() if service in (None, place[0])
        }
        seen: Counter[tuple[str, int]] = Counter()
        lines = await self._lines(actors, seen)
        for line in lines if tail is None else lines[-tail:] if tail else []:
            yield line
        while follow:
            last = not any(one.live for one in await self._read(actors))
            for line in await self._lines(actors, seen):
                yield line
            if last:
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def pause(self, lease: str) -> None:
        """See :class:`.port.Executor`."""
        for actor in (await self._living(lease)).values():
            await self._ask(actor.pause.remote(True), None)

    async def resume(self, lease: str) -> None:
        """See :class:`.port.Executor`."""
        for actor in (await self._living(lease)).values():
            await self._ask(actor.pause.remote(False), None)

    async def stop(self, lease: str) -> None:
        """See :class:`.port.Executor`."""
        if self.archive.has(lease):
            return
        actors = await self._find(lease)
        before = await self._read(actors)
        for actor in actors.values():
            await self._ask(actor.stop.remote(), None)
        seen: Counter[tuple[str, int]] = Counter()
        for place, actor in actors.items():
            self.archive.keep(lease, *place, await self._lines({place: actor}, seen))
        after = {service.name: service for service in await self._read(actors)}
        self.archive.close(
            lease, [after[one.name] if one.state in ("running", "paused") else one for one in before]
        )
        await self._end(lease)

    async def forget(self, lease: str) -> None:
        """See :class:`.port.Executor`."""
        try:
            await self.stop(lease)
        except LeaseNotFound:
            return
        finally:
            await asyncio.to_thread(self.archive.forget, lease)

    async def leases(self) -> list[str]:
        """See :class:`.port.Executor`."""
        return sorted({lease for lease, _, _ in await self._names()} | set(self.archive.leases()))

    async def capacity(self) -> Capacity:
        """What the nodes of the cluster have told it; scratch space is of their memory."""
        found = (await self._ray()).cluster_resources()
        memory = int(found.get("memory", 0))
        return Capacity(int(found.get("CPU", 0) * 1000), memory, memory // 4)

    async def close(self) -> None:
        """Leaves the cluster; actors go on."""
        if self._made is not None:
            await asyncio.to_thread(self._made.shutdown)
            self._made = None

    async def _ray(self) -> Any:
        if self._made is not None:
            return self._made
        try:
            import ray
        except ImportError as error:
            raise ExtraMissing(
                "Ray is not installed", value="ray", hint="pip install 'weftwork[ray]'"
            ) from error
        try:
            await asyncio.to_thread(
                ray.init,
                address=self.address,
                namespace=self.namespace,
                ignore_reinit_error=True,
                log_to_driver=False,
                logging_level="error",
            )
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            raise Unavailable(
                f"no Ray cluster at {self.address}", value=str(error)[:200], hint="run ray start --head"
            ) from error
        self._made = ray
        return ray

    async def _ask(self, ref: Any, otherwise: Any) -> Any:
        """The answer of an actor, or ``otherwise`` where none comes in time or the actor is gone."""
        ray = await self._ray()
        try:
            return await asyncio.to_thread(ray.get, ref, timeout=_ASK_SECONDS)
        except (ray.exceptions.RayActorError, ray.exceptions.GetTimeoutError):
            return otherwise

    async def _names(self) -> list[tuple[str, str, int]]:
        """(lease, service, replica) of every actor of ours."""
        ray = await self._ray()
        out = []
        for name in await asyncio.to_thread(ray.util.list_named_actors):
            if name.startswith(f"{_MARK}|") and name.count("|") >= 3:
                lease, service, index = name.removeprefix(f"{_MARK}|").rsplit("|", 2)
                out.append((lease, service, int(index)))
        return sorted(out)

    async def _actors(self, lease: str) -> dict[tuple[str, int], Any]:
        ray, out = await self._ray(), {}
        for of, service, index in await self._names():
            if of == lease:
                name = f"{_MARK}|{lease}|{service}|{index}"
                out[service, index] = await asyncio.to_thread(ray.get_actor, name, self.namespace)
        return out

    async def _find(self, lease: str) -> dict[tuple[str, int], Any]:
        found = await self._actors(lease)
        if not found:
            raise LeaseNotFound(f"nothing runs or ran here for the lease {lease[:80]}", value=lease[:80])
        return found

    async def _living(self, lease: str) -> dict[tuple[str, int], Any]:
        return {} if self.archive.has(lease) else await self._find(lease)

    async def _read(self, actors: dict[tuple[str, int], Any]) -> tuple[ServiceStatus, ...]:
        """The services, each summed up from its replicas; a replica without room has not answered yet."""
        ray = await self._ray()
        asked = {place: actor.status.remote() for place, actor in actors.items()}
        ready, _ = await asyncio.to_thread(
            ray.wait, list(asked.values()), num_returns=len(asked), timeout=2.0, fetch_local=True
        )
        found: dict[str, list[ServiceStatus]] = {}
        for (name, _), ref in asked.items():
            told = ServiceStatus(name, "starting", 0, 1, why="the cluster has no room yet")
            if ref in ready:
                told = await self._ask(ref, ServiceStatus(name, "failed", 0, 1, why="its node was lost"))
            found.setdefault(name, []).append(told)
        return tuple(_sum_up(name, replicas) for name, replicas in sorted(found.items()))

    async def _lines(
        self, actors: dict[tuple[str, int], Any], seen: Counter[tuple[str, int]]
    ) -> list[LogLine]:
        """What each replica wrote since it was last asked; ``seen`` counts on."""
        out = []
        for place, actor in actors.items():
            mine: list[LogLine] = []
            while True:
                count, lines = await self._ask(actor.lines.remote(seen[place], _PIECE), (seen[place], []))
                seen[place] = count
                mine += [
                    LogLine(*place, line.time, "stdout" if line.stream == "o" else "stderr", line.text)
                    for line in lines
                ]
                if len(lines) < _PIECE:
                    break
            out.append(mine)
        return list(heapq.merge(*out, key=lambda line: line.time))

    async def _end(self, lease: str) -> None:
        """Takes the actors away, and what they have on their nodes."""
        ray = await self._ray()
        for actor in (await self._actors(lease)).values():
            await self._ask(actor.forget.remote(), None)
            await asyncio.to_thread(ray.kill, actor)


def _sum_up(name: str, replicas: list[ServiceStatus]) -> ServiceStatus:
    ended = [one.exit_status for one in replicas if one.exit_status is not None]
    return ServiceStatus(
        name=name,
        state=sum_up([one.state for one in replicas]),
        ready=sum(one.ready for one in replicas),
        wanted=len(replicas),
        exit_status=next((status for status in ended if status), ended[0] if ended else None),
        why=next((one.why for one in replicas if one.why), ""),
    )
