"""The hash that every record stands on: equal to a second implementation, also when threads share it."""

from concurrent.futures import ThreadPoolExecutor

from eth_hash.auto import keccak as other
from hypothesis import given
from hypothesis import strategies as st

from weftwork.units import keccak


@given(st.binary(max_size=600))
def test_the_hash_equals_a_second_implementation(data):
    assert keccak(data) == other(data)
    assert keccak(bytearray(data)) == other(data)


def test_threads_do_not_disturb_each_other():
    inputs = [bytes([n % 256]) * (n % 700) for n in range(4000)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(keccak, inputs)) == [other(data) for data in inputs]
