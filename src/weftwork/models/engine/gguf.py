"""A GGUF file as an engine: llama.cpp in a child process of its own, which is started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from weftwork.errors import BadConfig, BadInput, EngineFailed, ExtraMissing, NotSupported, WeftError
from weftwork.models.engine.compatible import OpenAIEngine, read_completion, refusal
from weftwork.models.engine.port import Completion, EngineInfo, Piece, engine_digest, read_prefix
from weftwork.models.grounding import VERSION as GROUNDING
from weftwork.models.grounding import ground_body
from weftwork.wire.client import Client

_ONE_TOKEN = {"n_predict": 1, "n_probs": 1, "temperature": 0.0, "cache_prompt": True, "id_slot": 0}
_SAMPLING = ("response_format", "grammar", "json_schema")


@lru_cache(maxsize=32)
def _hash_file(path: str, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_model(path: str | Path) -> str:
    """SHA-256 of a model file, computed once for each version of it; :class:`BadConfig` if it cannot be
    read."""
    try:
        found = os.stat(path)
        return _hash_file(str(path), found.st_size, found.st_mtime_ns)
    except OSError as error:
        raise BadConfig(f"the model file cannot be read: {error}", value=str(path)) from error


class GgufEngine(OpenAIEngine):
    """A GGUF model on this machine's processor.

    ``context`` is in tokens a call, ``parallel`` the calls at once, ``threads`` the threads of the model:
    one is the
    safe choice, since idle threads of llama.cpp spin. ``embeddings`` makes it an embedding engine and
    nothing else.
    """

    kind = "gguf"

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        params: Mapping[str, Any] | None = None,
        template: str | None = None,
        context: int = 2048,
        parallel: int = 4,
        threads: int = 1,
        embeddings: bool = False,
        timeout: float = 120.0,
        start_timeout: float = 60.0,
    ) -> None:
        self.path = Path(path)
        name = name or self.path.stem
        sha256 = hash_model(self.path)
        self._key = secrets.token_hex(16)
        super().__init__(
            "http://127.0.0.1:0/v1",
            name,
            key=self._key,
            params=params,
            client=Client(local=True, timeout=timeout),
        )
        digest = engine_digest(self.kind, sha256, template, {**self.params, "weft_grounding": GROUNDING})
        features = {"embed"} if embeddings else {"stream", "logprobs", "prefix", "schema"}
        self._info = EngineInfo(self.kind, name, name, digest, context, True, frozenset(features))
        self._embeddings = embeddings
        self._start_timeout = start_timeout
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self.starts = 0
        flags = {
            "model": self.path,
            "alias": name,
            "context": context,
            "parallel": parallel,
            "threads": threads,
        }
        self._argv = [sys.executable, "-m", "weftwork.models.engine.gguf_child"]
        for flag, value in flags.items():
            self._argv += [f"--{flag}", str(value)]
        if embeddings:
            self._argv.append("--embeddings")
        if template is not None:
            self._argv += ["--template", template]

    @property
    def pid(self) -> int | None:
        """Process id of the child; None while none runs."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process else None

    async def start(self) -> None:
        """Starts the child where none runs and waits until it serves; :class:`EngineFailed` if it does
        not."""
        if self.pid is not None:
            return
        async with self._starting:
            if self.pid is None:
                await self._spawn()

    async def _spawn(self) -> None:
        self.starts += 1
        process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "WEFT_ENGINE_KEY": self._key},
            start_new_session=True,  # Ctrl-C is for the parent, which ends the child when it has done with it
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self._start_timeout):
                told: Any = {}
                while "url" not in told and "error" not in told:
                    line = await process.stdout.readline()
                    if not line:
                        break
                    with contextlib.suppress(ValueError):
                        read = from_json(line)
                        told = read if isinstance(read, dict) else {}
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise EngineFailed("the model's process did not start in time", value=str(self.path)) from error
        except BaseException:
            process.kill()
            raise
        if "url" not in told:
            process.kill()
            code = await process.wait()
            why = told.get("error", f"exit status {code}")
            kind = ExtraMissing if "not installed" in why else EngineFailed
            raise kind(f"the model's process did not start: {why}", value=str(self.path))
        self.url = str(told["url"]).rstrip("/") + "/v1"
        self._process = process

    async def close(self) -> None:
        """Ends the child and closes the connections."""
        await super().close()
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(2):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        transport = getattr(process, "_transport", None)
        if transport is not None:
            transport.close()

    def _ask(self, body: Mapping[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
        """What is sent; the published schema of intents is narrowed to what the request says."""
        path, sent = super()._ask(body, **more)
        return path, ground_body(sent)

    async def _post(self, path: str, body: Any) -> Any:
        await self.start()
        try:
            return await super()._post(path, body)
        except EngineFailed:
            await self._reap()
            raise

    async def _reap(self) -> None:
        """Gives a child that just died the moment in which its end is seen, so that the next call starts
        another."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self._process.wait()

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        """The whole answer; with ``weft_prefix``, what follows the prefix."""
        self._check_text()
        prefix = read_prefix(body)
        if not prefix:
            path, sent = self._ask(body)
            return read_completion(await self._post(path, sent))
        sent, again = self._go_on(body, prefix)
        found = read_completion(await self._post(*self._ask(sent)))
        if "messages" not in body and not again:
            return found
        if not found.text.startswith(prefix):
            raise NotSupported("this engine would have begun with other words", value="weft_prefix")
        return Completion(
            found.text.removeprefix(prefix), found.finish_reason, found.input_tokens, found.output_tokens
        )

    def _go_on(self, body: Mapping[str, Any], prefix: str) -> tuple[dict[str, Any], bool]:
        """The body that goes on from ``prefix``, and whether it says everything again: under a grammar, it
        must."""
        if any(body.get(name) or self.params.get(name) for name in _SAMPLING):
            return dict(body), True
        if "messages" in body:
            said = {"role": "assistant", "content": prefix}
            return {**body, "messages": [*body["messages"], said]}, False
        return {**body, "prompt": str(body.get("prompt", "")) + prefix}, False

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[Piece]:
        """The answer in pieces; with ``weft_prefix``, what follows the prefix."""
        self._check_text()
        await self.start()
        prefix = read_prefix(body)
        repeated, again = "", False
        sent: Mapping[str, Any] = body
        if prefix:
            sent, again = self._go_on(body, prefix)
            repeated = prefix if again or "messages" in body else ""
        path, asked = self._ask(sent, stream=True, stream_options={"include_usage": True})
        seen, begun = "", not repeated
        try:
            async for piece in self._events(path, asked):
                if begun:
                    yield piece
                    continue
                seen += piece.text
                same = repeated.startswith(seen[: len(repeated)])
                if not same and again:
                    raise NotSupported("this engine would have begun with other words", value="weft_prefix")
                if not same or len(seen) >= len(repeated) or piece.finish_reason:
                    begun = True
                    yield replace(piece, text=seen[len(repeated) :] if same else seen)
        except EngineFailed:
            await self._reap()
            raise

    def _check_text(self) -> None:
        if self._embeddings:
            raise NotSupported("this engine gives embeddings, not text", value=self._info.name)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text, from an engine that was made with ``embeddings``."""
        if not self._embeddings:
            raise NotSupported("this engine gives text, not embeddings", value=self._info.name)
        return await super().embed(texts)

    async def logprobs(self, body: Mapping[str, Any], answer: str) -> list[float]:
        """Teacher forcing, one call a token; tokens that are only a part of a character are left out."""
        self._check_text()
        await self.start()
        prompt = body.get("prompt")
        if "messages" in body:
            made = await self._native("/apply-template", {"messages": body["messages"]})
            prompt = made.get("prompt")
        if not isinstance(prompt, str):
            raise BadInput("a body asks by messages or by a prompt")
        before = await self._tokenize(prompt)
        after = await self._tokenize(answer)
        out = []
        for i, token in enumerate(after):
            # The bias forces the token; what is reported is the model's own probability, before sampling.
            asked = {"prompt": before + after[:i], "logit_bias": [[token, 1000.0]], **_ONE_TOKEN}
            rows = (await self._native("/completion", asked)).get("completion_probabilities")
            if isinstance(rows, list) and rows and rows[0].get("id") == token:
                out.append(float(rows[0]["logprob"]))
        return out

    async def _tokenize(self, text: str) -> list[int]:
        told = await self._native("/tokenize", {"content": text, "add_special": False, "parse_special": True})
        tokens = told.get("tokens")
        if not isinstance(tokens, list):
            raise EngineFailed("the model's process does not tokenize")
        return [int(token) for token in tokens]

    async def _native(self, path: str, body: Any) -> dict[str, Any]:
        """A call of llama.cpp's own API, which lies beside ``/v1``."""
        try:
            reply = await self._client.post_json(self.url.removesuffix("/v1") + path, body, self._headers)
        except WeftError as error:
            await self._reap()
            raise EngineFailed(f"the model's process failed: {error.sentence}") from error
        if reply.status != 200:
            raise refusal(reply.status, reply.body)
        if not isinstance(reply.body, dict):
            raise EngineFailed("the model's process answered no object")
        return reply.body
