"""Which addresses a role may connect to: endpoints found on chain are chosen by attackers.

A name is resolved once for each connection, every address it resolves to is checked, and the connection is
made to the checked address itself, so a name that changes between check and use (DNS rebinding) gains
nothing.
Source: IANA special-purpose address registries; RFC 6890.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from weftwork.errors import BadInput, PrivateAddress, Unreachable

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Turns a host name and a port into its addresses, as text."""

_WRAPPED = tuple(
    ipaddress.ip_network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


class Target(NamedTuple):
    """What a URL asks for: whether by TLS, host, port, the Host header's value, the request-target."""

    secure: bool
    host: str
    port: int
    authority: str
    path: str

    @property
    def place(self) -> tuple[bool, str, int]:
        """What connections are shared by."""
        return self.secure, self.host, self.port


@lru_cache(maxsize=4096)
def read_url(url: str) -> Target:
    """The parts of an http or https URL; :class:`BadInput` for other schemes, credentials, odd characters."""
    if len(url) > 8192 or not url.isascii() or any(c <= " " or c == "\x7f" for c in url):
        raise BadInput("the URL is too long or holds characters that no URL has", value=url[:200])
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadInput(f"the URL cannot be read: {error}", value=url[:200]) from error
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise BadInput("an endpoint is an http or https URL with a host", value=url[:200])
    if "@" in parts.netloc or "\\" in url:
        raise BadInput("an endpoint's URL holds no credentials", value=host)
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, host, port or (443 if secure else 80), parts.netloc, path)


def check_address(text: str, *, local: bool) -> None:
    """Raises :class:`PrivateAddress` unless the address is public, or ``local`` and loopback or private."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError as error:
        raise PrivateAddress("the name does not resolve to an address", value=text[:80]) from error
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return check_address(str(address.ipv4_mapped), local=local)
        if any(address in network for network in _WRAPPED) or address.is_site_local:
            raise PrivateAddress(f"{text} wraps another address", value=text)
    if address.is_multicast or address.is_link_local or address.is_unspecified:
        raise PrivateAddress(f"{text} is a link-local, multicast or unspecified address", value=text)
    if address.is_global:
        return None
    if local and (address.is_loopback or address.is_private):
        return None
    raise PrivateAddress(f"{text} is not a public address", value=text)


async def resolve_name(host: str, port: int) -> list[str]:
    """The addresses of a name, by the system's resolver."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"the name {host} does not resolve: {error}", value=host) from error
    return list(dict.fromkeys(str(row[4][0]) for row in found))


async def find_addresses(target: Target, *, local: bool, resolve: Resolve) -> list[str]:
    """The checked addresses of a target; one forbidden address among them refuses the whole name."""
    try:
        addresses = [str(ipaddress.ip_address(target.host))]
    except ValueError:
        addresses = await resolve(target.host, target.port)
    if not addresses:
        raise Unreachable(f"the name {target.host} has no address", value=target.host)
    for address in addresses:
        check_address(address, local=local)
    return addresses
