"""Blender's files for tests, written by Blender itself; whether there is a Blender here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from weftwork.compute.render.blender import find_blender
from weftwork.errors import ExtraMissing

MONKEY = """
import bpy, sys
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.world = bpy.data.worlds.new("dusk")
bpy.context.scene.world.color = (0.05, 0.06, 0.09)
bpy.ops.mesh.primitive_monkey_add()
bpy.ops.object.shade_smooth()
monkey = bpy.context.object
paint = bpy.data.materials.new("clay")
paint.use_nodes = True
paint.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.8, 0.25, 0.08, 1)
paint.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.3
monkey.data.materials.append(paint)
for frame, turn in ((1, 0.0), (3, 1.0)):
    monkey.rotation_euler[2] = turn
    monkey.keyframe_insert("rotation_euler", frame=frame)
bpy.ops.mesh.primitive_plane_add(size=9, location=(0, 0, -1))
bpy.ops.object.light_add(type="AREA", location=(3, -3, 4), rotation=(0.6, 0.6, 0))
bpy.context.object.data.energy, bpy.context.object.data.size = 500, 2
bpy.ops.object.camera_add(location=(0, -6, 1.2), rotation=(1.38, 0, 0))
bpy.context.scene.camera = bpy.context.object
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1], compress=True)
"""
"""A program for Blender: a clay monkey that turns its head in three frames, over a floor, in a soft light."""


def find_blend_lack() -> str:
    """Why no ``.blend`` file is rendered here; empty where it is."""
    try:
        find_blender()
    except ExtraMissing as error:
        return f"{error.sentence} (extra blender)"
    return ""


BLEND_LACK = find_blend_lack()
needs_blender = pytest.mark.skipif(bool(BLEND_LACK), reason=BLEND_LACK)


def write_blend(folder: Path, name: str = "monkey.blend", program: str = MONKEY) -> Path:
    """A file that Blender has written, of what ``program`` builds."""
    folder.mkdir(parents=True, exist_ok=True)
    source, place = folder / "build.py", folder / name
    source.write_text(program)
    done = subprocess.run([find_blender()[0], str(source), str(place)], capture_output=True, text=True)
    assert place.is_file(), done.stdout + done.stderr
    source.unlink()
    return place
