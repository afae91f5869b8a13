"""Assembly of a block: run its transactions on the parent's state, and seal what comes out into a header."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weftwork.errors import TransactionRejected
from weftwork.ledger import block as blocks
from weftwork.ledger import engine, trie
from weftwork.ledger.block import Header
from weftwork.ledger.engine import Environment, Outcome
from weftwork.ledger.journal import Journal
from weftwork.ledger.transaction import Transaction
from weftwork.ledger.world import World

ANCESTORS = 256


def build(
    world: World,
    parent: Header,
    txs: Sequence[Transaction],
    environment: Environment,
    ancestors: Iterator[bytes],
) -> tuple[Header, list[Transaction], list[tuple[Outcome, bytes]]]:
    """Execute transactions on the parent's world and seal the block; those that do not fit are left out."""
    state = engine.open_state(world, environment, ancestors)
    included: list[Transaction] = []
    results: list[tuple[Outcome, bytes]] = []
    receipts: list[bytes] = []
    cumulative = 0
    for tx in txs:
        if len(txs) > 1:
            try:
                engine.check(world, tx, environment, gas_left=environment.gas_limit - cumulative)
            except TransactionRejected:
                continue
            if tx.nonce != world.get_nonce(tx.sender):
                continue
        outcome = engine.run(state, tx, environment)
        cumulative += outcome.gas_used
        bloom = blocks.bloom_of(outcome.logs) if outcome.logs else blocks.EMPTY_BLOOM
        included.append(tx)
        results.append((outcome, bloom))
        receipts.append(blocks.encode_receipt(tx.type_id, outcome.success, cumulative, bloom, outcome.logs))
    header = Header(
        parent_hash=parent.hash,
        coinbase=environment.coinbase,
        state_root=world.seal(),
        transactions_root=trie.root_of([tx.raw for tx in included]),
        receipts_root=trie.root_of(receipts),
        bloom=blocks.join_blooms(bloom for _, bloom in results) if results else blocks.EMPTY_BLOOM,
        number=environment.number,
        gas_limit=environment.gas_limit,
        gas_used=cumulative,
        time=environment.time,
        prevrandao=environment.prevrandao,
        base_fee=environment.base_fee,
    ).seal()
    return header, included, results


def block_hashes(journal: Journal, number: int) -> Iterator[bytes]:
    """Hashes of the 256 blocks before block ``number``, the newest first (for BLOCKHASH)."""
    rows = journal.db.execute(
        "SELECT hash FROM block WHERE number < ? ORDER BY number DESC LIMIT ?", (number, ANCESTORS)
    )
    for (digest,) in rows:
        yield digest
