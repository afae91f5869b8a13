"""Any server that speaks the OpenAI API (vLLM, SGLang, llama.cpp, Ollama, hosted ones) as an engine.

Nothing is retried here: the gateway decides where a failed call goes next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from weftwork.errors import BadInput, EngineFailed, NotSupported, Unavailable, WeftError
from weftwork.models.engine.port import Completion, EngineInfo, Piece, engine_digest, read_prefix
from weftwork.wire.client import Client
from weftwork.wire.message import read_json

OLLAMA = "http://127.0.0.1:11434"
_OWN = frozenset(("weft_prefix", "model", "stream", "stream_options"))


class OpenAIEngine:
    """An engine behind ``url`` (up to and with ``/v1``); ``params`` are defaults that a body's own fields
    replace."""

    kind = "openai"

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        params: Mapping[str, Any] | None = None,
        context: int = 8192,
        deterministic: bool = False,
        timeout: float = 120.0,
        client: Client | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.params = dict(params or {})
        self._model = model
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = client or Client(local=True, timeout=timeout)
        digest = engine_digest(self.kind, None, None, {"model": model, **self.params})
        features = frozenset(("stream", "embed", "schema"))
        self._info = EngineInfo(self.kind, model, model, digest, context, deterministic, features)

    def describe(self) -> EngineInfo:
        """See :class:`~weftwork.models.engine.port.Engine`."""
        return self._info

    async def start(self) -> None:
        """Nothing to make ready: the server is somebody else's."""

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    def _ask(self, body: Mapping[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
        path = "/chat/completions" if "messages" in body else "/completions"
        sent = {name: value for name, value in body.items() if name not in _OWN}
        return path, {**self.params, **sent, "model": self._model, **more}

    async def _post(self, path: str, body: Any) -> Any:
        try:
            reply = await self._client.post_json(self.url + path, body, self._headers)
        except WeftError as error:
            raise _failed(error) from error
        if reply.status != 200:
            raise refusal(reply.status, reply.body)
        return reply.body

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        """The whole answer; :class:`EngineFailed` where the server breaks or answers nonsense."""
        if read_prefix(body):
            raise NotSupported("this engine cannot go on from another's words", value="weft_prefix")
        path, sent = self._ask(body)
        return read_completion(await self._post(path, sent))

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[Piece]:
        """The answer in pieces as the server sends them."""
        if read_prefix(body):
            raise NotSupported("this engine cannot go on from another's words", value="weft_prefix")
        path, sent = self._ask(body, stream=True, stream_options={"include_usage": True})
        async for piece in self._events(path, sent):
            yield piece

    async def _events(self, path: str, sent: Any) -> AsyncIterator[Piece]:
        finish, usage, count = None, {}, 0
        try:
            async with self._client.stream("POST", self.url + path, sent, self._headers) as reply:
                if reply.status != 200:
                    raise refusal(reply.status, await reply.json())
                async for event in reply.events():
                    if event.data == "[DONE]":
                        break
                    chunk = read_json(event.data)
                    if not isinstance(chunk, dict):
                        raise EngineFailed("the engine's server sent an event that is no object")
                    if "error" in chunk:
                        raise refusal(502, chunk)
                    if isinstance(chunk.get("usage"), dict):
                        usage = chunk["usage"]
                    for choice in chunk.get("choices") or ():
                        finish = choice.get("finish_reason") or finish
                        text = (choice.get("delta") or choice).get("content" if "delta" in choice else "text")
                        if text:
                            count += 1
                            yield Piece(text)
        except (EngineFailed, NotSupported):
            raise
        except (WeftError, AttributeError, TypeError, KeyError) as error:
            raise _failed(error) from error
        if finish is None:
            raise EngineFailed("the engine's server ended its stream too early", value=self._model)
        made = _count(usage, "completion_tokens", count)
        yield Piece("", max(0, made - count), finish, _count(usage, "prompt_tokens", 0), made)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text; :class:`NotSupported` where the server has no embeddings."""
        try:
            answer = await self._post("/embeddings", {"model": self._model, "input": list(texts)})
            rows = sorted(answer["data"], key=lambda row: row["index"])
            return [[float(v) for v in row["embedding"]] for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise EngineFailed("the engine's server sent no embeddings") from error

    async def logprobs(self, body: Mapping[str, Any], answer: str) -> list[float]:
        """Not offered: the API has no way to score given text."""
        raise NotSupported("this engine cannot score given text", value=self._model)


def read_completion(answer: Any) -> Completion:
    """The completion in a server's answer object; :class:`EngineFailed` if it has not that shape."""
    try:
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        message = choice.get("message")
        text = (message["content"] if message is not None else choice["text"]) or ""
        extra = {k: message[k] for k in ("tool_calls",) if message and message.get(k)}
        logprobs = _read_logprobs(choice.get("logprobs"))
        if not isinstance(text, str):
            raise TypeError("content is no text")
        return Completion(
            text,
            str(choice.get("finish_reason") or "stop"),
            _count(usage, "prompt_tokens", 0),
            _count(usage, "completion_tokens", len(text.split())),
            logprobs,
            extra,
            choice.get("logprobs"),
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise EngineFailed("the engine's server sent no completion", value=repr(answer)[:120]) from error


def refusal(status: int, body: Any) -> WeftError:
    """The error for a server's refusal: the asker's fault (400, 422), what it cannot do (404, 501), else
    its own."""
    held = body.get("error") if isinstance(body, dict) else None
    words = held.get("message") if isinstance(held, dict) else held
    sentence = f"the engine's server answered {status}: {str(words)[:200]}"
    if status in (400, 413, 422):
        return BadInput(sentence, value=status)
    if status in (404, 405, 501):
        return NotSupported(sentence, value=status)
    return EngineFailed(sentence, value=status)


async def find_ollama(url: str = OLLAMA, client: Client | None = None) -> list[str]:
    """Names of the models that an Ollama on its usual port offers; empty where none answers within a
    second."""
    own = client is None
    client = client or Client(local=True, timeout=1.0, connect_timeout=0.5)
    try:
        reply = await client.get_json(url + "/api/tags")
        models = reply.body.get("models") if isinstance(reply.body, dict) else None
        return [str(m["name"]) for m in models or () if isinstance(m, dict) and "name" in m]
    except WeftError:
        return []
    finally:
        if own:
            await client.close()


def _read_logprobs(held: Any) -> tuple[float, ...] | None:
    rows = held.get("content") if isinstance(held, dict) else None
    return tuple(float(row["logprob"]) for row in rows) if isinstance(rows, list) else None


def _count(usage: Any, name: str, default: int) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default


def _failed(error: Exception) -> WeftError:
    if isinstance(error, Unavailable):
        return EngineFailed(f"the engine's server failed: {error.sentence}", value=error.value)
    return EngineFailed(f"the engine's server sent what cannot be read: {error}")
