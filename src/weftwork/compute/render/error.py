"""Errors of rendering.

::

    BadInput
    ├── BadScene                   a scene cannot be read: names the file and what is wrong in it
    │   └── SceneFailed            the renderer refused it, or stopped on it; its own words are kept
    └── BadAsset                   a file of a scene is missing, empty where it may not be, or another one
    Refused
    └── SceneStopped               it used more time, memory or disk than a tile may
    Unavailable
    ├── RenderWorkerLost           the process that rendered died; the tile may be tried again
    └── WorkWithheld               a node does not show a checker the tile or the scene that it is asked for
    VerifyError
    └── TileDiffers                a tile is not what its scene and seed make
"""

from __future__ import annotations

from weftwork.errors import BadInput, Refused, Unavailable, VerifyError


class BadScene(BadInput):
    """A scene cannot be read; the sentence names the file and what is wrong in it."""

    code = "input.scene"
    hint = "what a scene may hold is described in docs/render.md"


class SceneFailed(BadScene):
    """The renderer refused the scene or stopped on it; the sentence ends with its own words."""

    code = "input.scene.failed"
    hint = "render the scene with the renderer itself to see all that it says"


class BadAsset(BadInput):
    """A file of a scene is missing, or its content is not that of its digest."""

    code = "input.asset"
    hint = "upload the file again; its name in the store is the SHA-256 of its content"


class SceneStopped(Refused):
    """The scene used more time, memory or disk than a tile may, and its process was ended."""

    code = "refused.scene"
    hint = "smaller tiles or fewer samples make a tile cheaper; the limits are in docs/render.md"


class RenderWorkerLost(Unavailable):
    """The process that rendered died; a new one is started for the next tile."""

    code = "unavailable.render"
    hint = "the tile may be tried again, here or elsewhere"


class WorkWithheld(Unavailable):
    """A node shows its receipts, and not the tile behind one or the scene; ``value`` is that receipt."""

    code = "unavailable.work"
    hint = "it is asked again; a node that shows nothing at three looks is scored 0 and not paid"


class TileDiffers(VerifyError):
    """A tile is not what its scene and seed make; the sentence gives the measure."""

    code = "verify.tile"
    hint = "the tile is rendered again elsewhere and is not paid"
