# pragma version ~=0.4.3
"""
@title Work credits
@license Apache-2.0
@notice Burn and mint: a payment is burnt but for the operator's fee and counts as its worth in dollars for the node that
        did the work; each epoch mints by a schedule, whatever was burnt, and shares it out. Mirror of `spec/bme.py`.
@custom:halt Nobody can pause it, and it has no owner; no parameter ever changes. Without a price nothing is burnt, and
             completed jobs wait to be collected. Where it may no longer mint, or the cap is reached, epochs share out
             what the pools hold. Who earned claims for ever.
"""

import allotment
import schedule

initializes: allotment
initializes: schedule

exports: (
    allotment.carried,
    allotment.pool_left,
    allotment.rules,
    allotment.weight_left,
    allotment.weight_of,
    schedule.next_epoch,
    schedule.scheduled,
    schedule.terms,
    schedule.yearly,
)


interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable
    def transferFrom(owner: address, receiver: address, amount: uint256) -> bool: nonpayable
    def burn(amount: uint256): nonpayable
    def mint(receiver: address, amount: uint256): nonpayable
    def is_minter(account: address) -> bool: view
    def minted() -> uint256: view
    def CAP() -> uint256: view


interface Epochs:
    def reserved() -> uint256: view


interface Prices:
    def price() -> uint256: view
    def peek() -> (uint256, uint256): view


interface Review:
    def window() -> uint256: view


interface Jobs:
    def getJob(jobId: uint256) -> Job: view
    def submit(jobId: uint256, deliverable: bytes32): nonpayable


WAD: constant(uint256) = 10**18
BPS: constant(uint256) = 10_000
# Most nodes in one report of who stood ready.
MAX_NODES: constant(uint256) = 100
# Longest data that a hook is handed, bytes.
MAX_DATA: constant(uint256) = 1120
# Largest weight of standing ready.
MAX_WEIGHT: constant(uint256) = 2**64
OPEN: constant(uint256) = 0
COMPLETED: constant(uint256) = 3
COMPLETE: constant(bytes4) = method_id("complete(uint256,bytes32,bytes)", output_type=bytes4)
# What an epoch is shared by: work done, time that one stood ready, tokens spent.
WORK: constant(uint256) = 0
READY: constant(uint256) = 1
SPENT: constant(uint256) = 2


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


struct Places:
    token: address
    prices: address
    jobs: address
    review: address
    epochs: address
    checker: address
    operator: address
    reserve: address
    liquidity: address


places: public(immutable(Places))
start: public(immutable(uint256))
length: public(immutable(uint256))
grace: public(immutable(uint256))

minted: public(uint256)
retired: public(uint256)
credits_of: public(HashMap[address, uint256])
owed: public(HashMap[address, uint256])
node_of: public(HashMap[uint256, address])
is_collected: public(HashMap[uint256, bool])


event Burnt:
    payer: indexed(address)
    paid: uint256
    destroyed: uint256
    retired: uint256
    fee: uint256
    price: uint256
    credits: uint256


event Worked:
    epoch: indexed(uint256)
    node: indexed(address)
    requester: indexed(address)
    credits: uint256
    job: uint256


event Assigned:
    job: indexed(uint256)
    node: indexed(address)


event StoodReady:
    epoch: indexed(uint256)
    node: indexed(address)
    weight: uint256


event Pulled:
    account: indexed(address)
    amount: uint256


@deploy
def __init__(places_: Places, rules_: allotment.Rules, schedule_: schedule.Schedule, length_: uint256, grace_: uint256):
    """
    @notice Epochs of `length_` seconds from now on, settled from `grace_` seconds after their end. `epochs` (or zero)
            is the other contract that mints, whose reservation is left alone; `liquidity` may be zero (its part is
            kept). Shares are bps of each emission, and what they leave is the reserve's.
    """
    assert length_ != 0, "credits: epoch has no length"

    schedule.__init__(schedule_)
    allotment.__init__(rules_)
    places = places_
    start = block.timestamp
    length = length_
    grace = grace_


@external
def buy(amount: uint256) -> uint256:
    """
    @notice Pay `amount` of the token for work credits, dollars that cannot be transferred; returns the credits.
    """
    price: uint256 = staticcall Prices(places.prices).price()
    assert extcall Token(places.token).transferFrom(msg.sender, self, amount)
    credits: uint256 = self._pay_in(msg.sender, amount, price)
    self.credits_of[msg.sender] += credits
    return credits


@external
def award(node: address, credits: uint256):
    """
    @notice Give bought credits to the node that did the work; they count in the epoch of this call.
    """
    assert node != empty(address), "credits: node is zero"
    assert self.credits_of[msg.sender] >= credits, "credits: not that many credits"

    self.credits_of[msg.sender] -= credits
    self._credit(msg.sender, node, credits, 0)


@external
def assign(job_id: uint256, node: address):
    """
    @notice Name the node that does a job whose provider is this contract; the client, for good once it is funded.
    """
    job: Job = staticcall Jobs(places.jobs).getJob(job_id)
    assert msg.sender == job.client, "credits: caller is not the client"
    assert job.provider == self, "credits: provider is another"
    assert job.evaluator == places.review, "credits: evaluator is another"
    assert job.status == OPEN or self.node_of[job_id] == empty(address), "credits: node is named"
    assert node != empty(address), "credits: node is zero"

    self.node_of[job_id] = node

    log Assigned(job=job_id, node=node)


@external
def submit(job_id: uint256, deliverable: bytes32):
    """
    @notice Hand in the work of a job; its node. Refused where the job expires before its review is over.
    """
    assert msg.sender == self.node_of[job_id], "credits: caller is not the node"
    job: Job = staticcall Jobs(places.jobs).getJob(job_id)
    over: uint256 = block.timestamp + staticcall Review(places.review).window()
    assert job.expiredAt > over, "credits: job expires before its review is over"

    extcall Jobs(places.jobs).submit(job_id, deliverable)


@external
def collect(job_id: uint256):
    """
    @notice Burn what a completed job paid and credit its node; anyone, once.
    """
    assert not self.is_collected[job_id], "credits: job is collected"

    job: Job = staticcall Jobs(places.jobs).getJob(job_id)
    assert job.provider == self, "credits: provider is another"
    assert job.status == COMPLETED, "credits: job is not completed"

    self._collect(job_id, job, staticcall Prices(places.prices).price())


@external
def beforeAction(job_id: uint256, selector: bytes4, data: Bytes[MAX_DATA]):
    """
    @notice A hook of jobs: nothing is done.
    """
    pass


@external
def afterAction(job_id: uint256, selector: bytes4, data: Bytes[MAX_DATA]):
    """
    @notice A hook of jobs: collects a completed job at once; where there is no price it waits for `collect`.
    """
    assert msg.sender == places.jobs, "credits: caller is not jobs"

    if selector != COMPLETE or self.is_collected[job_id]:
        return

    job: Job = staticcall Jobs(places.jobs).getJob(job_id)
    price: uint256 = 0
    code: uint256 = 0
    price, code = staticcall Prices(places.prices).peek()
    if job.provider == self and job.status == COMPLETED and code == 0:
        self._collect(job_id, job, price)


@external
def report_ready(epoch: uint256, nodes: DynArray[address, MAX_NODES], weights: DynArray[uint256, MAX_NODES]):
    """
    @notice Say how much each node stood ready in an epoch that is not settled; the checker, once a node.
    """
    assert msg.sender == places.checker, "credits: caller is not the checker"
    assert epoch >= schedule.next_epoch and epoch <= self._now(), "credits: epoch is not open"
    assert len(nodes) == len(weights), "credits: not one weight for each node"

    for i: uint256 in range(len(nodes), bound=MAX_NODES):
        assert weights[i] != 0 and weights[i] <= MAX_WEIGHT, "credits: weight is out of range"
        assert allotment.weight_of[epoch][READY][nodes[i]] == 0, "credits: node is reported"

        allotment._add(epoch, READY, nodes[i], weights[i])
        log StoodReady(epoch=epoch, node=nodes[i], weight=weights[i])


@external
def settle() -> uint256:
    """
    @notice Mint and share out the next epoch, which has ended; anyone, in order. Returns its number.
    """
    epoch: uint256 = schedule.next_epoch
    assert block.timestamp >= start + (epoch + 1) * length + grace, "credits: epoch is not over"

    amount: uint256 = min(schedule._advance(), self._room())
    recycled: uint256 = 0
    if amount == 0:
        recycled = min(
            self.retired, self.minted * allotment.rules.recycle_cap_bps // (BPS * schedule._schedule.epochs)
        )
        self.retired -= recycled
    self.minted += amount
    rest: uint256 = 0
    staked: uint256 = 0
    rest, staked = allotment._share_out(epoch, amount, recycled, places.liquidity != empty(address))
    self.owed[places.reserve] += rest
    self.owed[places.liquidity] += staked

    if amount != 0:
        extcall Token(places.token).mint(self, amount)
    return epoch


@external
def claim(epoch: uint256, kind: uint256, account: address) -> uint256:
    """
    @notice Pay an account its part of a settled epoch, for work (0), for standing ready (1) or back on what it spent
            (2); anyone for anyone. The last one gets what is left.
    """
    assert epoch < schedule.next_epoch, "credits: epoch is not settled"

    amount: uint256 = allotment._take(epoch, kind, account)
    assert extcall Token(places.token).transfer(account, amount)
    return amount


@external
def pull(account: address) -> uint256:
    """
    @notice Pay operator, reserve or liquidity what they are owed; anyone for them.
    """
    amount: uint256 = self.owed[account]
    self.owed[account] = 0

    log Pulled(account=account, amount=amount)

    assert extcall Token(places.token).transfer(account, amount)
    return amount


@external
@view
def epoch_now() -> uint256:
    """
    @notice The epoch in which work counts now.
    """
    return self._now()


@internal
@view
def _now() -> uint256:
    return (block.timestamp - start) // length


@internal
@view
def _room() -> uint256:
    """
    @dev What may still be minted: under the cap, beside what the other minter has reserved.
    """
    if not staticcall Token(places.token).is_minter(self):
        return 0

    taken: uint256 = staticcall Token(places.token).minted()
    if places.epochs != empty(address):
        taken += staticcall Epochs(places.epochs).reserved()
    cap: uint256 = staticcall Token(places.token).CAP()
    return cap - min(taken, cap)


@internal
def _pay_in(payer: address, paid: uint256, price: uint256) -> uint256:
    """
    @dev Split a payment that is here: the fee and what is retired are kept, the rest is burnt. The credits.
    """
    fee: uint256 = paid * allotment.rules.fee_bps // BPS
    retired: uint256 = (paid - fee) * allotment.rules.recycle_bps // BPS
    destroyed: uint256 = paid - fee - retired
    credits: uint256 = paid * price // WAD
    epoch: uint256 = self._now()
    self.owed[places.operator] += fee
    self.retired += retired
    allotment._add(epoch, SPENT, payer, paid)

    log Burnt(
        payer=payer,
        paid=paid,
        destroyed=destroyed,
        retired=retired,
        fee=fee,
        price=price,
        credits=credits,
    )

    extcall Token(places.token).burn(destroyed)
    return credits


@internal
def _collect(job_id: uint256, job: Job, price: uint256):
    self.is_collected[job_id] = True
    credits: uint256 = self._pay_in(job.client, job.budget, price)
    self._credit(job.client, self.node_of[job_id], credits, job_id)


@internal
def _credit(requester: address, node: address, credits: uint256, job_id: uint256):
    epoch: uint256 = self._now()
    allotment._add(epoch, WORK, node, credits)

    log Worked(epoch=epoch, node=node, requester=requester, credits=credits, job=job_id)
