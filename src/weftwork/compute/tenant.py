"""The tenant's side: ask every provider, deploy, take a bid, send the manifest, wait until it serves.

    tenant = Tenant(venue, account, find_providers, client)
    quotes = await tenant.quote(deployment)
    done = await tenant.deploy(deployment, deposit=5 * WAD, policy=choose_cheapest)

A bid over its provider's own quote is not taken. Whatever fails before every provider has taken its manifest
closes the deployment and gives back what is unspent; after that, nothing is closed but by the tenant's word.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weftwork.compute.bidding import BLOCKS_A_MONTH, Candidate, Policy
from weftwork.compute.binding import BindingQuote
from weftwork.compute.error import NoBid
from weftwork.compute.market import Terms, make_terms
from weftwork.compute.supplier import Supplier, Suppliers
from weftwork.compute.venue import Currency, Venue, format_order
from weftwork.errors import BadInput, InsufficientFunds, Reverted, Unavailable, Unreachable, WeftError
from weftwork.spec.market import LeaseState, OrderState

if TYPE_CHECKING:
    from weftwork.compute.estate import Estate
    from weftwork.compute.sdl import Deployment
    from weftwork.compute.sdl.model import Group
    from weftwork.ledger import Account

Say = Callable[[str, dict[str, Any]], None]
"""Is told what happens: the step's name and its facts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one provider says to one group: a quote, or why not."""

    supplier: Supplier
    group: int
    quote: BindingQuote | None
    refusal: WeftError | None = None

    def month(self) -> int:
        """Smallest units for a month of blocks, 0 without a quote."""
        return self.quote.price * BLOCKS_A_MONTH if self.quote else 0


@dataclass(frozen=True, slots=True)
class Ordered:
    """A group of a file in the market's terms: number from 1, JSON of its spec, currency, terms."""

    number: int
    name: str
    spec: dict[str, Any]
    currency: Currency
    terms: Terms


@dataclass(slots=True)
class Leased:
    """A lease that was made: at whose endpoint, for how much a block, and its status once asked."""

    order: int
    supplier: Supplier
    price: int
    currency: Currency
    status: dict[str, Any] = field(default_factory=dict)

    @property
    def urls(self) -> list[str]:
        """Where its services are reached."""
        return find_urls(self.status)


@dataclass(slots=True)
class Deployed:
    """What became of a deployment."""

    deployment: int
    leases: list[Leased]


class Tenant:
    """Whoever rents, by one key, on one market."""

    def __init__(
        self,
        venue: Venue,
        account: Account,
        suppliers: Suppliers,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        say: Say = lambda step, facts: None,
        score_of: Callable[[int], int] | None = None,
        audited: Mapping[int, bool] | None = None,
    ) -> None:
        self.venue = venue
        self.account = account
        self.suppliers = suppliers
        self.market = venue.market(account)
        self.now = now
        self.sleep = sleep
        self.say = say
        self.score_of = score_of
        self.audited = audited

    # before

    def order(self, deployment: Deployment, currency: str | None = None) -> list[Ordered]:
        """The groups of a file as the market takes them; raises BadInput."""
        window = 0 if deployment.reclamation_ns is None else self._blocks(deployment.reclamation_ns)
        return self.order_groups(deployment.groups, currency, window)

    def order_groups(
        self, groups: Iterable[Group], currency: str | None = None, window: int = 0
    ) -> list[Ordered]:
        """Groups as the market takes them, with ``window`` blocks of notice; raises BadInput."""
        out = []
        for number, group in enumerate(groups, 1):
            paid_in, denom = self.venue.denom_of(group.denom, currency)
            terms = make_terms(group, denom, window=window)
            if not terms[1]:
                raise BadInput(
                    f"the price of group {group.name[:60]} is under the smallest unit of {paid_in.name}",
                    value=group.name[:60],
                    hint="raise its amount, or price it in a currency of more decimals",
                )
            out.append(Ordered(number, group.name, group.to_json(), paid_in, terms))
        return out

    def _blocks(self, nanoseconds: int) -> int:
        """So much time in blocks, rounded up, by the ledger's pace over its last blocks."""
        ledger = self.venue.ledger
        head = ledger.block_number()
        back = max(0, head - 100)
        seconds = ledger.block(head)["timestamp"] - ledger.block(back)["timestamp"]
        return -(-nanoseconds * max(head - back, 1) // (max(int(seconds), 1) * 10**9))

    async def quote(self, deployment: Deployment, currency: str | None = None) -> list[Answer]:
        """What every provider on the ledger says to every group, by group, cheapest first."""
        return await self.ask(await asyncio.to_thread(self.order, deployment, currency))

    async def ask(self, ordered: Sequence[Ordered]) -> list[Answer]:
        """What every provider on the ledger says to each of some groups, by group, cheapest first."""
        found = await self.suppliers.find()
        self.say("asking", {"count": len(found)})
        answers = await self.suppliers.ask(
            found, [(one.number, one.spec, one.currency.token) for one in ordered], self.account
        )
        made = [
            Answer(who, number, *((said, None) if isinstance(said, BindingQuote) else (None, said)))
            for who, number, said in answers
        ]
        return sorted(made, key=lambda one: (one.group, one.quote is None, one.month(), one.supplier.agent))

    # deploying

    async def deploy(
        self,
        deployment: Deployment,
        *,
        deposit: int,
        policy: Policy,
        currency: str | None = None,
        patience: float = 20.0,
        ready_seconds: float = 120.0,
        wait: bool = True,
        on_open: Callable[[int], None] = lambda number: None,
    ) -> Deployed:
        """Rent what a file asks for; ``deposit`` is in wad of its currency.

        Waits ``patience`` seconds for bids on each order, and with ``wait`` so many seconds until all serves;
        ``on_open`` is told the deployment's number as soon as it stands.

        Raises:
            NoBid: nobody quoted or bid, or no bid suits the policy.
            Refused: a provider will not run the manifest, an image it does not have, say.
            Unavailable: a service failed, or does not serve in time; the deployment stays, for its logs.
            InsufficientFunds: the account has less than ``deposit``.
        """
        ordered = await asyncio.to_thread(self.order, deployment, currency)
        answers = await self.ask(ordered)
        self.say("quotes", {"answers": answers, "ordered": ordered})
        for one in ordered:
            if not any(answer.quote for answer in answers if answer.group == one.number):
                raise _nobody(one, [answer for answer in answers if answer.group == one.number])
        paid_in = ordered[0].currency
        units = paid_in.to_units(deposit)
        number = await asyncio.to_thread(self._open, ordered, paid_in, units, deployment.hash)
        on_open(number)
        self.say("deployed", {"deployment": number, "deposit": paid_in.format(units)})
        leases: list[Leased] = []
        try:
            for one in ordered:
                mine = [answer for answer in answers if answer.group == one.number]
                order = number << 64 | one.number << 32 | 1
                leases.append(await self.lease(order, one, mine, policy, patience))
            manifest = deployment.manifest_json()
            for lease in leases:
                await self.send(lease.order, lease.supplier, manifest)
                self.say("manifest", {"order": lease.order, "supplier": lease.supplier})
        except BaseException as error:
            await asyncio.shield(asyncio.to_thread(self.market.close, number))
            self.say("closed", {"deployment": number, "why": str(error)})
            raise
        done = Deployed(number, leases)
        if wait:
            for lease in leases:
                lease.status = await self.wait_ready(lease.order, lease.supplier, ready_seconds)
        return done

    def _open(self, ordered: Sequence[Ordered], paid_in: Currency, units: int, version: bytes) -> int:
        token = self.venue.token_at(paid_in.token)
        has = int(token.call("balanceOf", self.account.address))
        least = int(self.venue.contract.call("currencies", paid_in.token)[2])
        if units < least:
            raise BadInput(
                f"a deposit is {paid_in.format(least)} or more", value=paid_in.format(units), hint="--deposit"
            )
        if has < units:
            raise InsufficientFunds(
                f"{self.account.address} has {paid_in.format(has)}, the deposit is {paid_in.format(units)}",
                value=self.account.address,
                hint="send it more, or deposit less: --deposit",
            )
        self.allow(paid_in.token)
        return self.market.deploy([one.terms for one in ordered], paid_in.token, units, version)

    def allow(self, token: str) -> None:
        """Let the market take deposits of a token from this account; raises LedgerError."""
        contract, market = self.venue.token_at(token), self.venue.parts.market
        if contract.call("allowance", self.account.address, market) < 2**128:
            contract.send(self.account, "approve", market, 2**256 - 1)

    async def lease(
        self, order: int, one: Ordered, answers: Sequence[Answer], policy: Policy, patience: float
    ) -> Leased:
        """Wait for bids on an order and take the one that ``policy`` picks.

        It is picked once everybody who quoted has bid, or ``patience`` seconds are over. Raises NoBid.
        """
        quoted = {answer.supplier.agent: answer for answer in answers if answer.quote}
        told: set[int] = set()
        end = self.now() + patience
        while True:
            bids = await asyncio.to_thread(self.market.list_bids, order, self.score_of, self.audited)
            for bid in bids:
                if bid.agent not in told:
                    told.add(bid.agent)
                    self.say("bid", {"order": order, "bid": bid, "currency": one.currency})
            fair = [bid for bid in bids if self._is_fair(bid, quoted)]
            late = self.now() >= end
            chosen = policy(fair) if late or {bid.agent for bid in bids} >= set(quoted) else None
            if chosen is not None:
                try:
                    await asyncio.to_thread(
                        self.venue.contract.send, self.account, "create_lease", order, chosen.agent
                    )
                except Reverted as error:
                    if "bid is not open" not in error.reason:
                        raise
                    continue  # it was taken back just now; the next look shows others
                supplier = await self.suppliers.of(chosen.agent)
                self.say("leased", {"order": order, "bid": chosen, "currency": one.currency})
                return Leased(order, supplier, chosen.price, one.currency)
            if late:
                raise NoBid(
                    f"no bid on {format_order(order)} suits within {patience:g} s"
                    if bids
                    else f"nobody bid on {format_order(order)} within {patience:g} s",
                    value=format_order(order),
                )
            await self.sleep(0.2)

    @staticmethod
    def _is_fair(bid: Candidate, quoted: Mapping[int, Answer]) -> bool:
        """Whether a bid is what its provider quoted, or nothing was asked of it."""
        answer = quoted.get(bid.agent)
        return answer is None or answer.quote is None or bid.price <= answer.quote.price

    async def lease_again(
        self,
        estate: Estate,
        groups: Sequence[Group],
        manifest: Any,
        policy: Policy,
        *,
        patience: float = 20.0,
        ready_seconds: float = 120.0,
    ) -> list[Leased]:
        """Lease the orders of a deployment that are open because a lease ended; raises NoBid, BadInput."""
        ordered = await asyncio.to_thread(self.order_groups, groups, estate.currency.name)
        open_ = [one for one in estate.tenures if one.state is OrderState.OPEN]
        if not open_:
            raise BadInput(
                f"deployment {estate.deployment} has no open order",
                value=estate.deployment,
                hint="weft compute leases shows how it stands",
            )
        by_number = {one.number: one for one in ordered}
        wanted = [(one.order, by_number[one.order >> 32 & 0xFFFFFFFF]) for one in open_]
        answers = await self.ask([one for _, one in wanted])
        self.say("quotes", {"answers": answers, "ordered": [one for _, one in wanted]})
        made = []
        for order, one in wanted:
            mine = [answer for answer in answers if answer.group == one.number]
            if not any(answer.quote for answer in mine):
                raise _nobody(one, mine)
            lease = await self.lease(order, one, mine, policy, patience)
            await self.send(order, lease.supplier, manifest)
            self.say("manifest", {"order": order, "supplier": lease.supplier})
            lease.status = await self.wait_ready(order, lease.supplier, ready_seconds)
            made.append(lease)
        return made

    async def send(self, order: int, supplier: Supplier, manifest: Any) -> dict[str, Any]:
        """Send the manifest to whoever won; raises Refused, BadReply or Unavailable."""
        return await self.suppliers.call(
            supplier, "PUT", f"/v1/lease/{_path(order)}/manifest", self.account, manifest
        )

    async def wait_ready(self, order: int, supplier: Supplier, seconds: float) -> dict[str, Any]:
        """The status of a lease once every service runs; raises Unavailable where one fails, or too late."""
        end = self.now() + seconds
        last = ""
        while True:
            status = await self.status(order, supplier)
            state = str(status.get("state"))
            if state != last:
                self.say("status", {"order": order, "status": status})
                last = state
            services = status.get("services") or []
            if services and all(
                one["state"] == "running" and one["ready"] >= one["wanted"] for one in services
            ):
                if self.now() >= end or await self._answers(status):
                    return status
            elif services and all(one["state"] == "exited" for one in services):
                return status  # a task, and it is done
            failed = [one for one in services if one["state"] == "failed"]
            if failed or self.now() >= end:
                name = failed[0]["name"] if failed else "the lease"
                why = (
                    (failed[0].get("why") or f"exit status {failed[0].get('exit_status')}") if failed else ""
                )
                raise Unavailable(
                    f"{name} failed: {why}" if failed else f"{name} does not serve after {seconds:g} s",
                    value=format_order(order),
                    hint=f"weft compute logs {format_order(order)}; then weft compute close {order >> 64}",
                )
            await self.sleep(0.3)

    async def _answers(self, status: Mapping[str, Any]) -> bool:
        """Whether every service behind a URL takes connections and says something."""
        for url in find_urls(status):
            if url.startswith("http"):
                try:
                    await self.suppliers.client.request("GET", url, timeout=2.0, max_bytes=1 << 20)
                except Unreachable:
                    return False
                except WeftError:
                    continue  # it speaks, if not HTTP as a browser does
        return True

    # after

    async def status(self, order: int, supplier: Supplier | None = None) -> dict[str, Any]:
        """How a lease stands, from its provider; raises Refused, NotFound or Unavailable."""
        supplier = supplier or await self.supplier_of(order)
        return await self.suppliers.call(supplier, "GET", f"/v1/lease/{_path(order)}/status", self.account)

    async def supplier_of(self, order: int) -> Supplier:
        """The provider of a lease; raises NotFound."""
        lease = await asyncio.to_thread(self.venue.contract.call, "leases", order)
        if LeaseState(lease[2]) is LeaseState.NONE:
            raise BadInput(
                f"there is no lease {format_order(order)}",
                value=format_order(order),
                hint="weft compute leases lists them",
            )
        await self.suppliers.find()
        return await self.suppliers.of(int(lease[0]))


def find_urls(status: Mapping[str, Any]) -> list[str]:
    """Where the services of a lease are reached, from its status."""
    found = []
    for service in status.get("services") or []:
        for place in service.get("endpoints") or []:
            found.append(str(place.get("url") or f"{place.get('host')}:{place.get('bound')}"))
    return list(dict.fromkeys(found))


def _path(order: int) -> str:
    return format_order(order).replace("/", "-")


def _nobody(one: Ordered, answers: Sequence[Answer]) -> NoBid:
    if not answers:
        return NoBid(
            "there is no provider on this network", value=one.name, hint="start one: weft join provider"
        )
    first = next((answer.refusal for answer in answers if answer.refusal is not None), None)
    told = f", as {answers[0].supplier.name or 'one'} says: {first.sentence}" if first is not None else ""
    return NoBid(f"none of {len(answers)} providers quotes for group {one.name[:60]}{told}", value=one.name)
