"""A layer that the founder of a network raised beside it, found again from the ledger alone.

    parts = find_annex(ledger, contracts, "compute")     names to addresses

The rule: the first ``Annex`` of the layer that names the network's ``Epochs`` and was deployed by the account
that deployed ``Epochs``. Logs are read from the block of ``Epochs`` onward, a span at a time, and no further
than that first one, so what others annex later costs nobody a look; it is found once for each ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from weftwork.errors import LedgerError, NetworkNotFound, RpcError
from weftwork.ledger.artifact import artifact_of
from weftwork.ledger.deployment import RAISED, Contracts
from weftwork.ledger.hash import keccak

if TYPE_CHECKING:
    from weftwork.ledger.client import Ledger

ANNEXED: Final = "0x" + keccak(b"Annexed(address,string,(string,address)[])").hex()
SPAN: Final = 10_000
"""Blocks whose logs are asked for at once."""


@dataclass(slots=True)
class _Trail:
    """How far a network's blocks were read for one of its layers: up to block ``seen``, whose hash is
    ``mark``; ``parts`` are of its annex, which is in that block, where there is one."""

    seen: int
    mark: str
    parts: dict[str, str] | None = None


_trails: WeakKeyDictionary[Ledger, dict[tuple[str, str], _Trail]] = WeakKeyDictionary()


def find_annex(
    ledger: Ledger, contracts: Contracts, layer: str, *, block: int | None = None
) -> dict[str, str]:
    """The contracts of one layer of a network by name, as its founder had annexed by ``block`` (None: now).

    Raises NetworkNotFound, and LedgerError where the node has no longer what says who the founder is.
    """
    kept = _trails.setdefault(ledger, {})
    trail = kept.get((contracts.epochs, layer))
    if trail is None or _read_hash(ledger, trail.seen) != trail.mark:  # another chain than it was, since
        trail = kept[contracts.epochs, layer] = _Trail(_find_raised(ledger, contracts)[1] - 1, "")
    end = ledger.block_number() if block is None else block
    if trail.parts is None and trail.seen < end:
        _follow(ledger, contracts, layer, end, trail)
    if trail.parts is None or trail.seen > end:
        raise NetworkNotFound(
            f"the network at {contracts.epochs} has no {layer} layer",
            value=contracts.epochs,
            hint="its founder adds it by starting once more: weft up",
        )
    return dict(trail.parts)


def _follow(ledger: Ledger, contracts: Contracts, layer: str, end: int, trail: _Trail) -> None:
    """Reads on to ``end``, or to the founder's annex."""
    network = "0x" + contracts.epochs[2:].lower().zfill(64)
    wanted = [ANNEXED, network, "0x" + keccak(layer.encode()).hex()]
    kind = artifact_of("Annex").codec.events[bytes.fromhex(ANNEXED[2:])]
    founder, span = find_founder(ledger, contracts), SPAN
    while founder is not None and trail.parts is None and trail.seen < end:
        first, last = trail.seen + 1, min(trail.seen + span, end)
        try:
            logs = ledger.rpc(
                "eth_getLogs", {"fromBlock": hex(first), "toBlock": hex(last), "topics": wanted}
            )
        except RpcError:
            if span == 1:
                raise
            span //= 2  # more than the node gives at once
            continue
        for log in logs:
            if _deployer(ledger, log) == founder:
                topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
                args = kind.decode(topics, bytes.fromhex(log["data"][2:]))
                trail.parts = {str(name): str(place) for name, place in args["parts"]}
                last = int(str(log["blockNumber"]), 0)
                break
        trail.seen, trail.mark = last, _read_hash(ledger, last)


def find_founder(ledger: Ledger, contracts: Contracts) -> str | None:
    """The account that deployed a network's ``Epochs``, by a transaction of its own; None for any other.

    Raises LedgerError where the node no longer has the log or the receipt that says so.
    """
    return _find_raised(ledger, contracts)[0]


def _find_raised(ledger: Ledger, contracts: Contracts) -> tuple[str | None, int]:
    """The founder, and the block in which ``Epochs`` was raised."""
    raised = ledger.rpc(
        "eth_getLogs",
        {"fromBlock": "0x0", "toBlock": "latest", "address": contracts.epochs, "topics": [RAISED]},
    )
    if not raised:
        raise LedgerError(
            f"the ledger has no log that says when {contracts.epochs} was raised",
            value=contracts.epochs,
            hint="ask a node that keeps all logs and receipts",
        )
    return _deployer(ledger, raised[0]), int(str(raised[0]["blockNumber"]), 0)


def _read_hash(ledger: Ledger, number: int) -> str:
    """The hash of a block; empty where there is none."""
    found = ledger.rpc("eth_getBlockByNumber", hex(number), False) if number >= 0 else None
    return str(found["hash"]) if found else ""


def _deployer(ledger: Ledger, log: Mapping[str, Any]) -> str | None:
    """Who deployed the contract that wrote ``log`` in its constructor, by a transaction of its own."""
    receipt = ledger.receipt(log["transactionHash"])
    if receipt is None:
        raise LedgerError(
            "the ledger has no receipt of a transaction that wrote a log",
            value=log["transactionHash"],
            hint="ask a node that keeps all logs and receipts",
        )
    if str(receipt.get("contractAddress") or "").lower() != log["address"].lower():
        return None
    return str(receipt["from"])
