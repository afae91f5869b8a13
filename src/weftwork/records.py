"""The thread: small signed records, each of which names its parents.

::

    Request ─▶ Receipt ─▶ Voucher                       a fee needs a receipt
                  └─────▶ Score ─▶ Weights ─▶ Closing ─▶ Payment   emission needs a score

A record is frozen. Its id is its EIP-712 struct hash; its signature is over the EIP-712 digest under the full
domain (name, version, chain id, verifying contract), so one signature verifies here and in a contract.
A record that breaks the order above cannot be constructed. Source: EIP-712; encoders are built once a class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Self, TypeVar

from weftwork import units
from weftwork.batch import find_public, is_signature
from weftwork.eip712 import (
    CHECK,
    NO_ADDRESS,
    Domain,
    address_of,
    build_encoders,
    checksum_address,
    recover_signer,
    shown,
    sign_digest,
)
from weftwork.errors import BadRecord, BadSignature
from weftwork.units import Digest

__all__ = [
    "KINDS",
    "NO_ADDRESS",
    "Closing",
    "Domain",
    "Domains",
    "Payment",
    "Receipt",
    "Record",
    "Request",
    "Score",
    "Signed",
    "Voucher",
    "Weights",
    "checksum_address",
    "recover_signer",
    "sign_digest",
]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1 << 53:
        return str(int(value))
    return value


@dataclass(frozen=True, slots=True)
class Domains:
    """The domains of one network: which contract each kind of record is bound to."""

    chain_id: int
    identity: str
    channels: str
    epochs: str
    _made: dict[str, Domain] = field(init=False, repr=False, compare=False, default_factory=dict)

    def of(self, kind: str) -> Domain:
        """The domain of records of ``kind``: channels for vouchers, epochs for closings, else identity."""
        made = self._made.get(kind)
        if made is None:
            contract = {"voucher": self.channels, "closing": self.epochs}.get(kind, self.identity)
            made = self._made[kind] = Domain(self.chain_id, contract)
        return made


KINDS: dict[str, type[Record]] = {}


class Record:
    """Base of all records: fields by EIP-712 type, id, parents, JSON in and out."""

    __slots__ = ("_id",)
    _id: Digest
    kind: ClassVar[str]
    fields: ClassVar[tuple[tuple[str, str], ...]]
    parent_fields: ClassVar[tuple[str, ...]] = ()
    in_batch: ClassVar[bool] = False
    """Whether one signature may stand for many of this kind; not where a contract checks it."""
    type_hash: ClassVar[bytes]
    _struct: ClassVar[Callable[[Any], bytes]]
    _text: ClassVar[Callable[[Any], str]]
    _checks: ClassVar[tuple[tuple[str, Callable[[str, Any], Any]], ...]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "fields" in cls.__dict__:
            cls._checks = tuple((name, CHECK[typ]) for name, typ in cls.fields)
            KINDS[cls.kind] = cls

    @classmethod
    def encode_type(cls) -> str:
        """The EIP-712 type string, as it is hashed and as contracts spell it."""
        inner = ",".join(f"{typ} {name}" for name, typ in cls.fields)
        return f"{cls.kind.capitalize()}({inner})"

    def __post_init__(self) -> None:
        for name, check in self._checks:
            given = getattr(self, name)
            value = check(name, given)
            if value is not given:
                object.__setattr__(self, name, value)
        for name in self.parent_fields:
            if getattr(self, name) == units.ZERO:
                raise BadRecord(
                    f"a {self.kind} needs its parent: {name} is zero",
                    value=name,
                    hint="take the id of the record that this one follows from",
                )
        self.check()

    def check(self) -> None:
        """Rules of the kind beyond its fields' types; raises :class:`BadRecord`."""

    @property
    def id(self) -> Digest:
        """EIP-712 struct hash of this record: its name on the thread; computed once."""
        try:
            return self._id
        except AttributeError:
            pass
        cls = type(self)
        try:
            struct = cls._struct
        except AttributeError:
            struct = cls._build()._struct
        found = Digest(units.keccak(struct(self)))
        object.__setattr__(self, "_id", found)
        return found

    @classmethod
    def _build(cls) -> type[Self]:
        """Makes this kind's encoders: its fields in a row, each as its type is written."""
        cls.type_hash = units.keccak(cls.encode_type().encode())
        cls._struct, cls._text = build_encoders(cls.kind, cls.fields, cls.type_hash)
        return cls

    def to_text(self) -> str:
        """The JSON text of :meth:`to_json`, compact."""
        cls = type(self)
        try:
            text = cls._text
        except AttributeError:
            text = cls._build()._text
        return text(self)

    @property
    def parents(self) -> tuple[Digest, ...]:
        """Ids of the records that this one follows from."""
        return tuple(getattr(self, name) for name in self.parent_fields)

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes that are signed: ``keccak(0x1901 ++ separator ++ id)``."""
        return units.keccak(b"\x19\x01" + domain.separator + self.id)

    def to_json(self) -> dict[str, Any]:
        """A plain object: ``kind``, then the fields; digests as hex, numbers of 2**53 and more as text."""
        out: dict[str, Any] = {"kind": self.kind}
        for name, _ in self.fields:
            out[name] = _plain(getattr(self, name))
        return out

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The record of a plain object; raises :class:`BadRecord` naming the field that is wrong."""
        if type(data) is not dict and not isinstance(data, Mapping):
            raise BadRecord("a record is a JSON object", value=type(data).__name__)
        kind = data.get("kind")
        found = KINDS.get(kind) if isinstance(kind, str) else None
        if found is None or not issubclass(found, cls):
            raise BadRecord(f"{shown(kind)} is no kind of record expected here", value=shown(kind))
        if len(data) == len(found.fields) + 1:
            try:
                return found(*[data[name] for name, _ in found.fields])
            except KeyError:
                pass  # what is missing is said below
        names = [name for name, _ in found.fields]
        missing = [name for name in names if name not in data]
        if missing:
            raise BadRecord(f"a {kind} lacks {', '.join(missing)}", value=missing[0])
        unknown = set(data) - {"kind", *names}
        if unknown:
            first = min(map(shown, unknown))
            raise BadRecord(f"a {kind} has no field {first}", value=first)
        return found(**{name: data[name] for name in names})

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed (and so another id)."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


@dataclass(frozen=True, slots=True)
class Request(Record):
    """Work asked for: who asks, on which subnet, for what content (salted digest), at most at what price."""

    kind = "request"
    in_batch = True
    fields = (
        ("requester", "address"),
        ("subnet", "uint64"),
        ("content", "bytes32"),
        ("max_price", "uint256"),
        ("time", "uint64"),
        ("expiry", "uint64"),
        ("nonce", "bytes32"),
    )
    requester: str
    subnet: int
    content: Digest
    max_price: int
    time: int
    expiry: int
    nonce: Digest

    def check(self) -> None:
        if self.expiry < self.time:
            raise BadRecord("a request expires after it is made", value=self.expiry)


@dataclass(frozen=True, slots=True)
class Receipt(Record):
    """Work done for a request: salted digest of the output so far, engine, tokens, and the amount now due.

    ``sequence`` counts the receipts of one request from 0; ``price`` is cumulative; ``final`` ends it.
    """

    kind = "receipt"
    in_batch = True
    parent_fields = ("request",)
    fields = (
        ("request", "bytes32"),
        ("worker", "address"),
        ("output", "bytes32"),
        ("engine", "bytes32"),
        ("input_tokens", "uint64"),
        ("output_tokens", "uint64"),
        ("price", "uint256"),
        ("sequence", "uint64"),
        ("final", "bool"),
        ("time", "uint64"),
    )
    request: Digest
    worker: str
    output: Digest
    engine: Digest
    input_tokens: int
    output_tokens: int
    price: int
    sequence: int
    final: bool
    time: int


@dataclass(frozen=True, slots=True)
class Voucher(Record):
    """A promise to pay, cumulative within one channel; its parent is the receipt that it pays."""

    kind = "voucher"
    parent_fields = ("receipt",)
    fields = (("channel", "bytes32"), ("cumulative", "uint256"), ("receipt", "bytes32"))
    channel: Digest
    cumulative: int
    receipt: Digest


@dataclass(frozen=True, slots=True)
class Score(Record):
    """A validator's judgement of one receipt, in millionths; sealed until its weights are revealed."""

    kind = "score"
    parent_fields = ("receipt",)
    fields = (
        ("receipt", "bytes32"),
        ("validator", "address"),
        ("subnet", "uint64"),
        ("epoch", "uint64"),
        ("uid", "uint16"),
        ("value", "uint32"),
        ("evidence", "bytes32"),
    )
    receipt: Digest
    validator: str
    subnet: int
    epoch: int
    uid: int
    value: int
    evidence: Digest

    def check(self) -> None:
        if self.value > 1_000_000:
            raise BadRecord("a score is at most 1_000_000 millionths", value=self.value)


@dataclass(frozen=True, slots=True)
class Weights(Record):
    """A validator's weights of one epoch; ``scores`` is the Merkle root of the scores behind them."""

    kind = "weights"
    parent_fields = ("scores",)
    fields = (
        ("validator", "address"),
        ("subnet", "uint64"),
        ("epoch", "uint64"),
        ("uids", "uint16[]"),
        ("values", "uint16[]"),
        ("scores", "bytes32"),
    )
    validator: str
    subnet: int
    epoch: int
    uids: tuple[int, ...]
    values: tuple[int, ...]
    scores: Digest

    def check(self) -> None:
        if len(self.uids) != len(self.values):
            raise BadRecord("weights have a value for each uid", value=len(self.values))
        if any(a >= b for a, b in zip(self.uids, self.uids[1:], strict=False)):
            raise BadRecord("the uids of weights ascend, each once", value=len(self.uids))


@dataclass(frozen=True, slots=True)
class Closing(Record):
    """The result of one epoch, a function of public data; ``claims`` is the Merkle root of what is paid."""

    kind = "closing"
    fields = (
        ("subnet", "uint64"),
        ("epoch", "uint64"),
        ("snapshot", "bytes32"),
        ("params", "bytes32"),
        ("previous", "bytes32"),
        ("bonds", "bytes32"),
        ("pot", "uint256"),
        ("payout", "uint256"),
        ("claims", "bytes32"),
    )
    subnet: int
    epoch: int
    snapshot: Digest
    params: Digest
    previous: Digest
    bonds: Digest
    pot: int
    payout: int
    claims: Digest

    def check(self) -> None:
        if self.payout > self.pot:
            raise BadRecord("a closing never pays out more than the pot", value=str(self.payout))


@dataclass(frozen=True, slots=True)
class Payment(Record):
    """Emission or fees paid, or collateral burnt, under a closing, by its Merkle leaf ``index``."""

    kind = "payment"
    parent_fields = ("closing",)
    fields = (
        ("closing", "bytes32"),
        ("index", "uint64"),
        ("claim", "uint8"),
        ("agent", "uint256"),
        ("account", "address"),
        ("amount", "uint256"),
    )
    closing: Digest
    index: int
    claim: int
    agent: int
    account: str
    amount: int


R = TypeVar("R", bound=Record)
_LONGEST = 1024  # digits of a signature


@dataclass(frozen=True, slots=True)
class Signed(Generic[R]):
    """A record with the signature of whoever answers for it: 65 bytes (r, s, v), or of a batch with its path
    behind them (:mod:`weftwork.batch`)."""

    record: R
    signature: bytes

    def __post_init__(self) -> None:
        if len(self.signature) != 65 and not (self.record.in_batch and is_signature(self.signature)):
            raise BadSignature(
                f"the signature of a {self.record.kind} has 65 bytes", value=len(self.signature)
            )

    @property
    def id(self) -> Digest:
        """Id of the record."""
        return self.record.id

    def signer(self, domain: Domain) -> str:
        """The address that signed, in EIP-55 form; refuses malleable (high-s) signatures."""
        return address_of(find_public(domain.separator, self.record.id, self.signature))

    def require_signer(self, domain: Domain, address: str) -> Self:
        """This record, if ``address`` signed it; else :class:`BadSignature`."""
        found = self.signer(domain)
        if found != address and found.lower() != address.lower():
            raise BadSignature(f"a {self.record.kind} was signed by {found}, not by {address}", value=found)
        return self

    def to_json(self) -> dict[str, Any]:
        """The record's object with ``id`` and ``signature`` added."""
        return {**self.record.to_json(), "id": str(self.record.id), "signature": "0x" + self.signature.hex()}

    def to_text(self) -> str:
        """The JSON text of :meth:`to_json`, compact."""
        record = self.record
        return f'{record.to_text()[:-1]},"id":"0x{record.id.hex()}","signature":"0x{self.signature.hex()}"}}'

    @classmethod
    def from_json(cls, data: Any) -> Signed[Any]:
        """A signed record of a plain object; an ``id`` that differs from the recomputed one is refused."""
        if type(data) is not dict and not isinstance(data, Mapping):
            raise BadRecord("a record is a JSON object", value=type(data).__name__)
        rest = dict(data)
        text = rest.pop("signature", None)
        named = rest.pop("id", None)
        record: Record = Record.from_json(rest)
        if named is not None and named != str(record.id):
            raise BadRecord(f"the {record.kind} does not hash to the id it carries", value=shown(named))
        if not isinstance(text, str):
            raise BadRecord(f"the {record.kind} is not signed", value=record.kind)
        try:
            raw = bytes.fromhex(text.removeprefix("0x")) if len(text) <= _LONGEST else b""
        except ValueError:
            raw = b""
        if not is_signature(raw):
            raise BadSignature(
                "a signature is 130 hexadecimal digits, or a batch's path more", value=text[:80]
            )
        return Signed(record, raw)
