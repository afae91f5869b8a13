"""Policy ``best``: k miners commit to their answers before any is shown; the answers are ranked, the best
returned.

A miner's receipt, signed over the salted digest of its answer, is the commitment. Only when every
commitment is in (or its time is up) is any answer revealed, so that nobody answers with what another said.
All that deliver are paid.

    rank = (answer is valid under the asked schema, judge's score if there is a judge, weight of those that
    agree)

The weight of a miner is its share of incentive with a floor, so that a crowd of new wallets with one answer
does not outvote miners whose work validators judged.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from weftwork.errors import NoMiner, WeftError
from weftwork.models.gateway.relay import Relay, Trip
from weftwork.models.gateway.schema import is_valid
from weftwork.models.gateway.work import Ask, Work
from weftwork.records import Receipt, Signed
from weftwork.units import Digest, keccak

Judge = Callable[[dict[str, Any], Sequence[str]], Awaitable[Sequence[float]]]
"""Scores the answers to a request's body, 0 to 1, higher is better."""

_FLOOR = 50_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer to be ranked: its words; the miner's weight and the judge's score in millionths."""

    text: str
    weight: int
    judged: int = 0


def normalize(text: str) -> str:
    """What two answers are compared by: JSON by value, other text without regard to white space and case."""
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        try:
            return to_json(_sorted(from_json(stripped, allow_inf_nan=False))).decode()
        except ValueError:
            pass
    return " ".join(stripped.split()).casefold()


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def rank(entries: Sequence[Entry], schema: Any = None) -> list[tuple[int, bool, int]]:
    """The entries best first, each as (place in ``entries``, schema validity, weight that agrees)."""
    words = [normalize(entry.text) for entry in entries]
    agree: dict[str, int] = {}
    for word, entry in zip(words, entries, strict=True):
        agree[word] = agree.get(word, 0) + entry.weight
    rows = []
    for place, (word, entry) in enumerate(zip(words, entries, strict=True)):
        valid = bool(entry.text.strip()) and (schema is None or is_valid(entry.text, schema))
        rows.append((place, valid, agree[word]))
    return sorted(
        rows, key=lambda row: (not row[1], -entries[row[0]].judged, -row[2], -entries[row[0]].weight, row[0])
    )


def schema_of(body: dict[str, Any]) -> Any:
    """The JSON Schema that a call asks its answer to have; None if it asks for none."""
    asked = body.get("response_format")
    if not isinstance(asked, dict):
        return None
    if asked.get("type") == "json_object":
        return {"type": "object"}
    held = asked.get("json_schema")
    return held.get("schema") if isinstance(held, dict) else None


async def best(relay: Relay, trip: Trip, judge: Judge | None = None) -> tuple[Work, dict[str, Any]]:
    """The best of k proven answers and why; raises :class:`NoMiner` if none delivers."""
    asks: list[Ask] = []
    while len(asks) < trip.call.k:
        seat = relay.pick(trip)
        if seat is None:
            break
        asks.append(relay.prepare(trip, seat))
    try:
        works, failed = await _deliver(relay, trip, asks)
    finally:
        for ask in asks:
            ask.seat.held -= ask.quote
    if not works:
        raise NoMiner(
            f"None of {len(asks)} miners of {trip.call.model} delivered an answer.", value=trip.call.model
        )
    scores = await _judge(judge, trip, works)
    total = sum(work.ask.seat.incentive for work in works) or 1.0
    entries = [
        Entry(work.text, _FLOOR + int(1e6 * work.ask.seat.incentive / total), score)
        for work, score in zip(works, scores, strict=True)
    ]
    rows = rank(entries, schema_of(trip.call.body))
    ranking = {
        "thread": str(trip.root),
        "rule": "judge" if judge is not None else "agreement",
        "asked": len(asks),
        "order": [
            {
                "receipt": str(works[place].receipt_id),
                "request": str(works[place].ask.id),
                "worker": works[place].ask.seat.wallet,
                "valid": valid,
                "agreement": agreement,
                "judged": entries[place].judged,
                "price": str(works[place].price),
            }
            for place, valid, agreement in rows
        ],
        "failed": failed,
    }
    _record(relay, trip, ranking)
    return works[rows[0][0]], ranking


async def _deliver(relay: Relay, trip: Trip, asks: list[Ask]) -> tuple[list[Work], list[dict[str, str]]]:
    """All commitments first, then all answers; books and bills each that is delivered."""
    broker = relay.broker
    loop = asyncio.get_running_loop()
    began = loop.time()
    failed: list[dict[str, str]] = []

    def lose(ask: Ask, error: BaseException) -> None:
        relay.blame(ask.seat, error if isinstance(error, WeftError) else WeftError(str(error)))
        trip.bill.drop(ask.quote)
        failed.append({"worker": ask.seat.wallet, "request": str(ask.id), "reason": str(error)[:200]})

    async def commit(ask: Ask) -> tuple[Signed[Receipt], Digest, int]:
        receipt, name = await broker.commit(ask)
        return receipt, name, int((loop.time() - began) * 1e6)

    try:
        commits = await asyncio.gather(*(commit(ask) for ask in asks), return_exceptions=True)
        committed = []
        for ask, found in zip(asks, commits, strict=True):
            if isinstance(found, BaseException):
                lose(ask, found)
            else:
                committed.append((ask, *found))
        answers = await asyncio.gather(*(broker.reveal(*row) for row in committed), return_exceptions=True)
    except asyncio.CancelledError:
        for ask in asks:
            broker.spawn(broker.cancel(ask))
        raise
    works: list[Work] = []
    for (ask, *_), shown in zip(committed, answers, strict=True):
        if isinstance(shown, BaseException):
            lose(ask, shown)
            continue
        record = shown.receipt.record
        trip.bill.add(record.price, record.input_tokens, record.output_tokens)
        relay.directory.settle(ask.seat, shown.took_us)
        works.append(shown)
    return works, failed


async def _judge(judge: Judge | None, trip: Trip, works: list[Work]) -> list[int]:
    if judge is None:
        return [0] * len(works)
    try:
        scores = await judge(trip.call.body, [work.text for work in works])
    except WeftError:
        return [0] * len(works)
    return [int(1e6 * min(max(score, 0.0), 1.0)) for score in scores]


def _record(relay: Relay, trip: Trip, ranking: dict[str, Any]) -> None:
    """Keeps a ranking as private content, and its digest under the thread's id."""
    salt = secrets.token_bytes(16)
    body = to_json(ranking)
    digest = Digest(keccak(salt + body))
    relay.broker.store.put_content(digest, salt, body)
    relay.broker.store.set_state(f"ranking/{trip.root}", str(digest))
