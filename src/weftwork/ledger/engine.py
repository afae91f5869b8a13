"""Execution: py-evm's Cancun rules over our own world state. Importing this module imports py-evm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from eth.exceptions import Revert
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.cancun.state import CancunState

from weftwork.errors import InsufficientFunds, TransactionRejected
from weftwork.ledger.interpreter import Computation
from weftwork.ledger.transaction import Transaction, effective_price
from weftwork.ledger.world import World

FORK = "cancun"
MAX_INITCODE = 49_152
Log = tuple[bytes, tuple[int, ...], bytes]


@dataclass(frozen=True, slots=True)
class Environment:
    """A block's environment: all that execution depends on beside state and transactions."""

    number: int
    time: int
    base_fee: int
    prevrandao: bytes
    gas_limit: int
    coinbase: bytes
    chain_id: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one transaction did: status, gas (after and before refunds), output or revert data, logs."""

    success: bool
    gas_used: int
    gas_peak: int
    output: bytes
    logs: tuple[Log, ...]
    created: bytes | None
    error: str


class State(CancunState):  # type: ignore[misc]
    """py-evm's Cancun state with our world behind it and our inner loop in it."""

    computation_class = Computation

    def __init__(self, world: World, context: Any) -> None:
        self._account_db = world
        self.execution_context = context

    def snapshot(self) -> Any:
        return self._account_db.record()

    def revert(self, snapshot: Any) -> None:
        self._account_db.discard(snapshot)

    def commit(self, snapshot: Any) -> None:
        return None

    def clear_transient_storage(self) -> None:
        return None

    def get_transient_storage(self, address: bytes, slot: int) -> bytes:
        return bytes(self._account_db.get_transient(address, slot))

    def set_transient_storage(self, address: bytes, slot: int, value: bytes) -> None:
        self._account_db.set_transient(address, slot, value)


def open_state(world: World, environment: Environment, ancestors: Iterable[bytes]) -> State:
    """A state in which transactions of one block run; ``ancestors`` are block hashes, the parent's first."""
    context = ExecutionContext(
        coinbase=environment.coinbase,
        timestamp=environment.time,
        block_number=environment.number,
        difficulty=0,
        mix_hash=environment.prevrandao,
        gas_limit=environment.gas_limit,
        prev_hashes=ancestors,
        chain_id=environment.chain_id,
        base_fee_per_gas=environment.base_fee,
        excess_blob_gas=0,
    )
    return State(world, context)


def check(world: World, tx: Transaction, environment: Environment, *, gas_left: int) -> None:
    """Refuse a transaction that cannot be part of the block (nonce aside); raises TransactionRejected."""
    if tx.chain_id is not None and tx.chain_id != environment.chain_id:
        raise TransactionRejected(
            f"invalid chain id for signer: have {tx.chain_id} want {environment.chain_id}", value=tx.chain_id
        )
    if tx.gas > gas_left:
        raise TransactionRejected(
            f"exceeds block gas limit: {tx.gas} > {gas_left}", value=tx.gas, hint="lower the gas limit"
        )
    check_size(tx)
    if tx.max_fee_per_gas < environment.base_fee:
        raise TransactionRejected(
            f"max fee per gas less than block base fee: {tx.max_fee_per_gas} < {environment.base_fee}",
            value=tx.max_fee_per_gas,
        )
    if tx.max_priority_fee_per_gas > tx.max_fee_per_gas:
        raise TransactionRejected("max priority fee per gas higher than max fee per gas")
    if world.get_code_hash(tx.sender) != _EMPTY_CODE and world.get_code(tx.sender):
        raise TransactionRejected("sender is not an externally owned account", value="0x" + tx.sender.hex())
    cost = tx.gas * tx.max_fee_per_gas + tx.value
    if (have := world.get_balance(tx.sender)) < cost:
        raise InsufficientFunds(
            f"insufficient funds for gas * price + value: have {have} want {cost}", value=have
        )


def needed_gas(tx: Transaction) -> int:
    """Gas that is taken before the first instruction, the words of initcode (EIP-3860) included."""
    return tx.intrinsic_gas + (0 if tx.to else 2 * ((len(tx.data) + 31) // 32))


def check_size(tx: Transaction) -> None:
    """Refuse too much initcode or too little gas to begin; raises TransactionRejected."""
    if not tx.to and len(tx.data) > MAX_INITCODE:
        raise TransactionRejected(
            f"max initcode size exceeded: {len(tx.data)} > {MAX_INITCODE}", value=len(tx.data)
        )
    if tx.gas < (needed := needed_gas(tx)):
        raise TransactionRejected(f"intrinsic gas too low: have {tx.gas}, want {needed}", value=tx.gas)


def run(state: State, tx: Transaction, environment: Environment) -> Outcome:
    """Execute a transaction that passed ``check``; its changes are in the world afterwards, unsealed."""
    world: World = state._account_db
    world.start_transaction()
    return _execute(state, tx, environment)


def call(state: State, tx: Transaction, environment: Environment, *, free: bool) -> Outcome:
    """Execute a transaction as ``eth_call`` does, and leave no trace; ``free`` takes no gas money."""
    check_size(tx)
    world: World = state._account_db
    checkpoint = world.record()
    world.start_transaction()
    try:
        if free:
            world.set_balance(tx.sender, world.get_balance(tx.sender) + tx.gas * tx.max_fee_per_gas)
        if world.get_balance(tx.sender) < tx.value:
            raise InsufficientFunds("insufficient funds for transfer", value=world.get_balance(tx.sender))
        return _execute(state, tx, environment)
    finally:
        world.discard(checkpoint)
        world.start_transaction()


def _execute(state: State, tx: Transaction, environment: Environment) -> Outcome:
    executor = state.get_transaction_executor()
    message = executor.build_evm_message(tx)
    computation = executor.build_computation(message, tx)
    remaining = computation.get_gas_remaining()
    refund = executor.calculate_gas_refund(computation, tx.gas - remaining)
    executor.finalize_computation(tx, computation)
    peak = tx.gas - remaining
    success = not computation.is_error
    error = ""
    if not success:
        reverted = isinstance(computation.error, Revert)
        error = "revert" if reverted else str(computation.error) or type(computation.error).__name__
    return Outcome(
        success=success,
        gas_used=peak - refund,
        gas_peak=peak,
        output=bytes(computation.output),
        logs=computation.get_log_entries(),
        created=message.storage_address if not tx.to else None,
        error=error,
    )


def price(tx: Transaction, environment: Environment) -> int:
    """The effective gas price of a transaction in this environment."""
    return effective_price(tx, environment.base_fee)


_EMPTY_CODE = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
