"""The model in the box: small enough, as its card says, right as often as it claims."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BOX = ROOT / "src" / "weftwork" / "models" / "box"
JUDGE = ROOT / "tools" / "intent_judge.py"
HELD_OUT = 200


def judge(model: str, *args: str) -> dict:
    """One judging in a child process, because the engine has no clean close."""
    command = [sys.executable, str(JUDGE), "--model", str(BOX / model), *args]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    return json.loads(out.splitlines()[-1])


@pytest.fixture(scope="module")
def card() -> dict:
    return json.loads((BOX / "card.json").read_text())


def test_both_files_together_stay_within_six_megabytes(card: dict) -> None:
    files = sorted(BOX.glob("*.gguf"))
    assert [f.name for f in files] == ["weft-intent-early.gguf", "weft-intent.gguf"]
    assert sum(f.stat().st_size for f in files) <= 6_000_000
    for entry in (card["full"], card["early"]):
        assert hashlib.sha256((BOX / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
        assert (BOX / entry["file"]).stat().st_size == entry["bytes"]


def test_the_full_model_is_right_as_often_as_its_card_says_on_sentences_written_by_hand(card: dict) -> None:
    found = judge("weft-intent.gguf", "--lines", str(ROOT / "tests" / "fixtures" / "intents.jsonl"))
    print(f"by hand: {found['right']} of {found['lines']}, {found['tokens_per_second']} tokens/s")
    assert found["lines"] == 150
    # another processor may round one answer differently
    assert found["right"] >= round(card["full"]["by_hand"] * 150) - 1


def test_the_full_model_is_right_as_often_as_its_card_says_on_the_held_out_split(card: dict) -> None:
    found = judge("weft-intent.gguf", "--held-out", str(HELD_OUT))
    print(f"held out: {found['right']} of {found['lines']}")
    assert card["held_out_lines"] >= 1000
    assert found["right"] >= HELD_OUT * card["full"]["held_out"] - 5


def test_the_early_model_is_clearly_worse(card: dict) -> None:
    found = judge("weft-intent-early.gguf", "--held-out", str(HELD_OUT))
    print(f"early, held out: {found['right']} of {found['lines']}")
    assert 0.3 <= found["accuracy"] <= card["full"]["held_out"] - 0.2


def test_the_exported_tokenizer_gives_the_training_ids_on_ten_thousand_lines(card: dict) -> None:
    found = judge("weft-intent.gguf", "--tokens")
    assert found["lines"] == 10_000
    assert found["sha256_of_ids"] == card["tokenizer"]["sha256_of_ids"]


def test_the_training_tokenizer_itself_gives_those_ids(card: dict) -> None:
    tokenizers = pytest.importorskip(
        "tokenizers", reason="the training tokenizer's library is in the group train"
    )
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from intent_export import token_digest, tokenizer_lines
    finally:
        sys.path.pop(0)
    tokenizer = tokenizers.Tokenizer.from_file(str(BOX / "tokenizer.json"))
    ids = (tokenizer.encode(line, add_special_tokens=False).ids for line in tokenizer_lines())
    assert token_digest(ids) == card["tokenizer"]["sha256_of_ids"]


def test_the_held_out_split_shares_no_line_with_a_training_seed() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from intent_grammar import HELD_OUT_SEED, generate
    finally:
        sys.path.pop(0)
    held = {text for text, intent in generate(HELD_OUT_SEED, 1000) if intent["intent"] != "none"}
    trained = {text for text, _ in generate(7 * 1_000_003, 8000)}
    assert len(held & trained) <= len(held) // 200


def test_the_grammar_never_says_a_sentence_written_by_hand() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from intent_grammar import generate
    finally:
        sys.path.pop(0)
    rows = (ROOT / "tests" / "fixtures" / "intents.jsonl").read_text().splitlines()
    by_hand = {json.loads(row)["text"].lower().rstrip(".!?") for row in rows}
    said = {text.lower().rstrip(".!?") for text, _ in generate(5, 20_000)}
    assert not by_hand & said
