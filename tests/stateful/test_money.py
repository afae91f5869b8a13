"""No sequence of calls creates, loses or strands a unit across Token, Stakes, Channels, Subnets and Epochs.

A random history of stakers, validators, clients and closers runs on the contracts and on the spec's pools;
after every step both hold the same, and every token is accounted for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from harness.vm import Reverted
from harness.world import UNBONDING, WAD, World, as_tuple
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from weftwork.errors import LimitExceeded
from weftwork.records import Domain, Voucher
from weftwork.spec import stake as spec
from weftwork.spec.emission import epoch_emission
from weftwork.spec.merkle import Claim, ClaimKind
from weftwork.spec.quorum import may_skip, may_slash, seated_stake
from weftwork.spec.stake import Collateral, Pool, Withdrawal, Young
from weftwork.spec.subnet import SUBNET_PRESETS

ENOUGH = 10**9 * WAD
amounts = st.one_of(st.integers(1, 30), st.integers(1, 30 * WAD), st.sampled_from([10**15, WAD, 7 * WAD]))
people = st.sampled_from(["alice", "bob", "dan"])
validators = st.sampled_from(["alice", "bob"])


@dataclass
class Book:
    """What the spec says stands behind one agent."""

    bonded: Pool = field(default_factory=Pool)
    aside: Pool = field(default_factory=Pool)
    collateral: Collateral = field(default_factory=Collateral)
    shares: dict[tuple[str, int], int] = field(default_factory=dict)
    young: dict[tuple[str, int], Young] = field(default_factory=dict)
    queue: dict[str, list[Withdrawal]] = field(default_factory=dict)
    take: int = 0

    def of(self, who: str) -> int:
        return self.shares.get((who, self.bonded.round), 0)

    def add(self, who: str, shares: int) -> None:
        self.shares[who, self.bonded.round] = self.of(who) + shares

    def young_of(self, who: str) -> Young:
        return self.young.get((who, self.bonded.round), Young())


_base: list[World] = []


def fresh_world() -> World:
    """One world for all histories: each goes back to its beginning."""
    if not _base:
        rules = SUBNET_PRESETS["local"].replace(equivocation_slash_bps=3_333, fault_slash_bps=2_500)
        world = World(rules)
        world.people = {name: world.join(name, 50 * WAD) for name in ("alice", "bob", "dan")}
        for name in ("alice", "bob"):
            world.enter(world.people[name])
        world.first = world.next_epoch()
        world.seal(world.first - 1)
        world.start = world.vm.snapshot()
        world.parties = [p.account for p in world.people.values()] + [world.founder]
        _base.append(world)
    world = _base[0]
    world.vm.restore(world.start)
    return world


def expect(error: Reverted, *reasons: str) -> None:
    """A call may fail, for these reasons only."""
    assert error.reason in reasons


class Money(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.world = fresh_world()
        self.books = {name: Book() for name in ("alice", "bob")}
        for name, book in self.books.items():
            book.bonded, shares = spec.add_stake(Pool(), 50 * WAD)
            book.add(name, shares)
            book.young[name, 0] = Young(0, shares, 50 * WAD)
        self.claims: dict[int, list[Claim]] = {}
        self.open_claims: list[tuple[int, int]] = []
        self.faults: set[tuple[int, int]] = set()
        self.paid_to_channel: dict[str, int] = {}

    def account(self, who):
        return self.world.people[who].account

    def agent(self, who):
        return self.world.people[who].agent

    # stakers

    @rule(who=people, whom=validators, amount=amounts)
    def stake(self, who, whom, amount):
        book, world = self.books[whom], self.world
        try:
            bonded, shares = spec.add_stake(book.bonded, amount, book.of(who))
        except LimitExceeded:
            with world.vm.reverts():
                world.stakes.stake(world.subnet, self.agent(whom), amount, sender=self.account(who))
            return
        assert world.stakes.stake(world.subnet, self.agent(whom), amount, sender=self.account(who)) == shares
        book.young[who, bonded.round] = book.young_of(who).add(world.epoch, shares, amount)
        book.bonded = bonded
        book.add(who, shares)

    @rule(who=people, whom=validators, part=st.integers(1, 4))
    def unstake(self, who, whom, part):
        book, world = self.books[whom], self.world
        who = who if book.of(who) else whom
        shares = book.of(who) * part // 4
        try:
            bonded, young, amount = spec.remove_stake(
                book.bonded, shares, book.of(who), book.young_of(who), world.epoch
            )
            if len(book.queue.get(who, [])) >= 16:
                raise LimitExceeded("too many")
        except LimitExceeded:
            with world.vm.reverts():
                world.stakes.unstake(world.subnet, self.agent(whom), shares, sender=self.account(who))
            return
        got = world.stakes.unstake(world.subnet, self.agent(whom), shares, sender=self.account(who))
        assert got == amount
        book.add(who, -shares)
        book.bonded = bonded
        book.young[who, bonded.round] = young
        book.aside, entry = spec.unbond(book.aside, amount, world.vm.block, UNBONDING)
        book.queue.setdefault(who, []).append(entry)

    @rule(who=people, whom=validators)
    def withdraw(self, who, whom):
        book, world = self.books[whom], self.world
        before = book.queue.get(who, [])
        aside, kept, paid = spec.pay_unbonded(book.aside, before, world.vm.block)
        if len(kept) == len(before):
            with world.vm.reverts("stakes: nothing has unbonded"):
                world.stakes.withdraw_unbonded(world.subnet, self.agent(whom), sender=self.account(who))
            return
        got = world.stakes.withdraw_unbonded(world.subnet, self.agent(whom), sender=self.account(who))
        assert got == paid
        book.aside, book.queue[who] = aside, kept

    @rule(whom=validators, bps=st.integers(0, 1_800))
    def set_take(self, whom, bps):
        try:
            self.world.stakes.set_take(self.agent(whom), bps, sender=self.account(whom))
        except Reverted as error:
            expect(error, "stakes: take was raised too recently")
            return
        self.books[whom].take = bps

    @rule(whom=validators, amount=amounts)
    def lock_collateral(self, whom, amount):
        self.world.stakes.lock_collateral(
            self.world.subnet, self.agent(whom), amount, sender=self.account(whom)
        )
        self.books[whom].collateral = self.books[whom].collateral.lock(amount)

    @precondition(lambda self: any(book.collateral.amount for book in self.books.values()))
    @rule(whom=validators)
    def release_collateral(self, whom):
        world, book, agent = self.world, self.books[whom], self.agent(whom)
        try:
            after, due = book.collateral.release_at(world.vm.block, UNBONDING)
        except LimitExceeded:
            with world.vm.reverts():
                world.stakes.release_collateral(world.subnet, agent, sender=self.account(whom))
            return
        assert world.stakes.release_collateral(world.subnet, agent, sender=self.account(whom)) == due
        book.collateral = after

    # time

    @rule(blocks=st.sampled_from([1, 3, 9, 20, 70]))
    def wait(self, blocks):
        self.world.vm.mine(blocks)

    @rule(who=st.sets(validators, min_size=1))
    def judge(self, who):
        """The next epoch is judged by some of the validators."""
        world = self.world
        world.next_epoch()
        rows = []
        for name in sorted(who):
            try:
                world.commit(world.people[name], {2: 1})
                rows.append(world.people[name])
            except Reverted as error:
                expect(error, "weights: validator has no seat")
        world.open_reveals()
        for person in rows:
            world.reveal(person)

    # clients

    @rule(who=people, amount=amounts)
    def pay_a_fee(self, who, amount):
        world, total = self.world, self.paid_to_channel.get(who, 0) + amount
        receiver = world.founder
        if who in self.paid_to_channel:
            world.channels.deposit(self.account(who), receiver, amount, sender=self.account(who))
        else:
            world.channels.open(receiver, world.subnet, "0x" + "00" * 20, amount, sender=self.account(who))
        voucher = Voucher(world.channels.channel_id(self.account(who), receiver), total, b"\7" * 32)
        domain = Domain(world.vm.chain_id, world.channels.address)
        signature = self.account(who).sign(voucher.digest(domain))
        world.channels.claim(self.account(who), receiver, total, b"\7" * 32, signature)
        self.paid_to_channel[who] = total

    # epochs

    @rule()
    def seal(self):
        world = self.world
        epoch = world.epochs.next_seal(world.subnet)
        if epoch >= world.epoch:
            with world.vm.reverts("epochs: epoch has not ended"):
                world.epochs.seal(world.subnet, epoch)
            world.next_epoch()
        issued = world.token.minted() + world.epochs.reserved()
        world.epochs.seal(world.subnet, epoch)
        record = world.epochs.epochs(world.subnet, epoch)
        minting = record.pot - record.fees
        in_time = not may_skip(record.total, world.epoch, epoch, world.params.stall_epochs)
        assert minting == (epoch_emission(issued, 20) if in_time else 0)
        assert record.total == world.weights.total_stake(world.subnet, epoch)
        assert record.status == (1 if record.total else 0)

    def record(self, epoch):
        return self.world.epochs.epochs(self.world.subnet, epoch)

    def sealed(self):
        epoch = self.world.epochs.next_close(self.world.subnet)
        assert epoch == self.world.epochs.next_seal(self.world.subnet) or self.record(epoch).status == 1
        return epoch if epoch < self.world.epochs.next_seal(self.world.subnet) else None

    @precondition(lambda self: self.sealed() is not None)
    @rule(
        cuts=st.lists(st.integers(1, 1_000), min_size=2, max_size=4),
        who=st.sampled_from([("alice", "bob"), ("bob", "alice"), ("alice",), ()]),
        data=st.data(),
    )
    def close(self, cuts, who, data):
        world, epoch = self.world, self.sealed()
        record = world.epochs.epochs(world.subnet, epoch)
        left, claims = record.pot, []
        for cut in cuts:
            payee = data.draw(validators)
            kind = data.draw(st.sampled_from(list(ClaimKind)))
            amount = left * cut // 1_000
            left -= 0 if kind == ClaimKind.SLASH else amount
            person = world.people[payee]
            claims.append(Claim(len(claims), kind, person.agent, person.address, amount))
        signers = [world.people[name] for name in who]
        try:
            world.close(world.closing(epoch, claims), *signers)
        except Reverted as error:
            expect(
                error,
                "epochs: quorum is not reached",
                "epochs: nobody had that seat",
                "epochs: epoch has stalled",
            )
            return
        self.claims[epoch] = claims
        self.open_claims += [(epoch, i) for i in range(len(claims))]

    @precondition(lambda self: self.sealed() is not None)
    @rule()
    def skip(self):
        world, epoch = self.world, self.sealed()
        try:
            world.epochs.skip(world.subnet, epoch)
        except Reverted as error:
            expect(error, "epochs: epoch has not stalled")

    @precondition(lambda self: self.open_claims)
    @rule(data=st.data())
    def claim(self, data):
        for _ in range(min(2, len(self.open_claims))):
            self.claim_one(*data.draw(st.sampled_from(self.open_claims)))

    def is_slashable(self, epoch):
        world = self.world
        stakes = {
            p.uid: world.stakes.stake_at(
                world.subnet, world.weights.seat(world.subnet, epoch, p.uid)[0], epoch
            )
            for p in world.people.values()
        }
        seated = seated_stake(world.weights.seats_at(world.subnet, epoch), stakes)
        assert world.weights.seated_stake(world.subnet, epoch) == seated
        return may_slash(world.epochs.signed_of(world.subnet, epoch), seated)

    def claim_one(self, epoch, place):
        world = self.world
        claim = self.claims[epoch][place]
        who = next(name for name, p in world.people.items() if p.agent == claim.agent)
        fault = (epoch, claim.agent)
        if claim.kind == ClaimKind.SLASH and not self.is_slashable(epoch):
            with world.vm.reverts("epochs: too little stake signed to slash"):
                world.claim(epoch, self.claims[epoch], place)
            return
        if claim.kind == ClaimKind.SLASH and fault in self.faults:
            with world.vm.reverts("epochs: already slashed"):
                world.claim(epoch, self.claims[epoch], place)
            return
        world.claim(epoch, self.claims[epoch], place)
        self.open_claims.remove((epoch, place))
        book = self.books[who]
        if claim.kind == ClaimKind.STAKE:
            book.bonded, _, shares = spec.share_reward(book.bonded, claim.amount, book.take)
            book.add(who, shares)
        elif claim.kind == ClaimKind.SLASH:
            self.faults.add(fault)
            held = book.collateral
            book.collateral = replace(
                held, amount=held.amount - min(claim.amount, held.amount * 2_500 // 10_000)
            )
        with world.vm.reverts():
            world.claim(epoch, self.claims[epoch], place)

    @precondition(lambda self: self.sealed() is not None)
    @rule(whom=validators)
    def equivocate(self, whom):
        world, epoch = self.world, self.sealed()
        person, book = world.people[whom], self.books[whom]
        first, second = world.closing(epoch, []), world.closing(epoch, [], bonds=b"\1" * 32)
        votes = [world.vote(c, person)[0][1] for c in (first, second)]
        try:
            world.epochs.report_equivocation(
                person.uid, as_tuple(first), votes[0], as_tuple(second), votes[1], sender=world.founder
            )
        except Reverted as error:
            expect(error, "epochs: already slashed", "epochs: evidence is too old")
            return
        before, shares, held = book.bonded, book.of(whom), book.collateral
        book.bonded, book.aside, kept, cut = spec.slash_all(before, book.aside, held.amount, 3_333)
        book.collateral = replace(held, amount=kept)
        own = spec.culprit_part(before, book.bonded, shares) + held.amount - kept
        slashed = world.vm.event("Slashed").args
        assert (slashed.burned, slashed.reported) == spec.split_slash(cut, own)

    # what always holds

    @invariant()
    def pools_are_the_specs(self):
        world = self.world
        for name, book in self.books.items():
            agent = self.agent(name)
            assert tuple(world.stakes.pools(world.subnet, agent)) == (
                book.bonded.amount,
                book.bonded.shares,
                book.bonded.round,
            )
            aside = world.stakes.unbonding_pools(world.subnet, agent)
            assert tuple(aside) == (book.aside.amount, book.aside.shares, book.aside.round)
            held, block = book.collateral, world.vm.block
            assert world.stakes.collaterals(world.subnet, agent).amount == held.amount
            standing = held.amount if held.stands(block) else 0
            assert world.stakes.collateral_of(world.subnet, agent) == standing
            held = sum(shares for (_, round_), shares in book.shares.items() if round_ == book.bonded.round)
            assert held == book.bonded.shares, "every share is somebody's"

    @invariant()
    def every_token_is_accounted_for(self):
        world, token = self.world, self.world.token
        staked = sum(b.bonded.amount + b.aside.amount + b.collateral.amount for b in self.books.values())
        dan = world.stakes.pools(world.subnet, self.agent("dan")).amount
        assert token.balanceOf(world.stakes) == staked + dan
        assert world.unaccounted() == 0
        pot = world.channels.balance_of(world.channels.pot_of(world.subnet))
        owed = world.channels.balance_of(world.founder) + pot + world.channels.to_burn()
        assert token.balanceOf(world.channels) == owed
        held = sum(token.balanceOf(party) for party in world.parties)
        contracts = (world.stakes, world.channels, world.epochs, world.subnets)
        assert held + sum(token.balanceOf(contract) for contract in contracts) == token.totalSupply()

    @invariant()
    def reserve_is_what_open_epochs_may_mint(self):
        world = self.world
        due = 0
        for epoch in range(world.epochs.next_close(world.subnet), world.epochs.next_seal(world.subnet)):
            record = world.epochs.epochs(world.subnet, epoch)
            due += record.pot - record.fees
        assert world.epochs.reserved() == due


TestMoney = Money.TestCase
TestMoney.settings = settings(max_examples=settings.default.max_examples // 3, stateful_step_count=50)
