"""A job in escrow (ERC-8183) as a pure state machine: who may do what, when, and where the budget goes.

Mirror of ``Jobs.vy``; the sentences of refusals are the contract's. Times are unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from weftwork.errors import Refused

NOBODY: Final = "0x" + "00" * 20
"""The zero address."""
MAX_EXPIRY: Final = 2**64
REVIEW_WINDOW: Final = 72 * 3_600
"""Seconds after its submission in which a render may be rejected; then anyone completes it."""


class Status(IntEnum):
    """The six states of a job, as the contract numbers them."""

    OPEN = 0
    FUNDED = 1
    SUBMITTED = 2
    COMPLETED = 3
    REJECTED = 4
    EXPIRED = 5


@dataclass(frozen=True, slots=True)
class Job:
    """One job; ``budget`` is in the token's smallest unit, and escrowed while funded or submitted."""

    client: str
    evaluator: str
    expired_at: int
    provider: str = NOBODY
    budget: int = 0
    submitted_at: int = 0
    status: Status = Status.OPEN

    @property
    def escrowed(self) -> int:
        """What of the client's money the contract holds for it."""
        return self.budget if self.status in (Status.FUNDED, Status.SUBMITTED) else 0


def create(client: str, provider: str, evaluator: str, expired_at: int, now: int) -> Job:
    """Open a job; a provider of zero is named later."""
    _require(evaluator != NOBODY, "jobs: evaluator is zero")
    _require(now < expired_at <= MAX_EXPIRY, "jobs: expiry is out of range")
    return Job(client, evaluator, expired_at, provider)


def set_provider(job: Job, caller: str, provider: str) -> Job:
    """The client names the provider, once."""
    _require(job.status == Status.OPEN, "jobs: job is not open")
    _require(caller == job.client, "jobs: caller is not the client")
    _require(job.provider == NOBODY, "jobs: provider is set")
    _require(provider != NOBODY, "jobs: provider is zero")
    return replace(job, provider=provider)


def set_budget(job: Job, caller: str, amount: int) -> Job:
    """Client or provider propose a price."""
    _require(job.status == Status.OPEN, "jobs: job is not open")
    _require(caller in (job.client, job.provider), "jobs: caller is not client or provider")
    return replace(job, budget=amount)


def fund(job: Job, caller: str, expected: int, now: int) -> Job:
    """The client pays the budget that it expects."""
    _require(job.status == Status.OPEN, "jobs: job is not open")
    _require(caller == job.client, "jobs: caller is not the client")
    _require(job.provider != NOBODY, "jobs: provider is not set")
    _require(job.budget != 0, "jobs: budget is zero")
    _require(job.budget == expected, "jobs: budget differs")
    _require(now < job.expired_at, "jobs: job has expired")
    return replace(job, status=Status.FUNDED)


def submit(job: Job, caller: str, now: int) -> Job:
    """The provider hands in the work."""
    _require(job.status == Status.FUNDED, "jobs: job is not funded")
    _require(caller == job.provider, "jobs: caller is not the provider")
    _require(now < job.expired_at, "jobs: job has expired")
    return replace(job, status=Status.SUBMITTED, submitted_at=now)


def complete(job: Job, caller: str) -> tuple[Job, int]:
    """The evaluator accepts: the job after, and what the provider is paid."""
    _require(job.status == Status.SUBMITTED, "jobs: job is not submitted")
    _require(caller == job.evaluator, "jobs: caller is not the evaluator")
    return replace(job, status=Status.COMPLETED), job.budget


def reject(job: Job, caller: str) -> tuple[Job, int]:
    """The client gives up an open job, the evaluator a funded one: the job after, and the client's refund."""
    _require(job.status <= Status.SUBMITTED, "jobs: job is over")
    if job.status == Status.OPEN:
        _require(caller == job.client, "jobs: caller is not the client")
    else:
        _require(caller == job.evaluator, "jobs: caller is not the evaluator")
    return replace(job, status=Status.REJECTED), job.escrowed


def claim_refund(job: Job, now: int) -> tuple[Job, int]:
    """Anyone, once an undecided job has expired: the job after, and the client's refund."""
    _require(job.escrowed != 0, "jobs: there is nothing to refund")
    _require(now >= job.expired_at, "jobs: job has not expired")
    return replace(job, status=Status.EXPIRED), job.budget


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise Refused(sentence)
