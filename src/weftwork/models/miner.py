"""The miner: answers signed requests by its engine, signs receipts, takes vouchers, refuses unpaid work.

POST /v1/work            an order; the answer with its receipt, an event stream, or the receipt alone
POST /v1/works           {"orders": [...]}; an event for each answer as it is ready, or for its refusal
POST /v1/reveal          {"request"}: the answer that was committed to
POST /v1/cancel          {"request"}: take an order back; one that is finished stays due
POST /v1/voucher         [signed vouchers]
GET  /v1/channel/PAYER   what a payer needs to resume after a crash
GET  /v1/describe        wallet, model, engine, prices, limits

The id of a request is known to its requester and this miner alone, so it is what reveals or cancels it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic_core import to_json

from weftwork.errors import BadInput, Busy, NotFound, Replayed, WeftError
from weftwork.models.channel import ChannelBook
from weftwork.models.engine.port import Engine
from weftwork.models.evidence import MAX_VOUCHERS, Order, check_request, read_order, read_orders
from weftwork.models.job import Answer, Job, Terms, shape_answer
from weftwork.models.registration import Registration
from weftwork.models.sealer import Sealer
from weftwork.records import Domains, Receipt, Signed, checksum_address
from weftwork.store import Store
from weftwork.units import Digest, draw_salt
from weftwork.wire import log, sse
from weftwork.wire.limits import Limits
from weftwork.wire.message import JSON
from weftwork.wire.server import App, EventStream, HttpRequest, HttpResponse, Running, serve

_REMEMBERED = 1024
_ID = re.compile("0x[0-9a-f]{64}")
_MAX_SEEN = 200_000
_SKEW = 60


@dataclass(slots=True)
class _Held:
    """An answer that is committed to and not yet shown."""

    order: Order
    answer: Answer
    until: float


class Miner:
    """One miner of one subnet; ``app`` serves it, ``book`` holds what it is owed."""

    def __init__(
        self,
        account: Any,
        engine: Engine,
        domains: Domains,
        store: Store,
        book: ChannelBook,
        *,
        subnet: int,
        model: str | None = None,
        terms: Terms | None = None,
        now: Callable[[], float] = time.time,
        entropy: Callable[[int], bytes] = draw_salt,
        limits: Limits | None = None,
        hosts: Iterable[str] = (),
        name: str = "miner",
    ) -> None:
        """``account`` signs receipts (``address``, ``sign_hash``); ``model`` is the name it is asked by."""
        self.account = account
        self.engine = engine
        self.store = store
        self.book = book
        self.subnet = subnet
        self.terms = terms or Terms()
        self.model = model or engine.describe().model
        self.running: Running | None = None
        self._domain = domains.of("receipt")
        self._sealer = Sealer(account, self._domain)
        self._now = now
        self._entropy = entropy
        self._jobs: dict[Digest, Job] = {}
        self._held: OrderedDict[Digest, _Held] = OrderedDict()
        self._done: OrderedDict[Digest, Answer] = OrderedDict()
        self._seen: dict[Digest, int] = {}
        self._began = (
            now() if store.by_kind("receipt", 1) else -math.inf
        )  # an empty store has finished nothing
        self._care: asyncio.Task[None] | None = None
        self.app = App(name, limits=limits, hosts=hosts)
        self._route()

    def _route(self) -> None:
        app = self.app
        app.post("/v1/work")(self.work)
        app.post("/v1/works")(self.work_together)
        app.post("/v1/reveal")(self.reveal)
        app.post("/v1/cancel")(self.cancel)
        app.post("/v1/voucher")(self.take_vouchers)
        app.get("/v1/channel/{payer}")(self.show_channel)
        app.get("/v1/describe")(self.describe)
        app.metrics.gauge("miner_running", lambda: len(self._jobs))
        app.metrics.gauge("miner_held", lambda: len(self._held))
        for name in ("due", "paid", "unclaimed"):
            app.metrics.gauge(f"miner_{name}_wad", partial(self._total, name))

    def _total(self, name: str) -> float:
        return float(self.book.totals()[name])

    # Life

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, care: float | None = 10.0) -> Running:
        """Starts the engine and serves; ``care``: seconds between looks after channels (None: never)."""
        await self.engine.start()
        await self.book.restore()
        self.running = await serve(self.app, host, port)
        if care is not None:
            self._care = asyncio.get_running_loop().create_task(
                self.book.keep(care, on_error=lambda error: self._note("channels", error))
            )
        return self.running

    async def stop(self) -> None:
        """Stops serving and lets go of the engine; vouchers stay in the store, to be redeemed any time."""
        if self._care is not None:
            self._care.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._care
        for job in list(self._jobs.values()):
            job.cancel()
        if self.running is not None:
            await self.running.stop()
        await self.engine.close()
        await self.store.flushed()

    def registration(self, endpoint: str) -> Registration:
        """The card under which this miner is found."""
        engine, terms = self.engine.describe().digest, self.terms
        return Registration(
            "miner",
            endpoint,
            f"weft miner of {self.model}",
            self.subnet,
            self.model,
            engine,
            terms.input_price,
            terms.output_price,
        )

    def _note(self, what: str, error: WeftError) -> None:
        self.app.log.warning(what, code=error.code, error=error.sentence)

    # Work

    async def work(self, request: HttpRequest) -> Any:
        """POST /v1/work."""
        order = read_order(request.object(), max_text=self.terms.max_text)
        request.thread = str(order.id)
        if order.stream:
            job = await self._begin(order)
            if isinstance(job, Job):
                return EventStream(self._stream(job), {"x-weft-thread": str(order.id)})
            return self._reply(job)
        return HttpResponse(await self._answer(order), 200, {"x-weft-thread": str(order.id)}, JSON)

    async def _begin(self, order: Order) -> Job | Answer:
        """A job whose money is held and whose request is recorded; or the answer, if it was given before."""
        log.bind_thread(order.id)
        again = self._find(order)
        if again is not None:
            return again
        record = order.request.record
        if record.subnet != self.subnet:
            raise BadInput(f"this miner serves subnet {self.subnet}", value=record.subnet)
        check_request(order.request, self._domain, self._now())
        if order.id in self._jobs or order.id in self._held:
            raise Replayed("this request is being worked on", value=str(order.id))
        if len(self._jobs) >= self.terms.concurrency:
            raise Busy("the miner works on as many requests as it takes", value=self.terms.concurrency)
        job = Job(order, self.engine, self._sealer, self.terms, self._now, self._entropy(16))
        self._jobs[order.id] = job
        try:
            await self.book.admit(order.requester, order.id, record.max_price, order.vouchers)
            self.store.add(order.request)
            content = order.text.encode(errors="surrogatepass")
            self.store.put_content(record.content, order.salt, content, hashed=True)
        except BaseException:
            self._end(order)
            raise
        return job

    async def _answer(self, order: Order) -> bytes:
        """The JSON of a whole answer, or of the receipt alone where only that is asked for."""
        job = await self._begin(order)
        if not isinstance(job, Job):
            return job.to_bytes()
        try:
            answer = await job.run()
            if order.commit_only:
                return to_json(await self._hold(order, answer))
            await self._finish(order, answer)
            return answer.to_bytes()
        finally:
            if order.id not in self._held:
                self._end(order)

    async def work_together(self, request: HttpRequest) -> Any:
        """POST /v1/works: whole answers to several orders, each as soon as it is ready."""
        return EventStream(self._together(read_orders(request.object())))

    async def _together(self, orders: list[Any]) -> AsyncIterator[bytes]:
        """An event for each order; whoever goes away stops what is not finished."""
        loop = asyncio.get_running_loop()
        ready: list[bytes] = []
        rung = loop.create_future()
        left = len(orders)

        def take(task: asyncio.Task[bytes]) -> None:
            nonlocal left
            left -= 1
            if not task.cancelled() and task.exception() is None:
                ready.append(task.result())
            if not rung.done():
                rung.set_result(None)

        tasks = [loop.create_task(self._one(data)) for data in orders]
        for task in tasks:
            task.add_done_callback(take)
        try:
            while left or ready:
                if not ready:
                    await rung
                rung = loop.create_future()
                events = b"".join(ready)
                ready.clear()
                yield events
        finally:
            for task in tasks:
                task.cancel()

    async def _one(self, data: Any) -> bytes:
        """The event of one order: ``{"request", "status", "body"}``."""
        name, status = "", 200
        try:
            order = read_order(data, max_text=self.terms.max_text)
            name = str(order.id)
            if order.stream:
                raise BadInput("a stream travels alone", hint="POST /v1/work")
            body = await self._answer(order)
        except Exception as error:
            if not isinstance(error, WeftError):
                self.app.report("an order failed", thread=name)
                error = WeftError("an internal error; the server's log has the details")
            status, told = self.app.render(error)
            body, name = to_json(told), name or _named_in(data)
        return b'data: {"request":"%b","status":%d,"body":%b}\n\n' % (name.encode(), status, body)

    def _end(self, order: Order) -> None:
        self._jobs.pop(order.id, None)
        self.book.release(order.requester, order.id)

    def _reply(self, answer: Answer) -> HttpResponse:
        thread = str(answer.receipt.record.request)
        return HttpResponse(answer.to_bytes(), 200, {"x-weft-thread": thread}, JSON)

    async def _finish(self, order: Order, answer: Answer) -> None:
        """Books a finished answer, and returns once that is on disk."""
        record = answer.receipt.record
        self.store.add(answer.receipt)
        content = answer.text.encode(errors="surrogatepass")
        self.store.put_content(record.output, answer.salt, content, hashed=True)
        self.book.charge(order.requester, order.id, record.price, answer.receipt.id)
        self._done[order.id] = answer
        self._remember(order)
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
        self._count(record)
        await self.store.flushed()

    def _remember(self, order: Order) -> None:
        if len(self._seen) >= _MAX_SEEN:
            now = self._now()
            self._seen = {name: end for name, end in self._seen.items() if end >= now}
        self._seen[order.id] = order.request.record.expiry

    def _count(self, record: Receipt) -> None:
        metrics = self.app.metrics
        metrics.count("miner_answers")
        metrics.count("miner_tokens", record.input_tokens, direction="input")
        metrics.count("miner_tokens", record.output_tokens, direction="output")

    def _find(self, order: Order) -> Answer | None:
        """The answer to an order that was finished before: a retry is safe and costs nothing."""
        found = self._done.get(order.id)
        if found is not None or self._is_new(order) or not self.store.has(order.id):
            return found
        for item in self.store.children(order.id, "receipt"):
            if isinstance(item, Signed) and item.record.final:
                kept = self.store.content(item.record.output)
                if kept is None:
                    return None
                text = kept[1].decode(errors="surrogatepass")
                return self._restore(order, item, kept[0], text)
        return None

    def _is_new(self, order: Order) -> bool:
        """Whether an order was surely never finished: made since this miner began, and not seen."""
        return order.id not in self._seen and order.request.record.time > self._began + _SKEW

    def _restore(self, order: Order, receipt: Signed[Receipt], salt: bytes, text: str) -> Answer:
        if order.kind == "embedding":
            held = b'{"object":"list","data":' + text.encode() + b"}"
        else:
            held = to_json(shape_answer(order, self.model, receipt.record, text, "stop"))
        return Answer(text, salt, held.decode(), receipt)

    async def _stream(self, job: Job) -> AsyncIterator[bytes]:
        """The events of a streamed answer; a client that goes away stops the engine and owes the last
        receipt."""
        order = job.order
        try:
            async for part in job.stream():
                if part.receipt is None:
                    yield b'data: {"delta":%b}\n\n' % to_json(part.words)
                    continue
                record = part.receipt.record
                if record.final:
                    made = shape_answer(order, self.model, record, job.text, part.finish or "stop")
                    answer = Answer(job.text, job.salt, to_json(made).decode(), part.receipt)
                    await self._finish(order, answer)
                else:
                    self.store.add(part.receipt)
                    self.book.charge(order.requester, order.id, record.price, part.receipt.id)
                    await self.store.flushed()
                told = b'{"receipt":%b,"salt":"%b","finish_reason":%b}' % (
                    part.receipt.to_text().encode(),
                    job.salt.hex().encode(),
                    to_json(part.finish),
                )
                yield sse.format_event(told, "receipt")
            yield sse.DONE
        finally:
            self._end(order)

    # Commit, reveal, cancel

    async def _hold(self, order: Order, answer: Answer) -> Any:
        """Keeps an answer back and shows its receipt; it is owed once it is revealed."""
        self._sweep()
        if len(self._held) >= self.terms.held:
            raise Busy("the miner holds as many answers as it can", value=self.terms.held)
        until = min(self._now() + self.terms.hold_seconds, order.request.record.expiry)
        self._held[order.id] = _Held(order, answer, until)
        self._jobs.pop(order.id, None)
        return {"receipt": answer.receipt.to_json()}

    def _sweep(self) -> None:
        now = self._now()
        for name in [name for name, held in self._held.items() if held.until < now]:
            self._end(self._held.pop(name).order)

    async def reveal(self, request: HttpRequest) -> Any:
        """POST /v1/reveal {"request"}."""
        name = self._named(request)
        self._sweep()
        held = self._held.pop(name, None)
        if held is None:
            found = self._done.get(name)
            if found is None:
                raise NotFound("no answer to that request is held here", value=str(name))
            return self._reply(found)
        try:
            await self._finish(held.order, held.answer)
        finally:
            self._end(held.order)
        return self._reply(held.answer)

    async def cancel(self, request: HttpRequest) -> Any:
        """POST /v1/cancel {"request"}: stops the work; what was finished is returned, and stays due."""
        name = self._named(request)
        found = self._done.get(name)
        if found is not None:
            return {"cancelled": False, **found.to_json()}
        held = self._held.pop(name, None)
        if held is not None:
            self._end(held.order)
            return {"cancelled": True}
        job = self._jobs.get(name)
        if job is None:
            raise NotFound("no such request is being worked on", value=str(name))
        job.cancel()
        self.app.metrics.count("miner_cancelled")
        return {"cancelled": True}

    def _named(self, request: HttpRequest) -> Digest:
        value = request.object().get("request")
        if not isinstance(value, str):
            raise BadInput("the body names a request", value=repr(value)[:80])
        request.thread = value[:66]
        return Digest(value)

    # Money

    async def take_vouchers(self, request: HttpRequest) -> Any:
        """POST /v1/voucher: signed vouchers; acknowledged once they are on disk."""
        given = request.json()
        if not isinstance(given, list) or not 0 < len(given) <= MAX_VOUCHERS:
            raise BadInput(f"the body is a list of 1 to {MAX_VOUCHERS} signed vouchers")
        gained = 0
        try:
            for item in given:
                gained += self.book.receive(Signed.from_json(item))
        finally:
            await self.store.flushed()
        return {"gained": str(gained)}

    async def show_channel(self, request: HttpRequest) -> Any:
        """GET /v1/channel/PAYER."""
        payer = checksum_address(request.params["payer"])
        if not (await self.book.load(payer)).deposited:
            raise NotFound("there is no channel from this payer", value=payer)
        await self.store.flushed()
        return self.book.statement(payer)

    async def describe(self, request: HttpRequest) -> Any:
        """GET /v1/describe."""
        info, terms = self.engine.describe(), self.terms
        return {
            "wallet": self.account.address,
            "subnet": self.subnet,
            "model": self.model,
            "engine": str(info.digest),
            "kind": info.kind,
            "deterministic": info.deterministic,
            "features": sorted(info.features),
            "prices": {"input": str(terms.input_price), "output": str(terms.output_price)},
            "limits": {
                "context": info.context,
                "max_tokens": terms.max_tokens,
                "max_text": terms.max_text,
                "concurrency": terms.concurrency,
                "seconds": terms.seconds,
                "credit": str(self.book.credit),
            },
        }


def _named_in(data: Any) -> str:
    """The id that an order which cannot be read says its request has, if it says one."""
    held = data.get("request") if isinstance(data, dict) else None
    text = held.get("id") if isinstance(held, dict) else None
    return str(Digest(text)) if isinstance(text, str) and _ID.fullmatch(text) else ""
