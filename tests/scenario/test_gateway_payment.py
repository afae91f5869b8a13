"""Money over both hops: a client with its own key, a gateway, real miners; and what a crash leaves."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

import pytest

from weftwork.errors import BadAnswer, BadInput, Unavailable, Unpaid
from weftwork.ledger.key import Account
from weftwork.models.channel import ChannelBook, ChannelPurse, ChannelView
from weftwork.models.client import Client
from weftwork.models.engine.echo import EchoEngine
from weftwork.models.gateway.app import Gateway, Setting
from weftwork.models.gateway.broker import Patience
from weftwork.models.gateway.directory import Seat
from weftwork.models.gateway.hop import ClientHop
from weftwork.models.gateway.key import KeyRing
from weftwork.models.job import Terms
from weftwork.models.miner import Miner
from weftwork.records import Domains, Signed
from weftwork.store import Store
from weftwork.units import WAD
from weftwork.wire.client import Client as Http
from weftwork.wire.server import serve

DOMAINS = Domains(31337, "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20)
DEPOSIT = 100 * WAD


class Bank:
    """A ledger with one open channel for each pair that anyone asks about."""

    def view(self, payer, receiver):
        return ChannelView(payer, receiver, deposited=DEPOSIT)

    def claim_many(self, claims):
        raise AssertionError("nobody redeems here")

    def pull(self, receiver):
        raise AssertionError("nobody redeems here")


def book(account, store, credit=WAD):
    return ChannelBook(account.address, DOMAINS.of("voucher"), store, Bank(), credit=credit)


async def start_miner(stack, name, engine=None, **more):
    store = stack.enter_context(Store())
    account = Account.create(name)
    miner = Miner(account, engine or EchoEngine(), DOMAINS, store, book(account, store), subnet=1, **more)
    await miner.start(care=None)
    stack.push_async_callback(miner.stop)
    return miner


def seat_of(miner, gateway_account, store):
    purse = ChannelPurse(
        gateway_account, miner.account.address, DOMAINS.of("voucher"), store, deposit=DEPOSIT
    )
    return Seat(
        miner.account.address, 1, 0, miner.running.url, miner.model, miner.terms.input_price,
        miner.terms.output_price, purse=purse,
    )  # fmt: skip


@asynccontextmanager
async def market(*names, fee_bps=0, idle=1000.0, **more):
    """Miners with the echo engine, a gateway that pays them, and a client that pays the gateway."""
    async with AsyncExitStack() as stack:
        miners = [await start_miner(stack, name, **more) for name in names]
        store = stack.enter_context(Store())
        account = Account.create("gateway")
        hop = ClientHop(account, DOMAINS, store, book(account, store), time.time)
        setting = Setting(fee_bps=fee_bps, patience=Patience(idle=idle))
        gateway = Gateway(account, DOMAINS, store, local=True, hop=hop, setting=setting, rng=Random(1))
        gateway.update([seat_of(miner, account, store) for miner in miners])
        running = await stack.enter_async_context(await serve(gateway.app))
        held = stack.enter_context(Store())
        client = Client(
            Account.create("client"), running.url, DOMAINS, store=held, local=True, deposit=DEPOSIT
        )
        stack.push_async_callback(client.close)
        yield client, gateway, miners


async def test_a_client_with_its_own_key_gets_a_proven_answer_and_pays_both_hops():
    async with market("miner", fee_bps=500) as (client, gateway, (miner,)):
        answer = await client.ask("swap 250 USDC for ETH", model="echo")
        assert answer.text == "swap 250 USDC for ETH"
        assert answer.worker == miner.account.address
        assert answer.work_request.record.nonce == answer.thread
        due = answer.work_receipt.record.price
        assert answer.price == due + -(-due * 500 // 10_000)
        assert await client.pay() == answer.price
        await gateway.broker.pay(gateway.directory.seats()[0])
        client_account = gateway.hop.book.statement(client.account.address)
        assert client_account["paid"] == client_account["due"] == str(answer.price)
        assert miner.book.totals()["paid"] == due


async def test_a_streamed_answer_is_proven_as_well():
    async with market("miner") as (client, _, _):
        words = []
        answer = await client.ask(
            "the quick brown fox jumps", model="echo", stream=True, on_words=words.append
        )
        assert "".join(words) == answer.text == "the quick brown fox jumps"
        assert len(words) > 1


async def test_the_voucher_for_one_answer_rides_on_the_next_question():
    async with market("miner") as (client, gateway, (miner,)):
        first = await client.ask("one", model="echo")
        await client.ask("two", model="echo")
        assert gateway.hop.book.statement(client.account.address)["paid"] == str(first.price)
        assert miner.book.totals()["paid"] == first.work_receipt.record.price


async def test_a_client_reads_its_own_threads_and_nobody_elses():
    async with market("one", "two") as (client, _, _):
        answer = await client.ask("hello", model="echo:best", weft={"k": 2})
        thread = await client.thread(answer.thread)
        kinds = [record["kind"] for record in thread["records"]]
        assert kinds.count("request") == 3, "its own, and the gateway's to two miners"
        assert len(thread["ranking"]["order"]) == 2
        async with Client(Account.create("eve"), client.url, DOMAINS, local=True) as eve:
            with pytest.raises(BadInput, match="no thread"):
                await eve.thread(answer.thread)
            with pytest.raises(BadInput, match="no thread"):
                await eve.thread(answer.work_request.id)


async def test_embeddings_are_proven_like_words():
    async with market("miner") as (client, _, _):
        body = {"model": "echo", "input": ["a", "b"]}
        answer = await client.ask(body, path="/v1/embeddings")
        assert len(answer.body["data"]) == 2


async def test_a_request_below_the_quote_is_refused_and_costs_nothing():
    async with market("miner") as (client, gateway, (miner,)):
        with pytest.raises(Unpaid, match="may cost"):
            await client.ask("hello", model="echo", max_price=1)
        assert miner.book.totals()["due"] == 0
        assert gateway.hop.book.totals() == {"due": 0, "paid": 0, "held": 0, "unclaimed": 0}


async def test_a_signed_request_is_served_once():
    async with market("miner") as (client, _, _):
        await client.meet()
        raw = b'{"model":"echo","messages":[{"role":"user","content":"hi"}]}'
        headers, _ = client._sign(raw, "echo", WAD, client.purse)
        async with Http(local=True) as http:
            url = client.url + "/v1/chat/completions"
            assert (await http.post_json(url, raw, headers)).status == 200
            again = await http.post_json(url, raw, headers)
            assert (again.status, again.body["error"]["code"]) == (409, "refused.replayed")
            other = await http.post_json(url, raw.replace(b"hi", b"ho"), headers)
            assert (other.status, other.body["error"]["code"]) == (401, "input.signature")


async def test_what_a_client_owes_beyond_its_credit_line_stops_it():
    async with market("miner", terms=Terms(input_price=WAD // 1000, output_price=WAD // 1000)) as parts:
        client, gateway, _ = parts
        gateway.hop.book.credit = 0
        await client.ask("one two three", model="echo", max_tokens=8)
        client.purse.voucher = lambda: None
        with pytest.raises(Unpaid):
            await client.ask("one two three", model="echo", max_tokens=8)


async def test_a_gateway_that_answers_with_other_words_is_caught_by_the_client():
    async with market("miner") as (client, gateway, _):
        seal = gateway.hop.seal
        gateway.hop.seal = lambda asker, bill, text, engine: seal(asker, bill, "other words", engine)
        with pytest.raises(BadAnswer, match="these words"):
            await client.ask("hello", model="echo")
        assert client.purse.due == 0


async def test_answers_of_best_are_ranked_from_real_miners_and_all_are_paid():
    async with market("one", "two", "three") as (client, _, miners):
        answer = await client.ask("hello there", model="echo:best", weft={"k": 3})
        assert answer.text == "hello there"
        assert answer.price == 3 * answer.work_receipt.record.price
        assert [m.book.totals()["due"] for m in miners] == [answer.work_receipt.record.price] * 3


SERVE = """
import sys
from weftwork.ledger.key import Account
from weftwork.models.channel import ChannelPurse
from weftwork.models.gateway.app import Gateway, Setting
from weftwork.models.gateway.broker import Patience
from weftwork.models.gateway.directory import Seat
from weftwork.records import Domains
from weftwork.store import Store
from weftwork.wire.server import run

path, wallet, url, port, idle, durable = sys.argv[1:]
domains = Domains(31337, "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20)

def make():
    account, store = Account.create("gateway"), Store(path)
    setting = Setting(patience=Patience(idle=float(idle)), durable=durable == "durable")
    gateway = Gateway(account, domains, store, local=True, setting=setting)
    gateway.keys.create("alice", None, "wk-alice-alice-alice")
    purse = ChannelPurse(account, wallet, domains.of("voucher"), store, deposit=100 * 10**18)
    gateway.update([Seat(wallet, 1, 0, url, "echo", 10**12, 10**12, purse=purse)])
    return gateway.app

run(make, port=int(port), ready=lambda running: print(running.url, flush=True))
"""


def spawn(tmp_path, miner, idle, durable):
    script = tmp_path / "serve.py"
    script.write_text(textwrap.dedent(SERVE))
    args = [str(tmp_path / "gateway.db"), miner.account.address, miner.running.url, "0", str(idle), durable]
    return subprocess.Popen([sys.executable, str(script), *args], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("durable", ["durable", "quick"])
async def test_a_gateway_killed_between_answer_and_voucher_loses_nothing(tmp_path, durable):
    body = {"model": "echo", "messages": [{"role": "user", "content": "hello there"}]}
    headers = {"authorization": "Bearer wk-alice-alice-alice"}
    async with AsyncExitStack() as stack:
        miner = await start_miner(stack, "miner")
        http = await stack.enter_async_context(Http(local=True, timeout=30))
        process = spawn(tmp_path, miner, 1000, durable)
        try:
            url = (await asyncio.to_thread(process.stdout.readline)).strip()
            for _ in range(3):
                reply = await http.post_json(f"{url}/v1/chat/completions", body, headers)
                assert reply.status == 200
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        owed = miner.book.totals()
        assert owed["due"] > owed["paid"], "the last answer was given and not yet paid"
        process = spawn(tmp_path, miner, 0.01, durable)
        try:
            await asyncio.to_thread(process.stdout.readline)
            async with asyncio.timeout(30):
                while miner.book.totals()["paid"] < miner.book.totals()["due"]:  # noqa: ASYNC110
                    await asyncio.sleep(0)
        finally:
            process.terminate()
            process.communicate()
        owed = miner.book.totals()
        assert owed["paid"] == owed["due"] > 0
        if durable == "durable":
            with Store(tmp_path / "gateway.db") as store:
                assert store.count("receipt") == 3
                assert KeyRing(store, lambda: 0.0).all()[0].spent == owed["due"]


async def test_a_miner_that_shows_receipts_for_requests_nobody_signed_gets_nothing():
    async with market("miner") as (client, gateway, (miner,)):
        answer = await client.ask("hello", model="echo")
        seat = gateway.directory.seats()[0]
        before = seat.purse.due
        statement = miner.book.statement

        def inflate(payer):
            told = statement(payer)
            forged = miner.account
            record = answer.work_receipt.record.replace(
                price=answer.work_request.record.max_price, sequence=9
            )
            signed = Signed(record, forged.sign_hash(record.digest(DOMAINS.of("receipt"))))
            told["unpaid"].append(signed.to_json())
            told["requests"] = []
            return told

        miner.book.statement = inflate
        assert await gateway.broker.resume(seat) == 0
        assert seat.purse.due == before


async def test_bad_headers_of_own_key_clients_are_refused_one_by_one():
    async with market("miner") as (client, _, _):
        await client.meet()
        raw = b'{"model":"echo","messages":[{"role":"user","content":"hi"}]}'
        good, _ = client._sign(raw, "echo", WAD, client.purse)
        url = client.url + "/v1/chat/completions"
        bad = [
            {**good, "x-weft-request": "nonsense"},
            {**good, "x-weft-request": "e30="},
            {**good, "x-weft-salt": "zz"},
            {**good, "x-weft-salt": ""},
            {**good, "x-weft-vouchers": "e30="},
            {**good, "x-weft-vouchers": "!"},
        ]
        async with Http(local=True) as http:
            for headers in bad:
                reply = await http.post_json(url, raw, headers)
                assert 400 <= reply.status < 500
                assert set(reply.body["error"]) == {"message", "type", "param", "code"}
            assert (await http.post_json(url, raw, good)).status == 200


async def test_a_client_learns_when_its_gateway_is_gone():
    async with Client(Account.create("client"), "http://127.0.0.1:9", DOMAINS, local=True) as client:
        with pytest.raises(Unavailable):
            await client.ask("hello", model="echo")
