"""The intent schema narrowed to one request: what must be copied can only be what the request says.

``ground_schema(INTENT_SCHEMA, text)`` turns each open string into an ``enum`` of what the request holds of
that kind: its numbers, percentages, symbols, names and times. A slot of which the request holds nothing is
left out, and so is a form that needs one. Which intent, which slots and which of the candidates is still the
model's choice. The same text gives the same schema, byte for byte.
"""

# ruff: noqa: E501 - tables

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations, pairwise
from typing import Any, Final

from weftwork.errors import WeftError
from weftwork.models.intent import INTENT_SCHEMA, TYPES, clean_request
from weftwork.models.lexicon import (
    ALL,
    COMMON,
    CURRENCIES,
    GLUED,
    MONTHS,
    PAIRS,
    PREFIXED,
    STOP,
    SYMBOLS,
    TIMES,
)
from weftwork.models.numeral import Number, Numbers, near_index, near_words, read_numbers

VERSION: Final = 1
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
_STRONG: Final = re.compile(
    r"0[xX][0-9a-fA-F]+|@[\w.-]+|[\w.-]+\.(?:eth|lens|sol|xyz|crypto|weft|id|com|org|net|io|dao|nft|wallet|app|me|x)",
    re.IGNORECASE,
)
"""Names that can be nothing else."""
_HEADS: Final = frozenset(
    {"trading", "trade", "lending", "spending", "spare", "coin", "market", "money", "time", "cash"}
)
_TAILS: Final = frozenset(
    {"wallet", "account", "times", "pool", "market", "funds", "trader", "service", "coin"}
)
_EACH: Final = frozenset({"every", "each", "other", "second", "alternate", "single"})
_CHUNK: Final = re.compile(r"\S+")
_EDGE: Final = "\"'`´‘’“”()[]{}<>*_,;:!?…—–-=|/&+~"
_SYMBOL: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}")
_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]+")
_LONG: Final = 80


@cache
def _index() -> dict[str, set[str]]:
    return near_index((*TIMES, *CURRENCIES))


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a request holds of each kind of slot, in the order of the text.

    ``rests`` and ``allowance_rests`` are the amounts that use up no number of the request; ``sums`` counts the
    places in it that state a number which can be an amount or a price, ``places`` those that state any, and
    ``fixed_day`` is whether it says a weekday as ``every friday`` or ``fridays`` do.
    """

    amounts: tuple[str, ...]
    rests: tuple[str, ...]
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
    nothing: tuple[str, ...] = ()


def find_candidates(text: str) -> Candidates:
    """Every value that a request can mean; raises BadIntent if it is longer than MAX_REQUEST."""
    request = clean_request(text)
    numbers = read_numbers(request)
    plain = [n for n in numbers.found if not n.percent and _fits("number", n.digits)]
    sums = [n for n in plain if not _counts_time(numbers, n)] or plain
    percents = numbers.percents() or [n.digits for n in plain]
    whole = ["all"] if _says_all(numbers) else []
    shares = [n for n in numbers.shares() if _fits("amount", n)]
    amounts = [*whole, *(n.digits for n in sums), *shares]
    names = list(_names(request))
    strong = [name for name in names if _STRONG.fullmatch(name) and f"from {name}" not in request]
    spans, units = _spans(numbers)
    days, in_schedule = _days(numbers, request, spans)
    return Candidates(
        amounts=_unique(amounts),
        rests=_unique([*whole, *shares]),
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
        schedules=_unique(_schedules(numbers, units)),
        schedule_days=_unique(in_schedule),
        spans=_unique(spans),
        sums=_count_places(sums),
        places=_count_places(plain),
        fixed_day=_says_fixed_day(numbers),
    )


def _unique(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _fits(kind: str, value: str) -> bool:
    return re.fullmatch(TYPES[kind]["pattern"][1:-1], value) is not None and bool(value.strip("0.%"))


def _counts_time(numbers: Numbers, number: Number) -> bool:
    """Whether a number is that of a length of time, a date or an hour."""
    tokens = numbers.tokens
    after = [t.text for t in tokens[number.end : number.end + 3]]
    after = after[1:] if after[:1] == ["-"] else after
    if after and (_known(after[0])[0] == "unit" or after[0] in ("am", "pm", "o'clock", "times")):
        return True
    in_month = number.value < 32 and number.value == int(number.value)
    if after and in_month and _known(after[0])[0] == "month":
        return True
    if after[:1] == ["of"] and len(after) > 1 and _known(after[1])[0] == "month":
        return True
    if after[:1] == [":"] and len(after) > 1 and after[1].isdigit() and number.value < 24:
        return True
    if not number.start:
        return False
    before, first = tokens[number.start - 1], tokens[number.start]
    in_hour = number.start > 1 and before.text == ":" and tokens[number.start - 2].value is not None
    if in_hour and before.end == first.start:
        return True
    return in_month and TIMES.get(before.text, ("",))[0] == "month"


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
        for way in _ways(shape, found):
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
            and not re.fullmatch(r"\d{1,2}|\d*[.,][\d.,]+[km%]?|\d+[km%]", low)
        ):
            yield from _endings(word)
        if ((low in STOP or low in COMMON) and low not in _HEADS and f"{word}. " not in request) or closed:
            continue
        whole = word + "." if f"{word}. " in request else word
        for other, ends in words[i + 1 : i + 3]:
            if (
                not other
                or other.lower() in STOP
                or (other.lower() in COMMON and other.lower() not in _TAILS)
            ):
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
            yield from sorted(CURRENCIES[w] for w in near_words(known, _index()) if w in CURRENCIES)
            yield from (CURRENCIES[w] for w in GLUED if known.startswith(w) or known.endswith(w))
        if known in SYMBOLS:
            yield SYMBOLS[known]
        if word != bare and bare[:1] in "kKmM" and _SYMBOL.fullmatch(bare[1:]):
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
    return any(word in ALL or _known(word)[0] == "all" for word in words)


# --- times -----------------------------------------------------------------------------------------------------


def _known(word: str) -> tuple[str, str]:
    """What a word says about time or sum, also with one slip of the fingers."""
    if word in TIMES:
        return TIMES[word]
    if len(word) > 3 and word not in STOP and word not in SYMBOLS and word not in COMMON:
        near = sorted((TIMES[w][0] != "unit", w) for w in near_words(word, _index()) if w in TIMES)
        if near:
            return TIMES[near[0][1]]
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


def _says_fixed_day(numbers: Numbers) -> bool:
    words = [t.text for t in numbers.tokens]
    return any(
        TIMES.get(word, ("",))[0] == "weekday"
        and (before in _EACH or (word.endswith("days") and word != before))
        for before, word in pairwise(["", *words])
    )


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
        month = MONTHS.index(name) + 1
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
