"""A cloth on the loom: every frame one weft more, drawn by a golden shuttle through a fan of open warp.

A Python scene defines ``make_scene(frame)``, which returns Mitsuba's dict. It runs inside the sandbox, where
it may write to ``/tmp`` and nowhere else; the constants in capitals are read without running it.
"""

import colorsys
import math

import mitsuba as mi

WIDTH = 480
HEIGHT = 270
SPP = 64
FRAMES = 24
WARPS = 32
STEP = 0.25


def write_curves(name: str, curves: list[list[tuple[float, float, float, float]]]) -> str:
    """A file of curves, a control point a line; returns its path."""
    path = f"/tmp/{name}.txt"  # noqa: S108  (the sandbox's own)
    with open(path, "w") as file:
        for curve in curves:
            file.writelines(" ".join(f"{value:.4f}" for value in point) + "\n" for point in curve)
            file.write("\n")
    return path


def make_scene(frame: int) -> dict:
    """The loom after ``frame`` wefts; the last of them is only half across."""
    look = mi.ScalarTransform4f().look_at
    scene = {
        "integrator": {"type": "path", "max_depth": 7},
        "sensor": {
            "type": "perspective",
            "fov": 38,
            "to_world": look([-3.2, 3.7, 4.6], [0.1, 0.0, -0.4], [0, 1, 0]),
            "sampler": {"type": "independent"},
        },
        "sky": {"type": "constant", "radiance": {"type": "rgb", "value": [0.25, 0.28, 0.36]}},
        "lamp": {
            "type": "rectangle",
            "to_world": look([4.0, 4.5, 2.0], [0, 0, 0], [0, 1, 0]) @ mi.ScalarTransform4f().scale(1.3),
            "emitter": {"type": "area", "radiance": {"type": "rgb", "value": [16, 11.5, 7]}},
        },
        "table": {
            "type": "rectangle",
            "to_world": mi.ScalarTransform4f().translate([0, -0.9, 0]).rotate([1, 0, 0], -90).scale(30),
            "bsdf": {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.20, 0.15, 0.12]}},
        },
    }
    front = -2.6 + STEP * frame  # how far the cloth has grown, along z
    warps = []
    for i in range(WARPS):
        x, side = (i - WARPS / 2) * STEP, 1 if (i + frame) % 2 else -1
        points = []
        for k in range(-2, 60):
            z = -2.9 + k * STEP / 2
            j = (z + 2.6) / STEP
            if z <= front:
                y = -0.09 * math.cos(math.pi * (i + j))
            else:  # the shed: half of the warp is raised, half lowered, and the shuttle goes between
                y = side * 0.55 * math.sin(min(1.0, (z - front) / 2.4) * math.pi)
            points.append((x, y, z, 0.055))
        warps.append(points)
    scene["warp"] = thread(write_curves(f"warp{frame}", warps), [0.78, 0.68, 0.54])
    for j in range(frame + 1):
        across = 0.5 if j == frame else 1.0
        z = -2.6 + STEP * j
        points = []
        for k in range(int((WARPS + 2) * 2 * across) + 1):
            i = k / 2 - 1
            y = 0.09 * math.cos(math.pi * (i + j)) if j < frame else 0.0
            points.append(((i - WARPS / 2) * STEP, y, z, 0.085))
        colour = colorsys.hls_to_rgb(0.52 + 0.16 * j / FRAMES, 0.24, 0.75)
        path = write_curves(f"weft{frame}-{j}", [points])
        scene[f"weft{j}"] = thread(path, [channel**1.6 for channel in colour])
    spindle = [
        (0.1 + 1.5 * k / 16, 0.0, front, 0.005 + 0.19 * math.sin(math.pi * k / 16) ** 0.8) for k in range(17)
    ]
    scene["shuttle"] = thread(write_curves(f"shuttle{frame}", [spindle]), [0, 0, 0]) | {
        "bsdf": {"type": "roughconductor", "material": "Au", "alpha": 0.16},
    }
    return scene


def thread(path: str, colour: list[float]) -> dict:
    """Curves of one colour."""
    return {
        "type": "bsplinecurve",
        "filename": path,
        "bsdf": {
            "type": "principled",
            "base_color": {"type": "rgb", "value": colour},
            "roughness": 0.45,
            "sheen": 0.4,
        },
    }
