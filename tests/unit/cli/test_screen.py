"""What is shown: colours only where they are wanted, progress only where somebody looks and waits."""

from __future__ import annotations

import io

import pytest

from weftwork.cli import screen
from weftwork.errors import BadInput, NotFound


class Terminal(io.StringIO):
    """A stream that somebody looks at; ``written`` is set with the first words."""

    def isatty(self) -> bool:
        return True


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert screen.paint("x", "red") == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert screen.paint("x", "red") == "x"


def test_pipes_get_no_colours_and_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    monkeypatch.setattr(screen, "PATIENCE", 0.0)
    with screen.progress("working"):
        pass
    assert out.getvalue() == ""
    assert screen.paint("x", "red") == "x"


def test_progress_shows_after_a_while_and_is_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr(screen, "PATIENCE", 0.0)
    with screen.progress("working"):
        while "working" not in shown.getvalue():
            pass
    assert shown.getvalue().endswith("\r")


def test_quick_work_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr(screen, "PATIENCE", 3600.0)
    with screen.progress("working"):
        pass
    assert shown.getvalue() == ""


def test_bad_input_and_failures_have_statuses_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert screen.report(BadInput("no", hint="so")) == 2
    assert screen.report(NotFound("no")) == 1
    assert capsys.readouterr().err == "error input: no\nhint: so\nerror not_found: no\n"


def test_table_lines_up_and_aligns_numbers_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    screen.print_table(("name", "n"), [("a", 1), ("bcdef", 100)], right=[1])
    assert capsys.readouterr().out == "name     n\na        1\nbcdef  100\n"
