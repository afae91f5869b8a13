"""Replay: run a ledger's journal again from its genesis and compare every block."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from weftwork.errors import LedgerCorrupt
from weftwork.ledger import rlp, transaction, trie
from weftwork.ledger.assembly import block_hashes, build
from weftwork.ledger.block import Header
from weftwork.ledger.engine import Environment
from weftwork.ledger.journal import Journal
from weftwork.ledger.world import World


def replay(path: Path) -> bytes:
    """Run the journal of a closed ledger file again, compare every block, and return the state root.

    Raises LedgerCorrupt naming the first block that differs.
    """
    source = Journal(path)
    memory = Journal(None)
    try:
        chain_id = int(source.meta("chain_id"))
        world = World(memory, trie.BLANK_ROOT)
        for address, balance in json.loads(source.meta("genesis")).items():
            world.set_balance(bytes.fromhex(address), int(balance))
        world.seal()
        parent: Header | None = None
        rows = source.db.execute(
            "SELECT j.*, b.header FROM journal j JOIN block b USING (number) ORDER BY number"
        )
        for number, _, when, base_fee, prevrandao, gas_limit, coinbase, raws, stored in rows:
            recorded = Header.decode(stored)
            if parent is None:
                parent = recorded
                same = recorded.state_root == world.root
            else:
                environment = Environment(
                    number, when, int(base_fee), prevrandao, gas_limit, coinbase, chain_id
                )
                decoded = cast("list[bytes]", rlp.decode(raws))
                txs = [transaction.decode(raw) for raw in decoded]
                parent, _, _ = build(world, parent, txs, environment, block_hashes(source, number))
                same = parent.encoded == recorded.encoded
            if not same:
                raise LedgerCorrupt(f"block {number} differs when replayed", value=number)
        return world.root
    finally:
        memory.close()
        source.close()
