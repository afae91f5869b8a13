"""Gas of a panel: what three validators decide, first and again in an epoch."""

from __future__ import annotations

from typing import Any

from harness.panel import DOOR, PanelWorld


def run(meter: Any) -> None:
    """Every call; a decision counts all stake of its epoch once, later ones of that epoch find it counted."""
    world = PanelWorld()
    fresh = world.vm.deploy("Panel", world.weights, sender=world.founder)
    meter.deployed(fresh)
    door = world.vm.deploy(DOOR)
    meter.call("", fresh.bind, world.subnet, [(door, world.selector("set_value"))], sender=world.founder)
    epoch = world.epoch - 1
    for case, value, signers in (
        ("three signatures, first of an epoch", 7, world.judges),
        ("three signatures", 8, world.judges),
        ("one signature", 9, world.judges[:1]),
    ):
        data = world.call(value)
        votes = world.sign(data, *signers)
        meter.call(case, world.panel.decide, epoch, world.door, data, 0, votes)
    data = world.call(7)
    by_name = {"epoch": epoch, "uid": world.judges[0].uid, "target": world.door, "data": data, "nonce": 0}
    meter.views(world.panel, by_name, {"is_door": (world.door, data[:4]), "is_decided": (b"\x00" * 32,)})
