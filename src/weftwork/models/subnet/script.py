"""A subnet whose rule is somebody else's file, run under bubblewrap beside the rules of the subnet that it
is added to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from weftwork.models.subnet import open_subnet_rule
from weftwork.models.subnet.port import Task, Verifier, Worker
from weftwork.models.verifier import ScriptRule, find_verifier, sandboxed


class ScriptSubnet:
    """Tasks of ``base``; its verifiers and the Python file at ``path`` must all be content."""

    name = "script"

    def __init__(self, path: Path | str, base: str = "intent", **options: Any) -> None:
        """``path``: reads ``{"task", "answer"}`` as JSON, writes ``{"value": millionths}``; ``options`` are
        the base's."""
        self._base = open_subnet_rule(base, **options)
        self._rule = ScriptRule(sandboxed(Path(path)))
        self.model = self._base.model

    def make_task(self, rng: Random) -> Task:
        """A task of the base."""
        return self._base.make_task(rng)

    def verifiers(self, worker: Worker) -> Sequence[Verifier]:
        """Those of the base, then the file."""
        return (*self._base.verifiers(worker), self._rule)

    @staticmethod
    def verifier(name: str) -> Verifier:
        """See :class:`~weftwork.models.subnet.port.Subnet`."""
        return find_verifier(name)

    @staticmethod
    def combine(values: Sequence[int]) -> int:
        """The least: each verifier must be content."""
        return min(values, default=0)
