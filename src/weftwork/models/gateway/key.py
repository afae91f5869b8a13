"""API keys: accounts that the gateway holds, each with a spending cap and usage by model.

A key is shown once; only its SHA-256 is kept (a key has 256 bits, so nothing slower is needed). What a call
may cost is reserved before it is served and settled after, so that concurrent calls never pass the cap
together. Accounts live in the store's state, in one order with the receipts they pay for.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from weftwork.errors import BadInput, BadKey, CapReached, NotFound
from weftwork.store import Store

PREFIX = "wk-"
_STATE = "key/"


@dataclass(slots=True)
class Key:
    """One account: cap (None: none) and spent in wad, usage by model; ``reserved`` is never on disk."""

    hash: str
    name: str
    cap: int | None
    created: int
    spent: int = 0
    revoked: bool = False
    usage: dict[str, list[int]] = field(default_factory=dict)
    reserved: int = 0

    @property
    def id(self) -> str:
        """The name of this key in answers and logs; it cannot be used to call."""
        return "key_" + self.hash[:16]

    @property
    def hash_bytes(self) -> bytes:
        """The 32 bytes of the key's hash."""
        return bytes.fromhex(self.hash)

    def to_json(self) -> dict[str, Any]:
        """The account for people and programs; amounts as text in wad."""
        by_model = {
            model: {"calls": row[0], "input_tokens": row[1], "output_tokens": row[2], "spent": str(row[3])}
            for model, row in sorted(self.usage.items())
        }
        return {
            "id": self.id,
            "object": "key",
            "name": self.name,
            "cap": None if self.cap is None else str(self.cap),
            "spent": str(self.spent),
            "reserved": str(self.reserved),
            "revoked": self.revoked,
            "created": self.created,
            "usage": by_model,
        }


class KeyRing:
    """All API keys of one gateway, over its store."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        later: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        """``later`` calls a function a few milliseconds from now: accounts that change often are then written
        once for many calls, no later than the records they belong to."""
        self._later = later
        self._dirty: dict[str, Key] = {}
        self._called = False
        self._store = store
        self._clock = clock
        self._by_hash: dict[str, Key] = {}
        self._by_secret: dict[str, Key] = {}
        for _, held in store.states(_STATE):
            key = Key(
                hash=held["hash"],
                name=held["name"],
                cap=None if held["cap"] is None else int(held["cap"]),
                created=held["created"],
                spent=int(held["spent"]),
                revoked=held["revoked"],
                usage={model: [int(n) for n in row] for model, row in held["usage"].items()},
            )
            self._by_hash[key.hash] = key

    def create(self, name: str = "", cap: int | None = None, secret: str | None = None) -> tuple[str, Key]:
        """A new key and its account; the key is returned here and never again."""
        if not isinstance(name, str) or len(name) > 200:
            raise BadInput("a key's name is text of at most 200 characters", value=repr(name)[:80])
        if cap is not None and (isinstance(cap, bool) or not isinstance(cap, int) or not 0 <= cap < 1 << 256):
            raise BadInput("a key's cap is a whole number of wad", value=repr(cap)[:80])
        secret = PREFIX + secrets.token_urlsafe(32) if secret is None else secret
        if not secret.startswith(PREFIX) or len(secret) < 20:
            raise BadInput("a key starts with wk- and has at least 20 characters")
        digest = hashlib.sha256(secret.encode()).hexdigest()
        if digest in self._by_hash:
            return secret, self._by_hash[digest]
        key = Key(digest, name, cap, int(self._clock()))
        self._by_hash[digest] = key
        self._write(key)
        return secret, key

    def find(self, authorization: str | None) -> Key:
        """The account that an ``Authorization: Bearer wk-...`` header opens; else :class:`BadKey`."""
        if authorization is None:
            raise BadKey("You didn't provide an API key.")
        key = self._by_secret.get(authorization)
        if key is None:
            scheme, _, secret = authorization.partition(" ")
            if scheme.lower() != "bearer":
                raise BadKey("You didn't provide an API key.")
            digest = hashlib.sha256(secret.strip().encode(errors="replace")).hexdigest()
            key = self._by_hash.get(digest)
            if key is None:
                raise BadKey("Incorrect API key provided.")
            if len(self._by_secret) > 10_000:
                self._by_secret.clear()
            self._by_secret[authorization] = key
        if key.revoked:
            raise BadKey("This API key was revoked.", value=key.id)
        return key

    def reserve(self, key: Key, amount: int) -> None:
        """Holds ``amount`` wad of the cap for a call that starts; :class:`CapReached` if it does not fit."""
        if key.cap is not None and key.spent + key.reserved + amount > key.cap:
            raise CapReached(
                f"You exceeded your current quota: {amount} may be needed, "
                f"{max(0, key.cap - key.spent - key.reserved)} is left.",
                value=key.id,
            )
        key.reserved += amount

    def settle(
        self, key: Key, reserved: int, spent: int, model: str, input_tokens: int = 0, output_tokens: int = 0
    ) -> None:
        """Frees what :meth:`reserve` held and books what the call did cost."""
        key.reserved -= reserved
        key.spent += spent
        row = key.usage.get(model)
        if row is None:
            row = key.usage[model] = [0, 0, 0, 0]
        row[0] += 1
        row[1] += input_tokens
        row[2] += output_tokens
        row[3] += spent
        self._save(key)

    def release(self, key: Key, reserved: int) -> None:
        """Frees what :meth:`reserve` held for a call that cost nothing."""
        key.reserved -= reserved

    def change(self, key_id: str, *, cap: int | None = None, revoked: bool | None = None) -> Key:
        """Sets a key's cap, or revokes it; :class:`NotFound` if there is none of that id."""
        key = self.get(key_id)
        if cap is not None:
            key.cap = cap
        if revoked is not None:
            key.revoked = revoked
        self._write(key)
        return key

    def get(self, key_id: str) -> Key:
        """The account of that id; :class:`NotFound` if there is none."""
        for key in self._by_hash.values():
            if key.id == key_id:
                return key
        raise NotFound("no API key has that id", value=str(key_id)[:80], hint="GET /v1/keys lists them")

    def all(self) -> list[Key]:
        """Every account, oldest first."""
        return sorted(self._by_hash.values(), key=lambda key: (key.created, key.hash))

    def _save(self, key: Key) -> None:
        if self._later is None:
            self._write(key)
            return
        self._dirty[key.hash] = key
        if not self._called:
            self._called = True
            self._later(self._flush_late)

    def _flush_late(self) -> None:
        self._called = False
        self.flush()

    def flush(self) -> None:
        """Queues every account that changed."""
        if self._dirty:
            changed, self._dirty = self._dirty, {}
            for key in changed.values():
                self._write(key)

    def _write(self, key: Key) -> None:
        usage = {model: tuple(row) for model, row in key.usage.items()}
        kept = partial(_show, key.hash, key.name, key.cap, key.created, key.spent, key.revoked, usage)
        self._store.set_state_made(_STATE + key.hash, kept)


def _show(
    hash_: str,
    name: str,
    cap: int | None,
    created: int,
    spent: int,
    revoked: bool,
    usage: dict[str, tuple[int, ...]],
) -> dict[str, Any]:
    return {
        "hash": hash_,
        "name": name,
        "cap": None if cap is None else str(cap),
        "created": created,
        "spent": str(spent),
        "revoked": revoked,
        "usage": {model: [*row[:3], str(row[3])] for model, row in usage.items()},
    }
