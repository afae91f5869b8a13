"""The clerk's side of a pricing function: a program of its own that prices the orders it reads.

A message either way is one line of JSON. The first names the function and where modules are found. It ends,
with whatever the function started, when its standard input does, whether or not the function is at work.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import signal
import sys
import threading
from typing import Any, BinaryIO


def main() -> None:
    """Answers until standard input ends; the function has neither that nor standard output."""
    source, out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=read, args=(source, lines), daemon=True).start()
    hello = json.loads(lines.get())
    sys.path[:] = hello["path"]
    try:
        function = find_function(hello["function"])
    except BaseException as error:  # a module may also say exit() when it is imported
        answer(out, {"failed": word(error)})
        return
    answer(out, {"ready": True})
    while True:
        answer(out, price(function, lines.get()))


def read(source: BinaryIO, lines: queue.SimpleQueue[bytes]) -> None:
    """Passes lines on as they come, and ends all when there are no more."""
    for line in source:
        lines.put(line)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def find_function(named: str) -> Any:
    """The function ``module:function``; raises whatever importing it does."""
    importlib.import_module("weftwork.compute.bidding")  # now, and not within an order's time
    module, _, function = named.partition(":")
    found = getattr(importlib.import_module(module), function)
    if not callable(found):
        raise TypeError(f"{function} is no function")
    return found


def price(function: Any, line: bytes) -> dict[str, Any]:
    """The answer to one order."""
    from weftwork.compute.bidding import price_order, unpack_request
    from weftwork.compute.error import NoBid

    try:
        return {"price": price_order(function, unpack_request(line))}
    except NoBid as error:
        value = error.value[:200] if isinstance(error.value, str) else error.value
        return {"refused": error.sentence[:300], "value": value if isinstance(value, int | str) else None}
    except BaseException as error:  # such as exit()
        return {"refused": f"the pricing failed: {word(error)}"}


def word(error: BaseException) -> str:
    """What went wrong, in one line."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:200]


def answer(out: BinaryIO, value: dict[str, Any]) -> None:
    """One line back."""
    out.write(json.dumps(value).encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
