"""A requester that speaks to a miner over HTTP, and channels on paper for tests that need no chain."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

from weftwork.ledger.key import Account
from weftwork.models.channel import ChannelPurse, ChannelView
from weftwork.records import Domains, Receipt, Request, Signed
from weftwork.units import WAD, Digest, salt_content
from weftwork.wire.client import Client, Reply

DOMAINS = Domains(31337, *("0x" + digit * 40 for digit in "123"))


class PaperLedger:
    """Channels on paper, with the contract's claim rule: min(cumulative, deposited - withdrawn) - claimed."""

    def __init__(self, deposits: dict[str, int]) -> None:
        self.deposits = deposits
        self.claimed: dict[str, int] = {}
        self.closing: dict[str, int] = {}
        self.reads = 0

    def view(self, payer: str, receiver: str) -> ChannelView:
        self.reads += 1
        return ChannelView(
            payer,
            receiver,
            deposited=self.deposits.get(payer, 0),
            claimed=self.claimed.get(payer, 0),
            closing_amount=self.closing.get(payer, 0),
        )

    def claim_many(self, claims: Any) -> None:
        for claim in claims:
            most = min(claim.cumulative, self.deposits.get(claim.payer, 0))
            self.claimed[claim.payer] = max(self.claimed.get(claim.payer, 0), most)

    def pull(self, receiver: str) -> None:
        pass


def chat(text: str, **more: Any) -> dict[str, Any]:
    """The body of a chat with one user's turn."""
    return {"model": "echo", "messages": [{"role": "user", "content": text}], **more}


class Requester:
    """Whoever asks a miner directly, as a gateway does: signs requests, checks receipts, signs vouchers."""

    def __init__(
        self,
        account: Account,
        miner: str,
        client: Client,
        now: Callable[[], float],
        domains: Domains = DOMAINS,
    ) -> None:
        self.domains = domains
        self.account = account
        self.client = client
        self.now = now
        self.url = ""
        self.purse = ChannelPurse(account, miner, domains.of("voucher"))

    def order(
        self, body: Any, *, vouchers: Any = None, price: int = WAD // 1000, **more: Any
    ) -> dict[str, Any]:
        """The JSON of an order for ``body``; ``more`` replaces fields of the request."""
        text = body if isinstance(body, str) else json.dumps(body)
        content, salt = salt_content(text.encode(errors="surrogatepass"))
        fields: dict[str, Any] = {
            "requester": self.account.address,
            "subnet": 1,
            "content": content,
            "max_price": price,
            "time": int(self.now()),
            "expiry": int(self.now()) + 300,
            "nonce": Digest(secrets.token_bytes(32)),
        }
        options = {name: more.pop(name) for name in ("stream", "commit_only") if name in more}
        record = Request(**{**fields, **more})
        signed = Signed(record, self.account.sign_hash(record.digest(self.domains.of("request"))))
        voucher = self.purse.voucher() if vouchers is None else None
        return {
            "request": signed.to_json(),
            "salt": salt.hex(),
            "body_json": text,
            "vouchers": [voucher.to_json()] if voucher else (vouchers or []),
            **options,
        }

    async def post(self, path: str, data: Any) -> Reply:
        return await self.client.post_json(self.url + path, data)

    async def ask(self, text: str, **more: Any) -> Reply:
        """One order, paid by the voucher that rides on the next."""
        reply = await self.post("/v1/work", self.order(chat(text), **more))
        if reply.status == 200 and "receipt" in reply.body and not more.get("commit_only"):
            self.purse.accept(self.receipt(reply.body))
        return reply

    def receipt(self, body: Any) -> Signed[Receipt]:
        return Signed.from_json(body["receipt"]).require_signer(self.domains.of("receipt"), self.purse.payee)

    async def stream(self, order: dict[str, Any]) -> tuple[str, list[Any], list[Any]]:
        """Words, receipt events and errors of a streamed order."""
        words, receipts, errors = "", [], []
        async with self.client.stream("POST", self.url + "/v1/work", {**order, "stream": True}) as reply:
            assert reply.status == 200, await reply.json()
            async for event in reply.events():
                if event.data == "[DONE]":
                    continue
                data = json.loads(event.data)
                if event.event == "receipt":
                    receipts.append(data)
                elif "error" in data:
                    errors.append(data["error"])
                else:
                    words += data["delta"]
        return words, receipts, errors
