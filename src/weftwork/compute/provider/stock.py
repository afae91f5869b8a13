"""What a provider has, and what of it is free: bids and leases take their part until they end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from weftwork.errors import BadConfig
from weftwork.spec.placement import Attributes, Demand, Failure, Offer, find_failures

AMOUNTS = ("cpu", "memory", "gpu", "endpoints", "ips")


class Stock:
    """An offer, less what orders hold of it."""

    def __init__(self, offer: Offer) -> None:
        self.whole = offer
        self._held: dict[int, Demand] = {}

    def sign(self, signed: Mapping[str, Attributes]) -> None:
        """Note what auditors signed of this provider."""
        if dict(self.whole.signed) != dict(signed):
            self.whole = replace(self.whole, signed=dict(signed))

    def hold(self, order: int, demand: Demand) -> None:
        """Keep what an order asks for; asking again changes nothing."""
        self._held.setdefault(order, demand)

    def release(self, order: int) -> None:
        """Give back what an order held; nothing happens where it held nothing."""
        self._held.pop(order, None)

    @property
    def free(self) -> Offer:
        """The offer less everything held, never below zero."""
        held = self._held.values()
        amounts: dict[str, Any] = {
            name: max(int(getattr(self.whole, name)) - sum(one.total(name) for one in held), 0)
            for name in AMOUNTS
        }
        storage = dict(self.whole.storage)
        for one in held:
            for kind, size in one.storage().items():
                storage[kind] = max(storage.get(kind, 0) - size, 0)
        return replace(self.whole, storage=storage, **amounts)

    def find_failures(self, demand: Demand) -> list[Failure]:
        """What of ``demand`` cannot be met now."""
        return find_failures(demand, self.free)


def offer_json(offer: Offer) -> dict[str, Any]:
    """An offer as :func:`weftwork.compute.matching.read_offer` reads it."""
    out: dict[str, Any] = {name: int(getattr(offer, name)) for name in AMOUNTS}
    for name in ("node_cpu", "node_memory", "node_gpu"):
        if getattr(offer, name) is not None:
            out[name] = int(getattr(offer, name))
    return out | {"storage": dict(offer.storage), "attributes": dict(offer.attributes)}


def read_attributes(pairs: Iterable[str]) -> Attributes:
    """``key=value`` as typed, sorted; raises BadConfig."""
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip() or not value.strip() or len(pair) > 256:
            raise BadConfig(
                f"the attribute {pair[:60]!r} is no key=value",
                value=pair[:60],
                hint="--attribute region=eu-west",
            )
        found[key.strip()] = value.strip()
    return tuple(sorted(found.items()))


def read_amounts(text: str) -> dict[str, int]:
    """``cpu=4,memory=8Gi,storage=100Gi,gpu=0`` in thousandths of a CPU and bytes; raises BadConfig."""
    from weftwork.compute.sdl.quantity import parse_cpu, parse_size

    found: dict[str, int] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, amount = part.partition("=")
        if name == "cpu":
            value = parse_cpu(amount)
        elif name in ("memory", "storage") or name.startswith("storage/"):
            value = parse_size(amount, decimal=True)
        elif name in ("gpu", "endpoints", "ips"):
            value = int(amount) if amount.isdigit() else None
        else:
            value = None
        if value is None or value < 0:
            raise BadConfig(
                f"the amount {part[:60]!r} cannot be read",
                value=part[:60],
                hint="--offer cpu=4,memory=8Gi,storage=100Gi,gpu=0",
            )
        found[name] = value
    return found


def make_offer(name: str, has: Mapping[str, int], attributes: Attributes) -> Offer:
    """An offer of amounts as :func:`read_amounts` gives them; ``storage`` alone is class ``default``."""
    storage = {
        key.partition("/")[2] or "default": size
        for key, size in has.items()
        if key.split("/")[0] == "storage"
    }
    return Offer(
        name,
        has.get("cpu", 0),
        has.get("memory", 0),
        storage,
        has.get("gpu", 0),
        endpoints=has.get("endpoints", 1_000),
        ips=has.get("ips", 0),
        attributes=attributes,
    )
