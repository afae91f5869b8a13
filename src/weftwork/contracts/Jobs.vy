# pragma version ~=0.4.3
"""
@title Jobs
@license Apache-2.0
@notice ERC-8183: a client's budget waits here until the job's evaluator completes it (the provider is paid) or rejects
        it, or until it expires (the client has it back). Hooks see every step but the refund. Mirror of `spec/job.py`.
@custom:halt Nobody can pause it, and it has no owner. A job's own hook may stop every step of that job but one: from
             `expiredAt` on anyone sends the budget of an undecided job back to its client.
"""

interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable
    def transferFrom(owner: address, receiver: address, amount: uint256) -> bool: nonpayable


interface Hook:
    def beforeAction(jobId: uint256, selector: bytes4, data: Bytes[MAX_DATA]): nonpayable
    def afterAction(jobId: uint256, selector: bytes4, data: Bytes[MAX_DATA]): nonpayable


# Longest description of a job, bytes.
MAX_DESCRIPTION: constant(uint256) = 1024
# Longest parameters for a hook, bytes.
MAX_PARAMS: constant(uint256) = 1024
# Longest data handed to a hook, bytes.
MAX_DATA: constant(uint256) = MAX_PARAMS + 96
# Latest expiry, unix seconds.
MAX_EXPIRY: constant(uint256) = 2**64
# Most gas of one call of a hook.
HOOK_GAS: constant(uint256) = 2_000_000

OPEN: constant(uint256) = 0
FUNDED: constant(uint256) = 1
SUBMITTED: constant(uint256) = 2
COMPLETED: constant(uint256) = 3
REJECTED: constant(uint256) = 4
EXPIRED: constant(uint256) = 5

SET_PROVIDER: constant(bytes4) = method_id("setProvider(uint256,address,bytes)", output_type=bytes4)
SET_BUDGET: constant(bytes4) = method_id("setBudget(uint256,uint256,bytes)", output_type=bytes4)
FUND: constant(bytes4) = method_id("fund(uint256,uint256,bytes)", output_type=bytes4)
SUBMIT: constant(bytes4) = method_id("submit(uint256,bytes32,bytes)", output_type=bytes4)
COMPLETE: constant(bytes4) = method_id("complete(uint256,bytes32,bytes)", output_type=bytes4)
REJECT: constant(bytes4) = method_id("reject(uint256,bytes32,bytes)", output_type=bytes4)

paymentToken: public(immutable(address))


struct Job:
    client: address
    provider: address
    evaluator: address
    hook: address
    budget: uint256
    expiredAt: uint256
    submittedAt: uint256
    status: uint256
    deliverable: bytes32


jobCounter: public(uint256)
_jobs: HashMap[uint256, Job]
description_of: public(HashMap[uint256, String[MAX_DESCRIPTION]])


event JobCreated:
    jobId: indexed(uint256)
    client: indexed(address)
    provider: indexed(address)
    evaluator: address
    expiredAt: uint256
    hook: address


event ProviderSet:
    jobId: indexed(uint256)
    provider: indexed(address)


event BudgetSet:
    jobId: indexed(uint256)
    amount: uint256


event JobFunded:
    jobId: indexed(uint256)
    client: indexed(address)
    amount: uint256


event JobSubmitted:
    jobId: indexed(uint256)
    provider: indexed(address)
    deliverable: bytes32


event JobCompleted:
    jobId: indexed(uint256)
    evaluator: indexed(address)
    reason: bytes32


event JobRejected:
    jobId: indexed(uint256)
    rejector: indexed(address)
    reason: bytes32


event JobExpired:
    jobId: indexed(uint256)


event PaymentReleased:
    jobId: indexed(uint256)
    provider: indexed(address)
    amount: uint256


event Refunded:
    jobId: indexed(uint256)
    client: indexed(address)
    amount: uint256


@deploy
def __init__(token: address):
    """
    @notice All jobs are paid in `token`.
    """
    paymentToken = token


@external
@nonreentrant
def createJob(
    provider: address,
    evaluator: address,
    expiredAt: uint256,
    description: String[MAX_DESCRIPTION],
    hook: address = empty(address),
) -> uint256:
    """
    @notice Open a job of the caller; without a provider (zero) the client names one later. Returns its id, from 1.
    """
    assert evaluator != empty(address), "jobs: evaluator is zero"
    assert expiredAt > block.timestamp and expiredAt <= MAX_EXPIRY, "jobs: expiry is out of range"

    jobId: uint256 = self.jobCounter + 1
    self.jobCounter = jobId
    self._jobs[jobId] = Job(
        client=msg.sender,
        provider=provider,
        evaluator=evaluator,
        hook=hook,
        budget=0,
        expiredAt=expiredAt,
        submittedAt=0,
        status=OPEN,
        deliverable=empty(bytes32),
    )
    self.description_of[jobId] = description

    log JobCreated(
        jobId=jobId,
        client=msg.sender,
        provider=provider,
        evaluator=evaluator,
        expiredAt=expiredAt,
        hook=hook,
    )
    return jobId


@external
@nonreentrant
def setProvider(jobId: uint256, provider: address, optParams: Bytes[MAX_PARAMS] = b""):
    """
    @notice Name the provider of an open job that has none; the client, once.
    """
    job: Job = self._get(jobId)
    assert job.status == OPEN, "jobs: job is not open"
    assert msg.sender == job.client, "jobs: caller is not the client"
    assert job.provider == empty(address), "jobs: provider is set"
    assert provider != empty(address), "jobs: provider is zero"

    data: Bytes[MAX_DATA] = abi_encode(provider, optParams)
    self._before(job.hook, jobId, SET_PROVIDER, data)
    self._jobs[jobId].provider = provider

    log ProviderSet(jobId=jobId, provider=provider)

    self._after(job.hook, jobId, SET_PROVIDER, data)


@external
@nonreentrant
def setBudget(jobId: uint256, amount: uint256, optParams: Bytes[MAX_PARAMS] = b""):
    """
    @notice Propose the price of an open job; client or provider.
    """
    job: Job = self._get(jobId)
    assert job.status == OPEN, "jobs: job is not open"
    assert msg.sender == job.client or msg.sender == job.provider, "jobs: caller is not client or provider"

    data: Bytes[MAX_DATA] = abi_encode(amount, optParams)
    self._before(job.hook, jobId, SET_BUDGET, data)
    self._jobs[jobId].budget = amount

    log BudgetSet(jobId=jobId, amount=amount)

    self._after(job.hook, jobId, SET_BUDGET, data)


@external
@nonreentrant
def fund(jobId: uint256, expectedBudget: uint256, optParams: Bytes[MAX_PARAMS] = b""):
    """
    @notice Pay the budget in; the client, who names the budget that it saw.
    """
    job: Job = self._get(jobId)
    assert job.status == OPEN, "jobs: job is not open"
    assert msg.sender == job.client, "jobs: caller is not the client"
    assert job.provider != empty(address), "jobs: provider is not set"
    assert job.budget != 0, "jobs: budget is zero"
    assert job.budget == expectedBudget, "jobs: budget differs"
    assert block.timestamp < job.expiredAt, "jobs: job has expired"

    self._before(job.hook, jobId, FUND, optParams)
    self._jobs[jobId].status = FUNDED

    log JobFunded(jobId=jobId, client=msg.sender, amount=job.budget)

    assert extcall Token(paymentToken).transferFrom(msg.sender, self, job.budget)
    self._after(job.hook, jobId, FUND, optParams)


@external
@nonreentrant
def submit(jobId: uint256, deliverable: bytes32, optParams: Bytes[MAX_PARAMS] = b""):
    """
    @notice Hand in the work, by its hash; the provider, before the job expires.
    """
    job: Job = self._get(jobId)
    assert job.status == FUNDED, "jobs: job is not funded"
    assert msg.sender == job.provider, "jobs: caller is not the provider"
    assert block.timestamp < job.expiredAt, "jobs: job has expired"

    data: Bytes[MAX_DATA] = abi_encode(deliverable, optParams)
    self._before(job.hook, jobId, SUBMIT, data)
    self._jobs[jobId].status = SUBMITTED
    self._jobs[jobId].submittedAt = block.timestamp
    self._jobs[jobId].deliverable = deliverable

    log JobSubmitted(jobId=jobId, provider=msg.sender, deliverable=deliverable)

    self._after(job.hook, jobId, SUBMIT, data)


@external
@nonreentrant
def complete(jobId: uint256, reason: bytes32, optParams: Bytes[MAX_PARAMS] = b""):
    """
    @notice Accept the work and pay the provider; the evaluator.
    """
    job: Job = self._get(jobId)
    assert job.status == SUBMITTED, "jobs: job is not submitted"
    assert msg.sender == job.evaluator, "jobs: caller is not the evaluator"

    data: Bytes[MAX_DATA] = abi_encode(reason, optParams)
    self._before(job.hook, jobId, COMPLETE, data)
    self._jobs[jobId].status = COMPLETED

    log JobCompleted(jobId=jobId, evaluator=msg.sender, reason=reason)
    log PaymentReleased(jobId=jobId, provider=job.provider, amount=job.budget)

    assert extcall Token(paymentToken).transfer(job.provider, job.budget)
    self._after(job.hook, jobId, COMPLETE, data)


@external
@nonreentrant
def reject(jobId: uint256, reason: bytes32, optParams: Bytes[MAX_PARAMS] = b""):
    """
    @notice Give a job up: the client while it is open, the evaluator once it is funded; the client is refunded.
    """
    job: Job = self._get(jobId)
    assert job.status <= SUBMITTED, "jobs: job is over"
    if job.status == OPEN:
        assert msg.sender == job.client, "jobs: caller is not the client"
    else:
        assert msg.sender == job.evaluator, "jobs: caller is not the evaluator"

    data: Bytes[MAX_DATA] = abi_encode(reason, optParams)
    self._before(job.hook, jobId, REJECT, data)
    self._jobs[jobId].status = REJECTED

    log JobRejected(jobId=jobId, rejector=msg.sender, reason=reason)

    if job.status != OPEN:
        self._refund(jobId, job.client, job.budget)
    self._after(job.hook, jobId, REJECT, data)


@external
@nonreentrant
def claimRefund(jobId: uint256):
    """
    @notice Send the budget of an expired, undecided job back to its client; anyone. No hook is asked.
    """
    job: Job = self._get(jobId)
    assert job.status == FUNDED or job.status == SUBMITTED, "jobs: there is nothing to refund"
    assert block.timestamp >= job.expiredAt, "jobs: job has not expired"

    self._jobs[jobId].status = EXPIRED

    log JobExpired(jobId=jobId)

    self._refund(jobId, job.client, job.budget)


@external
@view
def getJob(jobId: uint256) -> Job:
    """
    @notice A job as it is: status 0 open, 1 funded, 2 submitted, 3 completed, 4 rejected, 5 expired. Its words are in
            `description_of`.
    """
    return self._get(jobId)


@internal
@view
def _get(jobId: uint256) -> Job:
    job: Job = self._jobs[jobId]
    assert job.client != empty(address), "jobs: there is no such job"
    return job


@internal
def _refund(jobId: uint256, client: address, amount: uint256):
    log Refunded(jobId=jobId, client=client, amount=amount)

    assert extcall Token(paymentToken).transfer(client, amount)


@internal
def _before(hook: address, jobId: uint256, selector: bytes4, data: Bytes[MAX_DATA]):
    if hook != empty(address):
        extcall Hook(hook).beforeAction(jobId, selector, data, gas=HOOK_GAS)


@internal
def _after(hook: address, jobId: uint256, selector: bytes4, data: Bytes[MAX_DATA]):
    if hook != empty(address):
        extcall Hook(hook).afterAction(jobId, selector, data, gas=HOOK_GAS)
