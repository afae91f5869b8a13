"""Blender's scenes: the same tiles through ``bpy``, Blender as a Python module, in a process of its own.

``bpy`` is under the GPL and is never imported into ours: the process that imports it is a program of its own
(:mod:`.blender_guest`), spoken to through pipes, inside the sandbox. The extra ``blender`` brings it for
Python 3.11 and 3.13; ``WEFT_BLENDER_PYTHON`` names another environment's Python that has it. Cycles renders
on the CPU with a fixed seed, without denoising and adaptive sampling, a tile as the border of its frame.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import ClassVar

from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.error import BadScene
from weftwork.compute.render.scene import Scene
from weftwork.compute.render.worker import GuestWorker
from weftwork.errors import ExtraMissing
from weftwork.sandbox import Quota

NAMED = "WEFT_BLENDER_PYTHON"
"""The variable that names a Python with ``bpy``; it goes before the extra."""
HINT = (
    "pip install 'weftwork[blender]' on Python 3.11 or 3.13; or name a Python that has bpy in "
    f"{NAMED}: docs/render.md"
)


class BlenderWorker(GuestWorker):
    """Renders tiles of one ``.blend`` file, one at a time; never without the sandbox."""

    guest: ClassVar[str] = "blender_guest.py"
    hint: ClassVar[str] = HINT

    def __init__(
        self, scene: Scene, store: AssetStore, *, threads: int = 1, quota: Quota | None = None
    ) -> None:
        if scene.kind != "blend":
            raise BadScene("Blender renders .blend files", value=scene.entry)
        super().__init__(scene, store, threads=threads, quota=quota)

    def find_python(self) -> tuple[str, list[Path]]:
        """See :func:`find_blender`."""
        return find_blender()


def find_blender() -> tuple[str, list[Path]]:
    """The Python that has ``bpy``, and the folders that it needs; :class:`ExtraMissing` without one.

    It looks for the package and imports nothing of it.
    """
    if named := os.environ.get(NAMED, ""):
        python = Path(named).absolute()
        if not python.is_file():
            raise ExtraMissing(f"{NAMED} names no Python that could render", value=named[:200], hint=HINT)
        return str(python), [python.parent.parent, python.resolve().parent.parent]
    found = importlib.util.find_spec("bpy")
    if found is None or not found.origin:
        raise ExtraMissing(
            "Blender's module bpy is not installed, and without it no .blend file is rendered",
            value="bpy",
            hint=HINT,
        )
    return sys.executable, [Path(found.origin).parent.parent]
