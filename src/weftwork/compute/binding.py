"""A binding quote: a provider's signed word on what it will bid for a group, until it expires.

What is quoted is what the provider bids, what is bid is what the lease pays, and a tenant that holds the
signature can show anyone a provider that did otherwise. Signed under the market's EIP-712 domain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from weftwork.eip712 import Domain, checksum_address, recover_signer
from weftwork.errors import BadInput, BadSignature, Refused
from weftwork.units import Digest, keccak

_TYPE = (
    b"Quote(uint256 agent,bytes32 group,address tenant,address token,uint256 price,uint256 window,"
    b"uint64 expiry)"
)
_TYPE_HASH = keccak(_TYPE)


class Signer(Protocol):
    """A key that signs; ``ledger.Account`` is one."""

    def sign_hash(self, digest: bytes) -> bytes:
        """The 65-byte signature of a 32-byte digest."""


@dataclass(frozen=True, slots=True)
class BindingQuote:
    """What ``agent`` bids for a group: ``price`` smallest units of ``token`` a block.

    ``group`` is the digest of the group spec as the ledger holds it, ``window`` the notice in blocks that the
    provider promises, ``expiry`` Unix seconds until which a bid at this price is made.
    """

    agent: int
    group: Digest
    tenant: str
    token: str
    price: int
    window: int
    expiry: int

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes that are signed."""
        words = (
            _TYPE_HASH,
            self.agent.to_bytes(32, "big"),
            bytes(self.group),
            _address(self.tenant),
            _address(self.token),
            self.price.to_bytes(32, "big"),
            self.window.to_bytes(32, "big"),
            self.expiry.to_bytes(32, "big"),
        )
        return keccak(b"\x19\x01" + domain.separator + keccak(b"".join(words)))

    def sign(self, key: Signer, domain: Domain) -> dict[str, Any]:
        """The quote with its signature, as JSON."""
        signature = key.sign_hash(self.digest(domain)).hex()
        return {"quote": self.to_json(), "signature": "0x" + signature}

    def to_json(self) -> dict[str, Any]:
        """The fields; amounts as decimal text."""
        out = asdict(self) | {"group": str(self.group)}
        return out | {name: str(out[name]) for name in ("price",)}

    @classmethod
    def from_json(cls, data: Any) -> BindingQuote:
        """The quote in a JSON object; raises BadInput."""
        try:
            return cls(
                _whole(data["agent"]),
                Digest(str(data["group"])),
                checksum_address(str(data["tenant"])),
                checksum_address(str(data["token"])),
                _whole(data["price"]),
                _whole(data["window"]),
                _whole(data["expiry"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, BadInput) as error:
            raise BadInput("this is no quote", value=str(error)[:80]) from error


def check_quote(signed: Any, wallet: str, domain: Domain, *, now: float) -> BindingQuote:
    """The quote that ``wallet`` signed.

    Raises:
        BadInput: it is no quote.
        BadSignature: another key signed it.
        Refused: it has expired.
    """
    if not isinstance(signed, Mapping):
        raise BadInput("this is no quote")
    quote = BindingQuote.from_json(signed.get("quote"))
    try:
        signature = bytes.fromhex(str(signed.get("signature")).removeprefix("0x"))
    except ValueError as error:
        raise BadSignature("the quote carries no signature") from error
    if len(signature) != 65 or recover_signer(quote.digest(domain), signature) != checksum_address(wallet):
        raise BadSignature("the quote is not signed by the provider's wallet", value=wallet)
    if quote.expiry < now:
        raise Refused("the quote has expired", value=quote.expiry, hint="ask for another")
    return quote


def _address(text: str) -> bytes:
    return b"\0" * 12 + bytes.fromhex(text[2:])


def _whole(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 78:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 255:
        raise ValueError("a whole number is wanted")
    return int(value)
