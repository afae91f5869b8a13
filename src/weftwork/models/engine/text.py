"""The least that an engine can be: something that says one text for a body, and cannot embed or score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from weftwork.errors import NotSupported
from weftwork.models.engine.port import Completion, EngineInfo, Piece, read_question


class TextEngine(ABC):
    """An engine made of :meth:`say`; its token counts are a guess from lengths, four characters a token."""

    def __init__(self, info: EngineInfo) -> None:
        self._info = info

    @abstractmethod
    async def say(self, body: Mapping[str, Any]) -> str:
        """The answer to ``body``."""

    def describe(self) -> EngineInfo:
        """What it says it is."""
        return self._info

    async def start(self) -> None:  # noqa: B027 - most have nothing to start
        """Nothing to make ready."""

    async def close(self) -> None:  # noqa: B027 - nor to close
        """Nothing to let go of."""

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        """The whole answer."""
        text = await self.say(body)
        return Completion(text, "stop", 1 + len(read_question(body)) // 4, 1 + len(text) // 4)

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[Piece]:
        """The answer in one piece, then its counts."""
        found = await self.complete(body)
        yield Piece(found.text, found.output_tokens)
        yield Piece("", 0, "stop", found.input_tokens, found.output_tokens)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Raises :class:`NotSupported`."""
        raise NotSupported("this engine gives no embeddings")

    async def logprobs(self, body: Mapping[str, Any], answer: str) -> list[float]:
        """Raises :class:`NotSupported`."""
        raise NotSupported("this engine scores no text")
