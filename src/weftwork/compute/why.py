"""Why no bid: for one order, every provider and every constraint it fails, and by how much.

The answer that tenants of other markets never get. :func:`explain` is a table with one row for each provider
and constraint; :func:`summarise` says which constraints cost most bids, and what the least change would win.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from weftwork.compute.bidding import Request, format_wad, price_order
from weftwork.compute.error import NoBid
from weftwork.compute.quote import PricingOf
from weftwork.spec.placement import Failure, Offer, find_failures

_BYTES: Final = ("memory", "memory on one machine")


@dataclass(frozen=True, slots=True)
class Row:
    """One provider against one constraint; ``short`` is how much is missing, in the constraint's unit."""

    provider: str
    constraint: str
    wanted: str
    has: str
    short: str

    def to_json(self) -> dict[str, str]:
        """The row as an object."""
        return {name: getattr(self, name) for name in ("provider", "constraint", "wanted", "has", "short")}


@dataclass(frozen=True, slots=True)
class Report:
    """Rows for those that cannot or do not bid; ``bids`` are (provider, wad a block) of those that do."""

    rows: tuple[Row, ...]
    bids: tuple[tuple[str, int], ...]

    @property
    def near(self) -> tuple[Row, ...]:
        """The rows of providers that fail one constraint only: what one change would win."""
        counts = Counter(row.provider for row in self.rows)
        return tuple(row for row in self.rows if counts[row.provider] == 1)

    def to_json(self) -> dict[str, Any]:
        """The report as an object."""
        return {
            "bids": [{"provider": name, "price": str(price)} for name, price in self.bids],
            "rows": [row.to_json() for row in self.rows],
        }


def explain(request: Request, offers: Iterable[Offer], pricing_of: PricingOf) -> Report:
    """The report on an order: constraints first, and the price of whoever meets them all."""
    rows: list[Row] = []
    bids: list[tuple[str, int]] = []
    for offer in offers:
        failures = find_failures(request.demand, offer)
        rows += [_row(offer.name, failure) for failure in failures]
        if failures:
            continue
        try:
            bids.append((offer.name, price_order(pricing_of(offer.name), request)))
        except NoBid as refusal:
            rows.append(_price_row(offer.name, refusal, request.max_price))
    return Report(tuple(rows), tuple(sorted(bids, key=lambda bid: (bid[1], bid[0]))))


def summarise(report: Report) -> list[str]:
    """Sentences: how many bid, what keeps the others, and what one change would win."""
    barred = {row.provider for row in report.rows}
    out = [f"{len(report.bids)} of {len(report.bids) + len(barred)} providers bid"]
    for constraint, count in Counter(row.constraint for row in report.rows).most_common():
        alone = sum(row.constraint == constraint for row in report.near)
        only = f", {alone} of them by nothing else" if alone else ""
        out.append(f"{count} kept away by {constraint}{only}")
    return out


def format_table(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    head = ("provider", "constraint", "wanted", "has", "short")
    cells = [head, *((r.provider, r.constraint, r.wanted, r.has, r.short) for r in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _row(provider: str, failure: Failure) -> Row:
    def show(value: Any) -> str:
        return "-" if value is None else _format(failure.constraint, value)

    return Row(provider, failure.constraint, show(failure.wanted), show(failure.has), show(failure.short))


def _price_row(provider: str, refusal: NoBid, most: int) -> Row:
    if isinstance(refusal.value, int) and not isinstance(refusal.value, bool) and refusal.value > most:
        over = format_wad(refusal.value - most)
        return Row(provider, "price", f"at most {format_wad(most)}", format_wad(refusal.value), over)
    return Row(provider, "pricing", "a price", refusal.sentence, "-")


def _format(constraint: str, value: Any) -> str:
    if not isinstance(value, int):
        return str(value)
    if constraint in _BYTES or constraint.startswith("storage "):
        return _format_bytes(value)
    if constraint.startswith("cpu"):
        return f"{value / 1000:g} CPU"
    return f"{value}"


def _format_bytes(size: int) -> str:
    for power, unit in ((40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")):
        if size >= 1 << power:
            return f"{size / (1 << power):.4g}{unit}"
    return f"{size}B"
