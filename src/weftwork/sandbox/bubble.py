"""One program under bubblewrap: no network, no files but those given, bounded time, memory, disk and output.

It sees a read-only system, its files read-only under ``/job``, and an empty writable ``/tmp``. It runs in
namespaces of its own, so that everything it started dies with it. Not bounded here: the number of processes
where the caller is root, and what a fault of the kernel allows. Source: bubblewrap's manual, prlimit(1).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from weftwork.errors import BadInput, ExtraMissing, Unavailable

_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/sbin")
_ETC = ("/etc/ld.so.cache", "/etc/alternatives")


@dataclass(frozen=True, slots=True)
class Quota:
    """What one run may use: seconds of wall clock and of CPU, bytes, processes."""

    seconds: float = 10.0
    cpu_seconds: int = 10
    memory_bytes: int = 512 * 1024 * 1024
    disk_bytes: int = 16 * 1024 * 1024
    output_bytes: int = 1024 * 1024
    processes: int = 64


class Outcome(NamedTuple):
    """How a run ended: exit status (128 + signal if killed), why, what it wrote, how long it took."""

    status: int
    why: Literal["exited", "out of time", "too much output"]
    stdout: bytes
    stderr: bytes
    seconds: float

    @property
    def ok(self) -> bool:
        """True if the program ended by itself with status 0."""
        return self.why == "exited" and self.status == 0


def find_bubblewrap() -> str:
    """The path of ``bwrap``; :class:`ExtraMissing` where it or ``prlimit`` is not installed."""
    for program, package in (("bwrap", "bubblewrap"), ("prlimit", "util-linux")):
        if shutil.which(program) is None:
            raise ExtraMissing(
                f"{program} is not installed, and without it other people's code is not run",
                value=program,
                hint=f"on Debian and Ubuntu: apt-get install {package}; on Fedora: dnf install {package}",
            )
    return str(shutil.which("bwrap"))


def python_paths() -> list[Path]:
    """The folders that this Python needs to run in the sandbox, to be given as ``read_only``."""
    found = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent}
    return sorted(path for path in found if not path.is_relative_to("/usr"))


async def run_sandboxed(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    files: Mapping[str, bytes] | None = None,
    read_only: Iterable[Path] = (),
    quota: Quota | None = None,
) -> Outcome:
    """Runs ``argv`` with ``files`` (name to content) under ``/job``; cancelling kills it.

    ``read_only`` are folders of this machine that it may read. Raises :class:`ExtraMissing` without
    bubblewrap, :class:`Unavailable` where the system forbids namespaces, :class:`BadInput` for a name outside
    ``/job``.
    """
    quota = quota or Quota()
    bwrap = find_bubblewrap()
    with tempfile.TemporaryDirectory(prefix="weft-sandbox-") as folder:
        _write_files(Path(folder), files or {})
        report, told = os.pipe()
        try:
            command = [
                *_prlimit(quota),
                bwrap,
                *_namespaces(Path(folder), read_only, quota, told),
                "--",
                *argv,
            ]
            began = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(told,),
                env={},
            )
        except BaseException:
            os.close(report)
            raise
        finally:
            os.close(told)
        with os.fdopen(report, "rb") as status:
            why, stdout, stderr = await _attend(process, stdin, quota)
            seconds = time.monotonic() - began
            begun = any(b"child-pid" in line for line in status.read().splitlines())
        if not begun:
            raise Unavailable(
                "bubblewrap could not make a sandbox here",
                value=stderr.decode(errors="replace")[:200],
                hint="the system may forbid user namespaces: see docs/wire.md",
            )
    code = process.returncode or 0
    return Outcome(code if code >= 0 else 128 - code, why, stdout, stderr, seconds)


async def _attend(
    process: asyncio.subprocess.Process, stdin: bytes, quota: Quota
) -> tuple[Literal["exited", "out of time", "too much output"], bytes, bytes]:
    """Feeds and reads the process within its quota, and leaves nothing of it running."""
    left = quota.output_bytes
    kept: dict[int, list[bytes]] = {1: [], 2: []}
    overflow = False

    async def feed() -> None:
        assert process.stdin is not None
        with suppress(ConnectionError, RuntimeError):  # uvloop raises the second where nobody reads any more
            process.stdin.write(stdin)
            await process.stdin.drain()
        with suppress(ConnectionError, RuntimeError):
            process.stdin.close()

    async def read(number: int, stream: asyncio.StreamReader | None) -> None:
        nonlocal left, overflow
        assert stream is not None
        while piece := await stream.read(65_536):
            kept[number].append(piece[: max(left, 0)])
            left -= len(piece)
            if left < 0 and not overflow:
                overflow = True
                _kill(process)

    timely = True
    try:
        try:
            async with asyncio.timeout(quota.seconds):
                await asyncio.gather(feed(), read(1, process.stdout), read(2, process.stderr))
                await process.wait()
        except TimeoutError:
            timely = False
    finally:
        _kill(process)
        await process.wait()
    why: Literal["exited", "out of time", "too much output"] = "exited"
    if overflow:
        why = "too much output"
    elif not timely:
        why = "out of time"
    return why, b"".join(kept[1]), b"".join(kept[2])


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()


def _prlimit(quota: Quota) -> list[str]:
    return [
        "prlimit",
        f"--as={quota.memory_bytes}",
        f"--cpu={quota.cpu_seconds}",
        f"--fsize={quota.disk_bytes}",
        f"--nproc={quota.processes}",
        "--core=0",
        "--nofile=256",
        "--",
    ]


def system_view() -> list[str]:
    """The options with which bubblewrap shows the host's programs and libraries, read-only."""
    out = []
    for name in _SYSTEM:
        if os.path.islink(name):
            out += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            out += ["--ro-bind", name, name]
    for name in _ETC:
        out += ["--ro-bind-try", name, name]
    return out


def _namespaces(folder: Path, read_only: Iterable[Path], quota: Quota, told: int) -> list[str]:
    out = ["--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"]
    out += ["--cap-drop", "ALL", "--json-status-fd", str(told)]
    out += system_view()
    out += ["--size", str(quota.disk_bytes), "--tmpfs", "/tmp"]  # noqa: S108
    for path in read_only:  # after the scratch space, for what lies under /tmp itself
        out += ["--ro-bind", str(path), str(path)]
    out += ["--proc", "/proc", "--dev", "/dev", "--ro-bind", str(folder), "/job", "--chdir", "/tmp"]  # noqa: S108
    out += ["--remount-ro", "/dev", "--remount-ro", "/"]
    for name, value in (("PATH", "/usr/bin:/bin"), ("HOME", "/tmp"), ("LANG", "C.UTF-8")):  # noqa: S108
        out += ["--setenv", name, value]
    return out


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\0" in name:
            raise BadInput("a file of the sandbox has a relative name inside /job", value=name[:80])
        place = folder / pure
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
