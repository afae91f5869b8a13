"""Slots of the intent generator: each method gives what is written and what is meant."""

# ruff: noqa: E501 - tables of phrases
# fmt: off

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from weftwork.models.grammar import words as w
from weftwork.models.grammar.phrase import Phrase, protect

T = TypeVar("T")
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"]
LENGTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
ALL_OF = (
    "all [of |]my {t}|all [of |]the {t} [i have|i own|i've got|i hold|in my wallet|there is]|my entire {t} "
    "[balance|stack|bag|position|holding|holdings|stash|]|my whole {t} [balance|stack|bag|position|stash|]|every last "
    "{t} [i have|i own|]|everything i have in {t}|my {t}|my {t} [balance|bag|stack|position|holdings|bags]|all {t}|"
    "the whole {t} [bag|balance|stack|position]|100% of my {t}|every bit of my {t}|the full {t} balance|"
    "my full {t} balance|the lot of my {t}|max {t}|all my remaining {t}|the rest of my {t}|whatever {t} i have|"
    "whatever {t} i have left|every single {t} i [own|have]|all that {t} of mine|all my {t}|all my {t}|all of my {t}"
)
PART = "{n} of [my|my|my|my|the|all my] {t}[| balance| stack| holdings| bag| position]|{n} of the {t} [i have|i hold]"
FRACTIONS = [
    ("half", "50"), ("half", "50"), ("one half", "50"), ("a half", "50"), ("a quarter", "25"), ("one quarter", "25"),
    ("three quarters", "75"), ("a tenth", "10"), ("one tenth", "10"), ("a fifth", "20"), ("one fifth", "20"),
    ("1/2", "50"), ("1/4", "25"), ("3/4", "75"), ("three fourths", "75"), ("a fourth", "25"), ("two fifths", "40"),
]  # fmt: skip


def _ordinal(n: int) -> str:
    tail = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{tail}"


ORDINAL_WORDS = {
    1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", 6: "sixth", 7: "seventh", 8: "eighth", 9: "ninth",
    10: "tenth", 11: "eleventh", 12: "twelfth", 13: "thirteenth", 14: "fourteenth", 15: "fifteenth", 16: "sixteenth",
    17: "seventeenth", 18: "eighteenth", 19: "nineteenth", 20: "twentieth", 21: "twenty-first", 25: "twenty-fifth",
    28: "twenty-eighth", 30: "thirtieth", 31: "thirty-first",
}  # fmt: skip


class Slots:
    """One sentence's source of values; ``style`` is ``normal``, ``lower`` or, for a share that ``shout``,
    ``upper``."""

    def __init__(self, rng: random.Random, macros: dict[str, str], shout: float = 0.01) -> None:
        self.rng = rng
        self.phrase = Phrase(rng, macros)
        pick = rng.random()
        self.style = "lower" if pick < 0.4 else "upper" if pick < 0.4 + shout else "normal"

    def x(self, pattern: str, **slots: str) -> str:
        """Expand a pattern."""
        return self.phrase.expand(pattern, slots)

    def chance(self, p: float) -> bool:
        """True with probability ``p``."""
        return self.rng.random() < p

    def pick(self, options: Sequence[T]) -> T:
        """One of the options; of a long list of phrases often one of the first four, which are the plainest."""
        if len(options) > 8 and isinstance(options[0], str) and "{" in options[0] and self.chance(0.3):
            return self.rng.choice(options[:4])
        return self.rng.choice(options)

    def cased(self, text: str) -> str:
        """Verbatim text in the sentence's own case; addresses keep theirs."""
        if text.startswith("0x"):
            return text
        return {"lower": text.lower, "upper": text.upper, "normal": text.__str__}[self.style]()

    # --- numbers and money -------------------------------------------------------------------------------------

    def number(self, scale: str, words: float = 0.25) -> tuple[str, str]:
        v = w.value(self.rng, scale)
        text = w.written(v, self.rng, words)
        while "grand" in text:  # a grand is a thousand dollars, no bare number
            text = w.written(v, self.rng, words)
        return text, w.plain(v)

    def corrected(self, v: Decimal, scale: str) -> str:
        """A number as written, now and then after a slip: ``50, no wait, 60``."""
        text = w.written(v, self.rng)
        while scale == "token" and "grand" in text:
            text = w.written(v, self.rng)
        if self.chance(0.004):
            wrong = w.value(self.rng, scale)
            if wrong != v:
                slip = "{a}[, no wait,|, no,|... no,|, i mean|... i mean|, sorry,|, make that|... make that|, or rather|, wait no,| (sorry,|, oops,|, correction,| er|, actually] {b}"
                text = self.x(slip, a=w.written(wrong, self.rng), b=text)
                text += ")" if " (" in text else ""
        return text

    def percent(self, sign: bool = True) -> tuple[str, str]:
        """A percentage, as written with its unit, and its digits."""
        v = w.value(self.rng, "percent")
        digits = w.plain(v)
        if self.chance(0.06) and v < 10:
            return protect(w.plain(v * 100)) + self.x("[ bps| basis points|bps|bp]"), digits
        if digits == "0.5" and self.chance(0.35):
            return self.x("half a [percent|percent|per cent|%|percentage point]"), digits
        if digits == "1" and self.chance(0.15):
            return self.x("[a|one] [percent|per cent|percentage point]"), digits
        if digits == "0.25" and self.chance(0.2):
            return self.x("a quarter [of a|] percent"), digits
        if digits == "0.1" and self.chance(0.2):
            return "a tenth of a percent", digits
        text = w.written(v, self.rng, 0.16)
        while "/" in text:
            text = w.written(v, self.rng, 0.16)
        if text[0] != "\x01":
            return text + self.x(" [percent|percent|per cent|pct|%]"), digits
        return text + self.x("[%|%|%|%| %| percent| percent| per cent| pct|pct]"), digits

    def token(self, pool: list[str] | None = None, avoid: str = "") -> tuple[str, str]:
        while True:
            text, symbol = w.ticker(self.rng, pool)
            if symbol != avoid:
                return protect(self.cased(text) if self.style != "normal" else text), symbol

    def fiat(self, scale: str = "cash", code: str = "") -> tuple[str, str, str]:
        """``(written, amount, currency)`` of a sum of money."""
        rng = self.rng
        code = code or rng.choice(["USD"] * 140 + ["EUR"] * 20 + ["GBP"] * 10 + list(w.FIAT)[3:])
        sign, singular, plural = w.FIAT[code]
        v = w.value(rng, scale)
        if code == "USD" and self.chance(0.03):
            v = Decimal(rng.choice([1, 5, 10, 20, 25, 30, 50, 75, 80, 99])) / 100
            n = int(v * 100)
            return (protect(str(n)) if self.chance(0.6) else w.spell(n, rng)) + " cents", w.plain(v), code
        if code == "USD" and self.chance(0.03) and v == int(v) and v < 200:
            cents = rng.choice([10, 20, 25, 40, 50, 75, 95, 99])
            total = v + Decimal(cents) / 100
            form = f"{protect(str(int(v)))} dollars and {protect(str(cents))} cents"
            return (form, w.plain(total), code) if v != 1 else (f"a dollar {w.spell(cents, rng)}", w.plain(total), code)
        if code == "USD" and v % 1000 == 0 and v <= 20000 and v > 0 and self.chance(0.4):
            k = int(v) // 1000
            head = rng.choice([protect(str(k)), w.spell(k, rng), "a couple" if k == 2 else w.spell(k, rng)])
            if k == 1:
                head = rng.choice(["a", "one", protect("1"), "a cool"])
            return head + rng.choice([" grand", " grand", " grand", " large"]), w.plain(v), code
        n = self.corrected(v, scale)
        if n[0] == "\x01" and "grand" not in n and "\x02 " not in n and self.chance(0.55):
            if code == "USD" and self.chance(0.05):
                return "US" + protect("$") + n, w.plain(v), code
            return (protect(sign) + n if self.chance(0.88) else n + protect(sign)), w.plain(v), code
        if "grand" in n:
            return n + self.x("[ in| of|] ") + rng.choice(plural), w.plain(v), code
        name = rng.choice(singular) if v == 1 else rng.choice(plural)
        if v == 1 and self.chance(0.4):
            return self.x("a[| single] ") + rng.choice(singular[:1]), "1", code
        if name.isupper() and self.chance(0.2):
            return protect(name) + " " + n, w.plain(v), code
        return f"{n} {name}", w.plain(v), code

    def money(self, kind: str = "any", parts: bool = True, pool: list[str] | None = None, avoid: str = "",
              worth: float = 0.07) -> tuple[str, dict[str, str]]:  # fmt: skip
        """An amount with its token: ``kind`` is ``any``, ``token`` or ``fiat``."""
        rng = self.rng
        if kind == "fiat" or (kind == "any" and self.chance(0.22)):
            text, amount, code = self.fiat()
            return text, {"amount": amount, "token": code}
        text, symbol = self.token(pool, avoid)
        if parts and self.chance(0.2):
            return self.x(self._one_of(ALL_OF), t=text), {"amount": "all", "token": symbol}
        if parts and self.chance(0.14):
            if self.chance(0.45):
                n, digits = rng.choice(FRACTIONS)
                form = "{n} my {t}[| balance| stack| bag]" if n == "half" and self.chance(0.5) else self._one_of(PART)
            else:
                v = w.value(rng, "percent")
                v = v if v <= 100 else Decimal(50)
                digits = w.plain(v)
                n = w.written(v, rng, 0.2) + self.x("[%|%|%| percent| percent| per cent| %]")
                form = self._one_of(PART)
            return self.x(form, n=n, t=text), {"amount": digits + "%", "token": symbol}
        if self.chance(worth):
            cash, amount, code = self.fiat()
            return self.x("{c} [worth of|worth of|of|in|worth] {t}", c=cash, t=text), {
                "amount": amount, "token": symbol, "valued_in": code}  # fmt: skip
        v = w.value(rng, "cash" if symbol in ("USDC", "USDT", "DAI", "PYUSD", "EURC", "FRAX") else "token")
        amount = w.plain(v)
        fraction = {"0.5": "half", "0.25": "a quarter [of |]", "0.1": "a tenth of", "0.75": "three quarters of"}.get(amount)
        if fraction and self.chance(0.45):
            return self.x(fraction + " [a|an|one] {t}", t=text), {"amount": amount, "token": symbol}
        if v == 1 and self.chance(0.4):
            return self.x("[a|an|one|a single|one whole] {t}", t=text), {"amount": "1", "token": symbol}
        n = self.corrected(v, "token")
        pick = rng.random()
        if n[0] == "\x01" and n[-1] == "\x02" and n.count("\x01") == 1:
            bare = n.strip("\x01\x02")
            if pick < 0.07 and bare[-1].isdigit() and text.strip("\x01\x02").isalpha() and text.strip("\x01\x02").upper() == symbol:
                return n + text, {"amount": amount, "token": symbol}
            if pick < 0.1 and text.strip("\x01\x02").isupper():
                return text + " " + n, {"amount": amount, "token": symbol}
            if pick < 0.12 and symbol in ("USDC", "USDT", "DAI"):
                return protect("$") + n + " " + text, {"amount": amount, "token": symbol}
        if "grand" in n or "couple" in n or "dozen" in n:
            tail = self.x("[ of|] ") if "couple of" not in n else " "
            return n + tail + text, {"amount": amount, "token": symbol}
        tail = self.x("[| tokens| coins]") if pick > 0.93 else ""
        mid = self.x("[ of my | of |  whole ]") if 0.88 < pick < 0.93 else " "
        return f"{n}{mid}{text}{tail}", {"amount": amount, "token": symbol}

    def _one_of(self, patterns: str) -> str:
        depth, parts, start = 0, [], 0
        for i, c in enumerate(patterns + "|"):
            depth += (c == "[") - (c == "]")
            if c == "|" and depth == 0:
                parts.append(patterns[start:i])
                start = i + 1
        return self.rng.choice(parts)

    def quote(self, scale: str = "price") -> tuple[str, dict[str, str]]:
        """A price: plain number, sum of money or amount of a stable token."""
        pick = self.rng.random()
        if pick < 0.5:
            text, digits = self.number(scale, 0.18)
            return text, {"price": digits}
        if pick < 0.85:
            text, digits, code = self.fiat(scale, "USD" if self.chance(0.85) else "")
            return text, {"price": digits, "quote": code}
        n, digits = self.number(scale, 0.12)
        text, symbol = self.token(w.STABLE if self.chance(0.75) else None)
        return f"{n} {text}", {"price": digits, "quote": symbol}

    # --- parties -----------------------------------------------------------------------------------------------

    def someone(self) -> tuple[str, str]:
        """A recipient: name, role, domain, address or @handle."""
        rng, pick = self.rng, self.rng.random()
        if pick < 0.025:  # a person and the account of that person, which is the recipient
            person = protect(self.cased(w.person(rng) if self.chance(0.6) else rng.choice(w.ROLES)))
            name = w.address(rng) if self.chance(0.5) else self.cased(w.ens(rng))
            form = "[{p} at {a}|{p} ({a})|{p}, [his|her|their] [address|wallet] is {a}|{p}'s [wallet|address|account] {a}|{p}, {a}|{p} on {a}|{p} via {a}|my friend {p} at {a}]"
            return self.x(form, p=person, a=protect(name)), name
        if pick < 0.42:
            name = self.cased(w.person(rng))
            text = protect(name)
            if self.chance(0.1):
                role = s_role if (s_role := rng.choice(w.ROLES)).split()[-1] not in ("account", "wallet", "vault", "safe", "burner", "ledger", "dao", "treasury", "multisig", "payroll") else "friend"
                lead = f"my {role} | our {role} |the {role} |" if self.chance(0.5) else ""
                lead = "[" + lead + "my friend|my buddy|my sister|my brother|my cousin|my colleague|our|my mate|good old|my boss|my uncle|my neighbor|"
                text = self.x(lead + "my landlord|our accountant|my pal|my roommate|my dear friend|my coworker|my aunt|a guy named|my dentist] ") + text
            elif self.chance(0.05):
                text += self.phrase.expand("~['s wallet|'s address|'s account| from work| over at the office]")[1:]
            return text, name
        if pick < 0.46:
            name = self.cased(rng.choice(w.COMPANY))
            name = name.title() if self.style == "normal" and self.chance(0.5) and not name.startswith("the ") else name
            lead = "the " if name.lower().startswith("the ") else ""
            bare = name[len(lead):]
            return lead + protect(bare), bare
        if pick < 0.54:
            name = self.cased(rng.choice(w.ROLES))
            return self.x("[my|my|my|my|the|our] ") + protect(name), name
        if pick < 0.7:
            name = self.cased(w.ens(rng))
            return protect(name), name
        if pick < 0.9:
            name = w.address(rng)
            return self.x("[||||||address |wallet |this address: |this address ]") + protect(name), name
        name = self.cased("@" + w.handle(rng))
        return protect(name), name

    def spender(self) -> tuple[str, str]:
        """A contract or application that may spend."""
        rng, pick = self.rng, self.rng.random()
        if pick < 0.42:
            name = rng.choice(w.DEFI)
        elif pick < 0.62:
            name = w.synth(rng) + rng.choice(["", "", "swap", "fi", "dao", "lend", "pay", "x"])
        elif pick < 0.85:
            name = w.address(rng)
            return self.x("[||||the contract |contract |address |the contract at |the spender ]") + protect(name), name
        else:
            name = w.ens(rng)
        name = name.capitalize() if self.chance(0.5) and "." not in name else name
        name = self.cased(name)
        lead, tail = ("", "")
        if self.chance(0.15) and "." not in name:
            lead, tail = rng.choice([("the ", " contract"), ("the ", " router"), ("", " router"), ("the ", " app"),
                                     ("the ", " dapp"), ("", "'s contract"), ("", " protocol")])  # fmt: skip
        return lead + protect(name) + tail, name

    def venue(self, pool: list[str], known: bool = False) -> tuple[str, str]:
        """A protocol, pool or validator; ``known`` where nothing else in the sentence tells what it is."""
        if self.chance(0.06):  # two words, as a name of its own
            name = self.rng.choice(w.VENUES) if known or self.chance(0.5) else f"{w.synth(self.rng)} {w.synth(self.rng, 1)}"
            name = self.cased(name.title() if self.chance(0.8) else name)
        elif pool is w.STAKING and self.chance(0.06):  # a validator by its handle or domain
            name = self.cased("@" + w.handle(self.rng) if self.chance(0.6) else w.ens(self.rng))
        else:
            name = self.rng.choice(pool) if known or self.chance(0.6) else w.synth(self.rng) + self.rng.choice(["", "", "fi", "pool"])
            name = self.cased(name.capitalize() if self.chance(0.5) else name)
        return protect(name), name

    def trader(self) -> tuple[str, str]:
        rng, pick = self.rng, self.rng.random()
        if pick < 0.3:
            name = "@" + w.handle(rng)
        elif pick < 0.5:
            name = w.handle(rng)
        elif pick < 0.65:
            name = w.ens(rng)
        elif pick < 0.85:
            name = w.address(rng)
        else:
            name = w.person(rng)
        name = self.cased(name)
        return protect(name), name

    # --- time --------------------------------------------------------------------------------------------------

    def weekday(self) -> tuple[str, str]:
        i = self.rng.randrange(7)
        name = WEEKDAYS[i]
        short = {0: ["mon"], 1: ["tue", "tues"], 2: ["wed"], 3: ["thu", "thurs"], 4: ["fri"], 5: ["sat"], 6: ["sun"]}[i]
        text = self.rng.choice(short) if self.chance(0.1) else name
        return (text if self.chance(0.6) else text.capitalize()), name

    def month_day(self) -> tuple[str, str]:
        """A date without a year; canonical ``MM-DD``."""
        rng = self.rng
        m = rng.randrange(12)
        d = rng.randint(1, LENGTH[m])
        name = MONTHS[m] if self.chance(0.6) else MONTHS[m][:3]
        name = name.capitalize() if self.chance(0.6) else name
        text = rng.choice([f"{name} {d}", f"{name} {_ordinal(d)}", f"{d} {name}", f"the {_ordinal(d)} of {name}",
                           f"{_ordinal(d)} {name}", f"{_ordinal(d)} of {name}"])  # fmt: skip
        if d in ORDINAL_WORDS and self.chance(0.15):
            text = f"the {ORDINAL_WORDS[d]} of {name}"
        return text, f"{m + 1:02d}-{d:02d}"

    def month_number(self) -> tuple[str, str]:
        d = self.rng.choice([1, 1, 15, 28, self.rng.randint(1, 31), self.rng.randint(1, 28)])
        text = "the " + _ordinal(d)
        if d in ORDINAL_WORDS and self.chance(0.35):
            text = "the " + ORDINAL_WORDS[d]
        return text, str(d)

    def day(self) -> tuple[str, str]:
        """A day with its preposition: ``on friday``, ``tomorrow``, ``on the 3rd of may``, ``on 2027-03-04``."""
        rng, pick = self.rng, self.rng.random()
        if self.chance(0.1):
            if self.chance(0.3):
                unit = rng.choice(["week", "month", "year"])
                return f"next {unit}", f"in 1 {unit}"
            if self.chance(0.12):
                return "the day after tomorrow", "in 2 days"
            text, span = self.duration("days days weeks months hours")
            return self.x("[in {d}|in {d}|in {d}|{d} from now|after {d}]", d=text), "in " + span
        if pick < 0.25:
            return self.x("tomorrow[| morning| evening| night|]"), "tomorrow"
        if pick < 0.3:
            return self.x("[tonight|today|later today|this evening]"), "today"
        if pick < 0.6:
            text, day = self.weekday()
            text += self.x("[|||||||| morning| afternoon| evening| at noon| at {h}]", h=self._clock())
            return self.x("[on|on|on|on|this|next|this coming|come|] ") + text, day
        if pick < 0.8:
            text, day = self.month_day()
            return self.x("[on|on|on|on|] ") + text, day
        if pick < 0.9:
            text, day = self.month_number()
            return "on " + text + self.x("[| of this month|]"), day
        m = rng.randrange(12)
        day = f"20{rng.randint(26, 32)}-{m + 1:02d}-{rng.randint(1, LENGTH[m]):02d}"
        return "on " + protect(day), day

    def until_day(self) -> tuple[str, str]:
        text, day = self.day()
        while text.startswith(("in ", "after ", "this evening")) or "from now" in text:
            text, day = self.day()
        for lead in ("on ", "this coming ", "this ", "come "):
            if text.startswith(lead):
                text = text[len(lead):]
        return text, day

    def duration(self, units: str = "days days days weeks months months hours years") -> tuple[str, str]:
        unit = self.rng.choice(units.split())
        v = w.value(self.rng, "small")
        pick = self.rng.random()
        if pick < 0.06:
            return ("a week", "1 week") if unit == "weeks" else ("a fortnight", "2 weeks")
        if pick < 0.1 and unit == "months":
            return "half a year", "6 months"
        n = int(v)
        unit_text = unit if n != 1 else unit[:-1]
        if n == 1:
            article = "an" if unit == "hours" else "a"
            text = f"{self.rng.choice([article, article, 'one', protect('1')])} {unit_text}"
        elif n == 2 and self.chance(0.3):
            text = f"a couple of {unit}" if self.chance(0.7) else f"a couple {unit}"
        else:
            text = w.written(v, self.rng, 0.35) + " " + self._short(unit_text)
        return text, f"{n} {unit if n != 1 else unit[:-1]}"

    def _short(self, unit: str) -> str:
        short = {"hours": ["hrs", "hr", "h"], "minutes": ["mins", "min"], "months": ["mo", "mos"], "days": ["d"],
                 "years": ["yrs", "yr"], "weeks": ["wks", "wk"]}  # fmt: skip
        return self.rng.choice(short[unit]) if unit in short and self.chance(0.07) else unit

    def every(self) -> tuple[str, dict[str, str]]:
        """A schedule: ``every`` is a unit or a count of units, ``on`` the weekday or the day; an hour is not kept."""
        text, when = self._every()
        if self.chance(0.035) and when["every"] != "hour" and not text.startswith(("a ", "per ", "an ")):
            text += self.x(" [at {h}|at {h}|around {h}|at noon|at midnight|at {h} sharp|in the morning|in the evening]", h=self._clock())
        return text, when

    def _clock(self) -> str:
        hour, mark = self.rng.randint(1, 12), self.rng.choice(["am", "pm", " am", " pm", ":00", ":30", "pm", "am", " o'clock"])
        return protect(f"{hour}{mark}")

    def _every(self) -> tuple[str, dict[str, str]]:
        rng, pick = self.rng, self.rng.random()
        if pick < 0.27:
            text, day = self.weekday()
            form = "[every {d}|every {d}|every {d}|each {d}|on {d}s|weekly on {d}s|every week on {d}|each and every {d}|weekly, on {d}s|weekly, {d}|each week on {d}|on {d} of each week|on {d} of every week|{d}s, every week|always on {d}|on {d}, weekly|once a week, {d}s|every week, {d}|" \
                   "{d}s|every single {d}|once a week on {d}|weekly on {d}|every {d} [morning|night|afternoon]|on a {d} every week]"
            return self.x(form, d=text), {"every": "week", "on": day}
        if pick < 0.36:
            return self.x("[every week|weekly|each week|once a week|once per week|on a weekly basis|week after week|"
                          "every single week|per week|a week|every 7 days]"), {"every": "week"}
        if pick < 0.46:
            return self.x("[every day|daily|each day|once a day|on a daily basis|every single day|day after day|per day|"
                          "a day|every 24 hours|every morning|every night|every evening]"), {"every": "day"}
        if pick < 0.57:
            return self.x("[every month|monthly|each month|once a month|on a monthly basis|month after month|per month|"
                          "a month|every single month|once per month]"), {"every": "month"}
        if pick < 0.71:
            text, day = self.month_number()
            form = "[on {d} of every month|every month on {d}|on {d} of each month|monthly on {d}|each month on {d}|" \
                   "every {d}|{d} of every month|every month, on {d}|once a month on {d}|on {d} of the month, every month|" \
                   "on {d} every month|on {d} each month|on {d} monthly|{d} of each month|monthly, {d}|monthly, on {d}|every month, {d}|each month, on {d}|{d}, monthly|{d}, every month|{d} of the month|on {d} of the month|always on {d} of the month]"
            if text.split()[1][0].isdigit() is False:
                form = form.replace("|every {d}|", "|")
            return self.x(form, d=text).replace("every the ", "every "), {"every": "month", "on": day}
        if pick < 0.74:
            return self.x("[on the last day of [every|each|the] month|at the end of [every|each] month|every month end|"
                          "at month end every month|at each month's end|every month on the last day]"), {
                "every": "month", "on": "last"}  # fmt: skip
        if pick < 0.80:
            if self.chance(0.5):
                text, day = self.weekday()
                return self.x("[every other {d}|every second {d}|every two weeks on {d}|biweekly on {d}s|every 2 weeks on {d}|"
                              "fortnightly on {d}s|alternate {d}s|on alternate {d}s]", d=text), {"every": "2 weeks", "on": day}
            return self.x("[every other week|every two weeks|every 2 weeks|biweekly|bi-weekly|fortnightly|every fortnight|"
                          "every second week|once a fortnight|every 14 days]"), {"every": "2 weeks"}
        if pick < 0.83:
            return self.x("[every weekday|on weekdays|each weekday|monday to friday|monday through friday|every working day|"
                          "every workday|every business day|mon-fri]"), {"every": "weekday"}
        if pick < 0.86:
            return self.x("[every hour|hourly|each hour|once an hour|on the hour every hour|an hour|per hour]"), {
                "every": "hour"}  # fmt: skip
        if pick < 0.90:
            if self.chance(0.4):
                text, day = self.month_day()
                return self.x("[every year on {d}|on {d} every year|each {d}|every {d}|yearly on {d}|annually on {d}]",
                              d=text).replace("every the ", "every year on the ").replace("each the ", "each year on the "), {
                    "every": "year", "on": day}  # fmt: skip
            return self.x("[every year|yearly|annually|each year|once a year|per year|a year|every 12 months]"), {"every": "year"}
        if pick < 0.925:
            return self.x("[every quarter|quarterly|each quarter|once a quarter|every three months|every 3 months]"), {
                "every": "3 months"}  # fmt: skip
        if pick < 0.945:
            unit = rng.choice(["day", "month", "hour"])
            return self.x("[every other {u}|every second {u}|every two {u}s|every 2 {u}s]", u=unit), {"every": f"2 {unit}s"}
        unit = rng.choice(["days", "days", "hours", "weeks", "months"])
        n = rng.randint(3, 10) if self.chance(0.7) else rng.choice([12, 15, 20, 28, 30, 45, 60, 90])
        if (unit, n) in (("days", 7), ("days", 14), ("months", 3)):
            n = 5
        return f"every {w.written(Decimal(n), rng, 0.4)} {unit}", {"every": f"{n} {unit}"}
