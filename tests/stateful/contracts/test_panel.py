"""A panel on chain against the executable spec, while stake moves, validators go silent and keys change."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from harness.panel import PanelWorld
from harness.vm import Reverted
from harness.world import WAD
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from weftwork.errors import Refused
from weftwork.spec import panel as spec
from weftwork.units import Digest


@cache
def build_world():
    world = PanelWorld((40, 35, 25, 20))
    world.point = world.vm.snapshot()
    return world


who = st.integers(0, 3)


class PanelMachine(RuleBasedStateMachine):
    """Four validators stake, leave, judge or not, sell their identity, and sign decisions and faults."""

    @initialize()
    def start(self):
        world = self.world = build_world()
        world.vm.restore(world.point)
        doors = {(world.door.address, world.selector("set_value")), (world.panel.address, spec.NOTE_FAULT)}
        self.spec = spec.Panel(frozenset(doors), address=world.panel.address)
        self.made = 0
        self.supply = world.token.totalSupply()

    @rule(judge=who, amount=st.integers(1, 200))
    def stake(self, judge, amount):
        one = self.world.judges[judge]
        self.world.fund(one.account, amount * WAD)
        self.world.stakes.stake(self.world.subnet, one.agent, amount * WAD, sender=one.account)

    @rule(judge=who, part=st.integers(1, 3))
    def unstake(self, judge, part):
        one, stakes = self.world.judges[judge], self.world.stakes
        shares = stakes.shares_of(self.world.subnet, one.agent, one.account)
        if not shares:
            return
        try:
            stakes.unstake(self.world.subnet, one.agent, shares // part, sender=one.account)
        except Reverted:
            stakes.unstake(self.world.subnet, one.agent, shares, sender=one.account)

    @rule(judge=who)
    def sell_identity(self, judge):
        one = self.world.judges[judge]
        if self.world.identity.getAgentWallet(one.agent) == one.address:
            heir = self.world.vm.account("heir")
            self.world.identity.transferFrom(one.account, heir, one.agent, sender=one.account)

    @rule(silent=st.sets(who))
    def pass_epoch(self, silent):
        world, out = self.world, []
        seats = world.weights.seats_at(world.subnet, world.epoch)
        for place, one in enumerate(world.judges):
            seated = seats >> one.uid & 1 and world.identity.getAgentWallet(one.agent) == one.address
            staked = world.stakes.stake_at(world.subnet, one.agent, world.epoch)
            if seated and staked >= world.params.stake_threshold and place not in silent:
                out.append((one, {world.mia.uid: 1}))
        world.judge(out)
        world.next_epoch()

    @rule(
        signers=st.lists(who, max_size=5),
        value=st.integers(0, 2),
        nonce=st.integers(0, 1),
        back=st.integers(0, 3),
    )
    def decide(self, signers, value, nonce, back):
        world = self.world
        now, epoch = world.epoch, world.epoch - back
        if epoch < 0:
            return
        self.carry(signers, world.door, world.call(value), nonce, epoch, now)

    @rule(
        signers=st.lists(who, min_size=2, max_size=4),
        agent=who,
        work=st.integers(0, 1),
        proof=st.integers(0, 2),
        nonce=st.integers(0, 1),
    )
    def note_fault(self, signers, agent, work, proof, nonce):
        world = self.world
        fault = spec.Fault(world.judges[agent].agent, work, Digest(bytes(31) + bytes([proof])))
        self.carry(signers, world.panel, fault.call, nonce, world.epoch - 1, world.epoch)

    def carry(self, signers, target, data, nonce, epoch, now):
        """One decision by both, with the same end."""
        world = self.world
        people = [world.judges[place] for place in signers]
        votes = world.sign(data, *people, epoch=epoch, nonce=nonce, target=target)
        voices = world.voices(epoch)
        uids = [one.uid for one in people]
        try:
            expected = self.spec.decide(epoch, now, target.address, data, nonce, uids, voices)
        except Refused as refusal:
            with world.vm.reverts(refusal.sentence):
                world.panel.decide(epoch, target, data, nonce, votes)
            return
        assert world.panel.decide(epoch, target, data, nonce, votes) == expected
        if target is world.door:
            self.made += 1
            assert data == world.call(world.door.value())
        else:
            assert world.vm.event("Faulted").args.epoch == now

    @invariant()
    def voices_are_those_of_the_spec(self):
        world = self.world
        epoch = world.epoch - 1
        voices = world.voices(epoch)
        assert world.panel.total(epoch) == sum(spec.stood(one, epoch) for one in voices.values())
        for uid, one in voices.items():
            assert world.panel.voice(epoch, uid) == spec.weigh(replace(one, holds=True), epoch)

    @invariant()
    def decisions_are_those_of_the_spec_and_no_unit_moved(self):
        world = self.world
        assert world.door.calls() == self.made == len(self.spec.decided) - len(self.spec.faults)
        for fault in self.spec.faults.values():
            assert world.panel.fault_of(fault.agent, fault.work) == fault.evidence
        assert world.token.totalSupply() == self.supply
        assert world.token.balanceOf(world.panel) == 0
        assert all(world.panel.is_decided(name) for name in self.spec.decided)


PanelMachine.TestCase.settings = settings(max_examples=8, stateful_step_count=12)
TestPanel = PanelMachine.TestCase
