"""Why no bid, asked of the network: every provider's own offer and price against every constraint."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from weftwork.compute.audit import read_audits
from weftwork.compute.bidding import Pricing, Request
from weftwork.compute.binding import BindingQuote
from weftwork.compute.error import NoBid
from weftwork.compute.matching import read_demand
from weftwork.compute.supplier import Supplier
from weftwork.compute.tenant import Ordered, Tenant
from weftwork.compute.why import Report, Row, explain
from weftwork.errors import WeftError
from weftwork.spec.placement import Offer

if TYPE_CHECKING:
    from weftwork.compute.sdl.model import Group


@dataclass(frozen=True, slots=True)
class Survey:
    """The report on one group."""

    group: str
    report: Report
    currency: str

    def to_json(self) -> dict[str, Any]:
        """The report with the group's name."""
        return {"group": self.group, "currency": self.currency, **self.report.to_json()}


async def survey(tenant: Tenant, groups: list[tuple[Group, Ordered]]) -> list[Survey]:
    """The report on each group, with the answers of all providers on the ledger; raises LedgerError."""
    found = await tenant.suppliers.find()
    offers = await tenant.suppliers.offers(found)
    return [await _survey_one(tenant, group, ordered, offers) for group, ordered in groups]


async def _survey_one(
    tenant: Tenant, group: Group, ordered: Ordered, offers: list[tuple[Supplier, Offer | WeftError]]
) -> Survey:
    demand, currency = read_demand(group), ordered.currency
    rows: list[Row] = []
    known: list[Offer] = []
    answers: dict[str, BindingQuote | WeftError] = {}
    for supplier, offer in offers:
        label = f"{supplier.agent} {supplier.name}".strip()
        if isinstance(offer, WeftError):
            rows.append(Row(label, "reachable", "an answer", offer.sentence, "-"))
            continue
        signed = {}
        if demand.all_of or demand.any_of:
            signed = dict(
                (await asyncio.to_thread(read_audits, tenant.venue, supplier.agent, offer.attributes)).signed
            )
        known.append(replace(offer, name=label, signed=signed))
        try:
            answers[label] = await tenant.suppliers.quote(
                supplier, ordered.spec, currency.token, tenant.account
            )
        except WeftError as error:
            answers[label] = error

    def pricing_of(label: str) -> Pricing:
        said = answers[label]

        def price(request: Request) -> int:
            if isinstance(said, BindingQuote):
                return currency.to_wad(said.price)
            value = said.value
            if isinstance(value, str) and value.isdigit():
                value = int(value)
            raise NoBid(said.sentence, value=value)

        return price

    request = Request(demand, tenant.account.address, currency.name, currency.to_wad(ordered.terms[1]))
    report = explain(request, known, pricing_of)
    return Survey(group.name, Report((*rows, *report.rows), report.bids), currency.name)
