"""EIP-712 for flat types: one word for each Solidity type, domains, signatures, addresses.

Sources: EIP-712 (typed data), EIP-55 (checksummed addresses), EIP-2 (low s).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from weftwork import units
from weftwork.curve import curve
from weftwork.errors import BadRecord, BadSignature
from weftwork.units import Digest

_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_CURVE_HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_HEX = frozenset("0123456789abcdef")
_V, _ID = (b"\x1b", b"\x1c", b"\x1d", b"\x1e"), (b"\0", b"\1")
NO_ADDRESS = "0x" + "00" * 20


def shown(value: Any) -> str:
    """A value as an error may carry it: short, and never failing, whatever was given."""
    if isinstance(value, str):
        return repr(value[:80])
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, (bool, int, float, bytes, type(None))):
        return repr(value)[:80]
    return type(value).__name__


def _address_bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


@lru_cache(maxsize=65_536)
def checksum_address(raw: bytes | str) -> str:
    """EIP-55 form of a 20-byte address."""
    low = raw.hex() if isinstance(raw, bytes) else raw.lower().removeprefix("0x")
    if len(low) != 40 or not set(low) <= _HEX:
        raise BadRecord("an address has 40 hexadecimal digits", value=str(raw)[:80])
    marks = units.keccak(low.encode()).hex()
    return "0x" + "".join(c.upper() if m >= "8" else c for c, m in zip(low, marks, strict=False))


# One EIP-712 word of each solidity type that a record uses.
WORD: dict[str, Callable[[Any], bytes]] = {
    "address": lambda v: b"\0" * 12 + _address_bytes(v),
    "bytes32": bytes,
    "bool": lambda v: b"\0" * 31 + (b"\1" if v else b"\0"),
    "string": lambda v: units.keccak(v.encode()),
    "uint16[]": lambda v: units.keccak(b"".join(n.to_bytes(32, "big") for n in v)),
}
for _bits in (8, 16, 32, 64, 256):
    WORD[f"uint{_bits}"] = lambda v: int.to_bytes(v, 32, "big")


# The same words, and the values' JSON, as code over a field: format, expression.
_WORD_CODE = {
    "address": "address({})",
    "bytes32": "{}",
    "bool": "(yes if {} else no)",
    "string": "keccak({}.encode())",
    "uint16[]": "row({})",
}
_TEXT_CODE = {
    "address": ('"%s"', "{}"),
    "bytes32": ('"0x%s"', "{}.hex()"),
    "bool": ("%s", "('true' if {} else 'false')"),
    "string": ("%s", "quote({})"),
    "uint16[]": ("[%s]", "','.join(['%d' % n for n in {}])"),
    "uint8": ("%d", "{}"),
    "uint16": ("%d", "{}"),
    "uint32": ("%d", "{}"),
    "uint64": ("%s", "number({})"),
    "uint256": ("%s", "number({})"),
}


def build_encoders(
    kind: str, fields: Sequence[tuple[str, str]], type_hash: bytes
) -> tuple[Callable[[Any], bytes], Callable[[Any], str]]:
    """Two functions of a record with these fields: the bytes that its EIP-712 struct hash is over, and its
    JSON text, ``{"kind", fields...}`` compact, numbers of 2**53 and more as text.

    They are written as one expression each, as dataclasses write ``__init__``, and so name no field twice.
    """
    words, formats, values = ["type_hash"], [f'"kind":"{kind}"'], []
    for name, typ in fields:
        field = f"r.{name}"
        words.append(_WORD_CODE.get(typ, "{}.to_bytes(32, 'big')").format(field))
        form, value = _TEXT_CODE[typ]
        formats.append(f'"{name}":{form}')
        values.append(value.format(field))
    form = "{" + ",".join(formats) + "}"
    code = f"(lambda r: b''.join(({', '.join(words)},)), lambda r: {form!r} % ({', '.join(values)},))"
    names = {
        "type_hash": type_hash,
        "address": _address_word,
        "yes": WORD["bool"](True),
        "no": WORD["bool"](False),
        "keccak": units.keccak,
        "row": WORD["uint16[]"],
        "number": lambda n: f"{n:d}" if n < 1 << 53 else f'"{n:d}"',
        "quote": _quote,
    }
    made: tuple[Callable[[Any], bytes], Callable[[Any], str]] = eval(code, names)  # noqa: S307 - of our fields
    return made


@lru_cache(maxsize=4096)
def _address_word(text: str) -> bytes:
    return WORD["address"](text)


def _quote(text: str) -> str:
    from pydantic_core import to_json

    return to_json(text).decode()


def _check_uint(bits: int) -> Callable[[str, Any], Any]:
    top = 1 << bits

    def check(name: str, value: Any) -> int:
        if type(value) is int and 0 <= value < top:
            return value
        if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 78:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < top:
            raise BadRecord(f"{name} is not a whole number of {bits} bits", value=shown(value))
        return int(value)

    return check


def check_address(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise BadRecord(f"{name} is not an address", value=shown(value))
    return checksum_address(value)


def _check_digest(name: str, value: Any) -> Digest:
    if type(value) is Digest:
        return value
    if not isinstance(value, (bytes, str)):
        raise BadRecord(f"{name} is not a digest", value=shown(value))
    try:
        return Digest(value)
    except Exception as error:
        raise BadRecord(f"{name} is not a digest", value=shown(value)) from error


def _check_bool(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadRecord(f"{name} is not true or false", value=shown(value))
    return value


def _check_row(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > 65_536:
        raise BadRecord(f"{name} is not a list of whole numbers", value=shown(value))
    check = _check_uint(16)
    return tuple(check(name, item) for item in value)


CHECK: dict[str, Callable[[str, Any], Any]] = {
    "address": check_address,
    "bytes32": _check_digest,
    "bool": _check_bool,
    "uint16[]": _check_row,
}
for _bits in (8, 16, 32, 64, 256):
    CHECK[f"uint{_bits}"] = _check_uint(_bits)


@dataclass(frozen=True, slots=True)
class Domain:
    """The EIP-712 domain that a signature is bound to."""

    chain_id: int
    contract: str
    name: str = "Weftwork"
    version: str = "1"
    _separator: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "contract", check_address("contract", self.contract))
        words = (
            units.keccak(_DOMAIN_TYPE),
            units.keccak(self.name.encode()),
            units.keccak(self.version.encode()),
            self.chain_id.to_bytes(32, "big"),
            WORD["address"](self.contract),
        )
        object.__setattr__(self, "_separator", units.keccak(b"".join(words)))

    @property
    def separator(self) -> bytes:
        """The domain separator: 32 bytes."""
        return self._separator


def sign_digest(key: Any, digest: bytes) -> bytes:
    """65-byte recoverable signature (r, s, v in 27, 28) of ``digest`` by a ``coincurve.PrivateKey``."""
    raw = curve().sign(key.secret, digest)
    return raw[:64] + _V[raw[64]]


def recover_public(digest: bytes, signature: bytes) -> bytes:
    """The public key, 65 bytes, that made ``signature`` over ``digest``; raises :class:`BadSignature`."""
    v = signature[64]
    if v not in (27, 28) or signature[32] > 0x7F or int.from_bytes(signature[32:64], "big") > _CURVE_HALF:
        raise BadSignature("a signature has v of 27 or 28 and a low s", value=v)
    try:
        return curve().recover(digest, signature[:64] + _ID[v - 27])
    except ValueError as error:
        raise BadSignature("the signature recovers no key", value=signature.hex()[:16]) from error


def recover_signer(digest: bytes, signature: bytes) -> str:
    """The EIP-55 address whose key made ``signature`` over ``digest``; raises :class:`BadSignature`."""
    return address_of(recover_public(digest, signature))


@lru_cache(maxsize=4096)
def address_of(public: bytes) -> str:
    """The EIP-55 address of a public key, 65 bytes uncompressed."""
    return checksum_address(units.keccak(public[1:])[-20:])
