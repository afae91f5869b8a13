"""Clients that pay for themselves: a signed request in headers, a channel to this gateway, the gateway's
own receipt.

    x-weft-request   base64 of the signed Request as JSON; its content is the salted digest of the body
    x-weft-salt      that salt, 32 hexadecimal digits
    x-weft-vouchers  base64 of a JSON list of signed vouchers (optional)

and in the answer (of a stream: in its last chunk, under ``weft``)

    x-weft-receipt   base64 of {"receipt": the gateway's, "salt"}: what the client owes the gateway
    x-weft-work      base64 of {"request", "receipt", "salt"}: the gateway's request, the miner's proof
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json

from weftwork.errors import BadInput, BadRecord, BadSignature, Replayed
from weftwork.ledger.key import Account
from weftwork.models.channel import ChannelBook
from weftwork.models.gateway.asker import Bill, ClientAsker
from weftwork.models.gateway.work import Ask
from weftwork.records import Domains, Receipt, Request, Signed
from weftwork.store import Store
from weftwork.units import Digest, keccak, salt_content
from weftwork.wire.server import HttpRequest

_MAX_LIFE = 3600
_MAX_SEEN = 100_000


class ClientHop:
    """The gateway's side of its channels with clients."""

    def __init__(
        self,
        account: Account,
        domains: Domains,
        store: Store,
        book: ChannelBook,
        now: Callable[[], float],
    ) -> None:
        self._account = account
        self._domain = domains.of("request")
        self._store = store
        self._now = now
        self._seen: dict[Digest, int] = {}
        self.book = book

    @property
    def credit(self) -> int:
        """Unpaid work, in wad, that a client may have."""
        return self.book.credit

    async def admit(self, request: HttpRequest) -> ClientAsker:
        """The client behind a call, its money held; raises what is wrong with what it sent."""
        headers = request.headers
        signed = Signed.from_json(_decode("x-weft-request", headers["x-weft-request"]))
        record = signed.record
        if not isinstance(record, Request):
            raise BadRecord("x-weft-request holds no request", value=record.kind)
        try:
            salt = bytes.fromhex(headers.get("x-weft-salt", "").removeprefix("0x"))
        except ValueError as error:
            raise BadInput("x-weft-salt is not hexadecimal") from error
        if len(salt) != 16 or keccak(salt + request.body) != record.content:
            raise BadSignature(
                "the request was signed for another body", hint="content is keccak(salt ++ body as sent)"
            )
        now = int(self._now())
        if not record.time - 60 <= now <= record.expiry or record.expiry > now + _MAX_LIFE:
            raise Replayed("the request is not valid now", value=record.expiry)
        signed.require_signer(self._domain, record.requester)
        name = record.id
        if name in self._seen or self._store.has(name):
            raise Replayed("this request was made before", value=str(name))
        vouchers = (
            _decode("x-weft-vouchers", headers["x-weft-vouchers"]) if "x-weft-vouchers" in headers else []
        )
        if not isinstance(vouchers, list) or len(vouchers) > 16:
            raise BadInput("x-weft-vouchers is a list of at most 16 vouchers")
        self._remember(name, record.expiry, now)
        taken = [Signed.from_json(item) for item in vouchers]
        await self.book.admit(record.requester, name, record.max_price, taken)
        self._store.add(signed)
        self._store.put_content(record.content, salt, request.body)
        return ClientAsker(signed, salt)

    def _remember(self, name: Digest, expiry: int, now: int) -> None:
        if len(self._seen) >= _MAX_SEEN:
            self._seen = {name: end for name, end in self._seen.items() if end >= now}
        self._seen[name] = expiry

    def release(self, asker: ClientAsker) -> None:
        """Ends the hold on a client's channel, whatever became of the call."""
        self.book.release(asker.own.record.requester, asker.id)

    def seal(self, asker: ClientAsker, bill: Bill, text: str, engine: Digest) -> dict[str, Any]:
        """The gateway's own receipt for a call, booked, recorded, and as JSON with the salt of its output."""
        content = text.encode(errors="surrogatepass")
        output, salt = salt_content(content)
        record = Receipt(
            asker.id,
            self._account.address,
            output,
            engine,
            bill.input_tokens,
            bill.output_tokens,
            bill.spent,
            0,
            True,
            int(self._now()),
        )
        signed = Signed(record, self._account.sign_hash(record.digest(self._domain)))
        name = self._store.add(signed)
        self._store.put_content(output, salt, content)
        self.book.charge(asker.own.record.requester, asker.id, record.price, name)
        return {"receipt": signed.to_json(), "salt": salt.hex()}

    @staticmethod
    def proof(ask: Ask, receipt: Signed[Receipt], salt: bytes) -> dict[str, Any]:
        """The miner's side of a call as the client gets it."""
        return {"request": ask.request.to_json(), "receipt": receipt.to_json(), "salt": salt.hex()}

    async def show(self, request: HttpRequest) -> Any:
        """GET /v1/channel/PAYER: what the payer owes, its highest voucher, receipts not yet paid."""
        payer = request.params["payer"]
        await self.book.load(payer)
        await self._store.flushed()
        return self.book.statement(payer)

    async def take(self, request: HttpRequest) -> Any:
        """POST /v1/voucher [signed voucher, ...]: what they newly paid, once it is on disk."""
        held = request.json()
        if not isinstance(held, list) or not 0 < len(held) <= 16:
            raise BadInput("the body is a list of 1 to 16 signed vouchers")
        gained = 0
        for item in held:
            gained += self.book.receive(Signed.from_json(item))
        await self._store.flushed()
        return {"gained": str(gained)}


def pack(value: Any) -> str:
    """``value`` as JSON in base64, for a header."""
    return b64encode(to_json(value)).decode()


def _decode(name: str, text: str) -> Any:
    try:
        return from_json(b64decode(text, validate=True), allow_inf_nan=False)
    except (ValueError, binascii.Error) as error:
        raise BadInput(f"{name} is not JSON in base64: {error}") from error
