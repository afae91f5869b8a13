"""Subnets open, change their rules slowly, sell places, prune, and end."""

from __future__ import annotations

import pytest
from harness.vm import Reverted
from harness.world import COMMIT, FAR, TEMPO, WAD, World
from hypothesis import given, settings
from hypothesis import strategies as st

from weftwork.spec import registration
from weftwork.spec.registration import Tenant
from weftwork.spec.subnet import SUBNET_PRESETS, SubnetParams

LOCAL = SUBNET_PRESETS["local"]


@pytest.fixture(scope="module")
def opened():
    world = World()
    world.dora = world.fund(world.vm.account("dora"), 1_000 * WAD)
    return world


@pytest.fixture
def world(opened):
    point = opened.vm.snapshot()
    yield opened
    opened.vm.restore(point)


# opening and ending


def test_lock_doubles_with_each_subnet_and_falls_back(world):
    assert world.subnets.lock_cost() == 20 * WAD
    world.subnets.create_subnet(TEMPO, COMMIT, LOCAL.words, 20 * WAD, FAR, sender=world.dora)
    assert world.subnets.lock_cost() == 40 * WAD
    world.vm.mine(100)
    assert world.subnets.lock_cost() == 20 * WAD
    world.vm.mine(100)
    assert world.subnets.lock_cost() == 10 * WAD


@given(st.integers(0, 1_000))
def test_contract_and_spec_agree_on_the_lock(opened, elapsed):
    point = opened.vm.snapshot()
    opened.vm.mine(elapsed)
    passed = opened.vm.block - opened.subnets.last_lock_at()
    expected = registration.lock_cost(opened.subnets.last_lock(), passed, 100, 10 * WAD)
    assert opened.subnets.lock_cost() == expected
    opened.vm.restore(point)


def test_lock_comes_back_when_the_subnet_is_dissolved(world):
    actor = world.join("mia")
    world.vm.mine(100)
    with world.vm.reverts("subnets: there are neurons left"):
        world.subnets.dissolve(world.subnet, sender=world.founder)
    world.subnets.deregister(world.subnet, actor.agent, sender=actor.account)
    with world.vm.reverts("subnets: caller is not the owner"):
        world.subnets.dissolve(world.subnet, sender=world.dora)
    before = world.token.balanceOf(world.founder)
    world.subnets.dissolve(world.subnet, sender=world.founder)
    assert world.token.balanceOf(world.founder) - before == 10 * WAD
    assert world.token.balanceOf(world.subnets) == 0
    with world.vm.reverts("subnets: there is no such subnet"):
        world.subnets.register(world.subnet, actor.agent, FAR, FAR, sender=actor.account)


def test_lock_is_held_for_an_interval(world):
    with world.vm.reverts("subnets: lock is still held"):
        world.subnets.dissolve(world.subnet, sender=world.founder)


def test_subnet_goes_to_another_owner(world):
    world.subnets.change_owner(world.subnet, world.dora, sender=world.founder)
    with world.vm.reverts("subnets: caller is not the owner"):
        world.subnets.change_params(world.subnet, LOCAL.words, sender=world.founder)
    world.subnets.change_params(world.subnet, LOCAL.words, sender=world.dora)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"yuma": 2}, "params: yuma 2 needs full bonds penalty"),
        ({"kappa": 65_536}, "params: share is over 65535"),
        ({"bonds_moving_average": 1_000_001}, "params: moving average is over a million"),
        ({"liquid_low": 60_000}, "params: liquid alpha range is empty"),
        ({"liquid_steepness": 40_000}, "params: liquid alpha is out of range"),
        ({"max_uids": 257}, "params: max_uids is 1 to 256"),
        ({"max_validators": 65}, "params: max_validators is 1 to 64"),
        ({"max_weight": 0}, "params: max_weight is 1 to 65535"),
        ({"owner_bps": 6_000}, "params: split is over the whole"),
        ({"burn_fee_bps": 9_999}, "params: fee split is over the whole"),
        ({"price_half_life": 0}, "params: price range is empty"),
        ({"price_bump": 999_999}, "params: price bump is 1 to 10"),
        ({"stall_epochs": 0}, "params: stall_epochs is 1 to 1000"),
        ({"fault_slash_bps": 10_001}, "params: slash is over the whole"),
    ],
)
def test_parameters_out_of_range_are_refused(world, change, reason):
    with world.vm.reverts(reason):
        world.create(LOCAL.replace(**change))


def test_subnet_is_not_opened_late_or_dear_or_without_time(world):
    given = (LOCAL.words, 20 * WAD, FAR)
    with world.vm.reverts("subnets: deadline has passed"):
        world.subnets.create_subnet(TEMPO, COMMIT, LOCAL.words, FAR, world.vm.time - 1, sender=world.dora)
    with world.vm.reverts("subnets: lock costs more than the maximum given"):
        world.subnets.create_subnet(TEMPO, COMMIT, LOCAL.words, 19 * WAD, FAR, sender=world.dora)
    for commit in (0, TEMPO):
        with world.vm.reverts("subnets: tempo has no room to commit and reveal"):
            world.subnets.create_subnet(TEMPO, commit, *given, sender=world.dora)


# time and parameters


def test_epochs_follow_each_other_without_a_gap(world):
    start = world.subnets.first_block(world.subnet, 0)
    for block in range(start, start + 3 * TEMPO):
        world.vm.set_block(block, world.vm.time)
        epoch, commits = world.subnets.phase(world.subnet)
        assert epoch == (block - start) // TEMPO
        assert commits == ((block - start) % TEMPO < COMMIT)


def test_changed_parameters_hold_from_an_epoch_after_the_delay_and_history_stays(world):
    changed = LOCAL.replace(kappa=40_000)
    epoch = world.subnets.change_params(world.subnet, changed.words, sender=world.founder)
    assert world.subnets.first_block(world.subnet, epoch) > world.vm.block + 300
    assert world.subnets.params_hash(world.subnet, epoch - 1) == LOCAL.hash
    assert world.subnets.params_hash(world.subnet, epoch) == changed.hash
    assert SubnetParams(*world.subnets.params_at(world.subnet, epoch)) == changed


def test_parameters_change_more_slowly_than_stake_leaves(world):
    with world.vm.reverts("subnets: delay is below the unbonding"):
        world.vm.deploy("Subnets", world.token, world.identity, world.stakes, 200, WAD, 100)


# registration


def test_price_is_burnt_and_rises_and_falls(world):
    supply = world.token.totalSupply()
    world.join("mia")
    assert supply - world.token.totalSupply() == WAD
    assert world.subnets.price_of(world.subnet) == 126 * WAD // 100
    world.vm.mine(LOCAL.price_half_life)
    assert world.subnets.price_of(world.subnet) == WAD


@given(st.lists(st.integers(0, 90), min_size=1, max_size=6))
@settings(max_examples=10)
def test_contract_and_spec_agree_on_the_price(opened, waits):
    point = opened.vm.snapshot()
    price = LOCAL.price_min
    for i, wait in enumerate(waits):
        opened.vm.mine(wait)
        price = registration.decay_price(price, wait, LOCAL.price_min, LOCAL.price_max, LOCAL.price_half_life)
        assert opened.subnets.price_of(opened.subnet) == price
        opened.join(f"miner{i}")
        price = registration.bump_price(price, LOCAL.price_max)
    opened.vm.restore(point)


def test_buyer_names_a_maximum_price_and_a_deadline(world):
    agent = world.identity.register(sender=world.dora)
    with world.vm.reverts("subnets: price is over the maximum given"):
        world.subnets.register(world.subnet, agent, WAD - 1, FAR, sender=world.dora)
    with world.vm.reverts("subnets: deadline has passed"):
        world.subnets.register(world.subnet, agent, WAD, world.vm.time - 1, sender=world.dora)
    world.subnets.register(world.subnet, agent, WAD, world.vm.time, sender=world.dora)
    with world.vm.reverts("subnets: agent is registered"):
        world.subnets.register(world.subnet, agent, FAR, FAR, sender=world.dora)


def test_only_who_holds_an_agent_registers_it_and_takes_it_out(world):
    actor = world.join("mia")
    agent = world.identity.register(sender=actor.account)
    with world.vm.reverts("subnets: caller does not hold the agent"):
        world.subnets.register(world.subnet, agent, FAR, FAR, sender=world.dora)
    with world.vm.reverts("subnets: caller does not hold the agent"):
        world.subnets.deregister(world.subnet, actor.agent, sender=world.dora)
    with world.vm.reverts("subnets: agent is not registered"):
        world.subnets.deregister(world.subnet, agent, sender=actor.account)


def test_only_epochs_notes_pay(world):
    with world.vm.reverts("subnets: caller is not the epochs contract"):
        world.subnets.note_pay(world.subnet, 0, 1, 1)
    for contract in (world.subnets, world.stakes):
        with world.vm.reverts():
            contract.bind(world.dora, world.dora)


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 3), st.booleans(), st.booleans()),
        min_size=2,
        max_size=14,
    ),
    st.integers(0, 60),
)
def test_contract_and_spec_prune_the_same_neuron(neurons, immunity):
    """Each neuron: blocks until it registers, what it was paid, whether it left, whether it has a seat."""
    world = World(LOCAL.replace(max_uids=len(neurons), max_validators=64, immunity=immunity))
    epochs = world.vm.account("payer")
    subnets = world.subnets = world.vm.deploy(
        "Subnets", world.token, world.identity, world.stakes, 300, 10 * WAD, 100
    )
    weights = world.vm.deploy(SEATS)
    subnets.bind(weights, epochs)
    world.fund(world.founder, 0)
    world.subnet = world.create(world.params)
    tenants, actors = [], []
    for i, (wait, _, _, _) in enumerate(neurons):
        world.vm.mine(wait)
        actors.append(world.join(f"neuron{i}"))
    epoch = subnets.current_epoch(world.subnet)
    for i, (actor, (_, paid, left, seated)) in enumerate(zip(actors, neurons, strict=True)):
        if paid:
            subnets.note_pay(world.subnet, actor.agent, epoch, paid, sender=epochs)
        if left:
            subnets.deregister(world.subnet, actor.agent, sender=actor.account)
        weights.seat(i, seated)
        born = subnets.neuron(world.subnet, i).registered_at
        tenants.append(Tenant(i, paid, born, left, seated))
    try:
        expected = registration.find_victim(tenants, immunity, world.vm.block)
    except registration.SubnetFull:
        with pytest.raises(Reverted, match="subnet is full"):
            world.join("late")
        return
    assert world.join("late").uid == expected


def test_squatter_does_not_keep_an_owners_lock_and_has_notice_before_the_end():
    world = World()
    squatter = world.join("squatter", 10**15)
    with world.vm.reverts("subnets: caller is not the owner"):
        world.subnets.announce_end(world.subnet, sender=squatter.account)
    world.vm.mine(100)
    with world.vm.reverts("subnets: there are neurons left"):
        world.subnets.dissolve(world.subnet, sender=world.founder)
    world.subnets.announce_end(world.subnet, sender=world.founder)
    with world.vm.reverts("subnets: subnet is ending"):
        world.subnets.announce_end(world.subnet, sender=world.founder)
    with world.vm.reverts("subnets: subnet is ending"):
        world.join("late")
    world.vm.mine(299)
    with world.vm.reverts("subnets: there are neurons left"):
        world.subnets.dissolve(world.subnet, sender=world.founder)
    world.vm.mine()
    before = world.token.balanceOf(world.founder)
    lock = world.subnets.subnets(world.subnet).lock
    world.subnets.dissolve(world.subnet, sender=world.founder)
    assert world.token.balanceOf(world.founder) - before == lock
    assert world.stakes.unstake(world.subnet, squatter.agent, 10**15, sender=squatter.account) == 10**15


SEATS = """
# pragma version ~=0.4.3
seats: uint256
@external
def seat(uid: uint256, seated: bool):
    if seated:
        self.seats = self.seats | (1 << uid)
@external
@view
def safe_seats(subnet: uint256) -> uint256:
    return self.seats
@external
def drop_seat(subnet: uint256, uid: uint256):
    pass
"""


def test_earner_is_safe_and_the_idle_neuron_goes():
    world = World(LOCAL.replace(max_uids=3))
    alice = world.join("alice", 60 * WAD)
    idle, busy = world.join("idle"), world.join("busy")
    world.enter(alice)
    epoch = world.next_epoch()
    world.judge([(alice, {busy.uid: 1})])
    world.next_epoch()
    world.seal(epoch)
    from weftwork.spec.merkle import Claim, ClaimKind

    claims = [Claim(0, ClaimKind.PAY, busy.agent, busy.address, WAD)]
    world.close(world.closing(epoch, claims), alice)
    world.claim(epoch, claims, 0)
    assert world.join("late").uid == idle.uid


@pytest.mark.nightly
def test_full_subnet_fits_into_a_block():
    """256 neurons, 64 of them validators: registering, sealing and closing each fit a block."""
    world = World(LOCAL.replace(price_max=WAD, max_validators=64))
    people = [world.join(f"neuron{i}", stake=(1 + i) * WAD if i < 64 else 0) for i in range(256)]
    world.enter(*people[:64])
    gas = {"enter": world.vm.gas_used}
    epoch = world.next_epoch()
    world.join("late")
    gas["register"] = world.vm.gas_used
    world.judge([(judge, {70: 1}) for judge in people[:64]])
    world.next_epoch()
    world.seal(epoch)
    gas["seal"] = world.vm.gas_used
    world.vm.mine(5)
    world.close(world.closing(epoch, []), *people[:64])
    gas["close"] = world.vm.gas_used
    print(gas)
    assert max(gas.values()) < 15_000_000
    assert len(world.subnets.neurons(world.subnet)) == 256
