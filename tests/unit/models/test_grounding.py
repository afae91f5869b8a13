"""The schema of intents narrowed to a request: what nobody said cannot be answered."""

from __future__ import annotations

import json
import random
import re
import string
from pathlib import Path

import pytest

from weftwork.errors import BadIntent
from weftwork.models.grammar.sentence import generate
from weftwork.models.grounding import find_candidates, ground_body, ground_schema
from weftwork.models.intent import INTENT_SCHEMA, build_messages, check_intent, response_format

FIXTURES = Path(__file__).parents[2] / "fixtures"
ADDRESS = "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B"


def holds(text: str, intent: dict[str, str]) -> bool:
    """Whether an intent is an answer under the schema for a text."""
    schema = ground_schema(INTENT_SCHEMA, text)
    for shape in schema["oneOf"]:
        rules = shape["properties"]
        if rules["intent"]["const"] != intent["intent"] or not set(shape["required"]) <= set(intent):
            continue
        if all(slot in rules and _in(rules[slot], value, schema["$defs"]) for slot, value in intent.items()):
            return True
    return False


def _in(rule: dict, value: str, held: dict) -> bool:
    if "$ref" in rule:
        return value in held[rule["$ref"].rpartition("/")[2]]["enum"]
    return value == rule["const"] if "const" in rule else value in rule["enum"]


def kinds(text: str) -> set[str]:
    return {s["properties"]["intent"]["const"] for s in ground_schema(INTENT_SCHEMA, text)["oneOf"]}


def test_what_the_request_says_can_be_answered_and_nothing_else() -> None:
    request = f"send 5 ETH to {ADDRESS} on friday"
    said = {"intent": "transfer", "amount": "5", "token": "ETH", "to": ADDRESS, "on": "friday"}
    assert holds(request, said)
    for slot, other in (("amount", "50"), ("token", "BTC"), ("to", ADDRESS[:-1] + "C"), ("on", "monday")):
        assert not holds(request, {**said, slot: other})


def test_an_intent_that_needs_what_nobody_said_is_left_out() -> None:
    assert not kinds("good morning") & {"limit_order", "transfer", "recurring_payment"}
    assert "recurring_payment" not in kinds("send 5 ETH to bob")
    assert "recurring_payment" in kinds("send 5 ETH to bob weekly")
    assert "buy_work" not in kinds("lend my ETH")
    assert kinds("") == {"none"}


def test_a_slot_of_which_nothing_is_said_is_left_out() -> None:
    shapes = ground_schema(INTENT_SCHEMA, "stake my ETH with lido")["oneOf"]
    stake = next(s for s in shapes if s["properties"]["intent"]["const"] == "stake")
    assert "venue" in stake["properties"]
    assert "for" not in stake["properties"]


def test_every_narrowed_value_is_one_of_the_published_schema() -> None:
    for text, _ in generate(31, 300):
        found = find_candidates(text)
        for slot, values in (("amount", found.amounts), ("price", found.numbers)):
            for value in values:
                assert re.fullmatch(r"all|(0|[1-9]\d*)(\.\d+)?%?", value), (slot, value, text)


@pytest.mark.parametrize("name", ["intents.jsonl", "intents_blind.jsonl", "intents_development.jsonl"])
def test_every_sentence_by_hand_can_be_answered_rightly(name: str) -> None:
    for line in (FIXTURES / name).read_text().splitlines():
        row = json.loads(line)
        assert holds(row["text"], row["intent"]), row["text"]


@pytest.mark.parametrize(
    ("request_", "intent"),
    [
        ("let's get the dai borrow on kamino closed", {"token": "DAI", "venue": "kamino", "amount": "all"}),
        ("eth debt -> 0", {"token": "ETH", "amount": "all"}),
        ("Make a Stake Wise loan payment of 79 DAI", {"token": "DAI", "venue": "Stake Wise", "amount": "79"}),
        ("settle all I owe Moon Well in usdc", {"token": "USDC", "venue": "Moon Well", "amount": "all"}),
    ],
)
def test_a_debt_is_closed_and_a_venue_may_have_an_ordinary_word(request_: str, intent: dict) -> None:
    assert holds(request_, {"intent": "repay", **intent})


def test_a_name_stands_behind_a_bracket_and_ends_before_a_number() -> None:
    approve = {"intent": "approve", "token": "THOGLI", "spender": "dydx", "amount": "0.9"}
    assert holds("approve(dydx, 0.9 thogli)", approve)
    assert "jacob 8,555" not in find_candidates("on fridays venmo jacob 8,555 UQP coins").names


def test_hardly_any_meaning_of_the_grammar_is_lost() -> None:
    rows = list(generate(77, 4000))
    lost = [text for text, intent in rows if not holds(text, intent)]
    assert len(lost) <= len(rows) * 0.003, lost


def test_a_number_is_told_once() -> None:
    request = "copy degen_wolf, 50 USDC per trade"
    copied = {"intent": "copy_trader", "trader": "degen_wolf"}
    assert holds(request, {**copied, "max_per_trade": "50", "cap_token": "USDC"})
    assert holds(request, {**copied, "amount": "50", "token": "USDC"})
    assert not holds(request, {**copied, "amount": "50", "token": "USDC", "max_per_trade": "50"})
    assert "limit_order" not in kinds("sell the ETH at 1800")
    assert find_candidates("lend 5 ETH for 30 days, from may 4").numbers == ("5",)


def test_a_recipient_is_the_address_where_one_is_named() -> None:
    paid = {"intent": "transfer", "amount": "5", "token": "ETH"}
    assert holds("pay my friend rita 5 ETH, rita.eth", {**paid, "to": "rita.eth"})
    assert not holds("pay my friend rita 5 ETH, rita.eth", {**paid, "to": "friend"})
    assert holds("pay rita 5 ETH from savings.eth", {**paid, "to": "rita"})


def test_a_weekday_said_as_a_schedule_is_told() -> None:
    paid = {"intent": "recurring_payment", "amount": "5", "token": "ETH", "to": "rita", "every": "week"}
    assert holds("pay rita 5 ETH every friday", {**paid, "on": "friday"})
    assert not holds("pay rita 5 ETH every friday", paid)
    assert holds("pay rita 5 ETH every week from friday", {**paid, "start": "friday"})
    assert kinds("pay rita 5 ETH every friday") == {"recurring_payment", "none"}


def test_the_same_text_gives_the_same_schema_byte_for_byte() -> None:
    text = "swap twelve and a half k USDC for ETH, half a percent slippage"
    one, two = (json.dumps(ground_schema(INTENT_SCHEMA, text)) for _ in range(2))
    assert one == two


def test_only_a_body_under_the_published_schema_is_narrowed() -> None:
    body = {"messages": build_messages("stake 5 ETH"), "response_format": response_format()}
    schema = ground_body(body)["response_format"]["json_schema"]["schema"]
    assert schema["$defs"]["amounts"]["enum"] == ["5"]
    assert json.loads(json.dumps(body)) == body
    over_the_wire = json.loads(json.dumps(body))
    assert ground_body(over_the_wire)["response_format"]["json_schema"]["schema"] == schema
    for other in (
        {"messages": body["messages"]},
        {**body, "response_format": {"type": "json_object"}},
        {**body, "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}},
        {**body, "messages": []},
        {**body, "messages": [*build_messages("x"), {"role": "user", "content": "y" * 601}]},
    ):
        assert ground_body(other) == other


def test_a_request_of_any_characters_has_a_schema() -> None:
    rng = random.Random(4)
    letters = string.printable + "é€¥😀’—½"
    for _ in range(300):
        text = "".join(rng.choice(letters) for _ in range(rng.randint(0, 80)))
        shapes = ground_schema(INTENT_SCHEMA, text)["oneOf"]
        assert shapes[-1]["properties"]["intent"]["const"] == "none"
    with pytest.raises(BadIntent):
        ground_schema(INTENT_SCHEMA, "x" * 601)


def test_what_is_found_passes_the_wallets_own_check() -> None:
    found = find_candidates("send 5 ETH to rita in 3 days")
    assert "in 3 days" in found.days
    assert check_intent(
        {"intent": "transfer", "amount": "5", "token": "ETH", "to": "rita", "on": "in 3 days"}
    )
