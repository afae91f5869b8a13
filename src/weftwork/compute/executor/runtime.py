"""What ``image`` may name for the ``process`` executor: a runtime of this host, shown read-only."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weftwork.compute.error import BadManifest, ImageRefused
from weftwork.compute.sdl.model import Service


@dataclass(frozen=True, slots=True)
class Runtime:
    """A program of this host with the folders that it needs; ``tags`` are the versions that it answers to."""

    name: str
    program: str
    tags: tuple[str, ...] = ("latest",)
    folders: tuple[Path, ...] = ()
    path: tuple[str, ...] = ()

    def argv(self, service: Service) -> list[str]:
        """The command line of a service: ``command`` and ``args``, or the runtime's program with ``args``."""
        if service.command:
            return [*service.command, *(service.args or ())]
        if service.args:
            return [self.program, *service.args]
        raise BadManifest(
            f"the service {service.name} has no command, and a runtime serves nothing by itself",
            value=service.name,
            hint="write command: [python, -m, http.server]",
        )


def find_runtimes() -> dict[str, Runtime]:
    """The runtimes that every host has: ``sh``, and the ``python`` that runs this (without its packages)."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(sys.base_prefix)
    inside = () if base.is_relative_to("/usr") else (base,)
    program = base / "bin" / f"python{version}"
    if not program.exists():
        program = Path(sys.executable).resolve()
    python = Runtime(
        "python",
        str(program),
        ("latest", str(sys.version_info.major), version),
        inside,
        tuple(str(place / "bin") for place in inside),
    )
    return {"sh": Runtime("sh", "/bin/sh"), "python": python}


def choose_runtime(service: Service, runtimes: Mapping[str, Runtime]) -> Runtime:
    """The runtime that the service's image names.

    :raises ImageRefused: none of that name or tag is allowed here
    """
    name, _, tag = service.image.partition(":")
    found = runtimes.get(name)
    if found is not None and (tag or "latest") in found.tags:
        return found
    known = ", ".join(f"{item.name}:{item.tags[-1]}" for item in runtimes.values())
    raise ImageRefused(
        f"the service {service.name} wants the image {service.image[:120]}, which is no runtime of this host",
        value=service.image[:200],
        hint=f"this provider runs {known} in a sandbox; an image needs one with podman or kubernetes",
    )
