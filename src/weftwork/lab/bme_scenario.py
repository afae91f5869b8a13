"""A scenario of burn and mint, read from TOML: every number becomes an exact integer, every fault has its
field.

Dollars and tokens are written as decimals and kept as wads, rates are written as fractions (0.3 is 30 %) and
kept as bps.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from weftwork.errors import BadConfig, BadScenario
from weftwork.spec.bme import BPS, WAD, Rules, Schedule, Shares
from weftwork.spec.bme_preset import PRESETS, Preset, find_preset

MAX_BYTES: Final = 100_000
MAX_YEARS: Final = 100
MAX_EPOCHS: Final = 400
MAX_NUMBER: Final = 10**15
PATHS: Final = ("constant", "growth", "equilibrium")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is assumed: rules, years, demand, price path, nodes. Amounts are wads, rates bps.

    Attributes:
        preset: the rules, by month where they change.
        supply: tokens that circulate at the start.
        price: dollars for a token at the start.
        path: ``constant``; ``growth`` by ``price_growth`` a year; or ``equilibrium``: each epoch the price
        goes
            ``pull`` of the way to the one at which as much is burnt as minted.
        demand: dollars spent a year at the start; it grows by ``demand_growth`` a year.
        tapers: demand growth falls by that part of itself each year.
        nodes: how many there are at the start; each costs ``node_cost`` dollars a year.
        entry: how strongly nodes follow profit: a year's surplus of 100 % raises their number by that part.
        requesters_bps: part of the spending that claims its rebate; ``staked``: whether liquidity is staked.
    """

    name: str
    preset: Preset
    years: int
    supply: int
    price: int
    path: str
    price_growth: int
    pull: int
    demand: int
    demand_growth: int
    tapers: int
    nodes: int
    node_cost: int
    entry: int
    requesters_bps: int = BPS
    staked: bool = True
    assumptions: dict[str, Any] = field(default_factory=dict)


def read_scenario(path: Path) -> Scenario:
    """The scenario in a file.

    Raises:
        BadScenario: it cannot be read, is not TOML, or a field is missing, unknown or out of its range.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadScenario(
            f"cannot read {path}: {error.strerror}", value=str(path), hint="examples/bme holds scenarios"
        ) from error
    if len(data) > MAX_BYTES:
        raise BadScenario(f"{path} is longer than {MAX_BYTES} bytes", value=str(path))
    return parse_scenario(data, path.stem)


def parse_scenario(data: bytes, name: str = "scenario") -> Scenario:
    """The scenario in some TOML; raises as :func:`read_scenario`."""
    try:
        raw = tomllib.loads(data.decode("utf-8"), parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise BadScenario(f"{name} is not UTF-8 text", value=name) from error
    except (tomllib.TOMLDecodeError, RecursionError, InvalidOperation, ValueError) as error:
        raise BadScenario(f"{name} is not TOML: {error}", value=name) from error
    top = _Table("", raw)
    token, demand, nodes = (_Table(key, top.table(key)) for key in ("token", "demand", "nodes"))
    preset = _read_preset(top)
    years = top.count("years", 1, MAX_YEARS)
    path = token.choice("path", PATHS, "constant")
    scenario = Scenario(
        name=top.text("name", name),
        preset=preset,
        years=years,
        supply=token.wad("supply"),
        price=token.wad("price"),
        path=path,
        price_growth=token.bps("growth", low=-9_000, high=100_000) if path == "growth" else 0,
        pull=token.bps("pull", 500, high=BPS) if path == "equilibrium" else 0,
        demand=demand.wad("dollars_a_year"),
        demand_growth=demand.bps("growth", 0, low=-9_000, high=100_000),
        tapers=demand.bps("tapers", 0, high=BPS),
        nodes=nodes.count("count", 1, 10**9),
        node_cost=nodes.wad("cost_a_year"),
        entry=nodes.bps("entry", 0, high=BPS),
        requesters_bps=demand.bps("claims_rebate", BPS, high=BPS),
        staked=token.flag("liquidity_staked", True),
        assumptions=_plain(raw),
    )
    for table in (token, demand, nodes, top):
        table.close()
    if scenario.price == 0:
        raise BadScenario("token.price: above zero is wanted", value=0)
    if scenario.demand == 0:
        raise BadScenario("demand.dollars_a_year: above zero is wanted", value=0)
    return scenario


def _read_preset(top: _Table) -> Preset:
    rules = _Table("rules", top.table("rules", {}))
    try:
        preset = find_preset(top.text("preset", "render-year-1"))
        schedule = preset.rules.schedule
        if rules.has("supply"):
            preset = preset.scaled(rules.wad("supply"))
        if rules.has("shares"):
            shares = _Table("rules.shares", rules.table("shares"))
            given = {name: shares.bps(name, 0, high=BPS) for name in ("jobs", "availability")}
            given |= {name: shares.bps(name, 0, high=BPS) for name in ("requesters", "liquidity")}
            shares.close()
            preset = Preset(replace(preset.rules, shares=Shares(**given)))
        launch = rules.get("launch", None)
        if launch is not None:
            if not isinstance(launch, list):
                raise BadScenario("rules.launch: a list of fractions is wanted", value=str(launch)[:80])
            rates = tuple(_to_bps(rate, f"rules.launch[{k}]", 0, BPS) for k, rate in enumerate(launch))
            schedule = replace(preset.rules.schedule, launch=rates)
        else:
            schedule = preset.rules.schedule
        schedule = Schedule(
            schedule.supply,
            schedule.launch,
            rules.bps("damping", schedule.damping * 10, low=10, high=9_990) // 10,
            rules.count("epochs_a_year", 1, MAX_EPOCHS, schedule.epochs),
        )
        old = preset.rules
        changed: Rules = replace(
            old,
            schedule=schedule,
            fee_bps=rules.bps("fee", old.fee_bps, high=BPS - 1),
            rebate_bps=rules.bps("rebate", old.rebate_bps, high=BPS),
            carry_bps=rules.bps("carry", old.carry_bps, high=BPS),
            recycle_bps=rules.bps("recycle", old.recycle_bps, high=BPS),
            recycle_cap_bps=rules.bps("recycle_cap", old.recycle_cap_bps, high=BPS),
            job_cap=rules.wad("job_cap", old.job_cap),
            availability_cap=rules.wad("availability_cap", old.availability_cap),
        )
    except BadConfig as error:
        raise BadScenario(f"rules: {error.sentence}", value=error.value, hint=error.hint or None) from error
    rules.close()
    return replace(preset, rules=changed)


class _Table:
    """One table of the file: typed reads by field, and what nobody read is an error."""

    def __init__(self, name: str, raw: dict[str, Any]) -> None:
        self._name, self._raw, self._seen = name, raw, set[str]()

    def _at(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def has(self, key: str) -> bool:
        return key in self._raw

    def get(self, key: str, default: Any = ...) -> Any:
        self._seen.add(key)
        if key in self._raw:
            return self._raw[key]
        if default is ...:
            raise BadScenario(f"{self._at(key)}: this field is missing", value=self._at(key))
        return default

    def close(self) -> None:
        unknown = sorted(set(self._raw) - self._seen)
        if unknown:
            known = ", ".join(sorted(self._seen))
            raise BadScenario(
                f"{self._at(unknown[0])}: there is no such field",
                value=unknown[0],
                hint=f"known here: {known}",
            )

    def table(self, key: str, default: Any = ...) -> dict[str, Any]:
        value = self.get(key, default)
        if not isinstance(value, dict):
            raise BadScenario(f"{self._at(key)}: a table is wanted", value=str(value)[:80])
        return value

    def text(self, key: str, default: str) -> str:
        value = self.get(key, default)
        if not isinstance(value, str) or not 0 < len(value) <= 80 or not value.isprintable():
            raise BadScenario(
                f"{self._at(key)}: a text of 1 to 80 characters is wanted", value=str(value)[:80]
            )
        return value

    def choice(self, key: str, known: tuple[str, ...], default: str) -> str:
        value = self.get(key, default)
        if value not in known:
            raise BadScenario(f"{self._at(key)}: one of {', '.join(known)} is wanted", value=str(value)[:80])
        return str(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise BadScenario(f"{self._at(key)}: true or false is wanted", value=str(value)[:80])
        return value

    def count(self, key: str, low: int, high: int, default: Any = ...) -> int:
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadScenario(
                f"{self._at(key)}: a whole number of {low} to {high} is wanted", value=str(value)[:80]
            )
        return value

    def wad(self, key: str, default: Any = ...) -> int:
        if default is not ... and key not in self._raw:
            self._seen.add(key)
            return int(default)
        number = _to_decimal(self.get(key), self._at(key))
        if not 0 <= number <= MAX_NUMBER:
            raise BadScenario(f"{self._at(key)}: 0 to {MAX_NUMBER} is wanted", value=str(number)[:80])
        return int(number * WAD)

    def bps(self, key: str, default: Any = ..., *, low: int = 0, high: int) -> int:
        if default is not ... and key not in self._raw:
            self._seen.add(key)
            return int(default)
        return _to_bps(self.get(key), self._at(key), low, high)


def _to_decimal(value: Any, at: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not Decimal(value).is_finite():
        raise BadScenario(f"{at}: a number is wanted", value=str(value)[:80])
    return Decimal(value)


def _to_bps(value: Any, at: str, low: int, high: int) -> int:
    number = _to_decimal(value, at)
    if not Decimal(low) / BPS <= number <= Decimal(high) / BPS:
        raise BadScenario(
            f"{at}: {Decimal(low) / BPS} to {Decimal(high) / BPS} is wanted", value=str(value)[:80]
        )
    if number * BPS != int(number * BPS):
        raise BadScenario(f"{at}: at most four decimals are wanted", value=str(value)[:80])
    return int(number * BPS)


def _plain(value: Any) -> Any:
    """The file's content with decimals as text, for the report."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, bool)) else str(value)


def list_presets() -> list[str]:
    """The names that ``preset`` may have."""
    return list(PRESETS)
