"""Ranking answers: valid ones first, then what a judge says, then whom most judged weight agrees with."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.models.gateway.best import Entry, normalize, rank, schema_of
from weftwork.models.gateway.schema import is_valid


def order(*entries, schema=None):
    return [place for place, _, _ in rank(entries, schema)]


def test_the_answer_that_most_weight_agrees_on_wins():
    assert order(Entry("a", 1), Entry("b", 1), Entry("b", 1))[0] == 1


def test_a_crowd_of_new_wallets_does_not_outvote_judged_work():
    crowd = [Entry("cheap", 50_000)] * 5
    assert order(*crowd, Entry("good", 800_000))[0] == 5


def test_equal_json_agrees_however_it_is_written():
    assert normalize('{"a": 1, "b": 2.0}') == normalize('{ "b":2,"a":1.0 }')
    assert normalize("Yes,  it is\n") == normalize("yes, it is")
    assert normalize('{"a": 1}') != normalize('{"a": "1"}')


def test_a_judge_comes_before_the_majority_and_validity_before_the_judge():
    assert order(Entry("a", 9), Entry("a", 9), Entry("b", 1, judged=5))[0] == 2
    assert order(Entry("no json", 9, judged=9), Entry("{}", 1), schema={"type": "object"})[0] == 1


def test_an_empty_answer_is_never_best():
    assert order(Entry("  ", 9), Entry("", 9), Entry("x", 1))[0] == 2


@given(
    st.lists(st.builds(Entry, st.text(max_size=8), st.integers(0, 10**6), st.integers(0, 10**6)), max_size=8)
)
def test_a_ranking_names_each_answer_once(entries):
    assert sorted(order(*entries)) == list(range(len(entries)))


def test_the_asked_schema_is_found():
    assert schema_of({}) is None
    assert schema_of({"response_format": {"type": "json_object"}}) == {"type": "object"}
    asked = {"type": "json_schema", "json_schema": {"schema": {"type": "array"}}}
    assert schema_of({"response_format": asked}) == {"type": "array"}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 3}, [1, 3, 2.0], [0, 4, 1.5, True, "1"]),
        ({"type": ["string", "null"], "maxLength": 2}, ["ab", None], ["abc", 1]),
        ({"enum": [1, "a"]}, [1, "a"], [True, "b"]),
        ({"const": {"a": 1}}, [{"a": 1}], [{"a": 2}]),
        (
            {"properties": {"a": {"type": "number"}}, "required": ["a"]},
            [{"a": 1}, {"a": 1, "b": 2}],
            [{}, {"a": "x"}],
        ),
        ({"properties": {"a": True}, "additionalProperties": False}, [{"a": 1}, {}], [{"b": 1}]),
        ({"items": {"type": "string"}, "minItems": 1, "uniqueItems": True}, [["a"]], [[], ["a", "a"], [1]]),
        ({"prefixItems": [{"const": 1}], "items": False}, [[1], []], [[2], [1, 1]]),
        ({"anyOf": [{"const": 1}, {"const": 2}]}, [1, 2], [3]),
        ({"oneOf": [{"type": "number"}, {"const": 2}]}, [1], [2, "a"]),
        ({"not": {"type": "string"}}, [1], ["a"]),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "null"}}}, [None], [1]),
        ({"exclusiveMinimum": 0, "multipleOf": 5}, [5], [0, 6]),
        (True, [1], []),
        (False, [], [1]),
    ],
)
def test_the_schema_allows_what_it_should(schema, good, bad):
    for value in good:
        assert is_valid(json.dumps(value), schema), value
    for value in bad:
        assert not is_valid(json.dumps(value), schema), value


def test_a_schema_that_never_ends_allows_nothing_and_returns():
    assert not is_valid("1", {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]})
    bomb = {
        "allOf": [{"$ref": "#/a"}] * 50,
        "a": {"allOf": [{"$ref": "#/b"}] * 50},
        "b": {"allOf": [True] * 50},
    }
    assert not is_valid("1", bomb)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
WORDS = [
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "items",
    "anyOf",
    "not",
    "minLength",
    "minimum",
    "$ref",
]


@given(st.dictionaries(st.sampled_from(WORDS), JSON, max_size=5), JSON)
def test_any_schema_gives_yes_or_no(schema, value):
    assert is_valid(json.dumps(value), schema) in (True, False)
