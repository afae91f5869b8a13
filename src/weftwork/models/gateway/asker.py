"""Who pays for a call: an API key's account, or a client that signs with its own key through its own
channel.
"""

from __future__ import annotations

from typing import Any, Protocol

from weftwork.errors import Unpaid
from weftwork.models.gateway.key import Key, KeyRing
from weftwork.records import Request, Signed
from weftwork.units import BPS, Digest, keccak

_ASKER = b"weft.asker.v1"


def asker_nonce(key_hash: bytes, salt: bytes) -> Digest:
    """The nonce of a request made for an API key: it binds the asker, and tells nobody else who that is."""
    return Digest(keccak(_ASKER + key_hash + salt))


class Asker(Protocol):
    """Whoever pays: reserve before work, settle after it; amounts in wad."""

    def nonce(self, salt: bytes) -> Digest:
        """The nonce of a request to a miner on this asker's behalf."""

    def reserve(self, amount: int) -> None:
        """Holds ``amount`` or refuses (:class:`CapReached`, :class:`Unpaid`)."""

    def settle(self, reserved: int, spent: int, model: str, input_tokens: int, output_tokens: int) -> None:
        """Frees ``reserved`` and books ``spent``."""


class KeyAsker:
    """An API key's account, held by the gateway."""

    __slots__ = ("_ring", "key")
    own: Signed[Request] | None = None

    def __init__(self, ring: KeyRing, key: Key) -> None:
        self._ring = ring
        self.key = key

    def nonce(self, salt: bytes) -> Digest:
        return asker_nonce(self.key.hash_bytes, salt)

    def reserve(self, amount: int) -> None:
        self._ring.reserve(self.key, amount)

    def settle(self, reserved: int, spent: int, model: str, input_tokens: int, output_tokens: int) -> None:
        if spent or input_tokens or output_tokens:
            self._ring.settle(self.key, reserved, spent, model, input_tokens, output_tokens)
        else:
            self._ring.release(self.key, reserved)


class ClientAsker:
    """A client with its own key: its signed request caps the price; its id is the next hop's nonce."""

    __slots__ = ("_held", "id", "kept", "own", "salt")

    def __init__(self, own: Signed[Request], salt: bytes) -> None:
        self.own = own
        self.id = own.record.id
        self.salt = salt
        self._held = 0
        self.kept = False

    def nonce(self, salt: bytes) -> Digest:
        return self.id

    def reserve(self, amount: int) -> None:
        cap = self.own.record.max_price
        if self._held + amount > cap:
            raise Unpaid(
                f"This call may cost {self._held + amount}; the request allows {cap}.",
                value=str(cap),
                hint="POST /v1/quote says what a call may cost; raise max_price, or lower max_tokens",
            )
        self._held += amount

    def settle(self, reserved: int, spent: int, model: str, input_tokens: int, output_tokens: int) -> None:
        self._held -= reserved


class Bill:
    """The money of one call: what is held for it, what its receipts came to with the fee on them, its tokens.

    Of a call that is routed one answer is charged, however many miners are tried or asked beside each other,
    so the most that one may still cost is held (``each`` false); of ``best`` all are (``each`` true).
    """

    __slots__ = ("_asker", "_each", "_fee", "_model", "held", "input_tokens", "output_tokens", "spent")

    def __init__(self, asker: Any, model: str, fee_bps: int, each: bool = False) -> None:
        self._asker = asker
        self._model = model
        self._fee = fee_bps
        self._each = each
        self.held = self.spent = self.input_tokens = self.output_tokens = 0

    def with_fee(self, price: int) -> int:
        """``price`` with the gateway's fee on it, rounded up."""
        return price - (-price * self._fee // BPS)

    def hold(self, quote: int) -> None:
        """Holds money for a piece of work of at most ``quote``; raises what the asker refuses with."""
        amount = self.with_fee(quote)
        if not self._each:
            amount = max(0, self.spent + amount - self.held)
        if amount:
            self._asker.reserve(amount)
            self.held += amount

    @property
    def left(self) -> int:
        """What a miner can be paid out of what is held and not yet spent."""
        return max(0, self.held - self.spent) * BPS // (BPS + self._fee)

    def drop(self, quote: int) -> None:
        """Frees what was held for work that came to nothing, unless the next try stands on it."""
        if self._each:
            amount = self.with_fee(quote)
            self._asker.settle(amount, 0, self._model, 0, 0)
            self.held -= amount

    def add(self, price: int, input_tokens: int, output_tokens: int) -> None:
        """Books one receipt."""
        self.spent += self.with_fee(price)
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens

    def close(self) -> None:
        """Settles: frees all that is held, charges what was spent. A second time does nothing."""
        held, self.held = self.held, 0
        spent, self.spent = self.spent, 0
        if held or spent or self.output_tokens:
            self._asker.settle(held, spent, self._model, self.input_tokens, self.output_tokens)
            self.input_tokens = self.output_tokens = 0
