"""Keys: an account signs transactions and digests (libsecp256k1), and is kept in a keystore (version 3)."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from weftwork.eip712 import sign_digest
from weftwork.errors import BadInput, LedgerCorrupt
from weftwork.ledger import transaction
from weftwork.ledger.hash import checksum, keccak

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Account:
    """A secp256k1 key and its address; ``address`` is in EIP-55 spelling."""

    __slots__ = ("_key", "address", "address_bytes")

    def __init__(self, secret: bytes) -> None:
        from coincurve import PrivateKey

        if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < _ORDER:
            raise BadInput("not a private key", hint="a private key is 32 bytes, as 64 hexadecimal digits")
        self._key = PrivateKey(secret)
        self.address_bytes = keccak(self._key.public_key.format(compressed=False)[1:])[12:]
        self.address = checksum(self.address_bytes)

    @classmethod
    def create(cls, seed: bytes | str | int | None = None) -> Account:
        """A new key: random, or the same one each time for a ``seed`` (tests, devnets)."""
        if seed is None:
            return cls(_in_range(secrets.token_bytes(32)))
        text = seed if isinstance(seed, bytes) else str(seed).encode()
        return cls(_in_range(keccak(b"weftwork account " + text)))

    @classmethod
    def from_key(cls, key: bytes | str) -> Account:
        """The account of a private key of 32 bytes or 64 hexadecimal digits; raises BadInput."""
        if isinstance(key, str):
            try:
                key = bytes.fromhex(key.removeprefix("0x").strip())
            except ValueError:
                raise BadInput("not a private key: it is not hexadecimal") from None
        return cls(key)

    @property
    def key(self) -> bytes:
        """The private key's 32 bytes; keep them secret."""
        return bytes(self._key.secret)

    def sign_hash(self, digest: bytes) -> bytes:
        """The 65-byte signature r, s, v (27 or 28) of a 32-byte digest, as ``ecrecover`` takes it."""
        return sign_digest(self._key, digest)

    def sign_transaction(self, tx: transaction.Transaction | dict[str, Any]) -> bytes:
        """The raw signed transaction; a dict has the JSON-RPC names with plain integers and bytes."""
        if isinstance(tx, dict):
            tx = _from_dict(tx)
        signature = self._key.sign_recoverable(transaction.signing_hash(tx), hasher=None)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        return transaction.encode(tx.copy(y_parity=signature[64], r=r, s=s))

    def save(self, path: str | os.PathLike[str], password: str, *, iterations: int | None = None) -> Path:
        """Write a keystore file (version 3, scrypt unless ``iterations`` of PBKDF2 are given), mode 0600."""
        from eth_account import Account as EthAccount

        if iterations is None:
            keystore = EthAccount.encrypt(self.key, password)
        else:
            keystore = EthAccount.encrypt(self.key, password, kdf="pbkdf2", iterations=iterations)
        return _write_secret(Path(path), json.dumps(keystore))

    @classmethod
    def load(cls, path: str | os.PathLike[str], password: str) -> Account:
        """Read a keystore file of any wallet; raises BadInput if it or the password is wrong."""
        from eth_account import Account as EthAccount

        try:
            return cls(bytes(EthAccount.decrypt(json.loads(Path(path).read_text()), password)))
        except OSError as error:
            raise BadInput(f"keystore cannot be read: {error}", value=str(path)) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f"keystore cannot be opened: {error}", value=str(path), hint="check the file and its password"
            ) from error

    def __repr__(self) -> str:
        return f"Account({self.address})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Account) and other.address_bytes == self.address_bytes

    def __hash__(self) -> int:
        return hash(self.address_bytes)


def read_treasury(path: Path) -> Account:
    """The treasury account of a ledger's folder or key file; raises LedgerCorrupt."""
    file = path / "treasury.key" if path.is_dir() else path
    try:
        return Account.from_key(file.read_text())
    except (OSError, ValueError) as error:
        raise LedgerCorrupt(f"the treasury key cannot be read: {error}", value=str(file)) from error


def _in_range(secret: bytes) -> bytes:
    while not 0 < int.from_bytes(secret, "big") < _ORDER:
        secret = keccak(secret)
    return secret


def _write_secret(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    return path


def _from_dict(tx: dict[str, Any]) -> transaction.Transaction:
    from weftwork.ledger.hash import address_bytes

    to = tx.get("to") or b""
    price = tx.get("gasPrice")
    fee = tx.get("maxFeePerGas", price or 0)
    return transaction.Transaction(
        type_id=2 if price is None else 0,
        chain_id=tx["chainId"],
        nonce=tx["nonce"],
        max_priority_fee_per_gas=tx.get("maxPriorityFeePerGas", fee),
        max_fee_per_gas=fee,
        gas=tx["gas"],
        to=address_bytes(to) if isinstance(to, str) else to,
        value=tx.get("value", 0),
        data=tx.get("data", b""),
    )
