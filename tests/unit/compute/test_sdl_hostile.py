"""Whatever a stranger sends as a deployment file, the answer is a deployment, or an error with a place.

Bounds are counted, not timed: values, depth and bytes are refused where the parser meets them, so the line
of the error shows how far it read.
"""

from __future__ import annotations

import random

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from weftwork.compute.error import BadSdl, SdlSyntax, SdlTooLarge, SdlValue
from weftwork.compute.sdl import node, parse
from weftwork.compute.sdl.node import MAX_BYTES, MAX_VALUES
from weftwork.compute.sdl.quantity import (
    format_price,
    parse_cpu,
    parse_duration,
    parse_gpu,
    parse_price,
    parse_size,
)

from .conftest import SIMPLE


def refuse(source: str | bytes) -> BadSdl:
    with pytest.raises(BadSdl) as caught:
        parse(source)
    return caught.value


def test_ten_megabytes_are_refused_unread():
    for source in (SIMPLE + "#" * 10_000_000, b"\xff" * 10_000_000, "é" * (MAX_BYTES // 2 + 1)):
        assert type(refuse(source)) is SdlTooLarge


def test_a_file_just_under_the_cap_is_read():
    padded = SIMPLE + "#" * (MAX_BYTES - len(SIMPLE))
    assert parse(padded).hash == parse(SIMPLE).hash


def nest_aliases(levels: int, fan: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]\n"]
    for i in range(1, levels):
        lines.append(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * fan)}]\n")
    return "".join(lines)


def test_anchors_that_explode_are_refused_before_anything_is_expanded():
    error = refuse(nest_aliases(30, 9))
    assert type(error) is SdlTooLarge
    assert error.line <= 5


def test_merge_keys_that_explode_are_refused():
    lines = ["m0: &m0 {p: 1, q: 2}\n"]
    lines += [f"m{i}: &m{i} {{<<: [*m{i - 1}, *m{i - 1}], k{i}: 1}}\n" for i in range(1, 60)]
    error = refuse("".join(lines))
    assert type(error) is SdlTooLarge
    assert error.line < 20


def test_a_manifest_that_would_explode_is_refused_before_it_is_built():
    targets = "".join("          - global: true\n" for _ in range(2000))
    hosts = "".join(f"          - h{i}.org\n" for i in range(2000))
    text = SIMPLE.replace("          - global: true\n", targets).replace(
        "          - www.example.com\n", hosts
    )
    assert type(refuse(text)) is SdlTooLarge
    many = "".join(f"  s{i}: *line\n" for i in range(3000))
    aliased = SIMPLE.replace("  web:\n    anywhere:", "  web: &line\n    anywhere:") + many
    assert refuse(aliased).hint


def test_ordinary_aliases_and_merge_keys_are_read():
    text = SIMPLE.replace("resources:", "resources: &r", 1)
    text = text.replace(
        "  placement:",
        "    other:\n      resources:\n        <<: *r\n        memory: {size: 1Gi}\n  placement:",
    )
    text = text.replace("profile: small", "profile: other").replace(
        "        small:\n          denom", "        other:\n          denom"
    )
    resource = parse(text, strict=True).groups[0].units[0].resource
    assert (resource.cpu, resource.memory) == (500, 1 << 30)


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "[{a: "])
def test_deep_nesting_is_refused_where_it_gets_deep(opening):
    error = refuse(opening * 100_000)
    assert type(error) is SdlTooLarge
    assert (error.line, error.column < 200) == (1, True)


def test_too_many_values_are_refused_where_they_get_too_many():
    error = refuse("a:\n" + "- x\n" * 200_000)
    assert type(error) is SdlTooLarge
    assert error.line <= MAX_VALUES + 2


@pytest.mark.parametrize(
    ("source", "line", "column", "words"),
    [
        (b"version: \xe9\n", 1, 10, "not UTF-8"),
        (SIMPLE.encode("utf-16"), 1, 1, "not UTF-8"),
        ("a: 1\nb: \ud800\n", 2, 4, "not UTF-8"),
        ("a: 1\nb: é \x01\n", 2, 6, "control character"),
        ("a:\n\tb: 1\n", 2, 1, "cannot start any token"),
        ("a: [1, 2\nb: 3\n", 2, 2, "expected ',' or ']'"),
        ('a: "x\n', 2, 1, "end of stream"),
        ("a: 1\nb: 2\na: 3\n", 3, 1, "given already, in line 1"),
        ("a: *b\n", 1, 4, "no anchor"),
        ("a: &a [*a]\n", 1, 8, "part of"),
        ("? [a]\n: 1\n", 1, 3, "a key is"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, 4, "tag"),
        ("a: !secret x\n", 1, 4, "tag"),
        ("<<: 1\n", 1, 1, "no mapping"),
        ("", 1, 1, "empty"),
        ("# nothing\n", 2, 1, "empty"),
    ],
)
def test_what_is_no_deployment_yaml_is_refused_at_its_place(source, line, column, words):
    error = refuse(source)
    assert type(error) is SdlSyntax
    assert words in error.sentence
    assert (error.line, error.column) == (line, column)
    assert error.hint


@pytest.mark.parametrize(
    "number", ["9" * 5000, "1e999", ".inf", ".nan", "-1", "0x" + "f" * 90, "!!int abc", "1_0.5"]
)
@pytest.mark.parametrize("field", ["count: 2", "port: 80", "units: 0.5", "size: 512Mi", "amount: 1000"])
def test_huge_and_odd_numbers_are_refused(field, number):
    error = refuse(SIMPLE.replace(field, f"{field.partition(':')[0]}: {number}", 1))
    assert isinstance(error, BadSdl)
    assert len(error.sentence) < 300


def test_names_bring_no_control_characters_to_a_terminal():
    error = refuse(SIMPLE.replace("  web:\n    image", '  "w\\eb":\n    imag', 1))
    assert all("\x1b" not in str(problem) + problem.hint for problem in error.problems)


def test_problems_are_bounded():
    ports = "".join("      - port: 0\n" for _ in range(4000))
    assert len(refuse(SIMPLE.replace("      - port: 80\n", ports + "      - port: 80\n")).problems) == 50


@pytest.mark.skipif(node.Parser is yaml.SafeLoader, reason="PyYAML has no libyaml here")
def test_the_parser_in_plain_python_reads_the_same(monkeypatch):
    fast = parse(SIMPLE)
    monkeypatch.setattr(node, "Parser", yaml.SafeLoader)
    assert parse(SIMPLE).hash == fast.hash
    for source in ("a: \x01", "a: [", "a:\n\tb: 1", "[" * 100):
        assert refuse(source).hint


WORDS = st.sampled_from(
    [
        *SIMPLE.split(),
        "&a ",
        "*a",
        "<<:",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "\n",
        "  ",
        "!!int ",
        "~",
        "|\n",
        '"',
        "#",
        "9" * 30,
    ]
)


@given(st.text(max_size=200))
def test_any_text_is_answered(text):
    answer(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(source):
    answer(source)


@given(st.lists(WORDS, max_size=60).map("".join))
def test_any_yaml_like_text_is_answered(text):
    answer(text)


@given(st.integers(0, 2**32), st.integers(1, 6), st.booleans())
def test_a_valid_file_with_lines_moved_lost_and_doubled_is_answered(seed, edits, strict):
    rng = random.Random(seed)
    lines = SIMPLE.splitlines(keepends=True)
    for _ in range(edits):
        i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
        edit = rng.randrange(4)
        if edit == 0:
            lines[i], lines[j] = lines[j], lines[i]
        elif edit == 1:
            lines[i] = rng.choice(["", lines[i] * 2])
        elif edit == 2:
            head, _, _ = lines[i].partition(":")
            lines[i] = (
                f"{head}: {rng.choice(['~', '[]', '{}', '-1', 'x', '[x]', '{x: y}', '1e9', 'true', '*a'])}\n"
            )
        else:
            lines[i] = "  " + lines[i]
    answer("".join(lines), strict=strict)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
SMALL = ("profiles", "compute", "small", "resources")
ANYWHERE = ("profiles", "placement", "anywhere")
PLACES = st.sampled_from(
    [
        ("version",), ("services",), ("services", "web"), ("services", "web", "image"),
        ("services", "web", "env"),
        ("services", "web", "expose"), ("services", "web", "params"), ("services", "web", "credentials"),
        ("profiles",), (*SMALL[:3],), SMALL, (*SMALL, "storage"), (*SMALL, "gpu"), (*SMALL, "cpu"),
        ANYWHERE, (*ANYWHERE, "pricing", "small"), (*ANYWHERE, "signedBy"), (*ANYWHERE, "attributes"),
        ("deployment",), ("deployment", "web"), ("deployment", "web", "anywhere"),
        ("endpoints",), ("reclamation",),
    ]
)  # fmt: skip


@given(PLACES, VALUES, st.booleans())
def test_any_value_in_any_place_is_answered(place, value, strict):
    tree = yaml.safe_load(SIMPLE)
    at = tree
    for name in place[:-1]:
        at = at[name]
    at[place[-1]] = value
    answer(yaml.safe_dump(tree, allow_unicode=True), strict=strict)


def answer(source: str | bytes, *, strict: bool = False) -> None:
    """A deployment whose hash can be had, or an error that says where and what next."""
    try:
        deployment = parse(source, strict=strict)
    except BadSdl as error:
        for problem in error.problems:
            assert problem.line >= 1
            assert problem.column >= 1
            assert problem.hint
            assert problem.to_json()["code"].startswith("input.sdl")
    else:
        assert len(deployment.hash) == 32
        assert deployment.groups
        if strict:
            assert parse(source).hash == deployment.hash


@given(st.text(alphabet="0123456789.eE+-mkKMGTPEi nh", max_size=70))
def test_any_amount_is_a_number_in_range_or_none(text):
    for value, bound in (
        (parse_cpu(text), 2**32),
        (parse_gpu(text), 2**64),
        (parse_size(text, decimal=True), 2**64),
        (parse_duration(text), 2**63),
    ):
        assert value is None or 0 <= value < bound


@given(st.integers(0, 10**30))
def test_prices_are_exact(price):
    assert parse_price(format_price(price)) == price


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [("1Ki", 1024), ("1k", 1000), ("1.5Gi", 3 << 29), ("0.1Gi", 107374182), (".5Mi", 1 << 19), ("1e3", 1000)],
)
def test_sizes_are_cut_off_as_the_reference_does(text, bytes_):
    assert parse_size(text, decimal=True) == bytes_


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "-1Gi", "0x10", "1_0", "infGi", "16Ei", "1K", "１Gi"])
def test_no_sizes_are_refused(text):
    assert parse_size(text, decimal=True) is None


def test_cpu_is_thousandths():
    assert [parse_cpu(text) for text in ("1", "0.29", "100m", "1.001", "0.5m", "-1")] == [
        1000,
        290,
        100,
        1000,
        None,
        None,
    ]
    assert refuse(SIMPLE.replace("units: 0.5", "units: [1]")).__class__ is SdlValue
