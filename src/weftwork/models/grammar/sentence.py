"""Generator of wallet requests: ``generate(seed, n)`` gives sentences with the intent that each one means.

Validators ask with them, and ``weft-intent`` is trained and judged on them. The same seed gives the same lines;
different seeds share hardly any. Run ``python tools/intent_grammar.py --seed 1 --n 40`` to read some.
"""

# ruff: noqa: E501 - tables of phrases

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

from weftwork.errors import BadIntent
from weftwork.models.grammar import brief, earn, noise, none, pay, phrasebook, trade, work
from weftwork.models.grammar.phrase import gerund
from weftwork.models.grammar.slots import Slots
from weftwork.models.intent import check_intent

VERSION = 4
HELD_OUT_SEED = 90_000_001
"""Lines of this seed are never trained on; they judge the model."""
MACROS: dict[str, str] = {}
for _module in (pay, trade, earn, work, none, noise):
    MACROS.update(_module.MACROS)

Maker = Callable[[Slots], tuple[str, str, dict[str, str]]]
MAKERS: dict[str, tuple[Maker, float]] = {
    "transfer": (pay.transfer, 1.4),
    "swap": (trade.swap, 1.35),
    "stake": (earn.stake, 0.9),
    "unstake": (earn.unstake, 0.95),
    "lend": (earn.lend, 1.0),
    "borrow": (earn.borrow, 1.0),
    "repay": (earn.repay, 1.1),
    "approve": (pay.approve, 0.9),
    "revoke": (pay.revoke, 0.8),
    "limit_order": (trade.limit_order, 1.5),
    "stop_loss": (trade.stop_loss, 1.35),
    "recurring_payment": (pay.recurring_payment, 1.7),
    "copy_trader": (trade.copy_trader, 1.15),
    "buy_work": (work.buy_work, 1.4),
}
NONE_WEIGHT = 3.3
BRIEF = 0.02
"""Share of the requests that are written as notes."""
BOOK = 0.5
"""Share of the requests that are lines of a phrase book."""
_NAMES = list(MAKERS)
_WEIGHTS = [weight for _, weight in MAKERS.values()]


def encode(intent: dict[str, str]) -> str:
    """The compact JSON that the model writes."""
    return json.dumps(intent, separators=(",", ":"), ensure_ascii=False)


def sentence(rng: random.Random, shout: float = 0.01) -> tuple[str, dict[str, str]]:
    """One request and its meaning."""
    s = Slots(rng, MACROS, shout)
    if rng.random() * (sum(_WEIGHTS) + NONE_WEIGHT) < NONE_WEIGHT:
        return _none(s, rng), {"intent": "none"}
    name = rng.choices(_NAMES, _WEIGHTS)[0]
    maker = MAKERS[name][0]
    while True:
        try:
            if s.chance(BOOK):
                form, text, raw = phrasebook.speak(s, name)
            else:
                form, text, raw = brief.brief(s, maker) if s.chance(BRIEF) else maker(s)
            intent = check_intent(raw).to_json()
        except (BadIntent, ValueError):
            continue
        return noise.finish(s, noise.wrap(s, form, text)), intent


def _speak(s: Slots, name: str) -> phrasebook.Said:
    """A line of a book, until one can be filled."""
    while True:
        try:
            return phrasebook.speak(s, name)
        except ValueError:
            continue


def _none(s: Slots, rng: random.Random) -> str:
    def core() -> str:
        while True:
            name = rng.choice(_NAMES)
            form, text, _ = _speak(s, name) if s.chance(BOOK) else MAKERS[name][0](s)
            if form == "verb" and "\x03" not in text:
                return text

    def encoded() -> str:
        return encode(MAKERS[rng.choice(_NAMES)][0](s)[2])

    if s.chance(BOOK):
        if s.chance(0.12):  # two whole requests
            first, second = (_speak(s, name)[1] for name in rng.sample(_NAMES, 2))
            text = (
                first
                + s.x(
                    "[. |. |; |, and |, |. also |, also | and |. then |, then |. and | - |, plus |. oh and |. besides, |. next, ]"
                )
                + second
            )
        else:
            _, text, _ = _speak(s, "none")
        return noise.finish(s, noise.wrap(s, "full", text) if s.chance(0.5) else text) or "hm"
    form, text = none.none_text(s, core, gerund, encoded)
    if text and (form == "verb" or s.chance(0.15)):
        text = noise.wrap(s, form, text)
    return noise.finish(s, text) or "hm"


def generate(seed: int, n: int, shout: float = 0.01) -> Iterator[tuple[str, dict[str, str]]]:
    """``n`` pairs of sentence and intent, a share of them in capitals that ``shout``."""
    rng = random.Random(seed)
    for _ in range(n):
        yield sentence(rng, shout)
