"""A client with a key of its own: it signs what it asks, checks both receipts of the answer, and pays by
voucher.

    client = Client(account, "http://127.0.0.1:8642", domains, local=True)
    answer = await client.ask("swap 250 USDC for ETH", model="weft-intent")
    answer.text, answer.thread, answer.work_receipt.record.worker

Its channel to the gateway must be open on the ledger. Nothing here tells a test from any other question.
"""

from __future__ import annotations

import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json

from weftwork.errors import BadAnswer, BadInput, Unavailable, Unpaid, WeftError
from weftwork.models.purse import ChannelPurse
from weftwork.records import Domains, Receipt, Request, Signed
from weftwork.store import Store
from weftwork.units import Digest, keccak, salt_content
from weftwork.wire.client import Client as HttpClient
from weftwork.wire.envelope import sign_call
from weftwork.wire.message import read_json

_LIFE = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """A proven answer: its words, its thread, the gateway's receipt, the miner's request and receipt."""

    text: str
    thread: Digest
    receipt: Signed[Receipt]
    work_request: Signed[Request]
    work_receipt: Signed[Receipt]
    records: tuple[Signed[Any], ...]
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def worker(self) -> str:
        """The wallet of the miner that answered."""
        return self.work_receipt.record.worker

    @property
    def price(self) -> int:
        """What the client owes the gateway for it, in wad."""
        return self.receipt.record.price


class Client:
    """Asks one gateway and pays it from one channel."""

    def __init__(
        self,
        account: Any,
        gateway_url: str,
        domains: Domains,
        *,
        store: Store | None = None,
        http: HttpClient | None = None,
        local: bool = False,
        deposit: int | None = None,
        payer: str | None = None,
        now: Callable[[], float] = time.time,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
        timeout: float = 120.0,
    ) -> None:
        """``account`` signs; ``payer`` differs from it for a session key; ``deposit`` in wad bounds what is
        promised; ``local`` allows a gateway at a private address."""
        self.account = account
        self.url = gateway_url.rstrip("/")
        self.wallet = ""
        self.purse: ChannelPurse | None = None
        self._domains = domains
        self._domain = domains.of("request")
        self._store = store
        self._http = http or HttpClient(local, timeout=timeout)
        self._own_http = http is None
        self._deposit = deposit
        self._payer = payer
        self._now = now
        self._entropy = entropy
        self._models: dict[str, int] = {}

    # Getting to know the gateway

    async def meet(self) -> ChannelPurse:
        """Learns the gateway's wallet and models, and goes on from the highest voucher that it holds."""
        body = await self._get("/v1/describe")
        self.wallet = str(body["wallet"])
        self._models = dict(body.get("models") or {})
        if self.purse is None or self.purse.payee != self.wallet:
            self.purse = ChannelPurse(
                self.account,
                self.wallet,
                self._domains.of("voucher"),
                self._store,
                payer=self._payer,
                deposit=self._deposit,
            )
            held = await self._get(f"/v1/channel/{self.purse.payer}")
            highest = held.get("highest")
            self.purse.resume(Signed.from_json(highest) if highest else None)
        return self.purse

    async def _get(self, path: str) -> dict[str, Any]:
        reply = await self._http.get_json(self.url + path)
        if reply.status != 200 or not isinstance(reply.body, dict):
            raise _refusal(reply.status, reply.body)
        return reply.body

    async def quote(self, body: Mapping[str, Any], kind: str = "chat") -> int:
        """The most that a call may cost, in wad."""
        reply = await self._http.post_json(self.url + "/v1/quote", dict(body))
        if reply.status != 200:
            raise _refusal(reply.status, reply.body)
        return int(reply.body["quote"])

    # Asking

    async def ask(
        self,
        question: str | Sequence[Mapping[str, Any]] | Mapping[str, Any],
        *,
        model: str | None = None,
        max_price: int | None = None,
        stream: bool = False,
        on_words: Callable[[str], Any] | None = None,
        path: str = "/v1/chat/completions",
        **more: Any,
    ) -> Answer:
        """The proven answer to ``question``: words, chat messages, or a whole OpenAI body.

        ``max_price`` in wad is the gateway's quote unless given; with ``stream``, ``on_words`` gets the words
        as they come. Raises the gateway's refusal, or :class:`BadAnswer` for an answer that is not proven.
        """
        purse = self.purse or await self.meet()
        body = _body_of(question, model, more)
        if stream:
            body["stream"] = True
        cap = await self.quote(body) if max_price is None else max_price
        raw = to_json(body)
        headers, own = self._sign(raw, str(body.get("model")), cap, purse)
        if stream:
            answer = await self._read_stream(path, raw, headers, own, on_words)
        else:
            reply = await self._http.post_json(self.url + path, raw, headers)
            if reply.status != 200:
                raise _refusal(reply.status, reply.body)
            text = _text_of(reply.body)
            receipt, work = _unpack(reply.headers, "x-weft-receipt"), _unpack(reply.headers, "x-weft-work")
            answer = self._prove(own, text, receipt, work, reply.body)
        purse.accept(answer.receipt)
        if self._store is not None:
            for item in answer.records:
                self._store.add(item)
            self._store.link(own.id, answer.work_request.id)
        return answer

    def _sign(
        self, raw: bytes, model: str, cap: int, purse: ChannelPurse
    ) -> tuple[dict[str, str], Signed[Request]]:
        digest, salt = salt_content(raw, self._entropy(16))
        now = int(self._now())
        subnet = self._models.get(model.partition(":")[0], 0)
        nonce = Digest(self._entropy(32))
        record = Request(purse.payer, subnet, digest, cap, now, now + _LIFE, nonce)
        own = Signed(record, self.account.sign_hash(record.digest(self._domain)))
        voucher = purse.voucher()
        headers = {
            "x-weft-request": b64encode(to_json(own.to_json())).decode(),
            "x-weft-salt": salt.hex(),
        }
        if voucher is not None:
            headers["x-weft-vouchers"] = b64encode(to_json([voucher.to_json()])).decode()
        if self._store is not None:
            self._store.add(own)
            self._store.put_content(digest, salt, raw)
        return headers, own

    async def _read_stream(
        self,
        path: str,
        raw: bytes,
        headers: dict[str, str],
        own: Signed[Request],
        on_words: Callable[[str], Any] | None,
    ) -> Answer:
        said: list[str] = []
        proof: dict[str, Any] = {}
        async with self._http.stream("POST", self.url + path, raw, headers) as reply:
            if reply.status != 200:
                raise _refusal(reply.status, await reply.json())
            async for event in reply.events():
                if event.data == "[DONE]":
                    break
                chunk = read_json(event.data)
                if "error" in chunk:
                    raise _refusal(502, chunk)
                proof = chunk.get("weft") or proof
                for choice in chunk.get("choices") or ():
                    words = (choice.get("delta") or {}).get("content") or choice.get("text")
                    if words:
                        said.append(words)
                        if on_words is not None:
                            on_words(words)
        return self._prove(own, "".join(said), proof.get("receipt"), proof.get("work"), {})

    # Proving

    def _prove(self, own: Signed[Request], text: str, receipt: Any, work: Any, body: Any) -> Answer:
        """The answer, if the gateway's receipt and the miner's are over these words and this request."""
        try:
            mine, mine_salt = Signed.from_json(receipt["receipt"]), bytes.fromhex(receipt["salt"])
            asked, theirs = Signed.from_json(work["request"]), Signed.from_json(work["receipt"])
            theirs_salt = bytes.fromhex(work["salt"])
            mine.require_signer(self._domain, self.wallet)
            asked.require_signer(self._domain, self.wallet)
            theirs.require_signer(self._domain, theirs.record.worker)
        except (KeyError, TypeError, ValueError, AttributeError, WeftError) as error:
            raise BadAnswer(f"The answer came without valid receipts: {error}", value=self.url) from error
        content = text.encode(errors="surrogatepass")
        checks = {
            "a receipt of the gateway": isinstance(mine.record, Receipt)
            and mine.record.worker == self.wallet,
            "a receipt for this request": mine.record.request == own.record.id,
            "a receipt for these words": keccak(mine_salt + content) == mine.record.output,
            "a price within the quote": mine.record.price <= own.record.max_price,
            "work asked for this request": isinstance(asked.record, Request)
            and asked.record.nonce == own.record.id,
            "a miner's receipt for that work": isinstance(theirs.record, Receipt)
            and theirs.record.request == asked.record.id,
            "a miner's receipt for these words": keccak(theirs_salt + content) == theirs.record.output,
        }
        for what, holds in checks.items():
            if not holds:
                raise BadAnswer(f"The answer came without {what}.", value=self.url)
        if self._store is not None:
            self._store.put_content(mine.record.output, mine_salt, content)
            self._store.put_content(theirs.record.output, theirs_salt, content)
        return Answer(text, own.record.id, mine, asked, theirs, (own, mine, asked, theirs), body)

    async def thread(self, digest: Digest) -> dict[str, Any]:
        """A thread that this client asked, as the gateway has it: records, contents, ranking."""
        if self.purse is None:
            await self.meet()
        path = f"/v1/threads/{digest}"
        domain = self._domains.of("call")
        signed = sign_call(self.account, "GET", path, b"", self.wallet, domain, now=int(self._now()))
        reply = await self._http.get_json(self.url + path, signed)
        if reply.status != 200:
            raise _refusal(reply.status, reply.body)
        found: dict[str, Any] = reply.body
        return found

    # Paying

    async def pay(self) -> int:
        """Sends the voucher over all that is owed; the cumulative amount in wad that the gateway holds."""
        purse = self.purse or await self.meet()
        voucher = purse.voucher()
        if voucher is not None:
            reply = await self._http.post_json(self.url + "/v1/voucher", [voucher.to_json()])
            if reply.status != 200:
                raise _refusal(reply.status, reply.body)
            purse.acknowledge(voucher.record.cumulative)
        return purse.acknowledged

    async def close(self) -> None:
        """Closes connections that this client opened."""
        if self._own_http:
            await self._http.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _body_of(question: Any, model: str | None, more: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(question, Mapping):
        body = {**question, **more}
        if model is not None:
            body["model"] = model
    else:
        messages = (
            [{"role": "user", "content": question}]
            if isinstance(question, str)
            else [dict(m) for m in question]
        )
        body = {"model": model, "messages": messages, **more}
    if not isinstance(body.get("model"), str):
        raise BadInput("name the model to ask", hint="GET /v1/models lists them")
    return body


def _text_of(body: Any) -> str:
    try:
        if body.get("object") == "list":
            return to_json(body["data"]).decode()
        choice = body["choices"][0]
        text = choice["message"]["content"] if "message" in choice else choice["text"]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise BadAnswer("The gateway's answer has not the shape of a completion.") from error
    return text if isinstance(text, str) else ""


def _unpack(headers: Mapping[str, str], name: str) -> Any:
    try:
        return from_json(b64decode(headers.get(name, ""), validate=True))
    except ValueError as error:
        raise BadAnswer(f"The answer came without {name}.") from error


def _refusal(status: int, body: Any) -> WeftError:
    held = body.get("error") if isinstance(body, dict) else None
    held = held if isinstance(held, dict) else {}
    words = str(held.get("message") or f"the gateway answered {status}")[:500]
    if status == 402:
        return Unpaid(words)
    if 400 <= status < 500:
        return BadInput(words, value=str(held.get("code", status)), hint="")
    return Unavailable(words, value=str(held.get("code", status)))
