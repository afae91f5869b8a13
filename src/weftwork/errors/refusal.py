"""Understood, and not done: the leaves of Refused."""

from __future__ import annotations

from weftwork.errors.tree import Refused


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
