"""A warm renderer in a process of its own: a scene is loaded once, and its tiles are rendered one by one.

The process runs in the sandbox: no network, no files but the scene's, bounded time, memory and disk. Without
bubblewrap an XML scene may run in a plain process where the caller allows it; a program never does.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self

from weftwork.compute.render import document
from weftwork.compute.render.asset import AssetStore
from weftwork.compute.render.error import BadScene, RenderWorkerLost, SceneFailed, SceneStopped
from weftwork.compute.render.scene import Scene
from weftwork.compute.render.tile import Tile
from weftwork.errors import BadInput, ExtraMissing
from weftwork.sandbox import Quota, python_paths
from weftwork.sandbox.session import Session, SessionEnded, open_session
from weftwork.units import Digest

RENDER_QUOTA = Quota(
    seconds=300.0, memory_bytes=8 * 1024**3, disk_bytes=64 * 1024**2, output_bytes=2**31, processes=256
)
"""What rendering one tile may use: ``seconds`` is for a tile, and for loading the scene."""
START_SECONDS = 60.0
"""How long a renderer may take to begin, before it has seen anything of a scene."""
IDLE_SECONDS = 60.0
"""How long a worker stays without a tile before its process is ended; the next tile starts it again."""
_HEADER = 65_536


@dataclass(frozen=True, slots=True)
class TileResult:
    """A rendered tile: ``pixels`` are 32-bit floats [height, width, 3], little-endian, linear RGB.

    ``digest`` is Keccak-256 of ``pixels``; ``seconds`` is how long it took; ``build`` names the renderer,
    its machine and its libraries: two results of one build are equal to the bit.
    """

    tile: Tile
    pixels: bytes = field(repr=False)
    digest: Digest
    seconds: float
    build: str = ""


class Renderer(Protocol):
    """What renders tiles of one scene; :class:`RenderWorker` and ``BlenderWorker`` are two."""

    build: str

    async def start(self, frame: int = 1) -> None:
        """Starts the process and loads the scene's frame; rendering does so by itself too."""

    async def render(self, tile: Tile, seed: int, spp: int | None = None) -> TileResult:
        """One tile."""

    async def aclose(self) -> None:
        """Ends the process."""


def find_mitsuba() -> Path:
    """Mitsuba's folder; :class:`ExtraMissing` where the extra ``render`` is not installed."""
    found = importlib.util.find_spec("mitsuba")
    if found is None or not found.origin:
        raise ExtraMissing(
            "Mitsuba is not installed, and without it no scene is rendered",
            value="mitsuba",
            hint=GuestWorker.hint,
        )
    return Path(found.origin).parent


class GuestWorker:
    """Renders tiles of one scene in a program of its own; restarts by itself after its process died."""

    guest: ClassVar[str]
    """The program's file, beside this one."""
    hint: ClassVar[str] = "pip install 'weftwork[render]'"
    """What helps where its renderer cannot be had."""

    def __init__(
        self,
        scene: Scene,
        store: AssetStore,
        *,
        threads: int = 1,
        quota: Quota | None = None,
        plain: bool = False,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self.scene, self.store = scene, store
        self.threads, self.quota = threads, quota or RENDER_QUOTA
        self.build = ""
        self.restarts = -1
        """How often a new process was started after the first."""
        self._plain, self._idle = plain, idle
        self._rest: asyncio.Task[None] | None = None
        self._session: Session | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._config: dict[str, Any] = {}
        self._used: list[str] = []
        self._turn = asyncio.Lock()

    def find_python(self) -> tuple[str, list[Path]]:
        """The Python that runs the guest, and the folders that it reads; or :class:`ExtraMissing`."""
        raise NotImplementedError

    def prepare(self, folder: Path) -> tuple[dict[str, Any], list[str]]:
        """Lays the scene out under ``folder``: the guest's settings, and the frame parameters it uses."""
        return prepare_folder(self.scene, self.store, folder)

    @property
    def pid(self) -> int | None:
        """The process that renders now, if one does."""
        return self._session.pid if self._session is not None and self._session.alive else None

    async def start(self, frame: int = 1) -> None:
        """Starts the process and loads the scene's frame; nothing where it runs already.

        Raises :class:`ExtraMissing`, :class:`BadAsset`, :class:`BadScene`, :class:`SceneStopped`.
        """
        async with self._waking():
            await self._start(frame)

    async def render(self, tile: Tile, seed: int, spp: int | None = None) -> TileResult:
        """``tile`` with the scene's samples a pixel, or ``spp``; tiles asked for at once wait in line.

        Raises :class:`SceneFailed` or :class:`SceneStopped` where the scene is at fault,
        :class:`RenderWorkerLost` where the process died of something else.
        """
        spp = self.scene.spp if spp is None else spp
        if not 0 <= seed < 2**32:
            raise BadInput("a seed has 32 bits", value=seed)
        if tile.x + tile.width > self.scene.width or tile.y + tile.height > self.scene.height:
            raise BadInput("the tile does not lie in the scene's frame", value=str(tile.to_json()))
        async with self._waking():
            await self._start(tile.frame)
            began = time.perf_counter()
            _, pixels = await self._ask(self._request(tile, seed, spp), tile.pixels * 12)
            seconds = time.perf_counter() - began
            if len(pixels) != tile.pixels * 12:
                await self._stop()
                raise SceneFailed("the renderer answered with pixels of another size", value=len(pixels))
        return TileResult(tile, pixels, Digest.of(pixels), seconds, self.build)

    async def aclose(self) -> None:
        """Ends the process and removes its folder; may be called again."""
        async with self._turn:
            if self._rest is not None:
                self._rest.cancel()
                self._rest = None
            await self._stop()
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @asynccontextmanager
    async def _waking(self) -> AsyncIterator[None]:
        """The worker's turn, after which it is left alone for a while and then put to rest."""
        async with self._turn:
            if self._rest is not None:
                self._rest.cancel()
                self._rest = None
            try:
                yield
            finally:
                self._rest = asyncio.create_task(self._put_to_rest())

    async def _put_to_rest(self) -> None:
        await asyncio.sleep(self._idle)
        async with self._turn:
            await self._stop()

    async def _start(self, frame: int) -> None:
        if self._session is not None and self._session.alive:
            return
        await self._stop()
        python, paths = self.find_python()
        walls = not self._plain or self.scene.kind != "mitsuba-xml" or shutil.which("bwrap") is not None
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="weft-render-", ignore_cleanup_errors=True)
            try:
                place = Path(self._folder.name)
                self._config, self._used = await asyncio.to_thread(self.prepare, place)
                shutil.copyfile(Path(__file__).with_name(self.guest), place / "guest.py")
            except BaseException:
                self._folder.cleanup()
                self._folder = None
                raise
        folder = Path(self._folder.name)
        inside = Path("/job") if walls else folder
        config = self._config | {"folder": str(inside / "scene"), "threads": self.threads}
        hashing = ["/usr/bin/env", "PYTHONHASHSEED=0"]  # a scene that walks through a set walks it alike
        argv = [*hashing, python, "-s", "-P", "-B", str(inside / "guest.py"), json.dumps(config)]
        self._session = await open_session(
            argv,
            folder=folder,
            read_only=_outermost({*paths, *python_paths()}),
            quota=self.quota,
            walls=walls,
        )
        self.restarts += 1
        found, _ = await self._ask(None, 0, max(START_SECONDS, self.quota.seconds))
        self.build = str(found.get("build", ""))[:300]
        await self._ask({"do": "load", "frame": frame, "parameters": self._parameters(frame)}, 0)

    def _request(self, tile: Tile, seed: int, spp: int) -> dict[str, Any]:
        return {
            "do": "render",
            "frame": tile.frame,
            "parameters": self._parameters(tile.frame),
            "tile": [tile.x, tile.y, tile.width, tile.height],
            "seed": seed,
            "spp": spp,
        }

    def _parameters(self, frame: int) -> dict[str, str]:
        found = document.frame_parameters(frame, self.scene.frames)
        return {name: found[name] for name in self._used}

    async def _stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(
        self, request: dict[str, Any] | None, most: int, seconds: float | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """Sends a request, takes its answer of ``most`` bytes at most, within ``seconds`` or the quota's."""
        assert self._session is not None
        try:
            async with asyncio.timeout(seconds or self.quota.seconds):
                if request is not None:
                    text = json.dumps(request).encode()
                    await self._session.send(struct.pack(">II", len(text), 0) + text)
                length, more = struct.unpack(">II", await self._session.receive(8))
                if length > _HEADER or more > most:
                    raise ValueError
                found = json.loads(await self._session.receive(length))
                pixels = await self._session.receive(more)
                if not isinstance(found, dict):
                    raise ValueError
        except TimeoutError:
            await self._stop()
            raise SceneStopped(
                f"the scene took more than {self.quota.seconds:g} seconds for one tile",
                value=self.scene.entry,
            ) from None
        except (ValueError, RecursionError):
            await self._stop()
            raise SceneFailed("the scene spoke in the renderer's place", value=self.scene.entry) from None
        except SessionEnded as error:
            await self._stop()
            raise self._explain(error) from None
        except BaseException:
            with suppress(Exception):
                await self._stop()
            raise
        if "error" in found and request is None:  # before it has seen anything of a scene
            raise ExtraMissing(str(found.get("sentence", ""))[:500], value=self.guest, hint=self.hint)
        if "error" in found:
            raise self._refusal(str(found["error"]), str(found.get("sentence", ""))[:500])
        return found, pixels

    def _refusal(self, kind: str, sentence: str) -> Exception:
        if kind in ("memory", "disk"):
            used = self.quota.memory_bytes if kind == "memory" else self.quota.disk_bytes
            return SceneStopped(f"the scene used more than {used} bytes of {kind}", value=sentence[:200])
        return SceneFailed(f"the renderer refused the scene: {sentence}", value=self.scene.entry)

    def _explain(self, error: SessionEnded) -> Exception:
        said = error.stderr.decode(errors="replace")
        if "MemoryError" in said or "bad_alloc" in said or "std::bad_alloc" in said:
            return SceneStopped(
                f"the scene used more than {self.quota.memory_bytes} bytes of memory", value=said[-200:]
            )
        return RenderWorkerLost(
            f"the renderer's process ended with status {error.exit_status}", value=said[-200:]
        )


class RenderWorker(GuestWorker):
    """Renders tiles of one Mitsuba scene, one at a time; the pixels are the same with any number of threads.

    ``plain=True`` allows an XML scene to run in a plain process where bubblewrap is missing; a Python scene
    never does.
    """

    guest = "guest.py"

    def __init__(
        self,
        scene: Scene,
        store: AssetStore,
        *,
        threads: int = 1,
        quota: Quota | None = None,
        plain: bool = False,
        idle: float = IDLE_SECONDS,
    ) -> None:
        if scene.kind == "blend":
            raise BadScene("a .blend file is rendered by Blender, not by Mitsuba", value=scene.entry)
        super().__init__(scene, store, threads=threads, quota=quota, plain=plain, idle=idle)

    def find_python(self) -> tuple[str, list[Path]]:
        """This Python, and the folder that holds Mitsuba."""
        return sys.executable, [find_mitsuba().parent]


def prepare_folder(scene: Scene, store: AssetStore, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Lays a scene out under ``folder`` as the guest expects it: its settings, and the parameters it uses."""
    place = folder / "scene"
    place.mkdir()
    store.lay_out(scene.assets, place)
    config: dict[str, Any] = {
        "kind": scene.kind,
        "entry": scene.entry,
        "width": scene.width,
        "height": scene.height,
        "moves": True,
    }
    used: set[str] = set()
    if scene.kind == "mitsuba-xml":
        root, _ = document.open_document(scene.entry, lambda name: _read(scene, store, name))
        for name in document.find_files(root, scene.frames):
            if name not in scene.assets:
                raise BadScene("the scene names a file that was not uploaded with it", value=name)
        used = document.used_parameters(root) & set(document.frame_parameters(1, 1))
        (place / scene.entry).write_bytes(document.normalise(root, scene.width, scene.height))
        config["moves"] = bool(used)
    return config, sorted(used)


def _read(scene: Scene, store: AssetStore, name: str) -> bytes:
    if name not in scene.assets:
        raise BadScene("the scene names a file that was not uploaded with it", value=name[:200])
    return store.get(scene.assets[name])


def _outermost(paths: set[Path]) -> list[Path]:
    """``paths`` without those that lie in another of them or in the system's own folders."""
    found = sorted(path for path in paths if not path.is_relative_to("/usr"))
    return [
        path for path in found if not any(path != other and path.is_relative_to(other) for other in found)
    ]
