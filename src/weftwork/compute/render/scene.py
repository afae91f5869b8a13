"""A scene as it travels: what kind, its files by digest, its size, its frames.

``read_scene`` makes one of files on disk and never runs anything of them: an XML scene is parsed, a Python
scene is read for its constants, a ``.blend`` file is taken as it is. A scene's ``digest`` names it for good.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, get_args

from weftwork.compute.render import document
from weftwork.compute.render.asset import MAX_ASSET, check_name, digest_asset
from weftwork.compute.render.error import BadAsset, BadScene
from weftwork.compute.render.tile import MAX_SIDE
from weftwork.units import Digest

SceneKind = Literal["mitsuba-xml", "mitsuba-python", "blend"]
"""How a scene is written; a Python scene is a program, and runs only inside the sandbox."""
MAX_SPP = 65_536
MAX_FRAMES = 100_000
MAX_FILES = 4096
_KINDS: dict[str, SceneKind] = {".xml": "mitsuba-xml", ".py": "mitsuba-python", ".blend": "blend"}


@dataclass(frozen=True)
class Scene:
    """A scene: ``entry`` is the main file's name in ``assets`` (name to SHA-256); size in pixels.

    ``spp`` is samples a pixel, ``frames`` the length of the whole animation, whose frames count from 1; a
    job may ask for a part of it.
    """

    kind: SceneKind
    entry: str
    assets: Mapping[str, str] = field(hash=False)
    width: int
    height: int
    spp: int
    frames: int = 1

    def __post_init__(self) -> None:
        if self.kind not in get_args(SceneKind):
            raise BadScene("a scene is mitsuba-xml, mitsuba-python or blend", value=str(self.kind)[:40])
        if self.entry not in self.assets or len(self.assets) > MAX_FILES:
            raise BadScene(
                f"a scene has its entry among its files, {MAX_FILES} at most", value=self.entry[:200]
            )
        for name, digest in self.assets.items():
            check_name(name)
            if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
                raise BadAsset("an asset's digest is 64 lower-case hexadecimal digits", value=digest[:80])
        for name, value, high in (
            ("width", self.width, MAX_SIDE),
            ("height", self.height, MAX_SIDE),
            ("spp", self.spp, MAX_SPP),
            ("frames", self.frames, MAX_FRAMES),
        ):
            if type(value) is not int or not 1 <= value <= high:
                raise BadScene(f"{name} is a whole number from 1 to {high}", value=repr(value)[:40])

    @property
    def digest(self) -> Digest:
        """Keccak-256 of the scene's JSON with sorted keys: its name for good."""
        return Digest.of(json.dumps(self.to_json(), sort_keys=True, separators=(",", ":")).encode())

    def to_json(self) -> dict[str, Any]:
        """A plain object of the fields."""
        return {
            "kind": self.kind,
            "entry": self.entry,
            "assets": dict(self.assets),
            "width": self.width,
            "height": self.height,
            "spp": self.spp,
            "frames": self.frames,
        }

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The inverse of :meth:`to_json`; :class:`BadScene` or :class:`BadAsset` for anything else."""
        names = {"kind", "entry", "assets", "width", "height", "spp", "frames"}
        if not isinstance(data, dict) or set(data) != names or not isinstance(data["assets"], dict):
            raise BadScene(f"a scene is an object of {', '.join(sorted(names))}", value=repr(data)[:120])
        plain = [data["kind"], data["entry"], *data["assets"], *data["assets"].values()]
        if not all(isinstance(value, str) for value in plain):
            raise BadScene("a scene's names and digests are text", value=repr(data)[:120])
        return cls(**data)


def read_scene(
    path: Path | str,
    *,
    width: int | None = None,
    height: int | None = None,
    spp: int | None = None,
    frames: int | None = None,
) -> tuple[Scene, dict[str, bytes]]:
    """The scene in a file, and its files by digest (what a store takes); the numbers override the file's.

    Raises :class:`BadScene` where the file cannot be read as a scene, :class:`BadAsset` where a file that it
    names is missing, empty, or outside its folder.
    """
    path = Path(path)
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise BadScene("a scene is a .xml, .py or .blend file", value=str(path)[-200:])
    folder = Files(path.parent)
    files = {path.name: folder.read(path.name)}
    if kind == "mitsuba-xml":
        found, names = _read_xml(path.name, folder, frames)
    elif kind == "mitsuba-python":
        found, names = _read_python(path.name, files[path.name])
    else:
        found, names = {"width": 1280, "height": 720, "spp": 64, "frames": 1}, []
    files |= {name: folder.read(name) for name in names}
    given = {"width": width, "height": height, "spp": spp, "frames": frames}
    numbers = found | {name: value for name, value in given.items() if value is not None}
    digests = {name: digest_asset(content) for name, content in files.items()}
    scene = Scene(kind, path.name, digests, **numbers)
    return scene, {digests[name]: content for name, content in files.items()}


class Files:
    """The files of one folder, and nothing else of the machine: a link that leads out of it is refused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def read(self, name: str) -> bytes:
        """The content of ``name``; :class:`BadAsset` where it is missing, empty, too large or elsewhere."""
        place = (self.folder / check_name(name)).resolve()
        if not place.is_relative_to(self.folder):
            raise BadAsset("a scene names a file that does not lie in its own folder", value=name[:200])
        if not place.is_file():
            raise BadAsset(
                "there is no such file", value=name[:200], hint="the path is relative to the scene's"
            )
        if not 0 < place.stat().st_size <= MAX_ASSET:
            raise BadAsset(f"a scene's file has 1 to {MAX_ASSET} bytes", value=name[:200])
        return place.read_bytes()


def _read_xml(entry: str, folder: Files, frames: int | None) -> tuple[dict[str, int], Sequence[str]]:
    root, texts = document.open_document(entry, folder.read)
    declared = document.read_defaults(root)
    try:
        length = frames or int(declared.get("frames", "1"))
    except ValueError:
        raise BadScene("frames is no whole number", value=declared["frames"][:40]) from None
    if not 1 <= length <= MAX_FRAMES:
        raise BadScene(f"frames is a whole number from 1 to {MAX_FRAMES}", value=length)
    numbers = {
        "width": document.read_number(root, ".//film", "width", 768),
        "height": document.read_number(root, ".//film", "height", 576),
        "spp": document.read_number(root, ".//sampler", "sample_count", 16),
        "frames": length,
    }
    document.normalise(root, 1, 1)
    return numbers, [*texts, *document.find_files(root, length)]


def _read_python(entry: str, content: bytes) -> tuple[dict[str, int], Sequence[str]]:
    """The constants WIDTH, HEIGHT, SPP, FRAMES and ASSETS of a Python scene, which is not run."""
    try:
        tree = ast.parse(content.decode("utf-8"), filename=entry)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadScene(f"{entry} is not Python: {error}", value=entry) from None
    constants: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                constants[node.targets[0].id] = ast.literal_eval(node.value)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                continue
    if not any(isinstance(node, ast.FunctionDef) and node.name == "make_scene" for node in tree.body):
        raise BadScene(f"{entry} does not define make_scene(frame)", value=entry)
    defaults = {"width": 768, "height": 576, "spp": 16, "frames": 1}
    names = constants.get("ASSETS", [])
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise BadScene("ASSETS is a list of file names", value=repr(names)[:80])
    return {name: constants.get(name.upper(), value) for name, value in defaults.items()}, list(names)


def resize(scene: Scene, **numbers: int) -> Scene:
    """The scene with another width, height, spp or number of frames."""
    return Scene.from_json(scene.to_json() | numbers)
