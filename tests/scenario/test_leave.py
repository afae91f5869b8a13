"""Who leaves gets back what it staked, locked and is owed: to the unit and once, whatever breaks off."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.ledger_world import LedgerWorld

from weftwork.errors import LedgerUnavailable, Refused
from weftwork.ledger import Account
from weftwork.network.dues import State, Step
from weftwork.network.enrol import Place, enrol_neuron, fund
from weftwork.network.home import Home
from weftwork.network.leave import leave_home
from weftwork.records import NO_ADDRESS, Closing
from weftwork.spec.subnet import SUBNET_PRESETS, SubnetParams
from weftwork.units import WAD

UNBONDING = 2_000
STAKE, PLEDGE = 300 * WAD + 7, 50 * WAD + 3
FRIEND = Account.create("a friend of who leaves").address


class Town:
    """A subnet, and a home whose roles join it and leave."""

    def __init__(self, folder: Path, params: SubnetParams | None = None) -> None:
        self.world = LedgerWorld(params)
        self.home = Home(folder / "joined-one")
        self.names: list[str] = []
        self.others: list[str] = []

    def join(self, name: str, **given: Any) -> Place:
        """A role of the home, as ``weft join`` enrols it."""
        world, account = self.world, self.home.account(name)
        self.names.append(name)
        fund(world.chain, world.contracts, world.founder, account.address, coins=1_000 * WAD)
        return enrol_neuron(
            world.chain, world.contracts, account, world.subnet, f"data:,{name}", max_price=2**127, **given
        )

    def peer(self, name: str, stake: int = 0) -> Any:
        """Another, with a key of its own."""
        made = self.world.join(name, stake)
        self.others.append(made.address)
        return made

    def leave(self, **given: Any) -> list[Step]:
        """One call of the command."""
        left = leave_home(self.home, self.world.chain, self.world.contracts, **given)
        return [step for one in left for step in one.steps]

    def coins(self, name: str) -> int:
        return int(self.world.at("token").call("balanceOf", self.home.account(name).address))

    def pass_unbonding(self, blocks: int = UNBONDING) -> None:
        self.world.mine_to(self.world.chain.block_number() + blocks)

    @property
    def is_conserved(self) -> bool:
        """Whether every coin that was minted is held by somebody known here, or burnt."""
        world, token = self.world, self.world.at("token")
        parts = [getattr(world.contracts, n) for n in ("stakes", "subnets", "channels", "epochs")]
        own = [self.home.account(name).address for name in self.names]
        who = {world.founder.address, FRIEND, *parts, *own, *self.others}
        held = sum(int(token.call("balanceOf", one)) for one in who)
        burnt = sum(event.args["value"] for event in token.events("Transfer", receiver=NO_ADDRESS))
        return held == int(token.call("totalSupply")) == int(token.call("minted")) - burnt


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    yield made
    made.world.close()


def told(steps: list[Step]) -> list[tuple[str, str]]:
    return [(step.what, str(step.state)) for step in steps]


def one(steps: list[Step], what: str) -> Step:
    (found,) = (step for step in steps if step.what == what)
    return found


# Stake and collateral


def test_all_comes_back_after_the_unbonding_and_nothing_twice(town: Town) -> None:
    place = town.join("node-1", stake=STAKE, collateral=PLEDGE, validate=True)
    had = town.coins("node-1")
    first = town.leave()
    assert told(first) == [
        ("seat", "given up"),
        ("stake", "unbonding"),
        ("collateral", "unbonding"),
        ("place", "given up"),
    ]
    assert (one(first, "stake").amount, one(first, "collateral").amount) == (STAKE, PLEDGE)
    world, where = town.world, (town.world.subnet, place.agent)
    assert not world.at("subnets").call("is_registered", *where)
    assert world.at("weights").call("held_seats", world.subnet) == 0
    block = world.chain.block_number()
    again = town.leave()
    assert told(again) == [("stake", "unbonding"), ("collateral", "unbonding")]
    assert {s.what: (s.amount, s.until) for s in again} == {
        s.what: (s.amount, s.until) for s in first if s.until
    }
    assert world.chain.block_number() == block, "a second call sends nothing"
    assert town.coins("node-1") == had

    world.mine_to(max(step.until for step in first) - 1)
    assert "taken" not in [state for _, state in told(town.leave(dry=True))][-1:]
    world.mine_to(max(step.until for step in first))
    assert told(town.leave()) == [("stake", "taken"), ("collateral", "taken")]
    assert town.coins("node-1") == had + STAKE + PLEDGE
    block = world.chain.block_number()
    assert town.leave() == []
    assert world.chain.block_number() == block
    assert town.coins("node-1") == had + STAKE + PLEDGE
    assert int(world.at("stakes").call("total")) == 0
    assert town.is_conserved


def test_a_dry_run_says_what_would_be_done_and_sends_nothing(town: Town) -> None:
    town.join("node-1", stake=STAKE, collateral=PLEDGE, validate=True)
    block = town.world.chain.block_number()
    planned = town.leave(dry=True, to=FRIEND)
    assert town.world.chain.block_number() == block
    assert not (town.home.path / "network.json").exists()
    done = town.leave(to=FRIEND)
    assert told(planned) == told(done)
    assert [step.amount for step in planned[:4]] == [step.amount for step in done[:4]]
    assert all(step.planned for step in planned if step.what != "gas money")
    town.pass_unbonding()
    block = town.world.chain.block_number()
    planned = town.leave(dry=True, to=FRIEND)
    assert town.world.chain.block_number() == block
    done = town.leave(to=FRIEND)
    assert told(planned) == told(done)
    free = (STAKE + PLEDGE, STAKE + PLEDGE)
    assert (one(planned, "free coins").amount, one(done, "free coins").amount) == free


def test_a_call_that_broke_off_anywhere_is_gone_on_with(town: Town) -> None:
    town.join("node-1", stake=STAKE, collateral=PLEDGE, validate=True)
    world, had = town.world, town.coins("node-1")
    cut = Cut(world.chain._transport)
    world.chain._transport = cut
    broken = 0
    for is_sent in (False, True):
        for after in range(8):
            point = world.chain.rpc("evm_snapshot")
            for _ in range(2):
                cut.arm(after, is_sent)
                try:
                    town.leave()
                except LedgerUnavailable:
                    broken += 1
                cut.arm(None)
                steps = town.leave()
                if steps:
                    world.mine_to(max(step.until for step in steps))
            town.leave()
            assert town.leave() == []
            assert town.coins("node-1") == had + STAKE + PLEDGE, (is_sent, after)
            assert town.is_conserved
            world.chain.rpc("evm_revert", point)
    assert broken >= 12, "each of the six transactions was lost, and its answer was"


class Cut:
    """A ledger's transport that is cut at a transaction: before it is sent, or before it is answered."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.arm(None)

    def arm(self, after: int | None, is_sent: bool = False) -> None:
        self._left, self._is_sent = after, is_sent

    def call(self, method: str, params: list[Any]) -> Any:
        if method == "eth_sendRawTransaction" and self._left is not None:
            self._left -= 1
            if self._left < 0:
                if self._is_sent:
                    self.inner.call(method, params)
                raise LedgerUnavailable("the line to the ledger is cut")
        return self.inner.call(method, params)

    def batch(self, calls: list[tuple[str, list[Any]]]) -> list[Any]:
        return list(self.inner.batch(calls))

    def close(self) -> None:
        self.inner.close()


def test_a_request_for_collateral_that_lapsed_is_made_anew_and_said_so(town: Town) -> None:
    town.join("provider-1", collateral=PLEDGE)
    had = town.coins("provider-1")
    first = one(town.leave(), "collateral")
    assert f"before block {first.until + UNBONDING}" in first.note
    town.world.mine_to(first.until + UNBONDING)
    planned = one(town.leave(dry=True), "collateral")
    again = one(town.leave(), "collateral")
    for step in (planned, again):
        assert step.state is State.UNBONDING
        assert "had lapsed" in step.note
    assert again.until > first.until + UNBONDING
    assert town.coins("provider-1") == had
    town.world.mine_to(again.until)
    assert told(town.leave()) == [("collateral", "taken")]
    assert town.coins("provider-1") == had + PLEDGE


@pytest.mark.parametrize("at", ["last", "lapse"])
def test_the_last_block_of_a_request_is_told_from_its_lapse(town: Town, at: str) -> None:
    town.join("provider-1", collateral=PLEDGE)
    first = one(town.leave(), "collateral")
    # a transaction is in the block after the newest
    town.world.mine_to(first.until + UNBONDING - (2 if at == "last" else 1))
    planned, done = one(town.leave(dry=True), "collateral"), one(town.leave(), "collateral")
    assert planned.state is done.state
    assert done.state is (State.TAKEN if at == "last" else State.UNBONDING)


def test_stake_with_another_s_agent_comes_back_and_leaves_it_alone(town: Town) -> None:
    ada = town.peer("ada", 100 * WAD)
    town.join("miner-1")
    world, account = town.world, town.home.account("miner-1")
    world.at("token").send(account, "approve", world.contracts.stakes, 2**255)
    world.at("stakes").send(account, "stake", world.subnet, ada.agent, STAKE)
    had = town.coins("miner-1")
    steps = town.leave()
    assert told(steps) == [("stake", "unbonding"), ("place", "given up")]
    assert one(steps, "stake").agent == ada.agent
    assert world.at("subnets").call("is_registered", world.subnet, ada.agent)
    town.pass_unbonding()
    assert told(town.leave()) == [("stake", "taken")]
    assert town.coins("miner-1") == had + STAKE
    assert world.at("stakes").call("stake_of", world.subnet, ada.agent, ada.address) == 100 * WAD


def test_a_full_queue_of_withdrawals_waits_for_its_first(town: Town) -> None:
    place = town.join("validator-1", stake=STAKE)
    world, account = town.world, town.home.account("validator-1")
    had = town.coins("validator-1")
    for _ in range(16):
        world.at("stakes").send(account, "unstake", world.subnet, place.agent, WAD)
        world.mine_to(world.chain.block_number() + 3)
    steps = [step for step in town.leave() if step.what == "stake"]
    assert [step.state for step in steps] == [State.WAITS, *[State.UNBONDING] * 16]
    assert steps[0].until == steps[1].until
    world.mine_to(steps[0].until)
    steps = town.leave()
    assert (steps[0].state, steps[0].amount) == (State.TAKEN, WAD)
    assert sum(step.amount for step in steps) == STAKE
    town.pass_unbonding()
    town.leave()
    assert town.coins("validator-1") == had + STAKE


# Validators


class Bench:
    """Two validators, one of them this home's; a miner; an epoch that was judged and closed."""

    def __init__(self, town: Town, stake: int) -> None:
        self.town, world = town, town.world
        self.bob, self.mia = town.peer("bob", 100 * WAD), town.peer("mia")
        self.place = town.join("validator-1", stake=stake, validate=True)
        self.account = town.home.account("validator-1")
        self.judges = [self.bob, dataclasses.replace(self.bob, account=self.account, uid=self.place.uid)]
        world.enter(self.bob)
        world.next_epoch()
        self.closed = self.judge()
        world.next_epoch()
        self.plan = world.settle(self.closed, *self.judges)

    def judge(self) -> int:
        return self.town.world.judge(*((one, {self.mia.uid: 1}) for one in self.judges))


def test_a_validator_gets_stake_and_rewards_back_and_the_rest_close_without_it(town: Town) -> None:
    bench = Bench(town, 60 * WAD)
    world = town.world
    epoch = bench.judge()
    worth = int(world.at("stakes").call("stake_of", world.subnet, bench.place.agent, bench.account.address))
    assert worth > 60 * WAD, "it earned"
    steps = town.leave()
    assert told(steps) == [("seat", "given up"), ("stake", "unbonding"), ("place", "given up")]
    assert one(steps, "stake").amount == worth
    had = town.coins("validator-1")
    world.next_epoch()
    assert town.leave(dry=True)[0].state is State.UNBONDING
    world.settle(epoch, bench.bob)
    town.pass_unbonding()
    town.leave()
    assert town.coins("validator-1") == had + worth
    assert town.is_conserved


def test_a_reward_that_comes_after_leaving_reaches_the_account(town: Town) -> None:
    bench = Bench(town, 60 * WAD)
    world = town.world
    epoch = bench.judge()
    world.next_epoch()
    had = town.coins("validator-1")
    town.leave()
    town.pass_unbonding(5)  # more than half of the stake closes once the window is over
    world.settle(epoch, bench.bob)
    paid = town.coins("validator-1") - had
    assert paid > 0, "an agent without stakers is paid at its wallet"
    assert one(town.leave(to=FRIEND), "free coins").amount == had + paid


def test_a_validator_without_which_an_epoch_cannot_be_closed_is_refused_until_it_has_stalled(
    town: Town,
) -> None:
    bench = Bench(town, 150 * WAD)
    world = town.world
    epoch = bench.judge()
    world.next_epoch()
    block = world.chain.block_number()
    with pytest.raises(Refused, match=f"nobody can close epoch {epoch} of subnet 1") as refused:
        town.leave()
    assert world.chain.block_number() == block
    assert refused.value.hint is not None
    until = int(refused.value.hint.split("after block ")[1].split(",")[0])
    assert until > world.at("subnets").call("first_block", world.subnet, epoch + 3), (
        "what it showed counts twice"
    )
    point = world.chain.rpc("evm_snapshot")
    world.settle(epoch, *bench.judges)
    assert ("stake", "unbonding") in told(town.leave()), "closed"
    world.chain.rpc("evm_revert", point)
    world.mine_to(until - 1)
    with pytest.raises(Refused):
        town.leave()
    world.mine_to(until)
    assert ("stake", "unbonding") in told(town.leave()), "nobody can close it any more"


def test_a_slash_while_it_unbonds_is_taken_off_what_comes_back(town: Town) -> None:
    bench = Bench(town, 60 * WAD)
    world, where = town.world, (town.world.subnet, bench.place.agent)
    world.at("stakes").send(bench.account, "lock_collateral", *where, PLEDGE)
    steps = town.leave()
    had, owed = town.coins("validator-1"), {step.what: step.amount for step in steps}
    slashed = equivocate(bench)
    town.pass_unbonding()
    steps = town.leave()
    back = {step.what: step.amount for step in steps if step.state is State.TAKEN}
    assert 0 < back["stake"] < owed["stake"]
    assert 0 < back["collateral"] < owed["collateral"]
    assert sum(owed[what] - back[what] for what in back) == slashed
    assert town.coins("validator-1") == had + sum(back.values())
    assert town.is_conserved


def test_nothing_comes_back_of_what_was_slashed_whole(tmp_path: Path) -> None:
    params = dataclasses.replace(SUBNET_PRESETS["local"], equivocation_slash_bps=10_000)
    town = Town(tmp_path, params)
    bench = Bench(town, 60 * WAD)
    world, where = town.world, (town.world.subnet, bench.place.agent)
    world.at("stakes").send(bench.account, "lock_collateral", *where, PLEDGE)
    town.leave()
    had = town.coins("validator-1")
    equivocate(bench)
    (step,) = town.leave()
    assert (step.what, step.state, step.amount) == ("stake", State.UNBONDING, 0)
    assert "slashed" in step.note
    town.pass_unbonding()
    (step,) = town.leave()
    assert (step.what, step.state, step.amount) == ("stake", State.TAKEN, 0)
    assert town.leave() == []
    assert town.coins("validator-1") == had
    assert town.is_conserved
    world.close()


def equivocate(bench: Bench) -> int:
    """Bob shows two closings of one epoch that the validator signed; what that costs it."""
    world = bench.town.world
    right = bench.plan.closing
    wrong = dataclasses.replace(right, payout=right.payout - 1)
    domain = world.contracts.domains.of("closing")
    shown: list[Any] = [bench.place.uid]
    for one in (right, wrong):
        fields = tuple(getattr(one, name) for name, _ in Closing.fields)
        shown += [fields, bench.account.sign_hash(one.digest(domain))]
    receipt = world.at("epochs").send(bench.bob.account, "report_equivocation", *shown)
    return int(world.at("epochs").events_in(receipt, "Equivocated")[0].args["slashed"])


# Places


def test_a_miner_s_place_waits_for_the_end_of_an_epoch_that_is_judged_and_is_paid_for_it(town: Town) -> None:
    bench = Bench(town, 60 * WAD)
    world = town.world
    place = town.join("miner-1")
    epoch = world.judge(*((judge, {place.uid: 1}) for judge in bench.judges))
    town.home.path.joinpath("keys", "validator-1.key").rename(town.home.path / "validator-1.key")
    steps = town.leave()
    assert told(steps) == [("place", "waits")]
    assert steps[0].until + 1 == world.at("subnets").call("first_block", world.subnet, epoch + 1)
    world.mine_to(steps[0].until - 1)
    assert told(town.leave()) == [("place", "waits")]
    world.mine_to(steps[0].until)
    assert told(town.leave()) == [("place", "given up")], "it waits for no later epoch"
    had = town.coins("miner-1")
    world.settle(epoch, *bench.judges)
    assert town.coins("miner-1") > had, "its work is paid though it has left"
    assert town.leave() == []
    town.home.path.joinpath("validator-1.key").rename(town.home.path / "keys" / "validator-1.key")
    assert town.is_conserved


# To another address


def test_what_is_free_goes_where_it_is_told_and_gas_money_last(town: Town) -> None:
    town.join("node-1", stake=STAKE, collateral=PLEDGE)
    world, account = town.world, town.home.account("node-1")
    had, gas = town.coins("node-1"), world.chain.balance(FRIEND)
    steps = town.leave(to=FRIEND)
    assert one(steps, "free coins").amount == had
    assert one(steps, "gas money").state is State.WAITS, "what unbonds has to be fetched"
    assert world.at("token").call("balanceOf", FRIEND) == had
    assert world.chain.balance(FRIEND) == gas
    town.pass_unbonding()
    steps = town.leave(to=FRIEND)
    sent = one(steps, "gas money")
    assert world.at("token").call("balanceOf", FRIEND) == had + STAKE + PLEDGE
    assert world.chain.balance(FRIEND) == gas + sent.amount
    assert town.coins("node-1") == 0
    assert world.chain.balance(account) < 10**15, "next to nothing stays"
    block = world.chain.block_number()
    assert told(town.leave(to=FRIEND)) in ([], [("gas money", "sent")])
    assert world.chain.block_number() <= block + 1
    assert town.is_conserved


def test_each_key_of_a_home_leaves(town: Town) -> None:
    for name in ("miner-1", "miner-2"):
        town.join(name, stake=STAKE)
    left = leave_home(town.home, town.world.chain, town.world.contracts)
    assert [(one.name, told(list(one.steps))) for one in left] == [
        (name, [("stake", "unbonding"), ("place", "given up")]) for name in ("miner-1", "miner-2")
    ]
