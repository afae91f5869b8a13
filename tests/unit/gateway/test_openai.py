"""The request parser: what clients send becomes a checked call, or an error in OpenAI's shape."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weftwork.errors import BadParameter, UnknownModel, WeftError
from weftwork.models.gateway.openai import KINDS, Limits, parse_call
from weftwork.models.gateway.shape import describe_error

ASK = {"model": "weft-intent", "messages": [{"role": "user", "content": "swap 2 ETH"}]}


def parse(body, kind="chat", **limits):
    return parse_call(json.dumps(body).encode(), kind, Limits(**limits))


def test_a_plain_question_is_routed_to_one_miner():
    call = parse(ASK)
    assert (call.model, call.policy, call.k, call.stream) == ("weft-intent", "route", 1, False)


def test_the_text_for_miners_names_no_asker_and_no_policy():
    loud = {**ASK, "user": "alice", "metadata": {"team": "red"}, "weft": {"policy": "best"}, "stream": True}
    assert parse(loud).text == parse(ASK).text
    assert "alice" not in parse(loud).text


def test_equal_questions_are_equal_bytes_whatever_their_order():
    assert parse({**ASK, "temperature": 0}).text == parse({"temperature": 0, **ASK}).text


def test_a_call_without_max_tokens_is_bounded_all_the_same():
    assert parse(ASK, default_tokens=77).body["max_tokens"] == 77
    with pytest.raises(BadParameter, match="max_tokens is too large"):
        parse({**ASK, "max_tokens": 10**6})


def test_best_is_asked_by_suffix_or_by_field():
    assert parse({**ASK, "model": "weft-intent:best"}).policy == "best"
    call = parse({**ASK, "weft": {"policy": "best", "k": 4}})
    assert (call.model, call.policy, call.k) == ("weft-intent", "best", 4)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": "hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"n": 2}, "n"),
        ({"stop": [1]}, "stop"),
        ({"seed": 10**5000}, "seed"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
        ({"colour": "red"}, "colour"),
        ({"weft": {"k": 99}}, "weft.k"),
        ({"weft": {"max_price": -1}}, "weft.max_price"),
        ({"model": 7}, "model"),
    ],
)
def test_a_wrong_field_is_named(change, param):
    if change.get("seed"):
        raw = (json.dumps(ASK)[:-1] + ', "seed": 1' + "0" * 300 + "}").encode()
    else:
        raw = json.dumps({**ASK, **change}).encode()
    with pytest.raises(BadParameter) as caught:
        parse_call(raw, "chat")
    assert caught.value.param == param


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"model": NaN}', b"[" * 100_000, b'{"a":' * 50_000],
)
def test_what_is_no_json_object_is_refused(raw):
    with pytest.raises(BadParameter) as caught:
        parse_call(raw, "chat")
    status, body = describe_error(caught.value)
    assert status == 400
    assert body["error"]["type"] == "invalid_request_error"


def test_a_lone_surrogate_is_refused_before_any_miner_sees_it():
    raw = b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}'
    with pytest.raises(BadParameter, match="could not parse"):
        parse_call(raw, "chat")


@pytest.mark.parametrize("model", ["", "a b", "x" * 129, "\u202eevil", "m\n"])
def test_a_model_name_that_cannot_be_is_an_unknown_model(model):
    with pytest.raises(UnknownModel) as caught:
        parse({**ASK, "model": model})
    status, body = describe_error(caught.value)
    assert (status, body["error"]["code"], body["error"]["param"]) == (404, "model_not_found", "model")


def test_embeddings_take_one_text_or_many_and_no_policy():
    assert parse({"model": "m", "input": "x"}, "embedding").body["input"] == ["x"]
    assert parse({"model": "m", "input": ["x", "y"], "encoding_format": "base64"}, "embedding").base64
    for wrong in ("", [], [""], [1], {"a": 1}, None):
        with pytest.raises(BadParameter):
            parse({"model": "m", "input": wrong}, "embedding")
    with pytest.raises(BadParameter, match="routed to one miner"):
        parse({"model": "m:best", "input": "x"}, "embedding")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = """
model messages prompt input stream stream_options weft temperature stop n max_tokens tools seed logprobs
response_format encoding_format user logit_bias top_p metadata
"""
FIELDS = st.sampled_from(NAMES.split())
BODIES = st.dictionaries(FIELDS | st.text(max_size=8), JSON, max_size=8)


def survives(raw, kind):
    try:
        call = parse_call(raw, kind)
    except WeftError as error:
        status, body = describe_error(error)
        assert 400 <= status < 500
        assert set(body["error"]) == {"message", "type", "param", "code"}
    else:
        assert json.loads(call.text.encode().decode()) == call.body


@given(st.binary(max_size=200), st.sampled_from(KINDS))
def test_any_bytes_are_a_call_or_a_clear_error(raw, kind):
    survives(raw, kind)


@given(BODIES, st.sampled_from(KINDS))
@settings(max_examples=300)
def test_any_object_is_a_call_or_a_clear_error(body, kind):
    survives(json.dumps(body).encode(), kind)


@given(BODIES, JSON, st.sampled_from(KINDS))
@settings(max_examples=300)
def test_a_good_call_with_any_fields_changed_is_a_call_or_a_clear_error(body, content, kind):
    good = {**ASK, "prompt": "x", "input": "x"}
    good["messages"] = [{"role": "user", "content": content}]
    keep = {"chat": "messages", "completion": "prompt", "embedding": "input"}[kind]
    survives(json.dumps({"model": "weft-intent", keep: good[keep], **body}).encode(), kind)
