"""Providers as a tenant reaches them: found on the ledger, asked over signed HTTP.

An endpoint found on the ledger is a stranger's: calls are guarded, capped and timed by the wire's client, and
what comes back is checked before it counts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from weftwork.compute.binding import BindingQuote, check_quote
from weftwork.compute.error import NoBid
from weftwork.compute.matching import read_offer
from weftwork.compute.sdl.model import encode_canonical
from weftwork.compute.venue import Venue, format_order
from weftwork.errors import BadReply, NotFound, Refused, Unavailable, WeftError
from weftwork.spec.placement import Offer
from weftwork.units import Digest
from weftwork.wire.client import Client
from weftwork.wire.envelope import sign_call

if TYPE_CHECKING:
    from weftwork.ledger import Account

AT_ONCE = 16
"""How many providers are asked at a time."""
QUOTE_SECONDS = 15.0
SILENCE_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Supplier:
    """A provider as the ledger has it: agent, the wallet that signs for it, where it serves."""

    agent: int
    wallet: str
    endpoint: str
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _clean(self.name)[:60])


Finder = Callable[[], Sequence[Supplier]]
"""Reads the providers of the network from the ledger; may block."""


class Suppliers:
    """All providers of one network."""

    def __init__(
        self,
        venue: Venue,
        finder: Finder,
        client: Client,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.venue = venue
        self.client = client
        self.now = now
        self._finder = finder
        self._known: dict[int, Supplier] = {}

    async def find(self) -> list[Supplier]:
        """The providers that the ledger knows now; raises LedgerError."""
        found = list(await asyncio.to_thread(self._finder))
        self._known = {one.agent: one for one in found}
        return found

    async def of(self, agent: int) -> Supplier:
        """The provider with that agent; raises NotFound."""
        if agent not in self._known:
            await self.find()
        if agent not in self._known:
            raise NotFound(f"agent {agent} names no endpoint as a provider", value=agent)
        return self._known[agent]

    async def offers(self, found: Iterable[Supplier]) -> list[tuple[Supplier, Offer | WeftError]]:
        """What each provider has free, as it says; or why it cannot be asked."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(supplier: Supplier) -> tuple[Supplier, Offer | WeftError]:
            async with gate:
                try:
                    told = await self.call(supplier, "GET", "/v1/offer", None)
                    return supplier, read_offer(supplier.name or str(supplier.agent), told)
                except WeftError as error:
                    return supplier, error
                except (TypeError, ValueError, AttributeError) as error:
                    return supplier, BadReply(f"its offer cannot be read: {error}", value=supplier.endpoint)

        return list(await asyncio.gather(*(one(supplier) for supplier in found)))

    async def ask(
        self,
        found: Iterable[Supplier],
        groups: Sequence[tuple[int, Any, str]],
        account: Account,
    ) -> list[tuple[Supplier, int, BindingQuote | WeftError]]:
        """Each provider's quote for each of ``groups`` (number, spec, token), or why there is none."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(
            supplier: Supplier, number: int, spec: Any, token: str
        ) -> tuple[Supplier, int, BindingQuote | WeftError]:
            async with gate:
                try:
                    return supplier, number, await self.quote(supplier, spec, token, account)
                except WeftError as error:
                    return supplier, number, error

        return list(
            await asyncio.gather(
                *(one(who, number, spec, token) for who in found for number, spec, token in groups)
            )
        )

    async def quote(self, supplier: Supplier, spec: Any, token: str, account: Account) -> BindingQuote:
        """One provider's quote, signed by it and for what was asked; raises NoBid, BadReply and others."""
        body = {"group": spec, "token": token}
        told = await self.call(supplier, "POST", "/v1/quote", account, body, timeout=QUOTE_SECONDS)
        quote = check_quote(told, supplier.wallet, self.venue.domain, now=self.now())
        digest = Digest.of(encode_canonical(spec))
        asked = (supplier.agent, account.address.lower(), token.lower(), digest)
        said = (quote.agent, quote.tenant.lower(), quote.token.lower(), quote.group)
        if said != asked or quote.price <= 0:
            raise BadReply("the quote is for something else", value=supplier.endpoint)
        return quote

    async def call(
        self,
        supplier: Supplier,
        method: str,
        path: str,
        account: Account | None,
        obj: Any = None,
        *,
        timeout: float = 30.0,  # noqa: ASYNC109  (the client's own)
    ) -> dict[str, Any]:
        """A call to a provider, signed by ``account`` where one is given; its JSON object.

        Raises the provider's refusal as Refused, NoBid or NotFound, and Unavailable, BadReply otherwise.
        """
        body = b"" if obj is None else encode_canonical(obj)
        headers = {"content-type": "application/json"} if body else {}
        if account is not None:
            headers |= self._sign(supplier, method, path, body, account)
        reply = await self.client.request(
            method, supplier.endpoint + path, body=body, headers=headers, timeout=timeout
        )
        value: dict[str, Any] = _clean(_read(reply.body, supplier))
        if reply.status >= 400:
            raise _refusal(value, reply.status, supplier)
        return value

    async def logs(
        self,
        supplier: Supplier,
        order: int,
        account: Account,
        *,
        service: str | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> AsyncIterator[dict[str, Any]]:
        """The log lines of a lease, as they come with ``follow``."""
        query = {"service": service, "tail": tail, "follow": 1 if follow else None}
        text = urlencode({name: value for name, value in query.items() if value is not None})
        path = f"/v1/lease/{format_order(order).replace('/', '-')}/logs" + (f"?{text}" if text else "")
        headers = self._sign(supplier, "GET", path, b"", account)
        async with self.client.stream(
            "GET",
            supplier.endpoint + path,
            headers=headers,
            timeout=SILENCE_SECONDS,
            max_bytes=1 << 32 if follow else 256 * 1024 * 1024,
        ) as reply:
            if reply.status >= 400:
                raise _refusal(_read(await reply.read(), supplier), reply.status, supplier)
            async for event in reply.events():
                value = _read(event.data.encode(), supplier)
                if event.event == "end":
                    return
                if event.event == "error":
                    raise _refusal(value, 502, supplier)
                yield value
        raise Unavailable("the provider's log broke off", value=supplier.endpoint, hint="ask again")

    def _sign(
        self, supplier: Supplier, method: str, path: str, body: bytes, account: Account
    ) -> dict[str, str]:
        from weftwork.wire.guard import read_url

        target = read_url(supplier.endpoint + path).path
        return sign_call(
            account, method, target, body, supplier.wallet, self.venue.domain, now=int(self.now())
        )


def _read(body: bytes, supplier: Supplier) -> dict[str, Any]:
    from pydantic_core import from_json

    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise BadReply("the provider's answer is not JSON", value=supplier.endpoint) from error
    if not isinstance(value, dict):
        raise BadReply("the provider's answer is no JSON object", value=supplier.endpoint)
    return value


def _clean(value: Any) -> Any:
    """The same JSON without the control characters that a stranger may send to a terminal."""
    if isinstance(value, str):
        return value if value.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in value)
    if isinstance(value, dict):
        return {_clean(key): _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value


def _refusal(value: dict[str, Any], status: int, supplier: Supplier) -> WeftError:
    told = value.get("error")
    told = told if isinstance(told, dict) else {}
    sentence = str(told.get("message") or f"the provider answered {status}")[:400]
    code, hint, detail = str(told.get("code", "")), str(told.get("hint") or "")[:400], told.get("value")
    if code == NoBid.code:
        return NoBid(sentence, value=detail, hint=hint)
    if status == 404:
        return NotFound(sentence, value=detail, hint=hint)
    if status >= 500:
        return Unavailable(
            f"{supplier.name or supplier.endpoint}: {sentence}", value=detail, hint=hint or "ask again"
        )
    return Refused(sentence, value=detail or status, hint=hint)
