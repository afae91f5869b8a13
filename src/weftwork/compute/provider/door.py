"""The provider's HTTP: its offer, quotes, manifests, status and logs.

::

    GET  /v1/offer                     what it has free, at which agent; anyone
    POST /v1/quote                     a binding quote for a group; signed by the tenant
    PUT  /v1/lease/{order}/manifest    what to run; signed by the tenant
    GET  /v1/lease/{order}/status      services, states, where they are reached; signed by the tenant
    GET  /v1/lease/{order}/logs        ?service= &tail= &follow=1, as server-sent events; signed by the tenant
    POST /v1/lease/{order}/leave       the provider's close; signed by its own key
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from weftwork.compute.provider.auction import Auction
from weftwork.compute.provider.book import Book, Engagement
from weftwork.compute.provider.keeper import Keeper
from weftwork.compute.provider.setting import Desk
from weftwork.compute.provider.stock import offer_json
from weftwork.compute.venue import format_order, parse_order
from weftwork.errors import BadInput, Refused, TooLarge, WeftError
from weftwork.wire.envelope import ReplayCache, check_call
from weftwork.wire.limits import Limits
from weftwork.wire.message import HttpRequest
from weftwork.wire.server import App, EventStream
from weftwork.wire.sse import format_event

PING_SECONDS = 10.0
_PING = b": still here\n\n"
MAX_TAIL = 100_000
MAX_SPEC = 65_536
"""Bytes of a group spec that is quoted, which is kept as long as the quote binds."""


class Door:
    """The routes of one provider."""

    def __init__(
        self, desk: Desk, book: Book, auction: Auction, keeper: Keeper, name: str, hosts: tuple[str, ...] = ()
    ) -> None:
        self.desk = desk
        self.book = book
        self.auction = auction
        self.keeper = keeper
        self.name = name
        self.app = App(name, hosts=hosts, limits=Limits(body_bytes=2 * 1024 * 1024))
        self._seen = ReplayCache()
        self.app.get("/v1/offer")(self.offer)
        self.app.post("/v1/quote")(self.quote)
        self.app.route("PUT", "/v1/lease/{order}/manifest")(self.manifest)
        self.app.get("/v1/lease/{order}/status")(self.status)
        self.app.get("/v1/lease/{order}/logs")(self.logs)
        self.app.post("/v1/lease/{order}/leave")(self.leave)

    async def offer(self, request: HttpRequest) -> Any:
        """What is free here, as JSON."""
        desk = self.desk
        live = self.book.in_phase("won", "running", "paused")
        return {
            "agent": desk.agent,
            "wallet": desk.account.address,
            "name": self.name,
            "executor": desk.executor.name,
            "market": desk.venue.parts.market,
            "leases": len(live),
            "window": desk.setting.window,
            **offer_json(desk.stock.free),
        }

    async def quote(self, request: HttpRequest) -> Any:
        """A signed quote for ``{"group": spec, "token": address}``."""
        tenant = self._caller(request)
        if len(request.body) > MAX_SPEC:
            raise TooLarge(f"a group spec has {MAX_SPEC} bytes at most", value=len(request.body))
        given = request.object()
        quote = await self.auction.quote(given.get("group"), tenant, str(given.get("token")))
        return quote.sign(self.desk.account, self.desk.venue.domain)

    async def manifest(self, request: HttpRequest) -> Any:
        """Run a lease."""
        order = self._order(request)
        self._tenant(request, self.book.find(order))
        return self._describe(await self.keeper.accept(order, request.json()))

    async def status(self, request: HttpRequest) -> Any:
        """How a lease stands."""
        order = self._order(request)
        one = self.book.find(order)
        self._tenant(request, one)
        found = await self.keeper.status(order)
        services = [] if found is None else [asdict(service) for service in found.services]
        return {
            **self._describe(self.book.find(order)),
            "state": "waiting" if found is None else found.state,
            "services": services,
        }

    async def logs(self, request: HttpRequest) -> Any:
        """What the services of a lease wrote."""
        order = self._order(request)
        one = self.book.find(order)
        self._tenant(request, one)
        args = request.args
        tail = args.get("tail", "")
        if tail and not (tail.isascii() and tail.isdigit() and int(tail) <= MAX_TAIL):
            raise BadInput("tail is a number of lines", value=tail[:20], hint=f"0 to {MAX_TAIL}")
        if one.manifest is None:
            raise Refused(
                one.why or "nothing runs for this lease yet",
                value=format_order(order),
                hint="weft compute leases shows how it stands",
            )
        lines = self.desk.executor.logs(
            self.desk.venue.lease_name(order),
            args.get("service") or None,
            tail=int(tail) if tail else None,
            follow=args.get("follow") == "1",
        )
        return EventStream(_stream(lines))

    async def leave(self, request: HttpRequest) -> Any:
        """The provider's close."""
        order = self._order(request)
        caller = self._caller(request)
        if caller != self.desk.account.address:
            raise Refused(f"{caller} may not close leases here", value=caller)
        return self._describe(await self.keeper.leave(order))

    def _order(self, request: HttpRequest) -> int:
        return parse_order(request.params["order"].replace("-", "/"))

    def _caller(self, request: HttpRequest) -> str:
        desk = self.desk
        return check_call(
            request.headers,
            request.method,
            request.target,
            request.body,
            desk.account.address,
            desk.venue.domain,
            self._seen,
            now=int(desk.now()),
        )

    def _tenant(self, request: HttpRequest, one: Engagement) -> None:
        caller = self._caller(request)
        if caller.lower() != one.tenant.lower():
            raise Refused(
                f"{caller} is not the tenant of this lease",
                value=caller,
                hint="call with the key that deployed it",
            )

    def _describe(self, one: Engagement) -> dict[str, Any]:
        return {
            "order": format_order(one.order),
            "phase": one.phase,
            "price": str(one.price),
            "token": one.token,
            "why": one.why,
            "leaving": one.leaving,
        }


async def _stream(lines: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    """Log lines as events, and a comment where nothing comes for long, so that nobody hangs up."""
    reader = lines.__aiter__()
    waiting: asyncio.Future[Any] = asyncio.ensure_future(_next(reader))
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=PING_SECONDS)
            if not done:
                yield _PING
                continue
            line = waiting.result()
            if line is None:
                yield format_event({"end": True}, "end")
                return
            waiting = asyncio.ensure_future(_next(reader))
            yield format_event(asdict(line))
    except WeftError as error:
        yield format_event({"error": error.to_json()}, "error")
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        close = getattr(lines, "aclose", None)
        if close is not None:
            await close()


async def _next(reader: AsyncIterator[Any]) -> Any:
    try:
        return await reader.__anext__()
    except StopAsyncIteration:
        return None
