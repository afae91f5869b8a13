"""``weft leave`` as people type it: who joined by command leaves by command, on a ledger that serves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness.process import Weft, run_weft

from weftwork import ledger
from weftwork.ledger import Account, Ledger, read_treasury
from weftwork.ledger.deployment import Contracts
from weftwork.network.enrol import enrol_neuron, fund
from weftwork.network.founding import LedgerProcess, open_network
from weftwork.network.home import Home
from weftwork.units import WAD

PLEDGE = 50 * WAD
FRIEND = Account.create("a friend of who leaves").address


@dataclass
class Place:
    """A ledger that serves, the network on it, and the folder of this machine's homes."""

    folder: Path
    chain: Ledger
    contracts: Contracts
    founder: Account
    url: str

    def join(self, name: str, **given: Any) -> Home:
        """A home whose role joined and stopped, with all that it wrote down."""
        home = Home.open(self.folder / f"joined-{name}", create=True)
        account = home.account(f"{name}-1")
        fund(self.chain, self.contracts, self.founder, account.address, coins=500 * WAD)
        enrol_neuron(self.chain, self.contracts, account, 1, f"data:,{name}", max_price=2**127, **given)
        home.save(ledger=self.url, contracts=self.contracts.to_json(), pid=None, roles={})
        return home

    def coins(self, address: str) -> int:
        return int(self.contracts.at(self.chain, "token").call("balanceOf", address))

    def mine_to(self, block: int) -> None:
        self.chain.rpc("evm_mine", {"blocks": max(0, block - self.chain.block_number())})

    def leave(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run_weft(self.folder, "leave", *words, "--json").stdout)
        return found

    def refused(self, *words: str) -> tuple[int, dict[str, Any]]:
        done = run_weft(self.folder, "leave", *words, "--json", check=False)
        return done.returncode, json.loads(done.stdout)["error"]


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[LedgerProcess, Ledger, Contracts, Account]]:
    path = tmp_path_factory.mktemp("served") / "ledger"
    process = LedgerProcess.start(path, dev=True)
    chain, founder = ledger.connect(process.url), read_treasury(path)
    yield process, chain, open_network(chain, founder), founder
    chain.close()
    process.stop()


@pytest.fixture
def place(tmp_path: Path, served: tuple[LedgerProcess, Ledger, Contracts, Account]) -> Place:
    process, chain, contracts, founder = served
    return Place(tmp_path, chain, contracts, founder, process.url)


def test_a_role_leaves_in_two_calls_and_the_second_says_it_is_over(place: Place) -> None:
    home = place.join("provider", collateral=PLEDGE)
    address = home.account("provider-1").address
    had = place.coins(address)
    shown = run_weft(place.folder, "leave").stdout
    lines = shown.splitlines()
    assert lines[0].split() == ["role", "subnet", "what", "amount", "state"]
    (row,) = (line for line in lines if "collateral" in line)
    assert "50 WEFT  unbonding until block " in row
    until = int(row.split("until block ")[1].split(",")[0].split(";")[0])
    assert lines[-1].startswith(f"next: weft leave   after block {until}")
    first = place.leave()
    assert (first["over"], first["next"]["after_block"]) == (False, until)
    (account,) = first["accounts"]
    assert (account["name"], account["account"]) == ("provider-1", address)
    (step,) = account["steps"]
    assert (step["what"], step["state"], step["amount"], step["until_block"]) == (
        "collateral",
        "unbonding",
        PLEDGE,
        until,
    )
    place.mine_to(until)
    planned = place.leave("provider", "--dry-run", "--to", FRIEND)
    assert [(s["what"], s["planned"]) for s in planned["accounts"][0]["steps"]] == [
        ("collateral", True),
        ("free coins", True),
        ("gas money", True),
    ]
    assert place.coins(address) == had
    done = run_weft(place.folder, "leave", "provider", "--to", FRIEND).stdout
    assert "50 WEFT  taken" in done
    assert done.splitlines()[-1] == "next: weft status"
    assert place.coins(address) == 0
    assert place.coins(FRIEND) == had + PLEDGE
    assert place.leave("joined-provider", "--ledger", place.url)["over"] is True
    assert "nothing is left here" in run_weft(place.folder, "leave").stdout


def test_a_miner_joins_by_command_is_refused_while_it_runs_and_leaves(place: Place) -> None:
    (place.folder / "founder.key").write_text(place.founder.key.hex())
    words = ["--ledger", place.url, "--engine", "echo", "--fund-from", str(place.folder / "founder.key")]
    miner = Weft(place.folder, "join", "miner", *words)
    try:
        miner.ready()
        status, error = place.refused("miner")
        assert (status, error["code"]) == (1, "refused")
        assert error["hint"].startswith("weft down joined-miner")
        run_weft(place.folder, "down", "miner")
        assert miner.end() == 0
    finally:
        miner.close()
    address = Home.open(place.folder / "joined-miner").account("miner-1").address
    subnets = place.contracts.at(place.chain, "subnets")
    agents = [row.agent for row in subnets.call("neurons", 1) if row.wallet == address and not row.free]
    assert agents
    steps = place.leave("miner")["accounts"][0]["steps"]
    assert [(step["what"], step["state"]) for step in steps] == [("place", "given up")]
    assert not subnets.call("is_registered", 1, agents[0])
    assert Home.open(place.folder / "joined-miner").facts["leaving"]
    again = Weft(place.folder, "join", "miner", *words)
    try:
        again.ready()
        assert Home.open(place.folder / "joined-miner").facts["leaving"] == {}, "it takes part again"
        assert subnets.call("is_registered", 1, agents[0])
        assert again.end() == 0
    finally:
        again.close()


def test_what_cannot_be_left_is_said_with_a_next_step(place: Place) -> None:
    status, error = place.refused()
    assert (status, error["code"], error["hint"][:9]) == (1, "not_found", "weft join")
    place.join("one")
    place.join("two")
    status, error = place.refused()
    assert (status, error["code"]) == (2, "input.config")
    assert "joined-one, joined-two" in error["message"]
    assert error["hint"] == "name one: weft leave joined-one"
    status, error = place.refused("three")
    assert (status, error["code"]) == (1, "not_found")
    assert "joined-one, joined-two" in error["hint"]
    wrong = (
        FRIEND[:-1] + FRIEND[-1].swapcase() if FRIEND[-1].isalpha() else FRIEND.swapcase().replace("0X", "0x")
    )
    for address in ("friend", "0x" + "0" * 40, wrong):
        status, error = place.refused("one", "--to", address)
        assert (status, error["code"]) == (2, "input"), address
    status, error = place.refused("one", "--ledger", "embedded:here")
    assert (status, error["code"]) == (2, "input.config")
    status, error = place.refused("one", "--ledger", "http://127.0.0.1:9")
    assert (status, error["code"]) == (1, "ledger.unavailable")


def test_a_role_that_failed_before_it_wrote_down_its_network_leaves_by_its_ledger(place: Place) -> None:
    home = place.join("half", stake=PLEDGE)
    home.file.unlink()
    status, error = place.refused("half")
    assert (status, error["code"]) == (1, "unavailable")
    assert "--ledger URL" in error["hint"]
    steps = place.leave("half", "--ledger", place.url)["accounts"][0]["steps"]
    assert [(step["what"], step["state"]) for step in steps] == [
        ("stake", "unbonding"),
        ("place", "given up"),
    ]


def test_a_home_of_another_network_is_not_left_by_mistake(place: Place) -> None:
    home = place.join("far", stake=PLEDGE)
    home.save(contracts={**home.facts["contracts"], "epochs": FRIEND})
    status, error = place.refused("far", "--ledger", place.url)
    assert (status, error["code"]) == (2, "input.config")
    status, error = place.refused("far")
    assert (status, error["code"]) == (1, "unavailable")
