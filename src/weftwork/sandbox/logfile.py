"""What a program wrote, kept in files of bounded size that are read while they are written.

A log is a folder of numbered segments; the oldest goes when there are over :data:`SEGMENTS`, so that a log
that was cut holds three to four quarters of its bound. A line of a file is JSON:
``[unix seconds, "o" or "e", text]``.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

SEGMENTS = 4
MAX_LINE = 16 * 1024
"""Characters; a longer line becomes several."""


class Line(NamedTuple):
    """One line: Unix seconds, ``o`` for standard output or ``e`` for standard error, text without its end."""

    time: float
    stream: str
    text: str


class LogWriter:
    """Appends to the log in ``folder``, which never holds more than about ``limit`` bytes."""

    def __init__(self, folder: str | Path, limit: int) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._segment = max(limit // SEGMENTS, 4096)
        self._number = max(_segments(self.folder), default=0)
        self._file: IO[bytes] | None = None
        self._size = 0

    def write(self, lines: list[Line]) -> None:
        """Appends the lines; they can be read when this returns."""
        for line in lines:
            if self._file is None or self._size >= self._segment:
                self._turn()
            assert self._file is not None
            self._size += self._file.write(
                json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n"
            )
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Closes the file; a later write opens a new segment."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _turn(self) -> None:
        self.close()
        self._number += 1
        self._file = open(self.folder / f"{self._number:08d}", "ab")  # noqa: SIM115
        self._size = 0
        for number in _segments(self.folder)[:-SEGMENTS]:
            (self.folder / f"{number:08d}").unlink(missing_ok=True)


class LogReader:
    """Reads a log from its beginning: each call of :meth:`read` gives the lines that came since."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._file: IO[bytes] | None = None
        self._number = 0
        self._rest = b""

    def read(self) -> Iterator[Line]:
        """The whole lines that are there and were not read."""
        while True:
            if self._file is None and not self._turn():
                return
            assert self._file is not None
            yield from self._drain(self._file)
            if not any(number > self._number for number in _segments(self.folder)):
                return
            yield from self._drain(self._file)  # the writer left this segment: what it wrote last
            self.close()

    def close(self) -> None:
        """Closes the file; reading goes on with the next segment."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _drain(self, file: IO[bytes]) -> Iterator[Line]:
        while piece := file.readline():
            self._rest += piece
            if self._rest.endswith(b"\n"):
                whole, self._rest = self._rest, b""
                yield Line(*json.loads(whole))

    def _turn(self) -> bool:
        for number in _segments(self.folder):
            if number > self._number:
                try:
                    self._file = open(self.folder / f"{number:08d}", "rb")  # noqa: SIM115
                except FileNotFoundError:  # the writer was faster
                    continue
                self._number, self._rest = number, b""
                return True
        return False


def read_tail(folder: str | Path, count: int) -> list[Line]:
    """The last ``count`` lines of a log."""
    reader = LogReader(folder)
    try:
        return list(deque(reader.read(), maxlen=count))
    finally:
        reader.close()


def _segments(folder: Path) -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(folder) if name.isdigit())
    except FileNotFoundError:
        return []
