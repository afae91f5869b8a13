"""The money of a bundle: one ERC-8183 job, whose evaluator lets what nobody rejected in 72 hours pass.

    escrow = Escrow(ledger, token, parts, account)
    job = escrow.open(node, budget, manifest.words)      the requester; the same words open one job only
    escrow.submit(job, root)                             the node
    escrow.approve(job)   escrow.disapprove(job)         the requester
    escrow.complete_silent(job)                          anyone, once the window is over

With ``burns`` the job's provider and hook are ``Credits``: on completion the budget is burnt but for the
operator's fee, and the node is credited with its worth in dollars (docs/bme.md). All methods block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weftwork.errors import Refused, Reverted
from weftwork.spec.job import Status
from weftwork.units import ZERO, Digest

if TYPE_CHECKING:
    from weftwork.ledger.client import Ledger
    from weftwork.ledger.deployment_compute import ComputeContracts
    from weftwork.ledger.key import Account

MARGIN = 86_400
"""Seconds that a job lives longer than its review takes: time to render it."""


@dataclass(frozen=True, slots=True)
class JobState:
    """A job as the ledger has it; ``node`` does the work, also where ``Credits`` is the provider."""

    id: int
    client: str
    node: str
    evaluator: str
    hook: str
    budget: int
    expired_at: int
    submitted_at: int
    status: Status
    deliverable: Digest
    burns: bool
    words: str


class Escrow:
    """One account's view of the jobs of a network."""

    def __init__(
        self, ledger: Ledger, token: str, parts: ComputeContracts, account: Account, *, burns: bool = False
    ) -> None:
        self.ledger, self.parts, self.account, self.burns = ledger, parts, account, burns
        self.jobs, self.review = parts.at(ledger, "jobs"), parts.at(ledger, "review")
        self.credits = parts.at(ledger, "credits")
        self.token = ledger.contract("Token", token)
        self._window: int | None = None

    @property
    def window(self) -> int:
        """Seconds after its submission in which a job may be rejected."""
        if self._window is None:
            self._window = int(self.review.call("window"))
        return self._window

    def now(self) -> int:
        """The time of the ledger's newest block, Unix seconds."""
        return int(self.ledger.block()["timestamp"])

    def read(self, job: int) -> JobState:
        """A job; raises Reverted where there is none."""
        found = self.jobs.call("getJob", job)
        burns = found.provider == self.parts.credits
        node = self.credits.call("node_of", job) if burns else found.provider
        words = self.jobs.call("description_of", job)
        return JobState(
            job,
            str(found.client),
            str(node),
            str(found.evaluator),
            str(found.hook),
            int(found.budget),
            int(found.expiredAt),
            int(found.submittedAt),
            Status(int(found.status)),
            Digest(bytes(found.deliverable)),
            burns,
            str(words),
        )

    # The requester

    def open(self, node: str, budget: int, words: str, *, margin: int = MARGIN, is_new: bool = False) -> int:
        """A funded job for ``node``; a job of this account with these words is finished, not made again.

        ``is_new`` says that there surely is none, and saves the look. Raises LedgerError, and
        :class:`Refused` where the words stand for a job of another node.
        """
        job = None if is_new else self.find(words)
        if job is None:
            expiry = max(self.now(), 0) + self.window + margin
            provider = self.parts.credits if self.burns else node
            hook = self.parts.credits if self.burns else self.parts.review
            receipt = self.jobs.send(
                self.account, "createJob", provider, self.parts.review, expiry, words, hook
            )
            job = int(self.jobs.events_in(receipt, "JobCreated")[0].args["jobId"])
        found = self.read(job)
        if found.status != Status.OPEN:
            if found.node.lower() != node.lower():
                raise Refused("this bundle was given to another node", value=job)
            return job
        if found.burns and found.node.lower() != node.lower():
            self.credits.send(self.account, "assign", job, node)
        if self.token.call("allowance", self.account.address, self.parts.jobs) < budget:
            self.token.send(self.account, "approve", self.parts.jobs, 2**256 - 1)
        if found.budget != budget:
            self.jobs.send(self.account, "setBudget", job, budget)
        self.jobs.send(self.account, "fund", job, budget)
        return job

    def find(self, words: str) -> int | None:
        """The job of this account whose description is ``words``; None where it has none."""
        for event in reversed(self.jobs.events("JobCreated", client=self.account.address)):
            job = int(event.args["jobId"])
            if self.jobs.call("description_of", job) == words:
                return job
        return None

    def approve(self, job: int, reason: bytes = ZERO) -> None:
        """Pays the node, once; nothing where it is paid. :class:`Refused` where the checkers refused it."""
        status = self.read(job).status
        if status in (Status.REJECTED, Status.EXPIRED):
            raise Refused("the bundle was refused by the checkers, or has expired", value=job)
        if status != Status.COMPLETED:
            self.review.send(self.account, "approve", job, reason)

    def disapprove(self, job: int, reason: bytes = ZERO) -> None:
        """Takes the money back, once; nothing where the job is over or was not funded."""
        status = self.read(job).status
        if status in (Status.FUNDED, Status.SUBMITTED):
            self.review.send(self.account, "disapprove", job, reason)
        elif status == Status.OPEN:
            self.jobs.send(self.account, "reject", job, reason)

    # The node

    def check(self, job: int, words: str) -> JobState:
        """A job funded for this account's work on ``words``; :class:`Refused` saying why it is not."""
        try:
            found = self.read(job)
        except Reverted as error:
            raise Refused("there is no such job", value=job) from error
        hook = self.parts.credits if found.burns else self.parts.review
        rules = (
            (found.node.lower() == self.account.address.lower(), "the job is for another node"),
            (found.evaluator == self.parts.review, "the job is judged by another contract"),
            (found.hook == hook, "the job has another hook"),
            (found.words == words, "the job is for other work"),
            (found.status != Status.OPEN and found.budget > 0, "the job is not funded"),
            (found.status not in (Status.REJECTED, Status.EXPIRED), "the job was given up"),
        )
        for holds, sentence in rules:
            if not holds:
                raise Refused(sentence, value=job, hint="fund a job for this node and these tiles first")
        if found.status == Status.FUNDED and found.expired_at <= self.now() + self.window:
            raise Refused("the job expires before its review would be over", value=found.expired_at)
        return found

    def submit(self, job: int, root: bytes) -> None:
        """Hands in a bundle, once; raises Reverted where the job is no longer open to it."""
        found = self.read(job)
        if found.status != Status.FUNDED and found.deliverable == root:
            return
        contract: Any = self.credits if found.burns else self.jobs
        contract.send(self.account, "submit", job, root)

    # Anyone

    def complete_silent(self, job: int) -> None:
        """Completes a job about which nobody said anything in time; raises Reverted before that."""
        if self.read(job).status != Status.COMPLETED:
            self.review.send(self.account, "complete_silent", job)

    def is_silent(self, found: JobState) -> bool:
        """Whether anyone may complete it now."""
        over = self.now() >= found.submitted_at + self.window
        return found.status == Status.SUBMITTED and over
