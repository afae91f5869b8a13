"""Calls that begin together travel together, and each stands or falls by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any

import pytest
from harness.desk import DOMAINS, PaperLedger, Requester, chat

from weftwork.errors import BadSignature, Unavailable, Unpaid
from weftwork.ledger.key import Account
from weftwork.models.channel import ChannelBook, ChannelPurse
from weftwork.models.engine.echo import EchoEngine
from weftwork.models.evidence import MAX_TOGETHER
from weftwork.models.gateway.app import Gateway, Setting
from weftwork.models.gateway.directory import Seat
from weftwork.models.gateway.route import Policy
from weftwork.models.gateway.till import Patience
from weftwork.models.job import Terms
from weftwork.models.miner import Miner
from weftwork.records import Signed
from weftwork.store import Store
from weftwork.units import WAD
from weftwork.wire.client import Client
from weftwork.wire.server import App, EventStream, HttpResponse, serve

GATEWAY, PAYER = Account.create("gateway"), Account.create("payer")
Change = Any


class Street:
    """One gateway and some miners; every message that a miner gets is noted as (path, orders)."""

    def __init__(self, gateway: Gateway, url: str, client: Client, key: str, miners: list[Miner]) -> None:
        self.gateway, self.url, self.client, self.miners = gateway, url, client, miners
        self.headers = {"authorization": f"Bearer {key}"}
        self.sent: list[tuple[str, int]] = []

    async def ask(self, text: str, **more: Any) -> Any:
        body = chat(text, max_tokens=8, **more)
        return await self.client.post_json(self.url + "/v1/chat/completions", body, self.headers)

    async def stream(self, text: str) -> str:
        body = chat(text, max_tokens=8, stream=True)
        said = []
        async with self.client.stream(
            "POST", self.url + "/v1/chat/completions", body, headers=self.headers
        ) as reply:
            assert reply.status == 200, await reply.json()
            async for event in reply.events():
                if event.data != "[DONE]":
                    said.append(json.loads(event.data)["choices"][0]["delta"].get("content", ""))
        return "".join(said)

    async def ask_all(self, texts: list[str]) -> list[Any]:
        return await asyncio.gather(*(self.ask(text) for text in texts))


def watch(street: Street, miner: Miner) -> None:
    for path, answer in (("/v1/work", miner.work), ("/v1/works", miner.work_together)):

        async def look(request: Any, path: str = path, answer: Any = answer) -> Any:
            street.sent.append((path, len(request.object().get("orders", [0]))))
            return await answer(request)

        miner.app.post(path)(look)


@asynccontextmanager
async def open_street(
    *names: str, credit: int = WAD, patience: Patience | None = None, change: Change = None
) -> AsyncIterator[Street]:
    """``change`` may replace what a miner's app serves before it starts."""
    async with AsyncExitStack() as stack:
        miners, seats = [], []
        held = stack.enter_context(Store())
        for name in names:
            account, store = Account.create(name), stack.enter_context(Store())
            paper = PaperLedger({GATEWAY.address: WAD})
            book = ChannelBook(account.address, DOMAINS.of("voucher"), store, paper, credit=credit)
            miner = Miner(
                account, EchoEngine(), DOMAINS, store, book, subnet=1, terms=Terms(max_text=400)
            )  # fmt: skip
            if change is not None:
                change(miner)
            await miner.start(care=None)
            stack.push_async_callback(miner.stop)
            miners.append(miner)
            purse = ChannelPurse(GATEWAY, account.address, DOMAINS.of("voucher"), held, deposit=WAD)
            assert miner.running is not None
            seats.append(Seat(account.address, 1, 0, miner.running.url, "echo", 10**12, 10**12, purse=purse))
        setting = Setting(patience=patience or Patience(idle=1e6), policy=Policy(hedge=False), durable=True)
        gateway = Gateway(GATEWAY, DOMAINS, held, local=True, setting=setting, rng=Random(3))
        gateway.update(seats)
        running = await stack.enter_async_context(await serve(gateway.app))
        client = await stack.enter_async_context(Client(local=True, timeout=20))
        street = Street(gateway, running.url, client, gateway.keys.create("customer")[0], miners)
        if change is None:
            for miner in miners:
                watch(street, miner)
        yield street


async def wait_jobs(miner: Miner, count: int) -> None:
    """Returns once a miner works on so many orders."""
    while len(miner._jobs) < count:  # noqa: ASYNC110 - the miner tells nobody
        await asyncio.sleep(0.01)


def words(reply: Any) -> str:
    assert reply.status == 200, reply.body
    return str(reply.body["choices"][0]["message"]["content"])


async def test_calls_that_begin_together_are_signed_by_one_signature_each_way() -> None:
    async with open_street("miner") as street:
        texts = [f"question number {i}" for i in range(24)]
        assert [words(reply) for reply in await street.ask_all(texts)] == texts
        assert sum(count for _, count in street.sent) == 24
        assert len(street.sent) < 24, "some travelled together"
        for kind, signer in (("request", GATEWAY.address), ("receipt", street.miners[0].account.address)):
            found = street.gateway.store.by_kind(kind)
            assert len(found) == 24
            assert {one.signer(DOMAINS.of(kind)) for one in found if isinstance(one, Signed)} == {signer}
            pens = {one.signature[:65] for one in found if isinstance(one, Signed)}
            assert len(pens) < 24, "fewer signatures than records"
        due = street.gateway.directory.seats()[0].purse
        assert due is not None
        assert due.due == street.miners[0].book.totals()["due"] > 0


async def test_streams_that_begin_together_are_signed_by_one_signature_each_way() -> None:
    async with open_street("miner") as street:
        texts = [f"stream number {i}" for i in range(24)]
        assert await asyncio.gather(*(street.stream(text) for text in texts)) == texts
        assert street.sent == [("/v1/work", 1)] * 24, "each stream is a message of its own"
        for kind, signer in (("request", GATEWAY.address), ("receipt", street.miners[0].account.address)):
            found = [one for one in street.gateway.store.by_kind(kind) if isinstance(one, Signed)]
            assert len(found) == 24, "a short stream has one receipt, the last"
            assert {one.signer(DOMAINS.of(kind)) for one in found} == {signer}
            assert len({one.signature[:65] for one in found}) < 24, "fewer signatures than records"


async def test_a_call_alone_leaves_alone() -> None:
    async with open_street("miner") as street:
        assert words(await street.ask("hello")) == "hello"
        assert street.sent == [("/v1/work", 1)]


async def test_a_call_that_is_refused_takes_none_of_its_company_with_it() -> None:
    async with open_street("miner") as street:
        texts = ["short", "x" * 900, "also short", "fine"]
        replies = await street.ask_all(texts)
        assert [reply.status for reply in replies] == [200, 400, 200, 200]
        assert "more than 400 characters" in replies[1].body["error"]["message"]


async def test_a_miner_that_takes_one_order_at_a_time_is_asked_so() -> None:
    def forget(miner: Miner) -> None:
        del miner.app._exact["POST", "/v1/works"]

    async with open_street("miner", change=forget) as street:
        texts = [f"question {i}" for i in range(8)]
        assert [words(reply) for reply in await street.ask_all(texts)] == texts
        assert not street.gateway.directory.seats()[0].together
        assert [words(reply) for reply in await street.ask_all(texts)] == texts


async def test_a_miner_that_knows_neither_messages_nor_batches_is_served_one_signature_each() -> None:
    def grow_old(miner: Miner) -> None:
        answer = miner.work

        async def work(request: Any) -> Any:
            if len(request.object()["request"]["signature"]) != 132:
                raise BadSignature("a signature is 130 hexadecimal digits")
            return await answer(request)

        async def page(request: Any) -> Any:
            return HttpResponse(b"<html>not here</html>", 404, content_type="text/html")

        miner.app.post("/v1/work")(work)
        miner.app.post("/v1/works")(page)

    async with open_street("miner", change=grow_old) as street:
        texts = [f"question {i}" for i in range(8)]
        assert [words(reply) for reply in await street.ask_all(texts)] == texts
        assert not street.gateway.directory.seats()[0].together

    async with open_street("miner", change=grow_old) as street:
        assert await asyncio.gather(*(street.stream(text) for text in texts)) == texts
        assert not street.gateway.directory.seats()[0].together


async def test_a_miner_that_refuses_a_voucher_once_is_not_taken_for_an_old_one() -> None:
    async with open_street("miner", patience=Patience(idle=1e6, voucher=0.0)) as street:
        texts = [f"stream {i}" for i in range(6)]
        assert await asyncio.gather(*(street.stream(text) for text in texts)) == texts
        known, book = street.miners[0].book._store.has, street.miners[0].book
        book._store.has = lambda name: False  # type: ignore[method-assign] # the receipts that a voucher pays
        found = await asyncio.gather(*(street.stream(text) for text in texts), return_exceptions=True)
        assert any(isinstance(one, AssertionError) for one in found)
        book._store.has = known  # type: ignore[method-assign]
        assert street.gateway.directory.seats()[0].together


async def test_an_old_miner_that_wants_its_money_first_is_given_both() -> None:
    def grow_old(miner: Miner) -> None:
        answer = miner.work

        async def work(request: Any) -> Any:
            order = request.object()
            if len(order["request"]["signature"]) != 132:
                raise BadSignature("a signature is 130 hexadecimal digits")
            if not order["vouchers"] and miner.book.totals()["due"]:
                raise Unpaid("pay first")
            return await answer(request)

        miner.app.post("/v1/work")(work)

    async with open_street("miner", change=grow_old) as street:
        assert await street.stream("the first") == "the first"
        street.gateway.directory.seats()[0].together = True  # as after a restart
        texts = [f"stream {i}" for i in range(8)]
        found = await asyncio.gather(*(street.stream(text) for text in texts), return_exceptions=True)
        assert set(found) & set(texts), "the voucher rode again, under a signature that it knows"


async def test_one_broken_message_is_held_against_a_miner_once() -> None:
    def fail(miner: Miner) -> None:
        async def refuse(request: Any) -> Any:
            raise Unavailable("the miner is out of sorts")

        if miner.account.address == Account.create("liar").address:
            miner.app.post("/v1/works")(refuse)

    async with open_street("liar", "honest", change=fail) as street:
        texts = [f"question {i}" for i in range(24)]
        assert [words(reply) for reply in await street.ask_all(texts)] == texts
        liar = next(s for s in street.gateway.directory.seats() if s.wallet == Account.create("liar").address)
        assert liar.standing.failures <= 2


async def test_callers_who_go_away_together_stop_their_message() -> None:
    async with open_street("miner") as street:
        gate = asyncio.Event()
        miner = street.miners[0]
        miner.engine._pace = gate.wait  # type: ignore[attr-defined]
        task = asyncio.gather(*(street.ask(f"question {i}") for i in range(6)))
        await wait_jobs(miner, 6)
        task.cancel()
        while miner._jobs:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert miner.book.totals()["due"] == 0
        assert street.gateway.directory.seats()[0].held == 0


async def test_a_gateway_that_stops_waits_for_no_miner() -> None:
    async with open_street("miner") as street:
        miner = street.miners[0]
        miner.engine._pace = asyncio.Event().wait  # type: ignore[attr-defined]
        tasks = [asyncio.ensure_future(street.ask(f"question {i}")) for i in range(6)]
        await wait_jobs(miner, 6)
        async with asyncio.timeout(10):
            await street.gateway.broker.close(street.gateway.directory.seats())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_company_that_owes_more_than_its_credit_is_asked_again_with_a_voucher() -> None:
    async with open_street("miner", credit=16 * 10**14, patience=Patience(idle=1e6, voucher=1e6)) as street:
        for turn in range(10):
            texts = [f"turn {turn} question {i}" for i in range(8)]
            assert [words(reply) for reply in await street.ask_all(texts)] == texts
        totals = street.miners[0].book.totals()
        assert 0 < totals["paid"] <= totals["due"]
        assert street.gateway.directory.seats()[0].strict, "the miner wanted its money first"


Twist = Any


def cut_off(events: list[bytes]) -> list[bytes]:
    return events[:1]


def swap_bodies(events: list[bytes]) -> list[bytes]:
    told = [json.loads(event[6:]) for event in events]
    bodies = [one["body"] for one in told]
    for one, body in zip(told, bodies[1:] + bodies[:1], strict=True):
        one["body"] = body
    return [b"data: " + json.dumps(one).encode() + b"\n\n" for one in told]


def speak_nonsense(events: list[bytes]) -> list[bytes]:
    return [b"data: {not json\n\n", *events]


def name_strangers(events: list[bytes]) -> list[bytes]:
    stranger = {"request": "0x" + "77" * 32, "status": 200, "body": {}}
    return [b"data: " + json.dumps(stranger).encode() + b"\n\n", *events]


def name_no_text(events: list[bytes]) -> list[bytes]:
    return [b'data: {"request": [], "status": 200, "body": {}}\n\n', *events]


def say_endless_status(events: list[bytes]) -> list[bytes]:
    return [events[0].replace(b'"status":200', b'"status":1e999'), *events[1:]]


def say_twice(events: list[bytes]) -> list[bytes]:
    return [*events, *events]


def twisted(twist: Twist) -> Change:
    """A miner whose messages are changed on their way out, if they hold more than one answer."""

    def change(miner: Miner) -> None:
        if miner.account.address != Account.create("liar").address:
            return
        answer = miner.work_together

        async def lie(request: Any) -> Any:
            found = await answer(request)
            raw = b"".join([piece async for piece in found.events])
            events = [part + b"\n\n" for part in raw.split(b"\n\n") if part]

            async def told() -> AsyncIterator[bytes]:
                for event in twist(events) if len(events) > 1 else events:
                    yield event

            return EventStream(told())

        miner.app.post("/v1/works")(lie)

    return change


@pytest.mark.parametrize(
    "twist",
    [cut_off, swap_bodies, speak_nonsense, name_strangers, say_twice, name_no_text, say_endless_status],
)
async def test_whatever_a_miner_does_to_a_message_each_call_is_answered_rightly_and_paid_once(
    twist: Twist,
) -> None:
    async with open_street("liar", "honest", change=twisted(twist)) as street:
        for turn in range(3):
            texts = [f"turn {turn} question {i}" for i in range(12)]
            assert [words(reply) for reply in await street.ask_all(texts)] == texts
        for seat in street.gateway.directory.seats():
            receipts = [
                one.record
                for one in street.gateway.store.by_kind("receipt", 1000)
                if isinstance(one, Signed) and one.record.worker == seat.wallet
            ]
            assert len({one.request for one in receipts}) == len(receipts)
            assert seat.purse is not None
            assert seat.purse.due == sum(one.price for one in receipts)
            assert seat.held == 0


async def test_a_message_that_never_ends_fails_all_who_wait_in_it_in_time() -> None:
    def hang(miner: Miner) -> None:
        async def wait(request: Any) -> Any:
            await asyncio.sleep(3600)

        miner.app.post("/v1/works")(wait)

    async with open_street("slow", change=hang, patience=Patience(answer=0.3, idle=1e6)) as street:
        replies = await street.ask_all([f"q{i}" for i in range(6)])
        assert {reply.status for reply in replies if reply.status != 200} <= {503, 504, 502}
        assert any(reply.status != 200 for reply in replies)
        assert street.gateway.directory.seats()[0].held == 0


# The miner's side


@asynccontextmanager
async def open_miner(**terms: Any) -> AsyncIterator[tuple[Miner, Requester]]:
    store, account = Store(), Account.create("miner")
    book = ChannelBook(account.address, DOMAINS.of("voucher"), store, PaperLedger({PAYER.address: WAD}))
    miner = Miner(account, EchoEngine(), DOMAINS, store, book, subnet=1, terms=Terms(**terms))
    running = await miner.start(care=None)
    async with Client(local=True, timeout=10) as client:
        payer = Requester(PAYER, account.address, client, miner._now)
        payer.url = running.url
        yield miner, payer
    await miner.stop()
    store.close()


async def post_all(payer: Requester, orders: list[Any]) -> list[Any]:
    async with payer.client.stream("POST", payer.url + "/v1/works", {"orders": orders}) as reply:
        assert reply.status == 200, await reply.json()
        return [json.loads(event.data) async for event in reply.events()]


async def test_a_miner_answers_each_order_of_a_message_or_says_why_not() -> None:
    async with open_miner() as (miner, payer):
        good, stream = payer.order(chat("good")), payer.order(chat("no"), stream=True)
        forged = payer.order(chat("forged"))
        forged["request"]["signature"] = good["request"]["signature"]
        orders = [good, stream, forged, 7, {}, {"request": {"id": "0x12"}}, payer.order(chat("too"))]
        told = {one["request"]: one for one in await post_all(payer, orders)}
        assert told[good["request"]["id"]]["status"] == 200
        assert told[orders[-1]["request"]["id"]]["status"] == 200
        assert told[stream["request"]["id"]]["body"]["error"]["hint"] == "POST /v1/work"
        assert told[forged["request"]["id"]]["status"] in (400, 401)
        assert told[""]["status"] == 400
        receipts = [payer.receipt(told[one["request"]["id"]]["body"]) for one in (good, orders[-1])]
        assert miner.book.totals()["due"] == sum(one.record.price for one in receipts)


async def test_an_order_twice_in_one_message_is_worked_on_and_owed_once() -> None:
    async with open_miner() as (miner, payer):
        order = payer.order(chat("once"))
        told = await post_all(payer, [order, order])
        assert sorted(one["status"] for one in told) == [200, 409]
        good = next(one for one in told if one["status"] == 200)
        assert miner.book.totals()["due"] == payer.receipt(good["body"]).record.price


@pytest.mark.parametrize(
    "body", [{}, {"orders": []}, {"orders": {}}, {"orders": [{}] * (MAX_TOGETHER + 1)}, []]
)
async def test_a_message_that_is_none_is_refused_whole(body: Any) -> None:
    async with open_miner() as (_, payer):
        reply = await payer.post("/v1/works", body)
        assert reply.status == 400
        assert reply.body["error"]["code"].startswith("input")


async def test_an_order_that_is_cancelled_twice_does_not_hold_up_its_message() -> None:
    async with open_miner() as (miner, payer):
        gate = asyncio.Event()
        miner.engine._pace = gate.wait  # type: ignore[attr-defined]
        orders = [payer.order(chat(f"q{i}")) for i in range(3)]
        task = asyncio.ensure_future(post_all(payer, orders))
        await wait_jobs(miner, 3)
        first = next(iter(miner._jobs.values()))
        first.cancel()
        first.cancel()
        miner.engine._pace = None  # type: ignore[attr-defined]
        gate.set()
        async with asyncio.timeout(10):
            told = await task
        assert sum(one["status"] == 200 for one in told) == 2
        assert miner.book.totals()["held"] == 0


async def test_an_order_that_is_cancelled_before_it_is_signed_is_not_owed() -> None:
    async with open_miner() as (miner, payer):
        seal = miner._sealer.seal

        async def cancel_first(record: Any) -> Any:
            signed = await seal(record)
            miner._jobs[record.request].cancel()
            return signed

        miner._sealer.seal = cancel_first  # type: ignore[method-assign]
        reply = await payer.post("/v1/work", payer.order(chat("never mind")))
        assert reply.status == 403
        assert miner.book.totals()["due"] == miner.book.totals()["held"] == 0


async def test_a_pen_that_fails_leaves_nobody_waiting() -> None:
    async with open_miner() as (miner, payer):
        miner._sealer._account = None
        async with asyncio.timeout(10):
            told = await post_all(payer, [payer.order(chat(f"q{i}")) for i in range(3)])
        assert {one["status"] for one in told} == {500}
        assert miner.book.totals()["held"] == 0


async def test_whoever_hangs_up_on_a_message_stops_its_work() -> None:
    async with open_miner() as (miner, payer):
        gate = asyncio.Event()
        miner.engine._pace = gate.wait  # type: ignore[attr-defined]
        orders = [payer.order(chat(f"q{i}")) for i in range(5)]
        task = asyncio.ensure_future(post_all(payer, orders))
        await wait_jobs(miner, 5)
        task.cancel()
        while miner._jobs:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert miner.book.totals()["held"] == 0
        assert miner.book.totals()["due"] == 0
        assert isinstance(miner.app, App)
