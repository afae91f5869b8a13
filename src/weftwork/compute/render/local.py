"""A scene rendered on this machine: the simple way, and what a network of providers is measured against."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import get_args

from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.error import RenderWorkerLost
from weftwork.compute.render.frame import Frame
from weftwork.compute.render.picture import Format, write_frame
from weftwork.compute.render.scene import Scene, SceneKind
from weftwork.compute.render.tile import TILE_SIZE, Tile, split_frames, tile_seed
from weftwork.compute.render.worker import Renderer, RenderWorker, TileResult, find_mitsuba
from weftwork.errors import BadInput, ExtraMissing
from weftwork.sandbox import Quota

TRIES = 3
"""How often a tile is begun whose process dies."""


def open_renderer(
    scene: Scene, store: AssetStore, *, threads: int = 1, quota: Quota | None = None, plain: bool = False
) -> Renderer:
    """The worker for a scene of that kind; it starts with its first tile, or with ``start``."""
    if scene.kind == "blend":
        from weftwork.compute.render.blender import BlenderWorker

        return BlenderWorker(scene, store, threads=threads, quota=quota)
    return RenderWorker(scene, store, threads=threads, quota=quota, plain=plain)


def require_renderer(kind: SceneKind) -> None:
    """Nothing where what renders scenes of that kind is installed; else :class:`ExtraMissing`."""
    if kind == "blend":
        from weftwork.compute.render.blender import find_blender

        find_blender()
    else:
        find_mitsuba()


def list_kinds() -> tuple[SceneKind, ...]:
    """The kinds of scene that what is installed here renders."""
    out = []
    for kind in get_args(SceneKind):
        with suppress(ExtraMissing):
            require_renderer(kind)
            out.append(kind)
    return tuple(out)


async def render_local(
    scene: Scene,
    store: AssetStore,
    out: Path,
    frames: Iterable[int] | None = None,
    *,
    workers: int = 1,
    threads: int = 1,
    tile_size: int = TILE_SIZE,
    spp: int | None = None,
    job: bytes | None = None,
    formats: Sequence[Format] = ("png", "exr"),
    quota: Quota | None = None,
    plain: bool = False,
    on_tile: Callable[[TileResult, Frame], None] | None = None,
) -> list[Path]:
    """Renders ``frames`` (all of the scene's by default) and writes each into ``out``; returns the files.

    ``workers`` processes share the tiles; ``job`` (32 bytes) seeds them, by default the scene's own digest.
    ``on_tile`` is told of every tile, with the frame as far as it has grown. A process that dies is replaced,
    and its tile begun again, :data:`TRIES` times at most. Raises what :class:`RenderWorker` raises.
    """
    numbers = list(range(1, scene.frames + 1) if frames is None else dict.fromkeys(frames))
    for number in numbers:
        if not 1 <= number <= scene.frames:
            raise BadInput(f"the scene has frames 1 to {scene.frames}", value=number)
    if workers < 1:
        raise BadInput("at least one worker renders", value=workers)
    job = scene.digest if job is None else job
    grown: dict[int, Frame] = {}
    left = split_frames(numbers, scene.width, scene.height, tile_size)
    paths: dict[int, list[Path]] = {}

    async def work(renderer: Renderer) -> None:
        for tile in left:
            if tile.frame not in grown:
                grown[tile.frame] = Frame(tile.frame, scene.width, scene.height, tile_size)
            result = await _insist(renderer, tile_seed(job, tile.frame, tile), tile, spp)
            frame = grown[tile.frame]
            frame.put(tile, result.pixels)
            if on_tile is not None:
                on_tile(result, frame)
            if frame.whole:
                paths[tile.frame] = await asyncio.to_thread(
                    write_frame, frame.picture, out, tile.frame, formats
                )
                del grown[tile.frame]

    renderers = [
        open_renderer(scene, store, threads=threads, quota=quota, plain=plain) for _ in range(workers)
    ]
    try:
        async with asyncio.TaskGroup() as group:
            for renderer in renderers:
                group.create_task(work(renderer))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    finally:
        for renderer in renderers:
            await renderer.aclose()
    return [path for number in numbers for path in paths[number]]


async def _insist(renderer: Renderer, seed: int, tile: Tile, spp: int | None) -> TileResult:
    for left in reversed(range(TRIES)):
        try:
            return await renderer.render(tile, seed, spp)
        except RenderWorkerLost:
            if not left:
                raise
    raise AssertionError
