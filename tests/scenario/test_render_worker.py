"""A worker renders tiles in the sandbox: equal to the bit for everyone, and hostile scenes get nowhere."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness.stage import BALL, MESH, ROOM, needs_mitsuba, needs_sandbox, stage_program, stage_scene

from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.error import (
    BadAsset,
    BadScene,
    RenderWorkerLost,
    SceneFailed,
    SceneStopped,
)
from weftwork.compute.render.frame import read_pixels
from weftwork.compute.render.local import render_local
from weftwork.compute.render.scene import Scene
from weftwork.compute.render.tile import Tile, split_frame, tile_seed
from weftwork.compute.render.worker import RENDER_QUOTA, RenderWorker, TileResult
from weftwork.errors import BadInput, ExtraMissing, WeftError
from weftwork.units import Digest

pytestmark = [needs_mitsuba, needs_sandbox]
JOB = Digest.of(b"a job")
SHORT = replace(RENDER_QUOTA, seconds=30.0)


async def render_tiles(
    scene: Scene, store: AssetStore, tiles: Iterable[Tile], **options: Any
) -> list[TileResult]:
    """The tiles of the job, from a worker of their own."""
    async with RenderWorker(scene, store, quota=SHORT, **options) as worker:
        return [await worker.render(tile, tile_seed(JOB, tile.frame, tile)) for tile in tiles]


async def run_hostile(folder: Path, code: str, **limits: float) -> WeftError:
    """The error that a Python scene with that body ends in."""
    scene, store = stage_program(folder, code)
    async with RenderWorker(scene, store, quota=replace(SHORT, **limits)) as worker:
        with pytest.raises(WeftError) as caught:
            await worker.render(Tile(1, 0, 0, 32, 32), 1)
        return caught.value


async def test_a_tile_is_equal_to_the_bit_in_other_processes_with_any_threads_and_in_any_order(
    tmp_path: Path,
) -> None:
    scene, store = stage_scene(tmp_path)
    tiles = [
        *split_frame(scene.width, scene.height, 40),
        *split_frame(scene.width, scene.height, 40, frame=3),
    ]
    first = await render_tiles(scene, store, tiles, threads=1)
    second = await render_tiles(scene, store, tiles[::-1], threads=7)
    assert [result.pixels for result in first] == [result.pixels for result in second[::-1]]
    assert first[0].build == second[0].build
    assert first[0].build.startswith("mitsuba-")
    assert all(result.digest == Digest.of(result.pixels) for result in first)
    assert len({result.digest for result in first}) == len(first)


async def test_a_tile_rendered_again_is_the_same_and_another_seed_is_not(tmp_path: Path) -> None:
    scene, store = stage_scene(tmp_path)
    tile = Tile(1, 20, 10, 30, 30)
    async with RenderWorker(scene, store, quota=SHORT) as worker:
        one = await worker.render(tile, 5)
        await worker.render(Tile(2, 0, 0, 8, 8), 5)
        two = await worker.render(tile, 5)
        other = await worker.render(tile, 6)
    assert one.pixels == two.pixels != other.pixels
    assert read_pixels(tile, one.pixels).mean() == pytest.approx(
        read_pixels(tile, other.pixels).mean(), rel=0.1
    )


async def test_workers_share_a_frame_and_write_the_same_picture_as_one(tmp_path: Path) -> None:
    scene, store = stage_scene(tmp_path)
    seen: list[TileResult] = []
    alone = await render_local(scene, store, tmp_path / "one", [1, 3], tile_size=32, quota=SHORT)
    shared = await render_local(
        scene,
        store,
        tmp_path / "two",
        [1, 3],
        tile_size=32,
        workers=2,
        quota=SHORT,
        on_tile=lambda result, frame: seen.append(result),
    )
    assert [path.name for path in shared] == [
        "frame-0001.png",
        "frame-0001.exr",
        "frame-0003.png",
        "frame-0003.exr",
    ]
    assert [path.read_bytes() for path in alone] == [path.read_bytes() for path in shared]
    assert len(seen) == 2 * len(split_frame(80, 48, 32))
    assert alone[0].read_bytes() != alone[2].read_bytes(), "the ball has moved"


async def test_a_python_scene_renders_and_may_print(tmp_path: Path) -> None:
    scene, store = stage_program(tmp_path, "print('hello')\n" + ROOM)
    results = await render_tiles(scene, store, [Tile(1, 0, 0, 32, 32)])
    assert np.isfinite(read_pixels(results[0].tile, results[0].pixels)).all()


async def test_a_python_scene_with_chance_and_sets_is_the_same_for_everyone(tmp_path: Path) -> None:
    code = f"""
import random, numpy
def make():
    {ROOM.replace(chr(10), chr(10) + "    ")}
found = make()
found["ball"]["radius"] = 0.2 + random.random() / 2 + numpy.random.random() / 2
channels = [hash(word) % 7 / 7 for word in {{"red", "green", "blue"}}]
found["light"]["radiance"] = {{"type": "rgb", "value": channels}}
return found
"""
    scene, store = stage_program(tmp_path, code)
    once, twice = [await render_tiles(scene, store, [Tile(1, 0, 0, 32, 32)]) for _ in range(2)]
    assert once[0].pixels == twice[0].pixels


async def test_a_mesh_beside_the_scene_is_seen(tmp_path: Path) -> None:
    text = BALL.replace(
        "</scene>", '<shape type="ply"><string name="filename" value="m.ply"/></shape></scene>'
    )
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "m.ply").write_text(MESH)
    scene, store = stage_scene(tmp_path, text)
    plain, plain_store = stage_scene(tmp_path / "plain")
    tile = Tile(1, 20, 10, 30, 30)
    with_mesh = await render_tiles(scene, store, [tile])
    assert with_mesh[0].pixels != (await render_tiles(plain, plain_store, [tile]))[0].pixels


async def test_a_scene_that_never_ends_is_stopped_and_the_next_is_served(tmp_path: Path) -> None:
    error = await run_hostile(tmp_path, "while True: pass", seconds=2.0)
    assert isinstance(error, SceneStopped)
    assert error.sentence == "the scene took more than 2 seconds for one tile"


async def test_a_frame_that_never_ends_does_not_spoil_the_others(tmp_path: Path) -> None:
    scene, store = stage_program(tmp_path, "while frame == 2: pass\n" + ROOM)
    scene = replace(scene, frames=3)
    async with RenderWorker(scene, store, quota=replace(SHORT, seconds=3.0)) as worker:
        before = await worker.render(Tile(1, 0, 0, 8, 8), 1)
        with pytest.raises(SceneStopped):
            await worker.render(Tile(2, 0, 0, 8, 8), 1)
        assert worker.pid is None
        after = await worker.render(Tile(1, 0, 0, 8, 8), 1)
        assert worker.restarts == 1
    assert before.pixels == after.pixels


async def test_a_scene_that_fills_the_disk_is_stopped(tmp_path: Path) -> None:
    code = "for n in range(1000):\n    open(f'/tmp/{n}', 'wb').write(bytes(1 << 20))"
    error = await run_hostile(tmp_path, code, disk_bytes=8 << 20)
    assert isinstance(error, SceneStopped)
    assert error.sentence == f"the scene used more than {8 << 20} bytes of disk"


async def test_a_scene_that_fills_the_memory_is_stopped(tmp_path: Path) -> None:
    error = await run_hostile(tmp_path, "x = bytearray(1 << 40)")
    assert isinstance(error, SceneStopped)
    assert "of memory" in error.sentence


async def test_a_scene_reads_no_file_of_its_host_and_writes_none(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("secret")
    places = [str(secret), "/etc/passwd", "/etc/hostname", "/root", "/home", str(Path.home())]
    code = f"""
import os, glob
found = []
for place in {places!r}:
    try:
        found.append(open(place).read() if not os.path.isdir(place) else ''.join(os.listdir(place)))
    except OSError:
        pass
for place in ('/job/scene/scene.py', '/job/x', '/usr/x', '/etc/x', {str(tmp_path / "x")!r}):
    try:
        open(place, 'a').write('x')
        found.append('wrote ' + place)
    except OSError:
        pass
found.append(' '.join(sorted(os.environ)))
raise ValueError(str([text for text in found if text]))
"""
    error = await run_hostile(tmp_path, code)
    assert isinstance(error, SceneFailed)
    assert error.sentence.startswith("the renderer refused the scene: ValueError: [")
    assert "secret" not in error.sentence
    assert "root:" not in error.sentence
    assert "wrote" not in error.sentence
    assert "'HOME LANG PATH PWD PYTHONHASHSEED'" in error.sentence


async def test_a_scene_reaches_no_network(tmp_path: Path) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    try:
        port = server.getsockname()[1]
        error = await run_hostile(
            tmp_path, f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 3)\n" + ROOM
        )
    finally:
        server.close()
    assert isinstance(error, SceneFailed)
    assert "Error" in error.sentence


FORGE = """
import os
for n in range(3, 50):
    try:
        os.write(n, {words!r})
    except OSError:
        pass
"""


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("raise SystemExit(0)", SceneFailed),
        ("import os\nos._exit(0)", RenderWorkerLost),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", RenderWorkerLost),
        ("return 7", SceneFailed),
        ("return {}", SceneFailed),
        ("return {'type': 'nonsense'}", SceneFailed),
        (FORGE.format(words=b"x" * 64), SceneFailed),
        (FORGE.format(words=bytes(7) + b"\1{"), (SceneFailed, RenderWorkerLost, SceneStopped)),
    ],
)
async def test_a_scene_that_leaves_or_speaks_out_of_turn_is_a_clear_error(
    tmp_path: Path, code: str, kinds: Any
) -> None:
    error = await run_hostile(tmp_path, code, seconds=5.0)
    assert isinstance(error, kinds)
    assert error.hint


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (('type="path"', 'type="nonsense"'), "nonsense"),
        (('type="path"', 'type="ptracer"'), "ptracer"),
        (('type="sphere"', 'type="ply"'), "filename"),
        (('x="$sine"', 'x="$nowhere"'), "nowhere"),
        (('type="perspective"', 'type="perspectiv"'), "perspectiv"),
    ],
)
async def test_a_scene_that_the_renderer_refuses_is_told_in_its_words(
    tmp_path: Path, change: tuple[str, str], word: str
) -> None:
    scene, store = stage_scene(tmp_path, BALL.replace(*change))
    async with RenderWorker(scene, store, quota=SHORT) as worker:
        with pytest.raises(SceneFailed, match=word):
            await worker.start()


@pytest.mark.parametrize("content", [b"ply\nformat ascii 1.0\nelement vertex 9\nend_header\n", b"\0" * 100])
async def test_a_corrupt_mesh_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    text = BALL.replace(
        "</scene>", '<shape type="ply"><string name="filename" value="m.ply"/></shape></scene>'
    )
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "m.ply").write_bytes(content)
    scene, store = stage_scene(tmp_path, text)
    async with RenderWorker(scene, store, quota=SHORT) as worker:
        with pytest.raises((SceneFailed, RenderWorkerLost)):
            await worker.start()


async def test_a_file_that_broke_in_the_store_stops_the_start_and_leaves_nothing(tmp_path: Path) -> None:
    scene, store = stage_scene(tmp_path)
    good = store.get(scene.assets["scene.xml"])
    store.path(scene.assets["scene.xml"]).write_bytes(b"")
    async with RenderWorker(scene, store, quota=SHORT) as worker:
        with pytest.raises(BadAsset, match="broken"):
            await worker.start()
        assert worker.pid is None
        store.put(good)
        assert await worker.render(Tile(1, 0, 0, 8, 8), 1)


async def test_a_scene_from_the_wire_that_names_a_file_it_did_not_bring_is_refused(tmp_path: Path) -> None:
    text = BALL.replace("</scene>", '<include filename="more.xml"/></scene>')
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "more.xml").write_text('<scene version="3.0.0"></scene>')
    scene, store = stage_scene(tmp_path, text)
    scene = replace(scene, assets={"scene.xml": scene.assets["scene.xml"]})
    async with RenderWorker(scene, store, quota=SHORT) as worker:
        with pytest.raises(BadScene, match="not uploaded"):
            await worker.start()


async def test_a_worker_killed_between_tiles_starts_again_with_the_same_pixels(tmp_path: Path) -> None:
    scene, store = stage_scene(tmp_path)
    tile = Tile(1, 0, 0, 40, 40)
    async with RenderWorker(scene, store, quota=SHORT) as worker:
        before = await worker.render(tile, 3)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        with suppress(RenderWorkerLost):  # told, or found dead before it was asked
            await worker.render(tile, 3)
        after = await worker.render(tile, 3)
        assert worker.restarts == 1
    assert before.pixels == after.pixels


async def test_a_worker_killed_in_the_middle_of_a_tile_is_told(tmp_path: Path) -> None:
    scene, store = stage_scene(tmp_path, spp=20_000)
    async with RenderWorker(scene, store, quota=SHORT) as worker:
        await worker.start()
        rendering = asyncio.create_task(worker.render(Tile(1, 0, 0, 80, 48), 3))
        await asyncio.sleep(0)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(RenderWorkerLost):
            await rendering


async def test_a_cancelled_tile_leaves_no_process(tmp_path: Path) -> None:
    scene, store = stage_scene(tmp_path, spp=20_000)
    async with RenderWorker(scene, store, quota=SHORT) as worker:
        await worker.start()
        pid = worker.pid
        rendering = asyncio.create_task(worker.render(Tile(1, 0, 0, 80, 48), 3))
        await asyncio.sleep(0)
        rendering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await rendering
        assert worker.pid is None
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert await worker.render(Tile(1, 0, 0, 8, 8), 3, spp=1)


async def test_a_worker_without_tiles_is_put_to_rest_and_wakes_for_the_next(tmp_path: Path) -> None:
    scene, store = stage_scene(tmp_path)
    async with RenderWorker(scene, store, quota=SHORT, idle=0.0) as worker:
        before = await worker.render(Tile(1, 0, 0, 8, 8), 3)
        assert worker._rest is not None
        await worker._rest
        assert worker.pid is None
        after = await worker.render(Tile(1, 0, 0, 8, 8), 3)
        assert worker.restarts == 1
    assert before.pixels == after.pixels


async def test_what_is_no_tile_of_the_scene_is_refused_before_it_is_begun(tmp_path: Path) -> None:
    scene, store = stage_scene(tmp_path)
    async with RenderWorker(scene, store, quota=SHORT) as worker:
        with pytest.raises(BadInput, match="frame"):
            await worker.render(Tile(1, 60, 0, 40, 40), 1)
        with pytest.raises(BadInput, match="seed"):
            await worker.render(Tile(1, 0, 0, 8, 8), 2**32)
        assert worker.pid is None


async def test_without_a_sandbox_only_an_xml_scene_runs_and_only_where_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, store = stage_scene(tmp_path)
    walled = await render_tiles(scene, store, [Tile(1, 0, 0, 40, 40)])
    program, program_store = stage_program(tmp_path / "program", ROOM)
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, *more: None if name == "bwrap" else found(name, *more))
    with pytest.raises(ExtraMissing, match="bwrap"):
        await render_tiles(scene, store, [Tile(1, 0, 0, 40, 40)])
    with pytest.raises(ExtraMissing, match="bwrap"):
        await render_tiles(program, program_store, [Tile(1, 0, 0, 32, 32)], plain=True)
    plain = await render_tiles(scene, store, [Tile(1, 0, 0, 40, 40)], plain=True)
    assert plain[0].pixels == walled[0].pixels
