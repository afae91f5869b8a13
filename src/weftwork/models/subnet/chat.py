"""The chat subnet: open questions to attached models, judged by recomputation where that is possible.

A miner whose engine is the validator's own (equal digests) must repeat its answer, which asks for
temperature 0 and a seed. One with the same model under another digest is judged by log-probabilities, any
other by a judge model.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from weftwork.errors import BadConfig
from weftwork.models.engine.port import Engine
from weftwork.models.subnet.port import Task, Verifier, Worker
from weftwork.models.verifier import Judge, LogprobCheck, Recompute, SchemaMatch, find_verifier

_TOPICS = (
    "tides", "compound interest", "sourdough bread", "the French revolution", "photosynthesis", "sleep",
    "chess openings", "plate tectonics", "vaccines", "jet lag", "inflation", "glass making", "honey bees",
    "the printing press", "soil", "prime numbers", "violins", "rain", "passports", "bridges", "cheese",
)  # fmt: skip
_FORMS = (
    "Explain {a} to a ten-year-old in three sentences.",
    "what is the link between {a} and {b}?",
    "Give me {n} facts about {a}, one per line.",
    "summarise how {a} works, max {m} words",
    "I have to give a short talk on {a}. Draft an opening that mentions {b}.",
    "Write a haiku about {a}.",
    "list {n} common misconceptions about {a}",
    "Which came first, {a} or {b}, and how do we know?",
    "Can you compare {a} with {b} in a small table?",
    "why does {a} matter today",
    "Turn this into a polite email: we cannot meet on {day} because of {a}.",
    "What is {x} times {y}? Answer with the number only.",
    "A train leaves at {h}:{mm} and takes {m} minutes. When does it arrive?",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


class ChatSubnet:
    """Open questions; ``engine`` is the validator's own model, ``judge`` the one that marks others."""

    name = "chat"

    def __init__(
        self,
        model: str = "chat",
        *,
        engine: Engine | None = None,
        judge: Engine | None = None,
        max_tokens: Sequence[int] = (64, 128, 256),
    ) -> None:
        if engine is None and judge is None:
            raise BadConfig(
                "a chat validator needs an engine of its own or a judge",
                hint="attach one: --engine FILE.gguf, ollama:MODEL or http://host/v1#MODEL",
            )
        self.model = model
        self._engine = engine
        self._judge = judge
        self._max_tokens = tuple(max_tokens)

    def make_task(self, rng: Random) -> Task:
        """An open question; temperature 0 and a seed, so that it can be computed again."""
        a, b = rng.sample(_TOPICS, 2)
        words = {
            "a": a,
            "b": b,
            "n": rng.randint(3, 7),
            "m": rng.choice((30, 40, 50, 80, 100)),
            "day": rng.choice(_DAYS),
            "x": rng.randint(3, 99),
            "y": rng.randint(3, 99),
            "h": rng.randint(0, 23),
            "mm": f"{rng.randint(0, 59):02d}",
        }
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": rng.choice(_FORMS).format(**words)}],
            "temperature": 0,
            "seed": rng.randint(0, 2**31 - 1),
            "max_tokens": rng.choice(self._max_tokens),
        }
        return Task(body)

    def verifiers(self, worker: Worker) -> Sequence[Verifier]:
        """Recomputation for the same engine, log-probabilities for the same model, else the judge."""
        own = self._engine
        if own is not None:
            info = own.describe()
            if worker.engine == info.digest and info.deterministic:
                return (Recompute(own),)
            if worker.model == info.model and "logprobs" in info.features:
                return (LogprobCheck(own),)
        if self._judge is not None:
            return (SchemaMatch(), Judge(self._judge))
        return (Recompute(own),)

    @staticmethod
    def verifier(name: str) -> Verifier:
        """See :class:`~weftwork.models.subnet.port.Subnet`."""
        return find_verifier(name)

    @staticmethod
    def combine(values: Sequence[int]) -> int:
        """The least: each verifier must be content."""
        return min(values, default=0)
