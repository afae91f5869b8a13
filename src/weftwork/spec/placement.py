"""Placement: whether a provider can take a group, and of everything it lacks, by how much.

Attributes match as upstream: the demanded key is a glob (``*`` stops at a slash), the value is equal. With
auditors named, what counts is what each of them signed; without, what the provider says of itself. GPUs match
if any of the demanded kinds does, each field of it (vendor, model, ram, interface) by glob; storage by class.
Amounts are whole: thousandths of a CPU, bytes, pieces. Source: facts on x/audit and x/market.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

Attributes = tuple[tuple[str, str], ...]
"""Pairs of key and value."""
GPU_PREFIX = "capabilities/gpu/"
STORAGE_PREFIX = "capabilities/storage/"
DEFAULT_CLASS = "default"


@dataclass(frozen=True, slots=True)
class Volume:
    """Storage of ``size`` bytes of a class; a persistent one outlives its container."""

    size: int
    kind: str = DEFAULT_CLASS
    persistent: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """``count`` replicas of one shape; ``gpus`` are the kinds of which any will do, or none for any."""

    count: int
    cpu: int
    memory: int
    volumes: tuple[Volume, ...] = ()
    gpu: int = 0
    gpus: tuple[str, ...] = ()
    endpoints: int = 0
    ips: int = 0


@dataclass(frozen=True, slots=True)
class Demand:
    """What one order asks of a provider."""

    units: tuple[Unit, ...]
    attributes: Attributes = ()
    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()

    def total(self, field: str) -> int:
        """The sum over all replicas of ``cpu``, ``memory``, ``gpu``, ``endpoints`` or ``ips``."""
        return sum(int(getattr(unit, field)) * unit.count for unit in self.units)

    def storage(self) -> dict[str, int]:
        """Bytes by class, over all replicas."""
        out: dict[str, int] = {}
        for unit in self.units:
            for volume in unit.volumes:
                out[volume.kind] = out.get(volume.kind, 0) + volume.size * unit.count
        return out


@dataclass(frozen=True, slots=True)
class Offer:
    """What one provider has free: in all, and on its largest machine (a replica is never split)."""

    name: str
    cpu: int
    memory: int
    storage: Mapping[str, int]
    gpu: int = 0
    node_cpu: int | None = None
    node_memory: int | None = None
    node_gpu: int | None = None
    endpoints: int = 1_000
    ips: int = 0
    attributes: Attributes = ()
    signed: Mapping[str, Attributes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """One constraint that a provider does not meet; ``short`` says by how much, where that is a number."""

    constraint: str
    wanted: Any
    has: Any
    short: int | None = None


@lru_cache(maxsize=4096)
def _pattern(glob: str) -> re.Pattern[str]:
    out, index = [], 0
    while index < len(glob):
        char = glob[index]
        end = glob.find("]", index + 2) if char == "[" else -1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif end > 0:
            inside = glob[index + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            out.append(f"[{inside}]")
            index = end
        else:
            out.append(re.escape(char))
        index += 1
    try:
        return re.compile("".join(out))
    except re.error:
        return re.compile(re.escape(glob))


def match_glob(glob: str, text: str) -> bool:
    """Whether ``glob`` matches the whole of ``text``; ``*`` and ``?`` stop at a slash, as Go's path match."""
    if glob == text:
        return True
    return any(char in glob for char in "*?[") and _pattern(glob).fullmatch(text) is not None


def has_attribute(have: Iterable[tuple[str, str]], key: str, value: str) -> bool:
    """Whether some attribute has that value under a key that the glob ``key`` matches."""
    return any(value == its and match_glob(key, name) for name, its in have)


def parse_gpu(key: str) -> dict[str, str]:
    """``vendor/nvidia/model/a100/ram/80Gi`` to its fields; other pairs are kept too."""
    words = key.removeprefix(GPU_PREFIX).split("/")
    return dict(zip(words[::2], words[1::2], strict=False))


def match_gpu(wanted: str, has: str) -> bool:
    """Whether a GPU of kind ``has`` will do for ``wanted``: by glob, field by field."""
    fields = parse_gpu(has)
    return all(
        name in fields and match_glob(value.lower(), fields[name].lower())
        for name, value in parse_gpu(wanted).items()
    )


def list_gpus(attributes: Iterable[tuple[str, str]]) -> list[str]:
    """The kinds of GPU that a provider's attributes name."""
    return [key for key, value in attributes if key.startswith(GPU_PREFIX) and value == "true"]


def is_audited(
    attributes: Attributes, all_of: Iterable[str], any_of: Iterable[str], signed: Mapping[str, Attributes]
) -> bool:
    """Whether each of ``all_of`` and at least one of ``any_of``, where given, signed all ``attributes``."""

    def covers(auditor: str) -> bool:
        if auditor not in signed:
            return False
        return all(has_attribute(signed[auditor], key, value) for key, value in attributes)

    some = tuple(any_of)
    return all(covers(one) for one in all_of) and (not some or any(covers(one) for one in some))


def find_failures(demand: Demand, offer: Offer) -> list[Failure]:
    """Everything about ``offer`` that does not meet ``demand``; an empty list is a match."""
    return [*_find_trust(demand, offer), *_find_short(demand, offer), *_find_kinds(demand, offer)]


def _find_trust(demand: Demand, offer: Offer) -> Iterator[Failure]:
    """Attributes that are not there, or not signed by those who must have."""
    if not demand.all_of and not demand.any_of:
        for key, value in demand.attributes:
            if not has_attribute(offer.attributes, key, value):
                its = dict(offer.attributes).get(key)
                yield Failure(f"attribute {key}", value, its)
        return
    for auditor in demand.all_of:
        yield from _find_unsigned(demand, offer, auditor)
    if demand.any_of and not is_audited(demand.attributes, (), demand.any_of, offer.signed):
        known = [auditor for auditor in demand.any_of if auditor in offer.signed]
        if len(known) == 1:
            yield from _find_unsigned(demand, offer, known[0])
        else:
            yield Failure("audited by any of", ", ".join(demand.any_of), ", ".join(offer.signed) or None)


def _find_unsigned(demand: Demand, offer: Offer, auditor: str) -> Iterator[Failure]:
    signed = offer.signed.get(auditor)
    if signed is None:
        yield Failure(f"audited by {auditor}", "signed", None)
        return
    for key, value in demand.attributes:
        if not has_attribute(signed, key, value):
            yield Failure(f"attribute {key} signed by {auditor}", value, dict(signed).get(key))


def _find_short(demand: Demand, offer: Offer) -> Iterator[Failure]:
    """Amounts that are too small, in all or on the largest machine."""
    for name in ("cpu", "memory", "gpu", "endpoints", "ips"):
        wanted, has = demand.total(name), int(getattr(offer, name))
        if wanted > has:
            yield Failure(name, wanted, has, wanted - has)
            continue
        node = getattr(offer, f"node_{name}", None)
        largest = max((int(getattr(unit, name)) for unit in demand.units), default=0)
        if node is not None and largest > node:
            yield Failure(f"{name} on one machine", largest, node, largest - node)
    for kind, wanted in sorted(demand.storage().items()):
        has = offer.storage.get(kind, 0)
        if wanted > has:
            yield Failure(f"storage {kind}", wanted, has, wanted - has)


def _find_kinds(demand: Demand, offer: Offer) -> Iterator[Failure]:
    """GPUs of other kinds than asked for."""
    has = list_gpus(offer.attributes)
    told: set[tuple[str, ...]] = set()
    for unit in demand.units:
        if unit.gpu == 0 or not unit.gpus or unit.gpus in told:
            continue
        if not any(match_gpu(wanted, kind) for wanted in unit.gpus for kind in has):
            told.add(unit.gpus)
            shown = ", ".join(kind.removeprefix(GPU_PREFIX) for kind in has) or None
            yield Failure("gpu kind", " or ".join(unit.gpus), shown)
