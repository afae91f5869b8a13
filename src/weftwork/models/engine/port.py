"""The port that every model's engine stands behind: complete, stream, embed, log-probabilities, describe.

A body is that of an OpenAI call, chat (``messages``) or completion (``prompt``); ``weft_prefix`` in it is
text that was
delivered already and is gone on from. Engines raise :class:`NotSupported` for what they cannot do,
:class:`BadInput` for bodies that make no sense to them and :class:`EngineFailed` when they break; nothing
else.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from weftwork.errors import BadInput
from weftwork.units import Digest, keccak


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine is; ``digest`` names kind, model file, template and parameters, equal for equal
    engines."""

    kind: str
    name: str
    model: str
    digest: Digest
    context: int
    deterministic: bool
    features: frozenset[str] = frozenset()
    """Of: ``stream``, ``embed``, ``logprobs``, ``prefix``, ``schema``."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer: ``text`` (without ``weft_prefix``), token counts, log-probabilities of its tokens if
    asked."""

    text: str
    finish_reason: str
    input_tokens: int
    output_tokens: int
    logprobs: tuple[float, ...] | None = None
    message: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the assistant's message, such as ``tool_calls``."""
    detail: Any = None
    """The ``logprobs`` object of the OpenAI API, where the engine gives one."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a streamed answer; the last one has a ``finish_reason`` and the token counts of the whole."""

    text: str
    tokens: int = 1
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


@runtime_checkable
class Engine(Protocol):
    """A model that can be asked."""

    def describe(self) -> EngineInfo:
        """What this engine is; costs nothing."""

    async def start(self) -> None:
        """Makes ready; called again, does nothing."""

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        """The whole answer to ``body``."""

    def stream(self, body: Mapping[str, Any]) -> AsyncIterator[Piece]:
        """The answer in pieces; closing the iterator stops the model."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text."""

    async def logprobs(self, body: Mapping[str, Any], answer: str) -> list[float]:
        """Log-probability (natural) of each token of ``answer`` after ``body``, by teacher forcing."""

    async def close(self) -> None:
        """Lets go of processes and connections."""


def canonical_json(value: Any) -> str:
    """One text for equal JSON values: sorted keys, no spaces, characters as they are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def engine_digest(
    kind: str, model_sha256: str | None, template: str | None, params: Mapping[str, Any]
) -> Digest:
    """``keccak`` of the canonical JSON of what decides an engine's answers."""
    told = {"kind": kind, "model": model_sha256, "template": template, "params": dict(params)}
    return Digest(keccak(canonical_json(told).encode()))


def read_message(message: Any) -> str:
    """The text of one chat message, whose content is a string or a list of parts."""
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if isinstance(part, Mapping))
    return ""


def read_question(body: Mapping[str, Any]) -> str:
    """What is asked: the last user message of a chat, or the prompt; :class:`BadInput` if there is
    neither."""
    messages = body.get("messages")
    if isinstance(messages, list):
        for message in reversed(messages):
            if isinstance(message, Mapping) and message.get("role") == "user":
                return read_message(message)
    prompt = body.get("prompt")
    if isinstance(prompt, str):
        return prompt
    raise BadInput("a body asks by messages with a user's turn, or by a prompt", hint="see docs/miner.md")


def read_count(body: Mapping[str, Any], name: str, default: int) -> int:
    """A whole number of the body that is at least 0, else ``default`` where it is absent."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadInput(f"{name} is a whole number", value=repr(value)[:80])
    return value


def read_prefix(body: Mapping[str, Any]) -> str:
    """The text that was delivered already; empty if none."""
    prefix = body.get("weft_prefix") or ""
    if not isinstance(prefix, str):
        raise BadInput("weft_prefix is text", value=repr(prefix)[:80])
    return prefix
