"""The bubblewrap command line of a service that stays: its own network, bounded scratch space, its volumes.

The walls are those of :mod:`weftwork.sandbox.bubble`, and a user of its own besides: nothing of the host but
the system, read-only; no way out of the network that it has for itself alone. Source: bwrap(1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weftwork.sandbox.bubble import system_view

SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/sbin", "/etc", "/proc", "/dev", "/sys")
"""Folders of the sandbox that no volume may lie on or under; ``/dev/shm`` may."""

_USER = 1000


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume at ``mount``: a folder of the host, or ``size`` bytes of memory where ``folder`` is None."""

    mount: str
    size: int
    folder: Path | None = None
    read_only: bool = False


def build_box(
    bwrap: str,
    argv: Sequence[str],
    *,
    hostname: str,
    env: Mapping[str, str],
    etc: Path,
    scratch: int,
    mounts: Iterable[Mount] = (),
    read_only: Iterable[Path] = (),
    path: Sequence[str] = (),
) -> list[str]:
    """``argv`` in a sandbox: ``etc`` as /etc, ``scratch`` bytes in /tmp, ``path`` before /usr/bin."""
    out = [bwrap, "--unshare-all", "--unshare-user", "--uid", str(_USER), "--gid", str(_USER)]
    out += ["--die-with-parent", "--new-session", "--clearenv", "--hostname", hostname, "--cap-drop", "ALL"]
    out += system_view()
    for file in sorted(etc.iterdir()):
        out += ["--ro-bind", str(file), f"/etc/{file.name}"]
    out += ["--size", str(scratch), "--tmpfs", "/tmp"]  # noqa: S108
    for place in read_only:
        out += ["--ro-bind", str(place), str(place)]
    out += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for mount in mounts:
        if mount.folder is None:
            out += ["--size", str(mount.size), "--tmpfs", mount.mount]
        else:
            out += ["--ro-bind" if mount.read_only else "--bind", str(mount.folder), mount.mount]
    out += ["--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108
    names = {"PATH": ":".join([*path, "/usr/bin", "/bin"]), "HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108
    for name, value in (names | dict(env)).items():
        out += ["--setenv", name, value]
    return [*out, "--", *argv]


def write_etc(folder: Path, names: Mapping[str, str]) -> None:
    """The few files of /etc that programs ask for; ``names`` maps host names to addresses."""
    folder.mkdir(parents=True)
    hosts = ["127.0.0.1 localhost", "::1 localhost", *(f"{place} {name}" for name, place in names.items())]
    (folder / "hosts").write_text("\n".join(hosts) + "\n")
    (folder / "passwd").write_text(f"tenant:x:{_USER}:{_USER}::/tmp:/bin/sh\n")
    (folder / "group").write_text(f"tenant:x:{_USER}:\n")
    (folder / "resolv.conf").write_text("")
    (folder / "nsswitch.conf").write_text("hosts: files\npasswd: files\ngroup: files\n")
