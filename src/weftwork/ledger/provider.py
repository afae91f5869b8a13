"""web3.py over a ledger: a provider that hands its requests to ``Ledger.rpc``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from web3 import Web3
from web3.providers.base import JSONBaseProvider

from weftwork.errors import RpcError

if TYPE_CHECKING:
    from weftwork.ledger.client import Ledger


class LedgerProvider(JSONBaseProvider):  # type: ignore[misc]
    """A web3.py provider over a ledger in this process."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def make_request(self, method: Any, params: Any) -> Any:
        """Answer in JSON-RPC's shape; errors become error objects."""
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1}
        try:
            body["result"] = self._ledger.rpc(str(method), *_plain(params))
        except RpcError as error:
            body["error"] = {"code": error.rpc_code, "message": error.sentence, "data": error.data}
        return body

    def is_connected(self, show_traceback: bool = False) -> bool:
        """Whether the ledger answers."""
        return bool(self._ledger.chain_id)


def _plain(value: Any) -> Any:
    """The value as JSON would carry it: bytes as 0x-hex, attribute dictionaries as dictionaries."""
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    return value


def web3_over(ledger: Ledger) -> Any:
    """A ``Web3`` whose calls go to this ledger."""
    return Web3(LedgerProvider(ledger))
