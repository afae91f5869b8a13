"""The embedded node: one chain in one file, mined a block a transaction, replayable from its journal.

A transaction is acknowledged after its block is on disk. All methods are safe to call from several threads.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from weftwork.errors import BadConfig, LedgerCorrupt, NonceTooLow, RpcError, TransactionRejected
from weftwork.ledger import block as blocks
from weftwork.ledger import engine, rlp, transaction, trie
from weftwork.ledger.assembly import block_hashes, build
from weftwork.ledger.block import Header
from weftwork.ledger.engine import Environment, Outcome
from weftwork.ledger.hash import address_bytes, keccak
from weftwork.ledger.journal import Journal, broken
from weftwork.ledger.transaction import Transaction
from weftwork.ledger.world import World

COINBASE = bytes(20)
POOL_LIMIT = 4096


class Node:
    """A chain over a ledger file (``path``) or in memory (None); ``clock`` gives seconds since 1970."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        dev: bool = False,
        genesis: Mapping[str, int] | None = None,
        chain_id: int | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.dev = dev
        self.lock = threading.RLock()
        self.automine = True
        self._clock = clock or (lambda: int(time.time()))
        self.journal = Journal(path)
        try:
            self._start(genesis, chain_id)
        except sqlite3.DatabaseError as error:
            self.journal.close()
            raise broken(error, path) from error
        except BaseException:
            self.journal.close()
            raise

    # opening

    def _start(self, genesis: Mapping[str, int] | None, chain_id: int | None) -> None:
        journal = self.journal
        alloc = {address_bytes(a).hex(): int(v) for a, v in genesis.items()} if genesis is not None else None
        stored = journal.meta("genesis")
        if stored is None:
            self.chain_id = chain_id or 31337
            self._found(alloc or {})
        else:
            self.chain_id = int(journal.meta("chain_id"))
            if alloc is not None and alloc != {a: int(v) for a, v in json.loads(stored).items()}:
                raise BadConfig(
                    "this ledger was founded with another genesis allocation",
                    value=str(journal.path),
                    hint="leave the genesis out to open it as it is, or choose another path",
                )
            if chain_id is not None and chain_id != self.chain_id:
                raise BadConfig(f"this ledger's chain id is {self.chain_id}", value=chain_id)
        self._load_head()
        self.pool: dict[tuple[bytes, int], Transaction] = {}
        for (raw,) in journal.db.execute("SELECT raw FROM pool"):
            tx = transaction.decode(raw)
            self.pool[tx.sender, tx.nonce] = tx

    def _found(self, alloc: dict[str, int]) -> None:
        with self.journal.commit():
            world = World(self.journal, trie.BLANK_ROOT)
            for address, balance in alloc.items():
                world.set_balance(bytes.fromhex(address), balance)
            header = Header(
                bytes(32), COINBASE, world.seal(), trie.BLANK_ROOT, trie.BLANK_ROOT, blocks.EMPTY_BLOOM, 0,
                blocks.GAS_LIMIT, 0, self._clock(), bytes(32), blocks.INITIAL_BASE_FEE,
            ).seal()  # fmt: skip
            self.journal.set_meta("chain_id", self.chain_id)
            self.journal.set_meta("genesis", json.dumps({a: str(v) for a, v in alloc.items()}))
            self.journal.set_meta("offset", 0)
            self._write_block(header, [], engine.FORK)

    def _load_head(self) -> None:
        row = self.journal.db.execute("SELECT header FROM block ORDER BY number DESC LIMIT 1").fetchone()
        last = self.journal.db.execute("SELECT max(number) FROM journal").fetchone()[0]
        if row is None:
            raise LedgerCorrupt("the ledger has no blocks", value=str(self.journal.path))
        try:
            self.head = Header.decode(row[0])
        except (ValueError, IndexError) as error:
            raise LedgerCorrupt("the newest block is damaged", value=str(self.journal.path)) from error
        if self.head.number != last:
            raise LedgerCorrupt("blocks and journal differ in length", value=str(self.journal.path))
        self.world = World(self.journal, self.head.state_root)
        self.offset = int(self.journal.meta("offset") or 0)
        next_time = self.journal.meta("next_time")
        self.next_time = None if next_time is None else int(next_time)

    def close(self) -> None:
        """Close the file; what was acknowledged stays."""
        with self.lock:
            self.journal.close()

    # reading

    def header(self, number: int) -> Header | None:
        """The header of a block, or None."""
        if number == self.head.number:
            return self.head
        row = self.journal.db.execute("SELECT header FROM block WHERE number = ?", (number,)).fetchone()
        return Header.decode(row[0]) if row else None

    def header_of_hash(self, digest: bytes) -> Header | None:
        """The header of a block hash, or None."""
        row = self.journal.db.execute("SELECT header FROM block WHERE hash = ?", (digest,)).fetchone()
        return Header.decode(row[0]) if row else None

    def transactions(self, number: int) -> list[bytes]:
        """The raw transactions of a block."""
        row = self.journal.db.execute(
            "SELECT transactions FROM journal WHERE number = ?", (number,)
        ).fetchone()
        return list(rlp.decode(row[0])) if row else []  # type: ignore[arg-type]

    def world_at(self, header: Header) -> World:
        """The state after a block: the living one at the head (change nothing), else a view of its own."""
        return self.world if header.hash == self.head.hash else World(self.journal, header.state_root)

    def now(self) -> int:
        """The time that the next block would have, in seconds."""
        if self.next_time is not None:
            return self.next_time
        return max(self._clock() + self.offset, self.head.time)

    def next_environment(self) -> Environment:
        """The environment of the block that comes next."""
        parent = self.head
        return Environment(
            parent.number + 1, self.now(), blocks.next_base_fee(parent),
            keccak(b"prevrandao" + parent.hash), parent.gas_limit, COINBASE, self.chain_id,
        )  # fmt: skip

    def environment_of(self, header: Header) -> Environment:
        """The environment in which a block's transactions ran."""
        return Environment(
            header.number, header.time, header.base_fee, header.prevrandao, header.gas_limit, header.coinbase,
            self.chain_id,
        )  # fmt: skip

    def call(self, tx: Transaction, header: Header, *, pending: bool = False, free: bool = True) -> Outcome:
        """Execute on the state after ``header`` and leave no trace; ``pending``: in the next block."""
        world = self.world_at(header)
        environment = self.next_environment() if pending else self.environment_of(header)
        if tx.max_fee_per_gas == 0:
            environment = replace(environment, base_fee=0)
        state = engine.open_state(world, environment, block_hashes(self.journal, environment.number))
        return engine.call(state, tx, environment, free=free)

    # writing

    def submit(self, raw: bytes) -> bytes:
        """Take a signed transaction: mined at once, or kept until its nonce is next; returns its hash."""
        tx = transaction.decode(raw)
        with self.lock:
            expected = self.world.get_nonce(tx.sender)
            if tx.nonce < expected:
                raise NonceTooLow(
                    f"nonce too low: next nonce {expected}, tx nonce {tx.nonce}", value=tx.nonce
                )
            if (known := self.pool.get((tx.sender, tx.nonce))) is not None and known.hash == tx.hash:
                raise TransactionRejected("already known", value=blocks.hex_of(tx.hash))
            environment = self.next_environment()
            engine.check(self.world, tx, environment, gas_left=environment.gas_limit)
            if self.automine and tx.nonce == expected:
                self._mine([tx])
                self._drain(tx.sender)
            else:
                self._enqueue(tx)
                if self.automine:
                    self._drain(tx.sender)
            return tx.hash

    def _enqueue(self, tx: Transaction) -> None:
        if len(self.pool) >= POOL_LIMIT:
            raise TransactionRejected("txpool is full", value=len(self.pool))
        old = self.pool.get((tx.sender, tx.nonce))
        if old is not None and tx.max_fee_per_gas <= old.max_fee_per_gas:
            raise TransactionRejected("replacement transaction underpriced", value=tx.max_fee_per_gas)
        with self.journal.commit() as db:
            if old is not None:
                db.execute("DELETE FROM pool WHERE hash = ?", (old.hash,))
            db.execute("INSERT OR REPLACE INTO pool (hash, raw) VALUES (?, ?)", (tx.hash, tx.raw))
        self.pool[tx.sender, tx.nonce] = tx

    def _drain(self, sender: bytes) -> None:
        """Mine what waited for this sender's nonce, up to the first that the next block cannot take."""
        while tx := self.pool.get((sender, self.world.get_nonce(sender))):
            environment = self.next_environment()
            try:
                engine.check(self.world, tx, environment, gas_left=environment.gas_limit)
            except TransactionRejected:
                return
            self._mine([tx])

    def pending_nonce(self, address: bytes) -> int:
        """The sender's next nonce, counting what waits in the pool without a gap."""
        nonce = self.world.get_nonce(address)
        while (address, nonce) in self.pool:
            nonce += 1
        return nonce

    def _ready(self, environment: Environment) -> list[Transaction]:
        """The pool's transactions that fit into the next block, in order of arrival and nonce."""
        chosen: list[Transaction] = []
        nonces: dict[bytes, int] = {}
        left = environment.gas_limit
        found = True
        while found:
            found = False
            for tx in list(self.pool.values()):
                if tx in chosen or tx.nonce != nonces.get(tx.sender, self.world.get_nonce(tx.sender)):
                    continue
                if tx.gas <= left and tx.max_fee_per_gas >= environment.base_fee:
                    chosen.append(tx)
                    nonces[tx.sender] = tx.nonce + 1
                    left -= tx.gas
                    found = True
        return chosen

    def mine(self, count: int = 1, at: int | None = None) -> None:
        """Mine ``count`` blocks in one durable step, the first with what the pool holds, at ``at``."""
        with self.lock:
            if at is not None:
                self.set_next_time(at)
            self._mine(self._ready(self.next_environment()), empty=count - 1)

    @contextmanager
    def _durably(self) -> Iterator[sqlite3.Connection]:
        """One step, whole on disk; on an error SQLite rolls back and the head is read again."""
        try:
            with self.journal.commit() as db:
                yield db
        except BaseException:
            self._load_head()
            raise

    def _mine(self, txs: Sequence[Transaction], empty: int = 0) -> None:
        keys = [(tx.sender, tx.nonce) for tx in txs]
        waited = [self.pool[key] for key in keys if key in self.pool]
        with self._durably() as db:
            self._seal(txs, self.next_environment())
            for _ in range(empty):
                self._seal([], self.next_environment())
            if waited:
                db.executemany("DELETE FROM pool WHERE hash = ?", [(tx.hash,) for tx in waited])
        for key in keys:
            self.pool.pop(key, None)

    def _seal(self, txs: Sequence[Transaction], environment: Environment) -> None:
        """Execute and append one block; called inside a commit."""
        parent = self.head
        header, included, results = build(
            self.world, parent, txs, environment, block_hashes(self.journal, environment.number)
        )
        self._write_block(header, [tx.raw for tx in included], engine.FORK)
        self._write_results(header, included, results)
        if self.next_time is not None:
            self.offset = self.next_time - self._clock()
            self.next_time = None
            self._write_time()
        self.head = header

    def _write_block(self, header: Header, raws: list[bytes], fork: str) -> None:
        db = self.journal.db
        db.execute(
            "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (header.number, fork, header.time, str(header.base_fee), header.prevrandao, header.gas_limit,
             header.coinbase, rlp.encode(raws)),
        )  # fmt: skip
        db.execute("INSERT INTO block VALUES (?, ?, ?)", (header.number, header.hash, header.encoded))

    def _write_results(
        self, header: Header, txs: Sequence[Transaction], results: Sequence[tuple[Outcome, bytes]]
    ) -> None:
        db = self.journal.db
        cumulative = index = 0
        for position, (tx, (outcome, bloom)) in enumerate(zip(txs, results, strict=True)):
            cumulative += outcome.gas_used
            receipt = rlp.encode([
                b"\x01" if outcome.success else b"", rlp.int_bytes(outcome.gas_used),
                rlp.int_bytes(cumulative), rlp.int_bytes(index), outcome.created or b"", tx.sender,
                bloom.lstrip(b"\0"), b"" if outcome.success else outcome.output, outcome.error.encode(),
            ])  # fmt: skip
            db.execute(
                "INSERT INTO tx VALUES (?, ?, ?, ?, ?)", (tx.hash, header.number, position, tx.raw, receipt)
            )
            for address, topics, data in outcome.logs:
                words = [topic.to_bytes(32, "big") for topic in topics] + [None] * (4 - len(topics))
                db.execute(
                    "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (header.number, index, position, address, *words, data),
                )
                index += 1

    # time travel and snapshots (dev)

    def _write_time(self) -> None:
        self.journal.set_meta("offset", self.offset)
        self.journal.set_meta("next_time", self.next_time)

    def increase_time(self, seconds: int) -> int:
        """Move the clock of later blocks forward; returns the whole offset in seconds."""
        with self.lock, self._durably():
            self.offset += seconds
            self._write_time()
            return self.offset

    def set_next_time(self, at: int) -> None:
        """Fix the next block's time; later blocks go on from it. Raises RpcError if it is past."""
        with self.lock:
            if at < self.head.time:
                raise RpcError(
                    -32602, f"timestamp {at} lies before the newest block's {self.head.time}", value=at
                )
            with self._durably():
                self.next_time = at
                self._write_time()

    def snapshot(self) -> int:
        """Remember the present state; returns the id for ``revert``."""
        with self.lock, self._durably() as db:
            cursor = db.execute(
                "INSERT INTO snapshot (number, offset, next_time) VALUES (?, ?, ?)",
                (self.head.number, self.offset, self.next_time),
            )
            return int(cursor.lastrowid or 0)

    def revert(self, snapshot: int) -> bool:
        """Go back to a snapshot, which ends with it; False if there is none of that id."""
        with self.lock:
            row = self.journal.db.execute(
                "SELECT number, offset, next_time FROM snapshot WHERE id = ?", (snapshot,)
            ).fetchone()
            if row is None:
                return False
            number, offset, next_time = row
            with self._durably() as db:
                db.execute("DELETE FROM snapshot WHERE id >= ?", (snapshot,))
                for table, column in (
                    ("journal", "number"),
                    ("block", "number"),
                    ("tx", "block"),
                    ("log", "block"),
                ):
                    db.execute(f"DELETE FROM {table} WHERE {column} > ?", (number,))  # noqa: S608
                db.execute("DELETE FROM pool")
                self.offset, self.next_time = offset, next_time
                self._write_time()
            self.pool.clear()
            self._load_head()
            return True
