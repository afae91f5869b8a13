"""Transactions: legacy, EIP-2930 and EIP-1559 (no blobs), signed and read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from weftwork.errors import TransactionRejected
from weftwork.ledger import rlp
from weftwork.ledger.hash import keccak

_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
AccessList = tuple[tuple[bytes, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction; without EIP-1559 both fee fields hold its gas price. Empty ``to`` creates."""

    type_id: int
    chain_id: int | None
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas: int
    to: bytes
    value: int
    data: bytes
    access_list: AccessList = ()
    y_parity: int = 0
    r: int = 0
    s: int = 0
    sender: bytes = b""
    hash: bytes = b""
    raw: bytes = field(default=b"", repr=False)

    @property
    def gas_price(self) -> int:
        """The price of a legacy transaction."""
        return self.max_fee_per_gas

    @property
    def intrinsic_gas(self) -> int:
        """Gas taken before the first instruction (EIP-2028, 2930); the words of initcode come later."""
        zeros = self.data.count(0)
        words = sum(len(slots) for _, slots in self.access_list)
        create = 0 if self.to else 32_000
        calldata = 4 * zeros + 16 * (len(self.data) - zeros)
        return 21_000 + create + calldata + 2_400 * len(self.access_list) + 1_900 * words

    def copy(self, **changes: Any) -> Transaction:
        """The same transaction with some fields replaced."""
        return replace(self, **changes)


def effective_price(tx: Transaction, base_fee: int) -> int:
    """Wei a unit of gas that the sender pays in a block of this base fee."""
    return min(tx.max_fee_per_gas, base_fee + tx.max_priority_fee_per_gas)


def _access(tx: Transaction) -> list[rlp.Item]:
    return [[address, [slot.to_bytes(32, "big") for slot in slots]] for address, slots in tx.access_list]


def _fields(tx: Transaction) -> list[rlp.Item]:
    i = rlp.int_bytes
    if tx.type_id == 2:
        fees: list[rlp.Item] = [i(tx.max_priority_fee_per_gas), i(tx.max_fee_per_gas)]
    else:
        fees = [i(tx.max_fee_per_gas)]
    body: list[rlp.Item] = [i(tx.nonce), *fees, i(tx.gas), tx.to, i(tx.value), tx.data]
    if tx.type_id == 0:
        return body
    return [i(tx.chain_id or 0), *body, _access(tx)]


def signing_hash(tx: Transaction) -> bytes:
    """The digest that the sender signs (EIP-155 for a legacy transaction with a chain id)."""
    fields = _fields(tx)
    if tx.type_id == 0:
        if tx.chain_id is not None:
            fields += [rlp.int_bytes(tx.chain_id), b"", b""]
        return keccak(rlp.encode(fields))
    return keccak(bytes((tx.type_id,)) + rlp.encode(fields))


def encode(tx: Transaction) -> bytes:
    """The signed transaction's bytes, as ``eth_sendRawTransaction`` takes them."""
    fields = _fields(tx)
    if tx.type_id == 0:
        v = 27 + tx.y_parity if tx.chain_id is None else 35 + 2 * tx.chain_id + tx.y_parity
        return rlp.encode([*fields, rlp.int_bytes(v), rlp.int_bytes(tx.r), rlp.int_bytes(tx.s)])
    signature = [rlp.int_bytes(tx.y_parity), rlp.int_bytes(tx.r), rlp.int_bytes(tx.s)]
    return bytes((tx.type_id,)) + rlp.encode([*fields, *signature])


def decode(raw: bytes) -> Transaction:
    """Read a signed transaction and recover its sender; raises TransactionRejected if it is malformed."""
    try:
        if not raw:
            raise ValueError("it is empty")
        if raw[0] >= 0xC0:
            tx = _decode_legacy(rlp.decode(raw))
        elif raw[0] in (1, 2):
            tx = _decode_typed(raw[0], rlp.decode(raw[1:]))
        else:
            raise ValueError(f"transaction type {raw[0]} is not supported")
        if not 0 < tx.s <= _HALF_ORDER or tx.y_parity not in (0, 1):
            raise ValueError("the signature is not canonical")
        sender = recover(signing_hash(tx), tx.y_parity, tx.r, tx.s)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise TransactionRejected(f"malformed transaction: {error}", value="0x" + raw[:32].hex()) from error
    return tx.copy(sender=sender, hash=keccak(raw), raw=raw)


def recover(digest: bytes, y_parity: int, r: int, s: int) -> bytes:
    """The 20-byte address whose key made this signature; raises ValueError if there is none."""
    from coincurve import PublicKey

    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((y_parity,))
    try:
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except Exception as error:
        raise ValueError("the signature belongs to no key") from error
    return keccak(key.format(compressed=False)[1:])[12:]


def _int(item: Any, bits: int) -> int:
    if not isinstance(item, bytes) or item[:1] == b"\x00" or len(item) > bits // 8:
        raise ValueError("a number is out of range or has leading zeros")
    return int.from_bytes(item, "big")


def _to(item: Any) -> bytes:
    if not isinstance(item, bytes) or len(item) not in (0, 20):
        raise ValueError("the recipient is no address")
    return item


def _data(item: Any) -> bytes:
    if not isinstance(item, bytes):
        raise ValueError("the data is no byte string")
    return item


def _decode_legacy(item: Any) -> Transaction:
    nonce, price, gas, to, value, data, v_item, r, s = item
    v = _int(v_item, 64)
    if v in (27, 28):
        chain_id, parity = None, v - 27
    elif v >= 35:
        chain_id, parity = divmod(v - 35, 2)
    else:
        raise ValueError("the signature's v is out of range")
    fee = _int(price, 256)
    return Transaction(
        0, chain_id, _int(nonce, 64), fee, fee, _int(gas, 64), _to(to), _int(value, 256), _data(data), (),
        parity, _int(r, 256), _int(s, 256),
    )  # fmt: skip


def _decode_typed(kind: int, item: Any) -> Transaction:
    if kind == 2:
        chain, nonce, tip, fee, gas, to, value, data, access, parity, r, s = item
    else:
        chain, nonce, fee, gas, to, value, data, access, parity, r, s = item
        tip = fee
    return Transaction(
        kind, _int(chain, 64), _int(nonce, 64), _int(tip, 256), _int(fee, 256), _int(gas, 64), _to(to),
        _int(value, 256), _data(data), _access_list(access), _int(parity, 64), _int(r, 256), _int(s, 256),
    )  # fmt: skip


def _access_list(items: Any) -> AccessList:
    entries = []
    for address, slots in items:
        if len(address) != 20 or any(len(slot) != 32 for slot in slots):
            raise ValueError("the access list is malformed")
        entries.append((address, tuple(int.from_bytes(slot, "big") for slot in slots)))
    return tuple(entries)
