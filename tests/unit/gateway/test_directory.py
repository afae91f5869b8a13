"""What a gateway knows of miners, over several subnets."""

from random import Random

import pytest

from weftwork.errors import NoMiner, UnknownModel
from weftwork.models.channel import ChannelPurse
from weftwork.models.gateway.directory import Directory, Seat
from weftwork.models.gateway.openai import parse_call
from weftwork.models.gateway.route import Policy

from .actor import DOMAINS, Account

CALL = parse_call(
    b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 100}', "chat"
)


def seat(name, subnet=1, model="m", deposit=10**9, **more):
    account = Account.create(name)
    purse = ChannelPurse(Account.create("gateway"), account.address, DOMAINS.of("voucher"), deposit=deposit)
    return Seat(account.address, subnet, 0, "http://x", model, 1, 1, **{"purse": purse, **more})


def directory(*seats, **policy):
    made = Directory(Policy(**policy), lambda: 0.0, lambda: 77.0)
    made.update(seats)
    return made


def test_a_gateway_serves_the_models_of_several_subnets():
    made = directory(seat("a", 1, "intent"), seat("b", 2, "chat"), seat("c", 2, "chat"))
    assert made.models() == {"intent": 77, "chat": 77}
    assert {made.wheel("chat").pick(Random(n)).subnet for n in range(20)} == {2}


def test_one_wallet_on_two_subnets_is_two_seats():
    made = directory(seat("a", 1, "intent"), seat("a", 2, "chat"))
    assert len(made.seats()) == 2


def test_an_unknown_model_and_one_without_a_channel_are_different_errors():
    made = directory(seat("a", purse=None))
    with pytest.raises(UnknownModel):
        made.wheel("other")
    with pytest.raises(NoMiner, match="open channel"):
        made.wheel("m")


def test_a_call_is_quoted_by_its_bytes_and_the_tokens_it_allows():
    plain = seat("a").quote(CALL)
    assert plain == len(CALL.text) + 64 + 100
    wide = parse_call(
        '{"model": "m", "messages": [{"role": "user", "content": "é"}], "max_tokens": 100}'.encode(), "chat"
    )
    assert seat("a").quote(wide) == plain + 1


def test_a_deposit_covers_only_so_many_calls_at_once():
    one = seat("a", deposit=500)
    assert one.covers(300)
    one.held = 300
    assert not one.covers(300)


def test_a_miner_that_leaves_the_list_is_asked_no_more_and_one_that_returns_is_new():
    old = seat("a")
    made = directory(old)
    made.settle(old, 1000)
    assert made.update([]) == []
    with pytest.raises(UnknownModel):
        made.wheel("m")
    assert [found.standing.calls for found in made.update([seat("a")])] == [0]
