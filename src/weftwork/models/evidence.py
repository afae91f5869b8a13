"""What proves an answer: its text under a salt, the receipt over it, the request before it.

The digest of private content is ``keccak(salt ++ text)``; the text of a chat answer is the assistant's
message, of a
completion its text, of embeddings the canonical JSON of ``data``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from weftwork.errors import BadAnswer, BadInput, BadRecord, Replayed, WeftError
from weftwork.models.engine.port import canonical_json
from weftwork.records import Domain, Receipt, Request, Signed
from weftwork.units import Digest, keccak
from weftwork.wire.message import read_json

MAX_VOUCHERS = 16
MAX_TOGETHER = 64
"""Orders of one message."""
_SKEW = 60
_LONGEST = 3600


def digest_text(salt: bytes, text: str) -> Digest:
    """``keccak(salt ++ text)``, the text in UTF-8."""
    return Digest(keccak(salt + text.encode(errors="surrogatepass")))


def read_kind(body: dict[str, Any]) -> str:
    """``chat``, ``completion`` or ``embedding``, by what the body asks with."""
    for name, kind in (("messages", "chat"), ("prompt", "completion"), ("input", "embedding")):
        if name in body:
            return kind
    raise BadInput("a body asks with messages, prompt or input")


def read_answer(answer: Any) -> str:
    """The text of an answer object, which its receipt's output digest is over; raises :class:`BadInput`."""
    try:
        if answer.get("object") == "list":
            return to_json(answer["data"]).decode()
        choice = answer["choices"][0]
        text = choice["message"].get("content") if "message" in choice else choice["text"]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise BadInput("the answer has not the shape of an OpenAI completion") from error
    if text is None:
        return ""
    if not isinstance(text, str):
        raise BadInput("the answer is not text")
    return text


def read_salt(value: Any) -> bytes:
    """16 bytes from 32 hexadecimal digits; raises :class:`BadInput`."""
    try:
        salt = bytes.fromhex(value.removeprefix("0x"))
    except (ValueError, AttributeError) as error:
        raise BadInput("a salt is hexadecimal", value=repr(value)[:80]) from error
    if len(salt) != 16:
        raise BadInput("a salt has 16 bytes", value=len(salt))
    return salt


@dataclass(frozen=True, slots=True)
class Order:
    """One request as it reached a worker, with the content that it signs for and the vouchers beside it."""

    request: Signed[Request]
    id: Digest
    salt: bytes
    text: str
    body: dict[str, Any]
    kind: str
    vouchers: tuple[Signed[Any], ...]
    stream: bool
    commit_only: bool

    @property
    def requester(self) -> str:
        """The address that asks and pays."""
        return self.request.record.requester


def read_order(data: Any, *, max_text: int) -> Order:
    """The order in the JSON of ``POST /v1/work``, its shape and content checked, its signature not yet."""
    if not isinstance(data, dict):
        raise BadInput("an order is a JSON object")
    signed: Signed[Any] = Signed.from_json(data.get("request"))
    if not isinstance(signed.record, Request):
        raise BadRecord(f"a {signed.record.kind} is no request", value=signed.record.kind)
    salt, text, vouchers = read_salt(data.get("salt")), data.get("body_json"), data.get("vouchers", [])
    if not isinstance(text, str):
        raise BadInput("body_json is the text of the body", value=repr(text)[:80])
    if len(text) > max_text:
        raise BadInput(f"the body has more than {max_text} characters", value=len(text))
    if digest_text(salt, text) != signed.record.content:
        raise BadRecord("the request was signed for other content", value=str(signed.record.content))
    if not isinstance(vouchers, list) or len(vouchers) > MAX_VOUCHERS:
        raise BadInput(f"vouchers are a list of at most {MAX_VOUCHERS}", value=repr(type(vouchers)))
    body = read_json(text)
    if not isinstance(body, dict):
        raise BadInput("the body is a JSON object", value=type(body).__name__)
    for name in ("stream", "commit_only"):
        if not isinstance(data.get(name, False), bool):
            raise BadInput(f"{name} is true or false", value=repr(data[name])[:80])
    taken = tuple(Signed.from_json(item) for item in vouchers)
    stream, commit = data.get("stream", False), data.get("commit_only", False)
    return Order(signed, signed.record.id, salt, text, body, read_kind(body), taken, stream, commit)


def read_orders(data: Any) -> list[Any]:
    """The orders in the JSON of ``POST /v1/works``, each to be read by :func:`read_order`."""
    found = data.get("orders") if isinstance(data, dict) else None
    if not isinstance(found, list) or not 0 < len(found) <= MAX_TOGETHER:
        raise BadInput(f"orders are a list of 1 to {MAX_TOGETHER}", value=repr(type(found)))
    return found


def check_request(signed: Signed[Request], domain: Domain, now: float) -> None:
    """Raises Replayed for a request that is not valid ``now`` (seconds), BadSignature if another signed
    it."""
    record = signed.record
    if not record.time - _SKEW <= now <= record.expiry:
        raise Replayed("the request is not valid now", value=record.expiry)
    if record.expiry > now + _LONGEST:
        raise Replayed("the request would be valid for more than an hour", value=record.expiry)
    signed.require_signer(domain, record.requester)


@dataclass(frozen=True, slots=True)
class Proof:
    """A proven answer: its request, the worker's receipt, the text and its salt."""

    request: Signed[Request]
    receipt: Signed[Receipt]
    text: str
    salt: bytes


def prove_answer(request: Any, receipt: Any, text: str, salt: Any, domain: Domain) -> Proof:
    """The proof in JSON objects of a request and a receipt over ``text``; raises :class:`BadAnswer`."""
    try:
        asked: Signed[Any] = request if isinstance(request, Signed) else Signed.from_json(request)
        given: Signed[Any] = receipt if isinstance(receipt, Signed) else Signed.from_json(receipt)
        raw = salt if isinstance(salt, bytes) else read_salt(salt)
        if not isinstance(asked.record, Request) or not isinstance(given.record, Receipt):
            raise BadRecord("a proof is a request and a receipt", value=given.record.kind)
        if given.record.request != asked.record.id:
            raise BadRecord("the receipt is of another request", value=str(given.record.request))
        if digest_text(raw, text) != given.record.output:
            raise BadRecord("the receipt is over another answer", value=str(given.record.output))
        if given.record.price > asked.record.max_price:
            raise BadRecord("the receipt asks more than was allowed", value=str(given.record.price))
        given.require_signer(domain, given.record.worker)
        asked.require_signer(domain, asked.record.requester)
    except WeftError as error:
        raise BadAnswer(f"The answer is not proven: {error.sentence}", value=error.value) from error
    return Proof(asked, given, text, raw)


def load_json(text: str) -> Any:
    """The JSON value of a text, or None where it is none."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a score is what it is: the rule, the task with its truth, the answer, and what each verifier
    found."""

    rule: str
    task: Any
    answer: str
    facts: dict[str, dict[str, Any]]

    def to_text(self) -> str:
        """Canonical JSON, which a score's ``evidence`` is the salted digest of."""
        told = {"rule": self.rule, "task": self.task.to_json(), "answer": self.answer, "facts": self.facts}
        return canonical_json(told)

    def weigh(self) -> int:
        """The score that follows, in millionths; raises BadInput or BadConfig for rules that are not known
        here."""
        from weftwork.models.subnet import find_rule

        rule = find_rule(self.rule)
        values = [
            rule.verifier(name).weigh(self.task, self.answer, told) for name, told in self.facts.items()
        ]
        return int(rule.combine(values))

    @classmethod
    def from_text(cls, text: str) -> Evidence:
        """The evidence in such a text; raises :class:`BadInput`."""
        from weftwork.models.subnet.port import Task

        data = load_json(text)
        if not isinstance(data, dict) or not isinstance(data.get("facts"), dict):
            raise BadInput("evidence is an object with rule, task, answer and facts")
        facts = {str(name): dict(found) for name, found in data["facts"].items() if isinstance(found, dict)}
        return cls(str(data.get("rule")), Task.from_json(data.get("task")), str(data.get("answer")), facts)


def recompute_score(text: str) -> int:
    """The score in millionths that follows from an evidence text alone; raises :class:`BadInput`."""
    return Evidence.from_text(text).weigh()
