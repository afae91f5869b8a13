"""What standing ready weighs, and what a drill proves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.compute.attendance import REFERENCE_RATE, Drill
from weftwork.compute.panel import Decision
from weftwork.compute.readiness import ReadySeat, Tally, weigh_ready
from weftwork.errors import BadInput, BadRecord
from weftwork.spec.availability import Standing, penalty, weigh
from weftwork.spec.fixed import mul_down
from weftwork.units import U16


def seat(uid: int, operator: str = "", **card: int) -> ReadySeat:
    return ReadySeat(uid, f"wallet{uid}", "http://127.0.0.1:1", operator, **card)


def there(*scores: int, asked: int | None = None) -> Tally:
    return Tally(len(scores) if asked is None else asked, len(scores), 0, list(scores))


def test_weights_are_those_of_the_published_formula_to_the_unit() -> None:
    seats = [seat(1, memory=24, age=100), seat(2, memory=8, age=3)]
    tallies = {"wallet1": there(300), "wallet2": there(100, 120, asked=3)}
    raw = weigh([Standing(10_000, 300, 24, 100), Standing(6_666, 100, 8, 3)])
    assert raw[0] > raw[1] > 0
    assert weigh_ready(seats, tallies) == {1: U16, 2: raw[1] * U16 // raw[0]}


def test_operator_of_five_wallets_is_penalised_and_one_of_three_is_not() -> None:
    three = [seat(n, "small", memory=8, age=10) for n in range(3)]
    five = [seat(n, "large", memory=8, age=10) for n in range(3, 8)]
    tallies = {one.wallet: there(100) for one in three + five}
    weights = weigh_ready(three + five, tallies)
    plain = weigh([Standing(10_000, 100, 8, 10)] * 8)[0]
    punished = mul_down(plain, penalty(5))
    assert [weights[n] for n in range(3)] == [U16] * 3
    assert [weights[n] for n in range(3, 8)] == [punished * U16 // plain] * 5
    assert punished * 1_000 // plain == 272  # exp(-1.3) = 0.2725


def test_wallets_that_are_down_still_count_as_their_operators() -> None:
    seats = [seat(n, "large", memory=8, age=10) for n in range(5)] + [seat(9, "small", memory=8, age=10)]
    weights = weigh_ready(seats, {"wallet0": there(100), "wallet9": there(100)})
    assert weights[9] == U16 > weights[0] > 0


def test_node_that_is_down_busy_or_wrong_once_gets_nothing() -> None:
    seats = [seat(n, memory=8, age=10) for n in range(5)]
    wrong = there(900)
    wrong.wrong = 1
    tallies = {"wallet0": there(100), "wallet1": there(asked=4), "wallet2": wrong, "wallet3": Tally()}
    assert weigh_ready(seats, tallies) == {0: U16}


def test_nobody_there_weighs_nothing_and_nothing_divides_by_zero() -> None:
    assert weigh_ready([], {}) == {}
    assert weigh_ready([seat(1)], {"wallet1": there(asked=3)}) == {}
    lone = weigh_ready([seat(1, memory=0, age=0)], {"wallet1": there(1)})
    assert lone == {1: U16}
    tiny = [seat(1, memory=0, age=0), seat(2, memory=0, age=0)]
    assert weigh_ready(tiny, {"wallet1": there(1, 1), "wallet2": there(1, asked=2)}) == {1: U16, 2: U16 // 2}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 500), st.integers(0, 80), st.integers(0, 900))))
def test_any_nodes_weigh_something_between_nothing_and_the_best(
    rows: list[tuple[int, int, int, int]],
) -> None:
    seats = [seat(n, f"op{n % 3}", memory=row[2], age=row[3]) for n, row in enumerate(rows)]
    tallies = {f"wallet{n}": Tally(9, row[0], 0, [row[1]] * row[0]) for n, row in enumerate(rows)}
    weights = weigh_ready(seats, tallies)
    assert all(0 < weight <= U16 for weight in weights.values())
    assert not weights or max(weights.values()) == U16
    assert all(rows[uid][0] for uid in weights)


def test_median_of_an_even_number_of_scores_is_the_lower() -> None:
    assert there(5, 1, 9, 7).score == 5
    assert Tally().score == 0
    assert Tally.from_json(there(5, 1).to_json()) == there(5, 1)


def test_drill_that_was_done_holds_and_one_that_was_not_does_not() -> None:
    drill = Drill(b"\x07" * 32, 8, 30)
    chain = drill.run()
    assert drill.holds(chain, range(8))
    assert Drill.from_json(drill.to_json()) == drill
    for place in range(8):
        forged = [*chain[:place], b"\x00" * 32, *chain[place + 1 :]]
        assert not drill.holds(forged, [place])
        assert not drill.holds(forged, [min(place + 1, 7)]) or place == 7
    assert not drill.holds(chain[:-1], [0])
    assert not Drill(b"\x08" * 32, 8, 30).holds(chain, [0])


def test_score_is_the_rate_beside_the_reference() -> None:
    drill = Drill(bytes(32), 100, REFERENCE_RATE)
    assert drill.score(1.0) == 100
    assert drill.score(2.0) == 50
    assert Drill(bytes(32), 1, 1).score(10.0) == 1


@pytest.mark.parametrize(
    "given", [None, {}, {"seed": "00", "links": 1, "rounds": 1}, {"seed": "zz", "links": 1, "rounds": 1}]
)
def test_what_is_no_drill_is_refused(given: object) -> None:
    with pytest.raises(BadInput):
        Drill.from_json(given)
    with pytest.raises(BadInput):
        Drill(bytes(32), 256, 1_000_000)


def test_decision_survives_its_way_and_what_is_none_is_refused() -> None:
    decision = Decision(7, "0x" + "11" * 20, b"\x01\x02\x03\x04\x05", 2)
    assert Decision.from_json(decision.to_json()) == decision
    told = decision.to_json()
    for change in ({"epoch": -1}, {"epoch": "7"}, {"data": "0x01"}, {"target": "0x11"}, {"nonce": -1}):
        with pytest.raises(BadRecord):
            Decision.from_json(told | change)
    with pytest.raises(BadRecord):
        Decision.from_json(None)
