"""The port between a provider and what runs its leases; one conformance suite holds every executor to it.

An executor holds no state that its provider must keep: what it started is found again by
:meth:`Executor.leases` after the provider was killed, on the host itself (folders, labels, namespaces).

::

                start ──▶ starting ──▶ running ◀──▶ paused        (pause, resume)
                              │           │            │
                              └──────▶ exited or failed ◀── stop  (logs and exit status stay until forget)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from weftwork.compute.sdl.model import ManifestGroup

State = Literal["starting", "running", "paused", "exited", "failed"]
"""``exited``: ended with status 0, or was stopped; ``failed``: ended otherwise, or could not begin."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a lease may use besides the resources of its manifest.

    ``seconds`` of wall clock from its start, None for no end (pauses count); ``processes`` and ``log_bytes``
    for each replica; ``output_rate`` in bytes a second is what a replica may write to its log for long.
    """

    seconds: float | None = None
    processes: int = 256
    log_bytes: int = 8 * 1024 * 1024
    output_rate: int = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where one exposed port of a service is reached: the manifest's ``port``, and ``host`` and ``bound``.

    ``external`` is the port that the deployment file asks for, ``url`` is set for TCP, ``hosts`` are the
    names that the file wants it to answer to.
    """

    port: int
    external: int
    proto: Literal["TCP", "UDP"]
    host: str
    bound: int
    url: str = ""
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service: its replicas that run, those wanted, the exit status (128 + signal) of one that ended.

    That is the first that failed, else the first. ``why`` is a sentence where the state needs one: out of
    memory, out of time, no such image.
    """

    name: str
    state: State
    ready: int
    wanted: int
    exit_status: int | None = None
    why: str = ""
    endpoints: tuple[Address, ...] = ()

    @property
    def live(self) -> bool:
        """True while one of its replicas runs or may run again."""
        return self.ready > 0 or self.state in ("starting", "running", "paused")


@dataclass(frozen=True, slots=True)
class Status:
    """A lease: its services by name, and the state that sums them up; ``stopped`` once it was told to end."""

    lease: str
    services: tuple[ServiceStatus, ...]
    stopped: bool = False

    @property
    def state(self) -> State:
        """The states of the services in one: see :func:`sum_up`."""
        return sum_up([service.state for service in self.services])

    @property
    def live(self) -> bool:
        """True while something of the lease can still run."""
        return any(service.live for service in self.services)

    def service(self, name: str) -> ServiceStatus:
        """The service of that name; KeyError where the lease has none."""
        found = next((service for service in self.services if service.name == name), None)
        if found is None:
            raise KeyError(name)
        return found


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a replica wrote: ``time`` in Unix seconds, ``text`` without its end of line."""

    service: str
    replica: int
    time: float
    stream: Literal["stdout", "stderr"]
    text: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """What this executor's host or cluster has in all: thousandths of a CPU, bytes, GPUs."""

    cpu: int
    memory: int
    storage: int
    gpu: int = 0


@runtime_checkable
class Executor(Protocol):
    """Runs the groups of manifests, one a lease. Every method may be called at any time and again."""

    name: str

    async def check(self) -> None:
        """Returns where this executor can run here.

        :raises ExtraMissing: a program or package is not installed; the hint names it
        :raises Unavailable: it is installed and cannot work here
        """

    async def start(self, lease: str, group: ManifestGroup, limits: Limits | None = None) -> None:
        """Runs ``group`` for ``lease``; returns when it was begun, which is before it serves. Idempotent.

        On any error nothing of the lease is left on the host.

        :raises BadManifest: this executor cannot run such a group
        :raises ImageRefused: the image is not to be had
        :raises LeaseConflict: the lease already runs another group, or was stopped
        """

    async def status(self, lease: str) -> Status:
        """How the lease stands, read from the host.

        :raises LeaseNotFound: nothing runs or ran here for the lease
        """

    def logs(
        self, lease: str, service: str | None = None, *, tail: int | None = None, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """The lines in the order in which each replica wrote them; ``tail`` keeps the last so many.

        ``follow`` goes on until the lease (or the service) has ended.

        :raises LeaseNotFound: nothing runs or ran here for the lease
        """

    async def pause(self, lease: str) -> None:
        """Takes the CPU away; what is paused keeps its volumes. Nothing happens to what has ended."""

    async def resume(self, lease: str) -> None:
        """Gives it back."""

    async def stop(self, lease: str) -> None:
        """Ends the lease and removes its volumes; logs and exit status stay. Idempotent."""

    async def forget(self, lease: str) -> None:
        """Stops the lease and removes its logs and exit status too. Idempotent, also for an unknown lease."""

    async def leases(self) -> list[str]:
        """The leases that run or ran here and were not forgotten, sorted."""

    async def capacity(self) -> Capacity:
        """What the host or cluster has."""

    async def close(self) -> None:
        """Lets go of connections; leases go on running."""


def key(lease: str) -> str:
    """A name for ``lease`` that a file, a container, a namespace and a label can have: lease- and 16 hex."""
    return "lease-" + hashlib.sha256(lease.encode()).hexdigest()[:16]


def sum_up(states: list[State]) -> State:
    """``starting`` if one is, else ``failed``, ``paused``, ``running`` if one is, else ``exited``."""
    order: tuple[State, ...] = ("starting", "failed", "paused", "running")
    return next((state for state in order if state in states), "exited")


IS_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
"""What a service may be called: as in the deployment file, a label of a host name."""
