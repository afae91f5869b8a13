"""What a deployment file becomes: group specs for the market, and the manifest for the provider.

``to_json`` gives the fields in the order and under the names of the reference implementation, so that the
JSON is the same byte for byte; an absent list is null there and an empty one [], which hash differently.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weftwork.compute.sdl.quantity import format_price

SHARED_HTTP, RANDOM_PORT, LEASED_IP = 0, 1, 2
"""Kinds of :class:`Endpoint`: a host name on port 80, a port of the provider's choice, an own address."""

Attributes = tuple[tuple[str, str], ...]
"""Pairs of key and value, sorted by key."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A way in from outside: its kind, and which of the deployment's addresses it is on (0 for none)."""

    kind: int
    sequence: int = 0

    def to_json(self) -> dict[str, Any]:
        """The kind is left out where it is 0."""
        kind = {"kind": self.kind} if self.kind else {}
        return {**kind, "sequence_number": self.sequence}


@dataclass(frozen=True, slots=True)
class Volume:
    """Storage of ``size`` bytes; ``attributes`` may hold ``class`` and ``persistent``."""

    name: str
    size: int
    attributes: Attributes = ()

    def to_json(self) -> dict[str, Any]:
        """Name, size, and attributes where there are any."""
        out: dict[str, Any] = {"name": self.name, "size": _amount(self.size)}
        return out | _attributes(self.attributes)


@dataclass(frozen=True, slots=True)
class Resource:
    """One replica's share of a machine: thousandths of a CPU, bytes of memory, volumes, GPUs, endpoints."""

    id: int
    cpu: int
    memory: int
    storage: tuple[Volume, ...]
    gpu: int = 0
    cpu_attributes: Attributes = ()
    gpu_attributes: Attributes = ()
    endpoints: tuple[Endpoint, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Amounts as decimal text, as the reference does."""
        return {
            "id": self.id,
            "cpu": {"units": _amount(self.cpu), **_attributes(self.cpu_attributes)},
            "memory": {"size": _amount(self.memory)},
            "storage": [volume.to_json() for volume in self.storage],
            "gpu": {"units": _amount(self.gpu), **_attributes(self.gpu_attributes)},
            "endpoints": [endpoint.to_json() for endpoint in self.endpoints],
        }


@dataclass(frozen=True, slots=True)
class Unit:
    """``count`` replicas of a resource at no more than ``price`` (wad of ``denom`` per block and replica)."""

    resource: Resource
    count: int
    denom: str
    price: int

    def to_json(self) -> dict[str, Any]:
        """The price with 18 decimals."""
        return {
            "resource": self.resource.to_json(),
            "count": self.count,
            "price": {"denom": self.denom, "amount": format_price(self.price)},
        }


@dataclass(frozen=True, slots=True)
class Group:
    """What one order asks for: units that one provider runs, its attributes, and who has audited them."""

    name: str
    units: tuple[Unit, ...]
    attributes: Attributes = ()
    all_of: tuple[str, ...] | None = None
    any_of: tuple[str, ...] | None = None

    @property
    def denom(self) -> str:
        """The denomination of every price in the group."""
        return self.units[0].denom

    @property
    def price(self) -> int:
        """The most that the whole group may cost, in wad of :attr:`denom` per block."""
        return sum(unit.price * unit.count for unit in self.units)

    def to_json(self) -> dict[str, Any]:
        """The group spec."""
        pairs = [{"key": key, "value": value} for key, value in self.attributes]
        return {
            "name": self.name,
            "requirements": {
                "signed_by": {"all_of": _list(self.all_of), "any_of": _list(self.any_of)},
                "attributes": pairs or None,
            },
            "resources": [unit.to_json() for unit in self.units],
        }


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How the provider's proxy treats requests; sizes in bytes, times in milliseconds."""

    max_body_size: int
    read_timeout: int
    send_timeout: int
    next_tries: int
    next_timeout: int
    next_cases: tuple[str, ...]
    proxy_buffer_size: int = 0

    def to_json(self) -> dict[str, Any]:
        """``proxyBufferSize`` is left out where the file does not set it."""
        buffer = {"proxyBufferSize": self.proxy_buffer_size} if self.proxy_buffer_size else {}
        return {
            "maxBodySize": self.max_body_size,
            **buffer,
            "readTimeout": self.read_timeout,
            "sendTimeout": self.send_timeout,
            "nextTries": self.next_tries,
            "nextTimeout": self.next_timeout,
            "nextCases": list(self.next_cases),
        }


@dataclass(frozen=True, slots=True)
class Expose:
    """One port of a service towards the world (``global_``), a service, or an address of its own."""

    port: int
    external_port: int
    proto: str
    service: str
    global_: bool
    hosts: tuple[str, ...] | None
    http: HttpOptions
    ip: str = ""
    sequence: int = 0

    def endpoints(self) -> list[Endpoint]:
        """What the port takes of the provider's edge, by sequence number."""
        if not self.global_:
            return []
        is_http = self.proto == "TCP" and (self.external_port or self.port) == 80
        found = [Endpoint(SHARED_HTTP if is_http else RANDOM_PORT)]
        if self.ip:
            found.insert(0, Endpoint(LEASED_IP, self.sequence))
        return sorted(found, key=lambda endpoint: endpoint.sequence)

    def to_json(self) -> dict[str, Any]:
        """All fields, empty ones too."""
        return {
            "port": self.port,
            "externalPort": self.external_port,
            "proto": self.proto,
            "service": self.service,
            "global": self.global_,
            "hosts": _list(self.hosts),
            "httpOptions": self.http.to_json(),
            "ip": self.ip,
            "endpointSequenceNumber": self.sequence,
        }


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a volume appears in a service's file system."""

    name: str
    mount: str
    read_only: bool

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return {"name": self.name, "mount": self.mount, "readOnly": self.read_only}


@dataclass(frozen=True, slots=True)
class Params:
    """What a service needs besides its image: mounts, rights to read its lease, a trusted environment."""

    mounts: tuple[Mount, ...] = ()
    permissions: tuple[str, ...] | None = None
    tee: str = ""

    def to_json(self) -> dict[str, Any]:
        """Permissions and environment are left out where the file does not set them."""
        out: dict[str, Any] = {"storage": [mount.to_json() for mount in self.mounts] or None}
        if self.permissions is not None:
            out["permissions"] = {"read": list(self.permissions)} if self.permissions else {}
        if self.tee:
            out["tee"] = {"type": self.tee, "attestation": True}
        return out


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to log in at the registry that holds the image; never printed by ``repr``."""

    host: str
    email: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(host={self.host!r}, username={self.username!r})"

    def to_json(self) -> dict[str, Any]:
        """All fields, the password too: the manifest goes to the provider alone."""
        return {
            "host": self.host,
            "email": self.email,
            "username": self.username,
            "password": self.password,
        }


@dataclass(frozen=True, slots=True)
class Service:
    """One container image with its command, its share of the machine, its ports and its volumes."""

    name: str
    image: str
    command: tuple[str, ...] | None
    args: tuple[str, ...] | None
    env: tuple[str, ...] | None
    resource: Resource
    count: int
    expose: tuple[Expose, ...]
    params: Params | None = None
    credentials: Credentials | None = None

    def to_json(self) -> dict[str, Any]:
        """``params`` is left out where the file has none; ``credentials`` is null."""
        params = {} if self.params is None else {"params": self.params.to_json()}
        return {
            "name": self.name,
            "image": self.image,
            "command": _list(self.command),
            "args": _list(self.args),
            "env": _list(self.env),
            "resources": self.resource.to_json(),
            "count": self.count,
            "expose": [expose.to_json() for expose in self.expose],
            **params,
            "credentials": None if self.credentials is None else self.credentials.to_json(),
        }


@dataclass(frozen=True, slots=True)
class ManifestGroup:
    """The services of one group, by name."""

    name: str
    services: tuple[Service, ...]

    def to_json(self) -> dict[str, Any]:
        """Name and services."""
        return {"name": self.name, "services": [service.to_json() for service in self.services]}


def _amount(value: int) -> dict[str, str]:
    return {"val": str(value)}


def _attributes(attributes: Attributes) -> dict[str, Any]:
    pairs = [{"key": key, "value": value} for key, value in attributes]
    return {"attributes": pairs} if pairs else {}


def _list(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)


_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def encode_canonical(value: Any) -> bytes:
    """JSON with sorted keys, no spaces, UTF-8, and ``<``, ``>``, ``&``, U+2028, U+2029 escaped as Go does."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.translate(_ESCAPES).encode()


def hash_manifest(manifest: Any) -> bytes:
    """The version of a manifest: sha256 of its canonical JSON, 32 bytes.

    ``manifest`` is the JSON value (a list of groups) that a tenant sends and a provider receives; a provider
    compares the result with the hash of the deployment on the ledger before it runs anything.
    """
    return hashlib.sha256(encode_canonical(manifest)).digest()
