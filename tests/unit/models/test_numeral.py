"""Numbers out of text: what a person writes becomes plain digits."""

from __future__ import annotations

import pytest

from weftwork.models.numeral import read_numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,250.00 USDC", "1250"),
        ("2.5k", "2500"),
        ("7kCHF", "7000"),
        (".5 eth", "0.5"),
        ("3 1/2 eth", "3.5"),
        ("twelve and a half k", "12500"),
        ("two thousand, two hundred and fifty", "2250"),
        ("twenty-five thousand", "25000"),
        ("twelve hundred", "1200"),
        ("a hundred and five", "105"),
        ("a couple of hundred bucks", "200"),
        ("two dozen", "24"),
        ("half a thousand", "500"),
        ("a million and a half", "1500000"),
        ("5 dollars and 25 cents", "5.25"),
        ("a dollar fifty", "1.5"),
        ("50 cents", "0.5"),
        ("point zero five", "0.05"),
        ("one point seventy-five", "1.75"),
        ("half an eth", "0.5"),
        ("US$500", "500"),
        ("eur20", "20"),
        ("fivve hundrd", "500"),
        ("5eth", "5"),
        ("twice", "2"),
    ],
)
def test_a_written_number_is_read(text: str, number: str) -> None:
    assert number in read_numbers(text).plain()


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        ("0.5%", "0.5"),
        ("half a percent", "0.5"),
        ("a quarter of a percent", "0.25"),
        ("a tenth of a percent", "0.1"),
        ("a percent", "1"),
        ("50 bps", "0.5"),
        ("30 basis points", "0.3"),
        ("three and a half per cent", "3.5"),
        ("5 pct", "5"),
    ],
)
def test_a_written_percentage_is_read_and_is_no_plain_number(text: str, percent: str) -> None:
    found = read_numbers(text)
    assert percent in found.percents()
    assert percent not in found.plain() or percent == "1"


@pytest.mark.parametrize(
    ("text", "share"), [("half of it", "50%"), ("three quarters", "75%"), ("1/4", "25%"), ("a tenth", "10%")]
)
def test_a_fraction_is_a_share_too(text: str, share: str) -> None:
    assert share in read_numbers(text).shares()


@pytest.mark.parametrize("text", ["0x12ab34", "h100", "rtx-4090", "degen42", "2027-03-04", "@nina7", "often"])
def test_digits_inside_a_name_or_a_date_are_no_number(text: str) -> None:
    assert read_numbers(text).plain() == []


def test_a_suffix_needs_its_number_beside_it() -> None:
    assert "2000" not in read_numbers("2 K80 cards").plain()
    assert read_numbers("april 20 right now").plain() == ["20"]
