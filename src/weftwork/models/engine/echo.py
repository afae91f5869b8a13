"""The echo engine: answers with the question. Deterministic and instant; the double that ships with the
package."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from weftwork.models.engine.port import (
    Completion,
    EngineInfo,
    Piece,
    engine_digest,
    read_count,
    read_prefix,
    read_question,
)
from weftwork.units import keccak

_TOKEN = re.compile(r"\s*\S+|\s+$")
_WIDTH = 64
UNLIKELY = -20.0
"""Log-probability that the echo engine gives to a token that it would not say."""


def split_words(text: str) -> list[str]:
    """Words with the spaces before them; they join to the text."""
    return _TOKEN.findall(text)


class EchoEngine:
    """Says what it is asked, or what ``reply`` makes of the body; a token is a word with the spaces before
    it."""

    def __init__(
        self,
        name: str = "echo",
        reply: Callable[[Mapping[str, Any]], str] = read_question,
        *,
        pace: Callable[[], Awaitable[None]] | None = None,
        model: str | None = None,
    ) -> None:
        """``pace`` is awaited before each token of a stream and before each whole answer."""
        self._reply = reply
        self._pace = pace
        digest = engine_digest("echo", None, None, {"name": name})
        features = frozenset(("stream", "embed", "logprobs", "prefix"))
        self._info = EngineInfo("echo", name, model or name, digest, 1 << 20, True, features)

    def describe(self) -> EngineInfo:
        """See :class:`~weftwork.models.engine.port.Engine`."""
        return self._info

    async def start(self) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def _answer(self, body: Mapping[str, Any]) -> tuple[list[str], str, int]:
        text, prefix = self._reply(body), read_prefix(body)
        words = split_words(text.removeprefix(prefix) if text.startswith(prefix) else text)
        most = read_count(body, "max_tokens", len(words))
        asked = len(split_words(read_question(body)))
        return words[:most], "stop" if most >= len(words) else "length", asked

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        """The question, cut to ``max_tokens`` words."""
        words, finish, asked = self._answer(body)
        if self._pace is not None:
            await self._pace()
        logprobs = (0.0,) * len(words) if body.get("logprobs") else None
        return Completion("".join(words), finish, asked, len(words), logprobs)

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[Piece]:
        """The question word by word."""
        words, finish, asked = self._answer(body)
        for word in words:
            if self._pace is not None:
                await self._pace()
            yield Piece(word)
        yield Piece("", 0, finish, asked, len(words))

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Hashed counts of letter trigrams, 64 wide, of length 1: texts alike are near each other."""
        return [_embed(text) for text in texts]

    async def logprobs(self, body: Mapping[str, Any], answer: str) -> list[float]:
        """0 for each token that the engine says at that place, else :data:`UNLIKELY`."""
        own, _, _ = self._answer(body)
        given = split_words(answer)
        return [0.0 if i < len(own) and own[i] == word else UNLIKELY for i, word in enumerate(given)]


def _embed(text: str) -> list[float]:
    row = [0.0] * _WIDTH
    padded = f"  {text.lower()}  "
    for i in range(len(padded) - 2):
        raw = keccak(padded[i : i + 3].encode())
        row[raw[0] % _WIDTH] += 1.0 if raw[1] & 1 else -1.0
    size = math.sqrt(sum(v * v for v in row)) or 1.0
    return [v / size for v in row]
