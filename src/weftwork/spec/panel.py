"""Validators of a subnet as one account: what more than half of their stake has signed is carried out once.

Mirror of ``Panel.vy``; the sentences of refusals are the contract's. What counts is what can still be lost:
a seat decides with the stake that it had when the epoch began and when it ended, and that it has still.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from weftwork.eip712 import WORD, Domain
from weftwork.errors import Refused
from weftwork.units import Digest, keccak

AGE: Final = 2
"""So many epochs that have ended last may decide."""
MAX_UIDS: Final = 256
DECISION_TYPE: Final = keccak(b"Decision(uint64 subnet,uint64 epoch,address target,bytes data,uint256 nonce)")


@dataclass(frozen=True, slots=True)
class Voice:
    """A seat of an epoch that has ended.

    Attributes:
        stake: with which it voted on the epoch's closing; 0 if it was inactive or below the threshold.
        before: what its agent had at the end of the epoch before.
        present: what its agent has now.
        holds: whether the seat's key is still its agent's wallet.
    """

    stake: int
    before: int
    present: int
    holds: bool = True


def stood(voice: Voice, epoch: int) -> int:
    """The stake that was there all through the epoch: ``min(before, stake)``; none in the first epoch."""
    return min(voice.stake, voice.before) if epoch else 0


def weigh(voice: Voice, epoch: int) -> int:
    """What its signature adds: ``min(before, stake, present)``, nothing once its key is another's."""
    return min(stood(voice, epoch), voice.present) if voice.holds else 0


def carries(signed: int, total: int) -> bool:
    """``2 signed > total``; never for no stake."""
    return 2 * signed > total


def is_recent(epoch: int, current: int) -> bool:
    """Whether ``epoch`` has ended and at most one other since."""
    return epoch < current <= epoch + AGE


def hash_decision(
    chain_id: int, panel: str, subnet: int, epoch: int, target: str, data: bytes, nonce: int = 0
) -> Digest:
    """The EIP-712 digest that a validator signs: a call of ``data`` to ``target`` by the ``panel``."""
    words = (
        DECISION_TYPE,
        subnet.to_bytes(32, "big"),
        epoch.to_bytes(32, "big"),
        WORD["address"](target),
        keccak(data),
        nonce.to_bytes(32, "big"),
    )
    return Digest(keccak(b"\x19\x01" + Domain(chain_id, panel).separator + keccak(b"".join(words))))


def decision_id(target: str, data: bytes, nonce: int = 0) -> Digest:
    """The name under which a decision is carried out once, whatever the epoch of its signatures."""
    return Digest(keccak(WORD["address"](target) + keccak(data) + nonce.to_bytes(32, "big")))


@dataclass(slots=True)
class Panel:
    """What a panel remembers: the doors that it may open, and what it decided."""

    doors: frozenset[tuple[str, bytes]]
    decided: set[Digest] = field(default_factory=set)

    def decide(
        self,
        epoch: int,
        current: int,
        target: str,
        data: bytes,
        nonce: int,
        signers: Iterable[int],
        voices: Mapping[int, Voice],
    ) -> int:
        """Carry out a decision that the seats ``signers`` signed, in any order; the stake that signed.

        ``voices`` are the seats of ``epoch`` by uid. Raises Refused and changes nothing where the contract
        reverts.
        """
        _require((target, data[:4]) in self.doors, "panel: there is no such door")
        name = decision_id(target, data, nonce)
        _require(name not in self.decided, "panel: decision is carried out")
        _require(is_recent(epoch, current), "panel: epoch is not one of the last two")
        seen: set[int] = set()
        for uid in signers:
            _require(uid < MAX_UIDS and uid not in seen, "panel: validator signs twice")
            _require(uid in voices, "panel: nobody had that seat")
            seen.add(uid)
        signed = sum(weigh(voices[uid], epoch) for uid in seen)
        total = sum(stood(voice, epoch) for voice in voices.values())
        _require(carries(signed, total), "panel: majority is not reached")
        self.decided.add(name)
        return signed


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise Refused(sentence)
