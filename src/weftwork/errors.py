"""Every error that Weftwork raises on purpose, in one tree.

::

    WeftError                      code, sentence, value, hint
    ├── BadInput                   what was given cannot be used
    │   ├── BadRecord              a record of the thread is malformed
    │   ├── BadSignature           a signature does not match its signer
    │   ├── BadUnit                amounts or ids of unlike units met
    │   └── BadConfig              a setting is missing or wrong
    ├── Refused                    understood, and not done
    │   ├── Unpaid                 the work is not covered by a voucher
    │   ├── Replayed               this message was seen before
    │   └── LimitExceeded          a size, time or rate limit was reached
    ├── NotFound                   nothing of that name or id is known here
    ├── Unavailable                a part of the network cannot be reached now
    │   └── ExtraMissing           an optional part of the package is not installed
    ├── LedgerError                the ledger refused, reverted or is broken
    ├── StoreError                 the record store is broken
    └── VerifyError                a recomputation differs from what was recorded

Each leaf has a stable ``code`` (dotted, lower case) that programs may match, a sentence for people, the
offending ``value`` and a ``hint`` that names the next step.
"""

from __future__ import annotations

from typing import Any, ClassVar


class WeftError(Exception):
    """Root of the tree: a sentence, the offending value and a hint that names the next step."""

    code: ClassVar[str] = "weft"
    hint: str = ""
    status: ClassVar[int] = 500
    """The HTTP status that a server answers with when this error reaches a client."""

    def __init__(self, sentence: str, *, value: Any = None, hint: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.value = value
        if hint is not None:
            self.hint = hint

    def to_json(self) -> dict[str, Any]:
        """The error as an object: ``code``, ``message``, ``hint``, and ``value`` where it is plain."""
        out: dict[str, Any] = {"code": self.code, "message": self.sentence}
        if self.hint:
            out["hint"] = self.hint
        if isinstance(self.value, (str, int, bool)):
            out["value"] = self.value if not isinstance(self.value, str) else self.value[:200]
        return out


class BadInput(WeftError):
    """What was given cannot be used."""

    code = "input"
    status = 400


class BadRecord(BadInput):
    """A record of the thread is malformed, or breaks a rule of the thread."""

    code = "input.record"


class BadSignature(BadInput):
    """A signature does not match the signer that the record names."""

    code = "input.signature"
    status = 401


class BadUnit(BadInput):
    """Amounts or ids of unlike units met."""

    code = "input.unit"


class BadConfig(BadInput):
    """A setting is missing or wrong."""

    code = "input.config"


class Refused(WeftError):
    """The request was understood and is not done."""

    code = "refused"
    status = 403


class Unpaid(Refused):
    """The work is not covered by a voucher within the credit line."""

    code = "refused.unpaid"
    hint = "open a channel with a larger deposit, or send a voucher for the work received"
    status = 402


class Replayed(Refused):
    """This signed message was accepted before, or has expired."""

    code = "refused.replayed"
    hint = "sign the message again with a fresh nonce and expiry"
    status = 409


class LimitExceeded(Refused):
    """A limit on size, time, rate or concurrency was reached."""

    code = "refused.limit"
    status = 429


class NotFound(WeftError):
    """Nothing of that name or id is known here."""

    code = "not_found"
    status = 404


class Unavailable(WeftError):
    """A part of the network cannot be reached now."""

    code = "unavailable"
    status = 503


class ExtraMissing(Unavailable):
    """An optional part of the package is not installed."""

    code = "unavailable.extra"


class LedgerError(WeftError):
    """The ledger refused, reverted, or is broken."""

    code = "ledger"
    status = 502


class StoreError(WeftError):
    """The record store cannot be read or written."""

    code = "store"


class VerifyError(WeftError):
    """A recomputation differs from what was recorded."""

    code = "verify"
    status = 422
