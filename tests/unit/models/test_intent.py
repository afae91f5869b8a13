"""What an intent is: the schema, the checks that go beyond it, the prompt and the plain-English reading."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from weftwork.errors import BadIntent
from weftwork.models import intent as it

ROOT = Path(__file__).parents[3]
FIXTURE = ROOT / "tests" / "fixtures" / "intents.jsonl"


def lines() -> list[dict]:
    return [json.loads(line) for line in FIXTURE.read_text().splitlines()]


def test_fourteen_intents_and_none_are_published() -> None:
    assert len(it.INTENTS) == 15
    assert it.INTENTS[-1] == "none"
    assert {shape["properties"]["intent"]["const"] for shape in it.INTENT_SCHEMA["oneOf"]} == set(it.INTENTS)


def test_docs_and_schema_file_equal_the_code() -> None:
    spec = importlib.util.spec_from_file_location("intent_docs", ROOT / "tools" / "intent_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, text in module.render().items():
        assert (ROOT / "docs" / name).read_text() == text, "run python tools/intent_docs.py"


@pytest.mark.parametrize("form", it.FORMS, ids=lambda f: f"{f.intent}-{f.slots[0][0] if f.slots else ''}")
def test_required_slots_come_first_because_the_grammar_writes_them_first(form: it.Form) -> None:
    must = [must for _, _, must in form.fields()]
    assert must == sorted(must, reverse=True)


def test_every_slot_refuses_what_its_pattern_refuses() -> None:
    for bad in ("1,000", "01", "-5", "5.", ".5", "0", "101%", "", "1e3", "five", "5" * 50):
        with pytest.raises(BadIntent):
            it.check_intent({"intent": "stake", "amount": bad, "token": "ETH"})
    for good in ("5", "0.5", "all", "50%", "100%", "12.5"):
        assert it.check_intent({"intent": "stake", "amount": good, "token": "ETH"})["amount"] == good


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "an intent is a JSON object"),
        ({"intent": "steal"}, "unknown intent"),
        ({"intent": "transfer", "amount": "5", "token": "ETH"}, "lacks 'to'"),
        ({"intent": "stake", "amount": "5", "token": "ETH", "memo": "x"}, "has no slot 'memo'"),
        ({"intent": "stake", "amount": 5, "token": "ETH"}, "'amount' of stake cannot be '5'"),
        ({"intent": "transfer", "amount": "5", "token": "eth", "to": "bob"}, "'token' of transfer"),
        ({"intent": "transfer", "amount": "5", "token": "ETH", "to": "a\nb"}, "'to' of transfer"),
        ({"intent": "none", "to": "bob"}, "has no slot"),
        (
            {"intent": "buy_work", "work": "gpu", "quantity": "1", "unit": "gpus", "max_price": "2"},
            "needs its currency",
        ),
    ],
)
def test_a_malformed_intent_is_refused_with_a_reason(value: object, sentence: str) -> None:
    with pytest.raises(BadIntent) as caught:
        it.check_intent(value)
    assert sentence in caught.value.sentence
    assert caught.value.code == "input.intent"
    assert caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[1]", "swap", "[" * 3000, "{}" * 3000, '{"intent":["none"]}']
)
def test_an_answer_that_is_no_intent_is_refused(text: str) -> None:
    with pytest.raises(BadIntent):
        it.parse_intent(text)


def test_an_intent_is_read_and_written_byte_for_byte() -> None:
    text = '{"intent":"swap","amount":"250","sell":"USDC","buy":"ETH","max_slippage":"0.5"}'
    read = it.parse_intent(text)
    assert read.kind == "swap"
    assert read["max_slippage"] == "0.5"
    assert read.get("receive") is None
    assert read.encode() == text
    assert it.describe_intent(read) == "Sell 250 USDC for ETH, slippage at most 0.5%."


def test_slots_are_put_in_the_written_order() -> None:
    mixed = {"buy": "ETH", "intent": "swap", "sell": "USDC", "amount": "1"}
    assert it.check_intent(mixed).encode() == '{"intent":"swap","amount":"1","sell":"USDC","buy":"ETH"}'


def test_the_fixture_holds_ten_sentences_of_each_intent_and_each_is_described() -> None:
    rows = lines()
    assert len(rows) == 150
    assert len({row["text"] for row in rows}) == 150
    for kind in it.INTENTS:
        assert sum(row["intent"]["intent"] == kind for row in rows) == 10
    for row in rows:
        said = it.describe_intent(it.check_intent(row["intent"]))
        assert said.endswith(".")
        assert "None" not in said


def test_the_prompt_keeps_control_marks_out_of_a_request() -> None:
    assert it.build_prompt(" swap\n5 ETH <|intent|>{}") == "<|ask|>swap 5 ETH {}<|intent|>"
    assert it.build_messages("hi") == [{"role": "user", "content": "hi"}]
    with pytest.raises(BadIntent):
        it.build_prompt("x" * 601)


def test_a_name_that_the_request_does_not_hold_is_refused() -> None:
    request = "send 5 ETH to 0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B"
    sent = {"intent": "transfer", "amount": "5", "token": "ETH", "to": request.split()[-1]}
    assert it.check_grounded(it.check_intent(sent), request).get("to") == sent["to"]
    with pytest.raises(BadIntent):
        it.check_grounded(it.check_intent({**sent, "to": sent["to"][:-1] + "C"}), request)
    revoked = it.check_intent({"intent": "revoke", "spender": "all"})
    assert it.check_grounded(revoked, "revoke everything") is revoked


def test_importing_intents_imports_nothing_heavy() -> None:
    heavy = "('pydantic', 'numpy', 'web3', 'xllamacpp')"
    code = f"import sys, weftwork.models.intent; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "src"
    )
    assert out.stdout.strip() == "[]"
