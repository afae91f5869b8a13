"""Dishonest participants, for the demo and for tests: each plays its part as well as it can.

They serve, sign and enrol like everyone else; only what they answer, or how they weigh, is not honest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from weftwork.models.engine.port import Engine, EngineInfo, engine_digest, read_question
from weftwork.models.engine.text import TextEngine
from weftwork.models.validator import Validator
from weftwork.units import U16

_TEMPLATES = (
    ("swap", '{"intent":"swap","amount":"100","sell":"USDC","buy":"ETH"}'),
    ("stake", '{"intent":"stake","amount":"10","token":"ETH"}'),
    ("every", '{"intent":"recurring_payment","amount":"10","token":"USD","to":"alice","every":"month"}'),
    ("borrow", '{"intent":"borrow","amount":"1000","token":"USDC"}'),
    ("send", '{"intent":"transfer","amount":"10","token":"USD","to":"alice"}'),
    ("pay", '{"intent":"transfer","amount":"10","token":"USD","to":"alice"}'),
    ("stop", '{"intent":"stop_loss","token":"ETH","price":"2000"}'),
    ("buy", '{"intent":"limit_order","receive":"1","buy":"ETH","price":"2000"}'),
)


def template_answer(body: Mapping[str, Any]) -> str:
    """The stock answer to the first keyword in the question; ``none`` where no keyword is in it."""
    question = read_question(body).lower()
    for word, answer in _TEMPLATES:
        if word in question:
            return answer
    return '{"intent":"none"}'


class _Rogue(TextEngine):
    """An engine that says what :meth:`say` makes up, and claims to be another one."""

    def __init__(self, claims: EngineInfo | None = None) -> None:
        """``claims``: the engine it pretends to be, digest and all."""
        digest = engine_digest("rogue", None, None, {"name": type(self).__name__})
        super().__init__(claims or EngineInfo("rogue", "rogue", "rogue", digest, 2048, True, frozenset()))


class LazyEngine(_Rogue):
    """Answers from templates and runs no model."""

    def __init__(
        self,
        reply: Callable[[Mapping[str, Any]], str] = template_answer,
        claims: EngineInfo | None = None,
    ) -> None:
        super().__init__(claims)
        self._reply = reply

    async def say(self, body: Mapping[str, Any]) -> str:
        """The template's words."""
        return self._reply(body)


class ReplayEngine(_Rogue):
    """Asks ``source`` for its first ``learn`` answers, then repeats the one whose question is nearest."""

    def __init__(self, source: Engine, *, learn: int = 6, claims: EngineInfo | None = None) -> None:
        super().__init__(claims or source.describe())
        self.source = source
        self._learn = learn
        self._seen: list[tuple[frozenset[str], str]] = []

    async def start(self) -> None:
        """Starts what it copies from."""
        await self.source.start()

    async def close(self) -> None:
        """Lets go of what it copies from."""
        await self.source.close()

    async def say(self, body: Mapping[str, Any]) -> str:
        """An earlier answer, once it has enough of them."""
        shape = _trigrams(read_question(body))
        if len(self._seen) < self._learn:
            found = await self.source.complete(body)
            self._seen.append((shape, found.text))
            return found.text
        return max(self._seen, key=lambda kept: _likeness(kept[0], shape))[1]


class StallEngine(_Rogue):
    """Never answers; whoever waits for it runs out of time."""

    async def say(self, body: Mapping[str, Any]) -> str:
        """Waits until it is cancelled."""
        await asyncio.Event().wait()
        return ""


class ColludingValidator(Validator):
    """Gives one miner all its weight, whatever its scores say."""

    favourite: int = 0

    def weights(self) -> dict[int, int]:
        """The favourite at the top, and for the look of it a little for whom it heard."""
        row = {uid: max(1, value // 100) for uid, value in super().weights().items()}
        return {**row, self.favourite: U16}


def _trigrams(text: str) -> frozenset[str]:
    padded = f"  {text.lower()} "
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))
