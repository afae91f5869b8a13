"""The phrase books: each line can be said, means its intent, and is none of the sentences that judge."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from weftwork.models.grammar import phrasebook
from weftwork.models.grammar.phrase import Node, parse
from weftwork.models.grammar.sentence import MACROS, MAKERS
from weftwork.models.grammar.slots import Slots
from weftwork.models.intent import check_intent

FIXTURES = Path(__file__).parents[2] / "fixtures"
BOOKS = [*MAKERS, "none"]
NUMBER = (
    r"(?:\$?[\d.,]+[km]?|half|all|my|max|every|a|an|the|one|two|three|four|five|six|seven|eight|nine|ten|"
    r"[a-z]+ty|hundred|thousand|quarter|whole|entire|everything|grand|bucks)"
)
SUM = (
    rf"(?:(?:all |every |the )?{NUMBER}(?: {NUMBER})?(?: of)?(?: my| the)?(?: [$a-z]+)?"
    "(?: bag| stack| tokens| coins)?)"
)
WORD = r"[@$]?[a-z0-9._]+"


def shape(nodes: tuple[Node, ...]) -> str:
    """A regular expression for what a pattern says, slots taken widely."""
    out = ""
    for kind, value in nodes:
        if kind == "text":
            out += re.escape(tidy(str(value)))
        elif kind == "choice":
            out += "(?:" + "|".join(shape(branch) for branch in value) + ")"  # type: ignore[attr-defined]
        elif value in ("m", "n", "r", "all", "cap", "c", "q", "price"):
            out += SUM
        elif value in ("t", "b", "s", "v", "sp", "w", "k", "x", "gpu", "llm", "tool", "it", "them"):
            out += WORD
        else:
            out += r"(?:[^ ]+(?: [^ ]+){0,4})"
    return out


def tidy(text: str) -> str:
    return re.sub(r"[^a-z0-9@$.' ]", " ", re.sub(r"(?<=\d),(?=\d)", "", text.lower()))


def read(name: str) -> list[tuple[str, str]]:
    rows = (json.loads(line) for line in (FIXTURES / name).read_text().splitlines())
    return [(row["intent"]["intent"], " ".join(tidy(row["text"]).split()).strip(" .")) for row in rows]


@pytest.mark.parametrize("intent", BOOKS)
def test_each_line_can_be_said_and_means_its_intent(intent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = phrasebook.lines(intent)
    assert len(lines) >= 150
    for line in lines:
        assert line.slots <= set(phrasebook.SLOTS), line.pattern
        monkeypatch.setattr(phrasebook, "lines", lambda _, line=line: (line,))
        said = 0
        for seed in range(4):
            try:
                _, text, raw = phrasebook.speak(Slots(random.Random(seed), MACROS), intent)
            except ValueError:
                continue
            assert "{" not in text
            if intent != "none":
                check_intent(raw)
            said += 1
        assert said, line.pattern


def test_no_line_stands_twice() -> None:
    for intent in BOOKS:
        found = Counter(line.pattern for line in phrasebook.lines(intent))
        assert [pattern for pattern, count in found.items() if count > 1] == []


@pytest.mark.parametrize("name", ["intents.jsonl", "intents_blind.jsonl"])
def test_no_line_says_a_sentence_written_by_hand(name: str) -> None:
    """Lines with fewer than two words of their own say next to nothing, and are left out."""
    sentences = read(name)
    for intent in BOOKS:
        mine = [text for kind, text in sentences if kind == intent]
        for line in phrasebook.lines(intent):
            plain = " ".join(str(value) for kind, value in parse(line.pattern) if kind == "text")
            if len(re.findall(r"[a-z']+", plain.lower())) < 2:
                continue
            words = re.sub(r"(?:\\ | )+", r"\\s*", shape(parse(line.pattern)))
            pattern = re.compile(rf"(?:please |can you |could you |would you )?\s*{words}\s*(?:please)?")
            assert [text for text in mine if pattern.fullmatch(text)] == [], line.pattern
