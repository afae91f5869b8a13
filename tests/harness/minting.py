"""A world of burn and mint on the test EVM: token, price feed, jobs, review and credits, near the token's
cap.
"""

from __future__ import annotations

from typing import Any

from harness.tokens import WAD
from harness.vm import ZERO_ADDRESS, Contract, Vm
from weftwork.spec.bme import Rules, Schedule, Shares
from weftwork.spec.job import REVIEW_WINDOW

WEEK = 7 * 86_400
GRACE = 86_400
CAP = 21_000_000 * WAD
PRICE = 4 * WAD
ROOM = 300_000 * WAD
RESERVED = 10_000 * WAD
RULES = Rules(
    Schedule(400_000 * WAD, (5_000, 3_000), 945, 3),
    Shares(3_000, 1_000, 2_000, 500),
    rebate_bps=3_000,
    recycle_bps=2_000,
    recycle_cap_bps=300,
)
"""A schedule that outlasts what the cap leaves, so that recycling comes soon."""
CAPPED = Rules(
    Schedule(20_000 * WAD, (10_000,), 500, 2),
    Shares(2_107, 393, 2_500, 0),
    rebate_bps=10_000,
    carry_bps=10_000,
    job_cap=1_500 * WAD,
    availability_cap=280 * WAD,
    fee_bps=0,
)
OTHER_MINTER = """
# pragma version ~=0.4.3
reserved: public(uint256)

@external
def reserve(amount: uint256):
    self.reserved = amount
"""
"""Stands where Epochs stands: a minter that has promised a part of the cap."""
WORK = b"\x22" * 32


def to_words(rules: Rules) -> tuple[Any, ...]:
    """The rules as ``Credits`` takes them: its struct of rules, and the schedule's."""
    shares, schedule = rules.shares, rules.schedule
    words = (
        shares.jobs,
        shares.availability,
        shares.requesters,
        shares.liquidity,
        rules.fee_bps,
        rules.rebate_bps,
        rules.carry_bps,
        rules.job_cap,
        rules.availability_cap,
        rules.recycle_bps,
        rules.recycle_cap_bps,
    )
    return words, (schedule.supply, list(schedule.launch), schedule.damping, schedule.epochs)


class MintingWorld:
    """Two customers with tokens, two nodes, a checker, a feeder; weekly epochs, ROOM left under the cap."""

    def __init__(self, rules: Rules = RULES, staked: bool = True) -> None:
        vm = self.vm = Vm()
        self.rules = rules
        self.owner, self.feeder, self.checker = map(vm.account, ("owner", "feeder", "checker"))
        self.operator, self.reserve, self.stakers = map(vm.account, ("operator", "reserve", "stakers"))
        self.customers = [vm.account("customer0"), vm.account("customer1")]
        self.nodes = [vm.account("node0"), vm.account("node1")]
        half = (CAP - ROOM) // 2
        holders = [(one, half) for one in self.customers]
        self.token: Contract = vm.deploy("Token", self.owner, 0, holders, sender=self.owner)
        self.prices: Contract = vm.deploy("Prices", self.owner, 0, [self.feeder], (1, 10 * WEEK, 500))
        self.jobs: Contract = vm.deploy("Jobs", self.token)
        self.review: Contract = vm.deploy("Review", self.jobs, self.checker, REVIEW_WINDOW)
        self.other: Contract = vm.deploy(OTHER_MINTER)
        places = [self.token, self.prices, self.jobs, self.review, self.other, self.checker]
        places += [self.operator, self.reserve, self.stakers if staked else ZERO_ADDRESS]
        self.credits: Contract = vm.deploy("Credits", tuple(places), *to_words(rules), WEEK, GRACE)
        self.start = vm.time
        self.token.set_minter(self.credits, True, sender=self.owner)
        self.other.reserve(RESERVED)
        self.say_price(PRICE)
        for one in self.customers:
            self.token.approve(self.credits, 2**256 - 1, sender=one)
            self.token.approve(self.jobs, 2**256 - 1, sender=one)
        self.point = vm.snapshot()

    def say_price(self, price: int) -> None:
        """The feeder reports."""
        self.prices.report(price, sender=self.feeder)

    def pass_epoch(self) -> None:
        """Go to where the next epoch can be settled."""
        self.vm.set_time(self.start + (self.credits.next_epoch() + 1) * WEEK + GRACE)

    def order(self, budget: int, customer: int = 0, node: int = 0, hooked: bool = True) -> int:
        """A funded job whose provider is the credits contract, given to a node."""
        client = self.customers[customer]
        until = self.vm.time + REVIEW_WINDOW + WEEK
        hook = self.credits if hooked else ZERO_ADDRESS
        job = self.jobs.createJob(self.credits, self.review, until, "a render", hook, sender=client)
        self.jobs.setBudget(job, budget, sender=client)
        self.jobs.fund(job, budget, sender=client)
        self.credits.assign(job, self.nodes[node], sender=client)
        return int(job)

    def deliver(self, job: int, node: int = 0) -> None:
        """The node submits, the checker approves."""
        self.credits.submit(job, WORK, sender=self.nodes[node])
        self.review.approve(job, WORK, sender=self.checker)
