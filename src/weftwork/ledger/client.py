"""The door to a chain: one primitive, ``rpc``, and on it sending, waiting, deploying and reading."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from weftwork import contracts
from weftwork.errors import (
    LedgerError,
    LedgerUnavailable,
    NonceTooLow,
    Reverted,
    RpcError,
    TransactionRejected,
)
from weftwork.ledger.artifact import Artifact, artifact_of
from weftwork.ledger.contract import Contract
from weftwork.ledger.hash import address_bytes, checksum, keccak
from weftwork.ledger.key import Account
from weftwork.ledger.transaction import Transaction

if TYPE_CHECKING:
    from weftwork.ledger.embedded import Embedded

_QUANTITIES = (
    "number", "timestamp", "gasLimit", "gasUsed", "baseFeePerGas", "size", "blobGasUsed", "excessBlobGas",
    "difficulty", "totalDifficulty", "blockNumber", "transactionIndex", "cumulativeGasUsed",
    "effectiveGasPrice", "status", "type", "logIndex", "nonce",
)  # fmt: skip
_REWINDING = ("evm_revert", "anvil_reset", "hardhat_reset", "anvil_setNonce", "hardhat_setNonce")
_FEE_SECONDS = 2.0
_NONCE_SECONDS = 15.0


class Transport(Protocol):
    """What carries a JSON-RPC call to a node."""

    def call(self, method: str, params: list[Any]) -> Any:
        """The result; raises RpcError."""

    def batch(self, calls: list[tuple[str, list[Any]]]) -> list[Any]:
        """Several calls in one go; errors stand in their places."""

    def close(self) -> None:
        """Let go of the node."""


class Receipt(dict[str, Any]):
    """A transaction's receipt with JSON-RPC's keys; quantities are integers, addresses in EIP-55 spelling."""

    @property
    def gas_used(self) -> int:
        """Gas that the transaction used."""
        return int(self["gasUsed"])

    @property
    def block(self) -> int:
        """Number of the block that holds the transaction."""
        return int(self["blockNumber"])

    @property
    def tx(self) -> str:
        """The transaction's hash."""
        return str(self["transactionHash"])


class Ledger:
    """A chain, embedded or remote. Safe for several threads; close it, or use it as a context manager."""

    def __init__(self, transport: Transport, *, embedded: Embedded | None = None) -> None:
        self._transport = transport
        self._embedded = embedded
        self._chain_id: int | None = None
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._nonces: dict[str, tuple[int, float]] = {}
        self._fees: tuple[int, int, float] | None = None
        self._web3: Any = None

    # reading

    def rpc(self, method: str, *params: Any) -> Any:
        """Call a JSON-RPC method; raises RpcError (Reverted, TransactionRejected) or LedgerUnavailable."""
        result = self._transport.call(method, list(params))
        if method in _REWINDING:
            self._nonces.clear()
        return result

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Call several methods in one go; an answer that is an error stands in its place."""
        return self._transport.batch([(method, list(params)) for method, params in calls])

    @property
    def chain_id(self) -> int:
        """The chain's id (EIP-155)."""
        if self._chain_id is None:
            self._chain_id = int(self.rpc("eth_chainId"), 16)
        return self._chain_id

    @property
    def embedded(self) -> Embedded | None:
        """The embedded node, or None where the ledger is remote."""
        return self._embedded

    @property
    def web3(self) -> Any:
        """A ``web3.Web3`` over this ledger."""
        if self._web3 is None:
            from weftwork.ledger.provider import web3_over

            self._web3 = web3_over(self)
        return self._web3

    def block_number(self) -> int:
        """Number of the newest block."""
        return int(self.rpc("eth_blockNumber"), 16)

    def block(self, tag: int | str = "latest") -> dict[str, Any]:
        """A block by number, tag or hash, with JSON-RPC's keys and integer quantities; raises LedgerError."""
        if isinstance(tag, str) and len(tag) == 66:
            found = self.rpc("eth_getBlockByHash", tag, False)
        else:
            found = self.rpc("eth_getBlockByNumber", hex(tag) if isinstance(tag, int) else tag, False)
        if found is None:
            raise LedgerError(f"there is no block {tag}", value=tag)
        nonce = found.get("nonce")
        return {**_integers(found), "nonce": nonce}

    def balance(self, address: str | Account) -> int:
        """An account's balance in wei."""
        return int(self.rpc("eth_getBalance", _text(address), "latest"), 16)

    # writing

    def estimate(self, sender: str, to: str | None, data: bytes = b"", value: int = 0) -> int:
        """Gas that a transaction needs, with some to spare; raises Reverted if it would revert."""
        request: dict[str, Any] = {"from": sender, "data": "0x" + data.hex(), "value": hex(value)}
        if to is not None:
            request["to"] = to
        needed = int(self.rpc("eth_estimateGas", request), 16)
        return needed if needed <= 21_000 else needed + needed // 4

    def send(
        self,
        account: Account,
        to: str | None,
        data: bytes = b"",
        *,
        value: int = 0,
        gas: int | None = None,
    ) -> str:
        """Sign and send a transaction, and return its hash; without ``gas`` it is estimated first."""
        target = _text(to) if to is not None else None
        if gas is None:
            gas = self.estimate(account.address, target, data, value)
        tip, fee = self._fee()
        tx = Transaction(
            2, self.chain_id, 0, tip, fee, gas, address_bytes(target) if target else b"", value, data
        )
        with self._lock_of(account.address):
            nonce = self._nonce(account.address)
            try:
                digest = self._send_raw(account, tx.copy(nonce=nonce))
            except NonceTooLow:
                self._nonces.pop(account.address, None)
                nonce = self._nonce(account.address)
                digest = self._send_raw(account, tx.copy(nonce=nonce))
            self._nonces[account.address] = (nonce + 1, time.monotonic())
        return digest

    def _send_raw(self, account: Account, tx: Transaction) -> str:
        raw = account.sign_transaction(tx)
        try:
            return str(self.rpc("eth_sendRawTransaction", "0x" + raw.hex()))
        except TransactionRejected:
            # A request that was sent twice, because its connection broke, was refused the second time.
            digest = "0x" + keccak(raw).hex()
            if self.rpc("eth_getTransactionByHash", digest) is not None:
                return digest
            self._nonces.pop(account.address, None)
            raise
        except BaseException:
            self._nonces.pop(account.address, None)
            raise

    def _lock_of(self, address: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(address, threading.Lock())

    def _nonce(self, address: str) -> int:
        known = self._nonces.get(address)
        if known is not None and self.embedded is None and time.monotonic() - known[1] < _NONCE_SECONDS:
            return known[0]
        return int(self.rpc("eth_getTransactionCount", address, "pending"), 16)

    def fee_cap(self) -> int:
        """The most that a unit of gas costs in a transaction sent now, wei."""
        return self._fee()[1]

    def _fee(self) -> tuple[int, int]:
        """Tip and maximum fee a unit of gas: twice the base fee, which covers six full blocks."""
        if self.embedded is not None:
            return 0, 2 * int(self.rpc("eth_gasPrice"), 16)
        now = time.monotonic()
        fees = self._fees
        if fees is None or now - fees[2] > _FEE_SECONDS:
            base = self.rpc("eth_getBlockByNumber", "latest", False).get("baseFeePerGas")
            if base is None:
                tip = fee = int(self.rpc("eth_gasPrice"), 16)
            else:
                tip = self._tip()
                fee = 2 * int(base, 16) + tip
            fees = self._fees = (tip, fee, now)
        return fees[0], fees[1]

    def _tip(self) -> int:
        try:
            return int(self.rpc("eth_maxPriorityFeePerGas"), 16)
        except RpcError:
            return 1_000_000_000

    def receipt(self, tx: str) -> Receipt | None:
        """The receipt of a transaction, whatever its status; None while there is none."""
        found = self.rpc("eth_getTransactionReceipt", tx)
        if found is None or found.get("blockNumber") is None:
            return None
        out = Receipt(_integers(found))
        out["logs"] = [_integers(log) for log in found["logs"]]
        for key in ("from", "to", "contractAddress"):
            if out.get(key):
                out[key] = checksum(address_bytes(out[key]))
        return out

    def wait(self, tx: str, timeout: float = 30.0) -> Receipt:
        """The receipt of a transaction that succeeded; raises Reverted, or LedgerUnavailable."""
        end = time.monotonic() + timeout
        pause = 0.005
        while (receipt := self.receipt(tx)) is None:
            if time.monotonic() > end:
                raise LedgerUnavailable(f"no receipt after {timeout:g} s", value=tx, hint="wait for it again")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.25)
        if receipt["status"] != 1:
            raise self._why(receipt)
        return receipt

    def _why(self, receipt: Receipt) -> Reverted:
        """The reason of a failed transaction: the embedded node recorded it, else it is run again."""
        if "revertReason" in receipt:
            return Reverted(receipt["revertReason"], receipt["revertData"], value=receipt.tx)
        tx = self.rpc("eth_getTransactionByHash", receipt.tx)
        request = {key: tx[key] for key in ("from", "to", "gas", "value", "input") if tx.get(key) is not None}
        try:
            self.rpc("eth_call", request, hex(receipt.block - 1))
        except Reverted as error:
            return Reverted(error.reason, error.data, value=receipt.tx)
        except RpcError as error:
            return Reverted(error.sentence, value=receipt.tx)
        return Reverted("", value=receipt.tx)

    # contracts

    def deploy(
        self,
        account: Account,
        artifact: Artifact | contracts.Artifact | str,
        *args: Any,
        gas: int | None = None,
    ) -> Contract:
        """Deploy a compiled contract with its constructor's arguments; raises Reverted."""
        artifact = artifact_of(artifact)
        if not artifact.bytecode:
            raise LedgerError(
                f"{artifact.name or 'this artifact'} has no bytecode to deploy", value=artifact.name
            )
        data = artifact.bytecode + artifact.codec.constructor().encode(args)
        receipt = self.wait(self.send(account, None, data, gas=gas))
        return Contract(self, artifact, receipt["contractAddress"])

    def contract(self, artifact: Artifact | contracts.Artifact | str, address: str | bytes) -> Contract:
        """A contract that is there already; a string names an artifact of the package."""
        return Contract(self, artifact_of(artifact), address)

    # life

    def treasury(self) -> Account:
        """The account that holds an embedded ledger's first coins; raises LedgerError where there is none."""
        if self.embedded is None:
            raise LedgerError(
                "a remote ledger has no treasury", hint="fund your account from a wallet or a faucet"
            )
        return self.embedded.treasury()

    def close(self) -> None:
        """Close the ledger; what was acknowledged stays."""
        self._transport.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_ledger(
    url: str,
    *,
    dev: bool,
    genesis: Any,
    clock: Callable[[], int] | None,
    timeout: float,
    chain_id: int | None,
) -> Ledger:
    """What ``ledger.connect`` does."""
    if url.startswith("embedded:"):
        from weftwork.ledger.embedded import Embedded

        where = url.removeprefix("embedded:")
        path = Path(where).expanduser() if where else None
        node = Embedded(path, dev=dev, genesis=genesis, clock=clock, chain_id=chain_id)
        return Ledger(node, embedded=node)
    from weftwork.ledger.remote import Remote

    ledger = Ledger(Remote(url, timeout))
    try:
        found = ledger.chain_id
        if chain_id is not None and chain_id != found:
            raise LedgerError(f"the chain at {url} has id {found}, not {chain_id}", value=found)
    except BaseException:
        ledger.close()
        raise
    return ledger


def _integers(given: dict[str, Any]) -> dict[str, Any]:
    out = dict(given)
    for key in _QUANTITIES:
        value = out.get(key)
        if isinstance(value, str):
            out[key] = int(value, 16)
    return out


def _text(address: Any) -> str:
    return address if isinstance(address, str) else str(address.address)
