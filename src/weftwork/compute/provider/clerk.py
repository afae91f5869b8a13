"""A provider's own pricing function in a process of its own, which is killed when it hangs.

The process is kept between orders, so that what the function remembers it keeps; it is started when it is
first needed, and anew for the order after one that it did not survive. Orders are priced one after another.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from weftwork.compute.bidding import SCRIPT_SECONDS, Request, check_price
from weftwork.compute.error import NoBid
from weftwork.compute.provider.pricing import Pricer
from weftwork.errors import BadConfig

START_SECONDS: Final = 60.0
"""How long the function's module may take to be imported."""
GUEST: Final = Path(__file__).with_name("clerk_guest.py")
_ANSWER_BYTES: Final = 65_536
_GRACE: Final = 2.0


class Clerk(Pricer):
    """The function ``module:function``, found as this process would find it, answered within ``seconds``.

    It may read and write what this user may: it is the provider's own. What it prints goes to standard error.
    """

    def __init__(self, named: str, seconds: float = SCRIPT_SECONDS) -> None:
        self.named = named
        self._seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: ThreadPoolExecutor | None = None

    @property
    def pid(self) -> int | None:
        """The process that holds the function, if one does."""
        return None if self._child is None else self._child.pid

    async def price(self, request: Request) -> int:
        """Wad of the currency a block; NoBid where the function says so, fails, hangs or ends its process."""
        job = self._work().submit(self._ask, request.pack().encode())
        try:
            async with asyncio.timeout(self._seconds):
                answer = await asyncio.wrap_future(job)
        except TimeoutError:
            what = "had no time for this order" if job.cancelled() else "did not answer"
            raise NoBid(f"the pricing function {what} in {self._seconds:g} s", value=self._seconds) from None
        except BadConfig as error:
            raise NoBid(error.sentence, value=error.value) from error
        if "refused" in answer:
            raise NoBid(str(answer["refused"])[:300], value=answer.get("value"))
        return check_price(answer.get("price"), request)

    async def check(self) -> None:
        """Start the process and load the function; BadConfig where there is none of that name."""
        await asyncio.wrap_future(self._work().submit(self._begin))

    async def close(self) -> None:
        """Kill the process with all that it started, and wait until it is gone."""
        thread, self._thread = self._thread, None
        if thread is not None:
            if self._child is not None:
                _kill(self._child)  # whoever reads from it sees it end
            await asyncio.wrap_future(thread.submit(self._end))
            thread.shutdown()

    def _work(self) -> ThreadPoolExecutor:
        """The one thread that speaks with the process: orders wait for it in line."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "pricing")
        return self._thread

    # In the thread

    def _ask(self, line: bytes) -> dict[str, Any]:
        child = self._begin()
        try:
            return _exchange(child, line, self._seconds)
        except TimeoutError:
            self._end()
            raise NoBid(
                f"the pricing function did not answer in {self._seconds:g} s", value=self._seconds
            ) from None
        except EOFError:
            raise NoBid(f"the pricing function ended its process: {self._end(_GRACE)}") from None
        except ValueError:
            self._end()
            raise NoBid("the pricing function's process answered what is no answer") from None

    def _begin(self) -> subprocess.Popen[bytes]:
        """The process, with the function loaded; BadConfig where it cannot be."""
        if self._child is not None and not _has_ended(self._child):
            return self._child
        self._end()
        self._child = child = subprocess.Popen(
            [sys.executable, "-P", str(GUEST)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        hello = {"path": sys.path, "function": self.named}
        try:
            said = _exchange(child, json.dumps(hello).encode(), START_SECONDS).get("failed")
        except TimeoutError:
            said = f"it was not loaded in {START_SECONDS:g} s"
        except EOFError:
            said = f"its process ended: {self._end(_GRACE)}"
        except ValueError:
            said = "its process said what is no answer"
        if said:
            self._end()
            raise BadConfig(
                f"there is no pricing function {self.named}: {said}",
                value=self.named,
                hint="--pricing SCRIPT or --pricing module:function",
            )
        return child

    def _end(self, grace: float = 0.0) -> str:
        """Kill what there is, ``grace`` seconds after it said that it ends, and reap it; how it ended."""
        child, self._child = self._child, None
        if child is None:
            return ""
        end = time.monotonic() + grace
        while not _has_ended(child) and time.monotonic() < end:
            time.sleep(0.005)
        _kill(child)
        status = child.wait()
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            pipe.close()
        return f"status {status}" if status >= 0 else f"signal {-status}"


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; it is not reaped, so that its id stays its group's."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill a process that was not reaped yet, and all of the group that it leads."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _exchange(child: subprocess.Popen[bytes], line: bytes, seconds: float) -> dict[str, Any]:
    """Write a line, read one, in ``seconds``; TimeoutError, EOFError, or ValueError for what is no JSON."""
    assert child.stdin is not None
    assert child.stdout is not None
    into, out = child.stdin.fileno(), child.stdout.fileno()
    os.set_blocking(into, False)
    rest, answer, end = line + b"\n", b"", time.monotonic() + seconds
    poll = select.poll()
    poll.register(into, select.POLLOUT)
    poll.register(out, select.POLLIN)
    while not answer.endswith(b"\n"):
        left = end - time.monotonic()
        ready = poll.poll(max(0.0, left * 1000)) if left > 0 else []
        if not ready:
            raise TimeoutError
        for place, _ in ready:
            if place == out:
                piece = os.read(out, _ANSWER_BYTES)
                if not piece:
                    raise EOFError
                answer += piece
                if len(answer) > _ANSWER_BYTES:
                    raise ValueError("it answers without an end")
            else:
                try:
                    rest = rest[os.write(into, rest) :]
                except BrokenPipeError:
                    rest = b""  # it has ended, which is seen at the other pipe
                if not rest:
                    poll.unregister(into)
    value = json.loads(answer)
    if not isinstance(value, dict):
        raise ValueError("it is no object")
    return value
