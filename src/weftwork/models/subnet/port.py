"""What a subnet is to its validators: tasks to send, and a rule that turns an answer into a score.

A rule has two halves. :meth:`Verifier.examine` may be costly (it may run a model) and gathers facts as plain
JSON; :meth:`Verifier.weigh` is pure, so that a recorded score can be computed again by whoever holds the
evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, runtime_checkable

from weftwork.errors import BadInput
from weftwork.units import ZERO, Digest


@dataclass(frozen=True, slots=True)
class Task:
    """A question as an ordinary client would put it (the body of a call), and what is known about its
    answer."""

    body: Mapping[str, Any]
    truth: Any = None

    def to_json(self) -> dict[str, Any]:
        """The task as a plain object."""
        return {"body": dict(self.body), "truth": self.truth}

    @classmethod
    def from_json(cls, data: Any) -> Task:
        """The task of such an object; raises :class:`BadInput`."""
        if not isinstance(data, Mapping) or not isinstance(data.get("body"), Mapping):
            raise BadInput("a task has a body", value=type(data).__name__)
        return cls(dict(data["body"]), data.get("truth"))


@dataclass(frozen=True, slots=True)
class Worker:
    """A miner as a validator knows it: its place, and what it says of its engine."""

    uid: int
    wallet: str
    model: str = ""
    engine: Digest = ZERO
    endpoint: str = ""


@runtime_checkable
class Verifier(Protocol):
    """One way to judge an answer."""

    name: str

    async def examine(self, task: Task, answer: str, worker: Worker) -> dict[str, Any]:
        """Facts about the answer, as plain JSON."""

    def weigh(self, task: Task, answer: str, facts: Mapping[str, Any]) -> int:
        """The answer's worth in millionths, from the facts alone."""


class Subnet(Protocol):
    """One kind of work and how it is judged; what weighs recorded facts needs no instance."""

    name: str
    model: str

    def make_task(self, rng: Random) -> Task:
        """A question, fresh for each call, that looks like any other client's."""

    def verifiers(self, worker: Worker) -> Sequence[Verifier]:
        """What judges this worker's answers."""

    @staticmethod
    def verifier(name: str) -> Verifier:
        """The verifier of that name, able to weigh; raises :class:`BadInput`."""

    @staticmethod
    def combine(values: Sequence[int]) -> int:
        """One score from those of the verifiers, in millionths."""
