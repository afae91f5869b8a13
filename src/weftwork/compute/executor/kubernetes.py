"""Leases on a Kubernetes cluster: a namespace for each, through the official client.

A cluster's own state is the state: a provider that was killed reads it again. Logs die with their pods there,
so they are copied into ``folder`` before a pause and before the end of a lease. See :mod:`.cluster` for what
a group becomes, :mod:`.pods` for how its state is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from weftwork.compute.error import LeaseConflict, LeaseNotFound
from weftwork.compute.executor.archive import LOG_BYTES, Archive
from weftwork.compute.executor.cluster import (
    DEADLINE,
    LEASE,
    MANIFEST,
    REPLICAS,
    ClusterSetting,
    build_objects,
)
from weftwork.compute.executor.cluster_api import ClusterApi
from weftwork.compute.executor.pods import order_pods, read_lines, read_services
from weftwork.compute.executor.port import (
    Capacity,
    Limits,
    LogLine,
    ServiceStatus,
    Status,
    key,
)
from weftwork.compute.executor.reading import follow_logs
from weftwork.compute.sdl.model import ManifestGroup, hash_manifest
from weftwork.errors import WeftError

_OVERLAP_SECONDS = 2


class KubernetesExecutor:
    """Runs leases on the cluster of ``kubeconfig`` and ``context``; what outlives them lies in ``folder``."""

    name = "kubernetes"

    def __init__(
        self,
        folder: Path,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        setting: ClusterSetting | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.setting, self.clock = setting or ClusterSetting(), clock
        self.archive = Archive(folder)
        self._where = (kubeconfig, context)
        self._made: ClusterApi | None = None

    async def check(self) -> None:
        """See :class:`.port.Executor`."""
        await asyncio.to_thread((await self._api()).version)

    async def start(self, lease: str, group: ManifestGroup, limits: Limits | None = None) -> None:
        """See :class:`.port.Executor`; an image that is not to be had shows in the status, not here."""
        limits, name = limits or Limits(), key(lease)
        if self.archive.has(lease):
            raise LeaseConflict(f"the lease {lease} was stopped", value=lease)
        api = await self._api()
        there = await asyncio.to_thread(api.namespace, name)
        if there is not None:
            notes = there["metadata"].get("annotations") or {}
            if notes.get(MANIFEST) != hash_manifest([group.to_json()]).hex():
                raise LeaseConflict(f"the lease {lease} already runs another group", value=lease)
        deadline = None if limits.seconds is None else self.clock() + limits.seconds
        objects = build_objects(lease, group, limits, self.setting, deadline=deadline)
        try:
            for item in objects:  # what is there stays as it is: a start that was cut off is gone on with
                await asyncio.to_thread(api.create, item)
        except BaseException:
            if there is None:
                with contextlib.suppress(WeftError):
                    await asyncio.shield(asyncio.to_thread(api.delete_namespace, name))
            raise

    async def status(self, lease: str) -> Status:
        """See :class:`.port.Executor`; a lease that is out of time is stopped here."""
        if self.archive.has(lease):
            return self.archive.status(lease)
        api, name = await self._api(), key(lease)
        there = await asyncio.to_thread(api.namespace, name)
        if there is None:
            raise LeaseNotFound(f"nothing runs or ran here for the lease {lease[:80]}", value=lease[:80])
        until = (there["metadata"].get("annotations") or {}).get(DEADLINE)
        if until is not None and float(until) <= self.clock():
            await self._end(lease, "out of time")
            return self.archive.status(lease)
        return Status(lease, await asyncio.to_thread(self._read, api, name))

    async def logs(
        self, lease: str, service: str | None = None, *, tail: int | None = None, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """See :class:`.port.Executor`."""
        if self.archive.has(lease):
            async for line in follow_logs(self.archive.replicas(lease, service), tail=tail):
                yield line
            return
        await self.status(lease)
        api, name = await self._api(), key(lease)
        pods = order_pods(await asyncio.to_thread(api.pods, name))
        mine = [pod for pod in pods if service in (None, pod[0])]
        kept: list[LogLine] = [line async for line in follow_logs(self.archive.replicas(lease, service))]
        found = [kept]
        for of, replica, pod in mine:
            text = await asyncio.to_thread(api.log, name, pod, tail, LOG_BYTES)
            found.append(read_lines(of, replica, text))
        merged = list(heapq.merge(*found, key=lambda line: line.time))
        last = {pod: lines[-1].time for (_, _, pod), lines in zip(mine, found[1:], strict=True) if lines}
        for line in merged if tail is None else merged[-tail:] if tail else []:
            yield line
        if follow:
            async for line in self._follow(api, name, mine, last):
                yield line

    async def pause(self, lease: str) -> None:
        """See :class:`.port.Executor`: every deployment to no replicas, remembered in an annotation."""
        status = await self.status(lease)
        if not status.live:
            return
        api, name = await self._api(), key(lease)
        deployments = await asyncio.to_thread(api.deployments, name)
        going = [item for item in deployments if REPLICAS not in (item["metadata"].get("annotations") or {})]
        if going:
            await self._keep_logs(lease)
        for item in going:
            count = int(item["spec"].get("replicas") or 0)
            notes: dict[str, str | None] = {REPLICAS: str(count)}
            await asyncio.to_thread(api.scale, name, item["metadata"]["name"], 0, notes)

    async def resume(self, lease: str) -> None:
        """See :class:`.port.Executor`."""
        if not (await self.status(lease)).live:
            return
        api, name = await self._api(), key(lease)
        for item in await asyncio.to_thread(api.deployments, name):
            count = (item["metadata"].get("annotations") or {}).get(REPLICAS)
            if count is not None:
                notes: dict[str, str | None] = {REPLICAS: None}
                await asyncio.to_thread(api.scale, name, item["metadata"]["name"], int(count), notes)

    async def stop(self, lease: str) -> None:
        """See :class:`.port.Executor`."""
        if not self.archive.has(lease):
            await self._end(lease, "")

    async def forget(self, lease: str) -> None:
        """See :class:`.port.Executor`."""
        with contextlib.suppress(LeaseNotFound):
            await self.stop(lease)
        await asyncio.to_thread(self.archive.forget, lease)

    async def leases(self) -> list[str]:
        """See :class:`.port.Executor`."""
        found = set(self.archive.leases())
        api = await self._api()
        for item in await asyncio.to_thread(api.namespaces):
            lease = (item["metadata"].get("annotations") or {}).get(LEASE)
            if lease and not item["metadata"].get("deletionTimestamp"):
                found.add(lease)
        return sorted(found)

    async def capacity(self) -> Capacity:
        """What the nodes that take work can give in all."""
        from kubernetes.utils import parse_quantity

        out = dict.fromkeys(("cpu", "memory", "ephemeral-storage", "nvidia.com/gpu"), 0)
        api = await self._api()
        for node in await asyncio.to_thread(api.nodes):
            if not node["spec"].get("unschedulable"):
                for name in out:
                    amount = parse_quantity(node["status"]["allocatable"].get(name, "0"))
                    out[name] += int(amount * 1000) if name == "cpu" else int(amount)
        return Capacity(out["cpu"], out["memory"], out["ephemeral-storage"], out["nvidia.com/gpu"])

    async def close(self) -> None:
        """Lets the connections go; leases go on."""
        if self._made is not None:
            await asyncio.to_thread(self._made.close)
            self._made = None

    async def _api(self) -> ClusterApi:
        if self._made is None:
            self._made = await asyncio.to_thread(ClusterApi, *self._where)
        return self._made

    def _read(self, api: ClusterApi, name: str) -> tuple[ServiceStatus, ...]:
        return read_services(
            api.deployments(name), api.pods(name), api.services(name), api.ingresses(name), self.setting
        )

    async def _end(self, lease: str, why: str) -> None:
        """Keeps what outlives the lease, then ends its namespace."""
        api, name = await self._api(), key(lease)
        if await asyncio.to_thread(api.namespace, name) is None:
            raise LeaseNotFound(f"nothing runs or ran here for the lease {lease[:80]}", value=lease[:80])
        found = await asyncio.to_thread(self._read, api, name)
        await self._keep_logs(lease)
        self.archive.close(lease, found, why)
        await asyncio.to_thread(api.delete_namespace, name)

    async def _keep_logs(self, lease: str) -> None:
        """Copies what the pods wrote into the folder."""
        api, name = await self._api(), key(lease)
        for service, replica, pod in order_pods(await asyncio.to_thread(api.pods, name)):
            text = await asyncio.to_thread(api.log, name, pod, None, LOG_BYTES)
            self.archive.keep(lease, service, replica, read_lines(service, replica, text))

    async def _follow(
        self, api: ClusterApi, name: str, pods: list[tuple[str, int, str]], last: dict[str, float]
    ) -> AsyncIterator[LogLine]:
        """Lines as they come, each pod read by a thread of its own, until all pods have ended."""
        from urllib3.exceptions import HTTPError

        loop, queue = asyncio.get_running_loop(), asyncio.Queue[LogLine | None](1000)
        answers: list[Any] = []
        over = threading.Event()

        def read(service: str, replica: int, pod: str) -> None:
            since, rest = last.get(pod, 0.0), b""
            ago = int(self.clock() - since) + _OVERLAP_SECONDS if since else 10**9
            try:
                pieces, answer = api.follow(name, pod, ago)
                answers.append(answer)
                for piece in pieces:
                    *whole, rest = (rest + piece).split(b"\n")
                    for line in read_lines(service, replica, b"\n".join(whole).decode(errors="replace")):
                        if line.time > since and not over.is_set():
                            asyncio.run_coroutine_threadsafe(queue.put(line), loop).result(60)
            except (WeftError, HTTPError, OSError, RuntimeError, TimeoutError):
                pass  # a stream that breaks off has ended
            finally:
                if not over.is_set():
                    asyncio.run_coroutine_threadsafe(queue.put(None), loop)

        tasks = [asyncio.create_task(asyncio.to_thread(read, *pod)) for pod in pods]
        left = len(tasks)
        try:
            while left:
                line = await queue.get()
                if line is None:
                    left -= 1
                else:
                    yield line
        finally:
            over.set()
            for answer in answers:
                with contextlib.suppress(HTTPError, OSError):
                    answer.close()
