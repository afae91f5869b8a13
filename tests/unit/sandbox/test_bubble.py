"""Other people's code in the sandbox: it computes, and it can do nothing else."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
from pathlib import Path

import pytest

from weftwork.errors import BadInput, ExtraMissing, Unavailable
from weftwork.sandbox import Outcome, Quota, find_bubblewrap, python_paths, run_sandboxed

SHORT = Quota(seconds=20, memory_bytes=300_000_000, output_bytes=10_000, disk_bytes=1_000_000)


async def run_plugin(code: str, *, stdin: bytes = b"", quota: Quota = SHORT) -> Outcome:
    """Runs a scoring plug-in written in Python; skips where the machine has no sandbox."""
    try:
        return await run_sandboxed(
            [sys.executable, "-I", "/job/plugin.py"],
            stdin=stdin,
            files={"plugin.py": code.encode(), "data/truth.json": b"[1]"},
            read_only=python_paths(),
            quota=quota,
        )
    except Unavailable as error:
        pytest.skip(f"no sandbox here: {error}")


async def test_plugin_reads_its_input_and_answers() -> None:
    outcome = await run_plugin(
        "import sys, json; print(json.load(open('/job/data/truth.json'))[0] + int(sys.stdin.read()))",
        stdin=b"41",
    )
    assert outcome.ok, outcome
    assert outcome.stdout == b"42\n"


async def test_plugin_has_no_network() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    outcome = await run_plugin(
        f"import socket; socket.create_connection(('127.0.0.1', {port}), 3)",
    )
    server.close()
    assert not outcome.ok
    assert b"Error" in outcome.stderr


async def test_plugin_sees_no_file_of_its_host(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("secret")
    places = [str(secret), "/etc/passwd", "/root", "/home", "/proc/1/environ", str(Path.home() / ".ssh")]
    outcome = await run_plugin(
        f"""
import os
for place in {places!r}:
    try:
        print(open(place).read() if not os.path.isdir(place) else os.listdir(place))
    except OSError:
        continue
print(sorted(os.environ))
"""
    )
    assert b"secret" not in outcome.stdout
    assert b"root:" not in outcome.stdout
    assert outcome.stdout.splitlines()[-1] == b"['HOME', 'LANG', 'PATH', 'PWD']"


async def test_plugin_writes_nowhere_but_its_own_scratch() -> None:
    outcome = await run_plugin(
        """
for place in ("/usr/evil", "/job/plugin.py", "/evil", "/etc/evil", "/dev/shm/evil", "/dev/evil"):
    try:
        open(place, "w").write("evil")
    except OSError:
        print("refused")
open("/tmp/own", "w").write("fine")
try:
    for n in range(100):
        open(f"/tmp/{n}", "wb").write(bytes(100_000))
except OSError as error:
    print("full")
"""
    )
    assert outcome.stdout.split().count(b"refused") == 6
    assert outcome.stdout.split()[-1] == b"full"


async def test_plugin_is_cut_at_its_time_and_nothing_of_it_stays() -> None:
    outcome = await run_plugin(
        """
import os, time
if os.fork() == 0:
    os.setsid()
time.sleep(600)
""",
        quota=Quota(seconds=0.5),
    )
    assert outcome.why == "out of time"
    assert not outcome.ok
    assert outcome.seconds < 15


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("x = bytearray(10**9)", b"MemoryError"),
        ("open('/tmp/big', 'wb').write(bytes(5_000_000))", b""),
    ],
)
async def test_plugin_is_held_to_its_memory_and_disk(code: str, word: bytes) -> None:
    outcome = await run_plugin(code)
    assert outcome.why == "exited"
    assert outcome.status != 0
    assert word in outcome.stderr


async def test_plugin_is_held_to_its_cpu() -> None:
    outcome = await run_plugin("while True: pass", quota=Quota(seconds=30, cpu_seconds=1))
    assert (outcome.why, outcome.ok) == ("exited", False)


async def test_plugin_that_writes_without_end_is_cut() -> None:
    outcome = await run_plugin("while True: print('x' * 1000)")
    assert outcome.why == "too much output"
    assert len(outcome.stdout) + len(outcome.stderr) <= SHORT.output_bytes


async def test_cancelled_run_is_killed() -> None:
    await run_plugin("")
    task = asyncio.create_task(run_plugin("import time; time.sleep(600)"))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "", "a\0b"])
async def test_file_names_stay_inside(name: str) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bwrap is not installed")
    with pytest.raises(BadInput):
        await run_sandboxed(["true"], files={name: b""})


async def test_missing_bubblewrap_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExtraMissing, match="bwrap is not installed") as caught:
        find_bubblewrap()
    assert "apt-get install bubblewrap" in caught.value.hint
    with pytest.raises(ExtraMissing):
        await run_sandboxed(["true"])
