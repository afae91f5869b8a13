"""Miners of many characters, as small as they can be: they sign receipts for what they say, or do not."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

from weftwork.ledger.key import Account
from weftwork.models.channel import ChannelPurse
from weftwork.models.gateway.app import Gateway, Setting
from weftwork.models.gateway.broker import Patience
from weftwork.models.gateway.directory import Seat
from weftwork.models.gateway.route import Policy
from weftwork.records import Domains, Receipt, Signed
from weftwork.store import Store
from weftwork.units import ZERO, keccak, salt_content
from weftwork.wire.client import Client
from weftwork.wire.server import App, EventStream, serve
from weftwork.wire.sse import format_event

DOMAINS = Domains(31337, "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20)
MODEL = "echo"
QUICK = Patience(answer=5.0, silence=5.0, commit=5.0, reveal=5.0, settle=5.0, idle=0.01)


class Miner:
    """An honest echo; subclasses and switches make it lie, die or dawdle."""

    price = 5
    words = None

    def __init__(self, name, **switches):
        self.name = name
        self.account = Account.create(name)
        self.vouchers = []
        self.asked = []
        self.cancelled = []
        self.held = {}
        self.gate = asyncio.Event()
        self.late = False
        self.forged = False
        self.swaps = False
        self.overcharges = False
        self.dies_after = None
        self.refuses_prefix = False
        self.fails = 0
        self.error = None
        self.wary = False
        self.due = 0
        self.final_text = None
        for switch, value in switches.items():
            assert hasattr(self, switch)
            setattr(self, switch, value)
        self.app = App(name)
        self.app.post("/v1/work")(self.work)
        self.app.post("/v1/reveal")(self.reveal)
        self.app.post("/v1/cancel")(self.cancel)
        self.app.post("/v1/voucher")(self.voucher)

    def say(self, body):
        if self.words is not None:
            return self.words
        if "input" in body:
            return None
        said = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
        return f"{said}"

    def sign(self, request, text, price, sequence=0, final=True):
        output, salt = salt_content(text.encode())
        key = Account.create("stranger") if self.forged else self.account
        if self.overcharges:
            price = request.record.max_price + 1
        record = Receipt(
            request.record.id, self.account.address, output, ZERO, 3, 2, price, sequence, final, 1
        )
        signed = Signed(record, key.sign_hash(record.digest(DOMAINS.of("receipt"))))
        return signed, salt

    def answer(self, body, text):
        usage = {"prompt_tokens": 3, "completion_tokens": 2}
        if "input" in body:
            rows = [
                {"object": "embedding", "index": n, "embedding": [0.5, float(n)]}
                for n in range(len(body["input"]))
            ]
            return json.dumps({"data": rows, "usage": usage}), json.dumps(rows, separators=(",", ":"))
        if "messages" in body:
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        else:
            choice = {"index": 0, "text": text, "finish_reason": "stop"}
        return json.dumps({"choices": [choice], "usage": usage}), text

    async def work(self, http):
        held = http.object()
        request = Signed.from_json(held["request"])
        text = held["body_json"].encode()
        assert keccak(bytes.fromhex(held["salt"]) + text) == request.record.content
        self.vouchers += [Signed.from_json(item) for item in held["vouchers"]]
        body = json.loads(text)
        if self.wary and self.due > self.paid:
            return 402, {"error": {"code": "refused.unpaid", "message": "pay first"}}
        self.asked.append((request, body))
        self.due += self.price
        if self.error is not None:
            return self.error
        if self.fails > 0:
            self.fails -= 1
            return 503, {"error": {"code": "unavailable", "message": "not now"}}
        if "weft_prefix" in body and self.refuses_prefix:
            return 400, {"error": {"code": "input", "message": "this engine cannot go on from a prefix"}}
        if held.get("stream"):
            return EventStream(self.stream(request, body))
        if self.late:
            await self.gate.wait()
        answer, words = self.answer(body, self.say(body))
        receipt, salt = self.sign(request, words, self.price)
        if self.swaps:
            answer = self.answer(body, "something else")[0]
        if held.get("commit_only"):
            self.held[str(request.record.id)] = {"answer_json": answer, "salt": salt.hex()}
            return {"receipt": receipt.to_json()}
        return {"answer_json": answer, "salt": salt.hex(), "receipt": receipt.to_json()}

    async def stream(self, request, body):
        whole = self.say(body)
        rest = whole[len(body.get("weft_prefix", "")) :]
        said = ""
        for place in range(0, len(rest), 4):
            if self.late:
                await self.gate.wait()
            if self.dies_after is not None and place >= self.dies_after:
                raise RuntimeError("dies")
            piece = rest[place : place + 4]
            said += piece
            yield format_event({"delta": piece})
            receipt, salt = self.sign(request, said, 1 + place // 4, place // 4, False)
            yield format_event({"receipt": receipt.to_json(), "salt": salt.hex()}, "receipt")
        shown = self.final_text if self.final_text is not None else said
        receipt, salt = self.sign(request, shown, 1 + len(rest) // 4, 1 + len(rest) // 4, True)
        end = {"receipt": receipt.to_json(), "salt": salt.hex(), "finish_reason": "stop"}
        yield format_event(end, "receipt")

    async def reveal(self, http):
        return self.held.pop(http.object()["request"])

    async def cancel(self, http):
        self.cancelled.append(http.object()["request"])
        return {"cancelled": True}

    async def voucher(self, http):
        self.vouchers += [Signed.from_json(item) for item in http.json()]
        return {}

    @property
    def paid(self):
        """The highest amount promised to this miner."""
        return max((item.record.cumulative for item in self.vouchers), default=0)


class Town:
    """A gateway in front of some miners."""

    def __init__(self, gateway, url, miners, secret, store):
        self.gateway = gateway
        self.url = url
        self.miners = miners
        self.store = store
        self.secret = secret
        self.client = Client(local=True, timeout=10)
        self.headers = {"authorization": f"Bearer {secret}"}

    async def ask(self, text="hello", path="chat/completions", **more):
        body = {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}
        return await self.client.post_json(f"{self.url}/v1/{path}", body, self.headers)

    async def settled(self):
        """Returns once all that runs beside the calls is done and all that is owed was paid."""
        await asyncio.sleep(0)
        await self.gateway.broker.close(self.gateway.directory.seats())

    @property
    def key(self):
        return self.gateway.keys.find(f"Bearer {self.secret}")


def seat(miner, url, gateway_account, store, **more):
    purse = ChannelPurse(gateway_account, miner.account.address, DOMAINS.of("voucher"), store, deposit=10**9)
    held = {"input_price": 1, "output_price": 1, "model": MODEL, "incentive": 0.5, **more}
    return Seat(miner.account.address, 1, 0, url, purse=purse, **held)


@asynccontextmanager
async def town(*miners, policy=None, patience=QUICK, path=None, seed=1, cap=10**9, seats=None, **gateway):
    """Serves ``miners`` and a gateway in front of them, all in this event loop."""
    async with AsyncExitStack() as stack:
        store = stack.enter_context(Store(path))
        account = Account.create("gateway")
        setting = Setting(policy=policy or Policy(hedge=False), patience=patience)
        made = Gateway(
            account,
            DOMAINS,
            store,
            local=True,
            setting=setting,
            rng=Random(seed),
            admin="wk-admin",
            **gateway,
        )
        rows = []
        for number, miner in enumerate(miners):
            running = await stack.enter_async_context(await serve(miner.app))
            rows.append(seat(miner, running.url, account, store, **((seats or {}).get(number, {}))))
        made.update(rows)
        running = await stack.enter_async_context(await serve(made.app))
        secret, _ = made.keys.create("alice", cap)
        found = Town(made, running.url, miners, secret, store)
        stack.push_async_callback(found.client.close)
        try:
            yield found
        finally:
            for miner in miners:
                miner.gate.set()


async def until(condition):
    """Lets the others work until ``condition`` holds."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)
