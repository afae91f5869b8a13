"""Gas of burn and mint: a render job from its order to its burn, purchases, epochs, claims."""

from __future__ import annotations

from typing import Any

from harness.minting import WORK, MintingWorld
from harness.tokens import WAD


def run(meter: Any) -> None:
    """Every call; a job is collected by its hook and, where it has none, by hand."""
    world = MintingWorld()
    book, vm = world.credits, world.vm
    client, node = world.customers[0], world.nodes[0]
    meter.deployed(book)
    meter.call("first", book.buy, 10 * WAD, sender=client)
    meter.call("next", book.buy, 10 * WAD, sender=client)
    meter.call("", book.award, node, WAD, sender=client)
    job = world.order(10 * WAD)
    far = vm.time + 30 * 86_400
    other = world.jobs.createJob(book, world.review, far, "a render", book, sender=client)
    meter.call("", book.assign, other, node, sender=client)
    meter.call("", book.submit, job, WORK, sender=node)
    meter.call("collected by its hook", world.review.approve, job, WORK, sender=client)
    plain = world.order(10 * WAD, hooked=False)
    world.deliver(plain)
    meter.call("", book.collect, plain)
    crowd = [vm.account(f"node{i}") for i in range(2, 102)]
    meter.call("100 nodes", book.report_ready, 0, crowd, [10**9] * 100, sender=world.checker)
    meter.call("", book.beforeAction, job, b"\x00" * 4, b"")
    meter.call("nothing", book.afterAction, job, b"\x00" * 4, b"", sender=world.jobs.address)
    world.pass_epoch()
    meter.call("first", book.settle)
    meter.call("work", book.claim, 0, 0, node)
    meter.call("ready", book.claim, 0, 1, crowd[0])
    meter.call("rebate", book.claim, 0, 2, client)
    world.pass_epoch()
    meter.call("quiet", book.settle)
    meter.call("", book.pull, world.operator)
    meter.views(book, {"": 0}, {})
