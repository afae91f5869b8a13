"""Reading the parameters of JSON-RPC calls: quantities, data, addresses, blocks, calls, log filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weftwork.errors import RpcError
from weftwork.ledger.block import Header
from weftwork.ledger.node import Node
from weftwork.ledger.transaction import AccessList, Transaction

INVALID_PARAMS = -32602
MAX_FEE = 2**128
_NAMED_HEADS = ("latest", "pending", "safe", "finalized")


def invalid(sentence: str, value: Any = None) -> RpcError:
    """The error for a parameter that cannot be used."""
    return RpcError(INVALID_PARAMS, f"invalid params: {sentence}", value=value)


class Params(list[Any]):
    """A call's parameters; a missing one is an error that says so."""

    def __getitem__(self, place: Any) -> Any:
        """The parameter at a place; raises RpcError if it is missing."""
        try:
            return super().__getitem__(place)
        except IndexError:
            raise invalid(f"parameter {place + 1} is missing") from None


def quantity(value: Any, name: str = "quantity", most: int = 2**256 - 1) -> int:
    """A 0x-hexadecimal quantity, or a plain number, of at most ``most``."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
        return value
    if isinstance(value, str) and len(value) <= 66:
        try:
            number = int(value, 16) if value[:2] in ("0x", "0X") else int(value)
        except ValueError:
            number = -1
        if 0 <= number <= most:
            return number
    raise invalid(f"{name} is no quantity or out of range: {str(value)[:80]!r}", value)


def data(value: Any, name: str = "data", size: int | None = None) -> bytes:
    """0x-hexadecimal bytes, of exactly ``size`` where it is given."""
    if isinstance(value, str) and value[:2] in ("0x", "0X"):
        try:
            out = bytes.fromhex(value[2:])
        except ValueError:
            pass
        else:
            if size is None or len(out) == size:
                return out
    raise invalid(f"{name} is not 0x-hexadecimal" + (f" of {size} bytes" if size else ""), value)


def address(value: Any, name: str = "address") -> bytes:
    """A 20-byte address."""
    return data(value, name, 20)


def header(node: Node, tag: Any) -> Header:
    """The header that a block tag, number or EIP-1898 object names; raises RpcError if there is none."""
    found: Header | None
    if tag is None or (isinstance(tag, str) and tag in _NAMED_HEADS):
        return node.head
    if isinstance(tag, dict):
        if "blockHash" in tag:
            found = node.header_of_hash(data(tag["blockHash"], "blockHash", 32))
        else:
            return header(node, tag.get("blockNumber"))
    elif tag == "earliest":
        found = node.header(0)
    else:
        number = quantity(tag, "block")
        found = node.header(number) if number <= node.head.number else None
    if found is None:
        raise RpcError(
            -32001, "block not found", value=str(tag)[:80], hint=f"the newest is {node.head.number}"
        )
    return found


def call(node: Node, given: Any, *, gas: int) -> Transaction:
    """The unsigned transaction of an ``eth_call`` object."""
    if not isinstance(given, dict):
        raise invalid("the call is no object", given)
    body = given.get("input", given.get("data"))
    price = given.get("gasPrice")
    fee = given.get("maxFeePerGas", price)
    tip = given.get("maxPriorityFeePerGas", fee)
    asked = given.get("gas")
    to = given.get("to")
    sender = given.get("from")
    return Transaction(
        type_id=2,
        chain_id=node.chain_id,
        nonce=0,
        max_priority_fee_per_gas=quantity(tip, "maxPriorityFeePerGas", MAX_FEE) if tip is not None else 0,
        max_fee_per_gas=quantity(fee, "maxFeePerGas", MAX_FEE) if fee is not None else 0,
        gas=gas if asked is None else min(quantity(asked, "gas"), gas),
        to=address(to, "to") if to else b"",
        value=quantity(given["value"], "value") if given.get("value") is not None else 0,
        data=data(body, "input") if body is not None else b"",
        access_list=_access_list(given.get("accessList")),
        sender=address(sender, "from") if sender else bytes(20),
    )


def _access_list(given: Any) -> AccessList:
    try:
        return tuple(
            (
                address(entry["address"]),
                tuple(int.from_bytes(data(slot, "slot", 32), "big") for slot in entry.get("storageKeys", ())),
            )
            for entry in given or ()
        )
    except (TypeError, KeyError, AttributeError):
        raise invalid("the access list is malformed") from None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs: of these addresses (None: any), with these alternatives at each topic, in these blocks."""

    addresses: tuple[bytes, ...] | None
    topics: tuple[tuple[bytes, ...] | None, ...]
    first: int
    last: int | None


def log_filter(node: Node, given: Any) -> LogFilter:
    """The filter of ``eth_getLogs`` and ``eth_newFilter``; ``last`` is None for an open end."""
    if not isinstance(given, dict):
        raise invalid("the filter is no object", given)
    wanted = given.get("address")
    addresses = None
    if wanted is not None and wanted != []:
        addresses = tuple(address(a) for a in (wanted if isinstance(wanted, list) else [wanted]))
    topics = given.get("topics") or []
    if not isinstance(topics, list) or len(topics) > 4:
        raise invalid("topics are no list of at most four", topics)
    words: list[tuple[bytes, ...] | None] = []
    for topic in topics:
        if topic is None or topic == []:
            words.append(None)
        elif isinstance(topic, list):
            any_word = any(word is None for word in topic)
            words.append(None if any_word else tuple(data(word, "topic", 32) for word in topic))
        else:
            words.append((data(topic, "topic", 32),))
    if given.get("blockHash") is not None:
        number = header(node, {"blockHash": given["blockHash"]}).number
        return LogFilter(addresses, tuple(words), number, number)
    first, last = given.get("fromBlock"), given.get("toBlock")
    return LogFilter(
        addresses,
        tuple(words),
        node.head.number if first is None else _number(node, first),
        None if last is None or last in _NAMED_HEADS else _number(node, last),
    )


def _number(node: Node, tag: Any) -> int:
    if isinstance(tag, str) and tag in _NAMED_HEADS:
        return node.head.number
    return 0 if tag == "earliest" else min(quantity(tag, "block"), 2**62)
