"""The scenes of the examples are read, rendered, and move from frame to frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness.stage import needs_mitsuba, needs_sandbox

from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.frame import read_pixels
from weftwork.compute.render.scene import read_scene
from weftwork.compute.render.tile import Tile
from weftwork.compute.render.worker import RenderWorker

EXAMPLES = Path(__file__).parents[2] / "examples" / "render"


@needs_mitsuba
@needs_sandbox
@pytest.mark.parametrize(
    ("name", "kind", "files", "frames"),
    [("weave/weave.xml", "mitsuba-xml", 6, 36), ("loom.py", "mitsuba-python", 1, 24)],
)
async def test_an_example_is_rendered_and_moves(
    tmp_path: Path, name: str, kind: str, files: int, frames: int
) -> None:
    scene, contents = read_scene(EXAMPLES / name, width=32, height=18, spp=1)
    assert (scene.kind, len(scene.assets), scene.frames) == (kind, files, frames)
    assert sum(map(len, contents.values())) < 200_000
    store = AssetStore(tmp_path)
    store.put_all(contents.values())
    async with RenderWorker(scene, store) as worker:
        first, later = [await worker.render(Tile(frame, 0, 0, 32, 18), 1) for frame in (1, frames // 2)]
    picture = read_pixels(first.tile, first.pixels)
    assert np.isfinite(picture).all()
    assert picture.mean() > 0.02
    assert first.pixels != later.pixels
