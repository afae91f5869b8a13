"""Gas of lock-up and votes: locking, booking and claiming income, a proposal from first to last."""

from __future__ import annotations

from typing import Any

from harness.market import MarketWorld

PERIOD, VOTING, DELAY = 100, 50, 40


def run(meter: Any) -> None:
    """Every call of the vote escrow and the governor."""
    world = MarketWorld()
    vm, holder, income = world.vm, world.tenants[0], world.dollar
    escrow = vm.deploy("VoteEscrow", world.network, PERIOD, 208, sender=world.owner)
    governor = vm.deploy("Governor", escrow, (500, 1_500, VOTING, DELAY, 1_000), sender=world.owner)
    meter.deployed(escrow, governor)
    world.network.approve(escrow, 2**256 - 1, sender=holder)
    meter.call("first", escrow.lock, 1_000, 30, sender=holder)
    meter.call("longer", escrow.lock, 0, 40, sender=holder)
    vm.mine(PERIOD)
    meter.call("one epoch", escrow.advance)
    income.transfer(escrow, 1_000, sender=world.owner)
    meter.call("", escrow.book, income)
    vm.mine(PERIOD)
    meter.call("one epoch", escrow.claim, income, holder)

    words = (governor, governor.set_rules.calldata((400, 1_500, VOTING, DELAY, 1_000)), bytes(32))
    number = meter.call("", governor.propose, *words, sender=holder)
    meter.call("", governor.vote, number, 1, sender=holder)
    vm.mine(VOTING + DELAY)
    meter.call("a change of the rules", governor.execute, number, *words)
    other = governor.propose(*words, sender=holder)
    meter.call("", governor.withdraw, other, sender=holder)

    vm.mine(50 * PERIOD)
    meter.call("fifty epochs", escrow.claim, income, holder)
    meter.call("", escrow.withdraw, sender=holder)
    vm.mine(64 * PERIOD)
    meter.call("64 epochs", escrow.advance)
    meter.views(escrow, {"account": holder, "epoch": 3}, {"pots": (income, 1)})
    meter.views(governor, {"id": number}, {})
    rules = (400, 1_500, VOTING, DELAY, 1_000)
    vm.set_balance(governor, 10**18)
    meter.call("", governor.set_rules, rules, sender=governor.address)
