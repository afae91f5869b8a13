"""A contract at an address: read, write, and read its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weftwork.errors import LedgerError
from weftwork.ledger.artifact import Artifact
from weftwork.ledger.hash import address_bytes, checksum

if TYPE_CHECKING:
    from weftwork.ledger.client import Ledger, Receipt
    from weftwork.ledger.key import Account


@dataclass(frozen=True, slots=True)
class Event:
    """A log of a contract: ``args`` by name, ``block`` and ``index`` as numbers, ``tx`` as its hash."""

    name: str
    args: dict[str, Any]
    block: int
    tx: str
    index: int
    address: str


class Contract:
    """An ABI at an address on one ledger."""

    __slots__ = ("_codec", "address", "artifact", "ledger")

    def __init__(self, ledger: Ledger, artifact: Artifact, address: str | bytes) -> None:
        self.ledger = ledger
        self.artifact = artifact
        self.address = checksum(address if isinstance(address, bytes) else address_bytes(address))
        self._codec = artifact.codec

    def encode(self, function: str, *args: Any) -> bytes:
        """The call data of a function; raises BadInput."""
        return self._codec.function(function, len(args)).encode(args)

    def call(
        self, function: str, *args: Any, block: Any = "latest", sender: Any = None, value: int = 0
    ) -> Any:
        """Read: the function's return value, on the state after ``block``; raises Reverted."""
        kind = self._codec.function(function, len(args))
        request: dict[str, Any] = {"to": self.address, "data": "0x" + kind.encode(args).hex()}
        if sender is not None:
            request["from"] = getattr(sender, "address", sender)
        if value:
            request["value"] = hex(value)
        answer = self.ledger.rpc("eth_call", request, hex(block) if isinstance(block, int) else block)
        data = bytes.fromhex(answer[2:])
        if not data and kind.mutability in ("view", "pure"):
            raise LedgerError(
                f"no contract answers at {self.address}",
                value=self.address,
                hint="check the address and the chain",
            )
        return kind.decode(data)

    def submit(
        self, account: Account, function: str, *args: Any, value: int = 0, gas: int | None = None
    ) -> str:
        """Send a transaction that calls the function, and do not wait; returns its hash."""
        return self.ledger.send(account, self.address, self.encode(function, *args), value=value, gas=gas)

    def send(
        self, account: Account, function: str, *args: Any, value: int = 0, gas: int | None = None
    ) -> Receipt:
        """Send a transaction that calls the function and wait for its receipt; raises Reverted."""
        return self.ledger.wait(self.submit(account, function, *args, value=value, gas=gas))

    def events(
        self, name: str | None = None, from_block: Any = 0, to_block: Any = "latest", **indexed: Any
    ) -> list[Event]:
        """The contract's events, oldest first, of one name or all; ``indexed`` arguments narrow them."""
        wanted: dict[str, Any] = {
            "address": self.address,
            "fromBlock": hex(from_block) if isinstance(from_block, int) else from_block,
            "toBlock": hex(to_block) if isinstance(to_block, int) else to_block,
        }
        if name is not None:
            wanted["topics"] = self._codec.event(name).topics(indexed)
        return self._read(self.ledger.rpc("eth_getLogs", wanted))

    def events_in(self, receipt: Receipt, name: str | None = None) -> list[Event]:
        """The contract's events in a receipt, of one name or all."""
        mine = (log for log in receipt["logs"] if log["address"].lower() == self.address.lower())
        return [event for event in self._read(mine) if name is None or event.name == name]

    def _read(self, logs: Iterable[dict[str, Any]]) -> list[Event]:
        out = []
        for log in logs:
            topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
            kind = self._codec.events.get(topics[0]) if topics else None
            if kind is None or len(topics) != len(kind.indexed) + 1:
                continue
            args = kind.decode(topics, bytes.fromhex(log["data"][2:]))
            out.append(
                Event(
                    kind.name, args, int(str(log["blockNumber"]), 0), log["transactionHash"],
                    int(str(log["logIndex"]), 0), self.address,
                )
            )  # fmt: skip
        return out

    def __repr__(self) -> str:
        return f"Contract({self.artifact.name} at {self.address})"
