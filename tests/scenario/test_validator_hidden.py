"""A miner cannot tell a validator's questions from its customers'.

What the figure means: customers are simulated. They ask for the same model in the ways that the docs show,
with
sentences of the same generator under other seeds, through the same two gateways, most on API keys, some on
keys of
their own. So the test shows that nothing on the way adds a trace: body, order, price, vouchers, times. It
does not
show that the generator writes as people do; the second test shows that the discriminator finds a trace
where there
is one.
"""

from __future__ import annotations

import json
import zlib
from contextlib import AsyncExitStack
from random import Random
from typing import Any

from harness.desk import DOMAINS
from harness.spy import Sight, discriminate

from weftwork.closing.chance import poisson_gaps
from weftwork.ledger.key import Account
from weftwork.models.channel import ChannelBook, ChannelPurse, ChannelView
from weftwork.models.client import Client
from weftwork.models.engine.echo import EchoEngine
from weftwork.models.gateway.app import Gateway, Setting
from weftwork.models.gateway.broker import Patience
from weftwork.models.gateway.directory import Seat
from weftwork.models.gateway.hop import ClientHop
from weftwork.models.gateway.route import Policy
from weftwork.models.intent import build_messages, response_format
from weftwork.models.miner import Miner
from weftwork.models.probe import Doors
from weftwork.models.subnet.intent import IntentSubnet, make_sentence
from weftwork.store import Store
from weftwork.units import WAD
from weftwork.wire.client import Client as Http
from weftwork.wire.server import serve

DEPOSIT = 10**6 * WAD


class Bank:
    """Everyone has a channel to everyone."""

    def view(self, payer: str, receiver: str) -> ChannelView:
        return ChannelView(payer, receiver, deposited=DEPOSIT)


class Street:
    """Two gateways before one curious miner, and a clock that the test turns."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.stack = stack
        self.now = 1_800_000_000.0
        self.urls: list[str] = []
        self.keys: list[str] = []
        self.sights: list[Sight] = []
        self.seed = Random(99)

    def clock(self) -> float:
        return self.now

    def entropy(self, size: int) -> bytes:
        return self.seed.randbytes(size)

    def book(self, account: Account, store: Store) -> ChannelBook:
        return ChannelBook(
            account.address, DOMAINS.of("voucher"), store, Bank(), credit=DEPOSIT, clock=self.clock
        )

    async def open(self) -> None:
        store = self.stack.enter_context(Store())
        account = Account.create("curious")
        miner = Miner(
            account, EchoEngine(), DOMAINS, store, self.book(account, store), subnet=1, model="weft-intent",
            now=self.clock,
        )  # fmt: skip
        answer = miner.work

        async def look(request: Any) -> Any:
            self.watch(request.object())
            return await answer(request)

        miner.app.post("/v1/work")(look)
        await miner.start(care=None)
        self.stack.push_async_callback(miner.stop)
        for name in ("north", "south"):
            await self.open_gateway(name, miner)

    async def open_gateway(self, name: str, miner: Miner) -> None:
        store = self.stack.enter_context(Store())
        account = Account.create(name)
        hop = ClientHop(account, DOMAINS, store, self.book(account, store), self.clock)
        gateway = Gateway(
            account, DOMAINS, store, local=True, admin="admin", hop=hop, rng=Random(5), now=self.clock,
            entropy=self.entropy,
            setting=Setting(policy=Policy(hedge=False), patience=Patience(idle=1e6)),
        )  # fmt: skip
        purse = ChannelPurse(account, miner.account.address, DOMAINS.of("voucher"), store, deposit=DEPOSIT)
        terms = miner.terms
        assert miner.running is not None
        gateway.update(
            [
                Seat(
                    miner.account.address, 1, 0, miner.running.url, "weft-intent", terms.input_price,
                    terms.output_price, purse=purse,
                )
            ]
        )  # fmt: skip
        running = await serve(gateway.app)
        self.stack.push_async_callback(running.stop)
        self.urls.append(running.url)
        self.keys.append(gateway.keys.create("customer", None)[0])

    def watch(self, order: dict[str, Any]) -> None:
        """What the miner sees, as words and as numbers."""
        request = order["request"]
        salt, nonce = bytes.fromhex(order["salt"]), bytes.fromhex(request["nonce"][2:])
        numbers = (
            float(int(request["requester"][2:6], 16)),
            float(request["max_price"]),
            float(request["expiry"] - request["time"]),
            float(len(order["vouchers"])),
            float(salt[0]),
            float(nonce[0]),
            float(nonce[31]),
            float(sum(nonce)),
            float(order["body_json"].count(" ")),
        )
        body = json.loads(order["body_json"])
        # The schema is one long text, the same each time: its checksum says as much to a discriminator.
        shape = " ".join(
            f"{k}={zlib.crc32(json.dumps(v).encode())}" for k, v in body.items() if k != "messages"
        )
        self.sights.append(Sight(self.now, f"{shape} {json.dumps(body['messages'])}", numbers))

    def door(self, name: str, place: int) -> Client:
        return Client(
            Account.create(name), self.urls[place], DOMAINS, http=self.http, deposit=DEPOSIT, now=self.clock,
            entropy=self.entropy,
        )  # fmt: skip


class Customers:
    """People's programs: their own seeds, their own code, keys of either kind."""

    def __init__(self, street: Street, seed: int) -> None:
        self.street = street
        self.rng = Random(seed)
        self.wallets = [street.door(f"customer {i}", i % 2) for i in range(4)]

    async def ask(self) -> None:
        rng, street = self.rng, self.street
        text, _ = make_sentence(rng)
        body: dict[str, Any] = {"messages": build_messages(text), "model": "weft-intent"}
        if rng.random() < 0.75:
            body["response_format"] = response_format()
            body["max_tokens"], body["temperature"] = 200, 0
        if rng.random() < 0.3:
            await rng.choice(self.wallets).ask(body)
            return
        place = rng.randrange(2)
        head = {"authorization": f"Bearer {street.keys[place]}"}
        url = street.urls[place] + "/v1/chat/completions"
        reply = await street.http.post_json(url, json.dumps(body).encode(), head)
        assert reply.status == 200, reply.body


async def watch_a_street(each: int, careless: bool = False) -> tuple[list[Sight], list[int]]:
    """What the miner saw over some hours, and which of it was a test."""
    async with AsyncExitStack() as stack:
        street = Street(stack)
        street.http = Http(local=True, timeout=20)  # type: ignore[attr-defined]
        stack.push_async_callback(street.http.close)  # type: ignore[attr-defined]
        await street.open()
        rng = Random(2024)
        made = iter(range(1000))

        async def make(url: str) -> Client:
            return street.door(f"payer {next(made)}", street.urls.index(url))

        doors = Doors([await make(url) for url in street.urls], rng, make=make)
        subnet, customers = IntentSubnet(), Customers(street, seed=77)
        tests, others = poisson_gaps(rng, 0.05), poisson_gaps(Random(31), 0.05)
        due = {1: next(tests), 0: next(others)}
        labels: list[int] = []
        start = street.now
        while min(labels.count(1), labels.count(0)) < each:
            kind = 1 if due[1] < due[0] else 0
            street.now = start + due[kind]
            due[kind] += next(tests if kind else others)
            if kind:
                task = subnet.make_task(rng)
                body = {**task.body, "seed": 7} if careless else task.body
                await (await doors.pick()).ask(body)
            else:
                await customers.ask()
            labels.append(kind)
        assert len(street.sights) == len(labels)
        return street.sights, labels


async def test_miner_cannot_tell_tests_from_customers() -> None:
    sights, labels = await watch_a_street(400)
    found = discriminate(sights, labels)
    print(f"area under the curve of the discriminator: {found:.3f} over {len(labels)} orders")
    assert found < 0.55


async def test_discriminator_finds_a_validator_that_leaves_a_trace() -> None:
    sights, labels = await watch_a_street(150, careless=True)
    assert discriminate(sights, labels) > 0.9
