"""Gas of the price feed: reports, reading a price of 15 feeders, a change of feeders."""

from __future__ import annotations

from typing import Any

from harness.tokens import WAD
from harness.vm import Vm


def run(meter: Any) -> None:
    """Every call of the feed, with as many feeders as there may be."""
    vm = Vm()
    owner, heir = vm.account("owner"), vm.account("heir")
    feeders = [vm.account(f"feeder{i}") for i in range(15)]
    rules = (3, 3_600, 500)
    prices = vm.deploy("Prices", owner, 10, feeders, rules, sender=owner)
    meter.deployed(prices)
    for k, feeder in enumerate(feeders):
        meter.call("first", prices.report, (100 - k) * WAD // 25, sender=feeder)
    meter.call("next", prices.report, 4 * WAD, sender=feeders[0])
    meter.views(prices, {}, {"report_of": (feeders[0],)})
    meter.call("", prices.schedule_change, feeders[:5], rules, sender=owner)
    vm.mine(10)
    meter.call("", prices.change)
    meter.call("", prices.propose_owner, heir, sender=owner)
    meter.call("", prices.accept_owner, sender=heir)
    meter.call("", prices.renounce_owner, sender=heir)
