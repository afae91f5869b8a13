"""Signing and recovering by the library that coincurve ships, called directly, is what coincurve does."""

from __future__ import annotations

import threading

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from weftwork.curve import _load_fast, _load_plain, curve

BYTES = st.binary(min_size=32, max_size=32)
SECRETS = st.integers(1, (1 << 128) - 1).map(lambda number: number.to_bytes(32, "big"))


@given(secret=SECRETS, digest=BYTES)
def test_both_ways_sign_and_recover_the_same(secret: bytes, digest: bytes) -> None:
    fast, plain = _load_fast(), _load_plain()
    signed = fast.sign(secret, digest)
    assert signed == plain.sign(secret, digest)
    public = PrivateKey(secret).public_key.format(compressed=False)
    assert fast.recover(digest, signed) == plain.recover(digest, signed) == public


@given(signature=st.binary(min_size=65, max_size=65), digest=BYTES)
def test_both_ways_recover_or_refuse_any_bytes_alike(signature: bytes, digest: bytes) -> None:
    found = []
    for one in (_load_fast(), _load_plain()):
        try:
            found.append(one.recover(digest, signature))
        except ValueError:
            found.append(None)
    assert found[0] == found[1]


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(66), bytes(64) + b"\4"])
def test_what_is_no_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(ValueError):
        curve().recover(bytes(32), signature)


@pytest.mark.parametrize(
    ("secret", "digest"), [(bytes(32), bytes(32)), (b"\1" * 31, bytes(32)), (b"\1" * 32, b"")]
)
def test_what_cannot_be_signed_is_refused(secret: bytes, digest: bytes) -> None:
    with pytest.raises(ValueError):
        _load_fast().sign(secret, digest)


def test_threads_sign_beside_each_other() -> None:
    plain, wrong = _load_plain(), []

    def work(start: int) -> None:
        secret = start.to_bytes(32, "big")
        for number in range(200):
            digest = number.to_bytes(32, "big")
            signed = curve().sign(secret, digest)
            if signed != plain.sign(secret, digest) or curve().recover(digest, signed) != public[start]:
                wrong.append(number)

    public = {n: PrivateKey(n.to_bytes(32, "big")).public_key.format(False) for n in range(1, 5)}
    threads = [threading.Thread(target=work, args=(n,)) for n in public]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
