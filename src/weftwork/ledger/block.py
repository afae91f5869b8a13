"""Blocks: Cancun headers, the base fee of the next one (EIP-1559), receipts, and their JSON-RPC objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from weftwork.ledger import rlp
from weftwork.ledger.hash import checksum, keccak
from weftwork.ledger.transaction import Transaction
from weftwork.ledger.trie import BLANK_ROOT

INITIAL_BASE_FEE = 1_000_000_000
GAS_LIMIT = 30_000_000
EMPTY_UNCLES = bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
EMPTY_BLOOM = bytes(256)


@dataclass(frozen=True, slots=True)
class Header:
    """A Cancun header; ``hash`` is that of its RLP."""

    parent_hash: bytes
    coinbase: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    bloom: bytes
    number: int
    gas_limit: int
    gas_used: int
    time: int
    prevrandao: bytes
    base_fee: int
    encoded: bytes = b""
    hash: bytes = b""

    def seal(self) -> Header:
        """The same header with its RLP and hash."""
        i = rlp.int_bytes
        fields: list[rlp.Item] = [
            self.parent_hash, EMPTY_UNCLES, self.coinbase, self.state_root, self.transactions_root,
            self.receipts_root, self.bloom, b"", i(self.number), i(self.gas_limit), i(self.gas_used),
            i(self.time), b"", self.prevrandao, bytes(8), i(self.base_fee), BLANK_ROOT, b"", b"", bytes(32),
        ]  # fmt: skip
        encoded = rlp.encode(fields)
        return Header(
            self.parent_hash, self.coinbase, self.state_root, self.transactions_root, self.receipts_root,
            self.bloom, self.number, self.gas_limit, self.gas_used, self.time, self.prevrandao, self.base_fee,
            encoded, keccak(encoded),
        )  # fmt: skip

    @classmethod
    def decode(cls, encoded: bytes) -> Header:
        """Read a header's RLP."""
        f: Any = rlp.decode(encoded)
        n = [int.from_bytes(x, "big") for x in f[8:12]]
        return cls(
            f[0], f[2], f[3], f[4], f[5], f[6], n[0], n[1], n[2], n[3], f[13], int.from_bytes(f[15], "big"),
            encoded, keccak(encoded),
        )  # fmt: skip


def next_base_fee(parent: Header) -> int:
    """The base fee of the block after ``parent``: up to an eighth more or less (EIP-1559; rounds down)."""
    target = parent.gas_limit // 2
    if parent.gas_used == target:
        return parent.base_fee
    if parent.gas_used > target:
        return parent.base_fee + max(parent.base_fee * (parent.gas_used - target) // target // 8, 1)
    return parent.base_fee - parent.base_fee * (target - parent.gas_used) // target // 8


def bloom_of(logs: Iterable[tuple[bytes, tuple[int, ...], bytes]]) -> bytes:
    """The 2048-bit Bloom filter of log addresses and topics (Yellow Paper 4.4.1)."""
    bits = 0
    for address, topics, _ in logs:
        for item in (address, *(topic.to_bytes(32, "big") for topic in topics)):
            digest = keccak(item)
            for at in (0, 2, 4):
                bits |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 2047)
    return bits.to_bytes(256, "big")


def join_blooms(blooms: Iterable[bytes]) -> bytes:
    """The filter that matches what any of these does."""
    bits = 0
    for bloom in blooms:
        bits |= int.from_bytes(bloom, "big")
    return bits.to_bytes(256, "big")


def encode_receipt(
    type_id: int,
    success: bool,
    cumulative_gas: int,
    bloom: bytes,
    logs: Sequence[tuple[bytes, tuple[int, ...], bytes]],
) -> bytes:
    """A receipt's bytes in the receipts trie (EIP-2718)."""
    entries: list[rlp.Item] = [
        [address, [topic.to_bytes(32, "big") for topic in topics], data] for address, topics, data in logs
    ]
    body = rlp.encode([b"\x01" if success else b"", rlp.int_bytes(cumulative_gas), bloom, entries])
    return bytes((type_id,)) + body if type_id else body


def hex_of(data: bytes) -> str:
    """Bytes as JSON-RPC writes them."""
    return "0x" + data.hex()


def block_json(header: Header, transactions: Sequence[Any], size: int) -> dict[str, Any]:
    """The JSON-RPC object of a block; ``transactions`` are hashes or objects, ``size`` its RLP's bytes."""
    return {
        "number": hex(header.number),
        "hash": hex_of(header.hash),
        "parentHash": hex_of(header.parent_hash),
        "nonce": "0x0000000000000000",
        "sha3Uncles": hex_of(EMPTY_UNCLES),
        "logsBloom": hex_of(header.bloom),
        "transactionsRoot": hex_of(header.transactions_root),
        "stateRoot": hex_of(header.state_root),
        "receiptsRoot": hex_of(header.receipts_root),
        "miner": checksum(header.coinbase).lower(),
        "difficulty": "0x0",
        "totalDifficulty": "0x0",
        "extraData": "0x",
        "size": hex(size),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.time),
        "mixHash": hex_of(header.prevrandao),
        "baseFeePerGas": hex(header.base_fee),
        "withdrawals": [],
        "withdrawalsRoot": hex_of(BLANK_ROOT),
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "parentBeaconBlockRoot": hex_of(bytes(32)),
        "transactions": list(transactions),
        "uncles": [],
    }


def transaction_json(
    tx: Transaction, block_hash: bytes | None, number: int | None, position: int | None, price: int
) -> dict[str, Any]:
    """The JSON-RPC object of a transaction; the place is None while it is pending."""
    out: dict[str, Any] = {
        "hash": hex_of(tx.hash),
        "type": hex(tx.type_id),
        "nonce": hex(tx.nonce),
        "blockHash": hex_of(block_hash) if block_hash is not None else None,
        "blockNumber": hex(number) if number is not None else None,
        "transactionIndex": hex(position) if position is not None else None,
        "from": hex_of(tx.sender),
        "to": hex_of(tx.to) if tx.to else None,
        "value": hex(tx.value),
        "gas": hex(tx.gas),
        "gasPrice": hex(price),
        "input": hex_of(tx.data),
        "r": hex(tx.r),
        "s": hex(tx.s),
    }
    if tx.chain_id is not None:
        out["chainId"] = hex(tx.chain_id)
    if tx.type_id == 0:
        out["v"] = hex(27 + tx.y_parity if tx.chain_id is None else 35 + 2 * tx.chain_id + tx.y_parity)
        return out
    out["v"] = out["yParity"] = hex(tx.y_parity)
    out["accessList"] = [
        {"address": hex_of(address), "storageKeys": [hex_of(slot.to_bytes(32, "big")) for slot in slots]}
        for address, slots in tx.access_list
    ]
    if tx.type_id == 2:
        out["maxFeePerGas"] = hex(tx.max_fee_per_gas)
        out["maxPriorityFeePerGas"] = hex(tx.max_priority_fee_per_gas)
    return out
