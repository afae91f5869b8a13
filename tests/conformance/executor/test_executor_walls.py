"""What no tenant can do, whichever executor runs it: take more than its share, reach out, or look about."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from pathlib import Path

from conformance.executor.bench import (
    Bench,
    await_end,
    await_status,
    await_that,
    read_logs,
    read_texts,
)

from weftwork.compute.executor import Executor, Limits, key

IDLE = "while true; do sleep 1; done"
DATA = {"data": {"mount": "/data"}}
VOLUME = [
    {"size": "16Mi"},
    {"name": "data", "size": "8Mi", "attributes": {"persistent": True, "class": "beta2"}},
]
FILL = "i=0; while dd if=/dev/zero of={place}/$i bs=65536 count=16 2>/dev/null; do i=$((i+1)); done; exit 7"


async def test_memory_hog_dies_alone(bench: Bench, executor: Executor) -> None:
    one = bench.shell("tail /dev/zero; exit 9", memory="32Mi")
    many = bench.shell(
        "for i in 1 2 3 4 5 6; do (head -c 25000000 /dev/zero | tail >/dev/null && echo held) & done; wait",
        memory="32Mi",
        storage="5Mi",
    )
    await executor.start("hog", bench.group(one=one, many=many, other=bench.shell(IDLE)))
    status = await await_status(executor, "hog", lambda now: now.service("one").state == "failed")
    status = await await_status(executor, "hog", lambda now: now.service("many").state != "running")
    assert status.service("other").state == "running"
    assert (await read_texts(executor, "hog", service="many")).count("held") < 6


async def test_disk_filler_is_stopped(bench: Bench, executor: Executor, tmp_path: Path) -> None:
    scratch = bench.shell(FILL.format(place="/tmp"), storage="8Mi")
    volume = bench.shell(FILL.format(place="/data"), storage=VOLUME, mounts=DATA)
    single = bench.shell("dd if=/dev/zero of=/tmp/one bs=65536 count=10000", storage="8Mi")
    await executor.start("filler", bench.group(scratch=scratch, volume=volume, single=single))
    status = await await_end(executor, "filler")
    assert {service.state for service in status.services} == {"failed"}
    assert status.service("volume").why == "out of disk"


async def test_volume_is_kept_when_its_supervisor_is_killed_and_goes_with_the_lease(
    bench: Bench, executor: Executor, tmp_path: Path
) -> None:
    script = "cat /data/kept; echo written > /data/kept; while true; do sleep 0.1; done"
    group = bench.group(job=bench.shell(script, storage=VOLUME, mounts=DATA))
    await executor.start("alice", group)
    place = tmp_path / "leases" / key("alice")
    kept = place / "volumes" / "job-0" / "data" / "kept"
    await await_that(lambda: asyncio.to_thread(kept.exists), bool)
    os.kill(json.loads((place / "owner.json").read_text())["pid"], signal.SIGKILL)
    lost = await await_status(executor, "alice", lambda now: now.state == "failed")
    assert "killed" in lost.service("job").why
    await executor.start("alice", group)
    await await_that(lambda: read_texts(executor, "alice"), lambda texts: "written" in texts)
    assert (await executor.status("alice")).state == "running"
    await executor.stop("alice")
    assert not kept.exists()


async def test_fork_bomb_stays_within_its_processes(bench: Bench, executor: Executor) -> None:
    bomb = "i=0; while [ $i -lt 300 ]; do sleep 100 & i=$((i+1)); done; echo all"
    await executor.start("bomb", bench.group(job=bench.shell(bomb)), Limits(processes=24))
    await await_that(lambda: read_texts(executor, "bomb"), bool)  # the shell says that it cannot fork
    assert "all" not in await read_texts(executor, "bomb")
    await executor.stop("bomb")
    assert not (await executor.status("bomb")).live


async def test_busy_loop_gets_its_share_of_a_processor(bench: Bench, executor: Executor) -> None:
    spin = (
        "echo begin; while :; do read -r a < /proc/$$/stat; set -- ${a#*) };"
        " [ $((${12} + ${13})) -ge 15 ] && break; done; echo end"
    )
    await executor.start("busy", bench.group(job=bench.shell(spin, cpu=0.1)))
    assert (await await_end(executor, "busy")).service("job").exit_status == 0
    lines = [line for line in await read_logs(executor, "busy") if line.text in ("begin", "end")]
    assert lines[1].time - lines[0].time >= 1.0  # 0.15 s of a tenth of a processor, less a period or two


async def test_flood_of_output_is_slowed_and_the_log_stays_in_its_bound(
    bench: Bench, executor: Executor, tmp_path: Path
) -> None:
    rate, began = 500_000, time.monotonic()
    limits = Limits(log_bytes=200_000, output_rate=rate)
    await executor.start("flood", bench.group(job=bench.shell("yes flood-flood-flood")), limits)
    log = tmp_path / "leases" / key("flood") / "job-0" / "log"
    await await_that(lambda: asyncio.to_thread(count_segments, log), lambda count: count > 12)
    await executor.stop("flood")
    took = time.monotonic() - began
    assert sum(file.stat().st_size for file in log.iterdir()) < 220_000
    assert set((await read_texts(executor, "flood"))[:-1]) == {"flood-flood-flood"}
    kept_for_each_byte = 3  # a line has a time and its stream's name beside it
    assert count_segments(log) * 50_000 < (took + 1.5) * rate * kept_for_each_byte


async def test_service_reaches_nothing_outside(bench: Bench, executor: Executor) -> None:
    reached = asyncio.Event()

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        writer.close()

    server = await asyncio.start_server(tell, "0.0.0.0", 0)
    port = server.sockets[0].getsockname()[1]
    hosts = ["127.0.0.1", "10.0.2.2", "169.254.169.254", own_address()]
    script = "; ".join(f"{bench.fetch} http://{host}:{port}/ && echo reached" for host in hosts)
    script += f"; {bench.fetch} http://example.com:80/ && echo reached; echo done"
    await executor.start("spy", bench.group(job=bench.shell(script, image=bench.web)))
    await await_that(lambda: read_texts(executor, "spy"), lambda texts: "done" in texts)
    assert "reached" not in await read_texts(executor, "spy")
    assert not reached.is_set()
    server.close()


async def test_service_reads_nothing_of_the_host_or_of_another_lease(
    bench: Bench, executor: Executor, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the-secret")
    await executor.start("rich", bench.group(job=bench.shell(f"echo the-secret > /tmp/mine; {IDLE}")))
    look = (
        f"cat {secret} /proc/1/root{secret} /tmp/mine /etc/shadow {tmp_path}/leases/*/*/*; ls /root /home;"
        " echo x > /usr/x; echo x > /proc/sys/kernel/hostname;"
        " for p in /proc/[0-9]*; do cat $p/cmdline; done; echo done"
    )
    neighbour = await asyncio.create_subprocess_exec("sleep", "86399.25")
    try:
        await executor.start("spy", bench.group(job=bench.shell(look)))
        await await_end(executor, "spy")
    finally:
        neighbour.kill()
        await neighbour.wait()
    told = "\n".join(line.text for line in await read_logs(executor, "spy") if line.stream == "stdout")
    assert "done" in told
    assert "the-secret" not in told
    assert "supervisor" not in told
    assert "86399.25" not in told


def count_segments(log: Path) -> int:
    """How many files a log has had, the last of which are there."""
    return max((int(file.name) for file in log.iterdir()), default=0) if log.exists() else 0


def own_address() -> str:
    """An address of this host that is not the loopback, or the loopback where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
