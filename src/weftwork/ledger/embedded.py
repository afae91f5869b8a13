"""The embedded ledger: a node in this process, its folder, and the treasury key of a devnet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from weftwork.errors import LedgerError, RpcError
from weftwork.ledger.key import Account, _write_secret, read_treasury
from weftwork.ledger.node import Node
from weftwork.ledger.rpc import Rpc

TREASURY_BALANCE = 10**9 * 10**18
_FILE_SUFFIXES = (".sqlite", ".db", ".ledger")


class Embedded:
    """A transport whose node lives in this process."""

    def __init__(
        self,
        path: Path | None,
        *,
        dev: bool = False,
        genesis: Mapping[Any, int] | None = None,
        clock: Callable[[], int] | None = None,
        chain_id: int | None = None,
    ) -> None:
        file, self._key_path = places(path)
        alloc = (
            {getattr(a, "address", a): value for a, value in genesis.items()} if genesis is not None else None
        )
        self._treasury: Account | None = None
        fresh = file is None or not file.exists() or file.stat().st_size == 0
        if fresh and alloc is None:
            self._treasury = _treasury(self._key_path)
            alloc = {self._treasury.address: TREASURY_BALANCE}
        self.node = Node(file, dev=dev, genesis=alloc, chain_id=chain_id, clock=clock)
        self.face = Rpc(self.node)

    def call(self, method: str, params: list[Any]) -> Any:
        """One call; raises RpcError."""
        return self.face.call(method, params)

    def batch(self, calls: list[tuple[str, list[Any]]]) -> list[Any]:
        """Several calls; errors stand in their places."""
        out: list[Any] = []
        for method, params in calls:
            try:
                out.append(self.face.call(method, params))
            except RpcError as error:
                out.append(error)
        return out

    def treasury(self) -> Account:
        """The account of the first coins; raises LedgerError where the genesis was given by the caller."""
        if self._treasury is None:
            if self._key_path is None or not self._key_path.exists():
                raise LedgerError(
                    "this ledger has no treasury key",
                    hint="use an account of the genesis that it was founded with",
                )
            self._treasury = read_treasury(self._key_path)
        return self._treasury

    def close(self) -> None:
        """Close the node."""
        self.node.close()


def places(path: Path | None) -> tuple[Path | None, Path | None]:
    """The database file and the treasury's key file of an embedded ledger's folder (or file)."""
    if path is None:
        return None, None
    if path.is_file() or (path.suffix in _FILE_SUFFIXES and not path.is_dir()):
        return path, path.with_name(path.name + ".treasury")
    return path / "ledger.sqlite", path / "treasury.key"


def _treasury(path: Path | None) -> Account:
    if path is None:
        return Account.create(seed="treasury of a ledger in memory")
    if path.exists():
        return read_treasury(path)
    account = Account.create()
    _write_secret(path, account.key.hex() + "\n")
    return account
