"""Work in many parts on a Ray cluster of this machine: placed, read, paused, ended, found again."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from conformance.executor.bench import await_end, await_status, await_that, make_group, read_texts

from weftwork.compute.error import ImageRefused, LeaseConflict, LeaseNotFound
from weftwork.compute.executor import Executor, Limits
from weftwork.compute.executor.ray import RayExecutor

pytestmark = pytest.mark.nightly
TICK = "i=0; while true; do i=$((i+1)); echo tick $i; sleep 0.1; done"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster of two CPUs: that of ``WEFT_RAY``, or one in processes of this machine."""
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'weftwork[ray]'")
    if "WEFT_RAY" in os.environ:
        yield os.environ["WEFT_RAY"]
        return
    context = ray.init(num_cpus=2, include_dashboard=False, object_store_memory=80 << 20, log_to_driver=False)
    yield str(context.address_info["address"])
    ray.shutdown()


@pytest.fixture
async def executor(cluster: str, tmp_path: Path) -> AsyncIterator[RayExecutor]:
    """A provider's executor on the cluster; its leases end with the test."""
    made = RayExecutor(tmp_path / "leases", address=cluster)
    await made.check()
    yield made
    for lease in await made.leases():
        await made.forget(lease)


def job(script: str, **more: object) -> dict[str, object]:
    """A service that runs a script of the shell."""
    return {"image": "sh", "command": ["sh", "-c", script], "cpu": 0.5} | more


async def test_parts_are_placed_and_what_they_wrote_outlives_them(executor: RayExecutor) -> None:
    assert isinstance(executor, Executor)
    await executor.start("sums", make_group({"part": job("echo one; echo two >&2; exit 4", count=3)}))
    service = (await await_end(executor, "sums")).service("part")
    assert (service.state, service.exit_status, service.wanted) == ("failed", 4, 3)
    assert sorted(await read_texts(executor, "sums", follow=True)) == ["one"] * 3 + ["two"] * 3
    await executor.stop("sums")
    await executor.stop("sums")
    assert (await executor.status("sums")).service("part").exit_status == 4
    assert sorted(await read_texts(executor, "sums")) == ["one"] * 3 + ["two"] * 3
    assert await executor.leases() == ["sums"]
    with pytest.raises(LeaseConflict):
        await executor.start("sums", make_group({"part": job("true")}))
    await executor.forget("sums")
    assert await executor.leases() == []


async def test_part_without_room_waits_and_fresh_provider_finds_the_rest(
    executor: RayExecutor, cluster: str, tmp_path: Path
) -> None:
    group = make_group({"part": job(TICK, cpu=1, count=3)})
    await executor.start("wide", group, Limits(seconds=300))
    status = await await_status(executor, "wide", lambda now: now.service("part").ready == 2)
    assert (status.state, status.service("part").wanted) == ("starting", 3)
    fresh = RayExecutor(tmp_path / "other", address=cluster)
    assert await fresh.leases() == ["wide"]
    await fresh.pause("wide")
    await await_status(fresh, "wide", lambda now: now.service("part").ready == 0)
    await fresh.resume("wide")
    before = len(await read_texts(fresh, "wide"))
    await await_that(lambda: read_texts(fresh, "wide"), lambda texts: len(texts) > before + 4)
    with pytest.raises(LeaseConflict):
        await fresh.start("wide", make_group({"part": job("true")}))
    await fresh.forget("wide")
    with pytest.raises(LeaseNotFound):
        await fresh.status("wide")


async def test_image_that_no_node_has_is_refused(executor: RayExecutor) -> None:
    with pytest.raises(ImageRefused):
        await executor.start("alice", make_group({"part": {"image": "nginx", "command": ["x"]}}))
    assert await executor.leases() == []
