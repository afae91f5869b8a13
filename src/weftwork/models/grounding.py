"""The intent schema narrowed to one request: what must be copied can only be what the request says.

``ground_schema(INTENT_SCHEMA, text)`` turns each open string into an ``enum`` of what the request holds of
that kind: its numbers, percentages, symbols, names and times. A slot of which the request holds nothing is
left out, and so is a form that needs one. Which intent, which slots and which of the candidates is still the
model's choice. The same text gives the same schema, byte for byte.
"""

# ruff: noqa: E501, SIM905 - tables of words

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from weftwork.errors import WeftError
from weftwork.models.intent import INTENT_SCHEMA, TYPES, clean_request
from weftwork.models.numeral import Numbers, near_index, near_words, read_numbers

VERSION: Final = 1
"""Changes when the same text gives another schema."""

CURRENCIES: Final[dict[str, str]] = {
    "dollar": "USD", "dollars": "USD", "buck": "USD", "bucks": "USD", "usd": "USD", "buckaroos": "USD",
    "dollas": "USD", "smackers": "USD", "cent": "USD", "cents": "USD", "grand": "USD", "large": "USD", "$": "USD",
    "euro": "EUR", "euros": "EUR", "€": "EUR", "pound": "GBP", "pounds": "GBP", "quid": "GBP", "£": "GBP",
    "yen": "JPY", "¥": "JPY", "franc": "CHF", "francs": "CHF", "rupee": "INR", "rupees": "INR", "₹": "INR",
    "real": "BRL", "reais": "BRL", "peso": "MXN", "pesos": "MXN", "yuan": "CNY", "renminbi": "CNY", "won": "KRW",
    "₩": "KRW", "sterling": "GBP",
}  # fmt: skip
_GLUED: Final = (
    "dollar",
    "buck",
    "euro",
    "pound",
    "quid",
    "cents",
    "franc",
    "rupee",
    "peso",
    "yuan",
    "grand",
)
_PREFIXED: Final = {"c$": "CAD", "a$": "AUD", "r$": "BRL", "mx$": "MXN", "cn¥": "CNY", "us$": "USD"}
_PAIRS: Final = {
    "canadian dollar": "CAD", "canadian dollars": "CAD", "australian dollar": "AUD", "australian dollars": "AUD",
    "aussie dollar": "AUD", "aussie dollars": "AUD", "usd coin": "USDC", "wrapped ether": "WETH",
    "wrapped eth": "WETH", "wrapped bitcoin": "WBTC", "wrapped btc": "WBTC", "staked ether": "STETH",
    "shiba inu": "SHIB", "curve token": "CRV", "curve tokens": "CRV",
}  # fmt: skip
SYMBOLS: Final[dict[str, str]] = {
    "ether": "ETH", "ethers": "ETH", "ethereum": "ETH", "bitcoin": "BTC", "bitcoins": "BTC", "tether": "USDT",
    "solana": "SOL", "chainlink": "LINK", "polygon": "MATIC", "avalanche": "AVAX", "dogecoin": "DOGE",
    "shiba": "SHIB", "cardano": "ADA", "polkadot": "DOT", "ripple": "XRP", "litecoin": "LTC", "arbitrum": "ARB",
    "cosmos": "ATOM", "bittensor": "TAO", "akash": "AKT", "maker": "MKR", "filecoin": "FIL", "monero": "XMR",
    "toncoin": "TON", "optimism": "OP", "uniswap": "UNI", "compound": "COMP", "near": "NEAR", "op": "OP",
    "link": "LINK", "dot": "DOT", "comp": "COMP", "ton": "TON", "sol": "SOL", "pol": "POL", "one": "ONE",
}  # fmt: skip
_STOP: Final = frozenset(
    """
    a about above after again all also am an and another any anymore are as at be because been before below but by
    could did do does doing done down each either else every everything few for from get gets getting
    gimme give go goes going gonna gotta had half has have he her here hers him his how i i'd i'll i'm i've if in
    into is it its it's just least less let let's like me mine more most much must my myself need needs
    next no nor not now of off ok okay on once only onto or our ours out over own per percent please
    pls put same send sent several she should since so some soon such than thanks that that's the their them then
    there these they thing this those though through till to today tomorrow tonight too toward towards under until
    up upon us use using via want wants was we we'd we'll well were what when where whether which while who whom
    whose why with within worth would yes yet you your yours
    """.split()
)
_DAYS: Final = {
    "monday": "mon", "tuesday": "tue tues", "wednesday": "wed weds", "thursday": "thu thur thurs", "friday": "fri",
    "saturday": "sat", "sunday": "sun",
}  # fmt: skip
_MONTHS: Final = (
    "january february march april may june july august september october november december".split()
)
_UNITS: Final = {
    "minute": "min mins", "hour": "h hr hrs", "day": "d", "week": "wk wks", "month": "mo mos", "year": "yr yrs",
}  # fmt: skip
_WORDS: Final[dict[str, tuple[str, str]]] = {
    **{form: ("weekday", day) for day, short in _DAYS.items() for form in (day, day + "s", *short.split(), day[:3] + "s")},
    **{form: ("month", name) for name in _MONTHS for form in (name, name[:3])},
    "sept": ("month", "september"),
    **{form: ("unit", unit) for unit, short in _UNITS.items() for form in (unit, unit + "s", *short.split())},
    "today": ("day", "today"), "tonight": ("day", "today"), "evening": ("day", "today"), "tomorrow": ("day", "tomorrow"),
    "tmrw": ("day", "tomorrow"), "tmr": ("day", "tomorrow"), "fortnight": ("weeks", "2"), "fortnightly": ("weeks", "2"),
    "biweekly": ("weeks", "2"), "quarter": ("months", "3"), "quarterly": ("months", "3"), "other": ("second", ""),
    "second": ("second", ""), "alternate": ("second", ""), "hourly": ("each", "hour"), "daily": ("each", "day"),
    "nightly": ("each", "day"), "morning": ("each", "day"), "mornings": ("each", "day"), "night": ("each", "day"),
    "nights": ("each", "day"), "evenings": ("each", "day"), "afternoon": ("each", "day"), "weekly": ("each", "week"),
    "monthly": ("each", "month"), "yearly": ("each", "year"), "annually": ("each", "year"), "annual": ("each", "year"),
    "annum": ("each", "year"), "weekday": ("each", "weekday"), "weekdays": ("each", "weekday"),
    "workday": ("each", "weekday"), "workdays": ("each", "weekday"), "working": ("each", "weekday"),
    "business": ("each", "weekday"), "everyone": ("all", ""), "everything": ("all", ""),
    "every": ("all", ""), "entire": ("all", ""), "whole": ("all", ""), "full": ("all", ""), "remaining": ("all", ""),
    "whatever": ("all", ""), "anything": ("all", ""), "nobody": ("all", ""), "unlimited": ("unlimited", ""),
}  # fmt: skip
_ALL: Final = frozenset(
    {"all", "my", "max", "lot", "rest", "bit", "mine", "our", "i", "it", "100", "any", "nothing", "no"}
)
_KINDS: Final = {
    "amount": "amounts", "allowance": "allowances", "number": "numbers", "percent": "percents", "count": "counts",
    "token": "symbols", "name": "names", "day": "days", "every": "schedules", "day_in": "schedule_days",
    "span": "spans",
}  # fmt: skip
_CHUNK: Final = re.compile(r"\S+")
_EDGE: Final = "\"'`´‘’“”()[]{}<>*_,;:!?…—–-=|/&+~"
_SYMBOL: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}")
_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]+")
_LONG: Final = 80


@cache
def _index() -> dict[str, set[str]]:
    return near_index((*_WORDS, *CURRENCIES))


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a request holds of each kind of slot, in the order of the text."""

    amounts: tuple[str, ...]
    allowances: tuple[str, ...]
    numbers: tuple[str, ...]
    percents: tuple[str, ...]
    counts: tuple[str, ...]
    symbols: tuple[str, ...]
    names: tuple[str, ...]
    spenders: tuple[str, ...]
    days: tuple[str, ...]
    schedules: tuple[str, ...]
    schedule_days: tuple[str, ...]
    spans: tuple[str, ...]


def find_candidates(text: str) -> Candidates:
    """Every value that a request can mean; raises BadIntent if it is longer than MAX_REQUEST."""
    request = clean_request(text)
    numbers = read_numbers(request)
    plain = [n for n in numbers.plain() if _fits("number", n)]
    percents = numbers.percents() or plain
    whole = ["all"] if _says_all(numbers) else []
    amounts = [
        *whole,
        *(n for n in (*plain, *numbers.shares()) if _fits("amount", n)),
    ]
    names = list(_names(request))
    spans, units = _spans(numbers)
    days, in_schedule = _days(numbers, request, spans)
    return Candidates(
        amounts=_unique(amounts),
        allowances=_unique(["unlimited", *amounts]),
        numbers=_unique(plain),
        percents=_unique(p for p in percents if _fits("percent", p)),
        counts=_unique(n for n in plain if _fits("count", n)),
        symbols=_unique(_symbols(request)),
        names=_unique(names),
        spenders=_unique([*whole, *names]),
        days=_unique(days),
        schedules=_unique(_schedules(numbers, units)),
        schedule_days=_unique(in_schedule),
        spans=_unique(spans),
    )


def _unique(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _fits(kind: str, value: str) -> bool:
    return re.fullmatch(TYPES[kind]["pattern"][1:-1], value) is not None and bool(value.strip("0.%"))


def ground_schema(schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    """``schema`` (of intents, as published) for this text alone.

    Raises BadIntent if the text is longer than MAX_REQUEST.
    """
    found = find_candidates(text)
    shapes = []
    for shape in schema["oneOf"]:
        required = set(shape["required"])
        slots = {}
        for slot, rule in shape["properties"].items():
            held = _held(slot, rule, found)
            if held is None:
                slots[slot] = rule
            elif held[1]:
                slots[slot] = {"$ref": f"#/$defs/{held[0]}"}
        if required <= slots.keys():
            shapes.append({**shape, "properties": slots})
    used = {
        rule["$ref"].rpartition("/")[2] for s in shapes for rule in s["properties"].values() if "$ref" in rule
    }
    kinds = {kind: {"enum": list(getattr(found, kind))} for kind in Candidates.__slots__ if kind in used}
    return {**schema, "oneOf": shapes, "$defs": kinds}


def _held(slot: str, rule: Mapping[str, Any], found: Candidates) -> tuple[str, tuple[str, ...]] | None:
    """The kind of a slot and its candidates; None where its values are closed already."""
    for name, kind in _KINDS.items():
        if rule == TYPES[name]:
            kind = "spenders" if slot == "spender" else kind
            return kind, getattr(found, kind)
    return None


def ground_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """A chat body whose answer is held to the published schema, held to that schema for its request.

    Any other body comes back as it is, and so does one whose request is too long to be read.
    """
    form = body.get("response_format")
    held = (
        form.get("json_schema") if isinstance(form, Mapping) and form.get("type") == "json_schema" else None
    )
    messages = body.get("messages")
    if not isinstance(held, Mapping) or not _published(held.get("schema")) or not isinstance(messages, list):
        return dict(body)
    last = messages[-1] if messages else None
    text = _said(last)
    if not isinstance(text, str):
        return dict(body)
    try:
        schema = _ground(text)
    except WeftError:
        return dict(body)
    return {**body, "response_format": {"type": "json_schema", "json_schema": {**held, "schema": schema}}}


def _said(message: object) -> str | None:
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else None


def _published(schema: object) -> bool:
    return schema is INTENT_SCHEMA or schema == INTENT_SCHEMA


@lru_cache(maxsize=256)
def _ground(text: str) -> dict[str, Any]:
    return ground_schema(INTENT_SCHEMA, text)


# --- names and symbols -----------------------------------------------------------------------------------------


def _chunks(request: str) -> Iterator[tuple[str, bool]]:
    """The words of a request without the marks around them, and whether a mark ends each."""
    for match in _CHUNK.finditer(request):
        word = match[0].lstrip(_EDGE + ".#").rstrip(_EDGE + ".")
        yield word, bool(re.search(r"[,;:!?]$|\.\.$", match[0]))


def _names(request: str) -> Iterator[str]:
    words = list(_chunks(request))
    for i, (word, closed) in enumerate(words):
        if not word or not any(c.isalnum() for c in word):
            continue
        low = word.lower()
        if low not in _STOP and not re.fullmatch(r"\d{1,2}|\d*[.,][\d.,]+[km%]?|\d+[km%]", low):
            yield from _endings(word)
        if (low in _STOP and f"{word}. " not in request) or closed:
            continue
        whole = word + "." if f"{word}. " in request else word
        for other, ends in words[i + 1 : i + 3]:
            if not other or other.lower() in _STOP:
                break
            for tail in _endings(other):
                yield f"{whole} {tail}"[:_LONG]
            whole += " " + other
            if ends:
                break


def _endings(word: str) -> Iterator[str]:
    """A word, and what is left of it without a possessive or plural ending or a tail after a hyphen."""
    yield word[:_LONG]
    address = _ADDRESS.match(word)
    if address:
        yield address[0]
        return
    for tail in ("'s", "’s", "s"):
        if word.lower().endswith(tail) and len(word) > len(tail) + 1:
            yield word[: -len(tail)].rstrip("'’")[:_LONG]
    head, _, rest = word.rpartition("-")
    if head and rest.isalpha():
        yield head
    if "/" in word:
        yield from (part for part in word.split("/") if part)


def _symbols(request: str) -> Iterator[str]:
    low = request.lower()
    for sign, code in CURRENCIES.items():
        if not sign.isalpha() and sign in low:
            yield code
    for sign, code in _PREFIXED.items():
        if sign in low:
            yield code
    words = re.findall(r"[^\W_]+", request)
    for i, word in enumerate(words):
        bare = word.lstrip("0123456789")
        known = bare.lower()
        pair = f"{known} {words[i + 1].lower()}" if i + 1 < len(words) else ""
        if pair in _PAIRS:
            yield _PAIRS[pair]
        if known in CURRENCIES:
            yield CURRENCIES[known]
        elif len(known) >= 4 and known not in SYMBOLS:
            yield from sorted(CURRENCIES[w] for w in near_words(known, _index()) if w in CURRENCIES)
            yield from (CURRENCIES[w] for w in _GLUED if known.startswith(w) or known.endswith(w))
        if known in SYMBOLS:
            yield SYMBOLS[known]
        if word != bare and bare[:1] in "kKmM" and _SYMBOL.fullmatch(bare[1:]):
            yield bare[1:].upper()
        if _SYMBOL.fullmatch(bare) and (known not in _STOP or bare.isupper()):
            yield bare.upper()
            if known.endswith("s") and len(known) > 3:
                yield bare[:-1].upper()


def _says_all(numbers: Numbers) -> bool:
    words = [t.text for t in numbers.tokens]
    return any(word in _ALL or _known(word)[0] == "all" for word in words)


# --- times -----------------------------------------------------------------------------------------------------


def _known(word: str) -> tuple[str, str]:
    """What a word says about time or sum, also with one slip of the fingers."""
    if word in _WORDS:
        return _WORDS[word]
    if len(word) > 3 and word not in _STOP:
        near = sorted(w for w in near_words(word, _index()) if w in _WORDS)
        if near:
            return _WORDS[near[0]]
    return "", ""


def _spans(numbers: Numbers) -> tuple[list[str], list[tuple[int, str]]]:
    """Lengths of time as slots write them, and each as a count and its unit."""
    tokens = numbers.tokens
    said = [_known(t.text) for t in tokens]
    units: list[tuple[int, str]] = []
    for i, (kind, value) in enumerate(said):
        if kind in ("weeks", "months"):
            units.append((int(value), kind[:-1]))
        if kind != "unit":
            continue
        near = [n for n in numbers.found if not n.percent and i - 3 <= n.end - 1 < i and n.end <= i]
        counts = {int(n.value) for n in near if n.value == int(n.value) and 0 < n.value < 10_000}
        for n in near:
            if n.share and value in ("year", "day", "week", "month"):
                smaller = {
                    "year": (12, "month"),
                    "day": (24, "hour"),
                    "month": (4, "week"),
                    "week": (7, "day"),
                }[value]
                whole = n.value * smaller[0]
                if whole == int(whole) and whole > 0:
                    units.append((int(whole), smaller[1]))
        before = {t.text for t in tokens[max(0, i - 3) : i]}
        if not counts or before & {"next", "coming", "following", "every", "each", "per", "another"}:
            counts.add(1)
        units += [(count, value) for count in sorted(counts)]
    spans = [f"{n} {unit}{'s' * (n != 1)}" for n, unit in units]
    return list(dict.fromkeys(spans)), units


def _schedules(numbers: Numbers, units: list[tuple[int, str]]) -> Iterator[str]:
    said = [_known(t.text) for t in numbers.tokens]
    kinds = {kind for kind, _ in said}
    yield from (value for kind, value in said if kind in ("each", "unit") and value != "minute")
    if "day" in kinds:
        yield "day"
    if "weekday" in kinds:
        yield from ("week", "weekday")
    if "month" in kinds:
        yield "year"
    if any(t.ordinal for t in numbers.tokens):
        yield "month"
    for count, unit in units:
        if unit != "minute" and 1 < count < 1000:
            yield f"{count} {unit}s"
            for small, times, large in (("day", 7, "week"), ("hour", 24, "day"), ("month", 12, "year")):
                if unit == small and count % times == 0:
                    yield f"{count // times} {large}s" if count > times else large
    words = {_known(t.text)[0] for t in numbers.tokens} | {t.text for t in numbers.tokens}
    if words & {"second", "weeks", "other", "two", "bi", "twice", "2"}:
        yield from ("2 weeks", "2 days", "2 months", "2 hours", "2 years")


def _days(numbers: Numbers, request: str, spans: list[str]) -> tuple[list[str], list[str]]:
    """Days as ``on``, ``start`` and ``until`` write them, and as a schedule's ``on`` does."""
    tokens = numbers.tokens
    said = [_known(t.text) for t in tokens]
    days: list[str] = [value for kind, value in said if kind == "day"]
    weekdays = [value for kind, value in said if kind == "weekday"]
    in_month = [t.ordinal for t in tokens if t.ordinal]
    for i, token in enumerate(tokens[:-1]):
        tail = (
            tokens[i + 2].ordinal
            if i + 2 < len(tokens) and tokens[i + 1].text == "-"
            else tokens[i + 1].ordinal
        )
        if token.text in ("twenty", "thirty") and tail and tail < 10:
            in_month.append((20 if token.text == "twenty" else 30) + tail)
    whole = [
        int(n.value) for n in numbers.found if not n.percent and n.value == int(n.value) and 0 < n.value < 32
    ]
    dates = []
    for name in dict.fromkeys(value for kind, value in said if kind == "month"):
        month = _MONTHS.index(name) + 1
        dates += [f"{month:02d}-{day:02d}" for day in dict.fromkeys([*in_month, *whole]) if day < 32]
    for one, other in re.findall(r"(?<![\d/])(\d{1,2})/(\d{1,2})(?![\d/])", request):
        for month, day in ((int(one), int(other)), (int(other), int(one))):
            if 0 < month < 13 and 0 < day < 32:
                dates.append(f"{month:02d}-{day:02d}")
    months = [str(day) for day in dict.fromkeys([*in_month, *whole]) if day < 32]
    exact = [t.text for t in tokens if t.date]
    days += [*weekdays, *exact, *dates, *months, *(f"in {span}" for span in spans)]
    if "day after tomorrow" in request.lower():
        days.append("in 2 days")
    fitting = [day for day in days if re.fullmatch(TYPES["day"]["pattern"][1:-1], day)]
    return fitting, [*weekdays, "last", *dates, *months]
