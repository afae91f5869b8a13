"""Control groups of the kernel, version 1 and 2: a bound on memory, CPU and processes, and a freeze.

What this process may make here is found by trying. Source: cgroups(7); the kernel's documentation of
cgroup-v1 (memory, cpu, pids, freezer) and cgroup-v2.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

CONTROLLERS = ("memory", "cpu", "pids", "freezer")
_PERIOD = 100_000  # microseconds, the kernel's default period for CPU quotas


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A group of processes: the folder of each controller (one and the same in version 2)."""

    folders: dict[str, str] = field(default_factory=dict)
    version: int = 1

    def join(self) -> None:
        """Puts this process, and what it will start, into the group."""
        for folder in set(self.folders.values()):
            Path(folder, "cgroup.procs").write_text("0")

    def limit(self, *, memory: int, cpu: int, processes: int) -> None:
        """Bounds the group: bytes (swap none), thousandths of a CPU, processes and threads."""
        quota = max(cpu * _PERIOD // 1000, 1000)
        if self.version == 2:
            wanted = [
                ("memory", "memory.max", str(memory)),
                ("memory", "memory.swap.max", "0"),
                ("memory", "memory.oom.group", "1"),
                ("cpu", "cpu.max", f"{quota} {_PERIOD}"),
                ("pids", "pids.max", str(processes)),
            ]
        else:
            wanted = [
                ("memory", "memory.limit_in_bytes", str(memory)),
                ("memory", "memory.memsw.limit_in_bytes", str(memory)),
                ("cpu", "cpu.cfs_period_us", str(_PERIOD)),
                ("cpu", "cpu.cfs_quota_us", str(quota)),
                ("pids", "pids.max", str(processes)),
            ]
        for controller, name, value in wanted:
            place = Path(self.folders.get(controller, "/nonexistent"), name)
            if place.exists():
                place.write_text(value)

    def freeze(self, frozen: bool) -> bool:
        """Stops or thaws every process of the group; False where no freezer is at hand."""
        folder = self.folders.get("freezer")
        if folder is None:
            return False
        if self.version == 2:
            Path(folder, "cgroup.freeze").write_text("1" if frozen else "0")
            return True
        place, wanted = Path(folder, "freezer.state"), "FROZEN" if frozen else "THAWED"
        for _ in range(200):  # FREEZING until each process has stopped
            place.write_text(wanted)
            if place.read_text().strip() == wanted:
                return True
            time.sleep(0.005)
        return False

    def was_out_of_memory(self) -> bool:
        """True if the kernel killed a process of the group for its memory."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        with suppress(OSError, KeyError, ValueError):
            lines = Path(self.folders["memory"], name).read_text().splitlines()
            return any(line.split()[0] == "oom_kill" and int(line.split()[1]) > 0 for line in lines)
        return False

    def processes(self) -> list[int]:
        """The processes in the group."""
        for folder in self.folders.values():
            with suppress(OSError, ValueError):
                return [int(line) for line in Path(folder, "cgroup.procs").read_text().split()]
        return []

    def remove(self) -> None:
        """Takes the group away; nothing happens while processes are in it, or where it is gone."""
        for folder in set(self.folders.values()):
            with suppress(OSError):
                os.rmdir(folder)

    def is_gone(self) -> bool:
        """True if no folder of the group is left."""
        return not any(os.path.isdir(folder) for folder in self.folders.values())


def make_cgroup(name: str) -> Cgroup:
    """A group of that name under this process's own, with the controllers that it may use here (or none)."""
    found: dict[str, str] = {}
    for controller, base in _bases().items():
        folder = os.path.join(base, name)
        with suppress(OSError):
            os.makedirs(folder, exist_ok=True)
            if os.access(os.path.join(folder, "cgroup.procs"), os.W_OK):
                found[controller] = folder
    if found:
        return Cgroup(found, 1)
    return _make_unified(name)


def probe() -> tuple[str, ...]:
    """The controllers that :func:`make_cgroup` finds here."""
    group = make_cgroup(f"weft-probe-{os.getpid()}")
    group.remove()
    return tuple(sorted(group.folders))


def _bases() -> dict[str, str]:
    """Of each controller of version 1, the folder of this process's own group."""
    mounts: dict[str, str] = {}
    for line in _lines("/proc/self/mounts"):
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup":
            for name in set(options.split(",")) & set(CONTROLLERS):
                mounts[name] = place
    own: dict[str, str] = {}
    for line in _lines("/proc/self/cgroup"):
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            own[name] = path
    out = {}
    for name, place in mounts.items():
        folder = place + own.get(name, "/")
        out[name] = folder if os.path.isdir(folder) else place
    return out


def _make_unified(name: str) -> Cgroup:
    """The same in version 2, where a group that holds processes cannot have groups with limits under it."""
    root = Path("/sys/fs/cgroup")
    if not (root / "cgroup.controllers").exists():
        return Cgroup({})
    own = next((line[3:] for line in _lines("/proc/self/cgroup") if line.startswith("0::")), "/")
    for base in (root / own.lstrip("/"), root):
        with suppress(OSError):
            for controller in ("memory", "cpu", "pids"):
                with suppress(OSError):
                    (base / "cgroup.subtree_control").write_text(f"+{controller}")
            folder = base / name
            folder.mkdir(exist_ok=True)
            has = [
                c
                for c, f in (("memory", "max"), ("cpu", "max"), ("pids", "max"))
                if (folder / f"{c}.{f}").exists()
            ]
            if has and os.access(folder / "cgroup.procs", os.W_OK):
                return Cgroup(dict.fromkeys([*has, "freezer"], str(folder)), 2)
            folder.rmdir()
    return Cgroup({})


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
