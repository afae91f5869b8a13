"""Nodes that join by command are drilled by a watcher that joined by command, and paid for standing ready."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.process import Weft, wait_until
from harness.stage import needs_mitsuba, needs_sandbox

from weftwork import ledger
from weftwork.ledger.deployment import find_network
from weftwork.ledger.deployment_compute import find_compute
from weftwork.network.home import Home
from weftwork.store import Store

pytestmark = needs_sandbox


@pytest.fixture
def started() -> Iterator[list[Weft]]:
    made: list[Weft] = []
    yield made
    for one in made:
        one.kill()


@pytest.mark.parametrize(
    ("executor", "trial"),
    [
        pytest.param("render", "render", marks=needs_mitsuba),
        pytest.param("render", "drill", marks=[needs_mitsuba, pytest.mark.nightly]),
        pytest.param("process", "drill", marks=pytest.mark.nightly),
    ],
)
def test_joined_node_is_drilled_reported_by_the_panel_and_paid(
    tmp_path: Path, started: list[Weft], executor: str, trial: str
) -> None:
    up = Weft(tmp_path, "up", "--port", "0", "--roles", "ledger", "--dev", "--block-time", "0")
    started.append(up)
    url = up.ready()["ledger"]
    node = Weft(tmp_path, "join", "provider", "--executor", executor)
    watcher = Weft(tmp_path, "join", "validator", "--rule", "availability", "--trial", trial, "--log", "info")
    started += [node, watcher]
    node.ready()
    watcher.ready()
    chain = ledger.connect(url)
    contracts = find_network(chain)
    parts = find_compute(chain, contracts)
    purse = parts.at(chain, "credits")
    weights, epochs, subnets = (contracts.at(chain, name) for name in ("weights", "epochs", "subnets"))
    subnet = int(parts.at(chain, "availability_panel").call("subnet"))
    start, tempo, commits = (int(one) for one in subnets.call("clocks", subnet)[:3])
    wallet = Home.open(tmp_path / "joined-provider").account("provider-1").address
    judge = Home.open(tmp_path / "joined-validator").account("validator-1").address
    neurons = {row.wallet: uid for uid, row in enumerate(subnets.call("neurons", subnet))}

    def mine_to(block: int) -> None:
        chain.rpc("evm_mine", {"blocks": max(0, block - 1 - chain.block_number())})

    def pass_time(until: int) -> None:
        chain.rpc("evm_setNextBlockTimestamp", until)
        chain.rpc("evm_mine")

    epoch = (chain.block_number() + 1 - start) // tempo + 1
    mine_to(start + epoch * tempo)
    wait_until(
        "weights are sealed",
        lambda: any(weights.call("commitments", subnet, epoch, neurons[judge]).hash),
    )
    mine_to(start + epoch * tempo + commits)
    shown = wait_until(
        "weights are shown", lambda: weights.events("WeightsRevealed", subnet=subnet, epoch=epoch)
    )
    assert tuple(shown[0].args["uids"]) == (neurons[wallet],)
    mine_to(start + (epoch + 1) * tempo)
    wait_until("the epoch is closed", lambda: epochs.call("next_close", subnet) > epoch)

    last = chain.block(start + (epoch + 1) * tempo - 1)["timestamp"]
    begin, length, grace = (int(purse.call(name)) for name in ("start", "length", "grace"))
    paid = (int(last) - begin) // length
    pass_time(begin + (paid + 1) * length)
    wait_until("the panel reports", lambda: purse.call("weight_of", paid, 1, wallet))
    pass_time(begin + (paid + 1) * length + grace)
    (claim,) = wait_until(
        "the node is paid", lambda: purse.events("Claimed", epoch=paid, kind=1, account=wallet)
    )
    assert claim.args["amount"] > 0
    assert purse.call("pool_left", paid, 1) == 0

    watcher.end()
    with Store(Home.open(tmp_path / "joined-validator").store_path("validator-1")) as store:
        assert {score.record.value for score in store.by_kind("score")} == {1_000_000}
    chain.close()
