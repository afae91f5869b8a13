"""Times out of English text: days, lengths of time and schedules, as the slots of an intent write them.

Like the numbers, they are read too generously rather than too narrowly.
"""

# ruff: noqa: E501 - tables

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Final

from weftwork.models.intent import TYPES
from weftwork.models.lexicon import COMMON, CURRENCIES, MONTHS, STOP, SYMBOLS, TIMES
from weftwork.models.numeral import Number, Numbers, near_index, near_words

_EACH: Final = frozenset({"every", "each", "other", "second", "alternate", "single"})
_AHEAD: Final = frozenset({"in", "after", "hence", "later", "next", "now", "within"})


@cache
def near_times() -> dict[str, set[str]]:
    return near_index((*TIMES, *CURRENCIES))


def counts_time(numbers: Numbers, number: Number) -> bool:
    """Whether a number is that of a length of time, a date or an hour."""
    tokens = numbers.tokens
    if tokens[number.end - 1].text in CURRENCIES:
        return False
    after = [t.text for t in tokens[number.end : number.end + 3]]
    after = after[1:] if after[:1] == ["-"] else after
    if after and (known_word(after[0])[0] == "unit" or after[0] in ("am", "pm", "o'clock", "times")):
        return True
    in_month = number.value < 32 and number.value == int(number.value)
    if after and in_month and known_word(after[0])[0] == "month":
        return True
    if after[:1] == ["of"] and len(after) > 1 and known_word(after[1])[0] == "month":
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


def known_word(word: str) -> tuple[str, str]:
    """What a word says about time or sum, also with one slip of the fingers."""
    if word in TIMES:
        return TIMES[word]
    if len(word) > 3 and word not in STOP and word not in SYMBOLS and word not in COMMON:
        near = sorted((TIMES[w][0] != "unit", w) for w in near_words(word, near_times()) if w in TIMES)
        if near:
            return TIMES[near[0][1]]
    return "", ""


def read_spans(numbers: Numbers) -> tuple[list[str], list[tuple[int, str]]]:
    """Lengths of time as slots write them, and each as a count and its unit."""
    tokens = numbers.tokens
    said = [known_word(t.text) for t in tokens]
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


def read_schedules(numbers: Numbers, units: list[tuple[int, str]]) -> Iterator[str]:
    said = [known_word(t.text) for t in numbers.tokens]
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
    words = {known_word(t.text)[0] for t in numbers.tokens} | {t.text for t in numbers.tokens}
    if words & {"second", "weeks", "other", "two", "bi", "twice", "2"}:
        yield from ("2 weeks", "2 days", "2 months", "2 hours", "2 years")


def says_fixed_day(numbers: Numbers) -> bool:
    words = [t.text for t in numbers.tokens]
    return any(
        TIMES.get(word, ("",))[0] == "weekday"
        and (before in _EACH or (word.endswith("days") and word != before))
        for before, word in pairwise(["", *words])
    )


def read_days(numbers: Numbers, request: str, spans: list[str]) -> tuple[list[str], list[str]]:
    """Days as ``on``, ``start`` and ``until`` write them, and as a schedule's ``on`` does."""
    tokens = numbers.tokens
    said = [known_word(t.text) for t in tokens]
    weekdays = [value for kind, value in said if kind == "weekday"]
    in_month = _month_days(numbers)
    dates = []
    for i, (kind, name) in enumerate(said):
        if kind == "month":
            near = [day for day, at in in_month if abs(at - i) <= 4]
            dates += [f"{MONTHS.index(name) + 1:02d}-{day:02d}" for day in near]
    for one, other in re.findall(r"(?<![\d/])(\d{1,2})/(\d{1,2})(?![\d/])", request):
        for month, day in ((int(one), int(other)), (int(other), int(one))):
            if 0 < month < 13 and 0 < day < 32:
                dates.append(f"{month:02d}-{day:02d}")
    months = [str(day) for day, _ in in_month]
    days = [value for kind, value in said if kind == "day"]
    days += [*weekdays, *(t.text for t in tokens if t.date), *dates, *months]
    if _AHEAD & {t.text for t in tokens}:
        days += [f"in {span}" for span in spans]
    if "day after tomorrow" in request.lower():
        days.append("in 2 days")
    fitting = [day for day in days if re.fullmatch(TYPES["day"]["pattern"][1:-1], day)]
    return fitting, [*weekdays, "last", *dates, *months]


def _month_days(numbers: Numbers) -> list[tuple[int, int]]:
    """Days of a month and the tokens at which they stand: ordinals and small numbers that count nothing else."""
    tokens = numbers.tokens
    found = [(t.ordinal, i) for i, t in enumerate(tokens) if t.ordinal]
    for i, token in enumerate(tokens):
        if token.text in ("twenty", "thirty"):
            tail = next((t.ordinal for t in tokens[i + 1 : i + 3] if t.text != "-"), None)
            found += [((20 if token.text == "twenty" else 30) + tail, i)] if tail and tail < 10 else []
    for n in numbers.found:
        after = tokens[n.end].text if n.end < len(tokens) else ""
        bare = n.percent or n.share or tokens[n.start].text in ("a", "an", "single")
        if bare or n.value != int(n.value) or after in CURRENCIES or known_word(after)[0] == "unit":
            continue
        found.append((int(n.value), n.start))
    return [(day, at) for day, at in found if 0 < day < 32]
