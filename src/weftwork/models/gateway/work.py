"""One call as it stands towards one miner: the signed request that goes out, the proven answer that comes
back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weftwork.batch import find_public
from weftwork.errors import BadAnswer, BadParameter, Unavailable, WeftError
from weftwork.models.gateway.directory import Seat
from weftwork.models.gateway.openai import Call
from weftwork.records import Domain, Receipt, Request, Signed
from weftwork.units import Digest, keccak

_FIELDS = tuple(name for name, _ in Receipt.fields)


@dataclass(slots=True, eq=False)
class Ask:
    """One request to one miner: its id, the salt of its content, the text that was hashed (as bytes
    too), its cap.

    It is signed when it leaves, as many at once as leave together."""

    seat: Seat
    call: Call
    record: Request
    id: Digest
    salt: bytes
    text: str
    content: bytes
    quote: int
    signed: Signed[Request] | None = None

    @property
    def request(self) -> Signed[Request]:
        """The signed request of a call that has left."""
        assert self.signed is not None
        return self.signed


@dataclass(slots=True, eq=False)
class Work:
    """One proven answer: the miner's receipt over ``text`` and its salt; microseconds that it took."""

    ask: Ask
    receipt: Signed[Receipt]
    receipt_id: Digest
    answer: dict[str, Any]
    text: str
    salt: bytes
    took_us: int

    @property
    def price(self) -> int:
        """What the miner is due for it, in wad."""
        return self.receipt.record.price


def prove_receipt(
    ask: Ask, signed: Any, domain: Domain, content: bytes | None, salt: bytes, final: bool = True
) -> tuple[Signed[Receipt], Digest]:
    """The receipt in the JSON object ``signed`` and its id, if it proves this answer to this request.

    Checked: request id, worker, signer, output digest (unless ``content`` is None: not yet shown), price
    within the quote and no less than before, final mark. Raises :class:`BadAnswer`.
    """
    seat = ask.seat
    try:
        held = [signed[name] for name in _FIELDS]
        record = Receipt(*held)
        receipt = Signed(record, bytes.fromhex(signed["signature"].removeprefix("0x")))
    except (WeftError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise _wrong(ask, f"sent no receipt: {error}") from error
    if record.request != ask.id:
        raise _wrong(ask, "sent the receipt of another request")
    if record.worker != seat.wallet:
        raise _wrong(ask, f"sent a receipt of {record.worker}")
    if content is not None and keccak(salt + content) != record.output:
        raise _wrong(ask, "sent an answer that its receipt does not cover")
    if record.price > ask.quote:
        raise _wrong(ask, f"asks {record.price} for work quoted at {ask.quote}")
    if record.final != final:
        raise _wrong(
            ask, "sent a partial receipt for a whole answer" if final else "ended a stream too early"
        )
    check_signature(seat, receipt, domain)
    return receipt, record.id


def check_signature(seat: Seat, signed: Signed[Any], domain: Domain) -> None:
    """Returns if the seat's wallet signed; its public key is kept after the first time."""
    try:
        public = find_public(domain.separator, signed.id, signed.signature)
        if public != seat.public:
            signed.require_signer(domain, seat.wallet)
            seat.public = public
    except WeftError as error:
        raise BadAnswer(f"The miner {seat.wallet}: {error.sentence}", value=seat.wallet) from error


def _wrong(ask: Ask, words: str) -> BadAnswer:
    return BadAnswer(f"The miner {ask.seat.wallet} {words}.", value=ask.seat.wallet)


def refusal_of(seat: Seat, status: int, body: Any) -> WeftError:
    """The error in a miner's reply: the caller's own if it is about the call, else the miner's."""
    held = body.get("error") if isinstance(body, dict) else None
    held = held if isinstance(held, dict) else {}
    words = str(held.get("message", f"status {status}"))[:300]
    code = str(held.get("code", ""))
    if status in (400, 413, 422) and not code.startswith(("input.record", "input.signature")):
        return BadParameter(words, value=seat.wallet)
    return Unavailable(f"The miner {seat.wallet} refused: {words}", value=code)
