"""Engines: one port, and adapters to the models behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weftwork.errors import BadConfig
from weftwork.models.engine.port import Completion as Completion
from weftwork.models.engine.port import Engine as Engine
from weftwork.models.engine.port import EngineInfo as EngineInfo
from weftwork.models.engine.port import Piece as Piece


def open_engine(spec: str, *, key: str | None = None, **options: Any) -> Engine:
    """The engine that ``spec`` names: ``echo``, a ``.gguf`` file, ``ollama:MODEL`` or
    ``http://host/v1#MODEL``.

    ``options`` go to the engine's constructor; :class:`BadConfig` for anything else.
    """
    if spec == "echo" or spec.startswith("echo:"):
        from weftwork.models.engine.echo import EchoEngine

        return EchoEngine(spec.partition(":")[2] or "echo", **options)
    if spec.endswith(".gguf"):
        from weftwork.models.engine.gguf import GgufEngine

        return GgufEngine(Path(spec.removeprefix("gguf:")).expanduser(), **options)
    url, _, model = spec.partition("#")
    if spec.startswith("ollama:"):
        from weftwork.models.engine.compatible import OLLAMA

        url, model = OLLAMA + "/v1", spec.removeprefix("ollama:")
    if url.startswith(("http://", "https://")) and model:
        from weftwork.models.engine.compatible import OpenAIEngine

        return OpenAIEngine(url, model, key=key, **options)
    raise BadConfig(
        f"{spec!r} names no engine",
        value=spec,
        hint="use echo, FILE.gguf, ollama:MODEL or http://host:port/v1#MODEL",
    )
