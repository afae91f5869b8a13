"""The Stack Definition Language, 2.0 and 2.1: from a file to group specs, manifest and manifest hash.

    >>> deployment = read_file("deploy.yaml")
    >>> deployment.hash.hex(), [group.name for group in deployment.groups]

Lenient mode takes what the reference parser takes and warns of what only the schema refuses; strict mode
refuses that too. Nothing is fetched, run or expanded, and no input makes it slow: see
:mod:`weftwork.compute.sdl.node`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from weftwork.compute.error import BadSdl, SdlNotFound, SdlSyntax, SdlTooLarge
from weftwork.compute.sdl.build import build
from weftwork.compute.sdl.check import check_limits, check_references, check_size
from weftwork.compute.sdl.document import read_plan
from weftwork.compute.sdl.limit import LIMITS, Limits
from weftwork.compute.sdl.model import Group, ManifestGroup, encode_canonical, hash_manifest
from weftwork.compute.sdl.node import MAX_BYTES, compose
from weftwork.compute.sdl.reader import Reader

__all__ = ["Deployment", "encode_canonical", "hash_manifest", "parse", "read_file"]


@dataclass(frozen=True)
class Deployment:
    """A deployment file that holds together.

    ``version`` is 2.0 or 2.1, ``groups`` go to the market, ``manifest`` to the provider that wins, and
    ``reclamation_ns`` is the shortest notice (nanoseconds) that the provider must give, None for any.
    """

    file: str
    version: str
    groups: tuple[Group, ...]
    manifest: tuple[ManifestGroup, ...]
    reclamation_ns: int | None
    warnings: tuple[BadSdl, ...]

    @property
    def denom(self) -> str:
        """The denomination of every price in the deployment."""
        return self.groups[0].denom

    def group_specs_json(self) -> list[dict[str, Any]]:
        """The group specs as JSON values, byte for byte those of the reference once encoded."""
        return [group.to_json() for group in self.groups]

    def manifest_json(self) -> list[dict[str, Any]]:
        """The manifest as JSON values; :func:`hash_manifest` of it is :attr:`hash`."""
        return [group.to_json() for group in self.manifest]

    @cached_property
    def hash(self) -> bytes:
        """The manifest hash, 32 bytes: what the ledger holds of the manifest."""
        return hash_manifest(self.manifest_json())


def parse(
    source: bytes | str, *, file: str = "deploy.yaml", strict: bool = False, limits: Limits = LIMITS
) -> Deployment:
    """The deployment that ``source`` (YAML, UTF-8) describes; ``file`` names it in errors.

    :raises BadSdl: the first problem, with all problems in its ``problems``
    """
    text = _decode(source, file)
    root, second = compose(text, file)
    reader = Reader(file, root, strict=strict)
    if second is not None:
        reader.bend(second, "a second document begins here and is not read", "keep one document a file")
    plan = read_plan(reader, root)
    groups: tuple[Group, ...] = ()
    manifest: tuple[ManifestGroup, ...] = ()
    if plan is not None and not reader.problems:
        check_size(reader, plan, limits)
        if not reader.problems:
            check_references(reader, plan)
        if not reader.problems:
            groups, manifest = build(reader, plan)
            check_limits(reader, plan, groups, limits)
    if reader.problems or plan is None:
        raise _first_of(reader.problems)
    return Deployment(file, plan.version, groups, manifest, plan.window, tuple(reader.warnings))


def read_file(path: str | os.PathLike[str], *, strict: bool = False, limits: Limits = LIMITS) -> Deployment:
    """The deployment in the file ``path``; ``-`` reads standard input. At most :data:`MAX_BYTES` are read.

    :raises SdlNotFound: no file there that can be read
    :raises BadSdl: as :func:`parse`
    """
    if str(path) == "-":
        return parse(
            sys.stdin.buffer.read(MAX_BYTES + 1), file="standard input", strict=strict, limits=limits
        )
    try:
        if Path(path).is_dir() or not Path(path).exists():
            raise SdlNotFound(f"no file {path}", value=str(path))
        with Path(path).open("rb") as handle:
            source = handle.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise SdlNotFound(f"{path} cannot be read: {error}", value=str(path)) from None
    return parse(source, file=str(path), strict=strict, limits=limits)


def _decode(source: bytes | str, file: str) -> str:
    if len(source) > MAX_BYTES:
        raise SdlTooLarge(
            f"the file is over {MAX_BYTES >> 20} MiB",
            file=file,
            hint="put data in volumes or images, not here",
        )
    if isinstance(source, str):
        source = source.encode(errors="surrogatepass")
        if len(source) > MAX_BYTES:
            return _decode(source, file)
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = source[: error.start].decode(errors="replace")
        raise SdlSyntax(
            f"the byte 0x{source[error.start]:02x} is not UTF-8",
            file=file,
            line=before.count("\n") + 1,
            column=len(before) - before.rfind("\n"),
            hint="save the file as UTF-8",
        ) from None


def _first_of(problems: list[BadSdl]) -> BadSdl:
    """The first problem by place, which carries them all."""
    ordered = sorted(problems, key=lambda problem: (problem.line, problem.column))
    ordered[0].problems = tuple(ordered)
    return ordered[0]
