"""What a group's services are called, which ports lead out, which lead from one to another, and their env."""

from __future__ import annotations

from weftwork.compute.error import BadManifest
from weftwork.compute.sdl.model import ManifestGroup, Service
from weftwork.sandbox.plan import Link, Port


def find_ports(group: ManifestGroup) -> tuple[Port, ...]:
    """The TCP ports that are open to the world, each once."""
    found: dict[tuple[str, int, int], Port] = {}
    for service in group.services:
        for expose in service.expose:
            if expose.global_ and expose.proto == "TCP":
                external = expose.external_port or expose.port
                name = (service.name, expose.port, external)
                found[name] = Port(service.name, expose.port, external, tuple(expose.hosts or ()))
    return tuple(found.values())


def find_links(group: ManifestGroup) -> tuple[Link, ...]:
    """The ports that one service opens to another, at the address of :func:`_address` there."""
    names = {service.name for service in group.services}
    found: dict[Link, None] = {}
    for position, service in enumerate(group.services):
        for expose in service.expose:
            if expose.service in names and expose.proto == "TCP":
                external = expose.external_port or expose.port
                link = Link(expose.service, service.name, expose.port, external, _address(position))
                found[link] = None
    return tuple(found)


def find_names(group: ManifestGroup, service: Service) -> dict[str, str]:
    """Names to addresses, as ``service`` sees the others that are open to it."""
    return {link.service: link.address for link in find_links(group) if link.consumer == service.name}


def read_env(service: Service) -> dict[str, str]:
    """``NAME=value`` lines as a mapping; a name alone is empty.

    :raises BadManifest: a name that no environment can hold
    """
    out = {}
    for line in service.env or ():
        name, _, value = line.partition("=")
        if not name or "\0" in line:
            raise BadManifest(
                f"the service {service.name} has an environment variable without a name",
                value=line[:80],
                hint="write env: [NAME=value]",
            )
        out[name] = value
    return out


def _address(position: int) -> str:
    """Where in every sandbox's loopback the service at ``position`` is met."""
    return f"127.1.{position // 250}.{position % 250 + 1}"
