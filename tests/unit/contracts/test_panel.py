"""Validators as one account: who carries a decision, and everything that a panel refuses."""

from __future__ import annotations

import itertools

import pytest
from harness.panel import PanelWorld
from harness.vm import ZERO_ADDRESS, hash_typed
from harness.world import WAD

from weftwork.errors import BadInput
from weftwork.spec import panel as spec
from weftwork.units import Digest


@pytest.fixture(scope="module")
def built():
    return PanelWorld()


@pytest.fixture
def world(built):
    point = built.vm.snapshot()
    yield built
    built.vm.restore(point)


def test_more_than_half_of_the_stake_carries_a_decision(world):
    most, middle, least = world.judges
    assert world.decide(world.call(7), most) == 60 * WAD
    assert world.door.value() == 7
    assert world.decide(world.call(8), middle, most, least) == 100 * WAD


def test_minority_of_checkers_decides_nothing(world):
    _, middle, least = world.judges
    with world.vm.reverts("panel: majority is not reached"):
        world.decide(world.call(7), middle, least)
    assert world.door.calls() == 0


def test_exactly_half_is_no_majority():
    world = PanelWorld((50, 50))
    with world.vm.reverts("panel: majority is not reached"):
        world.decide(world.call(7), world.judges[0])
    world.decide(world.call(7), *world.judges)


def test_every_order_of_signatures_is_the_same(world):
    data = world.call(7)
    for votes in itertools.permutations(world.sign(data, *world.judges)):
        point = world.vm.snapshot()
        assert world.panel.decide(world.epoch - 1, world.door, data, 0, list(votes)) == 100 * WAD
        world.vm.restore(point)


def test_decision_is_carried_out_once_whoever_signs_it_again_in_whatever_epoch(world):
    most, middle, _ = world.judges
    world.decide(world.call(7), most)
    with world.vm.reverts("panel: decision is carried out"):
        world.decide(world.call(7), most, middle)
    world.judge_all()
    world.next_epoch()
    with world.vm.reverts("panel: decision is carried out"):
        world.decide(world.call(7), most, middle)
    world.decide(world.call(7), most, nonce=1)
    assert world.door.calls() == 2


def test_validator_that_signs_twice_counts_once(world):
    _, middle, _ = world.judges
    (vote,) = world.sign(world.call(7), middle)
    with world.vm.reverts("panel: validator signs twice"):
        world.panel.decide(world.epoch - 1, world.door, world.call(7), 0, [vote, vote])


def test_signature_is_for_one_call_one_epoch_one_nonce_one_panel_and_one_chain(world):
    most, _, _ = world.judges
    now = world.epoch - 1
    (vote,) = world.sign(world.call(7), most)
    for epoch, data, nonce in ((now, world.call(8), 0), (now - 1, world.call(7), 0), (now, world.call(7), 1)):
        with world.vm.reverts("panel: signer differs"):
            world.panel.decide(epoch, world.door, data, nonce, [vote])
    twin = world.vm.deploy("Panel", world.weights)
    twin.bind(world.subnet, [(world.door, world.selector("set_value"))])
    with world.vm.reverts("panel: signer differs"):
        twin.decide(now, world.door, world.call(7), 0, [vote])
    world.vm.chain_id = 1
    world.vm.mine(0)
    try:
        with world.vm.reverts("panel: signer differs"):
            world.panel.decide(now, world.door, world.call(7), 0, [vote])
    finally:
        world.vm.chain_id = 31337
        world.vm.mine(0)


def test_strangers_signature_and_an_empty_seat_are_refused(world):
    data, now = world.call(7), world.epoch - 1
    stranger = world.vm.account("stranger")
    signature = stranger.sign(world.digest(data, now))
    with world.vm.reverts("panel: signer differs"):
        world.panel.decide(now, world.door, data, 0, [(world.judges[0].uid, signature)])
    with world.vm.reverts("panel: nobody had that seat"):
        world.panel.decide(now, world.door, data, 0, [(world.mia.uid, signature)])
    with world.vm.reverts("panel: validator signs twice"):
        world.panel.decide(now, world.door, data, 0, [(256, signature)])


def test_panel_opens_only_the_doors_that_were_named(world):
    data, now = bytes(world.door.drain.calldata()), world.epoch - 1
    votes = world.sign(data, *world.judges)
    with world.vm.reverts("panel: there is no such door"):
        world.panel.decide(now, world.door, data, 0, votes)
    with world.vm.reverts("panel: there is no such door"):
        world.panel.decide(now, world.token, world.call(7), 0, world.sign(world.call(7), *world.judges))
    with world.vm.reverts("panel: there is no such door"):
        world.panel.decide(now, world.door, b"\x00", 0, votes)


def test_call_that_fails_is_not_carried_out_and_can_be_tried_again(world):
    with world.vm.reverts("door: unlucky"):
        world.decide(world.call(13), *world.judges)
    name = world.panel.decision_id(world.door, world.call(13), 0)
    assert name == spec.decision_id(world.door.address, world.call(13))
    assert not world.panel.is_decided(name)


def test_epoch_that_runs_or_is_long_over_does_not_decide(world):
    now = world.epoch
    with world.vm.reverts("panel: epoch is not one of the last two"):
        world.decide(world.call(7), *world.judges, epoch=now)
    with world.vm.reverts("panel: epoch is not one of the last two"):
        world.decide(world.call(7), *world.judges, epoch=now - 3)
    world.decide(world.call(7), *world.judges, epoch=now - 2)


def test_stake_that_came_in_the_epoch_itself_decides_nothing_and_hinders_nothing(world):
    _, middle, least = world.judges
    world.fund(least.account, 10_000 * WAD)
    world.stakes.stake(world.subnet, least.agent, 5_000 * WAD, sender=least.account)
    world.judge_all()
    world.next_epoch()
    assert world.panel.voice(world.epoch - 1, least.uid) == 10 * WAD
    assert world.panel.total(world.epoch - 1) == 100 * WAD
    with world.vm.reverts("panel: majority is not reached"):
        world.decide(world.call(7), middle, least)
    world.judge_all()
    world.next_epoch()
    assert world.decide(world.call(7), least) == 5_010 * WAD


def test_stake_that_has_left_since_does_not_decide(world):
    most, middle, least = world.judges
    shares = world.stakes.shares_of(world.subnet, most.agent, most.account)
    world.stakes.unstake(world.subnet, most.agent, shares, sender=most.account)
    with world.vm.reverts("panel: majority is not reached"):
        world.decide(world.call(7), most)
    with world.vm.reverts("panel: majority is not reached"):
        world.decide(world.call(7), most, middle, least)


def test_validator_whose_wallet_changed_counts_nothing_and_spoils_nothing(world):
    most, _middle, least = world.judges
    heir = world.vm.account("heir")
    world.identity.transferFrom(least.account, heir, least.agent, sender=least.account)
    assert world.decide(world.call(7), most, least) == 60 * WAD


def test_validator_that_did_not_reveal_twice_has_no_voice_and_counts_as_against(world):
    most, middle, least = world.judges
    for _ in range(2):
        world.judge_all(but=(middle, least))
        world.next_epoch()
    assert world.panel.voice(world.epoch - 1, middle.uid) == 0
    assert world.panel.total(world.epoch - 1) == 100 * WAD
    assert world.decide(world.call(7), most, middle, least) == 60 * WAD
    for _ in range(2):
        world.judge_all(but=(most,))
        world.next_epoch()
    with world.vm.reverts("panel: majority is not reached"):
        world.decide(world.call(8), most, middle, least)


def test_dust_that_alone_reveals_decides_nothing_while_the_others_have_nothing_to_weigh():
    world = PanelWorld((600, 300, 1))
    honest, other, dust = world.judges
    for _ in range(2):
        world.judge_all(but=(honest, other))
        world.next_epoch()
    assert world.weights.active_at(world.subnet, world.epoch - 1) == 1 << dust.uid
    for decide in (lambda: world.fault(world.mia.agent, 5, dust), lambda: world.decide(world.call(7), dust)):
        with world.vm.reverts("panel: majority is not reached"):
            decide()
    assert world.panel.fault_of(world.mia.agent, 5) == bytes(32)


def test_seat_that_was_given_up_is_not_in_the_total(world):
    most, middle, _ = world.judges
    world.weights.leave(world.subnet, most.uid, sender=most.account)
    world.next_epoch()
    world.judge_all()
    world.next_epoch()
    assert world.panel.total(world.epoch - 1) == 40 * WAD
    assert world.decide(world.call(7), middle) == 30 * WAD


def test_where_nobody_judges_nothing_is_decided(world):
    world.vm.mine(200)
    assert world.panel.total(world.epoch - 1) == 100 * WAD
    with world.vm.reverts("panel: majority is not reached"):
        world.decide(world.call(7), *world.judges)


def test_panel_is_bound_once_by_its_deployer_to_contracts_alone(world):
    founder = world.founder
    panel = world.vm.deploy("Panel", world.weights, sender=founder)
    door = [(world.door, world.selector("set_value"))]
    with world.vm.reverts("panel: caller is not the deployer"):
        panel.bind(world.subnet, door, sender=world.vm.account("stranger"))
    with world.vm.reverts("panel: subnet is zero"):
        panel.bind(0, door, sender=founder)
    with world.vm.reverts("panel: there are no doors"):
        panel.bind(world.subnet, [], sender=founder)
    with world.vm.reverts("panel: door is no contract"):
        panel.bind(world.subnet, [(ZERO_ADDRESS, b"\x11" * 4)], sender=founder)
    panel.bind(world.subnet, door, sender=founder)
    with world.vm.reverts("panel: already bound"):
        panel.bind(world.subnet, door, sender=founder)


def test_signed_bytes_are_those_of_a_wallet_that_shows_typed_data(world):
    data, epoch = world.call(7), world.epoch - 1
    domain = {
        "name": "Weftwork",
        "version": "1",
        "chainId": world.vm.chain_id,
        "verifyingContract": world.panel.address,
    }
    pairs = ("uint64 subnet", "uint64 epoch", "address target", "bytes data", "uint256 nonce")
    fields = {"Decision": [tuple(pair.split()) for pair in pairs]}
    message = {"subnet": world.subnet, "epoch": epoch, "target": world.door, "data": data, "nonce": 5}
    shown = hash_typed(domain, fields, message)
    assert shown == world.digest(data, epoch, 5)
    assert shown == world.panel.hash_decision(epoch, world.door, data, 5)


# the docket


def test_majority_puts_a_fault_on_record_once_for_each_agent_and_work(world):
    most, middle, least = world.judges
    proof = b"\x77" * 32
    assert world.fault(world.mia.agent, 5, most, proof=proof) == 60 * WAD
    noted = world.vm.event("Faulted").args
    assert (noted.agent, noted.work, noted.evidence, noted.epoch) == (world.mia.agent, 5, proof, world.epoch)
    assert world.panel.fault_of(world.mia.agent, 5) == proof
    with world.vm.reverts("panel: decision is carried out"):
        world.fault(world.mia.agent, 5, most, middle, proof=proof)
    for nonce, other in ((1, proof), (0, b"\x78" * 32)):
        with world.vm.reverts("panel: fault is on record"):
            world.fault(world.mia.agent, 5, most, middle, least, proof=other, nonce=nonce)
    world.fault(world.mia.agent, 6, most)
    world.fault(most.agent, 5, most, middle)
    assert world.panel.fault_of(most.agent, 5) != bytes(32)


def test_colluding_validator_with_less_than_half_faults_nobody(world):
    _, middle, least = world.judges
    with world.vm.reverts("panel: majority is not reached"):
        world.fault(world.mia.agent, 5, middle, least)
    assert world.panel.fault_of(world.mia.agent, 5) == bytes(32)


def test_only_the_panel_itself_puts_faults_on_record(world):
    for sender in (world.founder, world.judges[0].account, world.door):
        with world.vm.reverts("panel: caller is not the panel"):
            world.panel.note_fault(world.mia.agent, 5, b"\x77" * 32, sender=sender)


def test_fault_without_evidence_is_refused(world):
    with world.vm.reverts("panel: there is no evidence"):
        world.fault(world.mia.agent, 5, *world.judges, proof=bytes(32))


def test_panel_that_was_not_bound_to_itself_has_no_docket(world):
    twin = world.vm.deploy("Panel", world.weights)
    twin.bind(world.subnet, [(world.door, world.selector("set_value"))])
    world.panel, kept = twin, world.panel
    try:
        with world.vm.reverts("panel: there is no such door"):
            world.fault(world.mia.agent, 5, *world.judges)
    finally:
        world.panel = kept


def test_call_of_the_docket_is_the_contracts_own(world):
    fault = spec.Fault(7, 9, Digest(b"\x77" * 32))
    assert fault.call == bytes(world.panel.note_fault.calldata(7, 9, b"\x77" * 32))
    assert spec.Fault.from_call(fault.call) == fault
    for call in (fault.call[:-1], b"\0" * 100):
        with pytest.raises(BadInput):
            spec.Fault.from_call(call)
