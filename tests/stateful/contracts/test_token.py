"""The token against snekmate's ERC-20 and against a model of votes, under any sequence of calls.

snekmate is AGPL and only ever a peer in this test.
"""

from __future__ import annotations

from functools import cache

from harness.tokens import PERMIT, deploy_token, sign_parts
from harness.vm import ZERO_ADDRESS, Reverted, Vm
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

PEER = """
# pragma version ~=0.4.3
from ethereum.ercs import IERC20
from snekmate.auth import ownable
from snekmate.tokens import erc20
initializes: ownable
initializes: erc20[ownable := ownable]
exports: erc20.__interface__
@deploy
def __init__():
    ownable.__init__()
    erc20.__init__("Weftwork", "WEFT", 18, "Weftwork", "1")
"""
START = 10**6
CAP = 21_000_000 * 10**18


@cache
def build_world():
    vm = Vm()
    people = [vm.account(name) for name in ("alice", "bob", "carol", "dave")]
    owner = vm.accounts[0]
    token = deploy_token(vm, owner, people, START)
    token.set_minter(owner, True, sender=owner)
    peer = vm.deploy(PEER, sender=owner)
    for person in people:
        peer.mint(person, START, sender=owner)
    return vm, people, token, peer, vm.snapshot()


person = st.integers(0, 3)
receiver = st.integers(0, 4)
amount = st.one_of(st.integers(0, 3 * START), st.sampled_from([0, 1, START, CAP, 2**256 - 1]))


class TokenMachine(RuleBasedStateMachine):
    """Every call goes to both tokens: both do it and return the same, or both refuse."""

    @initialize()
    def start(self):
        self.vm, self.people, self.token, self.peer, point = build_world()
        self.vm.restore(point)
        self.chosen = {}
        self.history = []

    def both(self, name, *args, sender):
        results = []
        for contract in (self.token, self.peer):
            try:
                results.append(getattr(contract, name)(*args, sender=sender))
            except Reverted:
                results.append("refused")
        assert results[0] == results[1], (name, args, results)
        return results[0] != "refused"

    def target(self, index):
        return self.people[index] if index < 4 else ZERO_ADDRESS

    @rule(sender=person, to=receiver, amount=amount)
    def transfer(self, sender, to, amount):
        self.both("transfer", self.target(to), amount, sender=self.people[sender])

    @rule(sender=person, spender=receiver, amount=amount)
    def approve(self, sender, spender, amount):
        self.both("approve", self.target(spender), amount, sender=self.people[sender])

    @rule(sender=person, owner=person, to=receiver, amount=amount)
    def spend(self, sender, owner, to, amount):
        self.both("transferFrom", self.people[owner], self.target(to), amount, sender=self.people[sender])

    @rule(sender=person, amount=amount)
    def burn(self, sender, amount):
        self.both("burn", amount, sender=self.people[sender])

    @rule(sender=person, owner=person, amount=amount)
    def burn_from(self, sender, owner, amount):
        self.both("burn_from", self.people[owner], amount, sender=self.people[sender])

    @rule(to=receiver, amount=st.integers(0, START))
    def mint(self, to, amount):
        self.both("mint", self.target(to), amount, sender=self.vm.accounts[0])

    @rule(owner=person, signer=person, spender=receiver, amount=amount, age=st.integers(-1, 1))
    def permit(self, owner, signer, spender, amount, age):
        results = []
        for contract in (self.token, self.peer):
            fields = {
                "owner": self.people[owner],
                "spender": self.target(spender),
                "value": amount,
                "nonce": contract.nonces(self.people[owner]),
                "deadline": self.vm.time + age,
            }
            parts = sign_parts(self.people[signer], contract, PERMIT, fields)
            try:
                contract.permit(self.people[owner], self.target(spender), amount, self.vm.time + age, *parts)
                results.append("done")
            except Reverted:
                results.append("refused")
        assert results[0] == results[1]

    @rule(sender=person, to=receiver)
    def delegate(self, sender, to):
        self.token.delegate(self.target(to), sender=self.people[sender])
        self.chosen[sender] = to

    @rule(blocks=st.integers(1, 3))
    def mine(self, blocks):
        for _ in range(blocks):
            self.history.append((self.vm.block, self.votes(self.balances()), self.token.totalSupply()))
            self.vm.mine()

    def balances(self):
        return [self.token.balanceOf(one) for one in self.people]

    def votes(self, balances):
        tally = dict.fromkeys(range(4), 0)
        for owner, to in self.chosen.items():
            if to < 4:
                tally[to] += balances[owner]
        return tally

    @rule(data=st.data())
    def look_back(self, data):
        if not self.history:
            return
        block, votes, supply = data.draw(st.sampled_from(self.history))
        who = data.draw(person)
        assert self.token.getPastVotes(self.people[who], block) == votes[who]
        assert self.token.getPastTotalSupply(block) == supply

    @invariant()
    def tokens_are_conserved_and_votes_are_balances(self):
        if not hasattr(self, "vm"):
            return
        balances = self.balances()
        assert sum(balances) == self.token.totalSupply()
        votes = [self.token.getVotes(one) for one in self.people]
        assert votes == list(self.votes(balances).values())

    def teardown(self):
        assert self.balances() == [self.peer.balanceOf(one) for one in self.people]
        for one in self.people:
            assert self.token.nonces(one) == self.peer.nonces(one)
            for other in self.people:
                assert self.token.allowance(one, other) == self.peer.allowance(one, other)


TestTokenEqualsItsPeer = TokenMachine.TestCase
