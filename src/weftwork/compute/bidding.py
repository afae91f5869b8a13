"""Bidding: how a provider prices an order, and how a tenant chooses among bids.

A provider's pricing is a Python function, a :class:`Tariff` (so much a CPU, a GiB, a GPU), or a script in the
form that Akash providers use: the order as JSON on standard input, ``AKASH_OWNER`` and ``AKASH_DENOM`` in the
environment, the price a block on standard output, any other exit status or no positive number for "no bid".
A script runs in the sandbox, in bounded time. Prices are wad of the currency per block, rounded up. What is
quoted is what is bid, and what is bid is what the lease pays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from weftwork.compute.error import NoBid
from weftwork.errors import BadUnit
from weftwork.sandbox import Quota, run_sandboxed
from weftwork.spec.placement import Demand, Unit, Volume, match_gpu, parse_gpu
from weftwork.units import WAD, Wad

GIB: Final = 2**30
BLOCKS_A_MONTH: Final = 429_909
"""Blocks of 6.117 s, as upstream's price script counts them."""
SCRIPT_SECONDS: Final = 10.0
PRECISION: Final = 18
"""Decimals of a price in a request: the network token's."""


@dataclass(frozen=True, slots=True)
class Load:
    """An order summed over its replicas: thousandths of a CPU, bytes, GPUs with the kinds that will do."""

    cpu: int
    memory: int
    storage: tuple[tuple[str, int], ...]
    gpus: tuple[tuple[tuple[str, ...], int], ...]
    endpoints: int
    ips: int

    @classmethod
    def of(cls, demand: Demand) -> Load:
        """The sums of a demand."""
        gpus = tuple((unit.gpus, unit.gpu * unit.count) for unit in demand.units if unit.gpu)
        cpu, memory, endpoints, ips = (demand.total(name) for name in ("cpu", "memory", "endpoints", "ips"))
        return cls(cpu, memory, tuple(sorted(demand.storage().items())), gpus, endpoints, ips)


@dataclass(frozen=True)
class Request:
    """One order to be priced: what it asks, who asks, the currency, and the most it pays a block (wad)."""

    demand: Demand
    owner: str
    denom: str
    max_price: int

    @cached_property
    def load(self) -> Load:
        """What the whole order takes."""
        return Load.of(self.demand)

    def to_json(self) -> dict[str, Any]:
        """The object that a pricing script reads."""
        return {
            "resources": [_unit_json(unit) for unit in self.demand.units],
            "price": {"denom": self.denom, "amount": format_wad(self.max_price)},
            "price_precision": PRECISION,
        }

    def pack(self) -> str:
        """All of it as one line of JSON, for another process; :func:`unpack_request` reads it."""
        return json.dumps(asdict(self))


def unpack_request(text: str | bytes) -> Request:
    """What :meth:`Request.pack` wrote."""
    value = json.loads(text)
    asked = value.pop("demand")
    units = tuple(
        Unit(
            **{
                **unit,
                "volumes": tuple(Volume(**volume) for volume in unit["volumes"]),
                "gpus": tuple(unit["gpus"]),
            }
        )
        for unit in asked["units"]
    )
    attributes = tuple((key, its) for key, its in asked["attributes"])
    return Request(Demand(units, attributes, tuple(asked["all_of"]), tuple(asked["any_of"])), **value)


Pricing = Callable[[Request], int | None]
"""A provider's pricing: wad a block, or ``None`` (or nothing positive) for no bid."""


def format_wad(amount: int) -> str:
    """A price with 18 decimals, as the market writes it."""
    whole, rest = divmod(amount, WAD)
    return f"{whole}.{rest:018d}"


def _unit_json(unit: Unit) -> dict[str, Any]:
    vendors: dict[str, dict[str, str]] = {}
    for key in unit.gpus[:1]:
        fields = parse_gpu(key)
        vendors[fields.pop("vendor", "nvidia")] = fields
    gpu: dict[str, Any] = {"units": unit.gpu}
    if vendors:
        gpu["attributes"] = {"vendor": vendors}
    return {
        "memory": unit.memory,
        "cpu": unit.cpu,
        "gpu": gpu,
        "storage": [{"class": _class_of(one.kind), "size": one.size} for one in unit.volumes],
        "count": unit.count,
        "endpoint_quantity": unit.endpoints,
        "ip_lease_quantity": unit.ips,
    }


def _class_of(kind: str) -> str:
    return "ephemeral" if kind == "default" else kind


@dataclass(frozen=True, slots=True)
class Tariff:
    """A linear price: wad a month for a CPU, a GiB of memory or (by class) storage, a GPU by kind, and so on.

    ``gpu_by_kind`` is tried in its order, each key a glob as in an order; ``gpu`` is the price of any other.
    """

    cpu: int
    memory: int
    storage: Mapping[str, int] = field(default_factory=dict)
    gpu: int = 0
    gpu_by_kind: Mapping[str, int] = field(default_factory=dict)
    endpoint: int = 0
    ip: int = 0

    def price(self, load: Load) -> int:
        """Wad a block for the whole order, rounded up."""
        month = self.cpu * load.cpu * GIB + self.memory * load.memory * 1_000
        for kind, size in load.storage:
            month += self.storage.get(kind, 0) * size * 1_000
        rest = self.endpoint * load.endpoints + self.ip * load.ips
        for kinds, units in load.gpus:
            rest += self._gpu(kinds) * units
        month += rest * 1_000 * GIB
        return -(-month // (1_000 * GIB * BLOCKS_A_MONTH))

    def _gpu(self, kinds: tuple[str, ...]) -> int:
        if not self.gpu_by_kind:
            return self.gpu
        priced = self.gpu_by_kind.items()
        return max(
            (price for kind, price in priced if any(match_gpu(kind, g) for g in kinds)), default=self.gpu
        )

    def __call__(self, request: Request) -> int:
        """The tariff as a pricing."""
        return self.price(request.load)


def price_order(pricing: Pricing, request: Request) -> int:
    """A provider's price for an order, wad a block.

    Raises:
        NoBid: the pricing says so, fails, or is over what the order pays.
    """
    try:
        price = pricing(request)
    except NoBid:
        raise
    except Exception as error:
        raise NoBid(f"the pricing failed: {type(error).__name__}: {error}"[:200]) from error
    return check_price(price, request)


async def price_by_script(
    script: str | bytes,
    request: Request,
    *,
    settings: Mapping[str, str] | None = None,
    read_only: Iterable[Path] = (),
    seconds: float = SCRIPT_SECONDS,
) -> int:
    """The price that a pricing script gives, run in the sandbox for ``seconds`` at most.

    ``settings`` are further environment variables (``PRICE_TARGET_CPU``...); ``read_only`` are folders that
    the script's interpreter needs.

    Raises:
        NoBid: the script says so, fails, hangs, writes no positive number, or one over what the order pays.
    """
    body = script.encode() if isinstance(script, str) else script
    given = {**(settings or {}), "AKASH_OWNER": request.owner, "AKASH_DENOM": request.denom}
    argv = ["/usr/bin/env", *(f"{name}={value}" for name, value in given.items())]
    outcome = await run_sandboxed(
        [*argv, *_interpreter(body), "/job/price"],
        stdin=json.dumps(request.to_json()).encode(),
        files={"price": body},
        read_only=read_only,
        quota=Quota(seconds=seconds, cpu_seconds=max(1, int(seconds)), output_bytes=65_536),
    )
    if outcome.why != "exited":
        raise NoBid(f"the pricing script was stopped: {outcome.why}", value=seconds)
    if not outcome.ok:
        said = outcome.stderr.decode(errors="replace").strip()[-200:]
        raise NoBid(f"the pricing script exited with status {outcome.status}: {said}", value=outcome.status)
    text = outcome.stdout.decode(errors="replace").strip().strip('"')
    try:
        price = int(Wad.parse(text))
    except BadUnit as error:
        raise NoBid("the pricing script wrote no price", value=text[:80]) from error
    return check_price(price, request)


def _interpreter(body: bytes) -> list[str]:
    first = body.split(b"\n", 1)[0]
    if not first.startswith(b"#!"):
        return ["/bin/sh"]
    return first[2:].decode(errors="replace").split()


def check_price(price: object, request: Request) -> int:
    """A price as a bid may carry it: whole, positive, and no more than the order pays; else NoBid."""
    if price is None:
        raise NoBid("the provider makes no bid")
    if isinstance(price, bool) or not isinstance(price, int):
        raise NoBid(f"the pricing gave a {type(price).__name__}, where a price is whole wad a block")
    value = price if price.bit_length() <= 256 else None  # longer ones cannot even be written in decimals
    if price <= 0:
        raise NoBid("the provider makes no bid", value=value)
    if price > request.max_price:
        raise NoBid("the price is over the order's", value=value)
    return price


@dataclass(frozen=True, slots=True)
class Candidate:
    """An open bid: wad a block, the provider's score (higher is better), audited or not."""

    agent: int
    price: int
    score: int = 0
    audited: bool = False


Policy = Callable[[Sequence[Candidate]], Candidate | None]
"""A tenant's choice among bids; ``None`` waits for more."""


def choose_cheapest(bids: Sequence[Candidate]) -> Candidate | None:
    """The lowest price; of equals the better score, then the lower agent number."""
    return min(bids, key=lambda one: (one.price, -one.score, one.agent), default=None)


def choose_best(bids: Sequence[Candidate]) -> Candidate | None:
    """The best score; of equals the lower price, then the lower agent number."""
    return min(bids, key=lambda one: (-one.score, one.price, one.agent), default=None)


def choose_value(bids: Sequence[Candidate]) -> Candidate | None:
    """The most score for the price: the largest ``score / price``."""
    best: Candidate | None = None
    for one in sorted(bids, key=lambda one: (one.price, one.agent)):
        if best is None or one.score * best.price > best.score * one.price:
            best = one
    return best


def only_audited(policy: Policy = choose_cheapest) -> Policy:
    """The same policy among audited providers."""
    return lambda bids: policy([one for one in bids if one.audited])


def by_hand(agent: int) -> Policy:
    """The bid of that provider, once it is there."""
    return lambda bids: next((one for one in bids if one.agent == agent), None)


POLICIES: Final[Mapping[str, Policy]] = {
    "cheapest": choose_cheapest,
    "best": choose_best,
    "value": choose_value,
    "audited": only_audited(),
}
