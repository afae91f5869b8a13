"""How much stake accepts a closing, and who is counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weftwork.spec.commit import commit_weights
from weftwork.spec.quorum import (
    accepts_closing,
    active_validators,
    may_skip,
    may_slash,
    safe_validators,
    seated_stake,
    voting_stake,
)


def test_exactly_half_is_refused_before_and_after_the_window():
    assert not accepts_closing(50, 100, False)
    assert not accepts_closing(50, 100, True)
    assert accepts_closing(51, 100, True)
    assert not accepts_closing(51, 100, False)


def test_two_thirds_close_at_once_to_the_unit():
    assert accepts_closing(2, 3, False)
    assert not accepts_closing(66, 100, False)
    assert accepts_closing(67, 100, False)


@given(st.integers(1, 10**30), st.integers(0, 10**30))
def test_two_closings_are_never_both_accepted_without_a_validator_signing_both(total, signed):
    signed = min(signed, total)
    assert not (accepts_closing(signed, total, True) and accepts_closing(total - signed, total, True))


def test_nobody_closes_an_epoch_without_stake_and_anyone_skips_it():
    assert not accepts_closing(0, 0, True)
    assert may_skip(0, 1, 0, 3)
    assert not may_skip(1, 4, 1, 3)
    assert may_skip(1, 5, 1, 3)


def test_validator_is_inactive_after_two_misses_until_its_next_reveal():
    one = 1 << 3
    assert active_validators(one, 0, 0) == 0, "it has never revealed, or missed twice"
    assert active_validators(one, 0, one) == one, "one miss"
    assert active_validators(one, one, 0) == one, "back again"
    assert active_validators(0, one, one) == 0, "it left"


def test_validator_that_misses_three_reveals_is_pruned_like_any_other():
    one = 1 << 3
    assert safe_validators(one, 0, 0, one) == one
    assert safe_validators(one, 0, 0, 0) == 0
    assert safe_validators(0, one, one, one) == 0, "it gave up its seat"


def test_stake_below_the_threshold_does_not_vote():
    assert voting_stake(0b110, {0: 9, 1: 9, 2: 4}, 5) == {1: 9, 2: 0}


def test_seats_below_the_threshold_and_silent_ones_are_in_the_stake_that_a_slash_is_held_against():
    seated = seated_stake(0b1011, {0: 1, 1: 1_000, 2: 7, 3: 4})
    assert seated == 1_005
    assert accepts_closing(1, sum(voting_stake(0b1, {0: 1, 1: 1_000}, 0).values()), False)
    assert not may_slash(1, seated)
    assert not may_slash(50, 100)
    assert may_slash(51, 100)
    assert not may_slash(0, 0)


def test_commitment_differs_for_the_validator_that_copies_it():
    common = ([1, 2], [10, 20], 0, b"k" * 32, b"s" * 32)
    mine = commit_weights(1, "0x" + "ab" * 20, 1, 5, 3, *common)
    assert mine != commit_weights(1, "0x" + "ab" * 20, 1, 5, 4, *common)
    assert mine != commit_weights(1, "0x" + "ab" * 20, 1, 6, 3, *common)
