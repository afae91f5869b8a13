"""Gas of jobs in escrow, each step of one, and of their review."""

from __future__ import annotations

from typing import Any

from harness.tokens import WAD, deploy_token
from harness.vm import ZERO_ADDRESS, Vm

DAY = 86_400


def run(meter: Any) -> None:
    """Every call: a job that is completed, one that is rejected, one that expires; judged by hand and by
    silence.
    """
    vm = Vm()
    client, provider, checker = map(vm.account, ("client", "provider", "checker"))
    token = deploy_token(vm, checker, [client, provider], 1_000 * WAD)
    jobs = vm.deploy("Jobs", token)
    review = vm.deploy("Review", jobs, checker, 3 * DAY)
    meter.deployed(jobs, review)
    token.approve(jobs, 2**256 - 1, sender=client)
    far, reason, work = vm.time + 30 * DAY, b"\x11" * 32, b"\x22" * 32

    def create(hook: Any = ZERO_ADDRESS) -> Any:
        return meter.call("", jobs.createJob, provider, review, far, "frame 1 of 10", hook, sender=client)

    one = create()
    meter.call("", jobs.setBudget, one, WAD, sender=provider)
    meter.call("", jobs.fund, one, WAD, sender=client)
    meter.call("", jobs.submit, one, work, sender=provider)
    meter.call("completed", review.approve, one, reason, sender=client)
    two = meter.call("", jobs.createJob, ZERO_ADDRESS, client, far, "frame 2 of 10", sender=client)
    meter.call("", jobs.setProvider, two, provider, sender=client)
    jobs.setBudget(two, WAD, sender=client)
    jobs.fund(two, WAD, sender=client)
    jobs.submit(two, work, sender=provider)
    meter.call("", jobs.complete, two, reason, sender=client)
    three = jobs.createJob(ZERO_ADDRESS, client, far, "", review, sender=client)
    meter.call("hooked", jobs.setProvider, three, provider, b"", sender=client)
    meter.call("hooked", jobs.setBudget, three, WAD, b"", sender=client)
    meter.call("hooked", jobs.fund, three, WAD, b"", sender=client)
    meter.call("hooked", jobs.submit, three, work, b"", sender=provider)
    meter.call("hooked", jobs.complete, three, reason, b"", sender=client)
    for case, funded in (("open", False), ("funded", True)):
        four = jobs.createJob(provider, client, far, "", sender=client)
        jobs.setBudget(four, WAD, sender=client)
        if funded:
            jobs.fund(four, WAD, sender=client)
        meter.call(case, jobs.reject, four, reason, sender=client)
    five = create(review)
    jobs.setBudget(five, WAD, sender=client)
    jobs.fund(five, WAD, sender=client)
    meter.call("", review.disapprove, five, reason, sender=client)
    hooked = jobs.createJob(provider, client, far, "", review, sender=client)
    meter.call("hooked", jobs.reject, hooked, reason, b"", sender=client)
    six, seven = create(), create()
    for job in (six, seven):
        jobs.setBudget(job, WAD, sender=client)
        jobs.fund(job, WAD, sender=client)
    jobs.submit(six, work, sender=provider)
    vm.set_time(vm.time + 3 * DAY)
    meter.call("", review.complete_silent, six)
    vm.set_time(far)
    meter.call("", jobs.claimRefund, seven)
    meter.call("", review.beforeAction, seven, b"\x00" * 4, b"")
    meter.call("", review.afterAction, seven, b"\x00" * 4, b"")
    run_render(meter, jobs, review, client, provider)
    named = {"jobId": one, "": one}
    meter.views(jobs, named, {"getJob": (one,), "description_of": (one,)})
    meter.views(
        review, named, {"beforeAction": (one, b"\x00" * 4, b""), "afterAction": (one, b"\x00" * 4, b"")}
    )


def run_render(meter: Any, jobs: Any, review: Any, client: Any, provider: Any) -> None:
    """A render from its order to its pay, with the review as evaluator and as hook."""
    far = jobs.vm.time + 30 * DAY
    job = meter.call("a render's", jobs.createJob, provider, review, far, "b" * 64, review, sender=client)
    meter.call("a render's", jobs.setBudget, job, WAD, sender=client)
    meter.call("a render's", jobs.fund, job, WAD, sender=client)
    meter.call("a render's", jobs.submit, job, b"\x33" * 32, sender=provider)
    meter.call("a render's", review.approve, job, b"\x00" * 32, sender=client)
