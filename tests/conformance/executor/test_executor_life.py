"""What every executor does with a lease, from its start to long after its end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conformance.executor.bench import (
    Bench,
    await_end,
    await_status,
    await_that,
    fetch,
    read_logs,
    read_texts,
)

from weftwork.compute.error import BadManifest, ImageRefused, LeaseConflict, LeaseNotFound
from weftwork.compute.executor import Executor, Limits

TICK = "i=0; while true; do i=$((i+1)); echo tick $i; sleep 0.05; done"


async def test_tenant_reaches_its_service_over_http(bench: Bench, executor: Executor) -> None:
    group = bench.group(web=bench.webserver("echo welcome > /tmp/page", count=2))
    await executor.start("alice/1/1/1", group)
    status = await executor.status("alice/1/1/1")
    service = status.service("web")
    assert (status.state, service.wanted, len(service.endpoints)) == ("running", 2, 1)
    endpoint = service.endpoints[0]
    assert (endpoint.port, endpoint.external, endpoint.host) == (80, 80, "127.0.0.1")
    for _ in range(3):  # whichever replica has the turn
        await await_that(lambda: fetch(endpoint.url), lambda answer: answer == (200, b"welcome\n"))


async def test_service_reaches_another_by_its_name_and_only_where_it_may(
    bench: Bench, executor: Executor
) -> None:
    loop = f"until {bench.fetch} http://api:80/page; do sleep 0.1; done"
    group = bench.group(
        api=bench.webserver("echo inner > /tmp/page") | {"ports": [], "to": {"web": 80}},
        web=bench.shell(loop, image=bench.web),
        stranger=bench.shell(
            f"{bench.fetch} http://api:80/page && echo reached", image=bench.web, ports=[81]
        ),
    )
    await executor.start("alice", group)
    status = await await_status(executor, "alice", lambda status: status.service("web").state == "exited")
    assert status.service("api").endpoints == ()
    assert "inner" in "".join(await read_texts(executor, "alice", service="web"))
    await await_status(executor, "alice", lambda status: status.service("stranger").state == "failed")
    assert "reached" not in await read_texts(executor, "alice", service="stranger")


async def test_logs_come_as_they_are_written_and_in_order(bench: Bench, executor: Executor) -> None:
    script = "for i in $(seq 1 300); do echo line $i; done; echo oops >&2; while true; do sleep 1; done"
    await executor.start("alice", bench.group(job=bench.shell(script)))
    seen = []
    async for line in executor.logs("alice", follow=True):  # the job runs on while this is read
        seen.append(line)
        if len(seen) == 301:
            break
    assert [line.text for line in seen if line.stream == "stdout"] == [f"line {i}" for i in range(1, 301)]
    assert [line.text for line in seen if line.stream == "stderr"] == ["oops"]
    assert {(line.service, line.replica) for line in seen} == {("job", 0)}
    assert (await executor.status("alice")).state == "running"
    assert len(await read_logs(executor, "alice", tail=5)) == 5


async def test_follower_is_told_that_a_lease_has_ended(bench: Bench, executor: Executor) -> None:
    await executor.start("alice", bench.group(job=bench.shell(TICK)))
    followed = asyncio.create_task(read_texts(executor, "alice", follow=True))
    await await_that(lambda: read_texts(executor, "alice"), lambda texts: len(texts) >= 3)
    await executor.stop("alice")
    texts = await asyncio.wait_for(followed, 30)
    assert texts[:2] == ["tick 1", "tick 2"]
    assert texts == await read_texts(executor, "alice")


async def test_exit_status_and_logs_outlive_the_lease(bench: Bench, executor: Executor) -> None:
    group = bench.group(
        bad=bench.shell("echo last words; exit 3"), good=bench.shell("echo $MOOD", env=["MOOD=well"])
    )
    await executor.start("alice", group)
    ended = await await_end(executor, "alice")
    assert (ended.service("bad").state, ended.service("bad").exit_status) == ("failed", 3)
    assert (ended.service("good").state, ended.service("good").exit_status) == ("exited", 0)
    await executor.start("alice", group)  # what has ended is not begun again
    await executor.stop("alice")
    await executor.stop("alice")
    after = await executor.status("alice")
    assert (after.stopped, after.service("bad").exit_status) == (True, 3)
    assert sorted(await read_texts(executor, "alice")) == ["last words", "well"]
    assert await executor.leases() == ["alice"]
    with pytest.raises(LeaseConflict):
        await executor.start("alice", group)
    await executor.forget("alice")
    await executor.forget("alice")
    assert await executor.leases() == []
    with pytest.raises(LeaseNotFound):
        await executor.status("alice")


async def test_start_again_is_the_same_lease_and_another_group_is_refused(
    bench: Bench, executor: Executor
) -> None:
    group = bench.group(job=bench.shell(TICK))
    await asyncio.gather(executor.start("alice", group), executor.start("alice", group))
    await executor.start("alice", group)
    assert (await executor.status("alice")).service("job").ready == 1
    with pytest.raises(LeaseConflict):
        await executor.start("alice", bench.group(job=bench.shell("true")))
    assert (await executor.status("alice")).state == "running"


async def test_pause_takes_the_processor_away_and_resume_gives_it_back(
    bench: Bench, executor: Executor
) -> None:
    group = bench.group(job=bench.shell(TICK))
    await executor.start("alice", group)
    await executor.start("clock", group)
    await await_that(lambda: read_texts(executor, "alice"), lambda texts: len(texts) >= 2)
    await executor.pause("alice")
    await executor.pause("alice")
    assert (await executor.status("alice")).state == "paused"
    before = len(await read_texts(executor, "alice"))
    now = len(await read_texts(executor, "clock"))
    await await_that(lambda: read_texts(executor, "clock"), lambda texts: len(texts) >= now + 15)
    assert len(await read_texts(executor, "alice")) <= before + 1  # one may have been on its way
    await executor.resume("alice")
    assert (await executor.status("alice")).state == "running"
    await await_that(lambda: read_texts(executor, "alice"), lambda texts: len(texts) >= before + 5)
    await executor.pause("alice")
    await executor.stop("alice")  # what is paused can be stopped
    assert (await executor.status("alice")).state == "exited"


async def test_killed_provider_finds_its_leases_again(bench: Bench, tmp_path: Path) -> None:
    provider = (
        "import asyncio, sys; from pathlib import Path; import conformance.executor.bench as b\n"
        "async def main():\n"
        "    bench = getattr(b, sys.argv[1] + '_bench')()\n"
        "    executor = bench.make(Path(sys.argv[2]))\n"
        "    tick = bench.shell('i=0; while true; do i=$((i+1)); echo tick $i; sleep 0.05; done')\n"
        "    group = bench.group(job=tick, web=bench.webserver('echo hello > /tmp/page'))\n"
        "    await executor.start('alice/7', group)\n"
        "    print('begun', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    folder = tmp_path / "leases"
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", provider, bench.name, str(folder)], stdout=subprocess.PIPE, env=env
    ) as killed:
        assert killed.stdout is not None
        assert await asyncio.to_thread(killed.stdout.readline) == b"begun\n"
        killed.send_signal(signal.SIGKILL)
    fresh = bench.make(folder)
    try:
        assert await fresh.leases() == ["alice/7"]
        status = await fresh.status("alice/7")
        assert status.state == "running"
        url = status.service("web").endpoints[0].url
        await await_that(lambda: fetch(url), lambda answer: answer == (200, b"hello\n"))
        seen = len(await read_texts(fresh, "alice/7", service="job"))
        more = await await_that(
            lambda: read_texts(fresh, "alice/7", service="job"), lambda texts: len(texts) >= seen + 3
        )
        assert more[: seen + 3] == [f"tick {i}" for i in range(1, seen + 4)]
        await fresh.pause("alice/7")
        assert (await fresh.status("alice/7")).state == "paused"
        await fresh.stop("alice/7")
        assert not (await fresh.status("alice/7")).live
        assert (await fetch(url))[0] == 0
    finally:
        await fresh.forget("alice/7")


async def test_image_that_is_not_to_be_had_is_refused_and_leaves_nothing(
    bench: Bench, executor: Executor, tmp_path: Path
) -> None:
    group = bench.group(good=bench.shell(TICK), bad={"image": "no-such-image:9", "command": ["true"]})
    with pytest.raises(ImageRefused, match="no-such-image"):
        await executor.start("alice", group)
    assert await executor.leases() == []
    assert not list((tmp_path / "leases").glob("*"))
    with pytest.raises(LeaseNotFound):
        await read_texts(executor, "alice")


async def test_program_that_is_not_in_the_image_fails_with_its_name(bench: Bench, executor: Executor) -> None:
    await executor.start("alice", bench.group(job={"image": bench.sh, "command": ["/bin/no-such-program"]}))
    status = await await_end(executor, "alice")
    assert status.service("job").state == "failed"
    assert status.service("job").exit_status not in (0, None)
    assert "no-such-program" in " ".join(await read_texts(executor, "alice"))


async def test_service_that_asks_for_what_is_not_here_is_refused(bench: Bench, executor: Executor) -> None:
    gpu = {"units": 1, "attributes": {"vendor": {"nvidia": [{"model": "h100"}]}}}
    with pytest.raises(BadManifest, match="GPU"):
        await executor.start("alice", bench.group(job=bench.shell("true", gpu=gpu)))
    assert await executor.leases() == []


async def test_lease_ends_at_its_time_limit(bench: Bench, executor: Executor) -> None:
    await executor.start("alice", bench.group(job=bench.shell(TICK)), Limits(seconds=1.0))
    service = (await await_end(executor, "alice")).service("job")
    assert (service.state, service.why, service.exit_status) == ("failed", "out of time", 137)
