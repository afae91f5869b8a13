"""A miner serves who pays, refuses who does not, and survives whatever it is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from harness.desk import DOMAINS, PaperLedger, Requester, chat
from hypothesis import given
from hypothesis import strategies as st

from weftwork.ledger.key import Account
from weftwork.models.channel import ChannelBook
from weftwork.models.engine.echo import EchoEngine
from weftwork.models.engine.port import Completion, Piece
from weftwork.models.evidence import digest_text
from weftwork.models.job import Terms
from weftwork.models.miner import Miner
from weftwork.records import Signed, Voucher
from weftwork.store import Store
from weftwork.units import WAD, Digest
from weftwork.wire.client import Client

MINER, PAYER, POOR, THIEF = (Account.create(name) for name in ("miner", "payer", "poor", "thief"))


class House:
    """A miner at work, and requesters at its door."""

    def __init__(
        self, engine: Any = None, *, credit: int = WAD, path: Path | None = None, **terms: Any
    ) -> None:
        self.now = 1_800_000_000.0
        self.paper = PaperLedger({PAYER.address: WAD, POOR.address: 10**12})
        self.store = Store(path)
        clock = lambda: self.now  # noqa: E731
        book = ChannelBook(
            MINER.address, DOMAINS.of("voucher"), self.store, self.paper, credit=credit, clock=clock
        )
        self.engine = engine or EchoEngine()
        self.miner = Miner(
            MINER, self.engine, DOMAINS, self.store, book, subnet=1, terms=Terms(**terms), now=clock
        )
        self.client = Client(local=True, timeout=10)
        self.payer = Requester(PAYER, MINER.address, self.client, clock)
        self.poor = Requester(POOR, MINER.address, self.client, clock)
        self.thief = Requester(THIEF, MINER.address, self.client, clock)

    async def __aenter__(self) -> House:
        running = await self.miner.start(care=None)
        for who in (self.payer, self.poor, self.thief):
            who.url = running.url
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        await self.miner.stop()
        self.store.close()


class Gate:
    """Lets an echo say one word each time it is opened."""

    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(0)
        self.waiting = asyncio.Event()

    async def __call__(self) -> None:
        self.waiting.set()
        await self.turns.acquire()


async def test_paying_requester_gets_answers_with_receipts_that_prove_them() -> None:
    async with House() as house:
        reply = await house.payer.ask("hello there miner")
        receipt = house.payer.receipt(reply.body).record
        answer = json.loads(reply.body["answer_json"])
        text = answer["choices"][0]["message"]["content"]
        assert text == "hello there miner"
        assert receipt.output == digest_text(bytes.fromhex(reply.body["salt"]), text)
        assert receipt.final
        assert receipt.price == Terms().price(receipt.input_tokens, receipt.output_tokens) == 6 * 10**12
        assert reply.headers["x-weft-thread"] == str(receipt.request)
        await house.payer.ask("and again")
        assert house.miner.book.totals()["paid"] == receipt.price
        assert [item.record.kind for item in house.store.thread(receipt.request)] == [
            "request",
            "receipt",
            "voucher",
        ]


async def test_same_request_sent_again_gets_the_same_answer_for_no_more_money() -> None:
    async with House() as house:
        order = house.payer.order(chat("once"))
        first = await house.payer.post("/v1/work", order)
        again = await house.payer.post("/v1/work", order)
        assert first.body == again.body
        assert house.miner.book.totals()["due"] == house.payer.receipt(first.body).record.price


async def test_retry_after_a_restart_gets_the_same_receipt(tmp_path: Path) -> None:
    async with House(path=tmp_path / "m.db") as house:
        order = house.payer.order(chat("once"))
        first = await house.payer.post("/v1/work", order)
    async with House(path=tmp_path / "m.db") as house:
        again = await house.payer.post("/v1/work", order)
        assert again.body["receipt"] == first.body["receipt"]
        assert (
            json.loads(again.body["answer_json"])["choices"]
            == json.loads(first.body["answer_json"])["choices"]
        )
        due = house.miner.book.totals()["due"]
        assert due == house.payer.receipt(first.body).record.price, "what was due before is due still"


async def test_request_being_worked_on_is_refused_a_second_time() -> None:
    gate = Gate()
    async with House(EchoEngine(pace=gate)) as house:
        order = house.payer.order(chat("slowly"))
        first = asyncio.ensure_future(house.payer.post("/v1/work", order))
        await gate.waiting.wait()
        again = await house.payer.post("/v1/work", order)
        assert (again.status, again.body["error"]["code"]) == (409, "refused.replayed")
        gate.turns.release()
        assert (await first).status == 200


async def test_unpaid_work_is_refused_beyond_the_credit_line() -> None:
    async with House(credit=10**13) as house:
        statuses = [(await house.payer.ask("one two three", vouchers=[])).status for _ in range(4)]
        assert statuses == [200, 200, 402, 402]
        assert (await house.payer.ask("one two three")).status == 200, "the voucher that rides on it pays"


async def test_requester_without_a_deposit_is_refused() -> None:
    async with House() as house:
        reply = await house.thief.ask("for free")
        assert (reply.status, reply.body["error"]["code"]) == (402, "refused.overdrawn")
        reply = await house.poor.ask("more than I have")
        assert (reply.status, reply.body["error"]["code"]) == (402, "refused.overdrawn")
        assert not house.miner._jobs
        assert house.miner.book.totals()["held"] == 0


async def test_price_never_exceeds_what_the_request_allows() -> None:
    async with House() as house:
        reply = await house.payer.ask("a b c d e f g h", price=3 * 10**12)
        receipt = house.payer.receipt(reply.body).record
        assert receipt.output_tokens == 3
        assert receipt.price == 3 * 10**12
        assert (await house.payer.ask("a", price=1)).status == 402


async def test_stream_brings_words_partial_receipts_and_a_final_one() -> None:
    async with House(partial_tokens=2, partial_pause=0) as house:
        words, events, errors = await house.payer.stream(house.payer.order(chat("one two three four five")))
        assert (words, errors) == ("one two three four five", [])
        receipts = [house.payer.receipt(event).record for event in events]
        assert [r.sequence for r in receipts] == [0, 1, 2]
        assert [r.final for r in receipts] == [False, False, True]
        assert [r.price for r in receipts] == sorted(r.price for r in receipts)
        salt = bytes.fromhex(events[0]["salt"])
        assert receipts[0].output == digest_text(salt, "one two")
        assert receipts[-1].output == digest_text(salt, words)
        assert events[-1]["finish_reason"] == "stop"
        assert house.miner.book.totals() == {"due": receipts[-1].price, "paid": 0, "held": 0, "unclaimed": 0}


async def test_client_that_leaves_a_stream_owes_its_last_partial_receipt() -> None:
    gate = Gate()
    async with House(EchoEngine(pace=gate), partial_tokens=1, partial_pause=0) as house:
        order = house.payer.order(chat("one two three four"))
        for _ in range(2):
            gate.turns.release()
        receipts: list[Any] = []
        async with house.client.stream(
            "POST", house.payer.url + "/v1/work", {**order, "stream": True}
        ) as reply:
            async for event in reply.events():
                if event.event == "receipt":
                    receipts.append(json.loads(event.data))
                if len(receipts) == 2:
                    break
        while house.miner._jobs:  # noqa: ASYNC110
            await asyncio.sleep(0)
        owed = house.payer.receipt(receipts[-1]).record.price
        assert house.miner.book.totals()["due"] == owed > 0
        assert house.miner.book.totals()["held"] == 0


async def test_cancelled_work_is_owed_nothing() -> None:
    gate = Gate()
    async with House(EchoEngine(pace=gate)) as house:
        order = house.payer.order(chat("slowly"))
        running = asyncio.ensure_future(house.payer.post("/v1/work", order))
        await gate.waiting.wait()
        told = await house.payer.post("/v1/cancel", {"request": order["request"]["id"]})
        assert told.body == {"cancelled": True}
        assert (await running).status == 403
        assert house.miner.book.totals() == {"due": 0, "paid": 0, "held": 0, "unclaimed": 0}


async def test_cancelling_what_is_finished_returns_it_and_it_stays_due() -> None:
    async with House() as house:
        order = house.payer.order(chat("quick"))
        done = await house.payer.post("/v1/work", order)
        told = await house.payer.post("/v1/cancel", {"request": order["request"]["id"]})
        assert told.body["receipt"] == done.body["receipt"]
        assert house.miner.book.totals()["due"] > 0


async def test_committed_answer_is_shown_and_owed_when_it_is_revealed() -> None:
    async with House() as house:
        order = house.payer.order(chat("sealed"), commit_only=True)
        committed = await house.payer.post("/v1/work", order)
        assert set(committed.body) == {"receipt"}
        assert house.miner.book.totals()["due"] == 0
        shown = await house.payer.post("/v1/reveal", {"request": order["request"]["id"]})
        assert shown.body["receipt"] == committed.body["receipt"]
        text = json.loads(shown.body["answer_json"])["choices"][0]["message"]["content"]
        receipt = house.payer.receipt(committed.body).record
        assert receipt.output == digest_text(bytes.fromhex(shown.body["salt"]), text)
        assert house.miner.book.totals()["due"] == receipt.price
        again = await house.payer.post("/v1/reveal", {"request": order["request"]["id"]})
        assert again.body == shown.body
        assert house.miner.book.totals()["due"] == receipt.price


async def test_committed_answer_that_is_never_revealed_expires_unpaid() -> None:
    async with House() as house:
        order = house.payer.order(chat("sealed"), commit_only=True)
        await house.payer.post("/v1/work", order)
        house.now += 1000
        told = await house.payer.post("/v1/reveal", {"request": order["request"]["id"]})
        assert told.status == 404
        assert house.miner.book.totals() == {"due": 0, "paid": 0, "held": 0, "unclaimed": 0}


async def test_miner_takes_only_as_many_orders_at_once_as_it_states() -> None:
    gate = Gate()
    async with House(EchoEngine(pace=gate), concurrency=1) as house:
        first = asyncio.ensure_future(house.payer.ask("slowly"))
        await gate.waiting.wait()
        second = await house.payer.ask("me too")
        assert (second.status, second.body["error"]["code"]) == (503, "refused.busy")
        gate.turns.release()
        assert (await first).status == 200


async def test_engine_that_stalls_is_given_up_in_time() -> None:
    async with House(EchoEngine(pace=Gate()), seconds=0.05) as house:
        reply = await house.payer.ask("slowly")
        assert (reply.status, reply.body["error"]["code"]) == (504, "unavailable.timeout")
        assert house.miner.book.totals() == {"due": 0, "paid": 0, "held": 0, "unclaimed": 0}


class BrokenEngine(EchoEngine):
    """Breaks in every way that an engine must not."""

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        raise ZeroDivisionError("weights")

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[Piece]:
        yield Piece("so")
        yield Piece(" far")
        raise RuntimeError("torn")


async def test_engine_that_breaks_costs_nothing_more_than_what_was_receipted() -> None:
    async with House(BrokenEngine(), partial_tokens=1, partial_pause=0) as house:
        reply = await house.payer.ask("well?")
        assert (reply.status, reply.body["error"]["code"]) == (502, "unavailable.engine")
        words, events, errors = await house.payer.stream(house.payer.order(chat("well?")))
        assert words == "so far"
        assert errors[0]["code"] == "unavailable.engine"
        assert house.miner.book.totals()["due"] == house.payer.receipt(events[-1]).record.price


async def test_embeddings_are_receipted_too() -> None:
    async with House() as house:
        reply = await house.payer.post("/v1/work", house.payer.order({"model": "e", "input": ["a", "b"]}))
        answer = json.loads(reply.body["answer_json"])
        assert len(answer["data"]) == 2
        text = json.dumps(answer["data"], separators=(",", ":"))
        receipt = house.payer.receipt(reply.body).record
        assert receipt.output == digest_text(bytes.fromhex(reply.body["salt"]), text)


async def test_vouchers_of_every_wrong_kind_are_refused_and_the_miner_goes_on() -> None:
    async with House() as house:
        reply = await house.payer.ask("hello there")
        receipt = house.payer.receipt(reply.body)

        def sign(cumulative: int, account: Account = PAYER, channel: Digest | None = None) -> Any:
            record = Voucher(channel or house.payer.purse.channel, cumulative, receipt.id)
            return Signed(record, account.sign_hash(record.digest(DOMAINS.of("voucher")))).to_json()

        good = sign(receipt.record.price)
        cases = [
            ([sign(5, THIEF)], "input.signature"),
            ([sign(2 * WAD)], "refused.overdrawn"),
            ([sign(5, channel=Digest(b"\1" * 32))], "input.record"),
            ([], "input"),
            ({}, "input"),
            ([1], "input.record"),
            ([receipt.to_json()], "input.record"),
        ]
        for body, code in cases:
            told = await house.payer.post("/v1/voucher", body)
            assert told.body["error"]["code"] == code
        assert (await house.payer.post("/v1/voucher", [good])).body == {"gained": str(receipt.record.price)}
        assert (await house.payer.post("/v1/voucher", [sign(1)])).body["error"]["code"] == "refused.replayed"
        told = await house.client.get_json(f"{house.payer.url}/v1/channel/{PAYER.address}")
        assert told.body["highest"] == good
        assert (await house.client.get_json(f"{house.payer.url}/v1/channel/{THIEF.address}")).status == 404
        assert await house.miner.book.redeem() == receipt.record.price


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"request": None}, 400),
        ({"request": {}}, 400),
        ({"salt": "zz"}, 400),
        ({"salt": "00" * 16}, 400),
        ({"salt": None}, 400),
        ({"body_json": 7}, 400),
        ({"body_json": "{}"}, 400),
        ({"vouchers": {}}, 400),
        ({"vouchers": [{}]}, 400),
        ({"stream": "yes"}, 400),
        ({"commit_only": 1}, 400),
    ],
)
async def test_order_with_a_wrong_part_is_refused_by_name(change: dict[str, Any], status: int) -> None:
    async with House() as house:
        reply = await house.payer.post("/v1/work", {**house.payer.order(chat("x")), **change})
        assert reply.status == status
        assert reply.body["error"]["code"].startswith("input")


async def test_request_of_another_subnet_time_or_signer_is_refused() -> None:
    async with House() as house:
        wrong = {
            "input": {"subnet": 2},
            "refused.replayed": {"expiry": 1_700_000_000, "time": 1_600_000_000},
            "input.signature": {"requester": POOR.address},
        }
        for code, change in wrong.items():
            reply = await house.payer.ask("x", **change)
            assert reply.body["error"]["code"] == code
        far = await house.payer.ask("x", expiry=1_900_000_000)
        assert far.status == 409


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "nonsense",
        '{"messages":[]}',
        '{"messages":[{"role":"user","content":{"a":1}}],"max_tokens":-1}',
        '{"messages":"x"}',
        '{"prompt":[1,2]}',
        '{"input":[]}',
        '{"input":{"a":1}}',
        '{"messages":[{"role":"user","content":"x"}],"weft_prefix":7}',
        "{" + '"a":{' * 3000 + "}" * 3000 + "}",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_body_that_makes_no_sense_is_the_askers_fault(body: str, stream: bool) -> None:
    async with House() as house:
        reply = await house.payer.post("/v1/work", house.payer.order(body, stream=stream))
        assert reply.status == 400, reply.body
        assert house.miner.book.totals()["held"] == 0
        assert (await house.payer.ask("still there?")).status == 200


async def test_anything_at_all_posted_to_a_miner_gets_an_error_and_the_miner_lives() -> None:
    junk = st.recursive(
        st.none() | st.booleans() | st.integers(-5, 2**70) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=8,
    )
    samples: list[Any] = []

    @given(junk, st.sampled_from(["request", "salt", "body_json", "vouchers", "stream", "commit_only"]))
    def collect(value: Any, name: str) -> None:
        samples.append((value, name))

    collect()
    async with House() as house:
        whole = house.payer.order(chat("x"))
        for value, name in samples:
            for path in ("/v1/work", "/v1/reveal", "/v1/cancel", "/v1/voucher"):
                assert (await house.payer.post(path, value)).status < 500
            reply = await house.payer.post("/v1/work", {**whole, name: value})
            assert reply.status < 500
        assert (await house.payer.ask("still there?")).status == 200


async def test_miner_tells_what_it_is_and_how_it_does() -> None:
    async with House() as house:
        await house.payer.ask("hello there")
        told = (await house.client.get_json(house.payer.url + "/v1/describe")).body
        assert told["wallet"] == MINER.address
        assert told["prices"] == {"input": str(10**12), "output": str(10**12)}
        metrics = (await house.client.request("GET", house.payer.url + "/metrics")).body.decode()
        assert 'weft_miner_answers_total{role="miner"} 1.0' in metrics
        assert 'weft_miner_due_wad{role="miner"} 4e+12' in metrics
