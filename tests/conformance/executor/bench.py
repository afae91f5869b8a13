"""An executor on the bench: how to make it here, and the few words in which executors differ."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from weftwork.compute.executor import Executor, LogLine, Status
from weftwork.compute.executor.engine import Engine
from weftwork.compute.executor.podman import PodmanExecutor
from weftwork.compute.executor.process import ProcessExecutor
from weftwork.compute.sdl import parse
from weftwork.compute.sdl.model import ManifestGroup

T = TypeVar("T")
PATIENCE = 60.0
IMAGE = "localhost/weft-bench:1"
APPLETS = ("sh", "ls", "cat", "httpd", "sleep", "nc", "dd", "head", "tail", "true", "yes", "seq")
FETCH = """#!/bin/sh
# one GET; not by wget, which breaks off in a static busybox, and with names looked up here
rest=${1#http://}; host=${rest%%:*}; rest=${rest#*:}
while read -r address name; do [ "$name" = "$host" ] && host=$address; done < /etc/hosts
printf 'GET /%s HTTP/1.0\\r\\n\\r\\n' "${rest#*/}" | nc -w 5 "$host" "${rest%%/*}"
"""


@dataclass(frozen=True)
class Bench:
    """An executor of this host: ``sh`` and ``web`` are images, ``serve`` serves /tmp on port 80."""

    name: str
    make: Callable[[Path], Executor]
    sh: str
    web: str
    serve: str
    fetch: str

    def group(self, **services: dict[str, Any]) -> ManifestGroup:
        """The manifest of a deployment file with these services; see :func:`service`."""
        return make_group(services)

    def shell(self, script: str, **more: Any) -> dict[str, Any]:
        """A service that runs a script of the shell."""
        return {"image": self.sh, "command": ["sh", "-c", script]} | more

    def webserver(self, before: str = "true", **more: Any) -> dict[str, Any]:
        """A service that serves /tmp on port 80, after the shell has done ``before``."""
        script = f"{before}; {self.serve}"
        return {"image": self.web, "command": ["sh", "-c", script], "ports": [80]} | more


def process_bench() -> Bench:
    """Sandboxed processes with the runtimes of this host."""
    return Bench(
        name="process",
        make=lambda folder: ProcessExecutor(folder, grace=0.2),
        sh="sh",
        web="python",
        serve="exec python3 -u -m http.server 80 --directory /tmp",
        fetch="python3 -c 'import sys,urllib.request as u; print(u.urlopen(sys.argv[1],timeout=5).read())'",
    )


def podman_bench() -> Bench:
    """Containers of an image that was made of busybox on this host."""
    return Bench(
        name="podman",
        make=lambda folder: PodmanExecutor(folder, grace=0.2, pull=False),
        sh=IMAGE,
        web=IMAGE,
        serve="exec httpd -f -p 80 -h /tmp",
        fetch="fetch",
    )


def build_image(folder: Path, engine: Engine) -> None:
    """Makes :data:`IMAGE` of the host's static busybox."""
    (folder / "bin").mkdir(parents=True)
    for name in ("tmp", "proc", "dev", "etc", "data", "sys"):
        (folder / name).mkdir()
    shutil.copy(str(shutil.which("busybox")), folder / "bin" / "busybox")
    for name in APPLETS:
        (folder / "bin" / name).symlink_to("busybox")
    (folder / "bin" / "fetch").write_text(FETCH)
    (folder / "bin" / "fetch").chmod(0o755)
    archive = shutil.make_archive(str(folder.with_suffix("")), "tar", folder)
    command = engine.command("import", archive, IMAGE)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def make_group(services: dict[str, dict[str, Any]]) -> ManifestGroup:
    """Services by name: ``image``, ``command``, ``args``, ``env``; ``ports`` to the world, ``to`` (a service,
    and the port that it sees), ``cpu``, ``memory``, ``storage`` (size, or the
    deployment file's list), ``mounts``, ``count``, ``gpu``.
    """
    file: dict[str, Any] = {"version": "2.0", "services": {}, "deployment": {}}
    profiles: dict[str, Any] = {}
    if not any(given.get("ports") for given in services.values()):  # a deployment has a way in
        first = next(iter(services))
        services = services | {first: services[first] | {"ports": [9000]}}
    for name, given in services.items():
        expose = [{"port": port, "to": [{"global": True}]} for port in given.get("ports", ())]
        expose += [{"port": port, "to": [{"service": to}]} for to, port in given.get("to", {}).items()]
        service = {key: given[key] for key in ("image", "command", "args", "env") if key in given}
        if "mounts" in given:
            service["params"] = {"storage": given["mounts"]}
        file["services"][name] = service | {"expose": expose}
        storage = given.get("storage", "32Mi")
        profiles[name] = {
            "resources": {
                "cpu": {"units": given.get("cpu", 1)},
                "memory": {"size": given.get("memory", "128Mi")},
                "storage": storage if isinstance(storage, list) else {"size": storage},
                **({"gpu": given["gpu"]} if "gpu" in given else {}),
            }
        }
        file["deployment"][name] = {"here": {"profile": name, "count": given.get("count", 1)}}
    pricing = {name: {"denom": "uakt", "amount": 1} for name in services}
    file["profiles"] = {"compute": profiles, "placement": {"here": {"pricing": pricing}}}
    return parse(json.dumps(file)).manifest[0]


async def await_status(
    executor: Executor, lease: str, told: Callable[[Status], bool], seconds: float = PATIENCE
) -> Status:
    """The first status of which ``told`` is true."""
    return await await_that(lambda: executor.status(lease), told, seconds)


async def await_end(executor: Executor, lease: str) -> Status:
    """The status once nothing of the lease runs."""
    return await await_status(executor, lease, lambda status: not status.live)


async def await_that(
    ask: Callable[[], Awaitable[T]], told: Callable[[T], bool], seconds: float = PATIENCE
) -> T:
    """Asks until the answer is as told; fails with the last answer when time is out."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        answer = await ask()
        if told(answer):
            return answer
        assert loop.time() < deadline, f"still {answer}"
        await asyncio.sleep(0.03)


async def read_logs(executor: Executor, lease: str, **how: Any) -> list[LogLine]:
    """All lines that are there."""
    return [line async for line in executor.logs(lease, **how)]


async def read_texts(executor: Executor, lease: str, **how: Any) -> list[str]:
    """The texts of all lines that are there."""
    return [line.text for line in await read_logs(executor, lease, **how)]


async def fetch(url: str) -> tuple[int, bytes]:
    """One GET over a connection of its own: status (0 where no answer came) and body."""
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /page HTTP/1.0\r\nHost: x\r\n\r\n")
            answer = await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        return 0, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else 0), body
