"""Blender stands outside: it is found and never imported, and its absence is a sentence."""

from __future__ import annotations

import ast
import asyncio
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from harness.blend import needs_blender, write_blend
from harness.stage import needs_sandbox, write_scene
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import weftwork
from weftwork.cli.main import app
from weftwork.compute.render import blender_guest
from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.blender import NAMED, BlenderWorker, find_blender
from weftwork.compute.render.error import BadScene, SceneFailed
from weftwork.compute.render.local import list_kinds, open_renderer
from weftwork.compute.render.scene import Scene, read_scene
from weftwork.compute.render.tile import MAX_SIDE, Tile
from weftwork.errors import ExtraMissing

HOSTILE = "raise RuntimeError('Blender was imported into this process')"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python without Blender."""
    monkeypatch.delenv(NAMED, raising=False)
    monkeypatch.setitem(sys.modules, "bpy", None)


def stage_blend(folder: Path, path: Path | None = None, **numbers: int) -> tuple[Scene, AssetStore]:
    """A ``.blend`` scene, of a broken file if none is named, and a store that holds it."""
    scene, contents = read_scene(path or write_scene(folder, "BLENDER", "scene.blend"), **numbers)
    store = AssetStore(folder / "store")
    store.put_all(contents.values())
    return scene, store


async def begin(scene: Scene, store: AssetStore) -> None:
    """Starts a renderer, and ends it."""
    worker = open_renderer(scene, store)
    try:
        await worker.start()
    finally:
        await worker.aclose()


async def test_without_blender_the_error_names_the_extra(tmp_path: Path, bare: None) -> None:
    scene, store = stage_blend(tmp_path, width=32, height=32)
    assert (scene.kind, scene.width, scene.spp) == ("blend", 32, 64)
    assert "blend" not in list_kinds()
    with pytest.raises(ExtraMissing, match="bpy is not installed") as caught:
        await begin(scene, store)
    assert caught.value.code == "unavailable.extra"
    assert "pip install 'weftwork[blender]'" in caught.value.hint


def test_the_command_says_which_extra_to_install(tmp_path: Path, bare: None) -> None:
    path = str(write_scene(tmp_path, "BLENDER", "scene.blend"))
    shown = CliRunner().invoke(app, ["compute", "render", path, "--local", "--out", str(tmp_path / "out")])
    assert shown.exit_code != 0
    words = " ".join(shown.output.split())
    assert "Blender's module bpy is not installed" in words
    assert "unavailable.extra" in words
    assert "pip install 'weftwork[blender]'" in words


def test_a_variable_that_names_no_python_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAMED, str(tmp_path / "nowhere"))
    with pytest.raises(ExtraMissing, match=NAMED) as caught:
        find_blender()
    assert caught.value.value == str(tmp_path / "nowhere")


def test_blender_is_found_beside_us_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: None
) -> None:
    (tmp_path / "bpy").mkdir()
    (tmp_path / "bpy" / "__init__.py").write_text(HOSTILE)
    monkeypatch.delitem(sys.modules, "bpy")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_blender() == (sys.executable, [tmp_path])
    assert "blend" in list_kinds()
    assert "bpy" not in sys.modules


def test_only_the_guest_imports_blender_and_nothing_imports_the_guest() -> None:
    for path in Path(weftwork.__file__).parent.rglob("*.py"):
        if path.name == "blender_guest.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                ("import_module", "__import__")
            ):
                names = [ast.unparse(one).strip("'\"") for one in node.args]
            for name in names:
                assert name.split(".")[0] != "bpy", path
                assert "blender_guest" not in name, path


@given(side=st.integers(1, MAX_SIDE), share=st.floats(0, 1))
def test_a_border_names_whole_pixels_though_blender_rounds_it_down(side: int, share: float) -> None:
    pixels = round(share * side)
    kept = np.float32(blender_guest.border(pixels, side))
    assert 0 <= kept <= 1
    assert int(kept * np.float32(side)) == pixels


def test_blender_renders_only_its_own_files(tmp_path: Path) -> None:
    scene, _ = read_scene(write_scene(tmp_path))
    with pytest.raises(BadScene):
        BlenderWorker(scene, AssetStore(tmp_path / "store"))


@needs_sandbox
@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (None, "No module named 'bpy'"),
        ("raise ImportError('libSM.so.6: cannot open shared object file')", "libSM.so.6"),
        ("class app: version, version_string = (4, 5, 15), '4.5.15 LTS'", "4.5.15 LTS"),
    ],
)
def test_a_named_python_whose_blender_does_not_serve_is_told_apart_from_a_bad_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str | None, sentence: str
) -> None:
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)
    if module is not None:
        (next(other.glob("lib/python3*/site-packages")) / "bpy.py").write_text(module)
    monkeypatch.setenv(NAMED, str(other / "bin" / "python"))
    with pytest.raises(ExtraMissing, match="Blender cannot be used here") as caught:
        asyncio.run(begin(*stage_blend(tmp_path, width=32, height=32)))
    assert sentence in caught.value.sentence
    assert "weftwork[blender]" in caught.value.hint


@needs_blender
@needs_sandbox
async def test_blender_renders_tiles_that_are_equal_to_the_bit(tmp_path: Path) -> None:
    scene, store = stage_blend(tmp_path, write_blend(tmp_path), width=480, height=270, spp=4)
    tiles = [Tile(1, 0, 0, 48, 40), Tile(1, 126, 150, 64, 64)]  # 126 of 480 is no 32-bit float
    found = []
    for threads, order in ((1, tiles), (3, tiles[::-1])):
        worker = open_renderer(scene, store, threads=threads)
        found.append({tile: (await worker.render(tile, 7)).digest for tile in order})
        await worker.aclose()
    assert found[0] == found[1]
    assert len(set(found[0].values())) == 2
    assert "bpy" not in sys.modules


@needs_blender
@needs_sandbox
async def test_a_broken_blend_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SceneFailed):
        await begin(*stage_blend(tmp_path, width=32, height=32))
