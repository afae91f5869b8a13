"""The state of an EVM as plain dictionaries with one undo log, in place of py-evm's tries.

All opcodes, gas and precompiles stay py-evm's own; what is replaced is where accounts and storage are kept. A
checkpoint is a length of the undo log, so a snapshot costs nothing and going back costs what was done since.
"""

from __future__ import annotations

from typing import Any, ClassVar

from eth.vm.forks.cancun.computation import CancunComputation
from eth.vm.forks.cancun.state import CancunState
from eth_utils import keccak

EMPTY_CODE_HASH = keccak(b"")
_ABSENT = object()


class PlainAccounts:
    """Accounts, code and storage in dictionaries; every write leaves its old value in ``undo``."""

    def __init__(self, _db: object = None, _state_root: object = None) -> None:
        self.undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self.balances: dict[bytes, int] = {}
        self.nonces: dict[bytes, int] = {}
        self.codes: dict[bytes, bytes] = {}
        self.storage: dict[tuple[bytes, int], int] = {}
        self.transient: dict[tuple[bytes, int], bytes] = {}
        self.warm: dict[Any, bool] = {}
        self.original: dict[tuple[bytes, int], int] = {}
        self.state_root = b"\0" * 32

    def _write(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        self.undo.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def begin(self) -> None:
        """Start a transaction: nothing is warm, transient storage is empty, storage is as committed."""
        self.warm, self.transient, self.original = {}, {}, {}

    def rewind(self, length: int) -> None:
        """Undo every write after the undo log had ``length`` entries."""
        undo = self.undo
        while len(undo) > length:
            table, key, value = undo.pop()
            if value is _ABSENT:
                table.pop(key, None)
            else:
                table[key] = value

    # storage
    def get_storage(self, address: bytes, slot: int, from_journal: bool = True) -> int:
        if not from_journal and (address, slot) in self.original:
            return self.original[address, slot]
        return self.storage.get((address, slot), 0)

    def set_storage(self, address: bytes, slot: int, value: int) -> None:
        self.original.setdefault((address, slot), self.storage.get((address, slot), 0))
        self._write(self.storage, (address, slot), value)

    def delete_storage(self, address: bytes) -> None:
        for key in [key for key in self.storage if key[0] == address]:
            self._write(self.storage, key, 0)

    def is_storage_warm(self, address: bytes, slot: int) -> bool:
        return (address, slot) in self.warm

    def mark_storage_warm(self, address: bytes, slot: int) -> None:
        if (address, slot) not in self.warm:
            self._write(self.warm, (address, slot), True)

    def is_address_warm(self, address: bytes) -> bool:
        return address in self.warm

    def mark_address_warm(self, address: bytes) -> None:
        if address not in self.warm:
            self._write(self.warm, address, True)

    # accounts
    def get_balance(self, address: bytes) -> int:
        return self.balances.get(address, 0)

    def set_balance(self, address: bytes, balance: int) -> None:
        self._write(self.balances, address, balance)

    def get_nonce(self, address: bytes) -> int:
        return self.nonces.get(address, 0)

    def set_nonce(self, address: bytes, nonce: int) -> None:
        self._write(self.nonces, address, nonce)

    def increment_nonce(self, address: bytes) -> None:
        self.set_nonce(address, self.get_nonce(address) + 1)

    def get_code(self, address: bytes) -> bytes:
        return self.codes.get(address, b"")

    def set_code(self, address: bytes, code: bytes) -> None:
        self._write(self.codes, address, code)

    def get_code_hash(self, address: bytes) -> bytes:
        code = self.get_code(address)
        return keccak(code) if code else EMPTY_CODE_HASH

    def delete_code(self, address: bytes) -> None:
        self.set_code(address, b"")

    def account_has_code_or_nonce(self, address: bytes) -> bool:
        return bool(self.get_nonce(address) or self.get_code(address))

    def account_is_empty(self, address: bytes) -> bool:
        return not self.account_has_code_or_nonce(address) and not self.get_balance(address)

    def account_exists(self, address: bytes) -> bool:
        return not self.account_is_empty(address)

    def touch_account(self, address: bytes) -> None:
        """Nothing to do: an empty account is no account (EIP-161)."""

    def delete_account(self, address: bytes) -> None:
        self.delete_storage(address)
        self.set_balance(address, 0)
        self.set_nonce(address, 0)
        self.set_code(address, b"")


class PlainComputation(CancunComputation):
    """A computation that remembers, for each code, which positions are jump destinations."""

    _jumps: ClassVar[dict[bytes, tuple[set[int], set[int]]]] = {}

    def __init__(self, state: Any, message: Any, transaction_context: Any) -> None:
        super().__init__(state, message, transaction_context)
        known = self._jumps.setdefault(message.code, (set(), set()))
        self.code.invalid_positions, self.code.valid_positions = known


class PlainState(CancunState):
    """Cancun's state transition over :class:`PlainAccounts`."""

    account_db_class = PlainAccounts  # type: ignore[assignment]
    computation_class = PlainComputation

    @property
    def accounts(self) -> PlainAccounts:
        return self._account_db  # type: ignore[return-value]

    def snapshot(self) -> Any:
        return len(self.accounts.undo)

    def revert(self, snapshot: Any) -> None:
        self.accounts.rewind(snapshot)

    def commit(self, snapshot: Any) -> None:
        """Nothing to do: what is not rewound stays."""

    def get_transient_storage(self, address: bytes, slot: int) -> bytes:
        return self.accounts.transient.get((address, slot), b"")

    def set_transient_storage(self, address: bytes, slot: int, value: bytes) -> None:
        self.accounts._write(self.accounts.transient, (address, slot), value)

    def get_ancestor_hash(self, block_number: int) -> bytes:
        if not max(0, self.block_number - 256) <= block_number < self.block_number:
            return b""
        return hash_block(block_number)


def hash_block(number: int) -> bytes:
    """The hash that block ``number`` has here: there are no blocks, yet each has its own hash."""
    return keccak(b"block" + number.to_bytes(32, "big"))
