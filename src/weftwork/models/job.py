"""One order being worked on: the engine runs, receipts are signed, the answer takes the OpenAI API's
shape."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from pydantic_core import to_json

from weftwork.errors import BadInput, EngineFailed, Refused, TimedOut, Unpaid, WeftError
from weftwork.models.engine.port import Completion, Engine, Piece
from weftwork.models.evidence import Order, digest_text
from weftwork.models.sealer import Sealer
from weftwork.records import Receipt, Signed

_MAX_TEXTS = 256
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a miner grants: prices in wad a token, bounds of one order, how many at once, when partial
    receipts come.

    ``seconds`` is the time for one answer, ``hold_seconds`` how long a committed answer waits to be revealed.
    A stream has a partial receipt for each ``partial_tokens``, but in the first ``partial_pause`` seconds
    after one only for four times as many, and for fewer when ``partial_seconds`` have passed. That much is at
    risk if a client goes away.
    """

    input_price: int = 10**12
    output_price: int = 10**12
    max_text: int = 1_000_000
    max_tokens: int = 4096
    default_tokens: int = 1024
    concurrency: int = 64
    seconds: float = 120.0
    hold_seconds: float = 60.0
    held: int = 1024
    partial_tokens: int = 16
    partial_seconds: float = 0.5
    partial_pause: float = 0.05

    def price(self, input_tokens: int, output_tokens: int) -> int:
        """What so many tokens cost, in wad."""
        return input_tokens * self.input_price + output_tokens * self.output_price

    def wants_partial(self, tokens: int, seconds: float) -> bool:
        """Whether a stream is due a partial receipt: new ``tokens``, and ``seconds``, since the last."""
        enough = 1 if seconds >= self.partial_pause else 4
        return seconds >= self.partial_seconds or tokens >= enough * self.partial_tokens


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer: its text under ``salt``, the object that carries it, the final receipt."""

    text: str
    salt: bytes
    answer_json: str
    receipt: Signed[Receipt]

    def to_json(self) -> dict[str, Any]:
        """The reply to ``/v1/work``."""
        return {
            "answer_json": self.answer_json,
            "salt": self.salt.hex(),
            "receipt": self.receipt.to_json(),
        }

    def to_bytes(self) -> bytes:
        """The JSON text of :meth:`to_json`."""
        head = f'","receipt":{self.receipt.to_text()}}}'.encode()
        return b'{"answer_json":%b,"salt":"%b%b' % (to_json(self.answer_json), self.salt.hex().encode(), head)


@dataclass(slots=True)
class Partial:
    """What is to be sent of a stream next: words, or a receipt over all words so far."""

    words: str = ""
    receipt: Signed[Receipt] | None = None
    finish: str | None = None


class Job:
    """An order at an engine; :meth:`cancel` stops it wherever it is."""

    def __init__(
        self,
        order: Order,
        engine: Engine,
        sealer: Sealer,
        terms: Terms,
        now: Callable[[], float],
        salt: bytes,
    ) -> None:
        self.order = order
        self.salt = salt
        self.text = ""
        self.cancelled = self._late = False
        self._engine = engine
        self._sealer = sealer
        self._terms = terms
        self._now = now
        self._info = engine.describe()
        self._sequence = 0
        self._task: asyncio.Task[Any] | None = None
        self.body = self._bounded_body()

    def _bounded_body(self) -> dict[str, Any]:
        """The body with its tokens capped by the terms and by what the request's highest price pays for."""
        body, terms = dict(self.order.body), self._terms
        if self.order.kind == "embedding":
            return body
        asked = body.get("max_tokens") or body.get("max_completion_tokens") or terms.default_tokens
        if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1:
            raise BadInput("max_tokens is a whole number above 0", value=repr(asked)[:80])
        most = min(asked, terms.max_tokens)
        if terms.output_price:
            most = min(most, self.order.request.record.max_price // terms.output_price)
        if most < 1:
            raise Unpaid(
                "the request's highest price does not pay for one token",
                value=str(terms.output_price),
                hint="raise max_price",
            )
        body.pop("max_completion_tokens", None)
        body["max_tokens"] = most
        return body

    def cancel(self) -> None:
        """Stops the engine; whoever waits for this job gets :class:`Refused`."""
        self.cancelled = True
        if self._task is not None:
            self._task.cancel()

    def _heed(self) -> None:
        """Raises Refused for what was cancelled, TimedOut for what ran out of time, while no engine was at
        it."""
        if self.cancelled:
            raise Refused("the request was cancelled", value=str(self.order.id))
        if self._late:
            raise TimedOut("the engine took too long", value=self._info.name)

    def _expire(self) -> None:
        self._late = True
        if self._task is not None:
            self._task.cancel()

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Gives the engine so much time for what is done inside."""
        timer = asyncio.get_running_loop().call_later(seconds, self._expire)
        try:
            yield
        finally:
            timer.cancel()

    async def _wait(self, work: Awaitable[T]) -> T:
        """What ``work`` gives; an engine's own errors become typed ones, and its cancellation an error
        too."""
        task = self._task = asyncio.current_task()
        try:
            return await work
        except BaseException as error:
            self._raise(error, task)
        finally:
            self._task = None

    def _raise(self, error: BaseException, task: asyncio.Task[Any] | None) -> NoReturn:
        """Raises what an engine's error means."""
        name = self._info.name
        if isinstance(error, asyncio.CancelledError):
            if not (self.cancelled or self._late) or task is None or task.uncancel():
                raise error
            if self.cancelled:
                raise Refused("the request was cancelled", value=str(self.order.id)) from None
            raise TimedOut("the engine took too long", value=name) from None
        if isinstance(error, WeftError) or not isinstance(error, Exception):
            raise error
        if isinstance(error, StopAsyncIteration):
            raise EngineFailed("the engine ended its stream too early") from error
        if isinstance(error, TimeoutError):
            raise TimedOut("the engine took too long", value=name) from error
        raise EngineFailed(f"the engine broke: {type(error).__name__}", value=name) from error

    def write(self, input_tokens: int, output_tokens: int, final: bool) -> Receipt:
        """A receipt over the text so far; its price never exceeds what the request allows."""
        price = min(self._terms.price(input_tokens, output_tokens), self.order.request.record.max_price)
        record = Receipt(
            self.order.id,
            self._sealer.address,
            digest_text(self.salt, self.text),
            self._info.digest,
            input_tokens,
            output_tokens,
            price,
            self._sequence,
            final,
            int(self._now()),
        )
        self._sequence += 1
        return record

    async def run(self) -> Answer:
        """The whole answer and its receipt; raises what kept it from being made."""
        self._heed()
        if self.order.kind == "embedding":
            return await self._embed()
        with self._within(self._terms.seconds):
            found: Completion = await self._wait(self._engine.complete(self.body))
        self.text = found.text
        receipt = await self._sealer.seal(self.write(found.input_tokens, found.output_tokens, True))
        self._heed()
        made = shape_answer(self.order, self._info.model, receipt.record, found.text, found.finish_reason)
        choice = made["choices"][0]
        if found.detail is not None:
            choice["logprobs"] = found.detail
        if "message" in choice:
            choice["message"].update(found.message)
        return Answer(found.text, self.salt, to_json(made).decode(), receipt)

    async def _embed(self) -> Answer:
        given = self.order.body["input"]
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts) or not texts:
            raise BadInput("input is a text or a list of texts", value=repr(given)[:80])
        if len(texts) > _MAX_TEXTS:
            raise BadInput(f"at most {_MAX_TEXTS} texts are embedded at once", value=len(texts))
        with self._within(self._terms.seconds):
            rows = await self._wait(self._engine.embed(texts))
        data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
        self.text = to_json(data).decode()
        tokens = sum(1 + len(text) // 4 for text in texts)
        receipt = await self._sealer.seal(self.write(tokens, 0, True))
        self._heed()
        answer = {
            "object": "list",
            "data": data,
            "model": self._info.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
        return Answer(self.text, self.salt, to_json(answer).decode(), receipt)

    async def stream(self) -> AsyncIterator[Partial]:
        """Words as they are made, with a receipt every few tokens, and at the end the final one."""
        if self.order.kind == "embedding":
            raise BadInput("embeddings do not stream")
        pieces, terms = self._engine.stream(self.body), self._terms
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        made = unsigned = 0
        signed_at = loop.time()
        last: Piece | None = None
        asked = 0
        try:
            with self._within(terms.seconds):
                while last is None:
                    piece = await self._next(pieces, task)
                    asked = piece.input_tokens or asked
                    if piece.text:
                        self.text += piece.text
                        made += piece.tokens
                        unsigned += piece.tokens
                        yield Partial(piece.text)
                    if piece.finish_reason is not None:
                        last = piece
                    elif unsigned and terms.wants_partial(unsigned, loop.time() - signed_at):
                        unsigned, signed_at = 0, loop.time()
                        receipt = await self._sealer.seal(self.write(asked, made, False))
                        yield Partial(receipt=receipt)
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()
        if last.output_tokens is not None:
            made = max(made, last.output_tokens)
        receipt = await self._sealer.seal(self.write(asked, made, True))
        yield Partial(receipt=receipt, finish=last.finish_reason)

    async def _next(self, pieces: AsyncIterator[Piece], task: asyncio.Task[Any] | None) -> Piece:
        """The engine's next piece; a stream that ends without its last piece is a failed engine."""
        self._heed()
        self._task = task
        try:
            piece = await anext(pieces)
        except BaseException as error:
            self._raise(error, task)
        finally:
            self._task = None
        self._heed()
        return piece


def shape_answer(order: Order, model: str, receipt: Receipt, text: str, finish: str) -> dict[str, Any]:
    """A whole answer as the OpenAI API has it."""
    chat = order.kind == "chat"
    choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": finish}
    if chat:
        choice["message"] = {"role": "assistant", "content": text}
    else:
        choice["text"] = text
    return {
        "id": ("chatcmpl-" if chat else "cmpl-") + order.id.hex()[:24],
        "object": "chat.completion" if chat else "text_completion",
        "created": receipt.time,
        "model": model,
        "choices": [choice],
        "usage": {
            "prompt_tokens": receipt.input_tokens,
            "completion_tokens": receipt.output_tokens,
            "total_tokens": receipt.input_tokens + receipt.output_tokens,
        },
    }
