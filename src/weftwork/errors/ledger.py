"""The ledger refused or is broken, or a recomputation differs: leaves of LedgerError and VerifyError."""

from __future__ import annotations

from typing import Any

from weftwork.errors.tree import LedgerError, VerifyError


class RpcError(LedgerError):
    """A JSON-RPC call was answered with an error; ``rpc_code`` and ``data`` are the answer's."""

    code = "ledger.rpc"

    def __init__(
        self, rpc_code: int, sentence: str, data: Any = None, *, value: Any = None, hint: str | None = None
    ) -> None:
        super().__init__(sentence, value=value, hint=hint)
        self.rpc_code = rpc_code
        self.data = data


class Reverted(RpcError):
    """A contract refused; ``reason`` is its own sentence, ``data`` the raw revert data as 0x-hex."""

    code = "ledger.reverted"
    status = 409

    def __init__(self, reason: str, data: str = "0x", *, value: Any = None, hint: str | None = None) -> None:
        sentence = f"execution reverted: {reason}" if reason else "execution reverted"
        super().__init__(3, sentence, data, value=value, hint=hint)
        self.reason = reason


class TransactionRejected(RpcError):
    """The node refuses the transaction as it is; nothing was sent."""

    code = "ledger.rejected"

    def __init__(self, sentence: str, *, value: Any = None, hint: str | None = None) -> None:
        super().__init__(-32000, sentence, value=value, hint=hint)


class NonceTooLow(TransactionRejected):
    """Another transaction of this sender already has this nonce."""

    code = "ledger.nonce"
    hint = "read the nonce with eth_getTransactionCount and sign again"


class InsufficientFunds(TransactionRejected):
    """The sender's balance does not cover value and gas."""

    code = "ledger.funds"
    hint = "send this account some of the chain's own currency first"


class LedgerUnavailable(LedgerError):
    """The ledger's node cannot be reached, or did not answer in time."""

    code = "ledger.unavailable"
    status = 503
    hint = "check that the node runs and that the URL is right"


class LedgerInUse(LedgerError):
    """Another process has this embedded ledger open."""

    code = "ledger.in_use"
    hint = "connect to that process by its http:// URL, or stop it"


class LedgerCorrupt(LedgerError):
    """The file is no ledger, or it is damaged."""

    code = "ledger.corrupt"
    hint = "restore the folder from a copy, or choose another path"


class ArtifactMissing(LedgerError):
    """No compiled contract of that name is in the package."""

    code = "ledger.artifact"


class ClosingDiffers(VerifyError):
    """A closing is not what the public data of its epoch gives; ``value`` names the field."""

    code = "verify.closing"
    hint = "recompute the epoch with weft verify, and do not sign or trust this closing"
