"""One replica as its supervisor holds it: begun, read, paused, ended, and why it ended."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from weftwork.sandbox.cgroup import Cgroup, make_cgroup
from weftwork.sandbox.door import Door
from weftwork.sandbox.logfile import MAX_LINE, Line, LogWriter
from weftwork.sandbox.plan import Plan, Replica

_BEGIN_SECONDS = 60.0
_ENGINE_SECONDS = 30.0


class BeginError(Exception):
    """The replica could not be begun; the text says why."""


class Tenant:
    """One replica and its log, in the folder ``service-index`` under the current one."""

    def __init__(self, plan: Plan, replica: Replica, changed: Callable[[], None]) -> None:
        self.plan, self.replica, self._changed = plan, replica, changed
        self.state, self.exit_status, self.why = "starting", None, ""
        self.door: Door | None = None
        self.ended = asyncio.Event()
        self._asked = False
        self._log = LogWriter(Path(replica.name, "log"), plan.log_bytes)
        self._group = Cgroup({})
        self._process: asyncio.subprocess.Process | None = None
        self._init: int | None = None  # a file descriptor of the process that is 1 in the sandbox
        self._pid = 0
        self._paused_at = self._tokens_at = time.monotonic()
        self._tokens = float(plan.output_rate)
        self._tasks: list[asyncio.Task[None]] = []
        self._open: list[int] = []

    @property
    def live(self) -> bool:
        """True until it has ended."""
        return not self.ended.is_set()

    def to_json(self) -> dict[str, Any]:
        """Where it stands."""
        return {
            "service": self.replica.service,
            "index": self.replica.index,
            "state": self.state,
            "exit_status": self.exit_status,
            "why": self.why,
        }

    async def begin(self, *, networked: bool, prepare: Callable[[Tenant], Any]) -> None:
        """Starts the replica; ``prepare`` is awaited when its network is there and before its program runs.

        :raises BeginError: it could not be begun, and nothing of it runs
        """
        try:
            async with asyncio.timeout(_BEGIN_SECONDS):
                release = await (self._contain() if self.replica.container else self._confine())
            if self._pid and networked:
                await self._open_door(prepare)
            if release is not None:
                os.write(release, b"x")
        except (OSError, TimeoutError) as error:
            await self.kill("could not be begun")
            raise BeginError(str(error) or "it did not begin in time") from error
        self.state = "running"
        self._tasks = [asyncio.create_task(self._attend())]
        if self.replica.share.disk or self.replica.share.layer:
            self._tasks.append(asyncio.create_task(self._watch_disk()))

    async def _open_door(self, prepare: Callable[[Tenant], Any]) -> None:
        try:
            self.door = Door(self._pid)
        except OSError:
            for _ in range(100):  # a container may have ended already, and then needs none
                if self.replica.container is not None and not _is_running(self._pid):
                    return
                await asyncio.sleep(0.02)
            raise
        await prepare(self)

    async def pause(self, paused: bool) -> None:
        """Takes the CPU away or gives it back; nothing happens to what has ended."""
        if not self.live or (self.state == "paused") == paused:
            return
        if self.replica.container is not None:
            await self._engine(self.replica.container.pause if paused else self.replica.container.resume)
        elif not self._group.freeze(paused):
            self._signal_all(signal.SIGSTOP if paused else signal.SIGCONT)
        self.state = "paused" if paused else "running"
        self._changed()

    async def end(self) -> None:
        """Asks it to end, and kills it when the grace is over."""
        if self._process is None or not self.live:
            return
        self._asked = True
        await self.pause(False)
        if self.replica.container is not None:
            await self._engine(self.replica.container.end)
        else:
            self._ask_to_end()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.plan.grace):
                await self.ended.wait()
        await self.kill()

    async def kill(self, why: str = "") -> None:
        """Ends it at once; ``why`` is kept as the reason where it had none."""
        if self._process is not None and self._process.returncode is None:
            self.why = self.why or why
            await self._strike()
            with suppress(TimeoutError):
                async with asyncio.timeout(_ENGINE_SECONDS):
                    await self._process.wait()
        if self._tasks:
            await self.ended.wait()
        else:
            self._let_go()

    async def _strike(self) -> None:
        assert self._process is not None
        await self.pause(False)
        if self.replica.container is not None:
            await self._engine(self.replica.container.kill)
        elif self._init is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
        else:
            self._process.kill()

    async def remove(self) -> None:
        """Takes away what an ended replica left with the engine or the kernel."""
        if self.replica.container is not None:
            await self._engine(self.replica.container.remove)
        for _ in range(200):  # the kernel empties the group a moment after the last process was waited for
            self._group.remove()
            if self._group.is_gone():
                return
            await asyncio.sleep(0.01)

    async def _confine(self) -> int:
        """Runs bubblewrap up to its program; returns the file descriptor that releases that."""
        told, tell = os.pipe()
        gate, release = os.pipe()
        self._open += [told, release]
        program, *rest = self.replica.argv
        self._group = make_cgroup(f"weft-{self.plan.key}-{self.replica.name}")
        share = self.replica.share
        self._group.limit(memory=share.memory, cpu=share.cpu, processes=share.processes)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(program, "--json-status-fd", str(tell), "--block-fd", str(gate), *rest),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(tell, gate),
                preexec_fn=self._prepare_process,  # one thread only: nothing can be locked in the child
                env={},
            )
        finally:
            os.close(tell)
            os.close(gate)
        line = await _read_line(told)
        if b"child-pid" not in line:
            self._process.kill()
            assert self._process.stderr is not None
            said = (await self._process.stderr.read(4096)).decode(errors="replace").strip()
            raise OSError(said or "bubblewrap ended at once")
        self._pid = int(json.loads(line)["child-pid"])
        self._init = os.pidfd_open(self._pid)
        self._open.append(self._init)
        return release

    async def _contain(self) -> None:
        """Runs a container and waits until it has a process."""
        container = self.replica.container
        assert container is not None
        _read_pid(container.pidfile, forget=True)
        self._process = await asyncio.create_subprocess_exec(
            *self.replica.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        while self._process.returncode is None:
            self._pid = _read_pid(container.pidfile)
            if self._pid:
                return
            await asyncio.sleep(0.02)
        if self._process.returncode == 125:
            assert self._process.stderr is not None
            said = (await self._process.stderr.read(4096)).decode(errors="replace").strip()
            raise OSError(said.splitlines()[-1] if said else "the container engine refused")

    def _prepare_process(self) -> None:
        share = self.replica.share
        self._group.join()
        for what, most in (
            (resource.RLIMIT_DATA, share.data),
            (resource.RLIMIT_FSIZE, share.file_bytes),
            (resource.RLIMIT_NPROC, share.processes),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NOFILE, 1024),
        ):
            hard = resource.getrlimit(what)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(what, (most, most))
        os.setpriority(os.PRIO_PROCESS, 0, 5)
        if "cpu" not in self._group.folders:  # the next best: no more than so many CPUs
            mine = sorted(os.sched_getaffinity(0))
            first = sum(self.plan.key.encode()) % len(mine)
            wanted = [mine[(first + i) % len(mine)] for i in range(-(-share.cpu // 1000))]
            os.sched_setaffinity(0, wanted)

    async def _attend(self) -> None:
        """Reads the replica until it ends, then writes down how it ended."""
        process = self._process
        assert process is not None
        try:
            async with asyncio.TaskGroup() as group:
                for stream, name in ((process.stdout, "o"), (process.stderr, "e")):
                    assert stream is not None
                    group.create_task(self._read(stream, name))
        except* OSError as errors:
            self.why = f"its log could not be kept: {errors.exceptions[0]}"
            await self._strike()
        status = await process.wait()
        self.exit_status = status if status >= 0 else 128 - status
        if self.exit_status and not self.why:
            self.why = await self._find_why()
        self.state = "failed" if (self.exit_status or self.why) and not self._asked else "exited"
        self._let_go()
        self._changed()

    async def _find_why(self) -> str:
        container = self.replica.container
        if container is None:
            return "out of memory" if self._group.was_out_of_memory() else ""
        said = await self._engine(container.out_of_memory)
        return "out of memory" if said.strip() == b"true" else ""

    async def _read(self, stream: asyncio.StreamReader, name: str) -> None:
        rest = b""
        while piece := await stream.read(_PIECE):
            now = time.time()
            *whole, rest = (rest + piece).split(b"\n")
            while len(rest) > MAX_LINE:
                whole.append(rest[:MAX_LINE])
                rest = rest[MAX_LINE:]
            self._log.write([Line(now, name, text) for line in whole for text in _cut(line)])
            await self._throttle(len(piece))
        if rest:
            self._log.write([Line(time.time(), name, rest.decode(errors="replace"))])

    async def _throttle(self, count: int) -> None:
        """Waits when more was written than the rate allows; the program then waits at its full pipe."""
        now, rate = time.monotonic(), self.plan.output_rate
        self._tokens = min(self._tokens + (now - self._tokens_at) * rate, rate) - count
        self._tokens_at = now
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / rate)

    async def _watch_disk(self) -> None:
        share, places = self.replica.share, list(self.replica.share.disk)
        if self.replica.container is not None and share.layer:
            path = (await self._engine(self.replica.container.layer)).decode().strip()
            if path.startswith("/"):
                places.append((path, share.layer))
        while self.live:
            began = time.monotonic()
            for path, most in places:
                if _measure(path, most) > most:
                    await self.kill("out of disk")
                    return
            await asyncio.sleep(max(0.25, 20 * (time.monotonic() - began)))

    def _let_go(self) -> None:
        if self.ended.is_set():
            return
        self._log.close()
        if self.door is not None:
            self.door.close()
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()
        self._init = None
        self.ended.set()

    def _ask_to_end(self) -> None:
        with suppress(OSError, ValueError):
            for pid in Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split():
                os.kill(int(pid), signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        """Sends a signal to each process of the sandbox, until none is left that did not get it."""
        sent: set[int] = set()
        while new := set(_processes_in(self._pid)) - sent:
            for pid in new:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            sent |= new

    async def _engine(self, argv: tuple[str, ...]) -> bytes:
        """What a command of the container engine prints; a failure is told on this process's own log."""
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(_ENGINE_SECONDS):
                return (await process.communicate())[0]
        except TimeoutError:
            process.kill()
            await process.wait()
            return b""


_PIECE = 65_536


def _cut(line: bytes) -> list[str]:
    text = line.decode(errors="replace").removesuffix("\r")
    return [text[i : i + MAX_LINE] for i in range(0, len(text), MAX_LINE)] or [""]


def _read_pid(path: str, *, forget: bool = False) -> int:
    """The process id in a file, 0 where there is none; ``forget`` takes the file away."""
    with suppress(OSError, ValueError):
        if forget:
            os.unlink(path)
        return int(Path(path).read_text())
    return 0


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def _measure(path: str, most: int) -> int:
    """Bytes that the files under ``path`` take on disk; counting ends above ``most``."""
    found, folders = 0, [path]
    while folders and found <= most:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    found += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
    return found


def _processes_in(pid: int) -> list[int]:
    """The processes that share the process namespace of ``pid``."""
    with suppress(OSError):
        namespace = os.readlink(f"/proc/{pid}/ns/pid")
        out = []
        for name in os.listdir("/proc"):
            with suppress(OSError):
                if name.isdigit() and os.readlink(f"/proc/{name}/ns/pid") == namespace:
                    out.append(int(name))
        return out
    return []


async def _read_line(descriptor: int) -> bytes:
    """The first line that arrives on a pipe, or what came before its end."""
    loop, out = asyncio.get_running_loop(), bytearray()
    done: asyncio.Future[None] = loop.create_future()

    def take() -> None:
        piece = os.read(descriptor, 4096)
        out.extend(piece)
        if (not piece or b"\n" in out) and not done.done():
            done.set_result(None)

    loop.add_reader(descriptor, take)
    try:
        await done
    finally:
        loop.remove_reader(descriptor)
    return bytes(out)
