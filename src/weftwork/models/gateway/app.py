"""The gateway as a server: the OpenAI API in front, miners behind, keys, quotes, usage and threads beside
it.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from pydantic_core import to_json

from weftwork.errors import BadInput, BadKey, BadParameter, UnknownModel
from weftwork.ledger.key import Account
from weftwork.models.gateway import shape
from weftwork.models.gateway.asker import Bill, ClientAsker, KeyAsker
from weftwork.models.gateway.best import Judge, best
from weftwork.models.gateway.broker import Broker
from weftwork.models.gateway.directory import Directory, Seat
from weftwork.models.gateway.hop import ClientHop, pack
from weftwork.models.gateway.key import KeyRing
from weftwork.models.gateway.openai import Call, Limits, load_body, parse_call
from weftwork.models.gateway.relay import Relay, Trip
from weftwork.models.gateway.route import Policy
from weftwork.models.gateway.stream import Leg, Streamed, opener
from weftwork.models.gateway.thread import read_thread
from weftwork.models.gateway.till import Patience
from weftwork.models.gateway.work import Work
from weftwork.records import Domains
from weftwork.store import Store
from weftwork.units import draw_salt
from weftwork.wire.client import Client
from weftwork.wire.envelope import HEADER, ReplayCache, check_call
from weftwork.wire.limits import Limits as WireLimits
from weftwork.wire.server import App, EventStream, HttpRequest, HttpResponse

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Setting:
    """How one gateway is run: fee on top of miners' prices (bps), routing, waiting, bounds of calls.

    ``durable`` answers only when the receipt is on disk; without it a crash may forget the last few
    milliseconds of records and usage, and what is owed comes back from the miners.
    """

    fee_bps: int = 0
    durable: bool = False
    policy: Policy = field(default_factory=Policy)
    patience: Patience = field(default_factory=Patience)
    calls: Limits = field(default_factory=Limits)
    wire: WireLimits = field(default_factory=WireLimits)
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


class Gateway:
    """One gateway: ``app`` serves it, ``directory`` is filled by discovery, ``keys`` holds API accounts."""

    def __init__(
        self,
        account: Account,
        domains: Domains,
        store: Store,
        *,
        client: Client | None = None,
        local: bool = False,
        admin: str | None = None,
        hop: ClientHop | None = None,
        judge: Judge | None = None,
        setting: Setting | None = None,
        rng: Random | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        entropy: Callable[[int], bytes] = draw_salt,
    ) -> None:
        """``account`` pays miners; ``admin`` is the key that may make keys (None: nobody over HTTP);
        ``hop`` lets
        clients pay through channels of their own; ``local`` allows miners at private addresses."""
        self.setting = setting or Setting()
        self.account = account
        self.domains = domains
        self.store = store
        self.keys = KeyRing(store, now, lambda call: asyncio.get_running_loop().call_later(0.01, call))
        self.hop = hop
        self.judge = judge
        self.client = client or Client(local, timeout=self.setting.patience.answer)
        self.directory = Directory(self.setting.policy, clock, now)
        self.broker = Broker(
            account,
            domains,
            self.client,
            store,
            now=now,
            clock=clock,
            entropy=entropy,
            patience=self.setting.patience,
        )
        self._now = now
        self._admin = admin
        self._serving = False
        self.app = App(
            "gateway",
            limits=self.setting.wire,
            hosts=self.setting.hosts,
            origins=self.setting.origins,
            render=shape.describe_error,
        )
        self.relay = Relay(
            self.broker, self.directory, self.setting.policy, rng or Random(), self.app.metrics.count
        )
        self._seen = ReplayCache()
        self._route()

    def _route(self) -> None:
        app = self.app
        app.post("/v1/chat/completions")(self.chat)
        app.post("/v1/completions")(self.complete)
        app.post("/v1/embeddings")(self.embed)
        app.post("/v1/quote")(self.quote)
        app.get("/v1/models")(self.list_models)
        app.get("/v1/models/{model*}")(self.show_model)
        app.get("/v1/usage")(self.show_usage)
        app.get("/v1/threads/{id}")(self.show_thread)
        app.get("/v1/keys")(self.list_keys)
        app.post("/v1/keys")(self.make_key)
        app.post("/v1/keys/{id}")(self.change_key)
        app.delete("/v1/keys/{id}")(self.revoke_key)
        app.get("/v1/describe")(self.describe)
        if self.hop is not None:
            app.get("/v1/channel/{payer}")(self.hop.show)
            app.post("/v1/voucher")(self.hop.take)
        app.on_start(self.resume)
        app.on_stop(self.close)
        app.metrics.gauge("gateway_miners", lambda: len(self.directory.seats()))

    def update(self, seats: Iterable[Seat]) -> None:
        """Replaces the miners that this gateway knows, and asks new ones what it owes them from before."""
        for seat in self.directory.update(seats):
            if self._serving:
                self.broker.spawn(self.broker.resume(seat))

    async def resume(self) -> None:
        """Asks every miner what it holds, as after a crash; runs by itself when serving starts."""
        self._serving = True
        for seat in self.directory.seats():
            self.broker.spawn(self.broker.resume(seat))

    async def close(self) -> None:
        """Pays what is owed, then closes the connections to miners."""
        await self.broker.close(self.directory.seats())
        self.keys.flush()
        await self.client.close()

    # Calls

    async def chat(self, request: HttpRequest) -> Any:
        """POST /v1/chat/completions."""
        return await self._serve(request, "chat")

    async def complete(self, request: HttpRequest) -> Any:
        """POST /v1/completions."""
        return await self._serve(request, "completion")

    async def embed(self, request: HttpRequest) -> Any:
        """POST /v1/embeddings."""
        return await self._serve(request, "embedding")

    async def _serve(self, request: HttpRequest, kind: str) -> Any:
        asker: KeyAsker | ClientAsker
        if "x-weft-request" in request.headers:
            if self.hop is None:
                raise BadInput("This gateway takes API keys only.", hint="send Authorization: Bearer wk-...")
            asker = await self.hop.admit(request)
        else:
            asker = KeyAsker(self.keys, self.keys.find(request.headers.get("authorization")))
        own = asker if isinstance(asker, ClientAsker) else None
        try:
            call = parse_call(request.body, kind, self.setting.calls)
            bill = Bill(asker, call.model, self.setting.fee_bps, call.policy == "best")
            trip = Trip(call, asker, bill, self.store.link)
            if own is not None:
                trip.root = own.id
            try:
                if call.stream and call.policy == "route":
                    return await self._stream(request, trip, own)
                try:
                    return await self._answer(request, trip, own)
                finally:
                    bill.close()
            finally:
                request.thread = str(trip.root or "")
        finally:
            if own is not None and not own.kept:
                self.hop.release(own)  # type: ignore[union-attr]

    async def _answer(self, request: HttpRequest, trip: Trip, own: ClientAsker | None) -> Any:
        call = trip.call
        flushed = self.store.flushed if self.setting.durable else None
        if call.policy == "best":
            work, _ = await best(self.relay, trip, self.judge)
        else:
            work = await self.relay.route(trip)
            record = work.receipt.record
            trip.bill.add(record.price, record.input_tokens, record.output_tokens)
        thread = str(trip.root)
        headers = {"x-weft-thread": thread}
        if own is not None:
            headers.update(self._receipt_headers(own, trip.bill, work))
        if flushed is not None:
            trip.bill.close()
            self.keys.flush()
            await flushed()
        if call.stream:
            return EventStream(self._replay(call, thread, work), headers)
        if call.kind == "embedding":
            body = shape.embeddings(call, work.answer)
        else:
            body = shape.completion(call, thread, int(self._now()), work.answer)
        return HttpResponse(to_json(body), 200, headers, JSON)

    async def _replay(self, call: Call, thread: str, work: Work) -> Any:
        chunks = shape.Chunks(call, thread, int(self._now()))
        first = chunks.first()
        if first:
            yield first
        yield chunks.piece(work.text)
        choice = work.answer["choices"][0]
        yield chunks.last(choice.get("finish_reason"))
        usage = chunks.usage(shape.usage_of(work.answer))
        if usage:
            yield usage
        yield shape.Chunks.done

    async def _stream(self, request: HttpRequest, trip: Trip, own: ClientAsker | None) -> Any:
        try:
            leg: Leg = await self.relay.attempt(trip, opener(self.relay))
        except BaseException:
            trip.bill.close()
            raise
        thread = str(trip.root)
        chunks = shape.Chunks(trip.call, thread, int(self._now()))

        def finish(last: Leg, words: str) -> dict[str, Any] | None:
            if own is None or self.hop is None or last.receipt is None:
                return None
            sealed = self.hop.seal(own, trip.bill, words, last.receipt.record.engine)
            return {"receipt": sealed, "work": self.hop.proof(last.ask, last.receipt, last.salt)}

        if own is not None:
            own.kept = True
        streamed = Streamed(self.relay, trip, leg, chunks, finish)
        return EventStream(self._closing(streamed, own), {"x-weft-thread": thread})

    async def _closing(self, streamed: Streamed, own: ClientAsker | None) -> Any:
        events = streamed.events()
        try:
            async for event in events:
                if self.setting.durable and event.endswith(shape.Chunks.done):
                    self.keys.flush()
                    await self.store.flushed()
                yield event
        finally:
            await events.aclose()  # type: ignore[attr-defined]
            if own is not None and self.hop is not None:
                self.hop.release(own)

    def _receipt_headers(self, own: ClientAsker, bill: Bill, work: Work) -> dict[str, str]:
        assert self.hop is not None
        sealed = self.hop.seal(own, bill, work.text, work.receipt.record.engine)
        proof = self.hop.proof(work.ask, work.receipt, work.salt)
        return {"x-weft-receipt": pack(sealed), "x-weft-work": pack(proof)}

    # Beside calls

    async def quote(self, request: HttpRequest) -> Any:
        """POST /v1/quote: what the call in the body may cost at most, and why; nothing is asked of miners."""
        body = load_body(request.body)
        kind = "chat" if "messages" in body else "embedding" if "input" in body else "completion"
        call = parse_call(request.body, kind, self.setting.calls)
        self.directory.wheel(call.model)
        quotes = sorted(
            seat.quote(call) for seat in self.directory.seats(call.model) if seat.purse is not None
        )
        bill = Bill(None, call.model, self.setting.fee_bps)
        most = bill.with_fee(quotes[-1])
        return {
            "object": "quote",
            "model": call.model,
            "policy": call.policy,
            "k": call.k,
            "per_answer": str(most),
            "quote": str(most * call.k),
            "cheapest": str(bill.with_fee(quotes[0]) * call.k),
            "miners": len(quotes),
        }

    async def list_models(self, request: HttpRequest) -> Any:
        """GET /v1/models."""
        self._opened(request)
        return shape.model_list(self.directory.models())

    async def show_model(self, request: HttpRequest) -> Any:
        """GET /v1/models/NAME."""
        self._opened(request)
        name = request.params["model"]
        found = shape.model_list(self.directory.models())["data"]
        for row in found:
            if row["id"] == name:
                return row
        raise UnknownModel.named(name)

    def _opened(self, request: HttpRequest) -> Any:
        text = request.headers.get("authorization")
        if self._is_admin(text):
            return None
        return self.keys.find(text)

    async def show_usage(self, request: HttpRequest) -> Any:
        """GET /v1/usage: the account of the key that asks."""
        return self.keys.find(request.headers.get("authorization")).to_json()

    async def show_thread(self, request: HttpRequest) -> Any:
        """GET /v1/threads/ID: the records and contents of a thread, to whoever holds the key that asked: an
        API key, or the key of a client of its own, which signs the call (``wire.envelope``)."""
        asker: bytes | str | None
        if HEADER in request.headers:
            domain, wallet, now = self.domains.of("call"), self.account.address, int(self._now())
            asker = check_call(request.headers, "GET", request.path, b"", wallet, domain, self._seen, now=now)
        elif self._is_admin(request.headers.get("authorization")):
            asker = None
        else:
            asker = self.keys.find(request.headers.get("authorization")).hash_bytes
        return await read_thread(self.store, request.params["id"], asker)

    async def describe(self, request: HttpRequest) -> Any:
        """GET /v1/describe: who this gateway is, what it adds to prices, how it may be paid."""
        return {
            "role": "gateway",
            "wallet": self.account.address,
            "fee_bps": self.setting.fee_bps,
            "chain_id": self.domains.chain_id,
            "models": {seat.model: seat.subnet for seat in self.directory.seats()},
            "own_key": self.hop is not None,
            "credit": None if self.hop is None else str(self.hop.credit),
        }

    # Keys

    def _is_admin(self, text: str | None) -> bool:
        if self._admin is None or text is None:
            return False
        return hmac.compare_digest(text.encode(errors="replace"), f"Bearer {self._admin}".encode())

    def _require_admin(self, request: HttpRequest) -> None:
        if not self._is_admin(request.headers.get("authorization")):
            raise BadKey("This needs the gateway's admin key.", hint="weft up prints where it is kept")

    async def list_keys(self, request: HttpRequest) -> Any:
        """GET /v1/keys, for the admin."""
        self._require_admin(request)
        return {"object": "list", "data": [key.to_json() for key in self.keys.all()]}

    async def make_key(self, request: HttpRequest) -> Any:
        """POST /v1/keys {"name", "cap"} for the admin: the new key, shown this once."""
        self._require_admin(request)
        body = load_body(request.body) if request.body else {}
        secret, key = self.keys.create(body.get("name") or "", _read_cap(body))
        self.keys.flush()
        await self.store.flushed()
        return {**key.to_json(), "key": secret}

    async def change_key(self, request: HttpRequest) -> Any:
        """POST /v1/keys/ID {"cap"} for the admin."""
        self._require_admin(request)
        body = load_body(request.body)
        return self.keys.change(request.params["id"], cap=_read_cap(body)).to_json()

    async def revoke_key(self, request: HttpRequest) -> Any:
        """DELETE /v1/keys/ID for the admin."""
        self._require_admin(request)
        key = self.keys.change(request.params["id"], revoked=True)
        return {"id": key.id, "object": "key", "deleted": True}


def _read_cap(body: dict[str, Any]) -> int | None:
    cap = body.get("cap")
    if isinstance(cap, str) and cap.isascii() and cap.isdigit() and len(cap) <= 78:
        cap = int(cap)
    if cap is not None and (isinstance(cap, bool) or not isinstance(cap, int) or not 0 <= cap < 1 << 256):
        raise BadParameter("A cap is a whole number of wad, as text.", param="cap")
    return cap
