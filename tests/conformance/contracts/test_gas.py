"""The price list of calls: taken on the test EVM, equal to what the ledger charges, watched for changes."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from harness.tokens import WAD
from harness.vm import Vm

from weftwork import ledger
from weftwork.contracts import list_artifacts

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def gas():
    spec = importlib.util.spec_from_file_location("weft_gas", ROOT / "benchmarks" / "gas.py")
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


def test_gas_on_the_test_evm_is_what_the_embedded_ledger_charges():
    vm = Vm()
    owner, miner = vm.account("owner"), vm.account("miner")
    with ledger.connect("embedded:", genesis={owner.address: 10**24}, chain_id=vm.chain_id) as chain:
        payer = ledger.Account.from_key(owner.key)
        here = vm.deploy("Token", owner, 0, [(owner, 1_000 * WAD)], sender=owner)
        there = chain.deploy(payer, "Token", payer.address, 0, [(payer.address, 1_000 * WAD)])
        assert here.address == there.address.lower()
        assert here.deploy_gas == int(chain.rpc("eth_getBlockByNumber", "latest", False)["gasUsed"], 16)
        for function, args in (
            ("transfer", (miner.address, WAD)),
            ("transfer", (miner.address, WAD)),
            ("approve", (miner.address, WAD)),
            ("approve", (miner.address, 0)),
            ("delegate", (owner.address,)),
            ("burn", (WAD,)),
            ("set_minter", (owner.address, True)),
            ("mint", (miner.address, WAD)),
        ):
            getattr(here, function)(*args, sender=owner)
            charged = there.send(payer, function, *args).gas_used
            assert vm.gas_used == charged, function
            vm.mine()


def test_price_list_names_every_contract(gas):
    kept = json.loads(gas.RESULTS.read_text())
    assert sorted(kept["calls"]) == list_artifacts()


def test_change_of_more_than_one_percent_is_named(gas):
    before = {"Token": {"burn(uint256)": {"": 10_000}, "gone()": {"": 5}}}
    for number, named in ((10_000, False), (10_100, False), (9_900, False), (10_101, True), (9_899, True)):
        now = {"Token": {"burn(uint256)": {"": number}, "gone()": {"": 5}}}
        assert bool(gas.compare(before, now)) == named
    lines = gas.compare(before, {"Token": {"fresh()": {"first": 7}}})
    assert lines == [
        "Token.burn(uint256): gone, cost 10,000",
        "Token.gone(): gone, cost 5",
        "Token.fresh() (first): new, costs 7",
    ]
