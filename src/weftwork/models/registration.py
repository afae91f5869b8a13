"""How a role is found: the ERC-8004 file of its agent, kept whole in the agent's URI.

``data:application/json;base64,…`` with ``services`` (``weft-miner``, ``weft-validator``, ``weft-gateway``,
``weft-provider``) and, under ``weft``, what a miner serves at what price. Found on chain, it is a stranger's
text: read with caps, never trusted.
Source: ERC-8004, registration-v1.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import from_json

from weftwork.errors import BadInput, BadUnit, NotSupported
from weftwork.models.engine.port import canonical_json
from weftwork.units import ZERO, Digest
from weftwork.wire.client import Client

TYPE = "https://eips.ethereum.org/EIPS/eip-8004#registration-v1"
ROLES = ("miner", "validator", "gateway", "provider")
MAX_BYTES = 16_384
_HEAD = "data:application/json;base64,"
_PRICES = 1 << 128


@dataclass(frozen=True, slots=True)
class Registration:
    """A role's card: ``role`` at ``endpoint``; of a miner, ``model``, ``engine`` digest, prices in wad a
    token."""

    role: str
    endpoint: str
    name: str = ""
    subnet: int = 0
    model: str = ""
    engine: Digest = ZERO
    input_price: int = 0
    output_price: int = 0

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise BadInput(f"a role is one of {', '.join(ROLES)}", value=str(self.role)[:80])
        _check_endpoint(self.endpoint)
        for field, high in (("subnet", 1 << 64), ("input_price", _PRICES), ("output_price", _PRICES)):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < high:
                raise BadInput(f"{field} of a registration is a whole number", value=repr(value)[:80])
        if not isinstance(self.model, str) or len(self.model) > 200 or len(self.name) > 200:
            raise BadInput("names in a registration have at most 200 characters", value=str(self.model)[:80])

    def to_json(self) -> dict[str, Any]:
        """The registration file."""
        name = self.name or f"weft {self.role}"
        weft: dict[str, Any] = {"subnet": self.subnet}
        if self.role == "miner":
            weft |= {
                "model": self.model,
                "engine": str(self.engine),
                "price": {"input": str(self.input_price), "output": str(self.output_price)},
            }
        return {
            "type": TYPE,
            "name": name,
            "description": f"A {self.role} of a Weftwork network.",
            "image": "",
            "services": [{"name": f"weft-{self.role}", "endpoint": self.endpoint}],
            "active": True,
            "registrations": [],
            "supportedTrust": ["crypto-economic"],
            "weft": weft,
        }

    def to_uri(self) -> str:
        """The file as a data URI, for the identity registry."""
        return _HEAD + b64encode(canonical_json(self.to_json()).encode()).decode()

    @classmethod
    def from_json(cls, data: Any) -> Registration:
        """The card in a registration file; raises :class:`BadInput` saying what is wrong with it."""
        services = data.get("services") if isinstance(data, dict) else None
        if not isinstance(services, list):
            raise BadInput("a registration file has a list of services")
        role = endpoint = None
        for service in services[:32]:
            name = service.get("name") if isinstance(service, dict) else None
            if isinstance(name, str) and name.startswith("weft-") and name[5:] in ROLES:
                role, endpoint = name[5:], service.get("endpoint")
                break
        if role is None or not isinstance(endpoint, str):
            raise BadInput("the registration file names no weft service")
        if data.get("active") is False:
            raise BadInput("the registration says that it is not active")
        weft = _read_object(data.get("weft"))
        price = _read_object(weft.get("price"))
        try:
            engine = Digest(weft["engine"]) if "engine" in weft else ZERO
        except (BadUnit, TypeError) as error:
            raise BadInput("the engine of a registration is a digest") from error
        return cls(
            role,
            endpoint.rstrip("/"),
            str(data.get("name", ""))[:200],
            _read_count(weft.get("subnet", 0)),
            weft.get("model", ""),
            engine,
            _read_count(price.get("input", 0)),
            _read_count(price.get("output", 0)),
        )

    @classmethod
    def from_uri(cls, uri: str) -> Registration:
        """The card in a data URI, fetching nothing; :class:`NotSupported` for a URI that would have to be
        fetched."""
        if not uri.startswith("data:application/json"):
            raise NotSupported("the agent's file lies elsewhere", value=uri[:80])
        head, _, text = uri.partition(",")
        if len(text) > 2 * MAX_BYTES:
            raise BadInput("the agent's file is too large", value=len(text))
        try:
            raw = b64decode(text, validate=True) if head.endswith(";base64") else text.encode()
            data = from_json(raw[: MAX_BYTES + 1], allow_inf_nan=False)
        except ValueError as error:
            raise BadInput(f"the agent's file cannot be read: {str(error)[:80]}") from error
        return cls.from_json(data)


async def fetch_registration(uri: str, client: Client) -> Registration:
    """The card under ``uri``, fetched over https where it must be; raises BadInput, NotSupported or a wire
    error."""
    if not uri.startswith("https://"):
        return Registration.from_uri(uri)
    reply = await client.request("GET", uri, timeout=5.0, max_bytes=MAX_BYTES)
    if reply.status != 200:
        raise BadInput(f"the agent's file answered {reply.status}", value=uri[:200])
    try:
        return Registration.from_json(from_json(reply.body, allow_inf_nan=False))
    except ValueError as error:
        raise BadInput("the agent's file is not JSON", value=uri[:200]) from error


def _check_endpoint(endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput("an endpoint is a URL", value=repr(endpoint)[:80]) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or len(endpoint) > 512 or port == 0:
        raise BadInput("an endpoint is an http or https URL", value=endpoint[:80])
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput("an endpoint has no credentials, query or fragment", value=endpoint[:80])


def _read_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _read_count(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 39:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise BadInput("a price or a subnet is a whole number", value=repr(value)[:80])
