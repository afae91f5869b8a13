# ruff: noqa: E501 - prose
"""Write ``docs/intent.schema.json`` and ``docs/intents.md`` from ``weftwork.models.intent``.

python tools/intent_docs.py          # write both
python tools/intent_docs.py --check  # exit 1 if a file differs
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from weftwork.models.intent import FORMS, INTENT_SCHEMA, INTENTS, TYPES

DOCS = Path(__file__).parent.parent / "docs"
BOX = Path(__file__).parent.parent / "src" / "weftwork" / "models" / "box"
HEAD = """# Intents

`weft-intent` turns an English wallet request into one typed JSON intent, or says `none`. The answer is a flat object of
strings; its first key is `intent`, and slots that the request does not mention are absent. It is decoded under the JSON
Schema in [intent.schema.json](intent.schema.json), which `weft ask --schema` prints too.

```console
$ weft up -d
$ weft ask "swap 250 USDC for ETH, no more than half a percent slippage"
{"intent":"swap","amount":"250","sell":"USDC","buy":"ETH","max_slippage":"0.5"}
```

```python
from weftwork.models.intent import check_grounded, describe_intent, parse_intent

request = "pay 12.5 dollars to rita every friday"
answer = '{"intent":"recurring_payment","amount":"12.5","token":"USD","to":"rita","every":"week","on":"friday"}'
intent = check_grounded(parse_intent(answer), request)
assert describe_intent(intent) == "Send 12.5 USD to rita every week on friday."
```

This page is made by `tools/intent_docs.py` from `src/weftwork/models/intent.py`.

## The fourteen intents, and none

Slots in **bold** are always there. An intent with several shapes takes exactly one of them.

"""
RULES = """
## How words become values

- **Amounts** are plain digits: `1,250.00` is `1250`, `2.5k` and "two and a half thousand" are `2500`. "all", "everything"
  and a bare "my ETH" are `all`; "half of my ETH" is `50%`. In an approval and for collateral, "my ETH" names the token only.
- **Tokens** are upper-case symbols: ether is `ETH`, `$pepe` is `PEPE`. Currencies keep their code: dollars, bucks and `$`
  are `USD`, euros `EUR`, quid `GBP`, yen `JPY`; what settles a `USD` (a stable token, say) is the planner's choice.
- **`valued_in`** says that the amount counts that currency, not the token: "$50 worth of ETH" is `amount` `50`, `token`
  `ETH`, `valued_in` `USD`.
- **Names** are copied as written, without "my" or "the": `rita`, `landlord`, `rita.eth`, `@rita`, `0x…`. A revocation
  from everyone has the spender `all`.
- **`swap` and `limit_order`** have `amount` when the sold side is exact and `receive` when the bought side is. The other
  token is absent when it is not named. "buy $50 of ETH" sells 50 USD.
- **Days** are `today`, `tomorrow`, a weekday, a day of the month (`15`), `MM-DD` or `YYYY-MM-DD`. A schedule is `every` (a unit,
  or a count of units) with `on` for the weekday or day: "every other friday" is `2 weeks` on `friday`, "on the 1st of every
  month" is `month` on `1`, and `weekday` is Monday to Friday.
- **`none`** is the answer to talk, questions, refusals and second thoughts, a missing part ("send some ETH to bob"), several
  requests at once, orders hidden in other text, and languages other than English. Nothing is guessed.
"""


GROUNDING = """
## Grounded answers

An engine that is asked under the published schema narrows it to the request before it decodes: each open string becomes
an `enum` of what the request says of that kind. A slot of which the request says nothing is left out, and so is a shape
that needs one. The model still chooses the intent, the slots and which of the candidates; it can no longer write a
number, a symbol, an address or a day that nobody said. Each number of a request is told once at most, so "sell my ETH at
1800" has no second number for an amount, and the number of "for 30 days" or "may 4" is no amount. A weekday said as a
schedule ("every friday", "fridays") leaves the payment that has one, and `none`.

| kind | what counts |
|---|---|
| numbers | digits with separators, `k` and `m`, number words, "a couple", "two dozen", "and a half", "5 dollars and 25 cents" |
| percent, shares | a sign or the word, basis points, "half a percent"; "half", "a quarter", `3/4` |
| symbols | known tokens and currencies by sign, code and name, and every other word that could be a symbol |
| names | words as written, up to three in a row, without a possessive ending; where an address, a domain or a handle is named, a recipient, a spender and a trader is one of these |
| days, lengths, schedules | weekdays, dates, ordinals, "tomorrow", "in two weeks", "every other friday", "daily" |

```python
from weftwork.models.grounding import find_candidates, ground_schema
from weftwork.models.intent import INTENT_SCHEMA

request = "pay 12.5 dollars to rita every friday"
found = find_candidates(request)
assert found.numbers == ("12.5",)
assert found.schedule_days == ("friday", "last")
shapes = ground_schema(INTENT_SCHEMA, request)["oneOf"]
assert "times" not in next(s for s in shapes if s["title"] == "Pay someone again and again.")["properties"]
```

The same text gives the same schema, so who runs the model again reads the same answer; the engine's digest holds the
version of this narrowing. An engine elsewhere (vLLM, Ollama) can be sent `ground_schema`'s schema by the asker instead.
"""


MODEL = """
## The model in the box

`weft-intent` is a Llama of {parameters:,} parameters ({layers} layers, width {dim}, {vocab} tokens, digits single), {quantisation},
{bytes:,} bytes. An early checkpoint of the same run lies beside it, for miners that are meant to be worse.

| | step | sentences by hand ({by_hand_lines}) | a second set, written unseen ({by_hand_blind_lines}) | a third, for development ({by_hand_development_lines}) | held-out split ({held_out_lines}) |
|---|---|---|---|---|---|
| `weft-intent` | {full[step]} | {full[by_hand]:.1%} | {full[by_hand_blind]:.1%} | {full[by_hand_development]:.1%} | {full[held_out]:.1%} |
| the same, not grounded | {full[step]} | {full[by_hand_ungrounded]:.1%} | – | – | {full[held_out_ungrounded]:.1%} |
| `weft-intent-early` | {early[step]} | {early[by_hand]:.1%} | {early[by_hand_blind]:.1%} | {early[by_hand_development]:.1%} | {early[held_out]:.1%} |

Exact match of the whole answer, decoded grounded at temperature 0. The sentences by hand (`tests/fixtures/intents.jsonl`,
`intents_blind.jsonl`, `intents_development.jsonl`) are in words that the grammar does not produce, and no model was trained
on them; the answers to the third set were read, and told what the grammar lacked. Half of what the grammar says comes
from phrase books (`models/grammar/phrases/`), 3,600 ways of saying an intent by writers who saw none of these sentences.
Ask it with one user message, temperature 0 and `response_format` of type `json_schema`; other messages are not read. A
wallet calls `check_intent` and `check_grounded` on the answer before it asks for a signature.

{note}

To make it again (the grammar is `weftwork.models.grammar`; `--resume` goes on from the last checkpoint):

<!-- not run: training takes hours on two cores -->
```sh
UV_FIND_LINKS=$PIP_FIND_LINKS uv run --group train python tools/train_intent.py --out build/intent
uv run --group train python tools/intent_box.py --run build/intent
```
"""


def model() -> str:
    """What the card says."""
    card = json.loads((BOX / "card.json").read_text())
    card.setdefault("note", "")
    return MODEL.format(
        **card,
        **{k: card["architecture"][k] for k in ("layers", "dim", "vocab")},
        bytes=card["full"]["bytes"],
    )


def table() -> str:
    """The table of all shapes."""
    lines = ["| intent | meaning | slots | for example |", "|---|---|---|---|"]
    for form in FORMS:
        slots = ", ".join(f"**{slot}**" if must else slot for slot, _, must in form.fields()) or "–"
        lines.append(f"| `{form.intent}` | {form.meaning} | {slots} | {form.example} |")
    return "\n".join(lines) + "\n"


def types() -> str:
    """The table of slot types."""
    used: dict[str, list[str]] = {}
    for form in FORMS:
        for slot, kind, _ in form.fields():
            if slot not in used.setdefault(kind, []):
                used[kind].append(slot)
    lines = ["", "## The slots", "", "| slots | value |", "|---|---|"]
    for kind, slots in used.items():
        rule = TYPES[kind]
        value = rule.get("description") or "one of " + ", ".join(f"`{v}`" for v in rule["enum"])
        lines.append(f"| {', '.join(f'`{s}`' for s in slots)} | {value} |")
    return "\n".join(lines) + "\n"


def render() -> dict[str, str]:
    """File name to text, of both files."""
    assert len(INTENTS) == 15
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "weft-intent",
        **INTENT_SCHEMA,
    }
    return {
        "intent.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
        "intents.md": HEAD + table() + types() + RULES + GROUNDING + model(),
    }


def main() -> None:
    """Write or check."""
    wrong = []
    for name, text in render().items():
        path = DOCS / name
        if "--check" in sys.argv:
            if not path.exists() or path.read_text() != text:
                wrong.append(name)
        else:
            path.write_text(text)
    if wrong:
        raise SystemExit(f"differs from the code: {', '.join(wrong)}; run python tools/intent_docs.py")


if __name__ == "__main__":
    main()
