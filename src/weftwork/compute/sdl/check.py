"""The rules between the parts of a deployment file: references, names, addresses, mounts, limits."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from weftwork.compute.error import SdlField, SdlLimit, SdlReference, SdlTooLarge
from weftwork.compute.sdl.build import Assignment, Plan, find_price
from weftwork.compute.sdl.limit import (
    ENDPOINT_NAME,
    ENV_NAME,
    HOST_NAME,
    SERVICE_NAME,
    TI,
    WAD,
    Limits,
)
from weftwork.compute.sdl.model import Group
from weftwork.compute.sdl.node import Node
from weftwork.compute.sdl.profile import Compute
from weftwork.compute.sdl.reader import Reader
from weftwork.compute.sdl.service import Draft

MAX_MANIFEST = 100_000
"""Values of a manifest, counted before it is built."""


def check_size(reader: Reader, plan: Plan, limits: Limits) -> None:
    """The manifest has a bounded size: services repeat by placement, ports by target with their hosts."""
    total = 0
    for line in plan.assignments:
        service, compute = plan.services.get(line.service), plan.computes.get(line.profile)
        total += 0 if compute is None else compute.node.size
        if service is not None:
            total += service.node.size
            total += sum(len(port.targets) * (8 + len(port.accept or ())) for port in service.ports)
    if total > MAX_MANIFEST:
        sentence = f"the manifest would hold more than {MAX_MANIFEST} values"
        reader.fail(reader.root, sentence, "split the file", key="deployment", kind=SdlTooLarge)
    if len({line.placement for line in plan.assignments}) > limits.groups:
        sentence = f"more than {limits.groups} groups"
        reader.fail(reader.root, sentence, "split the file", key="deployment", kind=SdlLimit)


def check_references(reader: Reader, plan: Plan) -> None:
    """Every name that ``deployment`` uses is declared, and every declared address is used."""
    used: set[str] = set()
    ports: dict[tuple[str, int, str], str] = {}
    hosts: dict[str, str] = {}
    reaches_world = False
    for line in plan.assignments:
        compute = plan.computes.get(line.profile)
        service = plan.services.get(line.service)
        if service is None:
            hint = f"add it, or write one of {_some(plan.services)}"
            reader.fail(line.node, f"no service is named {line.service[:60]!r}", hint, kind=SdlReference)
        if compute is None:
            reader.fail(
                line.node,
                f"no compute profile is named {line.profile[:60]!r}",
                f"add it to profiles.compute, or write one of {_some(plan.computes)}",
                key="profile",
                kind=SdlReference,
            )
        if line.placement not in plan.placements:
            reader.fail(
                line.node,
                f"no placement is named {line.placement[:60]!r}",
                f"add it to profiles.placement, or write one of {_some(plan.placements)}",
                kind=SdlReference,
            )
        elif compute is not None:
            find_price(reader, plan, line)
        if service is None or compute is None:
            continue
        _check_names(reader, line, service)
        reaches_world |= _check_ports(reader, plan, line, service, used, ports, hosts)
        _check_mounts(reader, plan, line, service, compute)
    for name, node in plan.endpoints.items():
        if name not in used and ENDPOINT_NAME.fullmatch(name):
            hint = f"write `ip: {name[:60]}` beside `global: true`, or leave the endpoint out"
            reader.fail(node, f"the endpoint {name[:60]!r} is never used", hint, kind=SdlReference)
    if plan.assignments and not reaches_world and not reader.problems:
        hint = "write `to: [{global: true}]` under a port of some service"
        reader.fail(reader.root, "no service is open to the world", hint, key="services", kind=SdlField)


def _some(names: Iterable[str]) -> str:
    listed = ", ".join(name[:40] for name in itertools.islice(names, 8))
    return listed or "(none is declared)"


def _check_names(reader: Reader, line: Assignment, service: Draft) -> None:
    if SERVICE_NAME.fullmatch(line.service) is None:
        hint = "use a-z, 0-9 and -, from a letter on, and no - at the end"
        reader.fail(service.node, f"no service can be named {line.service[:60]!r}", hint)
    for i, variable in enumerate(service.env or ()):
        name = variable.partition("=")[0]
        if ENV_NAME.fullmatch(name) is None:
            place = service.node.items["env"].items[i]
            hint = "write NAME=value, with letters, digits and ._- in the name"
            reader.fail(place, f"no environment variable can be named {name[:60]!r}", hint)


def _check_ports(
    reader: Reader,
    plan: Plan,
    line: Assignment,
    service: Draft,
    used: set[str],
    ports: dict[tuple[str, int, str], str],
    hosts: dict[str, str],
) -> bool:
    """Addresses are declared, host names are names, neither is doubled; whether the world gets in."""
    reaches_world = False
    for port in service.ports:
        for to in port.targets:
            reaches_world |= to.global_
            if to.service and to.service not in plan.services:
                hint = f"write one of {_some(plan.services)}"
                reader.note(
                    to.node,
                    f"no service is named {to.service[:60]!r}",
                    hint,
                    key="service",
                    kind=SdlReference,
                )
            if not to.ip:
                continue
            used.add(to.ip)
            key = (to.ip, port.external, port.proto)
            if not to.global_:
                reader.fail(
                    to.node, "an address of its own is open to the world", "add `global: true`", key="ip"
                )
            elif to.ip not in plan.endpoints:
                hint = f"add `endpoints: {{{to.ip[:60]}: {{kind: ip}}}}`"
                reader.fail(
                    to.node, f"no endpoint is named {to.ip[:60]!r}", hint, key="ip", kind=SdlReference
                )
            elif key in ports:
                sentence = (
                    f"port {port.external or port.port} of {to.ip[:60]} is taken by {ports[key][:60]!r}"
                )
                reader.fail(to.node, sentence, "use another port (`as`) or another endpoint", key="ip")
            ports.setdefault(key, line.service)
        for _ in port.targets or (None,):
            for i, host in enumerate(port.accept or ()):
                _check_host(reader, line, port.node.items["accept"].items[i], host, hosts)
    return reaches_world


def _check_host(reader: Reader, line: Assignment, place: Node, host: str, hosts: dict[str, str]) -> None:
    if HOST_NAME.fullmatch(host) is None:
        reader.fail(place, f"{host[:60]!r} is no host name", "write a name such as www.example.com")
    elif host in hosts:
        hint = "a host name leads to one port of one service in one group"
        reader.fail(place, f"the host name {host[:60]!r} is taken by {hosts[host][:60]!r}", hint)
    else:
        hosts[host] = line.service


def _check_mounts(reader: Reader, plan: Plan, line: Assignment, service: Draft, compute: Compute) -> None:
    """Mounts name volumes of the compute profile, are absolute and not doubled; what persists is mounted."""
    volumes = {volume.name: dict(volume.attributes) for volume in compute.volumes}
    mounts = service.params.mounts if service.params is not None else ()
    taken: dict[str, str] = {}
    for mount in mounts:
        place = service.node.items["params"].items["storage"]
        if mount.name not in volumes:
            sentence = f"the compute profile {line.profile[:60]!r} has no volume {mount.name[:60]!r}"
            reader.fail(place, sentence, f"write one of {_some(volumes)}", key=mount.name, kind=SdlReference)
            continue
        if not mount.mount.startswith("/"):
            reader.fail(place, "no absolute path", "write `mount: /data`", key=mount.name)
        elif mount.mount in taken:
            sentence = f"{mount.mount[:60]!r} is where {taken[mount.mount][:60]!r} is mounted"
            reader.fail(place, sentence, "mount it somewhere else", key=mount.name)
        taken.setdefault(mount.mount, mount.name)
        if volumes[mount.name].get("class") == "ram" and mount.read_only:
            weigh = reader.fail if plan.merges_units else reader.bend
            weigh(place, "memory that is read-only stays empty", "write `readOnly: false`", key=mount.name)
    mounted = {mount.name for mount in mounts}
    for volume in compute.volumes:
        if dict(volume.attributes).get("persistent") != "true" or volume.name in mounted:
            continue
        weigh = reader.fail if not mounts and not plan.merges_units else reader.bend
        weigh(
            service.node,
            f"the volume {volume.name[:60]!r} persists, and {line.service[:60]} does not mount it",
            f"add `params: {{storage: {{{volume.name[:60]}: {{mount: /data}}}}}}`",
            kind=SdlReference,
        )


def check_limits(reader: Reader, plan: Plan, groups: tuple[Group, ...], limits: Limits) -> None:
    """Units and groups are within the limits, and every price is in one denomination."""
    root = reader.root
    if not groups:
        hint = "write service, placement, profile and count"
        reader.fail(root, "nothing is deployed", hint, key="deployment", kind=SdlField)
    for line in plan.assignments:
        _check_compute(reader, line, plan.computes[line.profile], limits)
        price = plan.placements[line.placement].prices[line.profile]
        if not limits.count[0] <= line.count <= limits.count[1]:
            sentence = f"count is from {limits.count[0]} to {limits.count[1]}, not {line.count}"
            reader.fail(line.node, sentence, "write a number in that range", key="count", kind=SdlLimit)
        if price.amount * line.count > limits.price:
            sentence = f"the price of all replicas is over {limits.price // WAD} {price.denom[:40]} per block"
            reader.fail(price.node, sentence, "lower amount or count", key="amount", kind=SdlLimit)
        if price.denom != groups[0].denom:
            sentence = f"prices are in {groups[0].denom[:40]} and in {price.denom[:40]}"
            reader.fail(price.node, sentence, "price one deployment in one denomination", key="denom")
    for group in groups:
        if len(group.units) > limits.units:
            sentence = f"the group {group.name[:60]!r} has more than {limits.units} units"
            reader.fail(root, sentence, "split the group", key="deployment", kind=SdlLimit)
        if not reader.problems and any(unit.count > limits.count[1] for unit in group.units):
            sentence = f"a unit of {group.name[:60]!r} has more than {limits.count[1]} replicas"
            reader.fail(root, sentence, "use another compute profile", key="deployment", kind=SdlLimit)


def _check_compute(reader: Reader, line: Assignment, compute: Compute, limits: Limits) -> None:
    resources = compute.node.items["resources"]
    amounts = [
        ("cpu", "units", compute.cpu, limits.cpu, "10m to 384"),
        ("memory", "size", compute.memory, limits.memory, "1Mi to 2Ti"),
        ("gpu", "units", compute.gpu, limits.gpu, "0 to 24"),
    ]
    for name, field, value, (least, most), words in amounts:
        if not least <= value <= most:
            reader.fail(
                resources.items.get(name, resources),
                f"{name} is out of range for {line.service[:60]}",
                f"write {words}",
                key=field,
                kind=SdlLimit,
            )
    for volume in compute.volumes:
        if not limits.storage[0] <= volume.size <= limits.storage[1]:
            sentence = f"the volume {volume.name[:60]!r} is out of range"
            reader.fail(
                resources, sentence, f"write 5Mi to {limits.storage[1] // TI}Ti", key="storage", kind=SdlLimit
            )
