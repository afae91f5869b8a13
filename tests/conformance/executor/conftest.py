"""Each executor that this host can run, one after another; the others skip and say what is missing."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from conformance.executor.bench import Bench, build_image, podman_bench, process_bench

from weftwork.compute.executor import Executor
from weftwork.errors import Unavailable

BENCHES = {"process": process_bench, "podman": podman_bench}


@pytest.fixture(params=sorted(BENCHES, reverse=True))
async def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """An executor of this host."""
    made = BENCHES[request.param]()
    try:
        await made.make(tmp_path_factory.mktemp("check")).check()
    except Unavailable as error:
        pytest.skip(f"no {request.param} here: {error} ({error.hint})")
    if made.name == "podman":
        if shutil.which("busybox") is None:
            pytest.skip("no busybox here to make an image of: apt-get install busybox-static")
        request.getfixturevalue("image")
    return made


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The image that containers are made of."""
    build_image(tmp_path_factory.mktemp("image") / "root")


@pytest_asyncio.fixture
async def executor(bench: Bench, tmp_path: Path) -> AsyncIterator[Executor]:
    """An executor with a folder of its own; its leases end with the test."""
    made = bench.make(tmp_path / "leases")
    yield made
    for lease in await made.leases():
        await made.forget(lease)
    await made.close()
