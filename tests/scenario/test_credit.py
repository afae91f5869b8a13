"""Burn and mint on a ledger: a customer, two nodes, operator, reserve and liquidity; every unit counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weftwork import ledger
from weftwork.compute.credit import CreditDesk, Pool
from weftwork.compute.error import PriceHalted
from weftwork.errors import BadInput, NotFound, Refused, Reverted
from weftwork.ledger.deployment import WAD, deploy_network
from weftwork.ledger.deployment_compute import _read_rules, deploy_compute
from weftwork.spec import bme
from weftwork.spec.bme import Rules, Schedule, Shares, share_by, split_payment

HOUR = 3_600
RULES = Rules(Schedule(5_200 * WAD), Shares(3_000, 1_000, 2_000, 500), rebate_bps=5_000)
PRICE = 4 * WAD
WORK = b"\x22" * 32
NAMES = ("operator", "reserve", "liquidity", "customer", "ann", "bob", "checker", "second")


class Town:
    """A network whose burn and mint has accounts of its own for everything that is paid."""

    def __init__(self, chain) -> None:
        self.chain, self.founder = chain, chain.treasury()
        self.people = {name: ledger.Account.create(seed=f"{name} of credits") for name in NAMES}
        genesis = {self.founder.address: 10**6 * WAD, self.people["customer"].address: 1_000 * WAD}
        self.contracts = deploy_network(chain, self.founder, genesis=genesis)
        parts = deploy_compute(chain, self.founder, self.contracts)
        for one in self.people.values():
            chain.wait(chain.send(self.founder, one.address, value=WAD))
        names = ("checker", "operator", "reserve", "liquidity")
        checker, operator, reserve, liquidity = (self.people[name].address for name in names)
        feeders = [self.founder.address, self.people["second"].address]
        self.prices = chain.deploy(
            self.founder, "Prices", self.founder.address, 10, feeders, (2, 10 * HOUR, 500)
        )
        places = (
            self.contracts.token,
            self.prices,
            parts.jobs,
            parts.review,
            self.contracts.epochs,
            checker,
            operator,
            reserve,
            liquidity,
        )
        burner = chain.deploy(self.founder, "Credits", places, *_read_rules(RULES), HOUR, 60)
        self.token = self.contracts.at(chain, "token")
        self.token.send(self.founder, "set_minter", burner, True)
        self.parts = replace(parts, credits=burner.address, prices=self.prices.address)
        self.begun = int(burner.call("start"))

    def desk(self, name: str) -> CreditDesk:
        return CreditDesk(self.chain, self.contracts.token, self.parts, self.people[name])

    def coins(self, name: str) -> int:
        return int(self.token.call("balanceOf", self.people[name].address))

    def say(self, first: int, second: int) -> None:
        self.prices.send(self.founder, "report", first)
        self.prices.send(self.people["second"], "report", second)

    def carried(self) -> list[int]:
        """What the pools hold for later epochs."""
        return [int(part) for part in self.desk("ann").credits.call("carried")]

    def pass_epoch(self) -> None:
        epoch = int(self.desk("ann").credits.call("next_epoch"))
        now, wanted = self.chain.block()["timestamp"], self.begun + (epoch + 1) * HOUR + 60
        if now < wanted:
            self.chain.rpc("evm_setNextBlockTimestamp", wanted)
            self.chain.rpc("evm_mine")


@pytest.fixture(scope="module")
def raised():
    with ledger.connect("embedded:", dev=True) as chain:
        yield Town(chain)


@pytest.fixture
def town(raised):
    point = raised.chain.rpc("evm_snapshot")
    raised.say(PRICE, PRICE)
    yield raised
    raised.chain.rpc("evm_revert", point)


def finish(town: Town, node: str, budget: int):
    customer = town.desk("customer")
    job = customer.order(town.people[node].address, budget, "a frame")
    town.desk(node).submit(job, WORK)
    return job, customer.approve(job, WORK)


def test_job_burns_ninety_five_percent_and_every_share_of_its_epoch_is_paid_to_the_unit(town):
    supply, budget = int(town.token.call("totalSupply")), 20 * WAD + 7
    _, first = finish(town, "ann", budget)
    burnt, fee = split_payment(budget)
    assert (first.destroyed, first.retired, first.fee) == (burnt, 0, fee)
    assert first.credits == budget * PRICE // WAD
    assert int(town.token.call("totalSupply")) == supply - burnt
    _, second = finish(town, "bob", 3 * budget)
    desk, checker = town.desk("ann"), town.people["checker"]
    desk.credits.send(checker, "report_ready", 0, [town.people["bob"].address], [5])
    assert desk.settle() == []
    town.pass_epoch()
    (done,) = desk.settle()

    book, activity = (
        bme.Book(),
        bme.Activity(
            work={"ann": first.credits, "bob": second.credits},
            spent={"customer": 4 * budget},
            ready={"bob": 5},
            staked={"liquidity": 1},
        ),
    )
    _, expected = bme.settle_epoch(book, activity, RULES)
    assert done.minted == expected.minted == 5_200 * WAD * 850 // 10_000 // 52
    assert done.jobs + done.availability + done.requesters + done.liquidity + done.reserve == (
        done.minted - sum(town.carried())
    )
    paid = {
        name: sum(town.desk("ann").claim_all(town.people[name].address).values())
        for name in ("ann", "bob", "customer")
    }
    shares = share_by(expected.paid.jobs, [first.credits, second.credits])
    assert paid == {
        "ann": shares[0],
        "bob": shares[1] + expected.availability["bob"],
        "customer": expected.rebates["customer"],
    }
    assert paid["customer"] == min(expected.paid.requesters, 4 * budget // 2)
    owed = {name: desk.pull(town.people[name].address) for name in ("operator", "reserve", "liquidity")}
    fees = split_payment(budget)[1] + split_payment(3 * budget)[1]
    assert owed == {
        "operator": fees,
        "reserve": expected.paid.reserve,
        "liquidity": expected.paid.liquidity,
    }
    assert sum(paid.values()) + sum(owed.values()) + sum(town.carried()) == done.minted + fees
    assert int(town.token.call("balanceOf", town.parts.credits)) == sum(town.carried())
    assert desk.claim(0, Pool.WORK) == 0


def test_what_is_minted_does_not_depend_on_what_was_burnt(town):
    desk, chain = town.desk("customer"), town.chain
    minted = []
    for burnt in (0, 500 * WAD):
        point = chain.rpc("evm_snapshot")
        if burnt:
            desk.buy(burnt)
        town.pass_epoch()
        minted += [one.minted for one in desk.settle()]
        chain.rpc("evm_revert", point)
    assert minted[0] == minted[1] != 0


def test_stale_price_halts_burning_and_a_completed_job_waits(town):
    customer, ann = town.desk("customer"), town.people["ann"].address
    job = customer.order(ann, 10 * WAD)
    town.desk("ann").submit(job, WORK)
    town.chain.rpc("evm_increaseTime", 10 * HOUR + 1)
    town.chain.rpc("evm_mine")
    supply, held = int(town.token.call("totalSupply")), town.coins("customer")
    assert customer.approve(job, WORK) is None
    for call in (lambda: customer.buy(WAD), lambda: customer.collect(job), customer.price):
        with pytest.raises(PriceHalted, match="too few feeders") as caught:
            call()
        assert caught.value.value == 1
    assert int(town.token.call("totalSupply")) == supply
    assert town.coins("customer") == held
    assert customer.waiting() == [job]
    town.say(PRICE, PRICE)
    burn = customer.collect(job)
    assert burn is not None
    assert burn.destroyed == 10 * WAD * 95 // 100
    assert customer.collect(job) is None
    assert customer.waiting() == []


def test_wild_price_halts_burning(town):
    town.say(PRICE, 3 * PRICE)
    with pytest.raises(PriceHalted, match="too far apart"):
        town.desk("customer").buy(WAD)
    town.say(PRICE, PRICE + WAD // 10)
    assert town.desk("customer").price() == PRICE + WAD // 20


def test_credits_bought_ahead_are_given_to_who_did_the_work(town):
    desk, ann = town.desk("customer"), town.people["ann"].address
    burn = desk.buy(desk.tokens_for(20 * WAD))
    assert burn.paid == 5 * WAD
    assert burn.credits == desk.balance() == 20 * WAD
    desk.award(ann, 15 * WAD)
    with pytest.raises(Refused, match="holds"):
        desk.award(ann, 6 * WAD)
    assert int(desk.credits.call("weight_of", 0, int(Pool.WORK), ann)) == 15 * WAD


def test_work_of_another_and_jobs_of_another_kind_are_refused(town):
    customer, ann, bob = (town.desk(name) for name in ("customer", "ann", "bob"))
    job = customer.order(ann.account.address, WAD)
    with pytest.raises(Refused, match="another node's"):
        bob.submit(job, WORK)
    with pytest.raises(Refused, match="funded, not completed"):
        bob.collect(job)
    with pytest.raises(Reverted, match="node is named"):
        customer.assign(job, bob.account.address)
    with pytest.raises(NotFound, match="no such job"):
        bob.collect(10**9)
    with pytest.raises(BadInput):
        customer.order(ann.account.address, 0)
    with pytest.raises(Refused, match="not settled"):
        bob.claim(0, Pool.WORK)


def test_job_that_would_expire_before_its_review_is_over_is_refused_at_its_submission(town):
    customer = town.desk("customer")
    job = customer.order(town.people["ann"].address, WAD, margin=HOUR)
    town.chain.rpc("evm_increaseTime", HOUR)
    with pytest.raises(Reverted, match="expires before its review is over"):
        town.desk("ann").submit(job, WORK)
