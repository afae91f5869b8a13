"""The intent subnet: wallet requests in English, whose meaning is known because the sentence was made from
it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from weftwork.models.intent import build_messages, response_format
from weftwork.models.subnet.port import Task, Verifier, Worker
from weftwork.models.verifier import IntentMatch, find_verifier

Sentence = Callable[[Random], tuple[str, Mapping[str, str]]]
"""Makes one request and what it means."""
MODEL = "weft-intent"


class IntentSubnet:
    """Requests from ``sentence``, judged by ground truth."""

    name = "intent"

    def __init__(self, model: str = MODEL, *, sentence: Sentence | None = None) -> None:
        self.model = model
        self._sentence = sentence or make_sentence

    def make_task(self, rng: Random) -> Task:
        """A request in one of the ways in which clients send them."""
        text, meaning = self._sentence(rng)
        build = rng.choices([habit for habit, _ in HABITS], [often for _, often in HABITS])[0]
        return Task(build(text, self.model), dict(meaning))

    def verifiers(self, worker: Worker) -> Sequence[Verifier]:
        """Ground truth for everyone."""
        return (IntentMatch(),)

    @staticmethod
    def verifier(name: str) -> Verifier:
        """See :class:`~weftwork.models.subnet.port.Subnet`."""
        return find_verifier(name)

    @staticmethod
    def combine(values: Sequence[int]) -> int:
        """The least: each verifier must be content."""
        return min(values, default=0)


def ask_body(text: str, model: str = MODEL) -> dict[str, Any]:
    """The body by which ``weft ask`` puts a wallet request: greedy, held to the published schema."""
    return {
        "model": model,
        "messages": build_messages(text),
        "temperature": 0,
        "max_tokens": 200,
        "response_format": response_format(),
    }


def plain_body(text: str, model: str = MODEL) -> dict[str, Any]:
    """The body of a client that was only given an OpenAI URL: a model and a message."""
    return {"model": model, "messages": build_messages(text)}


HABITS: tuple[tuple[Callable[[str, str], dict[str, Any]], int], ...] = ((ask_body, 3), (plain_body, 1))
"""The ways in which this model is asked, as the docs show them, and how often each is seen; a validator
keeps to
them, since a body that only it sends would tell it apart."""


def make_sentence(rng: Random) -> tuple[str, dict[str, str]]:
    """One request and its meaning, from the grammar that ``weft-intent`` was trained on."""
    from weftwork.models.grammar.sentence import sentence

    return sentence(rng)
