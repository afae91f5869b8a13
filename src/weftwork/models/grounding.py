"""The intent schema narrowed to one request: what must be copied can only be what the request says.

``ground_schema(INTENT_SCHEMA, text)`` turns each open string into an ``enum`` of what the request holds of
that kind: its numbers, percentages, symbols, names and times. A slot of which the request holds nothing is
left out, and so is a form that needs one. Which intent, which slots and which of the candidates is still the
model's choice. The same text gives the same schema, byte for byte.
"""

# ruff: noqa: E501, SIM905 - tables

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any, Final

from weftwork.errors import WeftError
from weftwork.models.intent import INTENT_SCHEMA, TYPES, clean_request
from weftwork.models.lexicon import (
    ALL,
    COMMON,
    CURRENCIES,
    GLUED,
    PAIRS,
    PREFIXED,
    STOP,
    SYMBOLS,
    TIMES,
)
from weftwork.models.numeral import Number, Numbers, near_words, read_numbers, write_digits
from weftwork.models.occasion import (
    counts_time,
    known_word,
    near_times,
    read_days,
    read_schedules,
    read_spans,
    says_fixed_day,
)

VERSION: Final = 2
"""Changes when the same text gives another schema."""

_KINDS: Final = {
    "amount": "amounts", "allowance": "allowances", "number": "numbers", "percent": "percents", "count": "counts",
    "token": "symbols", "name": "names", "day": "days", "every": "schedules", "day_in": "schedule_days",
    "span": "spans",
}  # fmt: skip
_OWN: Final = {"to": "parties", "trader": "parties", "spender": "spenders", "quantity": "quantities"}
_RESTS: Final = {
    "amounts": "rests", "allowances": "allowance_rests", "numbers": "nothing", "quantities": "nothing",
}  # fmt: skip
"""What a slot may still hold when each number of the request is told elsewhere."""
_SOLID: Final = {"amounts": "solids", "rests": "solid_rests"}
_STRONG: Final = re.compile(
    r"0[xX][0-9a-fA-F]+|@[\w.-]+|[\w.-]+\.(?:eth|lens|sol|xyz|crypto|weft|id|com|org|net|io|dao|nft|wallet|app|me|x)",
    re.IGNORECASE,
)
"""Names that can be nothing else."""
_HEADS: Final = frozenset(
    "trading trade lending spending spare coin market money time cash stake just".split()
)
_TAILS: Final = frozenset(
    "wallet account times pool market funds trader service coin lend stake well".split()
)
_TIMED: Final = frozenset(word for word, (kind, _) in TIMES.items() if kind in ("weekday", "unit", "each"))
_CHUNK: Final = re.compile(r"\(?[^\s(]+|\(")
_EDGE: Final = "\"'`´‘’“”()[]{}<>*_,;:!?…—–-=|/&+~"
_SUM: Final = re.compile(r"\d*[.,]\d[\d.,]*|\d{3,}")
"""A number that no name ends with."""
_SYMBOL: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}")
_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]+")
_LONG: Final = 80


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a request holds of each kind of slot, in the order of the text.

    ``rests`` and ``allowance_rests`` are the amounts that use up no number of the request, ``solids`` and
    ``solid_rests`` those that use up no percentage; ``one_percent`` is whether there is just one; ``sums`` counts the
    places in it that state a number which can be an amount or a price, ``places`` those that state any, and
    ``fixed_day`` is whether it says a weekday as ``every friday`` or ``fridays`` do.
    """

    amounts: tuple[str, ...]
    rests: tuple[str, ...]
    solids: tuple[str, ...]
    solid_rests: tuple[str, ...]
    allowances: tuple[str, ...]
    allowance_rests: tuple[str, ...]
    numbers: tuple[str, ...]
    quantities: tuple[str, ...]
    percents: tuple[str, ...]
    counts: tuple[str, ...]
    symbols: tuple[str, ...]
    names: tuple[str, ...]
    parties: tuple[str, ...]
    spenders: tuple[str, ...]
    days: tuple[str, ...]
    schedules: tuple[str, ...]
    schedule_days: tuple[str, ...]
    spans: tuple[str, ...]
    sums: int
    places: int
    fixed_day: bool
    one_percent: bool
    nothing: tuple[str, ...] = ()


def find_candidates(text: str) -> Candidates:
    """Every value that a request can mean; raises BadIntent if it is longer than MAX_REQUEST."""
    request = clean_request(text)
    numbers = read_numbers(request)
    plain = [n for n in numbers.found if not n.percent and _fits("number", n.digits)]
    sums = [n for n in plain if not counts_time(numbers, n)] or plain
    percents = numbers.percents() or [n.digits for n in plain]
    whole = ["all"] if _says_all(numbers) else []
    shares = [n for n in numbers.shares() if _fits("amount", n)]
    parts = [f"{write_digits(n.value * 100)}%" for n in numbers.found if n.share]
    amounts = [*whole, *(n.digits for n in sums), *shares]
    names = list(_names(request))
    strong = [name for name in names if _STRONG.fullmatch(name) and f"from {name}" not in request]
    spans, units = read_spans(numbers)
    days, in_schedule = read_days(numbers, request, spans)
    return Candidates(
        amounts=_unique(amounts),
        rests=_unique([*whole, *shares]),
        solids=_unique([*whole, *(n.digits for n in sums), *parts]),
        solid_rests=_unique([*whole, *parts]),
        allowances=_unique(["unlimited", *amounts]),
        allowance_rests=_unique(["unlimited", *whole, *shares]),
        numbers=_unique(n.digits for n in sums),
        quantities=_unique(n.digits for n in plain),
        percents=_unique(p for p in percents if _fits("percent", p)),
        counts=_unique(n.digits for n in plain if _fits("count", n.digits)),
        symbols=_unique(_symbols(request)),
        names=_unique(names),
        parties=_unique(strong or names),
        spenders=_unique([*whole, *(strong or names)]),
        days=_unique(days),
        schedules=_unique(read_schedules(numbers, units)),
        schedule_days=_unique(in_schedule),
        spans=_unique(spans),
        sums=_count_places(sums),
        places=_count_places(plain),
        fixed_day=says_fixed_day(numbers),
        one_percent=_count_places([n for n in numbers.found if n.percent]) == 1,
    )


def _unique(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _fits(kind: str, value: str) -> bool:
    return re.fullmatch(TYPES[kind]["pattern"][1:-1], value) is not None and bool(value.strip("0.%"))


def _count_places(numbers: list[Number]) -> int:
    """How many places of the text state one of these numbers."""
    count, end = 0, -1
    for number in sorted(numbers, key=lambda n: (n.start, -n.end)):
        if number.start >= end:
            count += 1
        end = max(end, number.end)
    return count


def ground_schema(schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    """``schema`` (of intents, as published) for this text alone.

    Raises BadIntent if the text is longer than MAX_REQUEST.
    """
    found = find_candidates(text)
    shapes = []
    for shape in schema["oneOf"]:
        if found.fixed_day and "every" not in shape["properties"] and len(shape["properties"]) > 1:
            continue  # "every friday" leaves the payment with a schedule, and none
        for way in (one for wide in _ways(shape, found) for one in _share_out(wide, shape, found)):
            slots = {
                slot: {"$ref": f"#/$defs/{way[slot]}"} if slot in way else rule
                for slot, rule in shape["properties"].items()
                if slot not in way or getattr(found, way[slot])
            }
            required = [
                *shape["required"],
                *(slot for slot in slots if slot == "on" and "every" in slots and found.fixed_day),
            ]
            if slots.keys() >= set(required):
                shapes.append({**shape, "properties": slots, "required": required})
    used = {
        rule["$ref"].rpartition("/")[2] for s in shapes for rule in s["properties"].values() if "$ref" in rule
    }
    kinds = {kind: {"enum": list(getattr(found, kind))} for kind in Candidates.__slots__ if kind in used}
    return {**schema, "oneOf": shapes, "$defs": kinds}


def _ways(shape: Mapping[str, Any], found: Candidates) -> Iterator[dict[str, str]]:
    """The kind of each open slot; more than one way where there are fewer numbers than slots for them."""
    kinds = {slot: kind for slot, rule in shape["properties"].items() if (kind := _kind(slot, rule))}
    counted = [slot for slot, kind in kinds.items() if kind in _RESTS]
    places = found.places if "quantity" in kinds else found.sums
    if len(counted) <= places:
        yield kinds
        return
    seen = []
    must = [
        slot for slot in counted if slot in shape["required"] and kinds[slot] in ("numbers", "quantities")
    ]
    for chosen in combinations(counted, places):
        way = {slot: kind if slot in chosen else _RESTS.get(kind, kind) for slot, kind in kinds.items()}
        if set(must) <= set(chosen) and way not in seen:
            seen.append(way)
            yield way


def _share_out(way: dict[str, str], shape: Mapping[str, Any], found: Candidates) -> Iterator[dict[str, str]]:
    """The same way, or two where one percentage could be told as a share and as something else."""
    rates = [slot for slot, kind in way.items() if kind == "percents"]
    if not found.one_percent or not rates or not _SOLID.keys() & set(way.values()):
        yield way
        return
    yield {slot: _SOLID.get(kind, kind) for slot, kind in way.items()}
    if not set(rates) & set(shape["required"]):
        yield {slot: "nothing" if slot in rates else kind for slot, kind in way.items()}


def _kind(slot: str, rule: Mapping[str, Any]) -> str | None:
    """The kind of a slot; None where its values are closed already."""
    for name, kind in _KINDS.items():
        if rule == TYPES[name]:
            return _OWN.get(slot, kind)
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
        if (
            low not in STOP
            and low not in COMMON
            and low not in _TIMED
            and not re.fullmatch(r"\d{1,2}|\d*[.,][\d.,]+[km%]?|\d+[km%]", low)
        ):
            yield from _endings(word)
        if (
            (low in STOP or low in COMMON or low in _TIMED)
            and low not in _HEADS
            and f"{word}. " not in request
        ) or closed:
            continue
        whole = word + "." if f"{word}. " in request else word
        for other, ends in words[i + 1 : i + 3]:
            tail = other.lower()
            known = tail not in _TAILS and (tail in STOP or tail in _TIMED or tail in COMMON)
            if not other or known or _SUM.fullmatch(tail):
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
    for sign, code in PREFIXED.items():
        if sign in low:
            yield code
    words = re.findall(r"[^\W_]+", request)
    for i, word in enumerate(words):
        bare = word.lstrip("0123456789")
        known = bare.lower()
        pair = f"{known} {words[i + 1].lower()}" if i + 1 < len(words) else ""
        if pair in PAIRS:
            yield PAIRS[pair]
        if known in CURRENCIES:
            yield CURRENCIES[known]
        elif len(known) >= 4 and known not in SYMBOLS:
            yield from sorted(CURRENCIES[w] for w in near_words(known, near_times()) if w in CURRENCIES)
            yield from (CURRENCIES[w] for w in GLUED if known.startswith(w) or known.endswith(w))
        if known in SYMBOLS:
            yield SYMBOLS[known]
        scaled = word != bare and bare[:1] in "kKmM" and _SYMBOL.fullmatch(bare[1:])
        if scaled and known not in SYMBOLS and known.upper() not in SYMBOLS.values():
            yield bare[1:].upper()
        if known in CURRENCIES and known.upper() != CURRENCIES[known]:
            continue
        shouted = bare.isupper() and not request.isupper()
        if _SYMBOL.fullmatch(bare) and (shouted or (known not in STOP and known not in COMMON)):
            yield bare.upper()
            if known.endswith("s") and len(known) > 3:
                yield bare[:-1].upper()


def _says_all(numbers: Numbers) -> bool:
    words = [t.text for t in numbers.tokens]
    return any(word in ALL or known_word(word)[0] == "all" for word in words)
