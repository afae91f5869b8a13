"""What the node holds, as JSON-RPC objects: blocks, transactions, receipts, logs."""

from __future__ import annotations

from typing import Any

from weftwork.ledger import block as blocks
from weftwork.ledger import rlp, transaction
from weftwork.ledger.block import Header, hex_of
from weftwork.ledger.hash import checksum
from weftwork.ledger.node import Node
from weftwork.ledger.param import LogFilter
from weftwork.ledger.revert import reason_of

JsonObject = dict[str, Any]


def block(node: Node, header: Header, *, full: bool) -> JsonObject:
    """A block with its transactions' hashes, or with the transactions whole."""
    raws = node.transactions(header.number)
    if full:
        listed: list[Any] = []
        for position, raw in enumerate(raws):
            tx = transaction.decode(raw)
            price = transaction.effective_price(tx, header.base_fee)
            listed.append(blocks.transaction_json(tx, header.hash, header.number, position, price))
    else:
        rows = node.journal.db.execute(
            "SELECT hash FROM tx WHERE block = ? ORDER BY position", (header.number,)
        )
        listed = [hex_of(row[0]) for row in rows]
    body = [raw if raw[0] >= 0xC0 else rlp.encode_bytes(raw) for raw in raws]
    size = len(rlp.join([header.encoded, rlp.join(body), b"\xc0", b"\xc0"]))
    return blocks.block_json(header, listed, size)


def transaction_of(node: Node, digest: bytes) -> JsonObject | None:
    """A mined or waiting transaction, or None."""
    row = node.journal.db.execute("SELECT block, position, raw FROM tx WHERE hash = ?", (digest,)).fetchone()
    if row is not None:
        number, position, raw = row
        header = node.header(number)
        assert header is not None
        tx = transaction.decode(raw)
        price = transaction.effective_price(tx, header.base_fee)
        return blocks.transaction_json(tx, header.hash, number, position, price)
    for tx in node.pool.values():
        if tx.hash == digest:
            return blocks.transaction_json(tx, None, None, None, tx.max_fee_per_gas)
    return None


def receipt_of(node: Node, digest: bytes) -> JsonObject | None:
    """The receipt of a mined transaction, or None."""
    row = node.journal.db.execute(
        "SELECT hash, block, position, raw, receipt FROM tx WHERE hash = ?", (digest,)
    ).fetchone()
    return _receipt(node, *row) if row else None


def receipts(node: Node, header: Header) -> list[JsonObject]:
    """All receipts of a block."""
    rows = node.journal.db.execute(
        "SELECT hash, block, position, raw, receipt FROM tx WHERE block = ? ORDER BY position",
        (header.number,),
    ).fetchall()
    return [_receipt(node, *row) for row in rows]


def _receipt(node: Node, digest: bytes, number: int, position: int, raw: bytes, stored: bytes) -> JsonObject:
    header = node.header(number)
    assert header is not None
    fields: Any = rlp.decode(stored)
    status, gas_used, cumulative, _, created, sender, bloom, output, error = fields
    kind, fee, tip, to = _price_and_to(raw)
    rows = node.journal.db.execute(
        "SELECT * FROM log WHERE block = ? AND tx = ? ORDER BY position", (number, position)
    )
    out: JsonObject = {
        "transactionHash": hex_of(digest),
        "transactionIndex": hex(position),
        "blockHash": hex_of(header.hash),
        "blockNumber": hex(number),
        "from": hex_of(sender),
        "to": hex_of(to) if to else None,
        "cumulativeGasUsed": hex(int.from_bytes(cumulative, "big")),
        "gasUsed": hex(int.from_bytes(gas_used, "big")),
        "contractAddress": checksum(created).lower() if created else None,
        "logs": [_log(row, header.hash, digest) for row in rows],
        "logsBloom": hex_of(bytes(256 - len(bloom)) + bloom),
        "type": hex(kind),
        "status": "0x1" if status else "0x0",
        "effectiveGasPrice": hex(min(fee, header.base_fee + tip)),
    }
    if not status:
        out["revertReason"] = reason_of(output) if error == b"revert" else error.decode()
        out["revertData"] = hex_of(output)
    return out


def _price_and_to(raw: bytes) -> tuple[int, int, int, bytes]:
    """Type, maximum fee, maximum tip and recipient of a stored transaction, without recovering its sender."""
    if raw[0] >= 0xC0:
        fields: Any = rlp.decode(raw)
        fee = int.from_bytes(fields[1], "big")
        return 0, fee, fee, fields[3]
    fields = rlp.decode(raw[1:])
    if raw[0] == 1:
        fee = int.from_bytes(fields[2], "big")
        return 1, fee, fee, fields[4]
    return 2, int.from_bytes(fields[3], "big"), int.from_bytes(fields[2], "big"), fields[5]


def logs(node: Node, wanted: LogFilter, after: int = -1) -> list[JsonObject]:
    """The logs that match, oldest first; only of blocks later than ``after``."""
    last = node.head.number if wanted.last is None else min(wanted.last, node.head.number)
    where = ["l.block BETWEEN ? AND ?"]
    values: list[Any] = [max(wanted.first, after + 1), last]
    if wanted.addresses is not None:
        where.append(f"l.address IN ({','.join('?' * len(wanted.addresses))})")
        values.extend(wanted.addresses)
    for place, words in enumerate(wanted.topics):
        if words is None:
            where.append(f"l.topic{place} IS NOT NULL")
        else:
            where.append(f"l.topic{place} IN ({','.join('?' * len(words))})")
            values.extend(words)
    rows = node.journal.db.execute(
        "SELECT l.*, b.hash, t.hash FROM log l JOIN block b ON b.number = l.block "  # noqa: S608
        f"JOIN tx t ON t.block = l.block AND t.position = l.tx WHERE {' AND '.join(where)} "
        "ORDER BY l.block, l.position",
        values,
    )
    return [_log(row[:9], row[9], row[10]) for row in rows]


def _log(row: tuple[Any, ...], block_hash: bytes, tx_hash: bytes) -> JsonObject:
    number, index, position, address, *topics, body = row
    return {
        "address": hex_of(address),
        "topics": [hex_of(topic) for topic in topics if topic is not None],
        "data": hex_of(body),
        "blockNumber": hex(number),
        "blockHash": hex_of(block_hash),
        "transactionHash": hex_of(tx_hash),
        "transactionIndex": hex(position),
        "logIndex": hex(index),
        "removed": False,
    }
