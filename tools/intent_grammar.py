"""Generator of wallet requests: ``generate(seed, n)`` gives sentences with the intent that each one means.

Used to train and to judge ``weft-intent``. The same seed gives the same lines; different seeds share hardly any.
Run ``python tools/intent_grammar.py --seed 1 --n 40`` to read some.
"""

# ruff: noqa: E501 - tables of phrases

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import intent_brief
import intent_earn
import intent_noise
import intent_none
import intent_pay
import intent_trade
import intent_work
from intent_phrase import gerund
from intent_slots import Slots

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
from weftwork.errors import BadIntent
from weftwork.models.intent import check_intent

VERSION = 1
HELD_OUT_SEED = 90_000_001
"""Lines of this seed are never trained on; they judge the model."""
MACROS: dict[str, str] = {}
for _module in (intent_pay, intent_trade, intent_earn, intent_work, intent_none, intent_noise):
    MACROS.update(_module.MACROS)

Maker = Callable[[Slots], tuple[str, str, dict[str, str]]]
MAKERS: dict[str, tuple[Maker, float]] = {
    "transfer": (intent_pay.transfer, 1.25),
    "swap": (intent_trade.swap, 1.35),
    "stake": (intent_earn.stake, 0.75),
    "unstake": (intent_earn.unstake, 0.75),
    "lend": (intent_earn.lend, 0.85),
    "borrow": (intent_earn.borrow, 1.0),
    "repay": (intent_earn.repay, 0.75),
    "approve": (intent_pay.approve, 0.9),
    "revoke": (intent_pay.revoke, 0.8),
    "limit_order": (intent_trade.limit_order, 1.25),
    "stop_loss": (intent_trade.stop_loss, 1.15),
    "recurring_payment": (intent_pay.recurring_payment, 1.4),
    "copy_trader": (intent_trade.copy_trader, 1.15),
    "buy_work": (intent_work.buy_work, 1.4),
}
NONE_WEIGHT = 2.6
BRIEF = 0.035
"""Share of the requests that are written as notes."""
_NAMES = list(MAKERS)
_WEIGHTS = [weight for _, weight in MAKERS.values()]


def encode(intent: dict[str, str]) -> str:
    """The compact JSON that the model writes."""
    return json.dumps(intent, separators=(",", ":"), ensure_ascii=False)


def sentence(rng: random.Random) -> tuple[str, dict[str, str]]:
    """One request and its meaning."""
    s = Slots(rng, MACROS)
    if rng.random() * (sum(_WEIGHTS) + NONE_WEIGHT) < NONE_WEIGHT:
        return _none(s, rng), {"intent": "none"}
    maker = MAKERS[rng.choices(_NAMES, _WEIGHTS)[0]][0]
    while True:
        try:
            form, text, raw = intent_brief.brief(s, maker) if s.chance(BRIEF) else maker(s)
            intent = check_intent(raw).to_json()
        except (BadIntent, ValueError):
            continue
        return intent_noise.finish(s, intent_noise.wrap(s, form, text)), intent


def _none(s: Slots, rng: random.Random) -> str:
    def core() -> str:
        while True:
            form, text, _ = MAKERS[rng.choice(_NAMES)][0](s)
            if form == "verb" and "\x03" not in text:
                return text

    def encoded() -> str:
        return encode(MAKERS[rng.choice(_NAMES)][0](s)[2])

    text = intent_none.none_text(s, core, gerund, encoded) or "hm"
    if s.chance(0.12):
        text = intent_noise.wrap(s, "full", text)
    return intent_noise.finish(s, text) or "hm"


def generate(seed: int, n: int) -> Iterator[tuple[str, dict[str, str]]]:
    """``n`` pairs of sentence and intent."""
    rng = random.Random(seed)
    for _ in range(n):
        yield sentence(rng)


def main() -> None:
    """Print some lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=40)
    parser.add_argument("--only", default="", help="one intent")
    args = parser.parse_args()
    shown = 0
    for text, intent in generate(args.seed, args.n * 200):
        if args.only and intent["intent"] != args.only:
            continue
        print(f"{text}\n    {encode(intent)}")
        shown += 1
        if shown >= args.n:
            break


if __name__ == "__main__":
    main()
