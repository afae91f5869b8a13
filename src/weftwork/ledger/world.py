"""The world state: accounts and storage in memory over the trie, with an undo log for reverts.

It answers what py-evm asks of its account database, and needs no copy to take a checkpoint: a checkpoint is a
position in the undo log, as in geth's journal. Roots are computed once a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from weftwork.ledger import rlp, trie
from weftwork.ledger.hash import EMPTY_HASH, hashed_key, keccak

_ACCOUNT, _SLOT, _WIPE, _WARM, _TRANSIENT, _CODE = range(6)
_CACHED_ACCOUNTS = 200_000


class AccountState(NamedTuple):
    """One account of the state trie; ``storage_root`` is that of the last block."""

    nonce: int = 0
    balance: int = 0
    storage_root: bytes = trie.BLANK_ROOT
    code_hash: bytes = EMPTY_HASH


_EMPTY = AccountState()


class WorldStore(trie.NodeStore, Protocol):
    """A node store that also keeps code by hash."""

    def load_code(self, key: bytes) -> bytes:
        """The code of this hash."""

    def save_code(self, key: bytes, code: bytes) -> None:
        """Keep new code."""


class World:
    """The state after a block, and the changes on top of it."""

    def __init__(self, store: WorldStore, root: bytes) -> None:
        self.store = store
        self.root = root
        self._accounts: dict[bytes, AccountState | None] = {}
        self._storage: dict[bytes, dict[int, int]] = {}
        self._codes: dict[bytes, bytes] = {}
        self._dirty: set[bytes] = set()
        self._dirty_slots: set[tuple[bytes, int]] = set()
        self._original: dict[tuple[bytes, int], int] = {}
        self._warm: set[Any] = set()
        self._transient: dict[tuple[bytes, int], bytes] = {}
        self._log: list[tuple[Any, ...]] = []

    # accounts

    def account(self, address: bytes) -> AccountState | None:
        """The account, or None where there is none."""
        try:
            return self._accounts[address]
        except KeyError:
            found = trie.get(self.store, self.root, hashed_key(address))
            account = None
            if found:
                nonce, balance, root, code = rlp.decode(found)
                account = AccountState(
                    int.from_bytes(nonce, "big"),  # type: ignore[arg-type]
                    int.from_bytes(balance, "big"),  # type: ignore[arg-type]
                    root,  # type: ignore[arg-type]
                    code,  # type: ignore[arg-type]
                )
            self._accounts[address] = account
            return account

    def _put(self, address: bytes, account: AccountState | None) -> None:
        fresh = address not in self._dirty
        self._log.append((_ACCOUNT, address, self.account(address), fresh))
        self._accounts[address] = account
        self._dirty.add(address)

    def get_balance(self, address: bytes) -> int:
        account = self.account(address)
        return account.balance if account else 0

    def set_balance(self, address: bytes, balance: int) -> None:
        self._put(address, (self.account(address) or _EMPTY)._replace(balance=balance))

    def get_nonce(self, address: bytes) -> int:
        account = self.account(address)
        return account.nonce if account else 0

    def set_nonce(self, address: bytes, nonce: int) -> None:
        self._put(address, (self.account(address) or _EMPTY)._replace(nonce=nonce))

    def increment_nonce(self, address: bytes) -> None:
        self.set_nonce(address, self.get_nonce(address) + 1)

    def get_code_hash(self, address: bytes) -> bytes:
        account = self.account(address)
        return account.code_hash if account else EMPTY_HASH

    def get_code(self, address: bytes) -> bytes:
        digest = self.get_code_hash(address)
        if digest == EMPTY_HASH:
            return b""
        code = self._codes.get(digest)
        return self.store.load_code(digest) if code is None else code

    def set_code(self, address: bytes, code: bytes) -> None:
        digest = keccak(code)
        if code and digest not in self._codes:
            self._codes[digest] = code
            self._log.append((_CODE, digest))
        self._put(address, (self.account(address) or _EMPTY)._replace(code_hash=digest))

    def delete_code(self, address: bytes) -> None:
        self._put(address, (self.account(address) or _EMPTY)._replace(code_hash=EMPTY_HASH))

    def account_has_code_or_nonce(self, address: bytes) -> bool:
        account = self.account(address)
        return account is not None and (account.nonce != 0 or account.code_hash != EMPTY_HASH)

    def account_exists(self, address: bytes) -> bool:
        return self.account(address) is not None

    def account_is_empty(self, address: bytes) -> bool:
        account = self.account(address)
        return account is None or (
            account.nonce == 0 and account.balance == 0 and account.code_hash == EMPTY_HASH
        )

    def touch_account(self, address: bytes) -> None:
        if self.account(address) is None:
            self._put(address, _EMPTY)

    def delete_account(self, address: bytes) -> None:
        self.delete_storage(address)
        if self.account(address) is not None:
            self._put(address, None)

    # storage

    def get_storage(self, address: bytes, slot: int, from_journal: bool = True) -> int:
        if not from_journal:
            original = self._original.get((address, slot))
            if original is not None:
                return original
        slots = self._storage.get(address)
        if slots is None:
            slots = self._storage[address] = {}
        value = slots.get(slot)
        if value is None:
            account = self.account(address)
            value = 0
            if account is not None and account.storage_root != trie.BLANK_ROOT:
                found = trie.get(self.store, account.storage_root, hashed_key(slot.to_bytes(32, "big")))
                if found:
                    value = int.from_bytes(rlp.decode(found), "big")  # type: ignore[arg-type]
            slots[slot] = value
        return value

    def set_storage(self, address: bytes, slot: int, value: int) -> None:
        old = self.get_storage(address, slot)
        if old == value:
            return
        key = (address, slot)
        self._original.setdefault(key, old)
        self._log.append((_SLOT, key, old, key not in self._dirty_slots))
        self._storage[address][slot] = value
        self._dirty_slots.add(key)

    def delete_storage(self, address: bytes) -> None:
        account = self.account(address)
        old = self._storage.get(address)
        if account is not None and account.storage_root != trie.BLANK_ROOT:
            self._put(address, account._replace(storage_root=trie.BLANK_ROOT))
        elif not old:
            return
        self._log.append((_WIPE, address, old))
        self._storage[address] = {}

    def get_transient(self, address: bytes, slot: int) -> bytes:
        return self._transient.get((address, slot), b"")

    def set_transient(self, address: bytes, slot: int, value: bytes) -> None:
        key = (address, slot)
        self._log.append((_TRANSIENT, key, self._transient.get(key, b"")))
        self._transient[key] = value

    # access lists (EIP-2929)

    def is_address_warm(self, address: bytes) -> bool:
        return address in self._warm

    def mark_address_warm(self, address: bytes) -> None:
        if address not in self._warm:
            self._warm.add(address)
            self._log.append((_WARM, address))

    def is_storage_warm(self, address: bytes, slot: int) -> bool:
        return (address, slot) in self._warm

    def mark_storage_warm(self, address: bytes, slot: int) -> None:
        key = (address, slot)
        if key not in self._warm:
            self._warm.add(key)
            self._log.append((_WARM, key))

    # checkpoints

    def record(self) -> int:
        """A checkpoint, to be given to ``discard``."""
        return len(self._log)

    def discard(self, checkpoint: int) -> None:
        """Undo everything since the checkpoint."""
        log = self._log
        while len(log) > checkpoint:
            entry = log.pop()
            kind = entry[0]
            if kind == _SLOT:
                (address, slot), old, fresh = entry[1:]
                self._storage[address][slot] = old
                if fresh:
                    self._dirty_slots.discard(entry[1])
            elif kind == _ACCOUNT:
                self._accounts[entry[1]] = entry[2]
                if entry[3]:
                    self._dirty.discard(entry[1])
            elif kind == _WARM:
                self._warm.discard(entry[1])
            elif kind == _TRANSIENT:
                self._transient[entry[1]] = entry[2]
            elif kind == _WIPE:
                if entry[2] is None:
                    self._storage.pop(entry[1], None)
                else:
                    self._storage[entry[1]] = entry[2]
            else:
                del self._codes[entry[1]]

    def start_transaction(self) -> None:
        """Forget warm addresses, transient storage and original values: a transaction begins."""
        self._original.clear()
        self._warm.clear()
        self._transient.clear()

    # the block's end

    def seal(self) -> bytes:
        """Write all changes into the trie's store and return the new root; checkpoints end here."""
        slots: dict[bytes, list[tuple[bytes, bytes]]] = {}
        for address, slot in sorted(self._dirty_slots):
            if self.account(address) is None:
                continue
            value = self._storage[address].get(slot)
            if value is not None:
                encoded = rlp.encode_int(value) if value else b""
                slots.setdefault(address, []).append((hashed_key(slot.to_bytes(32, "big")), encoded))
        for address, items in slots.items():
            account = self.account(address)
            assert account is not None
            root = trie.update(self.store, account.storage_root, items)
            self._accounts[address] = account._replace(storage_root=root)
            self._dirty.add(address)
        for digest, code in self._codes.items():
            self.store.save_code(digest, code)
        if self._dirty:
            self.root = trie.update(self.store, self.root, self._changed_accounts())
        self._dirty.clear()
        self._dirty_slots.clear()
        self._codes.clear()
        self._log.clear()
        self.start_transaction()
        if len(self._accounts) + sum(map(len, self._storage.values())) > _CACHED_ACCOUNTS:
            self._accounts.clear()
            self._storage.clear()
        return self.root

    def _changed_accounts(self) -> Iterator[tuple[bytes, bytes]]:
        for address in sorted(self._dirty):
            account = self._accounts[address]
            if account is None:
                yield hashed_key(address), b""
            else:
                fields = (rlp.encode_int(account.nonce), rlp.encode_int(account.balance))
                roots = (b"\xa0" + account.storage_root, b"\xa0" + account.code_hash)
                yield hashed_key(address), rlp.join(fields + roots)
