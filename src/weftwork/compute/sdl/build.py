"""From what was read to group specs and manifest, in the order that the manifest's hash depends on.

Services go by name, groups by placement name. In version 2.0 every service is a unit of its own; in 2.1
services of one group that share a compute profile share a unit. Addresses are numbered from 1 over the
sorted list of all ``ip`` entries, where entries towards services count too and the last of equals wins: the
reference does so, and the numbers are in the hash.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from weftwork.compute.error import SdlField, SdlReference
from weftwork.compute.sdl.model import (
    Credentials,
    Endpoint,
    Expose,
    Group,
    ManifestGroup,
    Resource,
    Service,
    Unit,
)
from weftwork.compute.sdl.node import Node
from weftwork.compute.sdl.profile import Compute, Placement, Price
from weftwork.compute.sdl.reader import Reader
from weftwork.compute.sdl.service import Draft


@dataclass(slots=True)
class Assignment:
    """One line of ``deployment``: a service under a placement, with its compute profile and replicas."""

    node: Node
    service: str
    placement: str
    profile: str
    count: int


@dataclass(slots=True)
class Plan:
    """A whole file as read."""

    version: str
    services: dict[str, Draft] = field(default_factory=dict)
    computes: dict[str, Compute] = field(default_factory=dict)
    placements: dict[str, Placement] = field(default_factory=dict)
    assignments: list[Assignment] = field(default_factory=list)
    endpoints: dict[str, Node] = field(default_factory=dict)
    window: int | None = None
    """Shortest reclamation window in nanoseconds."""

    @property
    def merges_units(self) -> bool:
        """Whether services that share a compute profile share a unit."""
        return self.version != "2.0"

    def targets(self, service: str) -> list[str]:
        """The ``ip`` of every target of a service that is not plainly the world."""
        return [t.ip for p in self.services[service].ports for t in p.targets if t.ip or not t.global_]


@dataclass(slots=True)
class _Draft:
    units: list[Unit] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    bound: dict[str, int] = field(default_factory=dict)
    tee: str = ""


def build(reader: Reader, plan: Plan) -> tuple[tuple[Group, ...], tuple[ManifestGroup, ...]]:
    """Group specs and manifest of a plan whose references hold."""
    numbers = _number_addresses(plan)
    drafts: dict[str, _Draft] = {}
    for line in plan.assignments:
        draft = drafts.setdefault(line.placement, _Draft())
        service, compute = plan.services[line.service], plan.computes[line.profile]
        price = plan.placements[line.placement].prices[line.profile]
        _check_tee(reader, line, service, compute, draft)
        expose = _build_expose(service, numbers)
        endpoints = tuple(endpoint for port in expose for endpoint in port.endpoints())
        at = draft.bound.get(line.profile) if plan.merges_units else None
        resource = _build_resource(compute, len(draft.units) + 1 if at is None else at + 1, endpoints)
        if at is None:
            draft.bound[line.profile] = len(draft.units)
            draft.units.append(Unit(resource, line.count, price.denom, price.amount))
        else:
            draft.units[at] = _widen(draft.units[at], line.count, endpoints)
        draft.services.append(_build_service(plan, line, service, resource, expose))
    groups, manifest = [], []
    for name in sorted(drafts, key=_bytes_of):
        placement, draft = plan.placements[name], drafts[name]
        attributes = placement.attributes
        if draft.tee:
            attributes = tuple(
                sorted((*attributes, ("tee/type", draft.tee)), key=lambda pair: _bytes_of(pair[0]))
            )
        groups.append(Group(name, tuple(draft.units), attributes, placement.all_of, placement.any_of))
        manifest.append(ManifestGroup(name, tuple(draft.services)))
    return tuple(groups), tuple(manifest)


def _bytes_of(name: str) -> bytes:
    """Sorting by UTF-8 bytes, as the reference does."""
    return name.encode()


def _number_addresses(plan: Plan) -> dict[str, int]:
    services = dict.fromkeys(line.service for line in plan.assignments)
    names = sorted((ip for service in services for ip in plan.targets(service)), key=_bytes_of)
    return {name: i for i, name in enumerate(names, start=1)}


def _build_resource(compute: Compute, number: int, endpoints: tuple[Endpoint, ...]) -> Resource:
    return Resource(
        id=number,
        cpu=compute.cpu,
        memory=compute.memory,
        storage=compute.volumes,
        gpu=compute.gpu,
        cpu_attributes=compute.cpu_attributes,
        gpu_attributes=compute.gpu_attributes,
        endpoints=endpoints,
    )


def _widen(unit: Unit, count: int, endpoints: tuple[Endpoint, ...]) -> Unit:
    """A unit with another service's replicas and endpoints in it."""
    merged = sorted((*unit.resource.endpoints, *endpoints), key=lambda endpoint: endpoint.sequence)
    return replace(unit, resource=replace(unit.resource, endpoints=tuple(merged)), count=unit.count + count)


def _build_expose(service: Draft, numbers: dict[str, int]) -> tuple[Expose, ...]:
    """Every port towards every target, by service, port, protocol, the world first."""
    out = []
    for port in service.ports:
        common = (port.port, port.external, port.proto)
        if not port.targets:
            out.append(Expose(*common, "", False, port.accept, port.http))
        for to in port.targets:
            sequence = numbers.get(to.ip, 0) if to.global_ and to.ip else 0
            out.append(Expose(*common, to.service, to.global_, port.accept, port.http, to.ip, sequence))
    return tuple(sorted(out, key=lambda e: (_bytes_of(e.service), e.port, e.proto, not e.global_)))


def _build_service(
    plan: Plan, line: Assignment, draft: Draft, resource: Resource, expose: tuple[Expose, ...]
) -> Service:
    return Service(
        name=line.service,
        image=draft.image,
        command=draft.command,
        args=draft.args,
        env=draft.env,
        resource=resource,
        count=line.count,
        expose=expose,
        params=draft.params,
        credentials=_build_credentials(plan, draft.credentials),
    )


def _build_credentials(plan: Plan, given: Credentials | None) -> Credentials | None:
    """As the file has them, trimmed in version 2.1; version 2.0 leaves the email out."""
    if given is None:
        return None
    if not plan.merges_units:
        return replace(given, email="")
    return Credentials(
        given.host.strip(), given.email.strip(), given.username.strip(), given.password.strip()
    )


def _check_tee(reader: Reader, line: Assignment, service: Draft, compute: Compute, group: _Draft) -> None:
    """A trusted environment with GPUs needs GPUs, and a group has one kind of environment."""
    tee = service.params.tee if service.params is not None else ""
    if not tee:
        return
    place = service.node.items["params"]
    if tee == "cpu-gpu" and not compute.gpu:
        hint = f"add gpu to profiles.compute.{line.profile[:60]}.resources, or write `tee: cpu`"
        reader.fail(
            place,
            "tee cpu-gpu needs a GPU, and the compute profile has none",
            hint,
            key="tee",
            kind=SdlReference,
        )
    if group.tee and group.tee != tee:
        hint = "put the services under different placements"
        reader.fail(place, f"the group {line.placement[:60]!r} has tee {group.tee} already", hint, key="tee")
    group.tee = group.tee or tee


def find_price(reader: Reader, plan: Plan, line: Assignment) -> Price | None:
    """The price of a line of ``deployment``; problems are noted at what is missing."""
    placement = plan.placements[line.placement]
    price = placement.prices.get(line.profile)
    if price is None:
        pricing = placement.node.items.get("pricing", placement.node)
        hint = f"add `{line.profile[:60]}: {{denom: uakt, amount: 1000}}`"
        reader.fail(
            pricing,
            f"no price for the compute profile {line.profile[:60]!r}, which {line.service[:60]} uses",
            hint,
            kind=SdlField,
        )
    return price
