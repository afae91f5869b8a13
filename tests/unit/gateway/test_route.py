"""The routing policy: better miners get more, failing ones rest, new ones are heard."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from weftwork.models.gateway.route import Option, Policy, Standing, Wheel, weigh

POLICY = Policy()


def standing(mean=100_000, calls=1000, **more):
    return Standing(calls=calls, mean=mean, spread=mean // 10, **more)


def count(options, picks=4000, policy=POLICY, now=0.0, seed=1):
    wheel = Wheel([option.key for option in options], options, now, policy)
    rng = random.Random(seed)
    return Counter(wheel.pick(rng) for _ in range(picks))


def test_a_miner_with_more_incentive_gets_more_calls():
    got = count([Option("good", 0.8, 10, standing()), Option("poor", 0.2, 10, standing())])
    assert got["good"] > 2 * got["poor"] > 0


def test_a_cheaper_and_a_faster_miner_get_more_calls():
    got = count([Option("cheap", 0.5, 10, standing()), Option("dear", 0.5, 1000, standing())])
    assert got["cheap"] > got["dear"]
    got = count([Option("fast", 0.5, 10, standing(10_000)), Option("slow", 0.5, 10, standing(5_000_000))])
    assert got["fast"] > got["slow"]


def test_a_new_miner_without_incentive_is_reached_within_a_few_dozen_calls():
    old = [Option(n, 0.1, 10, standing(calls=10_000)) for n in range(10)]
    assert count([*old, Option("new", 0.0, 10, Standing())], picks=100)["new"] > 0


def test_a_crowd_of_new_miners_shares_no_more_than_the_part_for_exploring():
    crowd = [Option(f"new{n}", 0.0, 10, Standing()) for n in range(200)]
    policy = Policy(floor=0.0)
    got = count([Option("old", 1.0, 10, standing()), *crowd], policy=policy)
    assert got["old"] > 4000 * 0.85


def test_a_failing_miner_rests_longer_each_time_and_comes_back_after_one_answer():
    seen = standing()
    seen.fail(100.0, POLICY)
    first = seen.rests_until - 100.0
    seen.fail(100.0, POLICY)
    assert seen.rests_until - 100.0 == 2 * first
    pair = [Option("bad", 0.9, 10, seen), Option("good", 0.1, 10, standing())]
    assert count(pair, now=100.5)["bad"] == 0
    assert count(pair, now=1000.0)["bad"] > 0
    seen.succeed(1000)
    assert seen.rests_until == 0.0


def test_a_resting_miner_is_still_asked_when_no_other_is_left():
    seen = standing(rests_until=10.0)
    wheel = Wheel(["only"], [Option("only", 1.0, 1, seen)], 0.0, POLICY)
    assert wheel.pick(random.Random(0)) == "only"
    assert wheel.pick(random.Random(0), {"only"}) is None


def test_a_hedge_waits_until_an_answer_is_unusually_late():
    seen = standing(mean=200_000)
    assert 0.2 < seen.hedge_after(POLICY) < 0.4
    assert Standing().hedge_after(POLICY) == POLICY.hedge_unknown


def test_several_miners_are_drawn_each_once():
    options = [Option(n, 0.1 * n, 1 + n, standing()) for n in range(5)]
    wheel = Wheel(range(5), options, 0.0, POLICY)
    assert sorted(wheel.pick_many(random.Random(3), 9)) == [0, 1, 2, 3, 4]


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 10**30), st.integers(0, 10**9), st.integers(0, 40)),
        max_size=12,
    ),
    st.integers(0, 2**32),
    st.floats(0, 1),
)
def test_any_market_gives_finite_weights_and_a_pick(rows, seed, explore):
    policy = Policy(explore=explore)
    options = [
        Option(n, incentive, price, Standing(calls=fails, mean=mean, failures=fails))
        for n, (incentive, price, mean, fails) in enumerate(rows)
    ]
    assert all(0.0 <= weight < float("inf") for weight in weigh(options, 0.0, policy))
    picked = Wheel(range(len(rows)), options, 0.0, policy).pick(random.Random(seed))
    assert (picked is None) == (not rows)
