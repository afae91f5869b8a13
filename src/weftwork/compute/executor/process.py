"""A service's command in a bubblewrap sandbox on this host: no image, no daemon, no privileges needed.

``image`` names a runtime that the provider allows (:mod:`.runtime`). Scratch space lies in memory, so a
replica's group of processes is held to memory and scratch together, and each process to the memory alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from weftwork.compute.error import BadManifest
from weftwork.compute.executor.port import Capacity, Limits
from weftwork.compute.executor.runtime import Runtime, choose_runtime, find_runtimes
from weftwork.compute.executor.supervised import Supervised
from weftwork.compute.executor.wiring import find_links, find_names, find_ports, read_env
from weftwork.compute.sdl.model import ManifestGroup, Service
from weftwork.errors import Unavailable
from weftwork.sandbox.box import SYSTEM, Mount, build_box, write_etc
from weftwork.sandbox.bubble import find_bubblewrap, run_sandboxed
from weftwork.sandbox.cgroup import probe
from weftwork.sandbox.plan import Plan, Replica, Share
from weftwork.sandbox.supervisor import began_at

_SCRATCH_SHARE = 4
"""One part in so many of the memory is offered as storage."""


class ProcessExecutor(Supervised):
    """Runs services as sandboxed processes; ``runtimes`` are what their images may name.

    ``tied`` leases end when this process does; others outlive it.
    """

    name = "process"

    def __init__(
        self,
        folder: Path,
        *,
        runtimes: Mapping[str, Runtime] | None = None,
        bind: str = "127.0.0.1",
        host: str = "",
        grace: float = 3.0,
        tied: bool = False,
        clock: Callable[[], float] | None = None,
    ) -> None:
        given = {} if clock is None else {"clock": clock}
        super().__init__(folder, bind=bind, host=host, grace=grace, **given)
        self.runtimes = find_runtimes() if runtimes is None else runtimes
        self.tied = tied
        self._checked = False

    async def check(self) -> None:
        """See :class:`.port.Executor`; a sandbox is made once to see that it can be."""
        if self._checked:
            return
        find_bubblewrap()
        if sys.platform != "linux":
            raise Unavailable(
                "sandboxed processes need Linux", value=sys.platform, hint="use podman's machine"
            )
        await run_sandboxed(["/bin/true"])
        self._checked = True

    async def capacity(self) -> Capacity:
        """CPUs, and the memory in two parts: three quarters to run in, one to be scratch space."""
        found = await super().capacity()
        storage = found.memory // _SCRATCH_SHARE
        return Capacity(found.cpu, found.memory - storage, storage)

    def enforced(self) -> dict[str, str]:
        """What holds each limit on this host: ``memory``, ``cpu``, ``processes``, ``pause``."""
        found = probe()
        return {
            "memory": "cgroup" if "memory" in found else "rlimit, of each process",
            "cpu": "cgroup" if "cpu" in found else "affinity, in whole CPUs",
            "processes": "cgroup" if "pids" in found else "rlimit, where the provider is not root",
            "pause": "cgroup" if "freezer" in found else "SIGSTOP",
        }

    async def _prepare(self, group: ManifestGroup) -> None:
        check_group(group, self.runtimes)

    def _plan(self, lease: str, group: ManifestGroup, limits: Limits, place: Path, scratch: Path) -> Plan:
        bwrap, replicas = find_bubblewrap(), []
        for service in group.services:
            runtime = choose_runtime(service, self.runtimes)
            write_etc(scratch / "etc" / service.name, find_names(group, service))
            for index in range(service.count):
                share, mounts = self._share(service, limits, place, scratch, index)
                argv = build_box(
                    bwrap,
                    runtime.argv(service),
                    hostname=service.name,
                    env=read_env(service),
                    etc=scratch / "etc" / service.name,
                    scratch=_scratch(service),
                    mounts=mounts,
                    read_only=runtime.folders,
                    path=runtime.path,
                )
                moved = tuple(word.replace(str(scratch), str(place), 1) for word in argv)
                replicas.append(Replica(service.name, index, moved, share))
        return Plan(
            key=place.name,
            replicas=tuple(replicas),
            ports=find_ports(group),
            links=find_links(group),
            bind=self.bind,
            deadline=None if limits.seconds is None else self.clock() + limits.seconds,
            log_bytes=limits.log_bytes,
            output_rate=limits.output_rate,
            grace=self.grace,
            owner=(os.getpid(), began_at(os.getpid()) or 0) if self.tied else None,
        )

    def _share(
        self, service: Service, limits: Limits, place: Path, scratch: Path, index: int
    ) -> tuple[Share, list[Mount]]:
        places = {mount.name: mount for mount in (service.params.mounts if service.params else ())}
        mounts, disk, memory = [], [], 0
        for volume in service.resource.storage:
            kept, where = dict(volume.attributes), places.get(volume.name)
            if where is None or not where.mount:
                continue  # it is part of the scratch space
            if kept.get("persistent") == "true":
                inside = Path("volumes", f"{service.name}-{index}", volume.name)
                (scratch / inside).mkdir(parents=True)
                mounts.append(Mount(where.mount, volume.size, place / inside, where.read_only))
                disk.append((str(place / inside), volume.size))
            else:
                mounts.append(Mount(where.mount, volume.size))
                memory += volume.size
        resource = service.resource
        most = max((volume.size for volume in resource.storage), default=0)
        share = Share(
            memory=resource.memory + memory + _scratch(service),
            data=resource.memory,
            cpu=resource.cpu,
            processes=limits.processes,
            file_bytes=most,
            disk=tuple(disk),
        )
        return share, mounts


def check_group(group: ManifestGroup, runtimes: Mapping[str, Runtime]) -> None:
    """Returns if the group can be run in sandboxes; raises BadManifest or ImageRefused."""
    for service in group.services:
        choose_runtime(service, runtimes).argv(service)
        read_env(service)
        _refuse_what_it_lacks(service)


def _scratch(service: Service) -> int:
    """Bytes of /tmp: the volumes that are mounted nowhere else."""
    mounted = {mount.name for mount in (service.params.mounts if service.params else ()) if mount.mount}
    return sum(volume.size for volume in service.resource.storage if volume.name not in mounted) or 1 << 20


def _refuse_what_it_lacks(service: Service) -> None:
    lacks = [
        (service.resource.gpu > 0, "a GPU", "gpu"),
        (any(expose.ip for expose in service.expose), "an address of its own", "ip"),
        (any(expose.proto != "TCP" for expose in service.expose), "UDP", "proto"),
        (bool(service.params and service.params.tee), "a trusted environment", "tee"),
        (bool(service.params and service.params.permissions), "rights to read its lease", "permissions"),
    ]
    for lacking, what, word in lacks:
        if lacking:
            raise BadManifest(
                f"the service {service.name} asks for {what}, which a sandboxed process cannot have",
                value=word,
            )
    for mount in service.params.mounts if service.params else ():
        where = str(PurePosixPath(mount.mount))
        under = [top for top in SYSTEM if where == top or where.startswith(top + "/")]
        if mount.mount and (where == "/" or ".." in where or (under and where != "/dev/shm")):  # noqa: S108
            raise BadManifest(
                f"the volume {mount.name} of {service.name} would lie on {where}, which is the system's",
                value=mount.mount,
                hint="mount it elsewhere, such as /data",
            )
