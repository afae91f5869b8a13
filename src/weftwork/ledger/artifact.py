"""Compiled contracts (ABI and bytecode), and the codec of one ABI built on eth_abi with its encoders kept."""

from __future__ import annotations

import threading
from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from weftwork import contracts
from weftwork.errors import ArtifactMissing, BadInput, NotFound
from weftwork.ledger.hash import address_bytes, checksum, keccak

Convert = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Artifact:
    """A compiled contract: its name, its ABI, the bytecode that deploys it."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes = b""
    runtime: bytes = b""
    _codec: list[Codec] = field(default_factory=list, repr=False)

    @classmethod
    def from_json(cls, given: dict[str, Any], name: str = "") -> Artifact:
        """Read an object with ``abi`` and ``bytecode`` (0x-hex), and perhaps ``name`` and ``runtime``."""
        code, runtime = (
            bytes.fromhex(str(given.get(k) or "").removeprefix("0x")) for k in ("bytecode", "runtime")
        )
        return cls(str(given.get("name") or name), list(given["abi"]), code, runtime)

    @property
    def codec(self) -> Codec:
        """The codec of this ABI, made once."""
        if not self._codec:
            self._codec.append(Codec(self.abi, self.name))
        return self._codec[0]


@lru_cache(maxsize=256)
def load_artifact(name: str) -> Artifact:
    """The compiled contract of this name in the package, with its codec; raises ArtifactMissing."""
    try:
        return artifact_of(contracts.load_artifact(name))
    except NotFound as error:
        raise ArtifactMissing(
            f"no compiled contract named {name!r}", value=name, hint=f"known: {error.hint or 'none'}"
        ) from None


def artifact_of(given: Artifact | contracts.Artifact | str) -> Artifact:
    """An artifact of any kind, or the name of one in the package, as an artifact with its codec."""
    if isinstance(given, Artifact):
        return given
    if isinstance(given, str):
        return load_artifact(given)
    return Artifact(given.name, list(given.abi), given.bytecode)


class Function:
    """One function of an ABI: its selector, and encoders and decoders that are kept."""

    def __init__(self, name: str, entry: dict[str, Any]) -> None:
        self.name = name
        inputs, outputs = entry.get("inputs", []), entry.get("outputs", [])
        self.arity = len(inputs)
        self.types = [type_of(i) for i in inputs]
        self.signature = f"{name}({','.join(self.types)})"
        self.selector = keccak(self.signature.encode())[:4] if name else b""
        self.mutability = entry.get("stateMutability", "nonpayable")
        self._inward = [_inward(i) for i in inputs]
        self._encode = _encoder(self.types)
        self._outward = [_outward(o) for o in outputs]
        self._decode = _decoder([type_of(o) for o in outputs])

    def encode(self, args: Sequence[Any]) -> bytes:
        """Selector and arguments; raises BadInput if they do not fit the types."""
        from eth_abi.exceptions import EncodingError

        try:
            values = [c(a) if c else a for c, a in zip(self._inward, args, strict=True)]
            return self.selector + bytes(self._encode(values))
        except (EncodingError, TypeError, ValueError, OverflowError) as error:
            label = self.signature or "constructor"
            raise BadInput(f"arguments do not fit {label}: {error}"[:400], value=repr(args)[:200]) from error

    def decode(self, data: bytes) -> Any:
        """The return value: nothing, one value, or a tuple."""
        values = [c(v) if c else v for c, v in zip(self._outward, self._decode(data), strict=True)]
        return None if not values else values[0] if len(values) == 1 else tuple(values)


class EventType:
    """One event of an ABI: its topic, and how its arguments are read."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.name: str = entry["name"]
        self.inputs = entry["inputs"]
        self.topic = keccak(f"{self.name}({','.join(type_of(i) for i in self.inputs)})".encode())
        self.indexed = [i for i in self.inputs if i["indexed"]]
        self._plain = [i for i in self.inputs if not i["indexed"]]
        self._decode = _decoder([type_of(i) for i in self._plain])
        self._outward = [_outward(i) for i in self._plain]

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """Arguments by name, in the ABI's order; an indexed dynamic value stays its hash."""
        found: dict[str, Any] = {}
        for one, topic in zip(self.indexed, topics[1:], strict=True):
            kind = type_of(one)
            if _is_hashed(kind):
                found[one["name"]] = topic
            else:
                convert = _outward(one)
                value = _decoder([kind])(topic)[0]
                found[one["name"]] = convert(value) if convert else value
        for one, convert, value in zip(self._plain, self._outward, self._decode(data), strict=True):
            found[one["name"]] = convert(value) if convert else value
        return {one["name"]: found[one["name"]] for one in self.inputs}

    def topics(self, wanted: dict[str, Any]) -> list[Any]:
        """The topic filter for these indexed values; a list means any of them. Raises BadInput."""
        known = {one["name"]: one for one in self.indexed}
        for name in wanted:
            if name not in known:
                raise BadInput(f"{name!r} is no indexed argument of {self.name}", value=name)
        out: list[Any] = ["0x" + self.topic.hex()]
        for one in self.indexed:
            value = wanted.get(one["name"])
            if value is None:
                out.append(None)
            elif isinstance(value, list):
                out.append([_topic(one, v) for v in value])
            else:
                out.append(_topic(one, value))
        while out[-1] is None:
            out.pop()
        return out


class Codec:
    """The functions, constructor and events of one ABI."""

    def __init__(self, abi: list[dict[str, Any]], name: str = "") -> None:
        self.name = name
        self._entries: dict[str, list[dict[str, Any]]] = {}
        self._functions: dict[tuple[str, int], Function] = {}
        self._constructor: dict[str, Any] = {"inputs": []}
        self._event_entries: list[dict[str, Any]] = []
        self._events: dict[bytes, EventType] | None = None
        for entry in abi:
            if entry["type"] == "function":
                self._entries.setdefault(entry["name"], []).append(entry)
            elif entry["type"] == "constructor":
                self._constructor = entry
            elif entry["type"] == "event" and not entry.get("anonymous"):
                self._event_entries.append(entry)

    def function(self, name: str, arity: int) -> Function:
        """The function of this name that takes so many arguments; raises BadInput."""
        found = self._functions.get((name, arity))
        if found is None:
            entries = self._entries.get(name)
            if not entries:
                raise BadInput(f"{self.name or 'the contract'} has no function {name!r}", value=name)
            fitting = [entry for entry in entries if len(entry["inputs"]) == arity]
            if not fitting:
                takes = " or ".join(sorted({str(len(entry["inputs"])) for entry in entries}))
                raise BadInput(f"{self.name}.{name} takes {takes} arguments, not {arity}", value=arity)
            found = self._functions[name, arity] = Function(name, fitting[0])
        return found

    def constructor(self) -> Function:
        """The constructor, as a function without a selector."""
        return Function("", self._constructor)

    @property
    def events(self) -> dict[bytes, EventType]:
        """Events by topic."""
        if self._events is None:
            types = [EventType(entry) for entry in self._event_entries]
            self._events = {one.topic: one for one in types}
        return self._events

    def event(self, name: str) -> EventType:
        """The event of this name; raises BadInput."""
        for one in self.events.values():
            if one.name == name:
                return one
        raise BadInput(f"{self.name or 'the contract'} has no event {name!r}", value=name)


def type_of(entry: dict[str, Any]) -> str:
    """The canonical type of an ABI entry; tuples are spelled out."""
    kind: str = entry["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(type_of(c) for c in entry['components'])}){kind[5:]}"


_registry_lock = threading.Lock()


@lru_cache(maxsize=4096)
def _coder(kind: str, *, decode: bool) -> Any:
    from eth_abi.abi import default_codec

    with _registry_lock:
        registry = default_codec._registry
        return registry.get_decoder(kind) if decode else registry.get_encoder(kind)


def _encoder(types: list[str]) -> Convert:
    if not types:
        return lambda values: b""
    encoder = None

    def encode(values: Any) -> Any:
        nonlocal encoder
        if encoder is None:
            encoder = _coder(f"({','.join(types)})", decode=False)
        return encoder(values)

    return encode


def _decoder(types: list[str]) -> Callable[[bytes], Sequence[Any]]:
    if not types:
        return lambda data: ()

    def decode(data: bytes) -> Any:
        from eth_abi.decoding import ContextFramesBytesIO

        return _coder(f"({','.join(types)})", decode=True)(ContextFramesBytesIO(data))

    return decode


def _inward(entry: dict[str, Any]) -> Convert | None:
    """What to do with a Python value before it is encoded: accounts become addresses, hex text bytes."""
    kind: str = entry["type"]
    if kind.endswith("]"):
        inner = _inward({**entry, "type": kind[: kind.rindex("[")]})
        return None if inner is None else lambda values: [inner(v) for v in values]
    if kind == "address":
        return _address
    if kind.startswith("bytes"):
        return lambda v: bytes.fromhex(v.removeprefix("0x")) if isinstance(v, str) else v
    if kind == "tuple":
        parts = [(c["name"], _inward(c)) for c in entry["components"]]

        def pack(value: Any) -> Any:
            items = [value[name] for name, _ in parts] if isinstance(value, dict) else value
            return tuple(c(v) if c else v for (_, c), v in zip(parts, items, strict=True))

        return pack
    return None


def _address(value: Any) -> Any:
    if isinstance(value, bytes):
        return value
    return address_bytes(value if isinstance(value, str) else value.address)


def _outward(entry: dict[str, Any]) -> Convert | None:
    """What to do with a decoded value: EIP-55 addresses, structs as named tuples, arrays as lists."""
    kind: str = entry["type"]
    if kind.endswith("]"):
        inner = _outward({**entry, "type": kind[: kind.rindex("[")]})
        return list if inner is None else lambda values: [inner(v) for v in values]
    if kind == "address":
        return lambda text: checksum(bytes.fromhex(text[2:]))
    if kind == "tuple":
        parts = [_outward(c) for c in entry["components"]]
        shape = namedtuple("Struct", [c["name"] for c in entry["components"]], rename=True)  # type: ignore[misc]
        return lambda values: shape(*(c(v) if c else v for c, v in zip(parts, values, strict=True)))
    return None


def _is_hashed(kind: str) -> bool:
    return kind in ("string", "bytes") or kind.endswith(("]", ")"))


def _topic(entry: dict[str, Any], value: Any) -> str:
    kind = type_of(entry)
    if _is_hashed(kind):
        if kind not in ("string", "bytes"):
            raise BadInput(f"an indexed {kind} cannot be searched for", value=kind)
        return "0x" + keccak(value.encode() if isinstance(value, str) else value).hex()
    convert = _inward(entry)
    encoded = _coder(f"({kind})", decode=False)([convert(value) if convert else value])
    return "0x" + bytes(encoded).hex()
