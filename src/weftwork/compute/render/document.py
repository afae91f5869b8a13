"""A scene in Mitsuba's XML: which files it names, how large it is, and the form in which it is rendered.

The text is read by Python's own parser and checked before any renderer sees it: no document type, no path
outside the scene's folder. What is rendered is a form of it that gives every machine the same picture: one
film (32-bit RGB, box filter), blocks of a fixed size, no time limit. Source: Mitsuba 3, scene XML format.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from xml.etree import ElementTree

from weftwork.compute.render.asset import check_name
from weftwork.compute.render.error import BadAsset, BadScene

MAX_TEXT = 4 * 1024 * 1024
"""Bytes of the largest scene text, includes counted as often as they stand there."""
MAX_NESTING = 64
"""How deep elements may nest."""
MAX_NAMED = 4096
"""How many files a scene may name, over all its frames."""
BLOCK_SIZE = 32
"""Pixels of a block's side in the renderer: fixed, since Mitsuba's own choice depends on its threads."""
MAX_DEPTH = 16
"""How deep includes may nest."""
_NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_PLUGIN = re.compile(r"[A-Za-z0-9_$]*")
_UNSTEADY = {"timeout", "blockSize", "block_size", "samples_per_pass", "samplesPerPass"}

Element = ElementTree.Element


def frame_parameters(frame: int, frames: int) -> dict[str, str]:
    """What a scene may call ``$frame``, ``$frames``, ``$t`` (0 to below 1), ``$angle`` (degrees), ``$sine``
    and ``$cosine`` (of ``2 pi t``)."""
    t = (frame - 1) / max(frames, 1)
    turn = 2 * math.pi * t
    return {
        "frame": str(frame),
        "frames": str(frames),
        "t": f"{t:.6f}",
        "angle": f"{360 * t:.4f}",
        "sine": f"{math.sin(turn):.6f}",
        "cosine": f"{math.cos(turn):.6f}",
    }


def read_document(name: str, content: bytes) -> Element:
    """The root of a scene's text; :class:`BadScene` where it is not XML, or more than XML."""
    if len(content) > MAX_TEXT:
        raise BadScene(f"{name} is longer than {MAX_TEXT} bytes", value=len(content))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise BadScene(f"{name} is not UTF-8 text", value=name) from None
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BadScene(f"{name} has a document type, which a scene may not", value=name)
    try:
        root = ElementTree.fromstring(text)  # noqa: S314
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise BadScene(f"{name} is not XML: {error}", value=name) from None
    level = [root]
    for _ in range(MAX_NESTING):
        level = [child for parent in level for child in parent]
    if level:
        raise BadScene(f"{name} nests deeper than {MAX_NESTING} elements", value=name)
    for node in root.iter():
        if not _PLUGIN.fullmatch(node.get("type", "")):
            raise BadScene(f"{name} asks for a plugin by a path", value=node.get("type", "")[:80])
    if root.tag != "scene":
        raise BadScene(f"{name} begins with <{root.tag[:40]}>, not with <scene>", value=name)
    return root


def open_document(entry: str, read: Callable[[str], bytes]) -> tuple[Element, list[str]]:
    """The scene at ``entry`` with its includes in their places, and the names of the texts that it took.

    ``read`` gives the content of a name within the scene's folder.
    """
    names: list[str] = []
    total = 0

    def expand(name: str, depth: int) -> Element:
        if depth > MAX_DEPTH:
            raise BadScene(f"includes nest deeper than {MAX_DEPTH}", value=name)
        nonlocal total
        content = read(check_name(name))
        total += len(content)
        if total > MAX_TEXT or len(names) > MAX_NAMED:
            raise BadScene(f"a scene's texts have more than {MAX_TEXT} bytes", value=name)
        names.append(name)
        root = read_document(name, content)
        for parent in list(root.iter()):
            for index, child in reversed(list(enumerate(parent))):
                if child.tag == "include":
                    inner = expand(child.get("filename", ""), depth + 1)
                    parent[index : index + 1] = list(inner)
        return root

    root = expand(entry, 0)
    if root.find(".//path") is not None:
        raise BadScene(f"{entry} has a <path>; files are named by their own relative path", value=entry)
    return root, list(dict.fromkeys(names))


def read_defaults(root: Element) -> dict[str, str]:
    """The parameters that the scene declares, with the values that it gives them."""
    found: dict[str, str] = {}
    for node in root.iter("default"):
        found.setdefault(node.get("name", ""), node.get("value", ""))
    return found


def used_parameters(root: Element) -> set[str]:
    """The names that the scene writes after a ``$``, anywhere."""
    return {name for node in root.iter() for value in node.attrib.values() for name in _NAME.findall(value)}


def find_files(root: Element, frames: int) -> list[str]:
    """The files that the scene names, in all its frames; :class:`BadAsset` for one outside its folder."""
    found: dict[str, None] = {}
    defaults = read_defaults(root)
    for value in _file_values(root):
        moving = {"frame", "frames", "t"} & set(_NAME.findall(value))
        for frame in range(1, frames + 1) if moving else (1,):
            if len(found) >= MAX_NAMED:
                raise BadScene(f"a scene names at most {MAX_NAMED} files", value=value[:200])
            found[check_name(_substitute(value, defaults | frame_parameters(frame, frames)))] = None
    return list(found)


def _file_values(root: Element) -> Iterator[str]:
    for node in root.iter():
        if "filename" in node.attrib:
            yield node.attrib["filename"]
        elif node.tag == "string" and "file" in node.get("name", "").lower():
            if not node.get("name", "").lower().endswith(("format", "type")):
                yield node.get("value", "")
        elif node.tag == "string" and (
            node.get("value", "").startswith("/") or ".." in node.get("value", "")
        ):
            raise BadAsset(
                "a scene names a file that is not in its folder", value=node.get("value", "")[:200]
            )


def _substitute(value: str, parameters: dict[str, str]) -> str:
    return _NAME.sub(lambda match: parameters.get(match[1], match[0]), value)


def read_number(root: Element, path: str, name: str, otherwise: int) -> int:
    """The whole number ``name`` in the first element at ``path``, with defaults put in, or ``otherwise``."""
    defaults = read_defaults(root)
    for parent in root.iterfind(path):
        for node in parent:
            if node.get("name", "").lower().replace("_", "") == name.replace("_", ""):
                try:
                    return int(_substitute(node.get("value", ""), defaults))
                except ValueError:
                    raise BadScene(f"{name} is no whole number", value=node.get("value", "")[:40]) from None
    return otherwise


def normalise(root: Element, width: int, height: int) -> bytes:
    """The text that is rendered: the scene with one film, fixed blocks and no time limit, as UTF-8."""
    films = {node.get("id") for node in root.findall("film")} - {None}
    _remove(root, root.findall("film"))
    sensors = list(root.iter("sensor"))
    if not sensors:
        raise BadScene("the scene has no <sensor>: nothing says from where it is seen")
    for sensor in sensors:
        named = [node for node in sensor.findall("ref") if node.get("id") in films]
        old = [*sensor.findall("film"), *named]
        _remove(sensor, old)
        film = ElementTree.SubElement(sensor, "film", type="hdrfilm")
        for kind, name, value in (
            ("integer", "width", str(width)),
            ("integer", "height", str(height)),
            ("string", "pixel_format", "rgb"),
            ("string", "component_format", "float32"),
            ("boolean", "sample_border", "false"),
        ):
            ElementTree.SubElement(film, kind, name=name, value=value)
        ElementTree.SubElement(film, "rfilter", type="box")
    integrators = list(root.iter("integrator"))
    if not integrators:
        integrators = [ElementTree.SubElement(root, "integrator", type="path")]
    for integrator in integrators:
        _remove(integrator, [node for node in integrator if node.get("name") in _UNSTEADY])
        ElementTree.SubElement(integrator, "integer", name="block_size", value=str(BLOCK_SIZE))
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _remove(parent: Element, children: Iterable[Element]) -> None:
    for child in children:
        parent.remove(child)
