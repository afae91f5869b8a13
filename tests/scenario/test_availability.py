"""Who stood ready is paid, to the unit: drills over HTTP, an epoch of the subnet, the panel, Credits."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from harness.square import Square
from pydantic_core import to_json

from weftwork.compute.attendance import Drill, ask_drill
from weftwork.compute.availability import DOWN, READY, WRONG
from weftwork.compute.panel import PATH, Decision
from weftwork.errors import EpochNotFound, Refused, Reverted, Unavailable
from weftwork.spec.bme import share_by
from weftwork.wire.envelope import sign_call


@pytest.fixture(scope="module")
def judged():
    square = Square()
    square.number = square.judge_epoch()
    ada = square.checkers["ada"]
    assert square.run(ada.close()) == [square.number]
    square.paid = square.credit_epoch(square.number)
    with pytest.raises(EpochNotFound) as caught:
        ada.book.calls(square.paid)
    square.early = caught.value
    square.pass_credits(square.paid)
    yield square
    square.close()


@pytest.fixture
def square(judged):
    point = judged.chain.rpc("evm_snapshot")
    yield judged
    judged.chain.rpc("evm_revert", point)


def test_who_stood_ready_is_paid_to_the_unit_and_who_was_down_or_cheated_is_not(square):
    ann, bob, mallory, gone = (square.seats[name].wallet for name in ("ann", "bob", "mallory", "gone"))
    ada = square.checkers["ada"]
    weights = ada.book.weights(square.paid)
    assert set(weights) == {ann, bob}
    assert weights[ann] > weights[bob] > 0
    assert square.run(ada.report()) == [square.paid]
    square.pass_credits(square.paid, grace=60)
    assert square.run(square.checkers["bea"].settle()) == list(range(square.paid + 1))
    pool = int(square.credits.call("pool_left", square.paid, 1))
    assert pool > 0
    order = sorted(weights)
    expected = dict(zip(order, share_by(pool, [weights[name] for name in order]), strict=True))
    for wallet in order:
        before = square.token.call("balanceOf", wallet)
        square.credits.send(square.founder, "claim", square.paid, 1, wallet)
        assert square.token.call("balanceOf", wallet) - before == expected[wallet]
    assert square.credits.call("pool_left", square.paid, 1) == 0
    for wallet in (mallory, gone):
        with pytest.raises(Reverted, match="nothing to claim"):
            square.credits.send(square.founder, "claim", square.paid, 1, wallet)


def test_all_checkers_come_to_the_same_bytes(square):
    ada, bea, cara = square.checkers.values()
    calls = ada.book.calls(square.paid)
    assert len(calls) == 1
    assert bea.book.calls(square.paid) == cara.book.calls(square.paid) == calls


def test_epoch_of_credits_that_runs_is_not_reported(square):
    assert "has not ended" in square.early.sentence
    with pytest.raises(EpochNotFound):
        square.checkers["ada"].book.calls(square.paid + 1)


def test_checkers_leave_an_epoch_alone_that_lacks_its_report(square):
    square.pass_credits(square.paid, grace=60)
    assert square.run(square.checkers["cara"].settle()) == list(range(square.paid))
    assert square.credits.call("next_epoch") == square.paid


def test_checker_by_itself_drills_reports_and_settles(square):
    ada = square.checkers["ada"]
    square.pass_credits(square.paid, grace=60)

    class Enough(Exception):
        pass

    async def stop(_seconds):
        raise Enough

    ada._sleep, slept = stop, ada._sleep
    try:
        with pytest.raises(Enough):
            square.run(ada.run())
    finally:
        ada._sleep = slept
    assert square.credits.call("next_epoch") == square.paid + 1
    assert square.credits.call("pool_left", square.paid, 1) > 0


def test_minority_of_checkers_cannot_report(square):
    bea, cara = square.checkers["bea"], square.checkers["cara"]
    kept = square.peers[:]
    square.peers[:] = [peer for peer in kept if peer.wallet != square.checkers["ada"].account.address]
    try:
        for checker in (cara, bea):
            with pytest.raises(Unavailable, match="not more than half"):
                square.run(checker.report())
    finally:
        square.peers[:] = kept
    data = cara.book.calls(square.paid)[0]
    epoch = square.epoch - 1
    decision = Decision(epoch, square.credits.address, data)
    votes = [(one.ballot.uid, one.panel.sign(decision).signature) for one in (bea, cara)]
    with pytest.raises(Reverted, match="majority is not reached"):
        square.panel.send(square.founder, "decide", epoch, square.credits.address, data, 0, votes)
    with pytest.raises(Reverted, match="caller is not the checker"):
        square.credits.send(cara.account, "report_ready", square.paid, [square.seats["gone"].wallet], [1])


def test_report_that_differs_by_one_unit_finds_no_signer(square):
    cara = square.checkers["cara"]
    weights = cara.book.weights(square.paid)
    weights[square.seats["bob"].wallet] += 1
    forged = square.credits.encode("report_ready", square.paid, list(weights), list(weights.values()))
    with pytest.raises(Unavailable, match="not more than half"):
        square.run(cara.panel.decide(square.credits.address, forged))


def test_second_report_is_nothing_and_a_replayed_one_is_refused(square):
    ada, bea = square.checkers["ada"], square.checkers["bea"]
    square.run(ada.report())
    assert square.run(bea.report()) == []
    data, epoch = ada.book.calls(square.paid)[0], square.epoch - 1
    decision = Decision(epoch, square.credits.address, data)
    votes = [(one.ballot.uid, one.panel.sign(decision).signature) for one in (ada, bea)]
    for nonce, reason in ((0, "panel: decision is carried out"), (1, "panel: signer differs")):
        with pytest.raises(Reverted, match=reason):
            square.panel.send(square.founder, "decide", epoch, square.credits.address, data, nonce, votes)
    again = Decision(epoch, square.credits.address, data, 1)
    votes = [(one.ballot.uid, one.panel.sign(again).signature) for one in (ada, bea)]
    with pytest.raises(Reverted, match="credits: node is reported"):
        square.panel.send(square.founder, "decide", epoch, square.credits.address, data, 1, votes)
    with pytest.raises(Refused, match="signs reports"):
        square.run(ada._agree(again))


def test_stranger_is_not_signed_for_and_no_call_is_taken_twice(square):
    ada, bea = square.checkers["ada"], square.checkers["bea"]
    decision = Decision(square.epoch - 1, square.credits.address, ada.book.calls(square.paid)[0])
    body = to_json({"decision": decision.to_json(), "vote": None})
    url = bea.running.url + PATH

    def head(account):
        now = int(ada._now())
        return sign_call(account, "POST", PATH, body, bea.account.address, ada._domain, now=now)

    async def post(headers):
        return await ada._http.post_json(url, body, headers)

    stranger = square.account("stranger")
    assert square.run(post(head(stranger))).body["error"]["code"] == "refused"
    once = head(ada.account)
    assert square.run(post(once)).status == 200
    assert square.run(post(once)).body["error"]["code"] == "refused.replayed"


def test_drill_tells_ready_from_down_from_wrong_from_busy(square):
    ada = square.checkers["ada"]
    found = {one.wallet: one for one in square.run(ada.drill(list(square.seats.values())))}
    states = {name: found[seat.wallet].state for name, seat in square.seats.items()}
    assert states == {"ann": READY, "bob": READY, "mallory": WRONG, "gone": DOWN}
    square.desks["bob"]._is_busy = lambda: True
    (busy,) = square.run(ada.drill([square.seats["bob"]]))
    assert busy.state == "busy"
    square.desks["bob"]._is_busy = lambda: False


def test_node_takes_drills_from_checkers_alone(square):
    ada, bob, stranger = square.checkers["ada"], square.seats["bob"], square.account("stranger")
    work = ask_drill(
        ada._http,
        stranger,
        ada._domain,
        bob.wallet,
        bob.endpoint,
        Drill(bytes(32), 2, 2),
        now=ada._now,
        clock=lambda: 0.0,
        rng=ada._rng,
    )
    with pytest.raises(Refused, match="403"):
        square.run(work)


def test_checker_looks_at_nodes_at_times_that_nobody_foresees(square, monkeypatch):
    ada, ann, clock = square.checkers["ada"], square.seats["ann"].wallet, [0.0]

    async def is_there(seat):
        return 100, b"{}"

    monkeypatch.setattr(ada, "_now", lambda: clock[0])
    monkeypatch.setattr(ada, "_trial", is_there)
    monkeypatch.setattr(ada, "_due", {})
    monkeypatch.setattr(ada, "_rng", Random(5))
    times = []
    for _ in range(60):
        clock[0] += 120.0
        times += [clock[0] for one in square.run(ada.look()) if one.wallet == ann]
    gaps = {after - before for before, after in itertools.pairwise(times)}
    assert 4 <= len(times) <= 30
    assert len(gaps) > 2
