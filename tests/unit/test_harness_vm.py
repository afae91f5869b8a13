"""The contract tests' own EVM behaves as one: returns, reverts, events, blocks, going back, gas."""

from __future__ import annotations

import pytest
from harness.vm import Reverted, Vm

COUNTER = """
# pragma version ~=0.4.3
struct Point:
    x: uint256
    who: address
event Counted:
    who: indexed(address)
    tag: indexed(String[8])
    count: uint256
count: public(uint256)
points: HashMap[uint256, Point]
scratch: transient(uint256)
@external
@payable
def add(step: uint256 = 1) -> uint256:
    assert step < 100, "counter: step is too large"
    self.count += step
    self.scratch += 1
    log Counted(who=msg.sender, tag="tag", count=self.count)
    return self.count
@external
def put(p: Point) -> Point:
    self.points[p.x] = p
    return self.points[p.x]
@external
@view
def scratched() -> uint256:
    return self.scratch
@external
@view
def environment(n: uint256) -> (uint256, uint256, uint256, bytes32):
    return block.number, block.timestamp, chain.id, blockhash(n)
"""


@pytest.fixture(scope="module")
def world():
    vm = Vm()
    return vm, vm.deploy(COUNTER)


@pytest.fixture
def vm(world):
    point = world[0].snapshot()
    yield world[0]
    world[0].restore(point)


def test_caller_gets_decoded_return_values_events_and_reasons(vm, world):
    counter, alice = world[1], vm.account("alice")
    assert counter.add(sender=alice) == 1
    assert counter.add(5, sender=alice, value=7) == 6
    event = vm.event("Counted")
    assert (event.args.who, event.args.count, len(event.args.tag)) == (alice.address, 6, 32)
    assert vm.balance(counter) == 7
    with pytest.raises(Reverted, match="counter: step is too large"):
        counter.add(100)
    assert counter.count() == 6
    assert counter.scratched() == 0, "transient storage ends with its transaction"


def test_struct_is_given_as_tuple_or_dict_and_returned_by_name(vm, world):
    alice = vm.account("alice")
    point = world[1].put((3, alice))
    assert (point.x, point.who) == (3, alice.address)
    assert world[1].put({"x": 3, "who": alice}) == point


def test_blocks_pass_and_only_the_last_256_hashes_are_seen(vm, world):
    counter = world[1]
    vm.mine(10)
    number, time, chain, _ = counter.environment(vm.block - 1)
    assert (number, time, chain) == (vm.block, vm.time, vm.chain_id)
    assert counter.environment(vm.block - 256)[3] == vm.block_hash(vm.block - 256) != b"\0" * 32
    with pytest.raises(Reverted):
        counter.environment(vm.block - 257)


def test_state_goes_back_to_a_snapshot_as_often_as_wanted(vm, world):
    counter = world[1]
    counter.add(3)
    point = vm.snapshot()
    for step in (1, 2):
        counter.add(step)
        vm.mine(4)
        assert counter.count() == 3 + step
        vm.restore(point)
        assert (counter.count(), vm.block) == (3, point[1])
    assert counter.add.call(9) == 12
    assert counter.count() == 3


def test_gas_is_that_of_a_whole_transaction(vm, world):
    counter = world[1]
    counter.add(1)
    fresh = vm.gas_used
    counter.add(1)
    assert fresh - vm.gas_used == 17_100, "a zero slot costs 20,000 to fill, a filled one 2,900 to change"
