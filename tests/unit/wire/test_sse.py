"""Server-sent events survive any cut of the stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import TooLarge
from weftwork.wire.sse import Event, Parser, format_event

LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)

LINES = [b"data: a", b"data:b", b"\n", b"\n\n", b"\r", b"id: 7", b": c", b"event: x", b"\xef"]


@given(
    events=st.lists(st.tuples(st.lists(LINE, min_size=1, max_size=3), st.sampled_from([None, "receipt"]))),
    cuts=st.lists(st.integers(1, 9), min_size=1),
    newline=st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_events_are_read_as_written_however_they_are_cut(
    events: list[tuple[list[str], str | None]], cuts: list[int], newline: bytes
) -> None:
    data = b"".join(format_event("\n".join(lines), name) for lines, name in events)
    data = data.replace(b"\n", newline)
    parser, found, place, turn = Parser(), [], 0, 0
    while place < len(data):
        size = cuts[turn % len(cuts)]
        found += parser.feed(data[place : place + size])
        place, turn = place + size, turn + 1
    if newline == b"\r":
        found += parser.feed(b"\n")
    assert found == [Event("\n".join(lines), name or "message") for lines, name in events]


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_are_read_without_an_error(pieces: list[bytes]) -> None:
    parser = Parser()
    for piece in pieces:
        list(parser.feed(piece))


def test_comments_ids_and_unknown_fields_are_taken_as_the_standard_says() -> None:
    data = b"\xef\xbb\xbf: ping\n\nid: 7\nretry: 10\ndata\ndata:  two\nevent: x\n\ndata: three\n\ndata: cut"
    assert list(Parser().feed(data)) == [Event("\n two", "x", "7"), Event("three", "message", "7")]


@given(
    data=st.lists(st.sampled_from(LINES)),
    cuts=st.lists(st.integers(1, 30), min_size=1),
)
def test_events_do_not_depend_on_how_the_stream_was_cut(data: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(data)
    bytewise, parser, place, turn = Parser(), Parser(), 0, 0
    one = [event for n in range(len(whole)) for event in bytewise.feed(whole[n : n + 1])]
    other: list[Event] = []
    while place < len(whole):
        size = cuts[turn % len(cuts)]
        other += parser.feed(whole[place : place + size])
        place, turn = place + size, turn + 1
    assert one == other


@pytest.mark.parametrize("data", [b"data: " + b"x" * 2000, b"data: y\n" * 300])
def test_event_without_end_is_refused(data: bytes) -> None:
    with pytest.raises(TooLarge):
        list(Parser(max_event=1000).feed(data))


def test_objects_become_json_and_line_breaks_become_lines() -> None:
    assert format_event({"delta": "a\nb"}) == b'data: {"delta":"a\\nb"}\n\n'
    assert format_event("a\r\nb", "receipt") == b"event: receipt\ndata: a\ndata: b\n\n"
