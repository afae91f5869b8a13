"""A log of bounded size that is read while it is written."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from weftwork.sandbox.logfile import SEGMENTS, Line, LogReader, LogWriter, read_tail


def lines(first: int, last: int) -> list[Line]:
    """Numbered lines."""
    return [Line(float(number), "o", f"line {number}") for number in range(first, last)]


def test_reader_gets_each_line_once_while_the_log_grows(tmp_path: Path) -> None:
    reader, writer = LogReader(tmp_path / "log"), LogWriter(tmp_path / "log", 64_000)
    assert list(reader.read()) == []
    seen = []
    for first in range(0, 600, 40):
        writer.write(lines(first, first + 40))
        seen += list(reader.read())
    writer.close()
    reader.close()
    assert seen == lines(0, 600)


def test_log_keeps_its_newest_lines_within_its_bound(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 40_000)
    for first in range(0, 10_000, 100):
        writer.write(lines(first, first + 100))
    writer.close()
    sizes = [file.stat().st_size for file in (tmp_path / "log").iterdir()]
    assert len(sizes) == SEGMENTS
    assert sum(sizes) <= 40_000 + SEGMENTS * 100
    kept = read_tail(tmp_path / "log", 10_000)
    assert kept == lines(10_000 - len(kept), 10_000)
    assert read_tail(tmp_path / "log", 3) == lines(9_997, 10_000)


def test_writer_that_comes_back_goes_on_after_what_is_there(tmp_path: Path) -> None:
    for first in (0, 5):
        writer = LogWriter(tmp_path / "log", 64_000)
        writer.write(lines(first, first + 5))
        writer.close()
    assert read_tail(tmp_path / "log", 100) == lines(0, 10)


def test_slow_reader_goes_on_with_the_oldest_line_that_is_left(tmp_path: Path) -> None:
    reader, writer = LogReader(tmp_path / "log"), LogWriter(tmp_path / "log", 16_384)
    writer.write(lines(0, 5))
    assert list(reader.read()) == lines(0, 5)
    writer.write(lines(5, 3_000))
    writer.close()
    rest = list(reader.read())
    reader.close()
    assert rest[-1] == lines(2_999, 3_000)[0]
    assert [line.time for line in rest] == sorted({line.time for line in rest})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=80), max_size=20))
def test_any_text_comes_back_as_it_was(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writer = LogWriter(folder, 64_000)
        writer.write([Line(1.5, "e", text) for text in texts])
        writer.close()
        back = read_tail(folder, 100)
    assert [line.text for line in back] == [text.encode(errors="replace").decode() for text in texts]
