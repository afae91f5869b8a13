"""The process that holds one lease: it outlives whoever began it, and is found again by the lease's folder.

``python -m weftwork.sandbox.supervisor FOLDER`` reads ``plan.json`` there, leaves its session, and exits with
0 for its caller once everything was begun (or with 1, and the reason in ``state.json``). In the folder:

=================  ==================================================================================
``plan.json``      what to run: :class:`weftwork.sandbox.plan.Plan`
``state.json``     how it stands, replaced whole at each change; ``done`` once nothing is left
``alive``          locked while the supervisor lives, so that nobody need trust a process id
``owner.json``     its process id, and when that began (a reused id has another)
``control``        a socket for one word a connection: ``pause``, ``resume``, ``stop``
``NAME-N/log``     what replica N of service NAME wrote: see :mod:`weftwork.sandbox.logfile`
=================  ==================================================================================

Standard library only, one thread.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import json
import os
import socket
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from weftwork.sandbox.door import own_user_namespace
from weftwork.sandbox.plan import Link, Plan, Port
from weftwork.sandbox.relay import Relay
from weftwork.sandbox.tenant import BeginError, Tenant

_OWNER_SECONDS = 0.5
_WORDS = ("pause", "resume", "stop")


class Supervisor:
    """Runs the plan of the current folder from its beginning to its end."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tenants = [Tenant(plan, replica, self.write_state) for replica in plan.replicas]
        self.begun = self.stopped = self.done = False
        self.error = ""
        self._bound: dict[Port, int] = {}
        self._relays: list[Relay] = []
        self._turns: dict[str, itertools.count[int]] = {}
        self._control = asyncio.Lock()
        self._words: set[asyncio.Task[None]] = set()

    async def run(self, report: int) -> None:
        """Begins everything, tells so on the file descriptor ``report``, and returns when all has ended."""
        try:
            await self._begin()
            self.begun = True
        except (BeginError, OSError) as error:
            self.error = str(error)
            await self._end_all()
        self.write_state()
        with suppress(OSError):
            os.write(report, b"1" if self.error else b"0")
        os.close(report)
        if not self.error:
            await self._hold()
        for relay in self._relays:
            relay.close()
        for tenant in self.tenants:
            await tenant.remove()
        _hang_up()
        self.done = True
        self.write_state()

    def write_state(self) -> None:
        """Replaces ``state.json``."""
        ports = [
            {
                "service": port.service,
                "port": port.port,
                "external": port.external,
                "hosts": port.hosts,
                "bound": bound,
            }
            for port, bound in self._bound.items()
        ]
        state = {
            "begun": self.begun,
            "stopped": self.stopped,
            "done": self.done,
            "error": self.error,
            "host": self.plan.bind,
            "ports": ports,
            "replicas": [tenant.to_json() for tenant in self.tenants],
        }
        write_whole(Path("state.json"), state)

    async def _begin(self) -> None:
        for port in self.plan.ports:
            await self._publish(port)
        networked = bool(self.plan.ports or self.plan.links)
        for tenant in self.tenants:
            await tenant.begin(networked=networked, prepare=self._lay_links)
        _hang_up()
        await asyncio.start_unix_server(self._obey, "control")

    async def _publish(self, port: Port) -> None:
        family = socket.AF_INET6 if ":" in self.plan.bind else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.plan.bind, port.bound))
        except OSError as error:
            listener.close()
            raise BeginError(f"port {port.bound} of {self.plan.bind} is not to be had: {error}") from error
        listener.listen(128)
        self._bound[port] = listener.getsockname()[1]
        relay = Relay(listener, port.port, lambda: self._dial(port.service))
        self._relays.append(relay)
        await relay.open()

    async def _lay_links(self, tenant: Tenant) -> None:
        """The ports of other services, inside this one's network."""
        assert tenant.door is not None
        for link in self.plan.links:
            if link.consumer == tenant.replica.service:
                listener = tenant.door.listen(link.address, link.external)
                relay = Relay(listener, link.port, self._dialer(link))
                self._relays.append(relay)
                await relay.open()

    def _dialer(self, link: Link) -> Any:
        return lambda: self._dial(link.service)

    def _dial(self, service: str) -> socket.socket | None:
        """A socket in the network of one of the service's replicas, each in its turn."""
        ready = [t for t in self.tenants if t.replica.service == service and t.live and t.door is not None]
        if not ready:
            return None
        turn = next(self._turns.setdefault(service, itertools.count()))
        door = ready[turn % len(ready)].door
        assert door is not None
        return door.dial()

    async def _hold(self) -> None:
        left = None if self.plan.deadline is None else max(self.plan.deadline - time.time(), 0)
        waits = [tenant.ended.wait() for tenant in self.tenants]
        watch = asyncio.create_task(self._watch_owner())
        try:
            async with asyncio.timeout(left):
                await asyncio.gather(*waits)
        except TimeoutError:
            await asyncio.gather(*(tenant.kill("out of time") for tenant in self.tenants))
        watch.cancel()
        async with self._control:  # a word that is being obeyed is obeyed to its end
            pass
        if self._words:
            await asyncio.wait(self._words, timeout=1.0)

    async def _watch_owner(self) -> None:
        """Ends the lease with the process that it is tied to, where it is tied to one."""
        if self.plan.owner is None:
            return
        pid, began = self.plan.owner
        while began_at(pid) == began:  # noqa: ASYNC110
            await asyncio.sleep(_OWNER_SECONDS)
        await asyncio.gather(*(tenant.kill("its owner is gone") for tenant in self.tenants))

    async def _end_all(self) -> None:
        await asyncio.gather(*(tenant.kill() for tenant in self.tenants))

    async def _obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._words.add(task)
        try:
            word = (await asyncio.wait_for(reader.readline(), 5)).decode().strip()
            async with self._control:
                if word == "stop":
                    self.stopped = True
                    await asyncio.gather(*(tenant.end() for tenant in self.tenants))
                    self.write_state()
                elif word in _WORDS:
                    await asyncio.gather(*(tenant.pause(word == "pause") for tenant in self.tenants))
            writer.write(b"done\n" if word in _WORDS else b"unknown\n")
            await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass
        finally:
            self._words.discard(task)
            writer.close()


def _hang_up() -> None:
    Path("control").unlink(missing_ok=True)


def write_whole(path: Path, value: Any) -> None:
    """Writes JSON so that a reader sees the old text or the new, never a part."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(json.dumps(value))
    scratch.replace(path)


def began_at(pid: int) -> int | None:
    """When a process began, in the kernel's ticks since it booted; None for no such process."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def main(folder: str) -> int:
    """Leaves a supervisor behind and returns 0 when it has begun its plan, 1 if that failed."""
    os.chdir(folder)
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        with os.fdopen(told, "rb") as report:
            return 0 if report.read() == b"0" else 1
    os.close(told)
    os.setsid()
    status = 1
    try:
        status = _supervise(tell)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _supervise(tell: int) -> int:
    lock = os.open("alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:  # another one holds this lease
        os.write(tell, b"0")
        return 0
    write_whole(Path("owner.json"), {"pid": os.getpid(), "began": began_at(os.getpid())})
    plan = Plan.from_json(json.loads(Path("plan.json").read_text()))
    try:
        own_user_namespace()
    except OSError as error:
        write_whole(Path("state.json"), {"begun": False, "error": f"no user namespace: {error}"})
        os.write(tell, b"1")
        return 1
    if sys.version_info < (3, 12):  # threads would wait for children otherwise, and forking wants none
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    asyncio.run(Supervisor(plan).run(tell))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
