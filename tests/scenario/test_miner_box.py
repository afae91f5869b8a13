"""The model in the box behind a miner: its answers hold to the schema, stream, and can be recomputed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness.desk import DOMAINS, PaperLedger, Requester

import weftwork.models
from weftwork.ledger.key import Account
from weftwork.models.channel import ChannelBook
from weftwork.models.engine.gguf import GgufEngine
from weftwork.models.intent import parse_intent
from weftwork.models.job import Terms
from weftwork.models.miner import Miner
from weftwork.models.subnet.intent import ask_body
from weftwork.models.subnet.port import Task, Worker
from weftwork.models.verifier import Recompute
from weftwork.store import Store
from weftwork.units import WAD
from weftwork.wire.client import Client

BOX = Path(weftwork.models.__file__).parent / "box" / "weft-intent.gguf"
pytestmark = pytest.mark.skipif(not BOX.exists(), reason="the model is not in the box yet")
PAYER, MINER = Account.create("payer"), Account.create("miner")
QUESTION = "pay 12.5 dollars to rita every friday"


@pytest.fixture
async def payer() -> AsyncIterator[Requester]:
    store = Store()
    now = lambda: 1_800_000_000.0  # noqa: E731
    book = ChannelBook(
        MINER.address, DOMAINS.of("voucher"), store, PaperLedger({PAYER.address: WAD}), clock=now
    )
    engine = GgufEngine(BOX, name="weft-intent", context=512, parallel=2)
    miner = Miner(
        MINER, engine, DOMAINS, store, book, subnet=1, terms=Terms(partial_tokens=4, partial_pause=0), now=now
    )
    running = await miner.start(care=None)
    requester = Requester(PAYER, MINER.address, Client(local=True, timeout=60), now)
    requester.url = running.url
    yield requester
    await requester.client.close()
    await miner.stop()
    store.close()


async def test_wallet_request_becomes_one_typed_intent_with_a_receipt(payer: Requester) -> None:
    reply = await payer.post("/v1/work", payer.order(ask_body(QUESTION)))
    assert reply.status == 200, reply.body
    text = json.loads(reply.body["answer_json"])["choices"][0]["message"]["content"]
    assert parse_intent(text).kind in ("recurring_payment", "transfer", "none")
    receipt = payer.receipt(reply.body).record
    own = GgufEngine(BOX, name="weft-intent", context=512, parallel=1)
    assert receipt.engine == own.describe().digest
    rule, task = Recompute(own), Task(ask_body(QUESTION))
    facts = await rule.examine(task, text, Worker(0, MINER.address))
    assert rule.weigh(task, text, facts) == 1_000_000, "the same file gives the same words"
    await own.close()

    words, events, errors = await payer.stream(payer.order(ask_body(QUESTION)))
    assert (words, errors) == (text, [])
    receipts = [payer.receipt(event).record for event in events]
    assert len(receipts) > 1
    assert receipts[-1].final
    assert receipts[-1].price >= receipts[0].price

    cut = text[: len(text) // 2]
    rest = await payer.post("/v1/work", payer.order({**ask_body(QUESTION), "weft_prefix": cut}))
    assert cut + json.loads(rest.body["answer_json"])["choices"][0]["message"]["content"] == text
