"""A program that stays in the sandbox: it answers again and again, and its end is always told."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from weftwork.errors import Unavailable
from weftwork.sandbox import Quota, python_paths
from weftwork.sandbox.session import Session, SessionEnded, open_session

SHORT = Quota(seconds=20, memory_bytes=300_000_000, disk_bytes=1_000_000)
ECHO = """
import sys
while line := sys.stdin.buffer.read(4):
    sys.stdout.buffer.write(line[::-1])
    sys.stdout.buffer.flush()
"""


async def open_program(folder: Path, code: str, *, walls: bool = True) -> Session:
    """The Python program ``code`` as a session that has answered once; skips where there is no sandbox."""
    program = folder / "program.py"
    program.write_text("import sys\nsys.stdout.buffer.write(b'ready')\nsys.stdout.buffer.flush()\n" + code)
    inside = Path("/job/program.py") if walls else program
    try:
        session = await open_session(
            [sys.executable, "-I", str(inside)],
            folder=folder,
            read_only=python_paths(),
            quota=SHORT,
            walls=walls,
        )
    except Unavailable as error:
        pytest.skip(f"no sandbox here: {error}")
    try:
        assert await session.receive(5) == b"ready"
    except SessionEnded:
        await session.close()
        raise
    except Unavailable as error:
        await session.close()
        pytest.skip(f"no sandbox here: {error}")
    return session


@pytest.mark.parametrize("walls", [True, False])
async def test_a_program_answers_again_and_again(tmp_path: Path, walls: bool) -> None:
    async with await open_program(tmp_path, ECHO, walls=walls) as session:
        for word in (b"weft", b"warp", b"loom"):
            await session.send(word)
            assert await session.receive(4) == word[::-1]
        assert session.alive
    assert not session.alive


async def test_the_end_of_a_program_is_told_with_its_last_words(tmp_path: Path) -> None:
    async with await open_program(tmp_path, "sys.stderr.write('no thread left')\nsys.exit(3)") as session:
        with pytest.raises(SessionEnded, match="status 3") as caught:
            await session.receive(1)
    assert caught.value.exit_status == 3
    assert caught.value.stderr == b"no thread left"


async def flood(session: Session) -> None:
    """Sends until nobody reads any more."""
    while True:
        await session.send(bytes(65_536))


async def test_a_killed_program_is_told_whether_one_sends_or_receives(tmp_path: Path) -> None:
    for asks in (True, False):
        session = await open_program(tmp_path, ECHO)
        os.kill(session.pid, signal.SIGKILL)
        with pytest.raises(SessionEnded):
            await (flood(session) if asks else session.receive(4))
        await session.close()
        await session.close()


async def test_a_program_that_floods_its_standard_error_is_not_kept(tmp_path: Path) -> None:
    code = "sys.stderr.write('x' * 1_000_000 + 'end')\nsys.stderr.flush()\n" + ECHO
    async with await open_program(tmp_path, code) as session:
        await session.send(b"weft")
        assert await session.receive(4) == b"tfew"


async def test_closing_kills_what_the_program_started(tmp_path: Path) -> None:
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(600)
sys.stdout.buffer.write(b'forked')
sys.stdout.buffer.flush()
time.sleep(600)
"""
    session = await open_program(tmp_path, code)
    assert await session.receive(6) == b"forked"
    await session.close()
    with pytest.raises(SessionEnded):
        await session.receive(1)


async def test_a_folder_is_seen_and_not_written(tmp_path: Path) -> None:
    code = """
try:
    open('/job/x', 'w')
except OSError:
    sys.stdout.buffer.write(b'refused')
"""
    async with await open_program(tmp_path, code) as session:
        assert await session.receive(7) == b"refused"
    assert os.listdir(tmp_path) == ["program.py"]
