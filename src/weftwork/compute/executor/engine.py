"""podman on this host: the runtime, cgroup manager and limits that it needs, and what it says when asked."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from weftwork.errors import ExtraMissing, TimedOut, Unavailable

_ASK_SECONDS = 60.0
_FILES, _PROCESSES = 65_536, 4096
_CGROUPS = Path("/sys/fs/cgroup")
_NEEDED = {"cpu", "memory", "pids"}


@dataclass(frozen=True, slots=True)
class Engine:
    """podman with the options that this host needs; ``rootless`` where it runs without privileges.

    ``placing`` are options of ``podman run`` that say where a container's control group is made.
    """

    program: str
    options: tuple[str, ...]
    ulimits: tuple[str, ...]
    rootless: bool
    version: str
    placing: tuple[str, ...] = ()

    def command(self, *words: str) -> tuple[str, ...]:
        """A whole command line."""
        return (self.program, *self.options, *words)

    async def ask(self, *words: str, seconds: float = _ASK_SECONDS) -> tuple[int, str, str]:
        """Runs a command: exit status, standard output, standard error; TimedOut after ``seconds``."""
        return await _run(self.command(*words), seconds)


_FOUND: dict[str, Engine] = {}


async def find_engine(program: str = "podman") -> Engine:
    """podman as it works here, asked once: with the runtime and the cgroup manager that this host has.

    :raises ExtraMissing: podman or an OCI runtime is not installed
    :raises Unavailable: it is installed and cannot hold anybody to limits here
    """
    if program in _FOUND:
        return _FOUND[program]
    path = shutil.which(program)
    if path is None:
        raise ExtraMissing(
            f"{program} is not installed",
            value=program,
            hint="on Debian and Ubuntu: apt-get install podman runc; on Fedora: dnf install podman",
        )
    unified, booted = _look_at_host()
    runtimes = [name for name in (("crun", "runc") if unified else ("runc", "crun")) if shutil.which(name)]
    if not runtimes:
        raise ExtraMissing(
            "podman has no OCI runtime", value="runc", hint="on Debian and Ubuntu: apt-get install runc"
        )
    options = ["--runtime", runtimes[0]]
    if not booted:
        options += ["--cgroup-manager", "cgroupfs"]
    status, out, err = await _run((path, *options, "info", "--format", "json"), _ASK_SECONDS)
    if status != 0:
        raise Unavailable(
            f"podman does not work here: {_last(err)}", value=_last(err), hint="run podman info"
        )
    info = json.loads(out)
    rootless = bool(info["host"]["security"]["rootless"])
    controllers = set(info["host"].get("cgroupControllers") or [])
    if not controllers >= _NEEDED or (rootless and not unified):
        raise Unavailable(
            "podman cannot limit memory, CPU and processes here",
            value=", ".join(sorted(controllers)),
            hint="rootless, limits need cgroup v2 and a service of systemd's with Delegate=yes, "
            "or a group of one's own: docs/executors.md",
        )
    driver = str(info.get("store", {}).get("graphDriverName"))
    if driver != "overlay":
        raise Unavailable(
            f"podman's storage is {driver}, where nobody can tell what a container writes",
            value=driver,
            hint="name the driver overlay in storage.conf, then podman system reset: docs/executors.md",
        )
    by_podman = rootless and info["host"].get("cgroupManager") == "cgroupfs"
    placing = _place_groups(_CGROUPS, Path("/proc/self/cgroup")) if by_podman else ()
    found = Engine(path, tuple(options), _ulimits(), rootless, str(info["version"]["Version"]), placing)
    return _FOUND.setdefault(program, found)


def _place_groups(root: Path, own: Path) -> tuple[str, ...]:
    """Options by which a rootless podman without systemd makes control groups, beside that of this process.

    Without them it makes none, says nothing, and no limit holds. Raises Unavailable where it may make none.
    """
    mine = next((line[3:] for line in own.read_text().splitlines() if line.startswith("0::")), "/")
    parent = Path(mine).parent
    folder = root / parent.relative_to("/")
    with suppress(OSError):
        enabled = set((folder / "cgroup.subtree_control").read_text().split())
        if enabled >= _NEEDED and os.access(folder / "cgroup.procs", os.W_OK):
            return ("--cgroup-parent", str(parent))
    raise Unavailable(
        "podman runs rootless and without systemd, and may make no control groups beside this process",
        value=mine,
        hint="run the provider as a service of systemd's, or in a group of its own: docs/executors.md",
    )


def _look_at_host() -> tuple[bool, bool]:
    """Whether control groups are of version 2 alone, and whether systemd runs."""
    return Path("/sys/fs/cgroup/cgroup.controllers").exists(), Path("/run/systemd/system").is_dir()


def refusal(stderr: str) -> str:
    """The last line of what podman said, without its prefix."""
    return _last(stderr).removeprefix("Error: ")


def _ulimits() -> tuple[str, ...]:
    """Limits that no container may be given above what this process may hand on."""
    out: list[str] = []
    for name, what, most in (
        ("nofile", resource.RLIMIT_NOFILE, _FILES),
        ("nproc", resource.RLIMIT_NPROC, _PROCESSES),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        out += ["--ulimit", f"{name}={most}:{most}"]
    return tuple(out)


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else ""


async def _run(argv: tuple[str, ...], seconds: float) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ, LC_ALL="C"),
    )
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate()
    except TimeoutError:
        raise TimedOut(f"podman did not answer in {seconds:g} seconds", value=argv[-1][:80]) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")
