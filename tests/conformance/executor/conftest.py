"""Each executor that this host can run, one after another; the others skip and say what is missing."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from conformance.executor.bench import IMAGE, Bench, build_image, podman_bench, process_bench

from weftwork.compute.executor import Executor
from weftwork.compute.executor.engine import find_engine
from weftwork.errors import Unavailable

BENCHES = {"process": process_bench, "podman": podman_bench}
MISSING: dict[str, str] = {}
"""Of each executor that was looked at, what this host lacks for it; empty for one that works."""


@pytest.fixture(params=sorted(BENCHES, reverse=True))
async def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """An executor of this host."""
    made = BENCHES[request.param]()
    if made.name not in MISSING:
        MISSING[made.name] = await find_missing(made, tmp_path_factory.mktemp("look"))
    if MISSING[made.name]:
        pytest.skip(f"no {made.name} here: {MISSING[made.name]}")
    return made


async def find_missing(bench: Bench, folder: Path) -> str:
    """Why the executor cannot run here, empty where it can; makes the image that containers need."""
    try:
        await bench.make(folder).check()
        if bench.name == "podman":
            if shutil.which("busybox") is None:
                return "busybox is not installed (apt-get install busybox-static)"
            engine = await find_engine()
            build_image(folder / "root", engine)
            status, _, told = await engine.ask(
                "run", "--rm", "--network", "none", *engine.ulimits, IMAGE, "true"
            )
            return "" if status == 0 else f"podman runs no container: {told.strip()[-300:]}"
    except Unavailable as error:
        return f"{error} ({error.hint})"
    return ""


@pytest_asyncio.fixture
async def executor(bench: Bench, tmp_path: Path) -> AsyncIterator[Executor]:
    """An executor with a folder of its own; its leases end with the test."""
    made = bench.make(tmp_path / "leases")
    yield made
    for lease in await made.leases():
        await made.forget(lease)
    await made.close()
