"""Blender stands outside: it is named by its Python, and its absence is a sentence."""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path

import pytest
from harness.stage import needs_sandbox, write_scene

from weftwork.compute.render import blender
from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.blender import BlenderWorker
from weftwork.compute.render.error import BadScene, SceneFailed
from weftwork.compute.render.local import open_renderer
from weftwork.compute.render.scene import read_scene
from weftwork.compute.render.tile import Tile
from weftwork.errors import ExtraMissing

MONKEY = """
import bpy, sys
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.mesh.primitive_monkey_add()
bpy.ops.object.light_add(type="SUN", location=(3, -3, 4))
bpy.ops.object.camera_add(location=(0, -5, 0), rotation=(1.57, 0, 0))
bpy.context.scene.camera = bpy.context.object
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
"""
needs_blender = pytest.mark.skipif(
    not os.environ.get("WEFT_BLENDER_PYTHON"), reason="WEFT_BLENDER_PYTHON names no Python with bpy"
)


async def test_without_blender_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, contents = read_scene(write_scene(tmp_path, "BLENDER", "scene.blend"), width=32, height=32)
    assert (scene.kind, scene.width, scene.spp) == ("blend", 32, 64)
    store = AssetStore(tmp_path / "store")
    store.put_all(contents.values())
    for named in ("", str(tmp_path / "nowhere")):
        monkeypatch.setenv("WEFT_BLENDER_PYTHON", named)
        worker = open_renderer(scene, store)
        with pytest.raises(ExtraMissing, match="bpy") as caught:
            await worker.start()
        await worker.aclose()
        assert "WEFT_BLENDER_PYTHON" in caught.value.hint


def test_only_the_guest_imports_blender() -> None:
    for path in Path(blender.__file__).parent.glob("*.py"):
        if path.name != "blender_guest.py":
            names = [
                alias.name
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Import | ast.ImportFrom)
                for alias in node.names
            ]
            assert "bpy" not in names


def test_blender_renders_only_its_own_files(tmp_path: Path) -> None:
    scene, _ = read_scene(write_scene(tmp_path))
    with pytest.raises(BadScene):
        BlenderWorker(scene, AssetStore(tmp_path / "store"))


@pytest.fixture
def monkey(tmp_path: Path) -> Path:
    """A file that Blender itself has written."""
    program, place = tmp_path / "monkey.py", tmp_path / "monkey.blend"
    program.write_text(MONKEY)
    subprocess.run([os.environ["WEFT_BLENDER_PYTHON"], str(program), str(place)], check=True)
    return place


@needs_blender
@needs_sandbox
async def test_blender_renders_tiles_that_are_equal_to_the_bit(monkey: Path, tmp_path: Path) -> None:
    scene, contents = read_scene(monkey, width=96, height=64, spp=4)
    store = AssetStore(tmp_path / "store")
    store.put_all(contents.values())
    tiles = [Tile(1, 0, 0, 48, 40), Tile(1, 48, 24, 48, 40)]
    found = []
    for threads in (1, 3):
        worker = open_renderer(scene, store, threads=threads)
        found.append([(await worker.render(tile, 7)).pixels for tile in tiles])
        await worker.aclose()
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


@needs_blender
@needs_sandbox
async def test_a_broken_blend_file_is_a_clear_error(tmp_path: Path) -> None:
    scene, contents = read_scene(write_scene(tmp_path, "BLENDER", "scene.blend"), width=32, height=32)
    store = AssetStore(tmp_path / "store")
    store.put_all(contents.values())
    worker = open_renderer(scene, store)
    with pytest.raises(SceneFailed):
        await worker.start()
    await worker.aclose()
