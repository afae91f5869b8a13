"""A network is raised in one call, and found again by strangers."""

from __future__ import annotations

import pytest

from weftwork import ledger
from weftwork.errors import NetworkNotFound
from weftwork.ledger.deployment import WAD, Contracts, deploy_network, discover, find_network, open_subnet
from weftwork.spec.subnet import SUBNET_PRESETS


@pytest.fixture(scope="module")
def raised():
    with ledger.connect("embedded:", dev=True) as chain:
        account = chain.treasury()
        yield chain, account, deploy_network(chain, account, genesis={account.address: 1_000_000 * WAD})


def test_network_is_found_from_the_ledger_alone_and_from_one_address(raised):
    chain, _, contracts = raised
    assert find_network(chain) == contracts
    assert discover(chain, contracts.epochs) == contracts
    assert Contracts.from_json(contracts.to_json()) == contracts


def test_subnet_opens_for_its_owner(raised):
    chain, account, contracts = raised
    subnet = open_subnet(chain, contracts, account, SUBNET_PRESETS["local"], tempo=40, commit_blocks=20)
    subnets = contracts.at(chain, "subnets")
    assert subnets.call("subnets", subnet)[0] == account.address
    assert bytes(subnets.call("params_hash", subnet, 0)) == SUBNET_PRESETS["local"].hash
    assert tuple(subnets.call("params_at", subnet, 0)) == SUBNET_PRESETS["local"].words


def test_ledger_without_a_network_says_so():
    with ledger.connect("embedded:") as chain:
        with pytest.raises(NetworkNotFound):
            find_network(chain)
        with pytest.raises(NetworkNotFound):
            discover(chain, "0x" + "11" * 20)
