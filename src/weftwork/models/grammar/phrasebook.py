"""Whole requests from the phrase books in ``phrases/``: a line is one way of saying an intent, slots in braces.

    I don't want to owe {t} any longer, clear the whole thing ## amount=all

``[a|b|]`` chooses; what the phrase itself implies stands behind ``##``. ``SLOTS`` says what fills a slot and
what it means. The books were written by people who had seen neither the tables beside this file nor each
other's lines, nor the sentences by hand that judge the model.
"""

# ruff: noqa: E501, SIM905 - tables of phrases

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from weftwork.models.grammar import words as w
from weftwork.models.grammar import work
from weftwork.models.grammar.phrase import protect
from weftwork.models.grammar.slots import Slots

Meaning = dict[str, str]
Said = tuple[str, str, Meaning]
"""``(form, text, intent)``, as the makers of the tables give them."""
Filler = Callable[[Slots, "Line"], tuple[str, Meaning]]
_SLOT = re.compile(r"\{([a-z]+)\}")
_STAKED = {"stake", "unstake"}
_LENT = {"lend", "borrow", "repay"}
_BARE = ("a ", "an ", "per ")
_POINTED = ("address", "wallet", "this")


class Line(NamedTuple):
    """One line of a phrase book."""

    intent: str
    pattern: str
    means: Meaning
    slots: frozenset[str]


@cache
def lines(intent: str) -> tuple[Line, ...]:
    """The lines of an intent's book."""
    text = (files(__package__) / "phrases" / f"{intent}.txt").read_text(encoding="utf-8")
    return tuple(_line(intent, row) for row in text.splitlines() if row.strip() and not row.startswith("# "))


def _line(intent: str, row: str) -> Line:
    pattern, _, constants = row.partition(" ## ")
    means = dict(part.split("=", 1) for part in constants.split())
    return Line(intent, pattern.strip(), means, frozenset(_SLOT.findall(pattern)))


def speak(s: Slots, intent: str) -> Said:
    """A random line; raises ValueError where its fillings do not fit together."""
    line = s.rng.choice(lines(intent))
    out: Meaning = {"intent": intent, **line.means}
    said: dict[str, str] = {}
    tokens: set[str] = set()
    for slot in sorted(line.slots, key=_ORDER.index):
        for _ in range(9):
            text, means = SLOTS[slot](s, line)
            named = {means[key] for key in ("token", "sell", "buy", "collateral") if key in means}
            if not named & tokens and not _awkward(line.pattern, slot, text):
                break
        else:
            raise ValueError(f"nothing fits {slot} of: {line.pattern}")
        tokens |= named
        if slot == "it":
            text = _it(s, out)
        said[slot] = text
        out.update(means)
    if intent == "copy_trader" and "share" in line.slots:
        out.pop("token", None)
    text = s.x(line.pattern, **said)
    form = "verb" if line.pattern.partition(" ")[0] in VERBS and text[:1].isalpha() else "full"
    return form, text, out


def _awkward(pattern: str, slot: str, text: str) -> bool:
    here = pattern.index("{" + slot + "}")
    if slot == "e" and text.startswith(_BARE):
        return not re.search(r"\{[mn]\} \{e\}", pattern)
    if slot == "to" and text.startswith(_POINTED):
        return "{to}'s" in pattern or here == 0
    if slot == "d" and text.startswith(_BARE):
        return bool(re.search(r"(next|coming|another|full|the|every|past) \{d\}|\{d\}'", pattern))
    if slot in ("m", "all", "c") and text.startswith(("my ", "the ", "all ", "half ", "whatever ", "every")):
        return bool(
            re.search(r"\b(my|a|an|the|of my|another|exactly|up to|only|just) \{" + slot + r"\}", pattern)
        )
    return False


def _money(s: Slots, line: Line, *, parts: bool) -> tuple[str, Meaning]:
    kind = line.intent
    if kind in ("transfer", "recurring_payment", "none"):
        return s.money(parts=parts and (kind == "transfer" or s.chance(0.2)))
    if kind in _STAKED:
        return s.money("token" if s.chance(0.95) else "fiat", parts, w.STAKED if s.chance(0.6) else None)
    if kind in _LENT:
        pool = [*w.STABLE, "ETH", "WBTC", "WETH"] if s.chance(0.6) else None
        return s.money("token" if s.chance(0.88) else "fiat", parts and kind == "lend", pool, worth=0.05)
    if kind == "approve":
        while True:
            text, means = s.money("any" if s.chance(0.3) else "token", parts and s.chance(0.4), worth=0.02)
            if means["amount"] != "all" or text.startswith("all"):
                return text, means
    if kind == "swap":
        return s.money("fiat" if "b" in line.slots and s.chance(0.25) else "token", parts, worth=0.07)
    if kind == "limit_order":
        return s.money("fiat" if {"b", "n"} <= line.slots and s.chance(0.35) else "token", parts, worth=0.04)
    if kind == "copy_trader":
        text, means = s.money(parts=parts and s.chance(0.3), worth=0.02)
        return ("all " + text if text.startswith("my ") else text), means
    return s.money("token", parts, worth=0.02)


def _sold(line: Line, means: Meaning) -> Meaning:
    if line.intent in ("swap", "limit_order"):
        means = dict(means)
        means["sell"] = means.pop("token")
    return means


def _m(s: Slots, line: Line) -> tuple[str, Meaning]:
    text, means = _money(s, line, parts=True)
    return text, _sold(line, means)


def _n(s: Slots, line: Line) -> tuple[str, Meaning]:
    text, means = _money(s, line, parts=False)
    return text, _sold(line, means)


def _r(s: Slots, line: Line) -> tuple[str, Meaning]:
    text, means = s.money("token", parts=False, worth=0)
    return text, {"receive": means["amount"], "buy": means["token"]}


def _pool(s: Slots, line: Line) -> list[str] | None:
    if not s.chance(0.5):
        return None
    return w.STAKED if line.intent in _STAKED else [*w.STABLE, "ETH"] if line.intent in _LENT else None


def _t(s: Slots, line: Line) -> tuple[str, Meaning]:
    text, symbol = s.token(_pool(s, line))
    return text, _sold(line, {"token": symbol})


def _all(s: Slots, line: Line) -> tuple[str, Meaning]:
    text, symbol = s.token(_pool(s, line))
    form = "[all my {t}|all of my {t}|my whole {t} [bag|stack|balance|position]|my entire {t} [bag|stack|balance|position]|every last {t} i have|everything i have in {t}|all the {t} i own|the whole {t} [bag|stack|balance]|100% of my {t}|whatever {t} i have|my {t}|the rest of my {t}|all {t}]"
    return s.x(form, t=text), _sold(line, {"amount": "all", "token": symbol})


def _b(s: Slots, line: Line) -> tuple[str, Meaning]:
    if line.intent == "stop_loss":
        text, symbol = s.token(w.STABLE) if s.chance(0.85) else s.token()
    elif line.intent == "swap" and s.chance(0.08):
        symbol = s.pick(["USD", "USD", "EUR", *w.FIAT])
        text = s.pick([name for name in w.FIAT[symbol][2] if name != "dollar"])
    else:
        text, symbol = s.token()
    return text, {"buy": symbol}


def _s(s: Slots, line: Line) -> tuple[str, Meaning]:
    text, symbol = s.token(w.STABLE if s.chance(0.3) else None)
    return text, {"sell": symbol}


def _c(s: Slots, line: Line) -> tuple[str, Meaning]:
    if s.chance(0.5):
        text, symbol = s.token()
        return s.x("[my |my |]{t}[||| bag| stack| holdings]", t=text), {"collateral": symbol}
    text, means = s.money("token", parts=s.chance(0.2), worth=0)
    out = {"collateral": means["token"], "collateral_amount": means["amount"]}
    if means["amount"] == "all" and text.startswith("my "):
        del out["collateral_amount"]
    return text, out


def _p(s: Slots, line: Line) -> tuple[str, Meaning]:
    names = {
        "swap": "max_slippage",
        "lend": "min_rate",
        "borrow": "max_rate",
        "stop_loss": "drop",
        "copy_trader": "max_loss",
    }
    while True:
        text, digits = s.percent()
        if line.intent in ("swap", "lend", "borrow") or not re.search(r"bp|basis|slip", text):
            name = names.get(line.intent)
            return text, ({name: digits} if name else {})


def _trail(s: Slots, line: Line) -> tuple[str, Meaning]:
    text, means = _p(s, line)
    return text, {"trail": means["drop"]}


def _share(s: Slots, line: Line) -> tuple[str, Meaning]:
    if s.chance(0.3):
        text, digits = s.pick(
            [("half", "50"), ("a quarter", "25"), ("a third", ""), ("a fifth", "20"), ("a tenth", "10")]
        )
        if digits:
            return text, {"amount": digits + "%"}
    while True:
        text, digits = s.percent()
        if not re.search(r"bp|basis|slip|half|quarter|tenth", text) and "." not in digits:
            return text, {"amount": digits + "%"}


def _cap(s: Slots, line: Line) -> tuple[str, Meaning]:
    text, means = s.money("fiat" if s.chance(0.5) else "token", parts=False, worth=0)
    return text, {"max_per_trade": means["amount"], "cap_token": means["token"]}


def _price(s: Slots, line: Line) -> tuple[str, Meaning]:
    if s.chance(0.75):
        text, digits, code = s.fiat("price" if s.chance(0.25) else "cash")
    else:
        text, means = s.money("token", parts=False, worth=0, pool=w.STABLE if s.chance(0.6) else None)
        digits, code = means["amount"], means["token"]
    return text, {"max_price": digits, "quote": code}


def _named(key: str, fill: Callable[[Slots, Line], tuple[str, str]]) -> Filler:
    def filler(s: Slots, line: Line) -> tuple[str, Meaning]:
        text, value = fill(s, line)
        return text, {key: value}

    return filler


def _venue(s: Slots, line: Line) -> tuple[str, str]:
    return s.venue(w.STAKING if line.intent in _STAKED else w.LENDING, known=s.chance(0.4))


def _bare_day(s: Slots, line: Line) -> tuple[str, str]:
    return s.until_day()


def _count(s: Slots, line: Line) -> tuple[str, str]:
    while True:
        text, digits = s.number("small" if s.chance(0.4) else "count")
        if digits != "1":
            return text, digits


def _times(s: Slots, line: Line) -> tuple[str, str]:
    while True:
        text, digits = s.number("small", 0.4)
        if digits != "1" and "dozen" not in text and "couple" not in text:
            return text, digits


def _model(pool: list[str]) -> Callable[[Slots, Line], tuple[str, str]]:
    return lambda s, line: work.choose_model(s, pool)


def _tool(s: Slots, line: Line) -> tuple[str, str]:
    name = s.cased(s.pick(["blender", "cycles", "mitsuba", "octane", "redshift", "arnold", "v-ray", "eevee"]))
    name = name.capitalize() if s.style == "normal" and s.chance(0.5) else name
    return protect(name), name


def _it(s: Slots, out: Meaning) -> str:
    symbol = out.get("buy") if "receive" in out or (out["intent"] == "limit_order" and "buy" in out) else None
    symbol = symbol or out.get("token") or out.get("sell") or ""
    if symbol and s.chance(0.3):
        return protect(s.cased(s.pick([symbol, symbol, symbol.lower(), *w.TOKENS.get(symbol, [])])))
    return s.pick(["it", "it", "it", "the price", "the price", "its price"])


def _plain(fill: Callable[[Slots], str]) -> Filler:
    return lambda s, line: (fill(s), {})


SLOTS: dict[str, Filler] = {
    "m": _m,
    "n": _n,
    "r": _r,
    "all": _all,
    "t": _t,
    "s": _s,
    "b": _b,
    "c": _c,
    "x": lambda s, line: (lambda pair: (pair[0], {"amount": pair[1]}))(s.number("token")),
    "to": _named("to", lambda s, line: s.someone()),
    "v": _named("venue", _venue),
    "sp": _named("spender", lambda s, line: s.spender()),
    "w": _named("trader", lambda s, line: s.trader()),
    "d": _named(
        "for",
        lambda s, line: s.duration(
            "hours hours days days weeks months"
            if line.intent == "buy_work"
            else "days days weeks months months years"
        ),
    ),
    "day": _named("on", lambda s, line: s.day()),
    "until": _named("until", _bare_day),
    "start": _named("start", _bare_day),
    "e": lambda s, line: s.every(),
    "p": _p,
    "trail": _trail,
    "q": lambda s, line: s.quote(),
    "cap": _cap,
    "share": _share,
    "times": _named("times", _times),
    "k": _named("quantity", _count),
    "gpu": _named("model", _model(work.GPUS)),
    "llm": _named("model", _model(work.MODELS)),
    "tool": _named("model", _tool),
    "topic": _plain(lambda s: s.cased(s.pick(work.TOPICS))),
    "price": _price,
    "them": _plain(lambda s: s.pick(["him", "her", "them"])),
    "it": _plain(lambda s: "it"),
}
"""What fills each slot: ``(text, meaning)`` for one sentence and line."""
_ORDER = list(SLOTS)
VERBS = frozenset(
    "send transfer pay give wire move swap sell buy get trade exchange convert turn stake delegate lock unstake withdraw"
    " pull lend supply deposit put borrow take repay settle clear approve allow let authorize grant revoke remove cancel"
    " cut set place stop protect copy mirror follow rent hire order make add open bring use have allocate start".split()
)
"""First words with which a line is a command that can follow "could you"."""
