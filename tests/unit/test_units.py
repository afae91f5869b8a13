"""Amounts of unlike kinds never mix, money never rounds by itself, and a short text cannot be guessed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from fractions import Fraction
from typing import Any

import pytest
from eth_hash.auto import keccak as reference
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import BadUnit, WeftError
from weftwork.units import BPS, WAD, Bps, Digest, EpochNo, Uid, Unit, Wad, draw_salt, keccak, salt_content

KINDS: list[type[Unit]] = [Wad, Bps, Uid, EpochNo]


@pytest.mark.parametrize("left", KINDS)
@pytest.mark.parametrize("right", KINDS)
def test_unlike_units_do_not_add(left: type[Unit], right: type[Unit]) -> None:
    if left is right:
        assert left(3) + right(2) == left(5)
        assert type(left(3) - right(2)) is left
        return
    with pytest.raises(BadUnit, match="do not add"):
        left(3) + right(2)
    with pytest.raises(BadUnit, match="do not add"):
        left(3) - right(2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [-1, 2**300, pytest.param(10**5000, id="endless"), 1.0, "1", None, True])
def test_amount_outside_its_range_or_no_whole_number_is_refused(kind: type[Unit], value: Any) -> None:
    with pytest.raises(BadUnit):
        kind(value)
    assert kind(0) == 0
    assert kind.high is not None
    assert kind(kind.high) == kind.high
    with pytest.raises(BadUnit):
        kind(kind.high) + 1


def test_plain_numbers_add_and_keep_the_kind() -> None:
    assert type(1 + Wad(2)) is Wad
    assert sum([Wad(1), Wad(2)], Wad(0)) == Wad(3)
    with pytest.raises(BadUnit):
        Wad(1) - 2
    with pytest.raises(BadUnit):
        Wad(1) + 0.5  # type: ignore[operator]


@given(st.integers(0, 2**256 - 1))
def test_amount_written_in_full_reads_back_exactly(value: int) -> None:
    assert Wad.parse(Wad(value).format(18).replace(",", "")) == value


@given(value=st.integers(0, 2**250), bps=st.integers(0, BPS))
def test_shares_round_as_their_names_say(value: int, bps: int) -> None:
    exact = Fraction(value * bps, BPS)
    down, up = Wad(value).mul_down(Bps(bps)), Wad(value).mul_up(Bps(bps))
    assert down <= exact <= up
    assert up - down == (0 if exact.denominator == 1 else 1)
    assert down + Wad(value).mul_up(Bps(BPS - bps)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.5", 12.5 * WAD),
        (" 1_000 ", 1000 * WAD),
        ("0.000000000000000001", 1),
        ("0.1000000000000000000000", WAD // 10),
        ("12345678901234567890.123456789012345678", 12345678901234567890123456789012345678),
    ],
)
def test_amounts_are_read_exactly(text: str, value: int) -> None:
    assert Wad.parse(text) == value


@pytest.mark.parametrize(
    "text", ["", ".", "-1", "+1", "1e5", "nan", "inf", "0x10", "1.2.3", "1,000", "٣", "1.0000000000000000001"]
)
def test_text_that_is_no_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(BadUnit):
        Wad.parse(text)


@given(st.text(max_size=200) | st.from_regex(r"[0-9]{0,130}(\.[0-9]{0,130})?", fullmatch=True))
def test_any_text_is_an_amount_or_is_refused_by_name(text: str) -> None:
    try:
        value = Wad.parse(text)
    except WeftError:
        return
    assert Fraction(value, WAD) == Fraction(text.strip().replace("_", "").rstrip("."))


@given(st.binary(max_size=500))
def test_keccak_is_the_hash_of_the_evm(data: bytes) -> None:
    assert keccak(data) == reference(data)
    assert Digest.of(data) == keccak(data)


def test_keccak_of_nothing_is_the_known_digest() -> None:
    assert str(Digest.of(b"")) == "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(st.binary(min_size=32, max_size=32))
def test_digest_is_read_from_what_it_prints(raw: bytes) -> None:
    digest = Digest(raw)
    assert Digest(str(digest)) == Digest(raw.hex()) == digest == raw
    assert repr(digest) == f"Digest({digest})"


@pytest.mark.parametrize(
    "value", ["", "0x", "ab" * 31, "ab" * 33, "zz" * 32, "ab " * 32, " " * 64, b"", b"1" * 31]
)
def test_what_is_no_digest_is_refused(value: Any) -> None:
    with pytest.raises(BadUnit):
        Digest(value)


def test_same_prompt_has_another_digest_each_time() -> None:
    (one, salt), (two, _) = salt_content(b"hi"), salt_content(b"hi")
    assert one != two
    assert len(salt) == 16
    assert salt_content(b"hi", salt) == (one, salt)
    assert one == keccak(salt + b"hi")
    with pytest.raises(BadUnit):
        salt_content(b"hi", b"short")


def test_salts_are_of_the_size_asked_and_never_come_twice() -> None:
    drawn: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: drawn.extend(draw_salt() for _ in range(2000))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(drawn)) == 8000
    assert {len(salt) for salt in drawn} == {16}
    assert len(draw_salt(32)) == 32


FORKING = """
import os
from weftwork.units import draw_salt

draw_salt()
if child := os.fork():
    os.waitpid(child, 0)
for _ in range(99):
    os.write(1, draw_salt().hex().encode() + b" ")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_process_draws_salts_of_its_own() -> None:
    told = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, check=True).stdout.split()
    assert len(told) == len(set(told)) == 198
