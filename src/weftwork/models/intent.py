"""Wallet intents: the JSON that ``weft-intent`` writes, its JSON Schema, its prompt and its plain reading.

An intent is a flat JSON object of strings whose first key is ``intent``. Slots that the request does not
mention are absent. Amounts are plain decimal digits, ``all``, or a share such as ``50%``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from weftwork.errors import BadIntent

NONE: Final = "none"
MAX_REQUEST: Final = 600
"""Longest request in characters; the model's context holds no more."""

_NUMBER = r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,18})?"
_WEEKDAY = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MONTH_DAY = "[1-9]|[12][0-9]|3[01]"
_UNITS = (
    "gpus cpus hours mb gb tb frames tokens requests epochs steps rows records images samples datasets agents"
)
_PER = (
    "hour day week month gpu cpu mb gb tb frame token million request epoch step row record image sample "
    "dataset agent"
)
_SPAN = "[1-9][0-9]{0,3} (minute|hour|day|week|month|year)s?"
_YEAR_DAY = "(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"


def _like(pattern: str, description: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern}$", "description": description}


TYPES: Final[dict[str, dict[str, Any]]] = {
    "amount": _like(f"(all|{_NUMBER}%?)", "digits, a share in percent, or all"),
    "allowance": _like(f"(unlimited|all|{_NUMBER}%?)", "an amount, or unlimited"),
    "number": _like(_NUMBER, "plain decimal digits"),
    "percent": _like(_NUMBER, "percent, without the sign"),
    "count": _like("[1-9][0-9]{0,5}", "a whole number"),
    "token": _like("[A-Z][A-Z0-9]{0,15}", "symbol or currency code, upper case"),
    "name": {"type": "string", "description": "a name, domain, @handle or 0x address, exactly as written"},
    "day": _like(
        f"(today|tomorrow|{_WEEKDAY}|{_MONTH_DAY}|(20[0-9][0-9]-)?{_YEAR_DAY}|in {_SPAN})",
        "today, tomorrow, a weekday, a day of the month, MM-DD, YYYY-MM-DD, or in 3 days",
    ),
    "every": {
        "type": "string",
        "pattern": "^(hour|day|weekday|week|month|year|[1-9][0-9]{0,2} (hours|days|weeks|months|years))$",
        "description": "hour, day, weekday (Monday to Friday), week, month, year, or a count of them",
    },
    "day_in": {
        "type": "string",
        "pattern": f"^({_WEEKDAY}|last|{_MONTH_DAY}|{_YEAR_DAY})$",
        "description": "the weekday, the day of the month, last, or MM-DD",
    },
    "span": {
        "type": "string",
        "pattern": f"^{_SPAN}$",
        "description": "a length of time",
    },
    "work": {"enum": ["gpu", "cpu", "storage", "render", "inference", "training", "dataset", "agent"]},
    "unit": {"enum": _UNITS.split()},
    "per": {"enum": _PER.split()},
}
"""Kinds of slots; all are strings."""


@dataclass(frozen=True, slots=True)
class Form:
    """One shape of an intent: slots in the written order, required ones first, ``?`` on the rest."""

    intent: str
    meaning: str
    slots: tuple[tuple[str, str], ...]
    example: str

    def fields(self) -> Iterator[tuple[str, str, bool]]:
        """``(slot, type, required)`` in order."""
        for slot, kind in self.slots:
            yield slot, kind.rstrip("?"), not kind.endswith("?")


def _form(intent: str, meaning: str, slots: str, example: str) -> Form:
    pairs = (part.split(":") for part in slots.split())
    return Form(intent, meaning, tuple((slot, kind) for slot, kind in pairs), example)


_SUM = "amount:amount token:token valued_in:token?"
FORMS: Final[tuple[Form, ...]] = (
    _form(
        "transfer",
        "Pay someone once.",
        "amount:amount token:token to:name valued_in:token? on:day?",
        "send 12.5 dollars to rita tomorrow",
    ),
    _form(
        "swap",
        "Exchange an exact amount now.",
        "amount:amount sell:token valued_in:token? buy:token? max_slippage:percent?",
        "swap 250 USDC for ETH, no more than half a percent slippage",
    ),
    _form(
        "swap",
        "Get an exact amount now.",
        "receive:number buy:token sell:token? max_slippage:percent?",
        "get me exactly 2 ETH, pay with USDC",
    ),
    _form("stake", "Lock tokens for rewards.", f"{_SUM} venue:name? for:span?", "stake 32 ETH with lido"),
    _form("unstake", "Take tokens out of staking.", f"{_SUM} venue:name?", "unstake half my SOL"),
    _form(
        "lend",
        "Supply tokens for interest.",
        f"{_SUM} venue:name? min_rate:percent? for:span?",
        "lend 5k DAI on aave at 4% or better",
    ),
    _form(
        "borrow",
        "Take a loan.",
        f"{_SUM} collateral_amount:amount? collateral:token? venue:name? max_rate:percent? for:span?",
        "borrow 1000 USDC against 2 ETH",
    ),
    _form("repay", "Pay a loan back.", f"{_SUM} venue:name?", "pay off my DAI loan at compound"),
    _form(
        "approve",
        "Let a spender take tokens.",
        "token:token spender:name amount:allowance? valued_in:token?",
        "let uniswap spend up to 500 USDC",
    ),
    _form(
        "revoke",
        "Take that right back; the spender may be all.",
        "spender:name token:token?",
        "revoke opensea's access to my WETH",
    ),
    _form(
        "limit_order",
        "Sell an exact amount at a price, or spend one at a price.",
        "amount:amount sell:token price:number valued_in:token? buy:token? quote:token? until:day? for:span?",
        "sell 1 BTC at 80k dollars, good for 3 days",
    ),
    _form(
        "limit_order",
        "Buy an exact amount at a price.",
        "receive:number buy:token price:number sell:token? quote:token? until:day? for:span?",
        "buy 2 ETH if it drops to 1500",
    ),
    _form(
        "stop_loss",
        "Sell when the price falls to a level.",
        "token:token price:number amount:amount? valued_in:token? quote:token? buy:token?",
        "stop out my ETH at 1800",
    ),
    _form(
        "stop_loss",
        "Sell when the price has fallen so many percent.",
        "token:token drop:percent amount:amount? valued_in:token? buy:token?",
        "sell all my SOL if it drops 10%",
    ),
    _form(
        "stop_loss",
        "Sell when the price is so many percent under its highest.",
        "token:token trail:percent amount:amount? valued_in:token? buy:token?",
        "put a 5% trailing stop on my BTC",
    ),
    _form(
        "recurring_payment",
        "Pay someone again and again.",
        "amount:amount token:token to:name every:every valued_in:token? on:day_in? "
        "start:day? until:day? for:span? times:count?",
        "pay 12.5 dollars to rita every friday",
    ),
    _form(
        "copy_trader",
        "Do what another account does.",
        "trader:name amount:amount? token:token? valued_in:token? max_per_trade:number? cap_token:token? "
        "max_loss:percent?",
        "copy @degen_wolf with 500 USDC, max 50 USDC per trade",
    ),
    _form(
        "buy_work",
        "Hire machines, models, data or agents.",
        "work:work quantity:number unit:unit model:name? for:span? max_price:number? quote:token? per:per?",
        "rent 4 H100s for 6 hours at under $2 an hour",
    ),
    _form(
        NONE,
        "Not an intent: talk, a question, a refusal, a missing part, several requests, another language.",
        "",
        "what's the price of ETH?",
    ),
)
"""Every shape, with an example of a request that takes it."""

INTENTS: Final[tuple[str, ...]] = tuple(dict.fromkeys(form.intent for form in FORMS))
"""The fourteen intents and ``none``."""


def _object(form: Form) -> dict[str, Any]:
    properties: dict[str, Any] = {"intent": {"const": form.intent}}
    for slot, kind, _ in form.fields():
        properties[slot] = TYPES[kind]
    required = ["intent", *(slot for slot, _, must in form.fields() if must)]
    return {
        "type": "object",
        "title": form.meaning,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


INTENT_SCHEMA: Final[dict[str, Any]] = {"oneOf": [_object(form) for form in FORMS]}
"""JSON Schema of every intent, keys in the order in which the model writes them; it is decoded under this."""

PROMPT: Final = "<|ask|>{request}<|intent|>"
"""What the model is given; the chat template in its GGUF file frames the last message in the same way."""
_MARKS = re.compile(r"<\|(?:pad|ask|intent|end)\|>")


def clean_request(text: str) -> str:
    """The request on one line, without control marks; raises BadIntent if it is longer than MAX_REQUEST."""
    request = " ".join(_MARKS.sub(" ", text).split())
    if len(request) > MAX_REQUEST:
        raise BadIntent(f"a request has at most {MAX_REQUEST} characters", value=len(request))
    return request


def build_prompt(text: str) -> str:
    """The raw prompt, for engines without a chat template; raises BadIntent if the request is too long."""
    return PROMPT.format(request=clean_request(text))


def build_messages(text: str) -> list[dict[str, str]]:
    """The chat messages for a request; raises BadIntent if it is too long."""
    return [{"role": "user", "content": clean_request(text)}]


def response_format() -> dict[str, Any]:
    """OpenAI's ``response_format`` that holds an answer to the schema; use it with temperature 0."""
    return {"type": "json_schema", "json_schema": {"name": "intent", "schema": INTENT_SCHEMA}}


@dataclass(frozen=True, slots=True)
class Intent:
    """A checked intent: its kind and its slots in order."""

    kind: str
    slots: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, slot: str) -> str:
        return dict(self.slots)[slot]

    def get(self, slot: str, default: str | None = None) -> str | None:
        """The value of a slot, or ``default``."""
        return dict(self.slots).get(slot, default)

    def to_json(self) -> dict[str, str]:
        """The intent as a plain object."""
        return {"intent": self.kind, **dict(self.slots)}

    def encode(self) -> str:
        """The compact JSON, byte for byte as the model writes it."""
        return json.dumps(self.to_json(), separators=(",", ":"), ensure_ascii=False)


def check_intent(value: object) -> Intent:
    """Check a decoded object against the schema and the rules that a schema cannot say; raises BadIntent."""
    if not isinstance(value, Mapping):
        raise BadIntent("an intent is a JSON object", value=type(value).__name__)
    kind = value.get("intent")
    if not isinstance(kind, str) or kind not in INTENTS:
        raise BadIntent(f"unknown intent: {str(kind)[:40]!r}", value=kind)
    reasons = []
    for form in (f for f in FORMS if f.intent == kind):
        try:
            return Intent(kind, tuple(_slots(form, value)))
        except BadIntent as error:
            reasons.append(error)
    raise max(
        reasons, key=lambda e: str(e.value) in {s for f in FORMS if f.intent == kind for s, _ in f.slots}
    )


def _slots(form: Form, value: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    known = {slot for slot, _ in form.slots} | {"intent"}
    for extra in value:
        if extra not in known:
            raise BadIntent(
                f"{form.intent} has no slot {str(extra)[:40]!r} beside the others given", value=extra
            )
    for slot, kind, must in form.fields():
        if slot not in value:
            if must:
                raise BadIntent(f"{form.intent} lacks {slot!r}", value=slot)
            continue
        given = value[slot]
        if not isinstance(given, str) or not _fits(kind, given):
            raise BadIntent(f"{slot!r} of {form.intent} cannot be {str(given)[:60]!r}", value=given)
        yield slot, given
    if "max_price" in value and "quote" not in value:
        raise BadIntent("a highest price needs its currency", value="quote")


def _fits(kind: str, text: str) -> bool:
    rule = TYPES[kind]
    if "enum" in rule:
        return text in rule["enum"]
    if kind == "name":
        return 0 < len(text) <= 80 and text.isprintable() and text == text.strip()
    if len(text) > 40 or not re.fullmatch(rule["pattern"][1:-1], text):
        return False
    if text.endswith("%"):
        return 0 < float(text[:-1]) <= 100
    return not (kind in ("amount", "allowance") and text[0] in "0" and not float(text))


def parse_intent(text: str) -> Intent:
    """Read what the model wrote; raises BadIntent if it is no JSON or no intent."""
    if len(text) > 4000:
        raise BadIntent("an intent is a short JSON object", value=len(text))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadIntent("the answer is not JSON", value=text[:200]) from error
    return check_intent(value)


_NAMES: Final = ("to", "venue", "spender", "trader", "model")


def check_grounded(intent: Intent, request: str) -> Intent:
    """The intent, if every name in it stands in the request, digit for digit; raises BadIntent otherwise.

    A wrong letter in a recipient loses the money, so a wallet calls this before it asks for a signature.
    """
    for slot in _NAMES:
        name = intent.get(slot)
        if name is None or (slot == "spender" and name == "all"):
            continue
        if name not in clean_request(request):
            raise BadIntent(f"the request does not name {name[:60]!r}", value=name, hint="say the name again")
    return intent


def _when(day: str | None) -> str:
    if day is None:
        return ""
    return f" {day}" if day.startswith(("today", "tomorrow", "in ")) else f" on {day}"


def _sum(intent: Intent) -> str:
    amount, token = intent.get("amount"), intent.get("token") or intent.get("sell") or ""
    if amount is None:
        return token
    if amount == "all":
        return f"all {token}"
    if amount == "unlimited":
        return f"unlimited {token}"
    if amount.endswith("%"):
        return f"{amount} of the {token}" if token else f"{amount} of the portfolio"
    if intent.get("valued_in"):
        return f"{amount} {intent['valued_in']} worth of {token}"
    return f"{amount} {token}"


_TAILS: Final = (
    ("venue", " at {}"),
    ("min_rate", ", at {}% or more"),
    ("max_rate", ", at {}% or less"),
    ("model", " ({})"),
    ("for", " for {}"),
    ("start", ", starting {}"),
    ("until", ", until {}"),
    ("times", ", {} times"),
    ("max_slippage", ", slippage at most {}%"),
    ("max_loss", ", stopping at a loss of {}%"),
)


def describe_intent(intent: Intent) -> str:
    """One sentence that a person can confirm."""
    get = intent.get
    tail = "".join(words.format(get(slot)) for slot, words in _TAILS if get(slot))
    price = f"{get('price')} {get('quote') or ''}".strip()
    match intent.kind:
        case "transfer":
            head = f"Send {_sum(intent)} to {get('to')}" + _when(get("on"))
        case "recurring_payment":
            head = f"Send {_sum(intent)} to {get('to')} every {get('every')}" + (
                f" on {get('on')}" if get("on") else ""
            )
        case "swap" | "limit_order":
            head = _trade(intent) + (f" at {price}" if get("price") else "")
        case "stop_loss":
            level = f"falls to {price}" if get("price") else f"falls {get('drop')}%"
            level = f"is {get('trail')}% under its highest" if get("trail") else level
            into = f" into {get('buy')}" if get("buy") else ""
            head = f"Sell {_sum(intent)}{into} when {get('token')} {level}"
        case "borrow":
            put = f"{get('collateral_amount') or ''} {get('collateral') or ''}".strip()
            head = f"Borrow {_sum(intent)}" + (f" against {put}" if put else "")
        case "approve":
            head = f"Let {get('spender')} spend {_sum(intent)}"
        case "revoke":
            who = "every spender" if get("spender") == "all" else get("spender")
            head = f"Stop {who} from spending {get('token') or 'anything'}"
        case "copy_trader":
            head = f"Copy the trades of {get('trader')}" + (f" with {_sum(intent)}" if get("amount") else "")
            head += (
                f", at most {get('max_per_trade')} {get('cap_token') or ''} a trade"
                if get("max_per_trade")
                else ""
            )
        case "buy_work":
            head = f"Buy {get('work')} work: {get('quantity')} {get('unit')}"
            cost = f", at most {get('max_price')} {get('quote')}" if get("max_price") else ""
            tail += cost + (f" per {get('per')}" if get("per") else "")
        case "none":
            return "Not an intent."
        case _:
            head = f"{intent.kind.capitalize()} {_sum(intent)}"
    return f"{head}{tail}."


def _trade(intent: Intent) -> str:
    get = intent.get
    if get("receive"):
        return f"Buy {get('receive')} {get('buy')}" + (f" with {get('sell')}" if get("sell") else "")
    return f"Sell {_sum(intent)}" + (f" for {get('buy')}" if get("buy") else "")
