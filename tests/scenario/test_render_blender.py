"""A ``.blend`` file becomes pictures: on this machine, and on nodes that are checked tile by tile."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.blend import needs_blender, write_blend
from harness.process import Weft, run_weft
from harness.stage import needs_mitsuba, needs_sandbox
from harness.studio import Studio

from weftwork.closing.chance import PPM
from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.local import open_renderer, render_local
from weftwork.compute.render.scene import Scene, read_scene
from weftwork.compute.render.tile import Tile, tile_seed
from weftwork.compute.render.worker import TileResult
from weftwork.network.rogue_node import ThriftyNode
from weftwork.spec.standing import Outcome
from weftwork.units import Digest

pytestmark = [needs_blender, needs_sandbox]
SMALL = {"width": 96, "height": 64, "spp": 4, "frames": 3}


@pytest.fixture(scope="module")
def blend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_blend(tmp_path_factory.mktemp("blend"))


def test_a_blend_file_is_rendered_twice_to_the_same_files_by_the_command(blend: Path, tmp_path: Path) -> None:
    words = (
        "compute",
        "render",
        str(blend),
        "--size",
        "96x64",
        "--spp",
        "4",
        "--tile",
        "32",
        "--length",
        "3",
    )
    found = []
    for out in ("one", "two"):
        told = run_weft(
            tmp_path, *words, "--frames", "1,3", "--local", "--exr", "--out", str(tmp_path / out), "--json"
        )
        paths = [Path(path) for path in json.loads(told.stdout)["paths"]]
        found.append({path.name: path.read_bytes() for path in paths})
    assert sorted(found[0]) == [f"frame-000{n}.{kind}" for n in (1, 3) for kind in ("exr", "png")]
    assert found[0] == found[1]
    assert found[0]["frame-0001.png"] != found[0]["frame-0003.png"]


async def test_every_tile_equals_that_of_another_process_with_other_threads_in_another_order(
    blend: Path, tmp_path: Path
) -> None:
    scene, contents = read_scene(blend, **SMALL)
    store = AssetStore(tmp_path / "store")
    store.put_all(contents.values())
    seen: list[TileResult] = []
    await render_local(
        scene, store, tmp_path, [1, 3], tile_size=32, on_tile=lambda result, frame: seen.append(result)
    )
    assert len(seen) == 12
    assert await render_alone(scene, store, [one.tile for one in reversed(seen)]) == {
        one.tile: one.digest for one in seen
    }
    assert "bpy" not in sys.modules


async def render_alone(scene: Scene, store: AssetStore, tiles: list[Tile]) -> dict[Tile, Digest]:
    """The digests of tiles from a process of its own, with three threads."""
    worker = open_renderer(scene, store, threads=3)
    try:
        return {
            tile: (await worker.render(tile, tile_seed(scene.digest, tile.frame, tile))).digest
            for tile in tiles
        }
    finally:
        await worker.aclose()


async def test_nodes_render_a_blend_file_checkers_render_it_again_and_a_cheat_is_not_paid(
    blend: Path, tmp_path: Path
) -> None:
    async with Studio(tmp_path) as studio:
        for name in ("ada", "bea"):
            await studio.add_node(name)
        await studio.add_node("cheat", ThriftyNode)
        other = await studio.add_node("other", kinds=["mitsuba-xml", "mitsuba-python"])
        checker = await studio.add_checker("cara", share=PPM)
        artist = await studio.open()
        before = {name: studio.coins(name) for name in (*studio.nodes, "artist")}
        scene, files = read_scene(blend, **SMALL)
        await artist.order(scene, files, [1, 2], tile_size=32)

        result = await artist.run()

        assert result.state == "done"
        assert [path.name for path in result.paths] == ["frame-0001.png", "frame-0002.png"]
        earned = {name: studio.coins(name) - before[name] for name in before}
        assert earned["ada"] > 0
        assert earned["bea"] > 0
        assert earned["cheat"] == earned["other"] == 0
        assert earned["ada"] + earned["bea"] == result.spent == -earned["artist"]
        assert [event.facts["node"] for event in studio.told("cheat")] == [studio.wallet("cheat")]
        assert artist.repute.outcomes(other.place.agent) == []
        assert artist.repute.outcomes(studio.nodes["cheat"].place.agent) == [Outcome.WRONG]

        findings = await checker.checker.look()
        right = [one for one in findings if one.value == PPM]
        assert len(right) == sum(len(bundle.tiles) for bundle in artist.journal.bundles.values()) == 12
        assert {one.node for one in right} == {studio.wallet("ada"), studio.wallet("bea")}

        alone = await render_local(
            scene,
            artist.workshop.assets,
            tmp_path / "alone",
            [1, 2],
            tile_size=32,
            job=bytes(artist.journal.plan.render),
            formats=("png",),
        )
        assert [path.read_bytes() for path in alone] == [path.read_bytes() for path in result.paths]
        assert "bpy" not in sys.modules


@pytest.fixture
def started() -> Iterator[list[Weft]]:
    made: list[Weft] = []
    yield made
    for one in made:
        one.kill()


@pytest.mark.nightly
@needs_mitsuba
def test_a_blend_file_is_rendered_by_commands_and_verified_by_its_receipt(
    blend: Path, tmp_path: Path, started: list[Weft]
) -> None:
    home, out = tmp_path / "home", str(tmp_path / "out")
    up = Weft(home, "up", "--port", "0", "--roles", "ledger")
    started.append(up)
    up.ready()
    for words in (("provider", "--executor", "render"), ("validator", "--rule", "render")):
        started.append(Weft(home, "join", *words))
        started[-1].ready()
    words = ("--size", "96x64", "--spp", "4", "--tile", "32", "--check", "50%", "--out", out)
    done = run_weft(home, "compute", "render", str(blend), *words)
    assert Path(out, "frame-0001.png").stat().st_size > 1_000
    receipt = done.stdout.rsplit("weft trace ", 1)[1].split()[0]
    told = json.loads(run_weft(home, "verify", receipt, "--json").stdout)
    assert told["failed"] == []
    assert told["passed"] >= 9
