"""The gateways of the gateway benchmark as processes: installed, started, stopped, their CPU time."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "weftwork" / "peers"
LITELLM, PORTKEY = "litellm[proxy]==1.106.2", "@portkey-ai/gateway@1.15.2"
CELLS = [(32, False), (1, False), (8, False), (128, False), (32, True), (1, True)]
KEY = "wk-benchmark-benchmark-benchmark"
SHIM = """
const fetched = globalThis.fetch
globalThis.fetch = async (...given) => {
  const found = await fetched(...given)
  const init = { status: found.status, statusText: found.statusText, headers: new Headers(found.headers) }
  return new Response(found.body, init)
}
"""


@dataclass
class Peer:
    """One gateway under test: its process, its port, the headers that a client sends it, its path for
    streams.
    """

    name: str
    port: int
    headers: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    stream_path: str = "/v1/chat/completions"
    streamer: Peer | None = None
    cells: tuple[tuple[int, bool], ...] = tuple(CELLS)
    sizes: dict[bool, float] = field(default_factory=dict)
    samples: dict[tuple[int, bool], list[dict[str, float]]] = field(default_factory=dict)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def cores() -> tuple[str, str]:
    """The core of the gateways, and those of everything else."""
    found = sorted(os.sched_getaffinity(0))
    return str(found[0]), ",".join(map(str, found[1:] or found))


def start(
    core: str, *argv: str, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    log = tempfile.NamedTemporaryFile(prefix="weft-bench-", suffix=".log", delete=False)  # noqa: SIM115
    process = subprocess.Popen(
        ["taskset", "-c", core, *argv], stdout=log, stderr=log, env={**os.environ, **(env or {})}, cwd=cwd
    )
    process.log = log.name  # type: ignore[attr-defined]
    return process


def wait_port(port: int, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on {port}; see {process.log}")  # type: ignore[attr-defined]


def family(pid: int) -> dict[int, list[str]]:
    """A process and all that descend from it: the fields of /proc/PID/stat behind the name, by their ids."""
    children: dict[int, list[int]] = {}
    rows: dict[int, list[str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                row = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            rows[int(entry.name)] = row
            children.setdefault(int(row[1]), []).append(int(entry.name))
    found: dict[int, list[str]] = {}
    todo = [pid]
    while todo:
        one = todo.pop()
        if one in rows:
            found[one] = rows[one]
        todo += children.get(one, [])
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its threads and its children so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    return sum((int(row[11]) + int(row[12])) / ticks for row in family(pid).values())


def signal_peer(peer: Peer, number: int) -> None:
    """Stops a gateway, all its processes, or lets it go on."""
    for one in (peer, peer.streamer):
        if one is not None and one.process is not None:
            for pid in family(one.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)


def install(names: list[str]) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    if "litellm" in names and not (CACHE / "litellm/bin/litellm").exists():
        uv = shutil.which("uv") or f"{sys.executable} -m uv"
        subprocess.run([*uv.split(), "venv", "-q", str(CACHE / "litellm")], check=True)
        python = str(CACHE / "litellm/bin/python")
        install = [*uv.split(), "pip", "install", "-q", "--python", python, LITELLM, "httptools"]
        subprocess.run(install, check=True, cwd=CACHE)  # in this folder uv would apply our own pins
    if "portkey" in names and not (CACHE / "portkey/node_modules/@portkey-ai/gateway").exists():
        (CACHE / "portkey").mkdir(exist_ok=True)
        subprocess.run(
            ["npm", "install", "--no-package-lock", "--silent", PORTKEY], cwd=CACHE / "portkey", check=True
        )
    for tool, packages in (("wrk", ["wrk", "libluajit-5.1-2", "libluajit-5.1-common"]), ("nginx", ["nginx"])):
        if tool in [*names, "wrk"] and find_tool(tool) is None:
            subprocess.run(["apt-get", "download", *packages], cwd=CACHE, check=True)
            for package in CACHE.glob("*.deb"):
                subprocess.run(["dpkg", "-x", str(package), str(CACHE / "deb")], check=True)


def find_tool(name: str) -> str | None:
    for place in (CACHE / "deb/usr/bin" / name, CACHE / "deb/usr/sbin" / name, Path("/usr/sbin") / name):
        if place.exists():
            return str(place)
    return shutil.which(name)


def start_litellm(core: str, upstream: int, folder: Path) -> Peer:
    """One worker with the settings that its makers recommend for production, without a database."""
    key = "sk-" + secrets.token_hex(16)
    settings = {
        "model_list": [
            {
                "model_name": "echo",
                "litellm_params": {
                    "model": "openai/echo",
                    "api_base": f"http://127.0.0.1:{upstream}/v1",
                    "api_key": "none",
                },
            }
        ],
        "general_settings": {"master_key": key, "disable_error_logs": True},
        "litellm_settings": {"request_timeout": 600, "set_verbose": False, "json_logs": True},
    }
    path = folder / "litellm.yaml"
    path.write_text(json.dumps(settings))
    port = free_port()
    env = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    argv = [str(CACHE / "litellm/bin/litellm"), "--config", str(path), "--host", "127.0.0.1"]
    process = start(core, *argv, "--port", str(port), "--num_workers", "1", env=env)
    return Peer("litellm", port, {"authorization": f"Bearer {key}"}, process)


def start_portkey(core: str, upstream: int, folder: Path, shim: bool = False) -> Peer:
    """One Node process, headless, production mode; a second one, shimmed, for streams.

    On Node 20 this version adds headers to what ``fetch`` returned, which is immutable, and answers each
    stream with 500. The shim gives it headers that can be changed; whole answers are measured without it.
    """
    port = free_port()
    server = CACHE / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
    (folder / "shim.mjs").write_text(SHIM)
    node = ["node", *(["--import", str(folder / "shim.mjs")] if shim else [])]
    env = {"NODE_ENV": "production"}
    process = start(core, *node, str(server), f"--port={port}", "--headless", env=env)
    headers = {
        "authorization": "Bearer none",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://localhost:{upstream}/v1",
    }
    streamer = None if shim else start_portkey(core, upstream, folder, shim=True)
    return Peer("portkey", port, headers, process, streamer=streamer)


def start_nginx(core: str, upstream: int, folder: Path) -> Peer:
    """One worker as a reverse proxy with kept connections; it reads no JSON and checks no key."""
    port = free_port()
    common = "proxy_http_version 1.1; proxy_set_header Connection '';"
    user = "user root;" if os.geteuid() == 0 else ""
    temp = "".join(f"{n}_temp_path {folder};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = (
        f"{user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log; daemon off;"
        f"events {{ worker_connections 4096; }} http {{ access_log off; {temp} keepalive_requests 100000000;"
        f"upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up; {common} }}"
        f"location /stream/ {{ proxy_pass http://up/; proxy_buffering off; {common} }} }} }}"
    )
    path = folder / "nginx.conf"
    path.write_text(text)
    nginx = find_tool("nginx")
    assert nginx is not None
    process = start(core, nginx, "-c", str(path), "-p", str(folder))
    return Peer("nginx", port, {}, process, stream_path="/stream/v1/chat/completions")


def start_miner(rest: str, folder: str) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    miner = start(rest, sys.executable, str(HERE / "gateway_side.py"), "miner", str(port), folder)
    wait_port(port, miner)
    return miner, port


def start_ours(core: str, miner: int, folder: Path, name: str) -> Peer:
    """Our gateway with a key of its own, its store on disk."""
    port, place = free_port(), folder / name
    place.mkdir()
    side = [
        str(HERE / "gateway_side.py"),
        "gateway",
        str(port),
        str(place),
        f"http://127.0.0.1:{miner}",
        name,
    ]
    process = start(core, sys.executable, *side)
    peer = Peer(name, port, {"authorization": f"Bearer {KEY}"}, process)
    if name == "late":
        peer.cells = ((32, False), (32, True))
    return peer
