"""Jobs in escrow against the executable spec, under any calls: same result, same state, no unit lost."""

from __future__ import annotations

from functools import cache

from harness.tokens import WAD, deploy_token
from harness.vm import ZERO_ADDRESS, Vm
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from weftwork.errors import Refused
from weftwork.spec import job as spec

REASON = b"\x11" * 32
WORK = b"\x22" * 32


class World:
    def __init__(self):
        self.vm = Vm()
        names = ("client", "rival", "provider", "evaluator", "stranger")
        self.people = [self.vm.account(name) for name in names]
        self.token = deploy_token(self.vm, self.people[4], self.people[:2], 1_000 * WAD)
        self.jobs = self.vm.deploy("Jobs", self.token)
        for one in self.people[:2]:
            self.token.approve(self.jobs, 2**256 - 1, sender=one)
        self.point = self.vm.snapshot()


@cache
def build_world():
    return World()


person = st.sampled_from([0, 0, 0, 1, 2, 2, 3, 3, 4])
which = st.integers(0, 3)
amount = st.one_of(st.integers(1, 100), st.sampled_from([0, 7, 7 * WAD]))


class JobMachine(RuleBasedStateMachine):
    """Two clients open jobs; five people try everything on them."""

    @initialize()
    def start(self):
        self.world = build_world()
        self.vm, self.jobs, self.people = self.world.vm, self.world.jobs, self.world.people
        self.vm.restore(self.world.point)
        self.mirror = []
        self.owned = {one.address: self.world.token.balanceOf(one) for one in self.people}

    def both(self, expected, call):
        try:
            wanted = expected()
        except Refused as refusal:
            with self.vm.reverts(refusal.sentence):
                call()
            return None
        call()
        return wanted

    def step(self, which, expected, call):
        """One call on one job; what it pays goes to ``account``."""
        if not self.mirror:
            return None
        k = which % len(self.mirror)
        before = self.mirror[k]
        after = self.both(lambda: expected(before), lambda: call(k + 1))
        if after is None:
            return None
        job, paid = after if isinstance(after, tuple) else (after, 0)
        self.mirror[k] = job
        return before, job, paid

    @rule(who=st.integers(0, 1), provider=st.sampled_from([None, 2, 2]), life=st.integers(0, 400))
    def create(self, who, provider, life):
        client, evaluator = self.people[who], self.people[3]
        named = ZERO_ADDRESS if provider is None else self.people[provider].address
        until = self.vm.time + life
        done = self.both(
            lambda: spec.create(client.address, named, evaluator.address, until, self.vm.time),
            lambda: self.jobs.createJob(named, evaluator, until, "a render", sender=client),
        )
        if done:
            self.mirror.append(done)
            assert self.jobs.jobCounter() == len(self.mirror)

    @rule(which=which, who=person, provider=st.sampled_from([2, 4]))
    def set_provider(self, which, who, provider):
        one = self.people[provider]
        self.step(
            which,
            lambda job: spec.set_provider(job, self.people[who].address, one.address),
            lambda k: self.jobs.setProvider(k, one, sender=self.people[who]),
        )

    @rule(which=which, who=person, amount=amount)
    def set_budget(self, which, who, amount):
        self.step(
            which,
            lambda job: spec.set_budget(job, self.people[who].address, amount),
            lambda k: self.jobs.setBudget(k, amount, sender=self.people[who]),
        )

    @rule(which=which, who=person, off=st.sampled_from([0, 0, 0, 1]))
    def fund(self, which, who, off):
        if not self.mirror:
            return
        expected = self.mirror[which % len(self.mirror)].budget + off
        done = self.step(
            which,
            lambda job: spec.fund(job, self.people[who].address, expected, self.vm.time),
            lambda k: self.jobs.fund(k, expected, sender=self.people[who]),
        )
        if done:
            self.owned[done[1].client] -= done[1].budget

    @rule(which=which, who=person)
    def submit(self, which, who):
        self.step(
            which,
            lambda job: spec.submit(job, self.people[who].address, self.vm.time),
            lambda k: self.jobs.submit(k, WORK, sender=self.people[who]),
        )

    @rule(which=which, who=person)
    def complete(self, which, who):
        done = self.step(
            which,
            lambda job: spec.complete(job, self.people[who].address),
            lambda k: self.jobs.complete(k, REASON, sender=self.people[who]),
        )
        if done:
            self.owned[done[1].provider] += done[2]

    @rule(which=which, who=person)
    def reject(self, which, who):
        done = self.step(
            which,
            lambda job: spec.reject(job, self.people[who].address),
            lambda k: self.jobs.reject(k, REASON, sender=self.people[who]),
        )
        if done:
            self.owned[done[1].client] += done[2]

    @rule(which=which, who=person)
    def claim_refund(self, which, who):
        done = self.step(
            which,
            lambda job: spec.claim_refund(job, self.vm.time),
            lambda k: self.jobs.claimRefund(k, sender=self.people[who]),
        )
        if done:
            self.owned[done[1].client] += done[2]

    @rule(seconds=st.integers(1, 150))
    def wait(self, seconds):
        self.vm.set_time(self.vm.time + seconds)

    @invariant()
    def the_contract_holds_what_undecided_jobs_are_worth(self):
        if hasattr(self, "mirror"):
            held = self.world.token.balanceOf(self.jobs)
            assert held == sum(job.escrowed for job in self.mirror)

    def teardown(self):
        for k, job in enumerate(self.mirror):
            view = self.jobs.getJob(k + 1)
            assert (view.client, view.provider, view.evaluator) == (job.client, job.provider, job.evaluator)
            assert (view.budget, view.expiredAt, view.submittedAt) == (
                job.budget,
                job.expired_at,
                job.submitted_at,
            )
            assert view.status == job.status
        for one in self.people:
            assert self.world.token.balanceOf(one) == self.owned[one.address]


class TestJobsEqualTheSpec(JobMachine.TestCase):
    settings = settings.default
