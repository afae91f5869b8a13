"""Blender's side of a worker: a program of its own that reads tiles on standard input.

It runs inside the sandbox with ``bpy``, imports nothing of this package, and is given as a file. The messages
are those of ``guest.py``: two 32-bit lengths (big-endian), a JSON object, and bytes.
"""

from __future__ import annotations

import json
import os
import platform
import struct
import sys
import time
from typing import Any, BinaryIO

MAJOR = 5
"""Blender's version: 4.5 draws a shiny monkey so unlike 5.0 that its tiles would be taken for wrong ones."""


def main() -> None:
    """Answers ``load`` and ``render`` until standard input ends."""
    source, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    config = json.loads(sys.argv[1])
    try:
        bpy = import_blender()
    except ImportError as error:
        answer(out, {"error": "extra", "sentence": f"Blender cannot be used here: {error}"[:500]})
        return

    stage = Stage(bpy, config)
    answer(out, {"ready": True, "build": describe_build(bpy)})
    while head := source.read(8):
        length, more = struct.unpack(">II", head)
        request = json.loads(source.read(length))
        source.read(more)
        began = time.perf_counter()
        try:
            pixels = stage.render(request) if request["do"] == "render" else stage.load()
            answer(out, {"seconds": time.perf_counter() - began}, pixels)
        except MemoryError:
            answer(out, {"error": "memory", "sentence": "out of memory"})
        except Exception as error:
            text = f"{type(error).__name__}: {error}".replace("\n", " ")[:500]
            full = isinstance(error, OSError) and error.errno in (27, 28)
            answer(out, {"error": "disk" if full else "scene", "sentence": text})


def import_blender() -> Any:
    """Blender; ImportError where it, or a library of the system's, is missing, or where it is another."""
    import bpy

    if bpy.app.version[0] != MAJOR:
        raise ImportError(
            f"it is {bpy.app.version_string}, and its pictures are not those of Blender {MAJOR}"
        )
    return bpy


def answer(out: BinaryIO, header: dict[str, Any], pixels: bytes = b"") -> None:
    """Writes one message."""
    text = json.dumps(header).encode()
    out.write(struct.pack(">II", len(text), len(pixels)) + text + pixels)
    out.flush()


def describe_build(bpy: Any) -> str:
    """What must be equal on two machines for equal bits."""
    flags = ""
    try:
        with open("/proc/cpuinfo") as file:
            line = next((line for line in file if line.startswith(("flags", "Features"))), "")
        flags = "+".join(flag for flag in ("sse4_2", "avx2", "avx512f", "asimd") if flag in line.split())
    except OSError:
        pass
    build = bpy.app.build_hash.decode() if isinstance(bpy.app.build_hash, bytes) else bpy.app.build_hash
    library = "-".join(platform.libc_ver()) or "libc"
    return f"bpy-{bpy.app.version_string} {build} {platform.machine()} {flags} {library}".lower()


class Stage:
    """One ``.blend`` file, opened once."""

    def __init__(self, bpy: Any, config: dict[str, Any]) -> None:
        self.bpy, self.config = bpy, config
        self.open = False

    def load(self) -> bytes:
        """Opens the file, without the programs in it, and makes its settings steady."""
        if self.open:
            return b""
        place = os.path.join(self.config["folder"], self.config["entry"])
        self.bpy.ops.wm.open_mainfile(filepath=place, load_ui=False, use_scripts=False)
        scene = self.bpy.context.scene
        if scene.camera is None:
            raise ValueError("the scene has no camera")
        render, cycles = scene.render, scene.cycles
        render.engine = "CYCLES"
        cycles.device = "CPU"
        cycles.use_adaptive_sampling = False
        cycles.use_denoising = False
        cycles.use_animated_seed = False
        cycles.time_limit = 0
        render.resolution_x, render.resolution_y = self.config["width"], self.config["height"]
        render.resolution_percentage = 100
        render.dither_intensity = 0
        render.use_border = render.use_crop_to_border = True
        render.use_compositing = render.use_sequencer = False
        render.film_transparent = False
        render.threads_mode, render.threads = "FIXED", self.config["threads"]
        settings = render.image_settings
        if hasattr(settings, "media_type"):
            settings.media_type = "IMAGE"
        settings.file_format = "OPEN_EXR"
        settings.color_mode, settings.color_depth, settings.exr_codec = "RGB", "32", "NONE"
        render.use_file_extension = True
        self.open = True
        return b""

    def render(self, request: dict[str, Any]) -> bytes:
        """One tile: 32-bit floats, little-endian, row by row from the top, three for each pixel."""
        import numpy

        self.load()
        scene, (x, y, width, height) = self.bpy.context.scene, request["tile"]
        full_width, full_height = self.config["width"], self.config["height"]
        scene.frame_set(request["frame"])
        render = scene.render
        render.border_min_x, render.border_max_x = border(x, full_width), border(x + width, full_width)
        render.border_min_y = border(full_height - y - height, full_height)
        render.border_max_y = border(full_height - y, full_height)
        scene.cycles.samples, scene.cycles.seed = request["spp"], request["seed"] & 0x7FFFFFFF
        render.filepath = "/tmp/tile.exr"  # noqa: S108  (the sandbox's own)
        self.bpy.ops.render.render(write_still=True)
        image = self.bpy.data.images.load(render.filepath, check_existing=False)
        try:
            image.colorspace_settings.name = "Non-Color"
            found_width, found_height = image.size
            if (found_width, found_height) != (width, height):
                raise ValueError(f"Blender gives {found_width} by {found_height} pixels")
            flat = numpy.empty(width * height * image.channels, dtype=numpy.float32)
            image.pixels.foreach_get(flat)
        finally:
            self.bpy.data.images.remove(image)
            os.unlink(render.filepath)
        picture = flat.reshape(height, width, -1)[::-1, :, :3]
        return bytes(numpy.ascontiguousarray(picture).astype("<f4").tobytes())


def border(pixels: int, side: int) -> float:
    """Where a border lies, as a share of the side: Blender counts whole pixels, and rounds down."""
    return min(1.0, (pixels + 0.25) / side)


if __name__ == "__main__":
    main()
