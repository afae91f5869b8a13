"""A network on an embedded ledger, for scenarios: actors, epochs that pass, validators that close."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from weftwork import closing, ledger
from weftwork.ledger import Account
from weftwork.ledger.deployment import WAD, deploy_network, open_subnet
from weftwork.spec.commit import commit_weights
from weftwork.spec.subnet import SUBNET_PRESETS, SubnetParams

TEMPO, COMMIT = 40, 20
FAR = 2**127
KEY, SALT = b"k" * 32, b"s" * 32


@dataclass
class Actor:
    """An account with its agent and uid."""

    account: Account
    agent: int
    uid: int
    row: dict[int, int] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return self.account.address


class LedgerWorld:
    """One subnet of 40 blocks an epoch on a ledger in memory."""

    def __init__(self, params: SubnetParams | None = None) -> None:
        self.chain = ledger.connect("embedded:", dev=True)
        self.founder = self.chain.treasury()
        self.contracts = deploy_network(
            self.chain, self.founder, genesis={self.founder.address: 1_000_000 * WAD}
        )
        self.subnet = open_subnet(
            self.chain,
            self.contracts,
            self.founder,
            params or SUBNET_PRESETS["local"],
            tempo=TEMPO,
            commit_blocks=COMMIT,
        )
        self.cache: dict[Any, Any] = {}

    def close(self) -> None:
        self.chain.close()

    def at(self, name: str) -> Any:
        return self.contracts.at(self.chain, name)

    def join(self, name: str, stake: int = 0) -> Actor:
        """An account with coins, tokens, an agent, a uid and perhaps stake."""
        account = Account.create(name)
        self.chain.wait(self.chain.send(self.founder, account.address, value=10**18))
        self.at("token").send(self.founder, "transfer", account.address, stake + 200 * WAD)
        for part in ("stakes", "subnets"):
            self.at("token").send(account, "approve", getattr(self.contracts, part), 2**256 - 1)
        receipt = self.at("identity").send(account, "register")
        agent = self.at("identity").events_in(receipt, "Registered")[0].args["agentId"]
        receipt = self.at("subnets").send(account, "register", self.subnet, agent, FAR, FAR)
        uid = self.at("subnets").events_in(receipt, "Registered")[0].args["uid"]
        if stake:
            self.at("stakes").send(account, "stake", self.subnet, agent, stake)
        return Actor(account, agent, uid)

    def enter(self, *validators: Actor) -> None:
        for validator in validators:
            self.at("weights").send(validator.account, "enter", self.subnet, validator.uid)

    def mine_to(self, block: int) -> None:
        """Let blocks pass until ``block`` is the newest."""
        missing = block - self.chain.block_number()
        if missing > 0:
            self.chain.rpc("evm_mine", {"blocks": missing})

    @property
    def epoch(self) -> int:
        """The epoch of the next block."""
        start = self.at("subnets").call("first_block", self.subnet, 0)
        return int((self.chain.block_number() + 1 - start) // TEMPO)

    def next_epoch(self) -> int:
        """Let the current epoch end; the number of the next."""
        epoch = self.epoch + 1
        self.mine_to(self.at("subnets").call("first_block", self.subnet, epoch) - 1)
        return epoch

    def judge(self, *rows: tuple[Actor, dict[int, int]]) -> int:
        """Validators commit and reveal rows ``uid: value`` in this epoch."""
        epoch = self.epoch
        for actor, row in rows:
            sealed = commit_weights(
                self.chain.chain_id, self.contracts.weights, self.subnet, epoch, actor.uid,
                list(row), list(row.values()), 0, KEY, SALT,
            )  # fmt: skip
            self.at("weights").send(actor.account, "commit_weights", self.subnet, actor.uid, sealed)
        self.mine_to(self.at("subnets").call("first_block", self.subnet, epoch) + COMMIT - 1)
        for actor, row in rows:
            self.at("weights").send(
                actor.account, "reveal_weights", self.subnet, actor.uid,
                list(row), list(row.values()), 0, KEY, SALT,
            )  # fmt: skip
        return epoch

    def seal(self, epoch: int) -> closing.Sealed:
        return closing.seal_epoch(self.chain, self.contracts, self.founder, self.subnet, epoch)

    def plan(self, epoch: int) -> closing.ClosingPlan:
        return closing.plan_closing(self.chain, self.contracts, self.subnet, epoch, self.cache)

    def settle(self, epoch: int, *validators: Actor) -> closing.ClosingPlan:
        """Seal, compute, sign by each validator, close and claim."""
        self.seal(epoch)
        plan = self.plan(epoch)
        votes = [closing.sign_closing(plan, v.account, self.contracts) for v in validators]
        closing.submit_closing(self.chain, self.contracts, self.founder, plan.closing, votes)
        closing.claim_all(self.chain, self.contracts, self.founder, plan)
        return plan
