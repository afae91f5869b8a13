"""An order at an engine: what a stream signs when, and that it ends however it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from harness.desk import DOMAINS, Requester, chat

from weftwork.errors import EngineFailed, Refused, TimedOut, WeftError
from weftwork.ledger.key import Account
from weftwork.models.engine.echo import EchoEngine
from weftwork.models.engine.port import Piece
from weftwork.models.evidence import read_order
from weftwork.models.job import Job, Partial, Terms
from weftwork.models.sealer import Sealer

MINER, PAYER = Account.create("miner"), Account.create("payer")


def open_job(engine: EchoEngine, **terms: Any) -> Job:
    clock = lambda: 1_800_000_000.0  # noqa: E731
    requester = Requester(PAYER, MINER.address, None, clock)  # type: ignore[arg-type]
    order = read_order({**requester.order(chat("x")), "stream": True}, max_text=1000)
    return Job(order, engine, Sealer(MINER, DOMAINS.of("receipt")), Terms(**terms), clock, bytes(16))


class Burst(EchoEngine):
    """Gives many tokens at once, then nothing, or ends, or ends without its last piece."""

    def __init__(self, tokens: int, then: str = "end") -> None:
        super().__init__()
        self.tokens, self.then = tokens, then

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[Piece]:
        for _ in range(self.tokens):
            yield Piece("word ")
        if self.then == "silence":
            await asyncio.Event().wait()
        elif self.then == "end":
            yield Piece("", 0, "stop", 1, self.tokens)


@pytest.mark.parametrize(
    ("tokens", "seconds", "wanted"),
    [(15, 0.06, False), (16, 0.06, True), (63, 0.01, False), (64, 0.01, True), (1, 0.5, True)],
)
def test_partial_receipt_is_due_for_tokens_or_for_time(tokens: int, seconds: float, wanted: bool) -> None:
    assert Terms().wants_partial(tokens, seconds) == wanted


async def test_short_burst_has_one_receipt_and_a_long_one_risks_few_tokens() -> None:
    for tokens, receipts in ((20, 1), (64, 2), (900, 15)):
        parts = [part async for part in open_job(Burst(tokens)).stream()]
        signed = [part.receipt.record for part in parts if part.receipt is not None]
        assert len(signed) == receipts
        assert [one.final for one in signed] == [False] * (receipts - 1) + [True]
        unsigned = most = 0
        for part in parts:
            unsigned = 0 if part.receipt is not None else unsigned + 1
            most = max(most, unsigned)
        assert most <= 64


async def drive(job: Job, each: Any) -> list[Partial]:
    parts = []
    async for part in job.stream():
        parts.append(part)
        await each(job)
    return parts


async def cancel(job: Job) -> None:
    job.cancel()


async def read_slowly(job: Job) -> None:
    await asyncio.sleep(0.1)


@pytest.mark.parametrize(("each", "seconds", "error"), [(cancel, 99, Refused), (read_slowly, 0.05, TimedOut)])
async def test_stream_stopped_between_two_pieces_ends_though_its_engine_is_silent(
    each: Any, seconds: float, error: type[WeftError]
) -> None:
    with pytest.raises(error):
        async with asyncio.timeout(10):
            await drive(open_job(Burst(1, "silence"), seconds=seconds), each)


async def test_stream_that_ends_without_its_last_piece_is_a_failed_engine() -> None:
    with pytest.raises(EngineFailed, match="too early"):
        await drive(open_job(Burst(3, "break")), read_slowly)


async def test_what_was_made_when_a_cancel_came_is_signed_all_the_same() -> None:
    job = open_job(Burst(3))
    seal = job._sealer.seal

    async def cancel_first(record: Any) -> Any:
        job.cancel()
        return await seal(record)

    job._sealer.seal = cancel_first  # type: ignore[method-assign]
    parts = [part async for part in job.stream()]
    assert parts[-1].receipt is not None
    assert parts[-1].receipt.record.final
