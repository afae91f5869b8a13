"""Matching: which of many providers can take an order, in one pass over arrays.

:class:`Directory` keeps what providers offer by column; :meth:`Directory.match` is true exactly where
:func:`weftwork.spec.placement.find_failures` finds nothing, and a test says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weftwork.spec.placement import GPU_PREFIX, Attributes, Demand, Offer, Unit, Volume, match_glob, match_gpu

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from weftwork.compute.sdl.model import Group, Resource

    Mask = npt.NDArray[np.bool_]

LEASED_IP = 2
"""The kind of an SDL endpoint that is an address of its own."""
AMOUNTS = ("cpu", "memory", "gpu", "endpoints", "ips")
NODE_AMOUNTS = ("cpu", "memory", "gpu")
UNBOUNDED = 2**62
"""A machine whose size is not told; amounts beyond are refused by every provider."""


def read_demand(group: Group) -> Demand:
    """What a group of a deployment file asks of a provider; volumes of class ``ram`` count as memory."""
    units = tuple(_read_unit(unit.resource, unit.count) for unit in group.units)
    return Demand(units, group.attributes, tuple(group.all_of or ()), tuple(group.any_of or ()))


def _read_unit(resource: Resource, count: int) -> Unit:
    volumes, memory = [], resource.memory
    for volume in resource.storage:
        attributes = dict(volume.attributes)
        kind = attributes.get("class", "default")
        if kind == "ram":
            memory += volume.size
        else:
            volumes.append(Volume(volume.size, kind, attributes.get("persistent") == "true"))
    return Unit(
        count,
        resource.cpu,
        memory,
        tuple(volumes),
        resource.gpu,
        tuple(key for key, value in resource.gpu_attributes if value == "true"),
        sum(endpoint.kind != LEASED_IP for endpoint in resource.endpoints),
        sum(endpoint.kind == LEASED_IP for endpoint in resource.endpoints),
    )


class _Index:
    """Which providers have an attribute: by key, then value, the places as one array."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.by_key: dict[str, dict[str, list[int]]] = {}

    def add(self, place: int, attributes: Iterable[tuple[str, str]]) -> None:
        for key, value in attributes:
            self.by_key.setdefault(key, {}).setdefault(value, []).append(place)

    def find(self, key: str, value: str) -> Mask:
        """Where some key that the glob ``key`` matches has ``value``."""
        return self.any_key(lambda name: match_glob(key, name), value)

    def any_key(self, matches: Callable[[str], bool], value: str) -> Mask:
        """Where some key for which ``matches`` holds has ``value``."""
        import numpy as np

        mask = np.zeros(self.size, bool)
        for name, values in self.by_key.items():
            if value in values and matches(name):
                mask[values[value]] = True
        return mask

    def cover(self, attributes: Attributes) -> Mask:
        """Where all attributes are."""
        import numpy as np

        mask = np.ones(self.size, bool)
        for key, value in attributes:
            mask &= self.find(key, value)
        return mask


class Directory:
    """What providers offer, by column; places are those of ``offers``."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        import numpy as np

        self.offers = list(offers)
        size = len(self.offers)
        self._amounts = {name: self._column(getattr(one, name) for one in self.offers) for name in AMOUNTS}
        nodes = {name: [getattr(one, f"node_{name}") for one in self.offers] for name in NODE_AMOUNTS}
        self._nodes = {
            name: self._column(UNBOUNDED if node is None else node for node in column)
            for name, column in nodes.items()
        }
        kinds = sorted({kind for one in self.offers for kind in one.storage})
        self._storage = {
            kind: self._column(one.storage.get(kind, 0) for one in self.offers) for kind in kinds
        }
        self._none = np.zeros(size, np.int64)
        self._own = _Index(size)
        self._signed: dict[str, _Index] = {}
        self._signer: dict[str, list[int]] = {}
        for place, one in enumerate(self.offers):
            self._own.add(place, one.attributes)
            for auditor, attributes in one.signed.items():
                self._signed.setdefault(auditor, _Index(size)).add(place, attributes)
                self._signer.setdefault(auditor, []).append(place)

    def __len__(self) -> int:
        return len(self.offers)

    def match(self, demand: Demand) -> Mask:
        """Where the provider can take the whole order: [providers] of bool."""
        import numpy as np

        mask = np.ones(len(self.offers), bool)
        for name in AMOUNTS:
            if wanted := demand.total(name):
                mask &= self._amounts[name] >= min(wanted, UNBOUNDED + 1)
        for name in NODE_AMOUNTS:
            largest = max((int(getattr(unit, name)) for unit in demand.units), default=0)
            if largest:
                mask &= self._nodes[name] >= min(largest, UNBOUNDED + 1)
        for kind, wanted in demand.storage().items():
            mask &= self._storage.get(kind, self._none) >= min(wanted, UNBOUNDED + 1)
        mask &= self._match_trust(demand)
        for gpus in {unit.gpus for unit in demand.units if unit.gpu and unit.gpus}:
            mask &= self._match_gpus(gpus)
        return mask

    def find(self, demand: Demand) -> list[Offer]:
        """The providers that can take the order, in their order."""
        return [self.offers[place] for place in self.match(demand).nonzero()[0]]

    def _match_trust(self, demand: Demand) -> Mask:
        import numpy as np

        if not demand.all_of and not demand.any_of:
            return self._own.cover(demand.attributes)
        mask = np.ones(len(self.offers), bool)
        for auditor in demand.all_of:
            mask &= self._covered(auditor, demand.attributes)
        if demand.any_of:
            some = np.zeros(len(self.offers), bool)
            for auditor in demand.any_of:
                some |= self._covered(auditor, demand.attributes)
            mask &= some
        return mask

    def _covered(self, auditor: str, attributes: Attributes) -> Mask:
        import numpy as np

        mask = np.zeros(len(self.offers), bool)
        if auditor in self._signed:
            mask[self._signer[auditor]] = True
            mask &= self._signed[auditor].cover(attributes)
        return mask

    def _match_gpus(self, gpus: tuple[str, ...]) -> Mask:
        def matches(name: str) -> bool:
            return name.startswith(GPU_PREFIX) and any(match_gpu(wanted, name) for wanted in gpus)

        return self._own.any_key(matches, "true")

    @staticmethod
    def _column(values: Iterable[int]) -> Any:
        import numpy as np

        return np.array([min(int(value), UNBOUNDED) for value in values], np.int64)


def read_offer(name: str, given: Mapping[str, Any]) -> Offer:
    """An offer from a provider's JSON: amounts, ``storage`` by class, ``attributes`` by key."""
    attributes = tuple(sorted((str(key), str(value)) for key, value in given.get("attributes", {}).items()))
    amounts = {
        name: int(given[name]) for name in (*AMOUNTS, *(f"node_{n}" for n in NODE_AMOUNTS)) if name in given
    }
    storage = {str(kind): int(size) for kind, size in given.get("storage", {}).items()}
    base: dict[str, Any] = {"cpu": 0, "memory": 0} | amounts
    return Offer(name, storage=storage, attributes=attributes, **base)
