"""The compute layer is raised beside a network, and found by strangers who trust its founder alone."""

from __future__ import annotations

import pytest

from weftwork import ledger
from weftwork.errors import NetworkNotFound
from weftwork.ledger.annex import find_annex, find_founder
from weftwork.ledger.deployment import WAD, deploy_network
from weftwork.ledger.deployment_compute import (
    DOORS,
    LAYER,
    NOTE_FAULT,
    ComputeContracts,
    ComputeTerms,
    deploy_compute,
    find_compute,
    find_panel,
    open_panels,
)
from weftwork.ledger.hash import keccak
from weftwork.spec.subnet import SUBNET_PRESETS


@pytest.fixture(scope="module")
def raised():
    with ledger.connect("embedded:", dev=True) as chain:
        founder = chain.treasury()
        contracts = deploy_network(chain, founder, genesis={founder.address: 1_000_000 * WAD})
        yield chain, founder, contracts, deploy_compute(chain, founder, contracts)


def test_layer_is_found_from_the_ledger_alone(raised):
    chain, founder, contracts, parts = raised
    assert find_compute(chain, contracts) == parts
    assert find_founder(chain, contracts) == founder.address
    assert ComputeContracts.from_json(parts.to_json()) == parts


def test_parts_are_wired_to_the_network_and_to_each_other(raised):
    chain, founder, contracts, parts = raised
    market, burner = parts.at(chain, "market"), parts.at(chain, "credits")
    assert market.call("network") == contracts.token
    assert market.call("currencies", contracts.token)[:2] == (True, 1_000)
    assert market.call("currencies", parts.dollar)[:2] == (True, 2_000)
    assert market.call("pending_owner") == parts.governor
    assert market.call("income")[2] == parts.votes
    places = burner.call("places")
    assert tuple(places[:5]) == (
        contracts.token, parts.prices, parts.jobs, parts.review, contracts.epochs,
    )  # fmt: skip
    assert contracts.at(chain, "token").call("is_minter", parts.credits)
    assert parts.at(chain, "prices").call("price") == WAD
    assert parts.at(chain, "governor").call("votes") == parts.votes
    assert parts.at(chain, "dollar").call("balanceOf", founder.address) == 10**6 * WAD


def test_validators_of_two_subnets_are_the_checkers(raised):
    chain, founder, contracts, parts = raised
    assert parts.at(chain, "review").call("checker") == parts.render_panel
    assert parts.at(chain, "credits").call("places").checker == parts.availability_panel
    assert parts.at(chain, "render_panel").call("subnet") == 0
    opened = open_panels(chain, contracts, founder, SUBNET_PRESETS["local"], tempo=60, commit_blocks=36)
    assert opened == {"render_panel": 1, "availability_panel": 2}
    again = open_panels(chain, contracts, founder, SUBNET_PRESETS["local"], tempo=60, commit_blocks=36)
    assert again == opened
    usual = {"report_ready": (0, [], []), "note_fault": (0, 0, bytes(32))}
    for name, doors in DOORS.items():
        panel = parts.at(chain, name)
        assert panel.call("subnet") == opened[name]
        assert panel.call("weights") == contracts.weights
        for part, function in doors:
            codec, word = parts.at(chain, part), function.partition("(")[0]
            data = codec.encode(word, *usual.get(word, (1, bytes(32))))
            assert panel.call("is_door", codec.address, data[:4])
        assert not panel.call("is_door", contracts.token, b"\xa9\x05\x9c\xbb")


def test_checker_of_its_own_leaves_the_panels_aside(raised):
    chain, founder, contracts, _ = raised
    parts = deploy_compute(chain, founder, contracts, checker=founder.address)
    assert parts.at(chain, "review").call("checker") == founder.address


def test_annex_by_a_stranger_is_not_believed(raised):
    chain, founder, contracts, parts = raised
    stranger = ledger.Account.create(seed="a stranger who annexes")
    chain.wait(chain.send(founder, stranger.address, value=WAD))
    forged = [(name, stranger.address) for name in parts.to_json()]
    chain.deploy(stranger, "Annex", contracts.epochs, LAYER, forged)
    chain.deploy(stranger, "Annex", contracts.epochs, "another", forged)
    assert find_compute(chain, contracts) == parts
    with pytest.raises(NetworkNotFound, match="has no another layer"):
        find_annex(chain, contracts, "another")


def test_panel_of_a_subnet_is_the_founders_since_it_was_bound_and_nobody_elses(raised):
    chain, founder, contracts, parts = raised
    opened = open_panels(chain, contracts, founder, SUBNET_PRESETS["local"], tempo=60, commit_blocks=36)
    subnet = opened["render_panel"]
    forged = chain.deploy(founder, "Panel", contracts.weights)
    forged.send(founder, "bind", subnet, [(forged.address, keccak(NOTE_FAULT.encode())[:4])])
    stranger = ledger.Account.create(seed="a stranger who annexes panels")
    chain.wait(chain.send(founder, stranger.address, value=WAD))
    chain.deploy(stranger, "Annex", contracts.epochs, LAYER, [("render_panel", forged.address)])
    found = find_panel(chain, contracts, subnet)
    assert found is not None
    assert found.address == parts.render_panel
    bound = found.events("Bound")[0].block
    assert find_panel(chain, contracts, subnet, block=bound) is not None
    for block in (bound - 1, 0):
        assert find_panel(chain, contracts, subnet, block=block) is None
    assert find_panel(chain, contracts, 99) is None


def test_network_without_the_layer_says_so():
    with ledger.connect("embedded:") as chain:
        founder = chain.treasury()
        contracts = deploy_network(chain, founder)
        with pytest.raises(NetworkNotFound, match="has no compute layer"):
            find_compute(chain, contracts)
        assert find_panel(chain, contracts, 1) is None
        chain.deploy(founder, "Annex", contracts.epochs, LAYER, [("render_panel", founder.address)])
        assert find_panel(chain, contracts, 1) is None, "what is no contract is no panel"


def test_dollar_of_six_decimals_and_terms_of_a_real_network():
    with ledger.connect("embedded:") as chain:
        founder = chain.treasury()
        contracts = deploy_network(chain, founder)
        parts = deploy_compute(chain, founder, contracts, terms=ComputeTerms(decimals=6, take="none"))
        dollar = parts.at(chain, "dollar")
        assert (dollar.call("symbol"), dollar.call("decimals")) == ("TUSD", 6)
        assert parts.at(chain, "market").call("currencies", parts.dollar) == (True, 0, 500_000)
        assert parts.at(chain, "prices").call("peek")[0] == 0
