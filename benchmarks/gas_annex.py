"""Gas of an annex, and of the test dollar of networks on one machine."""

from __future__ import annotations

from typing import Any

from harness.tokens import WAD
from harness.vm import Vm


def run(meter: Any) -> None:
    """An annex of eight parts; every call of the test dollar."""
    vm = Vm()
    owner, heir = vm.account("owner"), vm.account("heir")
    parts = [(f"part{number}", owner) for number in range(8)]
    annex = vm.deploy("Annex", owner, "compute", parts, sender=owner)
    dollar = vm.deploy("TestDollar", owner, 18, 10 * WAD, sender=owner)
    meter.deployed(annex, dollar)
    meter.views(annex, {}, {})
    meter.call("first", dollar.mint, heir, WAD, sender=owner)
    meter.call("next", dollar.mint, heir, WAD, sender=owner)
    meter.call("", dollar.transfer, heir, WAD, sender=owner)
    meter.call("", dollar.approve, heir, 2 * WAD, sender=owner)
    meter.call("", dollar.transferFrom, owner, heir, WAD, sender=heir)
    meter.views(dollar, {}, {})
    meter.call("", dollar.propose_owner, heir, sender=owner)
    meter.call("", dollar.accept_owner, sender=heir)
    meter.call("", dollar.renounce_owner, sender=heir)
