"""Our inner loop leaves what py-evm's own leaves: gas, output, logs, storage, and the way it fails."""

from __future__ import annotations

from typing import Any

import pytest
from eth.vm.forks.cancun.computation import CancunComputation
from hypothesis import given
from hypothesis import strategies as st

from weftwork.ledger import engine, trie
from weftwork.ledger.engine import Environment, Outcome
from weftwork.ledger.journal import Journal
from weftwork.ledger.transaction import Transaction
from weftwork.ledger.world import World

ENVIRONMENT = Environment(7, 1_800_000_000, 10**9, b"\x09" * 32, 30_000_000, b"\xcc" * 20, 31337)
SENDER, CONTRACT, OTHER = b"\xaa" * 20, b"\xbb" * 20, b"\xdd" * 20


class PeerState(engine.State):
    """The same world under py-evm's own loop."""

    computation_class = CancunComputation


def run(
    kind: type[engine.State], code: bytes, other: bytes, data: bytes, gas: int, to: bytes
) -> tuple[Any, ...]:
    """Outcome and state root of one transaction under one loop."""
    journal = Journal(None)
    try:
        world = World(journal, trie.BLANK_ROOT)
        world.set_balance(SENDER, 10**24)
        world.set_code(CONTRACT, code)
        world.set_code(OTHER, other)
        world.set_storage(CONTRACT, 1, 5)
        world.set_storage(OTHER, 1, 6)
        world.seal()
        made = engine.open_state(world, ENVIRONMENT, [bytes([n]) * 32 for n in range(5)])
        state = kind(world, made.execution_context)
        tx = Transaction(2, 31337, 0, 1, 10**10, gas, to, 3, data if to else code, sender=SENDER)
        outcome: Outcome = engine.run(state, tx, ENVIRONMENT)
        failure = "halt" if outcome.error not in ("", "revert") else outcome.error
        facts = (outcome.success, outcome.gas_used, outcome.gas_peak, outcome.output, outcome.logs, failure)
        return (*facts, outcome.created, world.seal())
    finally:
        journal.close()


def same(
    code: bytes, other: bytes = b"", data: bytes = b"", gas: int = 200_000, to: bytes = CONTRACT
) -> tuple[Any, ...]:
    """Run under both loops and compare."""
    ours = run(engine.State, code, other, data, gas, to)
    assert ours == run(PeerState, code, other, data, gas, to)
    return ours


def push(value: int) -> bytes:
    size = max(1, (value.bit_length() + 7) // 8)
    return bytes([0x5F + size]) + value.to_bytes(size, "big")


words = st.one_of(
    st.integers(0, 5),
    st.integers(0, 300),
    st.sampled_from([31, 32, 33, 64, 255, 256, 2**128, 2**255, 2**256 - 1, int.from_bytes(OTHER, "big")]),
    st.integers(0, 2**256 - 1),
)
PURE = [*range(0x01, 0x0C), *range(0x10, 0x1E), 0x20, *range(0x30, 0x40), *range(0x40, 0x4B)]
MEMORY = [0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x58, 0x59, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F]
COPIES = [*range(0x80, 0xA0), 0xA0, 0xA1, 0xA2]
ENDS = [0x00, 0xF3, 0xFD, 0xFE, 0xF1, 0xF2, 0xF4, 0xFA, 0xF0, 0xF5, 0xFF, 0x56, 0x57]
pieces = st.one_of(
    words.map(push),
    st.tuples(st.integers(0, 100), st.integers(0, 100)).map(lambda p: push(p[0]) + push(p[1]) + b"\x52"),
    st.sampled_from(PURE).map(lambda op: bytes([op])),
    st.tuples(words, words, words, st.sampled_from(PURE)).map(
        lambda p: b"".join(map(push, p[:3])) + bytes([p[3]])
    ),
    st.tuples(
        st.integers(0, 90),
        st.integers(0, 90),
        st.integers(0, 90),
        st.sampled_from([*MEMORY, 0x20, 0x37, 0x39]),
    ).map(lambda p: b"".join(map(push, p[:3])) + bytes([p[3]])),
    st.sampled_from([*MEMORY, *COPIES]).map(lambda op: bytes([op])),
    # call(gas, OTHER, value, in, in size, out, out size) and its kin
    st.tuples(st.sampled_from([0xF1, 0xF4, 0xFA]), st.lists(st.integers(0, 40), min_size=4, max_size=4)).map(
        lambda p: (
            b"".join(map(push, p[1]))
            + (b"\x5f" if p[0] == 0xF1 else b"")
            + push(int.from_bytes(OTHER, "big"))
            + push(60_000)
            + bytes([p[0]])
        )
    ),
    # jump over two bytes, conditionally or not
    st.sampled_from(
        [b"\x58\x60\x07\x01\x56\xfe\xfe\x5b", b"\x60\x01\x58\x60\x07\x01\x57\xfe\x5b", b"\x5f\x5f\x57"]
    ),
)
programs = st.lists(pieces, max_size=30).map(b"".join)
endings = st.sampled_from(
    [b"", b"\x60\x40\x5f\xf3", b"\x60\x40\x5f\xfd", b"\x59\x5f\xf3", *(bytes([op]) for op in ENDS)]
)


@given(programs, endings, programs, endings, st.binary(max_size=70), st.integers(30_000, 300_000))
def test_generated_programs_leave_the_same(
    code: bytes, end: bytes, other: bytes, other_end: bytes, data: bytes, gas: int
) -> None:
    same(code + end, other + other_end, data, gas)


@given(st.binary(max_size=60), st.binary(max_size=40))
def test_noise_leaves_the_same(code: bytes, data: bytes) -> None:
    same(code, code[::-1], data)


@given(programs, endings)
def test_generated_constructors_leave_the_same(code: bytes, end: bytes) -> None:
    same(code + end, to=b"")


@pytest.mark.parametrize(
    "code",
    [
        b"\x5b\x5f\x56",  # loop until the gas is gone
        b"\x5f" * 1025,  # one item too many
        b"\x5f" + b"\x80" * 1024,
        b"\x58" * 1025,
        b"\x60\x03\x56\x61\x5b\x5b",  # a jump into a constant
        b"\x60\x04\x56\x61\x5b\x5b",
        b"\x61\xff\xff\x56",  # a jump past the end
        b"\x7f\x01",  # a constant cut short
        b"\x60",
        b"\x90",
        b"\x8f",
        push(2**256 - 1) + b"\x51",  # memory beyond all gas
        push(2**64) + b"\x5f\x52",
        push(2**200) + push(1) + b"\x1b\x5f\x52\x60\x20\x5f\xf3",
    ],
)
def test_edges_leave_the_same(code: bytes) -> None:
    same(code)


def test_parent_grows_its_memory_after_a_child_saw_it() -> None:
    call = (
        push(32)
        + push(0)
        + push(64)
        + push(0)
        + b"\x5f"
        + push(int.from_bytes(OTHER, "big"))
        + push(50_000)
        + b"\xf1"
    )
    code = push(7) + push(0) + b"\x52" + call + push(9) + push(512) + b"\x52" + call + b"\x59\x5f\xf3"
    facts = same(code, other=b"\x5f\x35\x60\x01\x01\x5f\x52\x60\x20\x5f\xf3")
    assert facts[0] is True
    assert int.from_bytes(facts[3][:32], "big") == 9
