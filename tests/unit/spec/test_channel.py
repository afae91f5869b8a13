"""The arithmetic of a channel: shares add up, no withdrawal or claim takes what is another's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import Refused
from weftwork.spec.channel import BPS, Channel, Leg, check_route, claim, open_channel, release, share


@given(amount=st.integers(0, 2**100), bps=st.lists(st.integers(1, 625), min_size=1, max_size=16))
def test_shares_add_up_and_no_leg_gets_more_than_its_part(amount, bps):
    legs = [Leg(f"0x{i:040x}", part) for i, part in enumerate(bps)]
    check_route(legs)
    parts, rest = share(amount, legs)
    assert sum(parts) + rest == amount
    assert all(part * BPS <= amount * leg.bps for part, leg in zip(parts, legs, strict=True))
    assert rest >= 0


@given(amounts=st.lists(st.integers(0, 1000), max_size=12))
def test_claims_in_any_order_pay_the_highest_covered_total(amounts):
    channel, paid = open_channel(Channel(), 500), 0
    for cumulative in amounts:
        try:
            channel, payment = claim(channel, cumulative)
        except Refused:
            continue
        paid += payment
    assert paid == min(500, max(amounts, default=0))
    assert channel.balance == 500 - paid


def test_receiver_cannot_release_what_is_claimed():
    channel, _ = claim(open_channel(Channel(), 100), 70)
    channel, given = release(channel, 100)
    assert (given, channel.balance) == (30, 0)


def test_route_beyond_all_is_refused():
    with pytest.raises(Refused, match="route gives more than all"):
        check_route([Leg("0x1", 9_000), Leg("0x2", 1_001)])
    with pytest.raises(Refused, match="route has no legs"):
        check_route([])
