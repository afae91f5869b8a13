# pragma version ~=0.4.3
"""
@title Review of submitted work
@license Apache-2.0
@notice The evaluator of render jobs (ERC-8183): the job's client or the checker decides, and what nobody rejects within
        `window` after it was submitted anyone may complete. As a hook it refuses a submission that leaves less time.
@custom:halt Nobody can pause it, and it has no owner. It holds no tokens. If client and checker are silent, anyone
             completes the job once its time is over.
"""

interface Jobs:
    def getJob(jobId: uint256) -> Job: view
    def complete(jobId: uint256, reason: bytes32): nonpayable
    def reject(jobId: uint256, reason: bytes32): nonpayable


# Longest data that a hook is handed, bytes.
MAX_DATA: constant(uint256) = 1120
SUBMITTED: constant(uint256) = 2
SUBMIT: constant(bytes4) = method_id("submit(uint256,bytes32,bytes)", output_type=bytes4)

jobs: public(immutable(address))
checker: public(immutable(address))
window: public(immutable(uint256))


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


@deploy
def __init__(jobs_: address, checker_: address, window_: uint256):
    """
    @notice `checker_` judges jobs beside their clients (zero: nobody); `window_` is in seconds, 72 hours after Render.
    """
    jobs = jobs_
    checker = checker_
    window = window_


@external
def approve(jobId: uint256, reason: bytes32):
    """
    @notice Complete a submitted job; its client or the checker.
    """
    self._check_judge(jobId)
    extcall Jobs(jobs).complete(jobId, reason)


@external
def disapprove(jobId: uint256, reason: bytes32):
    """
    @notice Reject a funded or submitted job; its client or the checker.
    """
    self._check_judge(jobId)
    extcall Jobs(jobs).reject(jobId, reason)


@external
def complete_silent(jobId: uint256):
    """
    @notice Complete a job about which nobody said anything in time; anyone.
    """
    job: Job = staticcall Jobs(jobs).getJob(jobId)
    assert job.status == SUBMITTED, "review: job is not submitted"
    assert block.timestamp >= job.submittedAt + window, "review: time to reject is not over"
    extcall Jobs(jobs).complete(jobId, empty(bytes32))


@external
@view
def beforeAction(jobId: uint256, selector: bytes4, data: Bytes[MAX_DATA]):
    """
    @notice A hook of jobs: refuses a submission whose job expires before its review is over.
    """
    if selector == SUBMIT:
        job: Job = staticcall Jobs(jobs).getJob(jobId)
        assert job.expiredAt > block.timestamp + window, "review: job expires before its review is over"


@external
@view
def afterAction(jobId: uint256, selector: bytes4, data: Bytes[MAX_DATA]):
    """
    @notice A hook of jobs: nothing is done.
    """
    pass


@internal
@view
def _check_judge(jobId: uint256):
    job: Job = staticcall Jobs(jobs).getJob(jobId)
    assert msg.sender == job.client or msg.sender == checker, "review: caller is not client or checker"
