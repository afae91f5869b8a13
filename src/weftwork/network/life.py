"""The life of what a home runs: started, up until a signal, stopped whole; stopped by others."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weftwork.errors import WeftError
from weftwork.network.home import Home

if TYPE_CHECKING:
    from weftwork.network.local import LocalNetwork

STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_early: list[int] = []


def heed_signals() -> None:
    """From now on a signal to stop is remembered until :func:`run_network` can act on it.

    Raised as KeyboardInterrupt in the midst of imports it could be swallowed, and the process would go on.
    """
    for number in STOPPED_BY:
        signal.signal(number, lambda caught, frame: _early.append(caught))


async def run_network(network: LocalNetwork, ready: Callable[[LocalNetwork], Any]) -> None:
    """Start ``network``, call ``ready``, stay up until SIGINT, SIGTERM or SIGHUP, stop everything.

    A signal in the midst of starting stops what is up by then; a second one while stopping ends the process
    at once, and its children with it.
    """
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if done.is_set():
            network.kill()
            os._exit(130)
        done.set()

    for number in STOPPED_BY:
        loop.add_signal_handler(number, stop)
    if _early:
        return
    starting = loop.create_task(network.start())
    waiting = loop.create_task(done.wait())
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if done.is_set():
            return
        starting.result()
        ready(network)
        await waiting
    finally:
        waiting.cancel()
        if not starting.done():
            starting.cancel()
        await asyncio.gather(starting, waiting, return_exceptions=True)
        await network.stop()


def stop_home(home: Home, *, timeout: float = 30.0) -> bool:
    """Ask what runs in ``home`` to stop and wait until it has; False where nothing ran.

    Raises :class:`WeftError` where it does not stop within ``timeout`` seconds.
    """
    pid = home.runner
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + timeout
    while home.runner == pid:
        if time.monotonic() > end:
            raise WeftError(f"process {pid} does not stop", value=pid, hint=f"kill -9 {pid}")
        time.sleep(0.05)
    return True
