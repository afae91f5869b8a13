"""Blender's scenes: the same tiles through ``bpy``, Blender as a Python module, in a process of its own.

``bpy`` is under the GPL and is never imported into ours: the process that imports it is a program of its own
(:mod:`.blender_guest`), spoken to through pipes, inside the sandbox. It needs numpy below 2, and this package
one above, so it stands in another environment, whose Python ``WEFT_BLENDER_PYTHON`` names. Cycles renders on
the CPU with a fixed seed, without denoising and adaptive sampling, a tile as the border of its frame.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.error import BadScene
from weftwork.compute.render.scene import Scene
from weftwork.compute.render.worker import GuestWorker
from weftwork.errors import ExtraMissing
from weftwork.sandbox import Quota


class BlenderWorker(GuestWorker):
    """Renders tiles of one ``.blend`` file, one at a time; never without the sandbox."""

    guest: ClassVar[str] = "blender_guest.py"

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
    """The Python that has ``bpy``, and the folders that it needs; :class:`ExtraMissing` without one."""
    named = os.environ.get("WEFT_BLENDER_PYTHON", "")
    python = Path(named).absolute()
    if not named or not python.is_file():
        raise ExtraMissing(
            "no Python with Blender's module bpy is named, and without it no .blend file is rendered",
            value=named,
            hint="python3.11 -m venv blender && blender/bin/pip install bpy==5.0.1, "
            "then set WEFT_BLENDER_PYTHON=blender/bin/python",
        )
    return str(python), [python.parent.parent, python.resolve().parent.parent]
