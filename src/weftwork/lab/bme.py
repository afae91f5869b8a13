"""``weft lab bme``: years of burn and mint under assumed demand, by the same functions as the protocol's.

All amounts are wads and exact; only what is drawn is rounded. Requesters, nodes and providers of liquidity
are one claimant each: the split within a group is the protocol's, and this study is about the groups.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from weftwork.errors import BadConfig
from weftwork.lab.bme_scenario import Scenario
from weftwork.spec.bme import (
    BPS,
    WAD,
    Activity,
    Book,
    burn,
    credits_for,
    settle_epoch,
    split_payment,
    tokens_for,
)

ALL: Final = "all"
MIN_PRICE: Final = 10**6
"""A price never falls below this (10**-12 dollars), so that it can come back."""


@dataclass(frozen=True, slots=True)
class Row:
    """One epoch. Tokens and dollars are wads; what is a year's pace says so.

    Attributes:
        supply: tokens that circulate at its end.
        price: dollars for a token during it.
        demand: dollars spent in it.
        burnt, fee: what of the payments was burnt, and the operator's.
        minted: what was minted, recycled tokens included.
        jobs, availability, rebates, liquidity, reserve: what each group was paid.
        carried: what the pools keep.
        nodes: how many there were.
        node_income: dollars a year for one node at this epoch's pace; ``node_cost`` is what it costs.
        balance_price: the price at which this epoch burns what it mints.
        job_return: dollars minted to nodes for a dollar that was burnt for them, bps.
    """

    epoch: int
    year: int
    supply: int
    price: int
    demand: int
    burnt: int
    fee: int
    minted: int
    jobs: int
    availability: int
    rebates: int
    liquidity: int
    reserve: int
    carried: int
    nodes: int
    node_income: int
    balance_price: int
    job_return: int


@dataclass(frozen=True, slots=True)
class Study:
    """A scenario's epochs, and what there is to say about them."""

    scenario: Scenario
    rows: list[Row]

    def by_year(self) -> list[Row]:
        """One row a year: flows are summed, levels are the year's last, prices and incomes its mean."""
        out = []
        per_year = self.scenario.preset.rules.schedule.epochs
        for start in range(0, len(self.rows), per_year):
            part = self.rows[start : start + per_year]
            sums = {name: sum(getattr(row, name) for row in part) for name in FLOWS}
            means = {name: sum(getattr(row, name) for row in part) // len(part) for name in MEANS}
            out.append(replace(part[-1], **sums, **means))
        return out

    def find_equilibrium(self) -> dict[str, Any]:
        """Where burning meets minting, and income meets cost; years count from 1, None where never.

        ``supply_year``: the first year from which the supply never grows again. ``peak_supply``: its largest.
        ``nodes_year``: the first year from which a node's income stays within 5 % of its cost.
        ``farming_years``: the years in which a dollar burnt for one's own node returned a dollar or more.
        """
        years = self.by_year()
        cost = self.scenario.node_cost
        near = [abs(row.node_income - cost) * 20 <= cost for row in years]
        falling = [row.burnt >= row.minted for row in years]
        return {
            "supply_year": _holds_from(falling),
            "peak_supply": max(row.supply for row in self.rows),
            "end_supply": self.rows[-1].supply,
            "balance_price": years[-1].balance_price,
            "nodes_year": _holds_from(near),
            "end_nodes": self.rows[-1].nodes,
            "farming_years": [row.year for row in years if row.job_return >= BPS],
        }

    def to_json(self) -> dict[str, Any]:
        """The whole study as an object; amounts are decimal texts of whole units."""
        found = self.find_equilibrium()
        for name in ("peak_supply", "end_supply", "balance_price"):
            found[name] = show(found[name])
        return {
            "scenario": self.scenario.name,
            "assumptions": self.scenario.assumptions,
            "equilibrium": found,
            "years": [_row_json(row) for row in self.by_year()],
        }

    def to_csv(self) -> str:
        """Every epoch, one line each."""
        out = io.StringIO()
        writer = csv.DictWriter(out, [one.name for one in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(_row_json(row) for row in self.rows)
        return out.getvalue()


FLOWS: Final = (
    "demand",
    "burnt",
    "fee",
    "minted",
    "jobs",
    "availability",
    "rebates",
    "liquidity",
    "reserve",
)
MEANS: Final = ("price", "node_income", "balance_price", "job_return")
PLAIN: Final = {"epoch", "year", "nodes", "job_return"}
"""Columns that are no wads."""


def show(value: int, places: int = 6) -> str:
    """A wad as a decimal text, cut to ``places``."""
    sign, (whole, rest) = "-" if value < 0 else "", divmod(abs(value), WAD)
    cut = f"{rest:018d}"[:places].rstrip("0")
    return f"{sign}{whole}.{cut}" if cut else f"{sign}{whole}"


def _row_json(row: Row) -> dict[str, Any]:
    return {name: value if name in PLAIN else show(value) for name, value in asdict(row).items()}


def _holds_from(flags: Sequence[bool]) -> int | None:
    """The first year (from 1) from which the flag holds to the end."""
    year = len(flags)
    while year and flags[year - 1]:
        year -= 1
    return year + 1 if year < len(flags) else None


def grow(levels: list[int], rate: int, tapers: int, years: int) -> list[int]:
    """A level for each year and one more: ``x (1 + rate)``, in bps, the rate falling by ``tapers`` of it."""
    for _ in range(years):
        levels.append(levels[-1] * (BPS + rate) // BPS)
        rate -= rate * tapers // BPS
    return levels


def between(levels: list[int], year: int, place: int, epochs: int) -> int:
    """The level in an epoch, on the line from its year's start to the next."""
    return levels[year] + (levels[year + 1] - levels[year]) * place // epochs


def run_scenario(scenario: Scenario) -> Study:
    """All epochs of a scenario, exact and the same each time.

    Raises:
        BadConfig: prices or demand grow beyond what is a number of money (2**200).
    """
    per_year = scenario.preset.rules.schedule.epochs
    demands = grow([scenario.demand], scenario.demand_growth, scenario.tapers, scenario.years)
    prices = grow([scenario.price], scenario.price_growth, 0, scenario.years)
    if max(demands + prices) >> 200:
        raise BadConfig(
            "demand or price grows beyond all money", value=scenario.name, hint="lower a growth or the years"
        )
    book, supply, nodes, price = Book(), scenario.supply, scenario.nodes * BPS, scenario.price
    rows = []
    for epoch in range(scenario.years * per_year):
        year, place = divmod(epoch, per_year)
        rules = scenario.preset.rules_at(place)
        if scenario.path == "growth":
            price = between(prices, year, place, per_year)
        demand = between(demands, year, place, per_year) // per_year
        paid = tokens_for(demand, price)
        book, destroyed, retired, fee = burn(book, paid, rules)
        claims = paid * scenario.requesters_bps // BPS
        book, payout = settle_epoch(
            book,
            Activity(
                work={ALL: credits_for(paid, price)},
                spent={ALL: claims},
                ready={ALL: 1},
                staked={ALL: 1} if scenario.staked else {},
            ),
            rules,
        )
        burnt = destroyed + retired
        supply += payout.paid.total - burnt
        income = credits_for(payout.paid.jobs + payout.paid.availability, price)
        node_income = income * per_year * BPS // nodes
        issued = payout.minted + payout.recycled
        burnt_dollars = split_payment(demand, rules.fee_bps)[0]
        balance = burnt_dollars * WAD // issued if issued else price
        rows.append(
            Row(
                epoch=epoch,
                year=year + 1,
                supply=supply,
                price=price,
                demand=demand,
                burnt=burnt,
                fee=fee,
                minted=issued,
                jobs=payout.paid.jobs,
                availability=payout.paid.availability,
                rebates=payout.paid.requesters,
                liquidity=payout.paid.liquidity,
                reserve=payout.paid.reserve,
                carried=book.carried.total,
                nodes=nodes // BPS,
                node_income=node_income,
                balance_price=balance,
                job_return=payout.paid.jobs * BPS // burnt if burnt else 0,
            )
        )
        nodes = follow(nodes, node_income, scenario, per_year)
        if scenario.path == "equilibrium":
            price = max(price + (balance - price) * scenario.pull // BPS, MIN_PRICE)
    return Study(scenario, rows)


def follow(nodes: int, income: int, scenario: Scenario, per_year: int) -> int:
    """Nodes (ten-thousandths) after an epoch: ``n (1 + entry surplus / epochs)``, surplus held in [-1, 1];
    one node always stays.
    """
    cost = scenario.node_cost
    surplus = BPS if cost == 0 else max(min((income - cost) * BPS // cost, BPS), -BPS)
    return max(nodes + nodes * scenario.entry * surplus // (BPS * BPS * per_year), BPS)


def write_study(study: Study, folder: Path) -> list[Path]:
    """Write the table (CSV by epoch, JSON by year) and the chart (SVG) into ``folder``; returns the paths."""
    from weftwork.lab.chart import Line, Panel, draw_chart

    years = study.by_year()

    def line(label: str, name: str) -> Line:
        return Line(label, [getattr(row, name) / WAD for row in years])

    cost = Line("cost of a node", [study.scenario.node_cost / WAD] * len(years))
    panels = [
        Panel("Supply, tokens", [line("circulating", "supply")]),
        Panel("Burnt and minted, tokens a year", [line("burnt", "burnt"), line("minted", "minted")]),
        Panel("Price, dollars", [line("assumed", "price"), line("burn meets mint", "balance_price")]),
        Panel("Income of a node, dollars a year", [line("income", "node_income"), cost]),
    ]
    chart = draw_chart(study.scenario.name, panels, [row.year for row in years])
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "table.csv": study.to_csv(),
        "study.json": json.dumps(study.to_json(), indent=2) + "\n",
        "chart.svg": chart,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]
