"""The trunk of the tree: the root, and one class for each way in which a call can come to nothing."""

from __future__ import annotations

from typing import Any, ClassVar


class WeftError(Exception):
    """Root of the tree: a sentence, the offending value and a hint that names the next step."""

    code: ClassVar[str] = "weft"
    hint: str = ""
    counted: bool = False
    """Whether it was counted against who caused it, as the same failure of another call."""
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


class Refused(WeftError):
    """The request was understood and is not done."""

    code = "refused"
    status = 403


class NotFound(WeftError):
    """Nothing of that name or id is known here."""

    code = "not_found"
    status = 404


class Unavailable(WeftError):
    """A part of the network cannot be reached now."""

    code = "unavailable"
    status = 503


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
