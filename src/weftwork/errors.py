"""Every error that Weftwork raises on purpose, in one tree.

::

    WeftError                      code, sentence, value, hint
    ├── BadInput                   what was given cannot be used
    │   ├── BadRecord              a record of the thread is malformed
    │   ├── BadSignature           a signature does not match its signer
    │   ├── BadUnit                amounts or ids of unlike units met
    │   ├── BadConfig              a setting is missing or wrong
    │   ├── BadJson                a body is not the JSON that was expected
    │   ├── BadHttp                a request breaks HTTP's own rules
    │   ├── BadParameter           one field of an API call is missing, unknown or wrong
    │   └── BadCase                a conformance file is malformed at a named place
    ├── Refused                    understood, and not done
    │   ├── Unpaid                 the work is not covered by a voucher: Overdrawn
    │   ├── NotSupported           an engine cannot do what is asked
    │   ├── BadKey                 an API key is missing, unknown or revoked
    │   ├── CapReached             an API key has spent what it may spend
    │   ├── BadAnswer              a miner's answer or receipt does not prove what it says
    │   ├── Replayed               this message was seen before
    │   ├── Exploitable            parameters that let one participant take what is others'
    │   ├── PriceExceeded          a price is over the maximum that the buyer named
    │   ├── DeadlinePassed         the call came after its own deadline
    │   ├── SubnetFull             every place is taken by a neuron that cannot be pruned
    │   ├── ForeignHost            the request names a host that is not served here
    │   ├── ForeignOrigin          a web page that is not listed tried to act
    │   ├── PrivateAddress         an endpoint points at a private address
    │   ├── Redirected             an endpoint answered with a redirect
    │   ├── MethodNotAllowed       the path exists, and not for this method
    │   └── LimitExceeded          a limit was reached: TooLarge (HeadTooLarge), TooSlow, Busy
    ├── NotFound                   nothing of that name or id is known here
    │   ├── NetworkNotFound        no network was raised on this ledger, or not at that address
    │   ├── EpochNotFound          that epoch has not ended, or was not sealed or closed
    │   └── UnknownModel           no miner on this gateway serves that model
    ├── Unavailable                a part of the network cannot be reached now
    │   ├── NoMiner                no miner that serves the model can be reached
    │   ├── EngineFailed           the model's engine broke on this call
    │   ├── Unreachable            no connection to a peer, or it was lost
    │   ├── TimedOut               a peer did not answer in time
    │   ├── BadReply               a peer answered something that is no answer
    │   └── ExtraMissing           an optional part of the package is not installed
    ├── LedgerError                the ledger refused, reverted or is broken
    │   ├── RpcError               a JSON-RPC error: Reverted, TransactionRejected (NonceTooLow, InsufficientFunds)
    │   ├── LedgerUnavailable      the node cannot be reached
    │   ├── LedgerInUse            another process has this ledger open
    │   ├── LedgerCorrupt          the file is no ledger, or damaged
    │   └── ArtifactMissing        no compiled contract of that name
    ├── StoreError                 the record store is broken
    └── VerifyError                a recomputation differs from what was recorded
        └── ClosingDiffers         a closing, field by field, is not what the ledger's data gives

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


class BadCase(BadInput):
    """A conformance file is malformed; the sentence names the case, the step and the field."""

    code = "input.case"
    hint = "the format weft-yuma/1 is described in docs/yuma.md"


class BadParameter(BadInput):
    """One field of an API call is missing, unknown or wrong; ``param`` names it as the caller wrote it."""

    code = "input.parameter"

    def __init__(
        self,
        sentence: str,
        *,
        param: str | None = None,
        code: str | None = None,
        value: Any = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(sentence, value=value, hint=hint)
        self.param = param
        self.openai_code = code


class BadJson(BadInput):
    """A body is not JSON, or not of the expected shape."""

    code = "input.json"
    hint = "send a JSON object, UTF-8, with content-type: application/json"


class BadIntent(BadInput):
    """What was given is not a typed wallet intent."""

    code = "input.intent"
    hint = "weft ask --schema prints the intents and their slots"


class BadHttp(BadInput):
    """A request breaks HTTP's own rules."""

    code = "input.http"


class Refused(WeftError):
    """The request was understood and is not done."""

    code = "refused"
    status = 403


class Unpaid(Refused):
    """The work is not covered by a voucher within the credit line."""

    code = "refused.unpaid"
    hint = "open a channel with a larger deposit, or send a voucher for the work received"
    status = 402


class Overdrawn(Unpaid):
    """A voucher or a request goes beyond what the channel's deposit is sure to pay."""

    code = "refused.overdrawn"
    hint = "deposit more into the channel, or cancel its pending withdrawal"


class NotSupported(Refused):
    """This engine, or this miner, cannot do what is asked; another one may."""

    code = "refused.unsupported"
    status = 501


class Replayed(Refused):
    """This signed message was accepted before, or has expired."""

    code = "refused.replayed"
    hint = "sign the message again with a fresh nonce and expiry"
    status = 409


class LimitExceeded(Refused):
    """A limit on size, time, rate or concurrency was reached."""

    code = "refused.limit"
    status = 429


class TooLarge(LimitExceeded):
    """A body or an answer is larger than its cap."""

    code = "refused.size"
    status = 413


class HeadTooLarge(TooLarge):
    """The headers of a request are larger than their cap."""

    code = "refused.head"
    status = 431


class TooSlow(LimitExceeded):
    """A client took too long to send its request."""

    code = "refused.slow"
    status = 408


class Busy(LimitExceeded):
    """As many requests as allowed are being worked on."""

    code = "refused.busy"
    hint = "try again in a second, or elsewhere"
    status = 503


class ForeignHost(Refused):
    """The request names a host that is not served here (a guard against DNS rebinding)."""

    code = "refused.host"
    hint = "use the address that the server printed, or start it with that host allowed"
    status = 421


class ForeignOrigin(Refused):
    """A web page whose origin is not listed tried to act here."""

    code = "refused.origin"
    hint = "list the page's origin when starting the server"


class MethodNotAllowed(Refused):
    """The path exists, and not for this method."""

    code = "refused.method"
    status = 405


class PrivateAddress(Refused):
    """An endpoint points at a private, loopback or otherwise special address."""

    code = "refused.address"
    hint = "only a network that is declared local may use such addresses"


class Redirected(Refused):
    """An endpoint answered with a redirect, which is never followed."""

    code = "refused.redirect"
    hint = "register the endpoint's final address"
    status = 502


class Exploitable(Refused):
    """These parameters would let one participant take what belongs to others."""

    code = "refused.exploitable"
    hint = "use yuma 3, or a bonds penalty of 65535 (1.0)"


class PriceExceeded(Refused):
    """A price is over the maximum that the buyer named."""

    code = "refused.price"
    hint = "wait until the price has fallen, or name a higher maximum"
    status = 409


class DeadlinePassed(Refused):
    """The call came after its own deadline."""

    code = "refused.deadline"
    hint = "sign and send the call again with a later deadline"
    status = 409


class SubnetFull(Refused):
    """Every place of a subnet is taken by a neuron that cannot be pruned."""

    code = "refused.full"
    hint = "wait until an immunity ends, or choose another subnet"
    status = 409


class BadKey(Refused):
    """An API key is missing, unknown or revoked."""

    code = "refused.key"
    hint = "send the header Authorization: Bearer wk-..., with a key of this gateway"
    status = 401
    openai_code = "invalid_api_key"
    openai_type = "invalid_request_error"


class CapReached(Refused):
    """An API key has spent, or holds in reserve for running calls, all that its cap allows."""

    code = "refused.cap"
    hint = "raise the key's cap, or wait until running calls return what they reserved"
    status = 429
    openai_code = "insufficient_quota"
    openai_type = "insufficient_quota"


class BadAnswer(Refused):
    """A miner's answer, receipt or reveal does not prove what it says; it is not paid."""

    code = "refused.answer"
    status = 502


class NotFound(WeftError):
    """Nothing of that name or id is known here."""

    code = "not_found"
    status = 404


class UnknownModel(NotFound):
    """No miner on this gateway serves a model of that name."""

    code = "not_found.model"
    param = "model"
    openai_code = "model_not_found"

    @classmethod
    def named(cls, model: str) -> UnknownModel:
        """The error for ``model``."""
        return cls(
            f"The model `{model[:128]}` does not exist or you do not have access to it.",
            value=model[:128],
            hint="GET /v1/models lists what is served here",
        )


class NetworkNotFound(NotFound):
    """No network was raised on this ledger, or none stands at that address."""

    code = "not_found.network"
    hint = "run weft up to raise one, or give the address of its Epochs contract"


class EpochNotFound(NotFound):
    """That epoch has not ended, or has not been sealed or closed."""

    code = "not_found.epoch"
    hint = "see where the subnet stands with weft epoch"


class Unavailable(WeftError):
    """A part of the network cannot be reached now."""

    code = "unavailable"
    status = 503


class NoMiner(Unavailable):
    """No miner that serves the model can be reached, or each that was asked failed."""

    code = "unavailable.miner"
    hint = "try again; weft status shows which miners answer"


class EngineFailed(Unavailable):
    """The engine behind a miner broke, or answered nonsense; the call may be tried elsewhere."""

    code = "unavailable.engine"
    status = 502


class Unreachable(Unavailable):
    """No connection to a peer, or it was lost before the answer was whole."""

    code = "unavailable.peer"
    status = 502


class TimedOut(Unavailable):
    """A peer did not answer in time."""

    code = "unavailable.timeout"
    status = 504


class BadReply(Unavailable):
    """A peer answered something that is no answer: broken HTTP, broken JSON, an unknown encoding."""

    code = "unavailable.reply"
    status = 502


class ExtraMissing(Unavailable):
    """An optional part of the package is not installed."""

    code = "unavailable.extra"


class LedgerError(WeftError):
    """The ledger refused, reverted, or is broken."""

    code = "ledger"
    status = 502


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


class StoreError(WeftError):
    """The record store cannot be read or written."""

    code = "store"


class VerifyError(WeftError):
    """A recomputation differs from what was recorded."""

    code = "verify"
    status = 422


class ClosingDiffers(VerifyError):
    """A closing is not what the public data of its epoch gives; ``value`` names the field."""

    code = "verify.closing"
    hint = "recompute the epoch with weft verify, and do not sign or trust this closing"
