"""A program under bubblewrap that stays: it is asked and answers many times, and is killed when it does not.

The walls are those of :mod:`weftwork.sandbox.bubble`; what differs is time: the quota's ``seconds`` bound one
answer, not the life of the program, and its CPU time is bounded by that alone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from weftwork.errors import Unavailable
from weftwork.sandbox.bubble import Quota, _kill, _namespaces, _prlimit, find_bubblewrap

_FOREVER = 10**9
_TAIL = 4096


class SessionEnded(Unavailable):
    """The program ended, or was killed, before it had answered; ``exit_status`` is 128 + signal if killed."""

    code = "unavailable.session"
    hint = "start it again; what it wrote to standard error says why it ended"

    def __init__(self, sentence: str, *, status: int, stderr: bytes) -> None:
        super().__init__(sentence, value=stderr.decode(errors="replace")[-300:])
        self.exit_status, self.stderr = status, stderr


class Session:
    """A running program: bytes in, bytes out; made by :func:`open_session`."""

    def __init__(self, process: asyncio.subprocess.Process, report: int | None) -> None:
        self._process, self._report = process, report
        self._tail = bytearray()
        self._drain = asyncio.create_task(self._keep_tail())

    @property
    def alive(self) -> bool:
        """True while the program runs."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process that holds the program; killing it kills all that it started."""
        return self._process.pid

    async def send(self, content: bytes) -> None:
        """Writes to its standard input; :class:`SessionEnded` where it no longer reads."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(content)
            await self._process.stdin.drain()
        except (ConnectionError, RuntimeError):
            raise await self._ended() from None

    async def receive(self, length: int) -> bytes:
        """Exactly ``length`` bytes of its standard output; :class:`SessionEnded` where it ends before."""
        assert self._process.stdout is not None
        try:
            return await self._process.stdout.readexactly(length)
        except asyncio.IncompleteReadError:
            raise await self._ended() from None

    async def close(self) -> None:
        """Kills it, with all that it started, and waits until it is gone; may be called again."""
        _kill(self._process)
        await self._process.wait()
        await self._drain
        if self._process.stdin is not None:
            with suppress(ConnectionError, RuntimeError):
                self._process.stdin.close()
                await self._process.stdin.wait_closed()
        if self._report is not None:
            os.close(self._report)
            self._report = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _keep_tail(self) -> None:
        assert self._process.stderr is not None
        while piece := await self._process.stderr.read(65_536):
            self._tail += piece
            del self._tail[:-_TAIL]

    async def _ended(self) -> Unavailable:
        begun = self._begun
        _kill(self._process)
        code = await self._process.wait()
        await self._drain
        said = bytes(self._tail)
        if not begun and not self._begun:
            return Unavailable(
                "bubblewrap could not make a sandbox here",
                value=said.decode(errors="replace")[:200],
                hint="the system may forbid user namespaces: see docs/wire.md",
            )
        status = code if code >= 0 else 128 - code
        return SessionEnded(f"the program ended with status {status}", status=status, stderr=said)

    @property
    def _begun(self) -> bool:
        """True if the program was started at all, as far as bubblewrap says so (asked once)."""
        if self._report is None:
            return True
        with suppress(BlockingIOError):
            if b"child-pid" in os.read(self._report, 65_536):
                os.close(self._report)
                self._report = None
        return self._report is None


async def open_session(
    argv: Sequence[str],
    *,
    folder: Path,
    read_only: Iterable[Path] = (),
    quota: Quota | None = None,
    walls: bool = True,
) -> Session:
    """Starts ``argv`` with ``folder`` read-only under ``/job``; it lives until :meth:`Session.close`.

    ``walls=False`` starts it as a plain process of this user, which reads what the user may and has the
    network: only for what is trusted. Raises :class:`ExtraMissing` without bubblewrap.
    """
    quota = replace(quota or Quota(), cpu_seconds=_FOREVER)
    if not walls:
        return Session(await _spawn(argv, (), {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, folder), None)
    bwrap = find_bubblewrap()
    report, told = os.pipe()
    os.set_blocking(report, False)
    try:
        walled = [*_prlimit(quota), bwrap, *_namespaces(folder, read_only, quota, told), "--", *argv]
        return Session(await _spawn(walled, (told,), {}, None), report)
    except BaseException:
        os.close(report)
        raise
    finally:
        os.close(told)


async def _spawn(
    argv: Sequence[str], fds: tuple[int, ...], env: dict[str, str], folder: Path | None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=fds,
        env=env,
        cwd=folder,
        limit=1024 * 1024,
    )
