"""The only door to a chain: an embedded EVM, or any JSON-RPC node.

    with ledger.connect("embedded:") as chain:
        token = chain.deploy(chain.treasury(), "Token", ...)

``embedded:PATH`` keeps the ledger in a folder, ``embedded:`` in memory, ``http://host:port`` is any EVM node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weftwork.ledger.artifact import Artifact as Artifact
    from weftwork.ledger.artifact import load_artifact as load_artifact
    from weftwork.ledger.client import Ledger as Ledger
    from weftwork.ledger.client import Receipt as Receipt
    from weftwork.ledger.contract import Contract as Contract
    from weftwork.ledger.contract import Event as Event
    from weftwork.ledger.hash import checksum as checksum
    from weftwork.ledger.hash import keccak as keccak
    from weftwork.ledger.history import replay as replay
    from weftwork.ledger.key import Account as Account
    from weftwork.ledger.key import read_treasury as read_treasury

_HOMES = {
    "Account": "key",
    "Artifact": "artifact",
    "Contract": "contract",
    "Event": "contract",
    "Ledger": "client",
    "Receipt": "client",
    "checksum": "hash",
    "keccak": "hash",
    "load_artifact": "artifact",
    "read_treasury": "key",
    "replay": "history",
}

__all__ = [*_HOMES, "connect"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"weftwork.ledger.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'weftwork.ledger' has no attribute {name!r}")


def connect(
    url: str,
    *,
    dev: bool = False,
    genesis: Mapping[str, int] | None = None,
    clock: Callable[[], int] | None = None,
    timeout: float = 10.0,
    chain_id: int | None = None,
) -> Ledger:
    """Open a ledger: ``embedded:PATH``, ``embedded:`` (memory) or ``http://host:port``.

    For an embedded one: ``dev`` allows ``evm_*``; ``genesis`` gives first balances in wei by address (else a
    treasury key is made); ``clock`` gives block times in seconds; ``chain_id`` defaults to 31337. Raises
    BadConfig, LedgerUnavailable, LedgerInUse or LedgerCorrupt.
    """
    from weftwork.ledger.client import open_ledger

    return open_ledger(url, dev=dev, genesis=genesis, clock=clock, timeout=timeout, chain_id=chain_id)
