"""Engines of every kind stand behind one port; what breaks behind them is a typed error in front."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from weftwork.errors import BadConfig, BadInput, EngineFailed, NotSupported
from weftwork.models.engine import Engine, open_engine
from weftwork.models.engine.compatible import OpenAIEngine, find_ollama
from weftwork.models.engine.echo import UNLIKELY, EchoEngine
from weftwork.models.engine.gguf import GgufEngine, hash_model
from weftwork.models.engine.port import engine_digest
from weftwork.wire import sse
from weftwork.wire.server import App, EventStream, HttpRequest, serve


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


async def stream_of(engine: Engine, body: dict[str, Any]) -> tuple[str, Any]:
    pieces = [piece async for piece in engine.stream(body)]
    assert all(piece.finish_reason is None for piece in pieces[:-1])
    return "".join(piece.text for piece in pieces), pieces[-1]


# Echo


async def test_echo_answers_with_the_question_whole_or_in_pieces() -> None:
    engine = EchoEngine()
    answer = await engine.complete(chat("a bird in the hand", logprobs=True))
    assert (answer.text, answer.finish_reason, answer.output_tokens) == ("a bird in the hand", "stop", 5)
    assert answer.logprobs == (0.0,) * 5
    text, last = await stream_of(engine, chat("a bird in the hand", max_tokens=3))
    assert (text, last.finish_reason, last.output_tokens) == ("a bird in", "length", 3)
    assert (await engine.complete({"prompt": "once"})).text == "once"


async def test_echo_goes_on_from_what_was_delivered() -> None:
    engine = EchoEngine()
    assert (await engine.complete(chat("one two three", weft_prefix="one two"))).text == " three"


async def test_echo_scores_words_that_it_would_not_say_as_unlikely() -> None:
    assert await EchoEngine().logprobs(chat("one two"), "one ten") == [0.0, UNLIKELY]


async def test_echo_embeds_texts_alike_near_each_other() -> None:
    a, b, c = await EchoEngine().embed(["swap ten coins", "swap two coins", "zebra"])
    dot = lambda x, y: sum(i * j for i, j in zip(x, y, strict=True))  # noqa: E731
    assert dot(a, a) == pytest.approx(1.0)
    assert dot(a, b) > dot(a, c)


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": 3}, chat("x", max_tokens="many")])
async def test_body_that_asks_nothing_is_bad_input(body: Any) -> None:
    with pytest.raises(BadInput):
        await EchoEngine().complete(body)


def test_digest_names_what_decides_an_engines_answers() -> None:
    one = engine_digest("gguf", "ab", None, {"temperature": 0, "seed": 1})
    assert one == engine_digest("gguf", "ab", None, {"seed": 1, "temperature": 0})
    assert one != engine_digest("gguf", "ac", None, {"temperature": 0, "seed": 1})
    assert EchoEngine().describe().digest != EchoEngine("other").describe().digest


def test_engines_are_opened_by_name(tiny_gguf: Path) -> None:
    assert isinstance(open_engine("echo"), EchoEngine)
    assert isinstance(open_engine(str(tiny_gguf)), GgufEngine)
    assert isinstance(open_engine("ollama:llama3"), OpenAIEngine)
    assert open_engine("http://127.0.0.1:9/v1#m").describe().model == "m"
    for wrong in ("", "http://127.0.0.1:9/v1", "oracle"):
        with pytest.raises(BadConfig):
            open_engine(wrong)
    with pytest.raises(BadConfig):
        open_engine("missing.gguf")


# Servers that speak the OpenAI API


class Upstream:
    """A server of the OpenAI API that answers as it is told."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.reply: Any = None
        self.chunks: list[Any] = []
        self.app = App("upstream")
        self.app.post("/v1/chat/completions")(self.chat)
        self.app.post("/v1/embeddings")(self.embed)
        self.app.get("/api/tags")(self.tags)

    async def chat(self, request: HttpRequest) -> Any:
        body = request.object()
        self.seen.append(body)
        if not body.get("stream"):
            return self.reply

        async def events() -> AsyncIterator[bytes]:
            for chunk in self.chunks:
                yield sse.format_event(chunk)

        return EventStream(events())

    async def embed(self, request: HttpRequest) -> Any:
        return self.reply

    async def tags(self, request: HttpRequest) -> Any:
        return {"models": [{"name": "llama3:8b"}, {"nameless": 1}]}


@pytest.fixture
async def upstream() -> AsyncIterator[Any]:
    told = Upstream()
    running = await serve(told.app)
    engine = OpenAIEngine(running.url + "/v1", "m", params={"temperature": 0}, timeout=5)
    yield told, engine, running.url
    await engine.close()
    await running.stop()


async def test_openai_engine_asks_with_its_own_model_and_defaults(upstream: Any) -> None:
    told, engine, _ = upstream
    told.reply = {
        "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2},
    }
    answer = await engine.complete(chat("hi", model="other", seed=3))
    assert (answer.text, answer.input_tokens, answer.output_tokens) == ("hello", 7, 2)
    assert told.seen == [
        {"messages": [{"role": "user", "content": "hi"}], "model": "m", "seed": 3, "temperature": 0}
    ]


async def test_openai_engine_streams(upstream: Any) -> None:
    told, engine, _ = upstream
    told.chunks = [
        {"choices": [{"delta": {"role": "assistant"}}]},
        {"choices": [{"delta": {"content": "he"}}]},
        {"choices": [{"delta": {"content": "llo"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}},
        "[DONE]",
    ]
    text, last = await stream_of(engine, chat("hi"))
    assert (text, last.finish_reason, last.input_tokens, last.output_tokens) == ("hello", "stop", 7, 2)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ((400, {"error": {"message": "too long"}}), BadInput),
        ((501, {"error": "no"}), NotSupported),
        ((500, {"error": {}}), EngineFailed),
        ((200, {"choices": []}), EngineFailed),
        ((200, {"choices": [{"message": {"content": 7}}]}), EngineFailed),
        ((200, []), EngineFailed),
        ((200, None), EngineFailed),
    ],
)
async def test_openai_engine_turns_refusals_and_nonsense_into_typed_errors(
    upstream: Any, reply: Any, error: type[Exception]
) -> None:
    told, engine, _ = upstream
    told.reply = reply
    with pytest.raises(error):
        await engine.complete(chat("hi"))
    with pytest.raises(error):
        await engine.embed(["hi"])


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [{"choices": [{"delta": {"content": "he"}}]}],
        ["{"],
        [[]],
        [{"choices": [3]}],
        [{"error": {"message": "x"}}],
    ],
)
async def test_openai_engine_does_not_take_a_broken_stream_for_an_answer(upstream: Any, chunks: Any) -> None:
    told, engine, _ = upstream
    told.chunks = chunks
    with pytest.raises(EngineFailed):
        await stream_of(engine, chat("hi"))


async def test_openai_engine_says_what_it_cannot_do(upstream: Any) -> None:
    _, engine, _ = upstream
    with pytest.raises(NotSupported):
        await engine.logprobs(chat("hi"), "hello")
    with pytest.raises(NotSupported):
        await engine.complete(chat("hi", weft_prefix="he"))


async def test_server_that_is_not_there_is_a_failed_engine() -> None:
    engine = OpenAIEngine("http://127.0.0.1:9/v1", "m")
    with pytest.raises(EngineFailed):
        await engine.complete(chat("hi"))
    await engine.close()


async def test_ollama_is_found_with_its_models_or_not_at_all(upstream: Any) -> None:
    assert await find_ollama(upstream[2]) == ["llama3:8b"]
    assert await find_ollama("http://127.0.0.1:9") == []


# GGUF in a child process


@pytest.fixture
async def babbler(tiny_gguf: Path) -> AsyncIterator[GgufEngine]:
    engine = GgufEngine(tiny_gguf, name="tiny", params={"temperature": 0}, context=256, parallel=2)
    yield engine
    await engine.close()


async def test_gguf_answers_the_same_each_time_whole_and_streamed(babbler: GgufEngine) -> None:
    body = chat("hi", max_tokens=8, logprobs=True)
    first = await babbler.complete(body)
    assert first.output_tokens == 8
    assert first.logprobs is not None
    assert 0 < len(first.logprobs) <= 8, "bytes of one character come together"
    assert (await babbler.complete(body)).text == first.text
    _, last = await stream_of(babbler, chat("hi", max_tokens=8))
    assert (last.finish_reason, last.output_tokens, last.input_tokens) == ("length", 8, first.input_tokens)
    assert babbler.starts == 1


async def test_gguf_decodes_under_a_json_schema(babbler: GgufEngine) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]}
    shape = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    answer = await babbler.complete(chat("hi", max_tokens=60, response_format=shape))
    assert json.loads(answer.text)["a"] in ("x", "y")
    rest = await babbler.complete(
        chat("hi", max_tokens=60, response_format=shape, weft_prefix=answer.text[:4])
    )
    assert answer.text[:4] + rest.text == answer.text
    with pytest.raises(NotSupported):
        await babbler.complete(chat("hi", max_tokens=60, response_format=shape, weft_prefix="no"))


async def test_gguf_goes_on_from_what_was_delivered(babbler: GgufEngine) -> None:
    body = chat("hi", max_tokens=6, weft_prefix="the ")
    whole = await babbler.complete(body)
    streamed, _ = await stream_of(babbler, body)
    assert whole.text
    assert not whole.text.startswith("the ")
    assert not streamed.startswith("the ")


async def test_gguf_scores_its_own_words_as_it_said_them(babbler: GgufEngine) -> None:
    body = chat("hi", max_tokens=12, logprobs=True)
    own = await babbler.complete({**body, "logit_bias": [[i, 8.0] for i in range(67, 93)]})
    assert own.text.isascii()
    scores = await babbler.logprobs(body, own.text)
    assert own.logprobs is not None
    assert scores == pytest.approx(own.logprobs, abs=0.02)
    assert sum(await babbler.logprobs(body, "Zq{Zq{")) / 6 < sum(scores) / len(scores)


async def test_gguf_child_that_was_killed_is_started_again(babbler: GgufEngine) -> None:
    body = chat("hi", max_tokens=4)
    before = await babbler.complete(body)
    pid = babbler.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert babbler._process is not None
    await babbler._process.wait()
    assert (await babbler.complete(body)).text == before.text
    assert babbler.starts == 2
    assert babbler.pid != pid


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_gguf_child_ends_with_its_parent(tiny_gguf: Path) -> None:
    code = (
        "import asyncio, os, sys\n"
        "from weftwork.models.engine.gguf import GgufEngine\n"
        "async def main():\n"
        f"    engine = GgufEngine({str(tiny_gguf)!r})\n"
        "    await engine.start()\n"
        "    print(engine.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await parent.communicate()
    pid = int(out)
    for _ in range(200):
        if _is_gone(pid):
            return
        await asyncio.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the model's process outlived its parent")


async def test_file_that_is_no_model_is_a_failed_engine(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"no model")
    engine = GgufEngine(path)
    with pytest.raises(EngineFailed):
        await engine.complete(chat("hi"))
    await engine.close()


async def test_gguf_embeds_where_it_is_made_to(tiny_gguf: Path) -> None:
    engine = GgufEngine(tiny_gguf, embeddings=True, context=256, parallel=1)
    one, two = await engine.embed(["the", "other"])
    assert len(one) == len(two) == 64
    with pytest.raises(NotSupported):
        await engine.complete(chat("hi"))
    await engine.close()


async def test_text_engine_gives_no_embeddings(babbler: GgufEngine) -> None:
    with pytest.raises(NotSupported):
        await babbler.embed(["the"])


def test_model_digest_follows_the_file(tiny_gguf: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(tiny_gguf.read_bytes())
    same = GgufEngine(copy, params={"temperature": 0}).describe().digest
    assert same == GgufEngine(tiny_gguf, params={"temperature": 0}).describe().digest
    assert same != GgufEngine(tiny_gguf).describe().digest
    copy.write_bytes(b"x" + tiny_gguf.read_bytes()[1:])
    os.utime(copy, ns=(1, 1))
    assert hash_model(copy) != hash_model(tiny_gguf)
