"""Signed HTTP for calls that carry no signed record of their own, such as validators' closing signatures.

The header ``x-weft-call`` carries ``to expiry nonce signature`` over the EIP-712 struct of :class:`Call`, so
a call cannot be changed, sent to another role, sent twice or kept for later. Source: EIP-712.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from weftwork.errors import BadInput, BadSignature, Busy, Refused, Replayed
from weftwork.records import Domain, checksum_address, recover_signer
from weftwork.units import Digest, keccak

HEADER = "x-weft-call"
_TYPE = b"Call(string method,string path,bytes32 body,address to,uint64 expiry,bytes32 nonce)"
_TYPE_HASH = keccak(_TYPE)


class Signer(Protocol):
    """A key that signs; ``ledger.key.Account`` is one."""

    def sign_hash(self, digest: bytes) -> bytes:
        """The 65-byte signature (r, s, v) of a 32-byte digest."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is signed: method, request-target, digest of the body, receiver, expiry (Unix seconds), nonce."""

    method: str
    path: str
    body: bytes
    to: str
    expiry: int
    nonce: bytes

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes that are signed: ``keccak(0x1901 ++ separator ++ struct hash)``."""
        words = (
            _TYPE_HASH,
            keccak(self.method.encode()),
            keccak(self.path.encode()),
            keccak(self.body),
            b"\0" * 12 + bytes.fromhex(self.to[2:]),
            self.expiry.to_bytes(32, "big"),
            self.nonce,
        )
        return keccak(b"\x19\x01" + domain.separator + keccak(b"".join(words)))


class ReplayCache:
    """The calls seen and not expired, bounded in all and for each signer; a live one is never forgotten."""

    def __init__(self, limit: int = 65_536, per_signer: int = 4_096) -> None:
        self.limit = limit
        self.per_signer = per_signer
        self._seen: dict[str, dict[bytes, int]] = {}
        self._total = 0
        self._purged = 0

    def __len__(self) -> int:
        return self._total

    def add(self, signer: str, nonce: bytes, expiry: int, now: int) -> None:
        """Notes a call; :class:`Replayed` if it was seen, :class:`Busy` if no more can be kept."""
        own = self._seen.get(signer, {})
        if nonce in own:
            raise Replayed("this call was made before", value=nonce.hex())
        if (self._total >= self.limit or len(own) >= self.per_signer) and now > self._purged:
            self._purge(now)
            own = self._seen.get(signer, {})
        if self._total >= self.limit or len(own) >= self.per_signer:
            raise Busy("too many signed calls are remembered", value=signer)
        self._seen.setdefault(signer, own)[nonce] = expiry
        self._total += 1

    def _purge(self, now: int) -> None:
        self._purged = now
        for signer, own in list(self._seen.items()):
            live = {nonce: expiry for nonce, expiry in own.items() if expiry >= now}
            if live:
                self._seen[signer] = live
            else:
                del self._seen[signer]
        self._total = sum(map(len, self._seen.values()))


def sign_call(
    key: Signer,
    method: str,
    path: str,
    body: bytes,
    to: str,
    domain: Domain,
    *,
    now: int,
    lifetime: int = 60,
    nonce: bytes | None = None,
) -> dict[str, str]:
    """The header that makes a request a signed call to the role ``to``; ``path`` is the request-target."""
    call = Call(method, path, body, checksum_address(to), now + lifetime, nonce or secrets.token_bytes(32))
    signature = key.sign_hash(call.digest(domain))
    return {HEADER: f"{call.to} {call.expiry} {call.nonce.hex()} {signature.hex()}"}


def check_call(
    headers: Mapping[str, str],
    method: str,
    path: str,
    body: bytes,
    own: str,
    domain: Domain,
    seen: ReplayCache,
    *,
    now: int,
    longest: int = 300,
    allowed: Callable[[str], bool] | None = None,
) -> str:
    """The address that signed this call to ``own``.

    Raises :class:`BadSignature` for a missing or broken envelope, :class:`Replayed` for one that has expired,
    was seen or reaches more than ``longest`` seconds ahead, :class:`Refused` for one not ``allowed``.
    """
    parts = headers.get(HEADER, "").split(" ")
    try:
        to, expiry_text, nonce_text, signature_text = parts
        expiry, nonce, signature = int(expiry_text), Digest(nonce_text), bytes.fromhex(signature_text)
        to = checksum_address(to)
        if not expiry_text.isdigit() or not 0 <= expiry < 1 << 64 or len(signature) != 65:
            raise ValueError
    except (ValueError, BadInput) as error:
        raise BadSignature(
            f"the call carries no valid {HEADER} header",
            value=headers.get(HEADER, "")[:80],
            hint=f"sign it: {HEADER}: to expiry nonce signature",
        ) from error
    if to != checksum_address(own):
        raise BadSignature(f"the call was signed for {to}", value=to)
    if expiry < now:
        raise Replayed("the call has expired", value=expiry)
    if expiry > now + longest:
        raise Replayed(f"the call expires more than {longest} s from now", value=expiry)
    signer = recover_signer(Call(method, path, body, to, expiry, nonce).digest(domain), signature)
    if allowed is not None and not allowed(signer):
        raise Refused(f"{signer} may not make this call", value=signer)
    seen.add(signer, nonce, expiry, now)
    return signer
