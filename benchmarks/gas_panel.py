"""Gas of a panel: what three validators decide, first and again in an epoch."""

from __future__ import annotations

from typing import Any

from harness.panel import DOOR, PanelWorld
from harness.world import WAD

from weftwork.spec import panel as spec
from weftwork.units import Digest


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
    run_refusal(meter, world)
    run_fault(meter, world)
    data = world.call(7)
    by_name = {"epoch": epoch, "uid": world.judges[0].uid, "target": world.door, "data": data, "nonce": 0}
    meter.views(world.panel, by_name, {"is_door": (world.door, data[:4]), "is_decided": (b"\x00" * 32,)})


def run_fault(meter: Any, world: PanelWorld) -> None:
    """A fault that three checkers put on record, and the panel's own part of it."""
    panel, agent, epoch = world.panel, world.mia.agent, world.epoch - 1
    data = spec.Fault(agent, 5, Digest(b"\x55" * 32)).call
    votes = world.sign(data, *world.judges, target=panel)
    meter.call("a fault put on record by three", panel.decide, epoch, panel, data, 0, votes)
    meter.call("", panel.note_fault, agent, 6, b"\x55" * 32, sender=panel)


def run_refusal(meter: Any, world: PanelWorld) -> None:
    """A render job that three checkers refuse through their panel, and its client is refunded."""
    vm, client, node = world.vm, world.founder, world.mia.account
    panel = vm.deploy("Panel", world.weights, sender=client)
    jobs = vm.deploy("Jobs", world.token)
    review = vm.deploy("Review", jobs, panel, 3 * 86_400)
    disapprove = bytes(review.disapprove.calldata(0, bytes(32)))[:4]
    panel.bind(world.subnet, [(review, disapprove)], sender=client)
    world.token.approve(jobs, 2**256 - 1, sender=client)
    job = jobs.createJob(node, review, vm.time + 30 * 86_400, "b" * 64, review, sender=client)
    jobs.setBudget(job, WAD, sender=client)
    jobs.fund(job, WAD, sender=client)
    jobs.submit(job, b"\x33" * 32, sender=node)
    epoch, data = world.epoch - 1, bytes(review.disapprove.calldata(job, b"\x44" * 32))
    world.panel, kept = panel, world.panel
    votes = world.sign(data, *world.judges, target=review)
    meter.call("a render job refused by three", panel.decide, epoch, review, data, 0, votes)
    world.panel = kept
