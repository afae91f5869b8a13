"""Burn and mint for one account: pay with burnt tokens, have work credited, settle epochs, claim.

    desk = CreditDesk(ledger, token, parts, account)
    desk.buy(desk.tokens_for(20 * WAD)); desk.award(node, 5 * WAD)     credits bought ahead, given to a node
    job = desk.order(node, budget, "frame 1")                          a job of ERC-8183: provider is Credits
    CreditDesk(..., node_account).submit(job, digest)                  its node hands in
    desk.approve(job); desk.collect(job)                               completed: burnt, the node credited
    desk.settle(); desk.claim_all(account)                             an epoch mints by its schedule, pays

What is minted never depends on what was burnt; without a price nothing is burnt and completed jobs wait
(docs/bme.md). All methods block and raise LedgerError where the ledger refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from weftwork.compute.error import PriceHalted
from weftwork.errors import BadInput, NotFound, Refused, Reverted
from weftwork.spec import bme
from weftwork.spec.job import NOBODY, Status

if TYPE_CHECKING:
    from weftwork.ledger.client import Ledger
    from weftwork.ledger.contract import Contract, Event
    from weftwork.ledger.deployment_compute import ComputeContracts
    from weftwork.ledger.key import Account

MARGIN: Final = 86_400
"""Seconds that a job lives longer than its review takes: time to do it."""
HALTS: Final = {1: "too few feeders reported lately", 2: "the feeders' reports are too far apart"}


class Pool(IntEnum):
    """What an epoch is shared by, as the contract numbers it."""

    WORK = 0
    READY = 1
    SPENT = 2


@dataclass(frozen=True, slots=True)
class Burn:
    """A payment that was burnt, wad: ``paid = destroyed + retired + fee``; credits and price in dollars."""

    payer: str
    paid: int
    destroyed: int
    retired: int
    fee: int
    price: int
    credits: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an epoch minted, and what of it its pools pay (wad); unclaimed pools are carried over."""

    epoch: int
    minted: int
    recycled: int
    jobs: int
    availability: int
    requesters: int
    liquidity: int
    reserve: int


class CreditDesk:
    """One account before ``Credits``; several desks of several accounts see the same book."""

    def __init__(self, ledger: Ledger, token: str, parts: ComputeContracts, account: Account) -> None:
        self.ledger, self.parts, self.account = ledger, parts, account
        self.token = ledger.contract("Token", token)
        self.credits, self.jobs = parts.at(ledger, "credits"), parts.at(ledger, "jobs")
        self.review, self.prices = parts.at(ledger, "review"), parts.at(ledger, "prices")

    # Prices

    def price(self) -> int:
        """Dollars for one token, wad; raises :class:`PriceHalted` saying why there is none."""
        price, code = self.prices.call("peek")
        if code:
            raise PriceHalted(f"there is no price now: {HALTS[int(code)]}", value=int(code))
        return int(price)

    def tokens_for(self, dollars: int) -> int:
        """The tokens that pay for ``dollars`` (both wad) now, rounded up; raises PriceHalted."""
        return bme.tokens_for(dollars, self.price())

    # Buying ahead

    def buy(self, tokens: int) -> Burn:
        """Burn tokens for work credits of this account; raises PriceHalted, and nothing moves."""
        self.price()
        self._allow(self.credits, tokens)
        receipt = self.credits.send(self.account, "buy", tokens)
        return _read_burn(self.credits.events_in(receipt, "Burnt")[0])

    def balance(self, account: str | None = None) -> int:
        """Work credits that were bought and not given away yet, dollars in wad."""
        return int(self.credits.call("credits_of", account or self.account.address))

    def award(self, node: str, dollars: int) -> None:
        """Give bought credits to the node that did the work; :class:`Refused` beyond those that are there."""
        held = self.balance()
        if dollars > held:
            raise Refused(
                f"this account holds {held} wad of credits",
                value=dollars,
                hint="buy(tokens_for(dollars)) burns tokens for more",
            )
        self.credits.send(self.account, "award", node, dollars)

    # Jobs

    def order(self, node: str, budget: int, words: str = "", *, margin: int = MARGIN) -> int:
        """A funded job for ``node`` whose budget (wad) is burnt once it is approved; its id.

        It is paid in when the node is named for good; raises BadInput for a job of nothing.
        """
        if budget <= 0 or node.lower() == NOBODY:
            raise BadInput("a job has a budget and a node", value=budget)
        expiry = int(self.ledger.block()["timestamp"]) + int(self.review.call("window")) + margin
        place = self.credits.address
        receipt = self.jobs.send(self.account, "createJob", place, self.review.address, expiry, words, place)
        job = int(self.jobs.events_in(receipt, "JobCreated")[0].args["jobId"])
        self.assign(job, node)
        self.jobs.send(self.account, "setBudget", job, budget)
        self._allow(self.jobs, budget)
        self.jobs.send(self.account, "fund", job, budget)
        return job

    def assign(self, job: int, node: str) -> None:
        """Name the node of a job of this account; raises Reverted once it is funded with another named."""
        self.credits.send(self.account, "assign", job, node)

    def submit(self, job: int, deliverable: bytes) -> None:
        """Hand in the work (its digest, 32 bytes) as the job's node.

        :class:`Refused` for another's job, Reverted where it would expire before its review is over.
        """
        node = str(self.credits.call("node_of", job))
        if node.lower() != self.account.address.lower():
            raise Refused("the job is another node's", value=node)
        self.credits.send(self.account, "submit", job, deliverable)

    def approve(self, job: int, reason: bytes = bytes(32)) -> Burn | None:
        """Accept the work as its client: the burn, or None where there is no price and it waits."""
        receipt = self.review.send(self.account, "approve", job, reason)
        return next(map(_read_burn, self.credits.events_in(receipt, "Burnt")), None)

    def collect(self, job: int) -> Burn | None:
        """Burn what a completed job paid and credit its node; None where that was done.

        :class:`PriceHalted` while there is no price, :class:`Refused` while it is not completed, NotFound for
        a job of another kind.
        """
        if self.credits.call("is_collected", job):
            return None
        try:
            found = self.jobs.call("getJob", job)
        except Reverted as error:
            raise NotFound("there is no such job", value=job) from error
        if found.provider != self.credits.address:
            raise NotFound("that job is not paid by burning", value=job)
        if found.status != Status.COMPLETED:
            name = Status(int(found.status)).name.lower()
            raise Refused(f"the job is {name}, not completed", value=job)
        self.price()
        receipt = self.credits.send(self.account, "collect", job)
        return _read_burn(self.credits.events_in(receipt, "Burnt")[0])

    def waiting(self) -> list[int]:
        """Completed jobs that wait to be collected, oldest first."""
        named = dict.fromkeys(int(event.args["job"]) for event in self.credits.events("Assigned"))
        return [
            job
            for job in named
            if self.jobs.call("getJob", job).status == Status.COMPLETED
            and not self.credits.call("is_collected", job)
        ]

    # Epochs

    def settle(self) -> list[Settlement]:
        """Mint and share out every epoch that is over and past its grace; what each came to."""
        done: list[Settlement] = []
        start, length = int(self.credits.call("start")), int(self.credits.call("length"))
        grace = int(self.credits.call("grace"))
        while True:
            epoch = int(self.credits.call("next_epoch"))
            if int(self.ledger.block()["timestamp"]) < start + (epoch + 1) * length + grace:
                return done
            receipt = self.credits.send(self.account, "settle")
            args = self.credits.events_in(receipt, "Settled")[0].args
            done.append(Settlement(**{name: int(args[name]) for name in Settlement.__slots__}))

    def claim(self, epoch: int, pool: Pool, account: str | None = None) -> int:
        """Have an account paid its part of a settled epoch; the amount, 0 where it has nothing (more).

        :class:`Refused` for an epoch that is not settled.
        """
        name = account or self.account.address
        if epoch >= int(self.credits.call("next_epoch")):
            raise Refused(f"epoch {epoch} is not settled", value=epoch, hint="settle() it once it is over")
        if not self.credits.call("weight_of", epoch, int(pool), name):
            return 0
        receipt = self.credits.send(self.account, "claim", epoch, int(pool), name)
        return int(self.credits.events_in(receipt, "Claimed")[0].args["amount"])

    def claim_all(self, account: str | None = None, since: int = 0) -> dict[Pool, int]:
        """Have an account paid its parts of all settled epochs from ``since`` on; the sum of each pool."""
        ended = range(since, int(self.credits.call("next_epoch")))
        return {pool: sum(self.claim(epoch, pool, account) for epoch in ended) for pool in Pool}

    def pull(self, account: str) -> int:
        """Pay operator, reserve or liquidity what they are owed; the amount."""
        owed = int(self.credits.call("owed", account))
        if owed:
            self.credits.send(self.account, "pull", account)
        return owed

    # Inside

    def _allow(self, spender: Contract, amount: int) -> None:
        if self.token.call("allowance", self.account.address, spender.address) < amount:
            self.token.send(self.account, "approve", spender.address, 2**256 - 1)


def _read_burn(event: Event) -> Burn:
    args: dict[str, Any] = event.args
    return Burn(str(args["payer"]), **{name: int(args[name]) for name in Burn.__slots__[1:]})
