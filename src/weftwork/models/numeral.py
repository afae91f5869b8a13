"""Numbers out of English text: digits, suffixes, number words, fractions, shares and percentages.

``read_numbers("swap twelve and a half k, half a percent slippage")`` finds 12500 and 0.5 percent. It reads
too much rather than too little: who asks chooses among what was found.
"""

# ruff: noqa: E501, SIM905 - tables of words

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Final

_ONES: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL: Final = {word: i for i, word in enumerate(_ONES)} | {
    word: 20 + 10 * i for i, word in enumerate(_TENS)
}
_SMALL["nought"] = 0
_SCALE: Final = {
    "k": 10**3, "thousand": 10**3, "thousands": 10**3, "grand": 10**3, "large": 10**3, "m": 10**6, "mm": 10**6,
    "mil": 10**6, "million": 10**6, "millions": 10**6, "bn": 10**9, "billion": 10**9,
}  # fmt: skip
_PART: Final = {
    "half": Decimal("0.5"), "halves": Decimal("0.5"), "quarter": Decimal("0.25"), "quarters": Decimal("0.25"),
    "fourth": Decimal("0.25"), "fourths": Decimal("0.25"), "fifth": Decimal("0.2"), "fifths": Decimal("0.2"),
    "eighth": Decimal("0.125"), "tenth": Decimal("0.1"), "tenths": Decimal("0.1"),
}  # fmt: skip
_ORDINALS: Final = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
_ORDINAL: Final = {word: i + 1 for i, word in enumerate(_ORDINALS)} | {"thirtieth": 30}
_PERCENT: Final = frozenset({"%", "percent", "pct", "percentage"})
_COINS: Final = frozenset({"cent", "cents"})
_MONEY: Final = frozenset(
    "dollar dollars buck bucks usd euro euros eur pound pounds quid gbp franc francs".split()
)
_AGAIN: Final = {"once": 1, "twice": 2, "thrice": 3}
_CODE: Final = re.compile(r"(?i)\b(usd[ct]?|eur|gbp|chf|cad|aud|inr|brl|jpy|dai|eth|btc|sol)(?=[\d.]*\d)")
_JOINT: Final = frozenset({"and", "&", "n", ",", "-", ".", ";", ":", "–", "—", "…", "/"})

_TOKEN: Final = re.compile(
    r"(?P<date>20\d\d-\d\d-\d\d)"
    r"|(?P<hex>0x[0-9A-Za-z]+)"
    r"|(?<![^\W_])(?P<ordinal>\d{1,2})(?:st|nd|rd|th)\b"
    r"|(?<![\w@])(?<![^\W_]-)(?<!\d\.)(?P<part>\d{1,2}/\d{1,2})(?![\d/])"
    r"|(?<![\w@])(?<![^\W_]-)(?<!\d[.:])(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"|(?P<word>[^\W\d_]+)|(?P<mark>\S)"
)


@cache
def _deletions() -> dict[str, set[str]]:
    words = (*_SMALL, *_SCALE, *_PART, *_ORDINAL, *_PERCENT, "hundred", "couple", "dozen", "point", "cents")
    return near_index(tuple(word for word in words if word != "large"))


def near_index(words: tuple[str, ...]) -> dict[str, set[str]]:
    """From each word of four letters or more, and from it less any one letter, to the word."""
    index: dict[str, set[str]] = {}
    for word in words:
        if len(word) >= 4:
            for form in (word, *_shorter(word)):
                index.setdefault(form, set()).add(word)
    return index


def near_words(word: str, index: dict[str, set[str]]) -> set[str]:
    """The words of an index that one slip of the fingers turns into ``word``."""
    if len(word) < 3:
        return set()
    found = set(index.get(word, ()))
    for form in _shorter(word):
        found |= index.get(form, set())
    return {other for other in found if abs(len(other) - len(word)) < 2}


def _shorter(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in range(len(word))]


@dataclass(slots=True)
class Token:
    """One piece of a text: its lower-case word or mark, what it counts, and where it stands."""

    text: str
    start: int
    end: int
    value: Decimal | None = None
    part: Decimal | None = None
    ordinal: int | None = None
    date: bool = False


@dataclass(slots=True)
class Number:
    """A number in a text, and the tokens ``[start, end)`` that say it."""

    value: Decimal
    start: int
    end: int
    percent: bool = False
    share: bool = False

    @property
    def digits(self) -> str:
        """The value as plain digits."""
        return write_digits(self.value)


@dataclass(slots=True)
class Numbers:
    """What :func:`read_numbers` found, in the order of the text."""

    tokens: list[Token]
    found: list[Number] = field(default_factory=list)

    def plain(self) -> list[str]:
        """Numbers that are no percentage, as plain digits."""
        return _unique(n.value for n in self.found if not n.percent)

    def percents(self) -> list[str]:
        """Percentages, as plain digits without the sign."""
        return _unique(n.value for n in self.found if n.percent)

    def shares(self) -> list[str]:
        """Shares of something: percentages and fractions, each with the sign."""
        rows = (n.value if n.percent else n.value * 100 for n in self.found if n.percent or n.share)
        return [f"{digits}%" for digits in _unique(value for value in rows if value <= 100)]


def _unique(values: object) -> list[str]:
    return list(dict.fromkeys(write_digits(v) for v in values))  # type: ignore[attr-defined]


def write_digits(value: Decimal) -> str:
    """Plain digits: no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def split_tokens(text: str) -> list[Token]:
    """The tokens of a text; digits inside a word belong to the word and are no number."""
    tokens = []
    text = _CODE.sub(lambda code: "$" * len(code[0]), text)  # a code before digits is a sign
    for match in _TOKEN.finditer(text):
        kind, said = match.lastgroup, match[0].lower()
        token = Token(said, match.start(), match.end())
        if kind == "digits":
            token.value = Decimal(said.replace(",", ""))
        elif kind == "part":
            above, below = map(int, said.split("/"))
            token.part = Decimal(above) / below if 0 < above < below else None
        elif kind == "ordinal":
            token.ordinal = int(match["ordinal"])
        token.date = kind == "date"
        if kind != "word":
            tokens.append(token)
            continue
        words = [said[0], said[1:]] if _scaled(text, match) else _split(said)
        for word in words:
            word = word if _in_name(text, match) else _known(word)
            token = Token(word, match.start(), match.end())
            token.ordinal = _ORDINAL.get(token.text)
            tokens.append(token)
    return tokens


def _in_name(text: str, match: re.Match[str]) -> bool:
    """Whether a word is a part of a handle or a domain."""
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 2]
    return (
        before in ("@", "_")
        or after[:1] in ("_", "@")
        or after[:1].isdigit()
        or bool(re.match(r"\.\w", after))
    )


def _scaled(text: str, match: re.Match[str]) -> bool:
    """Whether a word is a suffix and a symbol, such as the ``kCHF`` of ``7kCHF``."""
    head, rest = match[0][0], match[0][1:]
    return (
        head in "kKmM"
        and len(rest) > 1
        and rest.isupper()
        and text[match.start() - 1 : match.start()].isdigit()
    )


def _split(word: str) -> list[str]:
    """A word as it is, or as the two that were typed without a space, one of which counts something."""
    if word[-1:] == "k" and word[:-1] in _SMALL:
        return [word[:-1], "k"]
    if len(word) < 5 or word in _CLOSED or word in _PLAIN:
        return [word]
    for other in _GLUED:
        if word.startswith(other):
            return [other, word[len(other) :]]
        if word.endswith(other):
            return [word[: -len(other)], other]
    return [word]


def _known(word: str) -> str:
    """The number word that a word is, or one slip away from; else the word itself."""
    if word in _CLOSED or len(word) < 4 or word in _PLAIN:
        return word
    near = near_words(word, _deletions())
    return word if word in near or len(near) != 1 else next(iter(near))


_PLAIN: Final = frozenset(
    "sent send tent then tend line lens mine nice fire fine live form your weight height even often appoint right "
    "night light might sight tight fight freight".split()
)
_CLOSED: Final = frozenset(
    {*_SMALL, *_SCALE, *_PART, *_ORDINAL, *_PERCENT, *_COINS, *_MONEY, *_AGAIN, "hundred", "couple", "dozen"}
    | {"point", "points", "basis", "per", "cent"}
)
_GLUED: Final = tuple(
    sorted(
        (w for w in (*_SMALL, *_SCALE, *_MONEY, "hundred", "dozen", "percent", "half") if len(w) > 3), key=len
    )
)[::-1]


def read_numbers(text: str) -> Numbers:
    """Every number of a text, with what it counts."""
    tokens = split_tokens(text)
    out = Numbers(tokens)
    at = 0
    while at < len(tokens):
        value, end = _numeral(tokens, at)
        if value is None:
            at += 1
            continue
        _add(out, value, at, end)
        at = max(end, at + 1)
    for i, token in enumerate(tokens):
        _implied(out, token, i)
    out.found.sort(key=lambda n: n.start)
    return out


def _word(tokens: list[Token], at: int) -> str:
    return tokens[at].text if 0 <= at < len(tokens) else ""


def _add(out: Numbers, value: Decimal, start: int, end: int) -> None:
    tokens = out.tokens
    after, later = _word(tokens, end), _word(tokens, end + 1)
    if after in ("bps", "bp") or (after[:2] == "ba" and later.startswith("point")):
        out.found.append(Number(value / 100, start, end + 1, percent=True))
    elif (
        after in _PERCENT
        or (after == "of" and later in _PERCENT)
        or (after == "per" and "cent" in (later, _word(tokens, end + 2)))
    ):
        out.found.append(Number(value, start, end + 1, percent=True))
    elif after in _COINS or later in _COINS:
        out.found += [Number(value, start, end)] if later in _COINS else []
        out.found.append(Number(value / 100, start, end + 1))
    elif tokens[start].part is not None and end == start + 1:
        out.found.append(Number(value, start, end, share=True))
    else:
        out.found.append(Number(value, start, end))
        if _word(tokens, end - 1) in ("k", "m"):  # thousands and millions, or something else of that letter
            digits = tokens[start].value
            out.found += [Number(digits, start, start + 1)] if digits is not None else []
        _coins(out, value, start, end)


def _coins(out: Numbers, value: Decimal, start: int, end: int) -> None:
    """``5 dollars and 25 cents`` and ``a dollar fifty``."""
    tokens = out.tokens
    if _word(tokens, end) not in _MONEY and not (start and tokens[start - 1].text in "$€£"):
        return
    at = end + (_word(tokens, end) in _MONEY)
    at += _word(tokens, at) in _JOINT
    small, last = _numeral(tokens, at)
    if small is not None and 0 < small < 100 and small == int(small):
        out.found.append(Number(value + small / 100, start, last))


def _implied(out: Numbers, token: Token, at: int) -> None:
    """``a``, ``once``, ``half``, ``three quarters``, ``half a percent``."""
    tokens, word = out.tokens, token.text
    if word in _AGAIN:
        out.found.append(Number(Decimal(_AGAIN[word]), at, at + 1))
    if word in ("a", "an", "single", "per"):
        if _word(tokens, at + 1) in _PERCENT or (_word(tokens, at + 1), _word(tokens, at + 2)) == (
            "per",
            "cent",
        ):
            out.found.append(Number(Decimal(1), at, at + 2, percent=True))
        elif word != "per":
            out.found.append(Number(Decimal(1), at, at + 1))
            _coins(out, Decimal(1), at, at + 1)
    if word not in _PART or (token.ordinal is not None and _word(tokens, at - 1) == "the"):
        return
    before = _SMALL.get(_word(tokens, at - 1))
    counted = before is not None and 0 < before < 10
    value = _PART[word] * (before if counted and before else 1)
    start = at - 1 if counted else at
    tail = [_word(tokens, k) for k in range(at + 1, at + 5)]
    tail = [t for t in tail if t not in ("of", "a", "an", "one")]
    if tail and (tail[0] in _PERCENT or tail[:2] == ["per", "cent"]):
        out.found.append(Number(value, start, at + 1, percent=True))
    elif value < 1:
        out.found.append(Number(value, start, at + 1, share=True))


def _numeral(tokens: list[Token], at: int) -> tuple[Decimal | None, int]:
    """The longest numeral that starts at a token, and where it ends."""
    total, current, scale = Decimal(0), None, 10**12
    begun, i, digits = False, at, at < len(tokens) and tokens[at].value is not None
    while i < len(tokens):
        token, word = tokens[i], tokens[i].text
        following = _word(tokens, i + 1)
        if token.value is not None and current is None and not begun:
            current = token.value
            if i + 1 < len(tokens) and tokens[i + 1].part is not None and current == int(current):
                current += tokens[i + 1].part or 0
                i += 1
        elif token.part is not None and not begun:
            return token.part, i + 1
        elif word in _SMALL and not (digits and begun) and _joins(current, _SMALL[word]):
            current = (current or Decimal(0)) + _SMALL[word]
        elif word == "hundred" and (current is None or current < 100):
            current = _at_least_one(current) * 100
        elif word == "dozen" and (current is None or current < 100):
            current = _at_least_one(current) * 12
        elif word in _SCALE and _scales(tokens, i, begun) and _SCALE[word] < scale:
            scale = _SCALE[word]
            total += _at_least_one(current) * scale
            current = None
        elif (
            word in ("a", "an")
            and not begun
            and (following in ("hundred", "dozen", "couple", "cool") or _big(following))
        ):
            i += following == "cool"
            current = None
        elif word == "a" and total > 0 and current is None and following == "hundred":
            pass
        elif word == "couple" and current is None and not total:
            current = Decimal(2)
            i += following == "of" and (
                _word(tokens, i + 2) in ("hundred", "dozen") or _big(_word(tokens, i + 2))
            )
        elif word == "half" and not begun and following in ("a", "an") and (
            _big(_word(tokens, i + 2)) or _word(tokens, i + 2) in ("dozen", "hundred")
        ):  # fmt: skip
            current = Decimal("0.5")
            i += 1
        elif word == "point" and (begun or i == at) and _digit_words(tokens, i + 1)[0]:
            tail, end = _digit_words(tokens, i + 1)
            current = (current or Decimal(0)) + Decimal("0." + tail)
            i = end - 1
        elif begun and word == "." and following == ".":
            i += 1
            continue
        elif begun and word in _JOINT:
            extra, end = _fraction(tokens, i + 1)
            if extra is not None and word in ("and", "&", "n"):
                if current is None and total:
                    total += extra * scale
                else:
                    current = (current or Decimal(0)) + extra
                i = end - 1
            elif digits or not _goes_on(tokens, i, current, total):
                break
            else:
                i += following == "a"
        else:
            break
        begun = True
        i += 1
    if current is None and not total:
        return None, at
    return total + (current or 0), i


def _at_least_one(current: Decimal | None) -> Decimal:
    return Decimal(1) if current is None else current


def _joins(current: Decimal | None, small: int) -> bool:
    if current is None:
        return True
    rest = current % 100
    return current == int(current) and current > 0 and (
        (rest == 0) or (small < 10 and small > 0 and rest >= 20 and rest % 10 == 0)
    )  # fmt: skip


def _big(word: str) -> bool:
    return word in _SCALE and word not in ("m", "k", "mm")


def _scales(tokens: list[Token], at: int, begun: bool) -> bool:
    """Whether a scale word counts here: a bare one only as ``thousand`` or ``million``."""
    word = tokens[at].text
    if at + 1 < len(tokens) and tokens[at + 1].start == tokens[at].end and tokens[at + 1].text.isdigit():
        return False  # the K of K80
    if word in ("m", "mm"):
        return begun and tokens[at].start == tokens[at - 1].end
    if word == "large":
        return begun
    return begun or _big(word)


def _goes_on(tokens: list[Token], at: int, current: Decimal | None, total: Decimal) -> bool:
    word, following = tokens[at].text, _word(tokens, at + 1)
    if following not in _SMALL and not (following == "a" and _word(tokens, at + 2) == "hundred"):
        return False
    if current is None and total > 0:
        return True
    if word == "-":
        return current is not None and current % 10 == 0 and current % 100 >= 20
    return word in ("and", "&", "n") and current is not None and current >= 100 and current % 100 == 0


def _fraction(tokens: list[Token], at: int) -> tuple[Decimal | None, int]:
    """``a half``, ``half``, ``three quarters`` at a token."""
    word, following = _word(tokens, at), _word(tokens, at + 1)
    if word in ("a", "an", "one", "1") and following in _PART:
        return _PART[following], at + 2
    if word in _SMALL and following in _PART and _PART[following] * _SMALL[word] < 1:
        return _PART[following] * _SMALL[word], at + 2
    if word in ("half", "quarter"):
        return _PART[word], at + 1
    return None, at


def _digit_words(tokens: list[Token], at: int) -> tuple[str, int]:
    """The digits after a spoken point: ``two five``, ``twenty-five`` or ``oh five``."""
    out, i = "", at
    while i < len(tokens):
        word = tokens[i].text
        if word in _SMALL and _SMALL[word] < 10:
            out += str(_SMALL[word])
        elif word in _SMALL and not out:
            out = str(_SMALL[word])
            joint = i + 1 + (_word(tokens, i + 1) == "-")
            if _SMALL[word] >= 20 and 0 < _SMALL.get(_word(tokens, joint), 0) < 10:
                return str(_SMALL[word] + _SMALL[_word(tokens, joint)]), joint + 1
            return out, i + 1
        elif word in ("oh", "o"):
            out += "0"
        elif tokens[i].value is not None and not out:
            return word, i + 1
        else:
            break
        i += 1
    return out, i
