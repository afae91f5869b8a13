"""Faults on record cost collateral by the subnet's closing: once an epoch, to the unit, by no one's word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness.ledger_world import Actor, LedgerWorld

from weftwork import closing
from weftwork.errors import ClosingDiffers, LedgerError, Reverted
from weftwork.ledger import annex
from weftwork.ledger.deployment import WAD
from weftwork.ledger.deployment_compute import LAYER
from weftwork.network.state import read_epoch
from weftwork.network.thread import Entry, Thread, describe_entry
from weftwork.network.verify import verify_thread
from weftwork.spec.merkle import Claim, ClaimKind
from weftwork.spec.panel import NOTE_FAULT, Fault, hash_decision
from weftwork.units import Digest

PLEDGE = 50 * WAD + 7


class Court:
    """A subnet with a panel: two validators of 60 and 40 of the stake, in so many WEFT, a cheat and an honest
    miner, both with collateral, after an epoch that was judged."""

    def __init__(self, *, is_annexed: bool = True, stake: int = 100) -> None:
        world = self.world = LedgerWorld()
        self.alice = world.join("alice", 60 * stake * WAD // 100)
        self.bob = world.join("bob", 40 * stake * WAD // 100)
        self.cheat, self.honest = world.join("cheat"), world.join("honest")
        world.enter(self.alice, self.bob)
        for one in (self.cheat, self.honest):
            world.at("stakes").send(one.account, "lock_collateral", world.subnet, one.agent, PLEDGE)
        self.panel = world.chain.deploy(world.founder, "Panel", world.contracts.weights)
        self.panel.send(world.founder, "bind", world.subnet, [(self.panel.address, NOTE_FAULT)])
        world.next_epoch()
        self.judge()
        if is_annexed:
            self.annex()

    def annex(self) -> None:
        """The founder says that the panel is one of the network's."""
        parts = [("render_panel", self.panel.address)]
        self.world.chain.deploy(self.world.founder, "Annex", self.world.contracts.epochs, LAYER, parts)

    def judge(self) -> int:
        """One epoch, judged, and the next begun; its number."""
        row = {self.honest.uid: 1}
        epoch = self.world.judge((self.alice, row), (self.bob, row))
        self.world.next_epoch()
        return epoch

    def note(self, agent: int, work: int, *signers: Actor, nonce: int = 0, panel: object = None) -> None:
        """Have the panel put a fault on record."""
        world, fault = self.world, Fault(agent, work, Digest.of(b"proof %d" % work))
        given = panel or self.panel
        digest = hash_decision(
            world.chain.chain_id,
            given.address,
            world.subnet,
            world.epoch - 1,
            given.address,
            fault.call,
            nonce,
        )
        votes = [(one.uid, one.account.sign_hash(digest)) for one in signers]
        given.send(world.founder, "decide", world.epoch - 1, given.address, fault.call, nonce, votes)

    def pledge(self, one: Actor) -> int:
        """What stands for somebody now, wad."""
        return int(self.world.at("stakes").call("collaterals", self.world.subnet, one.agent).amount)

    def settle(self, epoch: int) -> closing.ClosingPlan:
        """Close an epoch and carry out its claims."""
        return self.world.settle(epoch, self.alice, self.bob)

    def verify(self, epoch: int) -> closing.ClosingPlan:
        """The epoch once more, from the ledger alone."""
        return closing.verify_closing(self.world.chain, self.world.contracts, self.world.subnet, epoch)

    def burnt(self) -> int:
        """All that ever was burnt, wad."""
        token = self.world.at("token")
        return int(token.call("minted") - token.call("totalSupply"))


@pytest.fixture
def court():
    court = Court()
    yield court
    court.world.close()


def slashes(plan: closing.ClosingPlan) -> list[Claim]:
    return [claim for claim in plan.claims if claim.kind == ClaimKind.SLASH]


def test_cheat_loses_a_tenth_of_its_collateral_once_for_all_faults_of_an_epoch(court):
    world, due = court.world, PLEDGE // 10
    court.settle(world.epoch - 1)
    court.note(court.cheat.agent, 5, court.alice)
    court.note(court.cheat.agent, 6, court.alice, court.bob)
    epoch = court.judge()
    before, coins = court.burnt(), world.at("token").call("balanceOf", court.cheat.address)
    snapshot = closing.read_snapshot(world.chain, world.contracts, world.subnet, epoch)
    assert snapshot.culprits == (), "bonds and who stood ready do not ask for them"
    plan = court.settle(epoch)
    assert [one.agent for one in plan.snapshot.culprits] == [court.cheat.agent]
    (claim,) = slashes(plan)
    assert (claim.agent, claim.account, claim.amount) == (court.cheat.agent, court.cheat.address, due)
    assert (court.pledge(court.cheat), court.pledge(court.honest)) == (PLEDGE - due, PLEDGE)
    assert court.burnt() - before == due
    assert world.at("token").call("balanceOf", court.cheat.address) == coins
    assert world.at("token").call("balanceOf", world.contracts.epochs) == 0, "no unit of the pot went for it"
    assert court.verify(epoch).claims == plan.claims

    later = court.judge()
    assert slashes(court.settle(later)) == [], "what was paid for is paid for"
    assert court.pledge(court.cheat) == PLEDGE - due
    with pytest.raises(Reverted, match="fault is on record"):
        court.note(court.cheat.agent, 5, court.alice, court.bob, nonce=1)
    assert court.verify(epoch).closing == plan.closing, "recomputed later, it is the same"

    told = read_epoch(world.chain, world.contracts, world.subnet, epoch)
    assert told["slashed"] == {str(court.cheat.agent): due}
    assert told["payout"] == plan.closing.payout == sum(row["paid"] for row in told["neurons"])
    assert {row["agent"]: row["slashed"] for row in told["neurons"] if row["slashed"]} == {claim.agent: due}


def test_thread_of_a_slash_says_what_was_burnt_and_names_an_amount_that_was_changed(court):
    world = court.world
    court.settle(world.epoch - 1)
    court.note(court.cheat.agent, 5, court.alice)
    plan = court.settle(court.judge())
    (claim,) = slashes(plan)
    payment = plan.payments[claim.index]
    thread = Thread(str(payment.id), world.contracts.to_json())
    for record in (plan.closing, payment):
        thread.entries[str(record.id)] = Entry(str(record.id), record.to_json())
    checks = verify_thread(thread, world.chain, world.contracts)
    assert not [check for check in checks if check.ok is False]
    (said,) = [check.detail for check in checks if check.name == "burn"]
    assert said.startswith(f"{PLEDGE // 10} of the {PLEDGE // 10} wad due of agent {court.cheat.agent}")
    assert not [check for check in checks if check.name == "payment"], "nobody was paid"
    assert "collateral burnt" in describe_entry(thread.entries[str(payment.id)])
    forged = payment.replace(amount=payment.amount + 1)
    thread.entries[str(forged.id)] = Entry(str(forged.id), forged.to_json())
    failed = {(one.name, one.id) for one in verify_thread(thread, world.chain, world.contracts) if not one.ok}
    assert {("proof", str(forged.id)), ("payment", str(forged.id))} <= failed


def test_node_that_lost_receipts_or_logs_signs_no_other_closing(court, monkeypatch):
    world = court.world
    court.settle(world.epoch - 1)
    court.note(court.cheat.agent, 5, court.alice)
    epoch = court.judge()
    world.seal(epoch)
    plain, lacking = world.chain.rpc, []

    def pruned(method: str, *params: object) -> object:
        if method not in lacking or (method == "eth_getLogs" and annex.RAISED not in params[0]["topics"]):
            return plain(method, *params)
        return [] if method == "eth_getLogs" else None

    monkeypatch.setattr(world.chain, "rpc", pruned)
    for one in ("eth_getTransactionReceipt", "eth_getLogs"):
        annex._trails.pop(world.chain, None)
        lacking[:] = [one]
        with pytest.raises(LedgerError, match="the ledger has no"):
            world.plan(epoch)
    lacking.clear()
    assert len(slashes(world.plan(epoch))) == 1


def test_panel_of_a_stranger_and_a_minority_of_this_one_slash_nobody(court):
    world = court.world
    court.settle(world.epoch - 1)
    with pytest.raises(Reverted, match="majority is not reached"):
        court.note(court.honest.agent, 5, court.bob)
    mallory = court.bob.account
    forged = world.chain.deploy(mallory, "Panel", world.contracts.weights)
    forged.send(mallory, "bind", world.subnet, [(forged.address, NOTE_FAULT)])
    court.note(court.honest.agent, 5, court.alice, court.bob, panel=forged)
    world.chain.deploy(mallory, "Annex", world.contracts.epochs, LAYER, [("render_panel", forged.address)])
    epoch = court.judge()
    world.seal(epoch)
    plan = world.plan(epoch)
    assert slashes(plan) == []
    wrong = plan.closing.replace(claims=Digest.of(b"as the stranger has it"))
    with pytest.raises(ClosingDiffers, match="claims"):
        closing.compare_closings(plan.closing, wrong)
    court.settle(epoch)
    assert court.pledge(court.honest) == PLEDGE


def test_fault_of_an_epoch_that_nobody_closed_waits_for_the_next_closing(court):
    world = court.world
    court.settle(world.epoch - 1)
    court.note(court.cheat.agent, 5, court.alice)
    stalled = court.judge()
    world.seal(stalled)
    for _ in range(3):
        world.next_epoch()
    world.at("epochs").send(world.founder, "skip", world.subnet, stalled)
    assert court.pledge(court.cheat) == PLEDGE
    epoch = court.judge()
    world.seal(epoch)
    while (open_ := world.at("epochs").call("next_close", world.subnet)) < epoch:
        world.at("epochs").send(world.founder, "skip", world.subnet, open_)
    plan = court.settle(epoch)
    assert [claim.amount for claim in slashes(plan)] == [PLEDGE // 10]
    assert court.pledge(court.cheat) == PLEDGE - PLEDGE // 10
    assert court.verify(epoch).claims == plan.claims


def test_fault_waits_while_too_little_stake_signs_and_is_paid_once_enough_does(monkeypatch):
    court = Court(stake=10_000)  # so that what bob earns meanwhile is nothing beside it
    world, quiet = court.world, {court.honest.uid: 1}
    court.settle(world.epoch - 1)

    def judge_alone() -> int:
        """An epoch in which bob alone shows weights, 40 of 100 of the stake."""
        epoch = world.judge((court.bob, quiet))
        world.next_epoch()
        return epoch

    court.settle(judge_alone())  # alice still counts, as she showed weights an epoch ago
    court.note(court.cheat.agent, 5, court.alice)
    for _ in range(2):
        weak = judge_alone()
        assert len(slashes(world.settle(weak, court.bob))) == 1
        assert not world.at("epochs").call("may_slash", world.subnet, weak)
        assert court.pledge(court.cheat) == PLEDGE, "too little stake signed"
    assert len(slashes(court.settle(court.judge()))) == 1
    assert court.pledge(court.cheat) == PLEDGE - PLEDGE // 10
    assert slashes(court.settle(court.judge())) == [], "what was paid for is paid for"
    assert court.pledge(court.cheat) == PLEDGE - PLEDGE // 10
    assert len(slashes(court.verify(weak))) == 1, "recomputed later, it is the same"

    court.settle(judge_alone())
    court.note(court.cheat.agent, 6, court.alice)
    monkeypatch.setattr(closing.snapshot, "LOOK_BACK", 2)
    for waits in (True, True, False):
        assert bool(slashes(world.settle(judge_alone(), court.bob))) == waits, "for so many closings"
    world.close()


def test_closing_stays_as_it_was_when_a_panel_is_annexed_after_its_epoch():
    court = Court(is_annexed=False)
    court.settle(court.world.epoch - 1)
    court.note(court.cheat.agent, 5, court.alice)
    epoch = court.judge()
    plan = court.settle(epoch)
    assert slashes(plan) == [], "no panel stood behind the subnet then"
    court.annex()
    assert court.verify(epoch).closing == plan.closing
    court.note(court.cheat.agent, 6, court.alice)
    assert len(slashes(court.settle(court.judge()))) == 1
    court.world.close()


def test_collateral_that_was_asked_back_pays_and_what_was_paid_back_does_not(court):
    world, stakes = court.world, court.world.at("stakes")
    court.settle(world.epoch - 1)
    stakes.send(court.cheat.account, "release_collateral", world.subnet, court.cheat.agent)
    assert stakes.call("collateral_of", world.subnet, court.cheat.agent) == 0, "it stands for nothing"
    court.note(court.cheat.agent, 5, court.alice)
    plan = court.settle(court.judge())
    assert [claim.amount for claim in slashes(plan)] == [PLEDGE // 10]
    assert court.pledge(court.cheat) == PLEDGE - PLEDGE // 10, "a slash reaches it all the same"


def test_dust_that_alone_revealed_slashes_nobody_and_its_claims_come_to_an_end(court):
    world = court.world
    court.settle(world.epoch - 1)
    dust = world.join("dust", WAD)
    world.enter(dust)
    world.next_epoch()
    court.settle(world.epoch - 1)
    for is_closed in (True, False):
        epoch = world.judge((dust, {court.honest.uid: 1}))
        world.next_epoch()
        world.seal(epoch)
        if is_closed:
            world.settle(epoch, dust)
    seen = closing.read_snapshot(world.chain, world.contracts, world.subnet, epoch)
    invented = (closing.Culprit(court.honest.agent, court.honest.address, PLEDGE),)
    sealed = closing.read_sealed(world.chain, world.contracts, world.subnet, epoch)
    bonds = closing.read_bonds(world.chain, world.contracts, world.subnet, epoch)
    plan = closing.compute_closing(replace(seen, culprits=invented), sealed, bonds)
    vote = closing.sign_closing(plan, dust.account, world.contracts)
    closing.submit_closing(world.chain, world.contracts, dust.account, plan.closing, [vote])
    closing.claim_all(world.chain, world.contracts, dust.account, plan)
    (leaf,) = slashes(plan)
    for claim in plan.claims:
        made = world.at("epochs").call("is_claimed", world.subnet, epoch, claim.index)
        assert made == (claim != leaf), "what is paid is paid, and nothing is burnt"
    item = (leaf.index, int(leaf.kind), leaf.agent, leaf.account, leaf.amount, plan.proof(leaf.index))
    with pytest.raises(Reverted, match="too little stake signed to slash"):
        world.at("epochs").send(dust.account, "claim", world.subnet, epoch, item)
    assert court.pledge(court.honest) == PLEDGE
