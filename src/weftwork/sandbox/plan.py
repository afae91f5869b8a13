"""What a supervisor is told to run: a list of replicas, ready to be started, and the ports between them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a service that the host listens for: ``bound`` 0 lets the system choose."""

    service: str
    port: int
    external: int = 0
    hosts: tuple[str, ...] = ()
    bound: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """Inside ``consumer``'s network, ``address``:``external`` leads to ``port`` of ``service``."""

    consumer: str
    service: str
    port: int
    external: int
    address: str


@dataclass(frozen=True, slots=True)
class Container:
    """The commands of a container engine about one container; each is whole, its program first."""

    pidfile: str
    pause: tuple[str, ...]
    resume: tuple[str, ...]
    end: tuple[str, ...]
    kill: tuple[str, ...]
    remove: tuple[str, ...]
    layer: tuple[str, ...]
    out_of_memory: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """What one replica may use: bytes, thousandths of a CPU, processes.

    ``memory`` bounds the group of its processes and ``data`` each one; ``file_bytes`` is the longest file;
    ``disk`` are folders that are watched, each with what it may hold, and ``layer`` what a container writes.
    """

    memory: int
    data: int
    cpu: int
    processes: int
    file_bytes: int
    disk: tuple[tuple[str, int], ...] = ()
    layer: int = 0


@dataclass(frozen=True, slots=True)
class Replica:
    """One process tree: ``argv`` is a bubblewrap command line, or one that runs a ``container``."""

    service: str
    index: int
    argv: tuple[str, ...]
    share: Share
    container: Container | None = None

    @property
    def name(self) -> str:
        """``service-index``: the name of its folder in the lease's."""
        return f"{self.service}-{self.index}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that one supervisor holds; ``deadline`` in Unix seconds, ``grace`` between TERM and KILL.

    ``owner`` is a process, by its id and when it began, with which everything ends.
    """

    key: str
    replicas: tuple[Replica, ...]
    ports: tuple[Port, ...] = ()
    links: tuple[Link, ...] = ()
    bind: str = "127.0.0.1"
    deadline: float | None = None
    log_bytes: int = 8 * 1024 * 1024
    output_rate: int = 4 * 1024 * 1024
    grace: float = 3.0
    owner: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Plan:
        """What :meth:`to_json` gave."""
        replicas = tuple(_replica(item) for item in value["replicas"])
        ports = tuple(Port(**item | {"hosts": tuple(item["hosts"])}) for item in value["ports"])
        links = tuple(Link(**item) for item in value["links"])
        owner = value["owner"] and tuple(value["owner"])
        return cls(**value | {"replicas": replicas, "ports": ports, "links": links, "owner": owner})


def _replica(value: dict[str, Any]) -> Replica:
    share, container = value["share"], value["container"]
    disk = tuple((path, size) for path, size in share["disk"])
    commands = container and {
        name: command if isinstance(command, str) else tuple(command) for name, command in container.items()
    }
    return Replica(
        service=value["service"],
        index=value["index"],
        argv=tuple(value["argv"]),
        share=Share(**share | {"disk": disk}),
        container=Container(**commands) if commands else None,
    )
