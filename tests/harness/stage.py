"""Scenes for tests: small, quick, and hostile ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from harness.bubble import needs_sandbox as needs_sandbox
from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.scene import Scene, read_scene

needs_mitsuba = pytest.mark.skipif(
    importlib.util.find_spec("mitsuba") is None, reason="mitsuba is not installed (extra render)"
)

BALL = """<scene version="3.0.0">
  <default name="frames" value="3"/>
  <default name="spp" value="4"/>
  <integrator type="path"><integer name="max_depth" value="4"/></integrator>
  <sensor type="perspective">
    <float name="fov" value="45"/>
    <transform name="to_world"><lookat origin="0,0.5,-5" target="0,0,0" up="0,1,0"/></transform>
    <sampler type="independent"><integer name="sample_count" value="$spp"/></sampler>
    <film type="hdrfilm">
      <integer name="width" value="80"/><integer name="height" value="48"/>
      <rfilter type="gaussian"/>
    </film>
  </sensor>
  <shape type="sphere"><transform name="to_world"><translate x="$sine" y="$t"/></transform>
    <bsdf type="roughplastic"><rgb name="diffuse_reflectance" value="0.8,0.3,0.1"/></bsdf></shape>
  <shape type="rectangle">
    <transform name="to_world"><scale value="8"/><rotate x="1" angle="-90"/><translate y="-1"/></transform>
  </shape>
  <emitter type="constant"><rgb name="radiance" value="0.3"/></emitter>
  <emitter type="point"><point name="position" x="2" y="4" z="-3"/><rgb name="intensity" value="20"/>
  </emitter>
</scene>
"""
"""A ball over a floor that moves with ``$sine`` and ``$t``: 80 by 48 pixels, 4 samples, 3 frames."""

MESH = """ply
format ascii 1.0
element vertex 3
property float x
property float y
property float z
element face 1
property list uchar int vertex_indices
end_header
-1 -1 0
1 -1 0
0 1 0
3 0 1 2
"""


def write_scene(folder: Path, text: str = BALL, name: str = "scene.xml", **files: str | bytes) -> Path:
    """A scene's file in ``folder``, and others beside it; in their names ``__`` stands for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    for other, content in files.items():
        place = folder / other.replace("__", ".")
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def stage_scene(
    folder: Path, text: str = BALL, name: str = "scene.xml", **numbers: int
) -> tuple[Scene, AssetStore]:
    """A scene of that text, and a store that holds it."""
    scene, contents = read_scene(write_scene(folder / "scene", text, name), **numbers)
    store = AssetStore(folder / "store")
    store.put_all(contents.values())
    return scene, store


def stage_program(folder: Path, code: str) -> tuple[Scene, AssetStore]:
    """A Python scene whose ``make_scene(frame)`` has ``code`` as its body, and a store that holds it."""
    body = "\n".join(f"    {line}" for line in code.strip().splitlines())
    text = f"import mitsuba as mi\nWIDTH = 32\nHEIGHT = 32\nSPP = 1\ndef make_scene(frame):\n{body}\n"
    return stage_scene(folder, text, "scene.py")


ROOM = """
seen = mi.ScalarTransform4f().look_at([0, 0, -4], [0, 0, 0], [0, 1, 0])
return {
    "path": {"type": "path", "max_depth": 3},
    "sensor": {"type": "perspective", "to_world": seen},
    "light": {"type": "constant"},
    "ball": {"type": "sphere", "radius": 0.5 + 0.1 * frame},
}
"""
"""The body of a ``make_scene`` that shows a ball, larger from frame to frame."""
