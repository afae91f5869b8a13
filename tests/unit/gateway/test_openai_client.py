"""The official ``openai`` client, unchanged, against a gateway."""

import openai
import pytest

from .actor import MODEL, Miner, town


def connect(t, key=None):
    return openai.AsyncOpenAI(base_url=f"{t.url}/v1", api_key=key or t.secret, max_retries=0)


ASK = [{"role": "user", "content": "swap 2 ETH for USDC"}]


async def test_the_official_client_chats_and_reads_the_thread():
    async with town(Miner("honest")) as t, connect(t) as client:
        raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK, user="alice")
        answer = raw.parse()
        assert answer.choices[0].message.content == "swap 2 ETH for USDC"
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage.total_tokens == 5
        assert answer.id.endswith(raw.headers["x-weft-thread"])


async def test_the_official_client_streams():
    async with town(Miner("honest")) as t, connect(t) as client:
        stream = await client.chat.completions.create(
            model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        words = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert words == "swap 2 ETH for USDC"
        assert chunks[-1].usage.prompt_tokens == 3
        async with client.chat.completions.stream(model=MODEL, messages=ASK) as events:
            final = await events.get_final_completion()
        assert final.choices[0].message.content == "swap 2 ETH for USDC"


async def test_the_official_client_completes_embeds_and_lists_models():
    async with town(Miner("honest")) as t, connect(t) as client:
        done = await client.completions.create(model=MODEL, prompt="once upon a time")
        assert done.choices[0].text == "once upon a time"
        pieces = await client.completions.create(model=MODEL, prompt="once upon a time", stream=True)
        assert "".join([piece.choices[0].text async for piece in pieces]) == "once upon a time"
        vectors = await client.embeddings.create(model=MODEL, input=["a", "b"])
        assert [row.embedding for row in vectors.data] == [[0.5, 0.0], [0.5, 1.0]]
        plain = await client.embeddings.create(model=MODEL, input="a", encoding_format="float")
        assert plain.data[0].embedding == [0.5, 0.0]
        assert [model.id async for model in client.models.list()] == [MODEL]
        assert (await client.models.retrieve(MODEL)).owned_by == "weftwork"


async def test_the_official_client_raises_its_own_errors():
    async with town(Miner("honest"), cap=1000) as t, connect(t) as client, connect(t, "wk-wrong") as stranger:
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(model="no-such-model", messages=ASK)
        assert caught.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model=MODEL, messages=ASK, temperature=9)
        assert caught.value.param == "temperature"
        with pytest.raises(openai.AuthenticationError):
            await stranger.models.list()
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(model=MODEL, messages=ASK, max_tokens=5000)
        assert caught.value.code == "insufficient_quota"


async def test_the_official_client_raises_when_a_stream_breaks_off():
    async with town(Miner("mortal", dies_after=8)) as t, connect(t) as client:
        stream = await client.chat.completions.create(model=MODEL, messages=ASK, stream=True)
        words = []

        async def read():
            async for chunk in stream:
                words.append(chunk.choices[0].delta.content or "")

        with pytest.raises(openai.APIError):
            await read()
        assert "".join(words) == "swap 2 E"
