"""A subnet with its people on the test EVM: miners, validators, stake, and epochs that pass.

::

    world = World()
    alice = world.join("alice", stake=100 * WAD)      # an agent with a uid; stake makes it a validator
    world.enter(alice); world.next_epoch()
    world.commit(alice, {1: 10}); world.reveal(alice)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.vm import Account, Contract, Vm
from weftwork.records import Closing, Domain, sign_digest
from weftwork.spec.commit import commit_weights
from weftwork.spec.merkle import Claim, ClaimKind, hash_claim, merkle_proof, merkle_root
from weftwork.spec.subnet import SUBNET_PRESETS, SubnetParams
from weftwork.units import ZERO

WAD = 10**18
FAR = 2**127
TEMPO = 20
COMMIT = 10
UNBONDING = 200
KEY = b"k" * 32
SALT = b"s" * 32


@dataclass
class Actor:
    """An account with its agent and its uid on the subnet."""

    account: Account
    agent: int
    uid: int
    sealed: tuple[list[int], list[int]] | None = field(default=None)

    @property
    def address(self) -> str:
        return self.account.address


class World:
    """The contracts of stakes, subnets, weights and epochs, wired, with one subnet of 20 blocks an epoch."""

    def __init__(self, params: SubnetParams | None = None, policy: str = "EqualPolicy") -> None:
        vm = self.vm = Vm()
        self.founder = vm.account("founder")
        self.token: Contract = vm.deploy("Token", self.founder, 0, [(self.founder, 1_000_000 * WAD)])
        self.identity: Contract = vm.deploy("IdentityRegistry")
        self.stakes: Contract = vm.deploy("Stakes", self.token, self.identity, UNBONDING, 50)
        self.subnets: Contract = vm.deploy(
            "Subnets", self.token, self.identity, self.stakes, 300, 10 * WAD, 100
        )
        self.weights: Contract = vm.deploy("Weights", self.subnets)
        self.channels: Contract = vm.deploy("Channels", self.token, self.subnets, 20)
        self.policy: Contract = self._policy(policy)
        self.epochs: Contract = vm.deploy(
            "Epochs",
            self.token,
            self.identity,
            self.identity,
            self.identity,
            self.stakes,
            self.subnets,
            self.weights,
            self.channels,
            self.policy,
            WAD,
        )
        self.channels.bind(self.epochs)
        if policy == "UsagePolicy":
            self.policy.bind(self.epochs)
        self.stakes.bind(self.subnets, self.epochs)
        self.subnets.bind(self.weights, self.epochs)
        self.token.set_minter(self.epochs, True, sender=self.founder)
        self.fund(self.founder, 0)
        self.params = params or SUBNET_PRESETS["local"]
        self.subnet = self.create(self.params)
        self.domain = Domain(vm.chain_id, self.epochs.address)

    def _policy(self, name: str) -> Contract:
        given = {
            "EqualPolicy": [self.subnets],
            "StakePolicy": [self.stakes],
            "UsagePolicy": [self.channels, 9_000],
        }
        return self.vm.deploy(name, *given[name])

    def create(self, params: SubnetParams) -> int:
        """One more subnet of the founder's."""
        return self.subnets.create_subnet(TEMPO, COMMIT, params.words, FAR, FAR, sender=self.founder)

    def fund(self, account: Account, amount: int) -> Account:
        """Give ``amount`` and let the contracts take what the account stakes or pays."""
        if amount:
            self.token.transfer(account, amount, sender=self.founder)
        for contract in (self.stakes, self.subnets, self.channels):
            self.token.approve(contract, 2**256 - 1, sender=account)
        return account

    def join(self, name: str, stake: int = 0, subnet: int | None = None) -> Actor:
        """A funded account with an agent registered on the subnet, and stake of its own."""
        subnet = subnet or self.subnet
        account = self.fund(self.vm.account(name), stake + 200 * WAD)
        agent = self.identity.register(sender=account)
        uid = self.subnets.register(subnet, agent, FAR, FAR, sender=account)
        actor = Actor(account, agent, uid)
        if stake:
            self.stakes.stake(subnet, agent, stake, sender=account)
        return actor

    def enter(self, *validators: Actor) -> None:
        """Seats for validators, from the next epoch on."""
        for validator in validators:
            self.weights.enter(self.subnet, validator.uid, sender=validator.account)

    # time
    @property
    def epoch(self) -> int:
        """The epoch of this block."""
        return int(self.subnets.current_epoch(self.subnet))

    def next_epoch(self) -> int:
        """Go to the first block of the next epoch; its number."""
        epoch = self.epoch + 1
        self.vm.mine(self.subnets.first_block(self.subnet, epoch) - self.vm.block)
        return epoch

    def open_reveals(self) -> None:
        """Go to the first block of this epoch in which weights are revealed."""
        self.vm.mine(self.subnets.first_block(self.subnet, self.epoch) + COMMIT - self.vm.block)

    # weights
    def commitment(self, uid: int, uids: list[int], values: list[int], key: bytes = KEY) -> bytes:
        return commit_weights(
            self.vm.chain_id, self.weights.address, self.subnet, self.epoch, uid, uids, values, 0, key, SALT
        )

    def commit(self, validator: Actor, row: dict[int, int]) -> None:
        """Seal weights ``uid: value``."""
        uids, values = list(row), list(row.values())
        validator.sealed = (uids, values)
        sealed = self.commitment(validator.uid, uids, values)
        self.weights.commit_weights(self.subnet, validator.uid, sealed, sender=validator.account)

    def reveal(self, validator: Actor, row: dict[int, int] | None = None) -> None:
        """Show what was sealed, or something else."""
        uids, values = validator.sealed or ([], []) if row is None else (list(row), list(row.values()))
        self.weights.reveal_weights(
            self.subnet, validator.uid, uids, values, 0, KEY, SALT, sender=validator.account
        )

    def judge(self, rows: dict[Actor, dict[int, int]] | list[tuple[Actor, dict[int, int]]]) -> None:
        """Commit and reveal for several validators within this epoch."""
        pairs = rows.items() if isinstance(rows, dict) else rows
        for validator, row in pairs:
            self.commit(validator, row)
        self.open_reveals()
        for validator, _ in pairs:
            self.reveal(validator)

    # closings
    def seal(self, epoch: int) -> int:
        """Seal an epoch that has ended, after all before it."""
        while self.epochs.next_seal(self.subnet) < epoch:
            self.epochs.seal(self.subnet, self.epochs.next_seal(self.subnet))
        return int(self.epochs.seal(self.subnet, epoch))

    def closing(
        self, number: int, claims: list[Claim], /, payout: int | None = None, **changes: Any
    ) -> Closing:
        """The closing of a sealed epoch that pays ``claims``."""
        sealed = self.epochs.epochs(self.subnet, number)
        fields: dict[str, Any] = {
            "subnet": self.subnet,
            "epoch": number,
            "snapshot": sealed.snapshot,
            "params": self.subnets.params_hash(self.subnet, number),
            "previous": self.epochs.previous(self.subnet),
            "bonds": ZERO,
            "pot": sealed.pot,
            "payout": sum(c.amount for c in claims if c.kind != ClaimKind.SLASH)
            if payout is None
            else payout,
            "claims": merkle_root(self.leaves(number, claims)),
        }
        return Closing(**{**fields, **changes})

    def leaves(self, epoch: int, claims: list[Claim]) -> list[bytes]:
        return [hash_claim(self.vm.chain_id, self.epochs.address, self.subnet, epoch, c) for c in claims]

    def vote(self, closing: Closing, *validators: Actor) -> list[tuple[int, bytes]]:
        """The signatures of validators, by rising uid."""
        import coincurve

        digest = closing.digest(self.domain)
        return [
            (v.uid, sign_digest(coincurve.PrivateKey(v.account.key), digest))
            for v in sorted(validators, key=lambda v: v.uid)
        ]

    def close(self, closing: Closing, *validators: Actor) -> None:
        """Submit a closing with the validators' signatures."""
        self.epochs.close(as_tuple(closing), self.vote(closing, *validators))

    def claim(self, epoch: int, claims: list[Claim], place: int, /, **changes: Any) -> None:
        """Submit one leaf with its proof; ``changes`` forge some of it."""
        claim = claims[place]
        proof = merkle_proof(self.leaves(epoch, claims), place)
        given = {
            "index": claim.index,
            "kind": int(claim.kind),
            "agent": claim.agent,
            "account": claim.account,
            "amount": claim.amount,
            "proof": proof,
            **changes,
        }
        self.epochs.claim(self.subnet, epoch, tuple(given.values()))

    def unaccounted(self) -> int:
        """Tokens that Epochs holds beyond carried fees, the fees of open epochs and open claims."""
        owed = 0
        for subnet in range(1, self.subnets.count() + 1):
            owed += self.epochs.carried(subnet)
            for epoch in range(self.epochs.next_seal(subnet)):
                record = self.epochs.epochs(subnet, epoch)
                owed += record.fees if record.status == 1 else 0
                owed += record.payout - record.claimed if record.status == 2 else 0
        return int(self.token.balanceOf(self.epochs)) - owed


def as_tuple(closing: Closing) -> tuple[Any, ...]:
    """A closing as the contract takes it."""
    return tuple(getattr(closing, name) for name, _ in closing.fields)
