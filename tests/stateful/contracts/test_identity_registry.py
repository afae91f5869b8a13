"""Agents change hands as snekmate's ERC-721 tokens do, under any calls, and wallets never go along.

snekmate refuses two calls that ERC-721 and the ERC-8004 reference allow, and they are left out: to approve
the owner, and to make oneself an operator. It is AGPL and only ever a peer in this test.
"""

from __future__ import annotations

from functools import cache

from harness.vm import ZERO_ADDRESS, Reverted, Vm
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

PEER = """
# pragma version ~=0.4.3
from snekmate.auth import ownable
from snekmate.tokens import erc721
initializes: ownable
initializes: erc721[ownable := ownable]
exports: erc721.__interface__
@deploy
def __init__():
    ownable.__init__()
    erc721.__init__("AgentIdentity", "AGENT", "", "AgentIdentity", "1")
"""
AGENTS = 3


@cache
def build_world():
    vm = Vm()
    people = [vm.account(name) for name in ("alice", "bob", "carol", "dave")]
    registry, peer = vm.deploy("IdentityRegistry"), vm.deploy(PEER, sender=vm.accounts[0])
    for agent in range(AGENTS):
        registry.register(sender=people[agent])
        peer.safe_mint(people[agent], "", sender=vm.accounts[0])
    return vm, people, registry, peer, vm.snapshot()


person, receiver, agent = st.integers(0, 3), st.integers(0, 4), st.integers(0, AGENTS)


class RegistryMachine(RuleBasedStateMachine):
    """Every call goes to both: both do it and return the same, or both refuse."""

    @initialize()
    def start(self):
        self.vm, self.people, self.registry, self.peer, point = build_world()
        self.vm.restore(point)
        self.wallets = {agent: self.people[agent].address for agent in range(AGENTS)}

    def both(self, name, *args, sender=None):
        results = []
        for contract in (self.peer, self.registry):
            try:
                results.append(getattr(contract, name)(*args, sender=sender))
            except Reverted:
                results.append("refused")
        assert results[0] == results[1], (name, args, results)
        return results[0] != "refused"

    def target(self, index):
        return self.people[index].address if index < 4 else ZERO_ADDRESS

    @rule(sender=person, owner=receiver, to=receiver, agent=agent, safe=st.booleans())
    def transfer(self, sender, owner, to, agent, safe):
        call = "safeTransferFrom" if safe else "transferFrom"
        given = (self.target(owner), self.target(to), agent)
        if self.both(call, *given, sender=self.people[sender]):
            self.wallets[agent] = ZERO_ADDRESS

    @rule(to=receiver, agent=st.integers(0, AGENTS - 1))
    def owner_transfers(self, to, agent):
        owner = self.registry.ownerOf(agent)
        if self.both("transferFrom", owner, self.target(to), agent, sender=owner):
            self.wallets[agent] = ZERO_ADDRESS

    @rule(sender=person, to=receiver, agent=agent)
    def approve(self, sender, to, agent):
        if agent == AGENTS or self.registry.ownerOf(agent) != self.target(to):
            self.both("approve", self.target(to), agent, sender=self.people[sender])

    @rule(sender=person, operator=person, approved=st.booleans())
    def set_operator(self, sender, operator, approved):
        if sender != operator:
            self.both("setApprovalForAll", self.people[operator], approved, sender=self.people[sender])

    @rule(agent=agent, who=receiver)
    def look(self, agent, who):
        for call in ("ownerOf", "getApproved", "tokenURI"):
            self.both(call, agent)
        self.both("balanceOf", self.target(who))

    @invariant()
    def wallets_stay_behind_when_agents_change_hands(self):
        if hasattr(self, "wallets"):
            for agent, wallet in self.wallets.items():
                assert self.registry.getAgentWallet(agent) == wallet

    def teardown(self):
        for one in self.people:
            self.both("balanceOf", one)
            for other in self.people:
                self.both("isApprovedForAll", one, other)


TestAgentsChangeHandsAsTokensDo = RegistryMachine.TestCase
