"""The top of a deployment file: version, services, profiles, deployment, endpoints, reclamation."""

from __future__ import annotations

import re

from weftwork.compute.error import SdlField
from weftwork.compute.sdl.build import Assignment, Plan
from weftwork.compute.sdl.limit import ENDPOINT_NAME, WINDOW
from weftwork.compute.sdl.node import MAP, SCALAR, Node
from weftwork.compute.sdl.profile import read_compute, read_placement
from weftwork.compute.sdl.quantity import parse_duration
from weftwork.compute.sdl.reader import Reader
from weftwork.compute.sdl.service import read_service

FIELDS = ("version", "services", "profiles", "deployment", "endpoints", "include", "reclamation")
VERSION = re.compile(r"v?(?P<major>[0-9]{1,9})(\.(?P<minor>[0-9]{1,9}))?(\.(?P<patch>[0-9]{1,9}))?")
VERSIONS = ("2.0", "2.1")


def read_plan(reader: Reader, root: Node) -> Plan | None:
    """The whole file; None where it is no mapping or has no version that is known."""
    if root.kind is not MAP:
        reader.fail(root, "a deployment file is a mapping", 'start with `version: "2.0"`')
        return None
    reader.mapping(root, known=FIELDS, closed=True)
    version = _read_version(reader, root)
    if version is None:
        return None
    plan = Plan(version)
    reader.texts(root.items.get("include"))
    for name, node in reader.entries(reader.require(root, "services", "what to run")):
        plan.services[name] = read_service(reader, node)
    profiles = reader.mapping(
        reader.require(root, "profiles", "what each service gets, and where"), known=("compute", "placement")
    )
    if profiles is not None:
        for name, node in reader.entries(reader.require(profiles, "compute", "what a replica gets")):
            plan.computes[name] = read_compute(reader, node)
        for name, node in reader.entries(reader.require(profiles, "placement", "who may run it")):
            plan.placements[name] = read_placement(reader, node)
    _read_deployment(reader, root, plan)
    _read_endpoints(reader, root, plan)
    _read_window(reader, root, plan)
    return plan


def _read_version(reader: Reader, root: Node) -> str | None:
    """2.0 and 2.1 are known; a later one is read as 2.1 in lenient mode, as the reference does."""
    node = reader.require(root, "version", 'write "2.0" or "2.1"')
    if node is None:
        return None
    match = VERSION.fullmatch(node.text) if node.kind is SCALAR else None
    if match is None:
        reader.fail(node, "no version", 'write "2.0" or "2.1"')
        return None
    number = tuple(int(match[part] or 0) for part in ("major", "minor", "patch"))
    if number != (2, 0, 0) and number < (2, 1, 0):
        reader.fail(node, f"version {node.text} is not supported", 'write "2.0" or "2.1"')
        return None
    if node.text not in VERSIONS or node.tag != "str":
        reader.bend(node, "the version is not one of the schema's", 'write "2.0" or "2.1", in quotes')
    return "2.0" if number == (2, 0, 0) else "2.1"


def _read_deployment(reader: Reader, root: Node, plan: Plan) -> None:
    node = reader.require(root, "deployment", "which service runs where, and how often")
    found = dict(reader.entries(node))
    if node is not None and not found:
        reader.fail(node, "nothing is deployed", "write service, placement, profile and count", kind=SdlField)
    for service in sorted(found, key=str.encode):
        placements = dict(reader.entries(found[service]))
        for placement in sorted(placements, key=str.encode):
            line = reader.mapping(placements[placement], known=("profile", "count"), needed=True)
            if line is None:
                continue
            profile = reader.text(reader.require(line, "profile", "what each replica gets"))
            count_node = reader.require(line, "count", "how many replicas")
            count = reader.integer(count_node, 0, 2**32 - 1, "count")
            plan.assignments.append(Assignment(line, service, placement, profile, count))


def _read_endpoints(reader: Reader, root: Node, plan: Plan) -> None:
    node = root.items.get("endpoints")
    for name, value in reader.entries(node):
        plan.endpoints[name] = value
        if ENDPOINT_NAME.fullmatch(name) is None and node is not None:
            hint = "use a-z, then 0-9, - and _ too, at least two characters"
            reader.fail(node, f"no endpoint can be named {name[:60]!r}", hint, key=name)
        endpoint = reader.mapping(value, known=("kind",), needed=True)
        if endpoint is None:
            continue
        kind = reader.require(endpoint, "kind", "ip is the only one")
        if kind is not None and kind.text != "ip":
            reader.fail(kind, "no kind of endpoint", "write `kind: ip`")


def _read_window(reader: Reader, root: Node, plan: Plan) -> None:
    """``reclamation.min_window``: the notice that a provider must give, at least."""
    found = reader.mapping(root.items.get("reclamation"), known=("min_window",))
    if found is None:
        return
    node = reader.require(found, "min_window", "such as 24h")
    if node is None:
        return
    window = parse_duration(node.text) if node.kind is SCALAR else None
    if not window:
        reader.fail(node, "no length of time", "write a whole number and s, m or h, such as 24h")
        return
    if WINDOW.fullmatch(node.text) is None:
        reader.bend(node, "no whole number of one unit", "write a whole number and s, m or h, such as 24h")
    plan.window = window
