"""The renderer's side of a worker: a program of its own that reads tiles on standard input.

It runs inside the sandbox, imports nothing of this package, and is given as a file. A message either way is
two 32-bit lengths (big-endian), a JSON object, and bytes. What scenes print goes to standard error.
"""

from __future__ import annotations

import json
import os
import platform
import random
import struct
import sys
import time
from typing import Any, BinaryIO

BLOCK_SIZE = 32
UNSTEADY = ("timeout", "samples_per_pass")


def main() -> None:
    """Answers ``load`` and ``render`` until standard input ends."""
    source, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    config = json.loads(sys.argv[1])
    import drjit
    import mitsuba

    drjit.set_thread_count(config["threads"])
    mitsuba.set_variant("scalar_rgb")
    mitsuba.set_log_level(mitsuba.LogLevel.Error)
    stage = Stage(mitsuba, config)
    answer(out, {"ready": True, "build": describe_build(mitsuba, drjit)})
    while head := source.read(8):
        length, more = struct.unpack(">II", head)
        request = json.loads(source.read(length))
        source.read(more)
        began = time.perf_counter()
        try:
            pixels = b""
            if request["do"] == "render":
                pixels = stage.render(request)
            else:
                stage.load(request)
            answer(out, {"seconds": time.perf_counter() - began}, pixels)
        except MemoryError:
            answer(out, {"error": "memory", "sentence": "out of memory"})
        except OSError as error:
            answer(out, {"error": "disk" if error.errno in (27, 28) else "scene", "sentence": word(error)})
        except (Exception, SystemExit) as error:
            kind = "memory" if "bad_alloc" in str(error) else "scene"
            answer(out, {"error": kind, "sentence": word(error)})


def word(error: BaseException) -> str:
    """What went wrong, in one line."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:500]


def answer(out: BinaryIO, header: dict[str, Any], pixels: bytes = b"") -> None:
    """Writes one message."""
    text = json.dumps(header).encode()
    out.write(struct.pack(">II", len(text), len(pixels)) + text + pixels)
    out.flush()


def describe_build(mitsuba: Any, drjit: Any) -> str:
    """What must be equal on two machines for equal bits: versions, machine, vector units, C library."""
    flags = ""
    try:
        with open("/proc/cpuinfo") as file:
            line = next((line for line in file if line.startswith(("flags", "Features"))), "")
        known = ("sse4_2", "avx", "avx2", "fma", "avx512f", "asimd")
        flags = "+".join(flag for flag in known if flag in line.split())
    except OSError:
        pass
    library = "-".join(platform.libc_ver()) or "libc"
    versions = f"mitsuba-{mitsuba.__version__} drjit-{drjit.__version__}"
    return f"{versions} {platform.system()}-{platform.machine()} {flags} {library}".lower()


class Stage:
    """The scene of one frame, kept until another frame is asked for."""

    def __init__(self, mitsuba: Any, config: dict[str, Any]) -> None:
        self.mitsuba, self.config = mitsuba, config
        self.frame: Any = None
        self.scene: Any = None
        self.film: Any = None
        self.module: dict[str, Any] | None = None
        os.chdir(config["folder"])

    def load(self, request: dict[str, Any]) -> None:
        """Makes the scene of the request's frame; a scene that does not move is made once."""
        frame = request["frame"]
        if self.scene is not None and (frame == self.frame or not self.config["moves"]):
            return
        self.scene = self.film = None
        if self.config["kind"] == "mitsuba-xml":
            scene = self.mitsuba.load_file(self.config["entry"], **request["parameters"])
        else:
            scene = self.mitsuba.load_dict(self.steady(self.make(frame)))
        if not isinstance(scene, self.mitsuba.Scene):
            raise ValueError("this is no scene")
        if not scene.sensors():
            raise ValueError("the scene has no sensor")
        if not isinstance(scene.integrator(), self.mitsuba.SamplingIntegrator):
            raise ValueError("its integrator does not render tile by tile")
        self.scene, self.frame = scene, frame
        self.film = self.mitsuba.traverse(scene.sensors()[0])

    def make(self, frame: int) -> dict[str, Any]:
        """What the Python scene's ``make_scene`` returns; its chance begins with the frame's number."""
        import numpy

        if self.module is None:
            name = self.config["entry"]
            with open(name, encoding="utf-8") as file:
                text = file.read()
            sys.path.insert(0, self.config["folder"])
            module: dict[str, Any] = {
                "__name__": "scene",
                "__file__": os.path.join(self.config["folder"], name),
            }
            exec(compile(text, name, "exec"), module)  # noqa: S102  (the sandbox is where this may be done)
            self.module = module
        random.seed(frame)
        numpy.random.seed(frame)
        found = self.module["make_scene"](frame)
        if not isinstance(found, dict):
            raise ValueError("make_scene(frame) returns a dict")
        return found

    def steady(self, found: dict[str, Any]) -> dict[str, Any]:
        """The scene with one film, fixed blocks and no time limit: see ``document.normalise``."""
        kinds = self.mitsuba.PluginManager.instance()
        out, integrators = {"type": "scene"} | found, 0
        for name, value in found.items():
            if not isinstance(value, dict) or "type" not in value:
                continue
            kind = str(kinds.plugin_type(str(value["type"]))).rpartition(".")[2]
            if kind == "Integrator":
                integrators += 1
                out[name] = {k: v for k, v in value.items() if k not in UNSTEADY} | {"block_size": BLOCK_SIZE}
            elif kind == "Film":
                del out[name]
            elif kind == "Sensor":
                kept = {k: v for k, v in value.items() if not self.is_film(v, kinds)}
                out[name] = kept | {"weft_film": self.make_film()}
        if not integrators:
            out["weft_integrator"] = {"type": "path", "block_size": BLOCK_SIZE}
        return out

    @staticmethod
    def is_film(value: Any, kinds: Any) -> bool:
        """True for a film in a dict."""
        return isinstance(value, dict) and str(kinds.plugin_type(str(value.get("type")))).endswith(".Film")

    def make_film(self) -> dict[str, Any]:
        """The film that every scene is seen through."""
        return {
            "type": "hdrfilm",
            "width": self.config["width"],
            "height": self.config["height"],
            "pixel_format": "rgb",
            "component_format": "float32",
            "sample_border": False,
            "rfilter": {"type": "box"},
        }

    def render(self, request: dict[str, Any]) -> bytes:
        """One tile: 32-bit floats, little-endian, row by row, three for each pixel."""
        import numpy

        self.load(request)
        x, y, width, height = request["tile"]
        self.film["film.crop_offset"] = [x, y]
        self.film["film.crop_size"] = [width, height]
        self.film.update()
        picture = numpy.array(self.mitsuba.render(self.scene, spp=request["spp"], seed=request["seed"]))
        if picture.shape != (height, width, 3):
            raise ValueError(f"the integrator gives {picture.shape} values, not {(height, width, 3)}")
        return bytes(picture.astype("<f4").tobytes())


if __name__ == "__main__":
    main()
