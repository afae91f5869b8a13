"""Jobs as ERC-8183 has them: selectors and events, hooks around every step but the refund, and the review."""

from __future__ import annotations

import pytest
from eth_abi import encode
from eth_utils import keccak
from harness.tokens import WAD, deploy_token
from harness.vm import ZERO_ADDRESS, Vm

from weftwork.contracts import load_artifact
from weftwork.spec.job import REVIEW_WINDOW

REASON = b"\x11" * 32
WORK = b"\x22" * 32
BUDGET = 10 * WAD
HOOK = """
# pragma version ~=0.4.3
struct Call:
    before: bool
    job: uint256
    selector: bytes4
    data: Bytes[1120]

calls: public(DynArray[Call, 32])
refused: public(bytes4)
greedy: public(bool)
jobs: address

interface Jobs:
    def claimRefund(job: uint256): nonpayable

@external
def refuse(selector: bytes4):
    self.refused = selector

@external
def reenter(jobs: address):
    self.jobs = jobs

@external
def burn_gas():
    self.greedy = True

@external
def beforeAction(job: uint256, selector: bytes4, data: Bytes[1120]):
    assert selector != self.refused, "hook: refused"
    if self.jobs != empty(address):
        extcall Jobs(self.jobs).claimRefund(job)
    if self.greedy:
        x: uint256 = 0
        for i: uint256 in range(10**9):
            x = x ^ i
    self.calls.append(Call(before=True, job=job, selector=selector, data=data))

@external
def afterAction(job: uint256, selector: bytes4, data: Bytes[1120]):
    self.calls.append(Call(before=False, job=job, selector=selector, data=data))

@external
@view
def all() -> DynArray[Call, 32]:
    return self.calls
"""


class World:
    def __init__(self):
        vm = self.vm = Vm()
        names = ("client", "provider", "evaluator", "stranger", "checker")
        self.client, self.provider, self.evaluator, self.stranger, self.checker = map(vm.account, names)
        self.token = deploy_token(vm, self.stranger, [self.client], 100 * WAD)
        self.jobs = vm.deploy("Jobs", self.token)
        self.review = vm.deploy("Review", self.jobs, self.checker, REVIEW_WINDOW)
        self.hook = vm.deploy(HOOK)
        self.token.approve(self.jobs, 2**256 - 1, sender=self.client)

    def open(self, evaluator=None, hook=ZERO_ADDRESS, life=1_000):
        until = self.vm.time + life
        job = self.jobs.createJob(
            self.provider, evaluator or self.evaluator, until, "frame 1", hook, sender=self.client
        )
        self.jobs.setBudget(job, BUDGET, sender=self.provider)
        return job

    def submitted(self, **given):
        job = self.open(**given)
        self.jobs.fund(job, BUDGET, sender=self.client)
        self.jobs.submit(job, WORK, sender=self.provider)
        return job


@pytest.fixture
def world():
    return World()


def test_the_interface_is_that_of_the_erc():
    given = {
        f"{item['name']}({','.join(part['type'] for part in item['inputs'])})"
        for item in load_artifact("Jobs").abi
        if item["type"] in ("function", "event")
    }
    assert given >= {
        "createJob(address,address,uint256,string,address)",
        "createJob(address,address,uint256,string)",
        "setProvider(uint256,address)",
        "setProvider(uint256,address,bytes)",
        "setBudget(uint256,uint256,bytes)",
        "fund(uint256,uint256,bytes)",
        "submit(uint256,bytes32,bytes)",
        "complete(uint256,bytes32,bytes)",
        "reject(uint256,bytes32,bytes)",
        "claimRefund(uint256)",
        "JobCreated(uint256,address,address,address,uint256,address)",
        "JobSubmitted(uint256,address,bytes32)",
        "PaymentReleased(uint256,address,uint256)",
    }


def test_a_completed_job_pays_its_provider_the_whole_budget(world):
    job = world.submitted()
    assert world.token.balanceOf(world.jobs) == BUDGET
    world.jobs.complete(job, REASON, sender=world.evaluator)
    assert world.vm.event("PaymentReleased").args.amount == BUDGET
    assert world.vm.event("JobCompleted").args.reason == REASON
    assert world.token.balanceOf(world.provider) == BUDGET
    assert world.jobs.description_of(job) == "frame 1"


def test_a_hook_sees_every_step_before_and_after_with_its_parameters(world):
    job = world.jobs.createJob(
        ZERO_ADDRESS, world.evaluator, world.vm.time + 9, "", world.hook, sender=world.client
    )
    world.jobs.setProvider(job, world.provider, b"a", sender=world.client)
    world.jobs.setBudget(job, BUDGET, b"b", sender=world.client)
    world.jobs.fund(job, BUDGET, b"c", sender=world.client)
    world.jobs.submit(job, WORK, b"d", sender=world.provider)
    world.jobs.complete(job, REASON, b"e" * 1024, sender=world.evaluator)
    data = [
        ("setProvider(uint256,address,bytes)", encode(["address", "bytes"], [world.provider.address, b"a"])),
        ("setBudget(uint256,uint256,bytes)", encode(["uint256", "bytes"], [BUDGET, b"b"])),
        ("fund(uint256,uint256,bytes)", b"c"),
        ("submit(uint256,bytes32,bytes)", encode(["bytes32", "bytes"], [WORK, b"d"])),
        ("complete(uint256,bytes32,bytes)", encode(["bytes32", "bytes"], [REASON, b"e" * 1024])),
    ]
    wanted = [(before, job, keccak(text=name)[:4], raw) for name, raw in data for before in (True, False)]
    assert [tuple(call) for call in world.hook.all()] == wanted


def test_a_hook_can_stop_a_step_and_never_the_refund(world):
    job = world.open(hook=world.hook)
    world.jobs.fund(job, BUDGET, sender=world.client)
    world.hook.refuse(keccak(text="submit(uint256,bytes32,bytes)")[:4])
    with world.vm.reverts("hook: refused"):
        world.jobs.submit(job, WORK, sender=world.provider)
    world.vm.set_time(world.vm.time + 1_000)
    seen = len(world.hook.all())
    world.jobs.claimRefund(job, sender=world.stranger)
    assert world.token.balanceOf(world.client) == 100 * WAD
    assert len(world.hook.all()) == seen


def test_a_hook_cannot_come_back_in(world):
    job = world.submitted(hook=world.hook)
    world.hook.reenter(world.jobs)
    world.vm.set_time(world.vm.time + 2_000)
    with world.vm.reverts():
        world.jobs.reject(job, REASON, sender=world.evaluator)
    assert world.token.balanceOf(world.jobs) == BUDGET


def test_a_hook_burns_no_more_than_its_gas(world):
    job = world.open(hook=world.hook)
    world.hook.burn_gas()
    with world.vm.reverts():
        world.jobs.fund(job, BUDGET, sender=world.client)
    assert world.vm.gas_used < 2_500_000


def test_there_is_no_job_nought(world):
    with world.vm.reverts("jobs: there is no such job"):
        world.jobs.getJob(0)


@pytest.mark.parametrize("judge", ["client", "checker"])
def test_client_and_checker_each_decide_at_once(world, judge):
    good = world.submitted(evaluator=world.review, life=REVIEW_WINDOW + 9)
    bad = world.submitted(evaluator=world.review, life=REVIEW_WINDOW + 9)
    for job, decide in ((good, world.review.approve), (bad, world.review.disapprove)):
        with world.vm.reverts("review: caller is not client or checker"):
            decide(job, REASON, sender=world.provider)
        decide(job, REASON, sender=getattr(world, judge))
    assert world.token.balanceOf(world.provider) == BUDGET
    assert world.token.balanceOf(world.jobs) == 0


def test_what_nobody_rejects_in_72_hours_anyone_completes(world):
    job = world.submitted(evaluator=world.review, life=REVIEW_WINDOW + 9)
    world.vm.set_time(world.vm.time + REVIEW_WINDOW - 1)
    with world.vm.reverts("review: time to reject is not over"):
        world.review.complete_silent(job)
    world.vm.set_time(world.vm.time + 1)
    world.review.complete_silent(job, sender=world.stranger)
    assert world.token.balanceOf(world.provider) == BUDGET
    with world.vm.reverts("review: job is not submitted"):
        world.review.complete_silent(job)


def test_a_submission_that_leaves_no_time_for_review_is_refused(world):
    job = world.open(evaluator=world.review, hook=world.review, life=REVIEW_WINDOW)
    world.jobs.fund(job, BUDGET, sender=world.client)
    with world.vm.reverts("review: job expires before its review is over"):
        world.jobs.submit(job, WORK, sender=world.provider)
    job = world.submitted(evaluator=world.review, hook=world.review, life=REVIEW_WINDOW + 1)
    world.review.approve(job, REASON, sender=world.client)
