"""Our gateway beside the LiteLLM proxy, the Portkey gateway and nginx: one worker each, in one run.

    python benchmarks/gateway.py                      # everything, in 7 minutes; installs the peers once
    python benchmarks/gateway.py --only ours,nginx --seconds 2 --repeat 1 --dry

Measured by wrk: requests a second, and CPU time a request of the gateway process alone (utime and stime in
/proc/PID/stat, all threads and children), at 1, 8, 32 and 128 connections, streaming and not. Ours
authenticates, routes, checks a signed receipt and signs vouchers for each call, towards a signing miner in a
process of its own; the peers pass the same answer on from a bare mock. The gateway has one core, load and
upstream the other. It runs as ``weft up`` runs it: an answer leaves when its receipt is on disk. ``late`` is
the same gateway where records follow within a tenth of a second. The miner, which answers only when its books
are synced, keeps them in memory where there is /dev/shm, since the mock has no disk to wait for either.

While a peer warms up each of its answers is read: status 200, all words, of a stream its end. While it is
measured wrk counts each status, and the answers must have the size that they had. Runs are interleaved and
repeated, each begins with a second that does not count, and the other gateways are stopped meanwhile
(SIGSTOP), since they share the core; medians are printed and written to ``benchmarks/results/gateway.json``.

Peers go to ``$XDG_CACHE_HOME/weftwork/peers`` (uv, npm, apt-get download), not into this environment.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from gateway_peers import (
    CACHE,
    CELLS,
    LITELLM,
    PORTKEY,
    Peer,
    cores,
    cpu_seconds,
    find_tool,
    free_port,
    install,
    signal_peer,
    start,
    start_litellm,
    start_miner,
    start_nginx,
    start_ours,
    start_portkey,
    wait_port,
)

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "gateway.json"
WORDS = 20
GOALS = [
    ("throughput_over_litellm", ">=", 40.0),
    ("throughput_over_portkey", ">=", 3.0),
    ("cpu_over_nginx", "<=", 15.0),
]
ASK = {
    "model": "echo",
    "messages": [
        {"role": "system", "content": "You turn wallet requests into one JSON object."},
        {"role": "user", "content": "swap 250 USDC for ETH, no more than half a percent slippage"},
    ],
    "max_tokens": 128,
    "temperature": 0,
}
LUA = """
wrk.method = "POST"
wrk.body = [==[%(body)s]==]
%(headers)s
local thread
function setup(one) thread = one end
bad = 0
%(check)s
done = function(summary, latency, requests)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  local form = '\\nRESULT {"requests":%%d,"us":%%d,"bytes":%%d,"errors":%%d,"bad":%%d,"p50":%%d,"p99":%%d}\\n'
  local p50, p99 = latency:percentile(50), latency:percentile(99)
  local bad = thread:get("bad")
  io.write(string.format(form, summary.requests, summary.duration, summary.bytes, failed, bad, p50, p99))
end
"""
CHECK = """
function response(status, headers, body)
  local _, words = string.gsub(body, "transfer", "")
  if status ~= 200 or words ~= %d or not string.find(body, "%s", 1, true) then bad = bad + 1 end
end
"""


# Load


def run_wrk(
    core: str, peer: Peer, connections: int, stream: bool, seconds: float, folder: Path, check: bool = False
) -> dict[str, float]:
    """One load on one peer; with ``check`` each answer is read, which costs the load's core some time."""
    one = peer.streamer if stream and peer.streamer is not None else peer
    assert one.process is not None
    body = json.dumps({**ASK, "stream": True} if stream else ASK)
    headers = {"content-type": "application/json", **one.headers}
    lines = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items())
    whole = CHECK % (WORDS, "data: [DONE]" if stream else "chat.completion") if check else ""
    script = folder / f"{one.name}.lua"
    script.write_text(LUA % {"body": body, "headers": lines, "check": whole})
    path = one.stream_path if stream else "/v1/chat/completions"
    wrk = find_tool("wrk")
    assert wrk is not None
    argv = ["taskset", "-c", core, wrk, "-t1", f"-c{connections}", f"-d{round(seconds)}s", "--timeout", "30s"]
    argv += ["-s", str(script), f"http://127.0.0.1:{one.port}{path}"]
    before = cpu_seconds(one.process.pid)
    libraries = ":".join(str(place) for place in (CACHE / "deb/usr/lib").glob("*-linux-gnu"))
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}  # where wrk's own lie if it was unpacked here
    out = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment).stdout
    used = cpu_seconds(one.process.pid) - before
    found = json.loads(next(line[7:] for line in out.splitlines() if line.startswith("RESULT ")))
    count = max(1, found["requests"])
    size = found["bytes"] / count
    if check:
        if found["bad"] or found["errors"] or not found["requests"]:
            raise SystemExit(f"{peer.name} answered wrongly: {found}")
        if count > 20 * connections:  # else what was cut off at the end weighs too much
            peer.sizes[stream] = size
    elif found["errors"] or (
        stream in peer.sizes and count > 20 * connections and abs(size / peer.sizes[stream] - 1) > 0.2
    ):
        print(f"  {peer.name}: {found}, {size:.0f} bytes an answer", file=sys.stderr)
        found["errors"] = max(1, found["errors"])
    return {
        "rps": found["requests"] / (found["us"] / 1e6),
        "cpu_us": used * 1e6 / count,
        "p50_ms": found["p50"] / 1e3,
        "p99_ms": found["p99"] / 1e3,
        "errors": found["errors"],
    }


def wait_answer(peer: Peer) -> None:
    """Returns once a peer gives the canned words."""
    url = f"http://127.0.0.1:{peer.port}/v1/chat/completions"
    headers = {"content-type": "application/json", **peer.headers}
    request = urllib.request.Request(url, json.dumps(ASK).encode(), headers)
    end = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                assert "transfer transfer" in reply.read().decode()
                return
        except OSError as error:
            if time.monotonic() > end:
                raise SystemExit(f"{peer.name} does not answer: {error}") from error
            time.sleep(1)


def summarize(peers: list[Peer]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for connections, stream in CELLS:
        name = f"{connections} connections, {'streaming' if stream else 'whole'}"
        row: dict[str, Any] = {}
        for peer in peers:
            samples = peer.samples.get((connections, stream), [])
            if samples:
                keys = ("rps", "cpu_us", "p50_ms", "p99_ms", "errors")
                row[peer.name] = {k: round(statistics.median(s[k] for s in samples), 2) for k in keys}
        ours = row.get("ours")
        if ours:
            ratios = {
                f"throughput_over_{n}": ours["rps"] / row[n]["rps"]
                for n in ("litellm", "portkey")
                if n in row and row[n]["rps"]
            }
            if "nginx" in row and row["nginx"]["cpu_us"]:
                ratios["cpu_over_nginx"] = ours["cpu_us"] / row["nginx"]["cpu_us"]
            row["ratios"] = {n: round(v, 2) for n, v in ratios.items()}
        table[name] = row
    return table


def show(table: dict[str, Any]) -> None:
    for name, row in table.items():
        print(f"\n{name}")
        for peer, one in row.items():
            if peer != "ratios":
                print(
                    f"  {peer:8s} {one['rps']:10.0f} requests/s {one['cpu_us']:10.0f} us CPU a request"
                    f"   p50 {one['p50_ms']:8.2f} ms   p99 {one['p99_ms']:8.2f} ms"
                )
        for ratio, value in row.get("ratios", {}).items():
            print(f"  {ratio}: {value}")


def judge(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The goals at 32 connections, whole answers and streams: found, wanted, and whether they are met."""
    rows = []
    for name in ("32 connections, whole", "32 connections, streaming"):
        ratios = table[name].get("ratios", {})
        for key, sign, goal in GOALS:
            if key in ratios:
                met = ratios[key] >= goal if sign == ">=" else ratios[key] <= goal
                rows.append(
                    {"cell": name, "goal": f"{key} {sign} {goal:g}", "found": ratios[key], "met": met}
                )
    return rows


def measure(peers: list[Peer], rest: str, folder: Path, options: argparse.Namespace) -> None:
    """Warms up and checks each peer, then loads them in turns, each second round the other way."""
    for peer in peers:
        for one in filter(None, (peer, peer.streamer)):
            wait_port(one.port, one.process)  # type: ignore[arg-type]
            wait_answer(one)
        run_wrk(rest, peer, 32, False, options.warm, folder, check=True)
        run_wrk(rest, peer, 32, True, options.warm, folder, check=True)
    for turn in range(options.repeat + 1):
        for cell in CELLS if turn < options.repeat else CELLS[:1]:
            for peer in peers if turn % 2 == 0 else reversed(peers):
                if cell not in peer.cells:
                    continue
                others = [other for other in peers if other is not peer]
                try:
                    for other in others:  # what else runs on the gateways' core must not count
                        signal_peer(other, signal.SIGSTOP)
                    time.sleep(0.2)
                    run_wrk(rest, peer, *cell, 1, folder)  # what lay idle has its memory back after that
                    found = run_wrk(rest, peer, *cell, options.seconds, folder)
                    peer.samples.setdefault(cell, []).append(found)
                finally:
                    for other in others:
                        signal_peer(other, signal.SIGCONT)


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="ours,late,nginx,portkey,litellm")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--warm", type=float, default=4)
    parser.add_argument("--repeat", type=int, default=2, help="rounds; of the first cell there is one more")
    parser.add_argument("--dry", action="store_true", help="write no results")
    options = parser.parse_args()
    names = options.only.split(",")
    install(names)
    load = round(os.getloadavg()[0], 1)
    core, rest = cores()
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    processes: list[subprocess.Popen[bytes]] = []
    with (
        tempfile.TemporaryDirectory(prefix="weft-bench-") as held,
        tempfile.TemporaryDirectory(prefix="weft-bench-", dir=memory) as books,
    ):
        folder = Path(held)
        try:
            mock_port = free_port()
            mock = start(rest, sys.executable, str(HERE / "gateway_side.py"), "mock", str(mock_port))
            processes.append(mock)
            wait_port(mock_port, mock)
            miner, miner_port = start_miner(rest, books)
            processes.append(miner)
            starts = {"litellm": start_litellm, "portkey": start_portkey, "nginx": start_nginx}
            peers = []
            for name in names:
                if name in starts:
                    peers.append(starts[name](core, mock_port, folder))
                else:
                    peers.append(start_ours(core, miner_port, folder, name))
                both = (peers[-1], peers[-1].streamer)
                processes += [one.process for one in both if one is not None and one.process is not None]
            measure(peers, rest, folder, options)
            table = summarize(peers)
            show(table)
            with urllib.request.urlopen(f"http://127.0.0.1:{miner_port}/totals", timeout=10) as reply:
                print(f"\nthe miner's books: {json.load(reply)}")
        finally:
            stop(processes)
    print()
    goals = judge(table)
    for row in goals:
        word = "met" if row["met"] else "missed"
        print(f"goal at {row['cell']}: {row['goal']}: {row['found']} {word}")
    if not options.dry:
        facts = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
        facts |= {
            "load_average_before": load,
            "seconds": options.seconds,
            "repeat": options.repeat,
            "litellm": LITELLM,
            "portkey": PORTKEY,
        }
        RESULTS.write_text(json.dumps({"setting": facts, "goals": goals, "cells": table}, indent=2) + "\n")


if __name__ == "__main__":
    main()
