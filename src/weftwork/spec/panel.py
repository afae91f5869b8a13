"""Validators of a subnet as one account: what more than half of their stake has signed is carried out once.

Mirror of ``Panel.vy``; the sentences of refusals are the contract's. What counts is what can still be lost:
a seat decides with the stake that it had when the epoch began and when it ended, and that it has still. Seats
that were silent are counted as against.

A panel is its own docket: a decision whose target is the panel itself puts an agent's fault on record, once
for each agent and work; what that costs is said by :func:`weftwork.spec.stake.price_fault`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from weftwork.eip712 import WORD, Domain
from weftwork.errors import BadInput, Refused
from weftwork.units import ZERO, Digest, keccak

AGE: Final = 2
"""So many epochs that have ended last may decide."""
MAX_UIDS: Final = 256
DECISION_TYPE: Final = keccak(b"Decision(uint64 subnet,uint64 epoch,address target,bytes data,uint256 nonce)")

NOTE_FAULT: Final = keccak(b"note_fault(uint256,uint256,bytes32)")[:4]
"""The door by which faults come on record."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An agent's wrong work, and what proves it: for a render the job, and the receipt of the wrong tile."""

    agent: int
    work: int
    evidence: Digest

    @property
    def call(self) -> bytes:
        """The call that puts it on record."""
        return NOTE_FAULT + self.agent.to_bytes(32, "big") + self.work.to_bytes(32, "big") + self.evidence

    @classmethod
    def from_call(cls, data: bytes) -> Self:
        """The fault that a call puts on record, whatever follows it; raises BadInput for any other call."""
        if len(data) < 100 or data[:4] != NOTE_FAULT:
            raise BadInput("a fault has an agent, a work and evidence", value=data[:4].hex())
        agent, work = (int.from_bytes(data[at : at + 32], "big") for at in (4, 36))
        return cls(agent, work, Digest(data[68:100]))


@dataclass(frozen=True, slots=True)
class Voice:
    """A seat of an epoch that has ended.

    Attributes:
        stake: what its agent had at the end of the epoch; 0 if the seat was given up before.
        before: what its agent had at the end of the epoch before.
        present: what its agent has now.
        holds: whether the seat's key is still its agent's wallet.
        votes: whether it may sign the epoch's closing: it was active, and not below the threshold.
    """

    stake: int
    before: int
    present: int
    holds: bool = True
    votes: bool = True


def stood(voice: Voice, epoch: int) -> int:
    """The stake that was there all through the epoch: ``min(before, stake)``; none in the first epoch. This
    much is in the total, whether the seat was silent or not."""
    return min(voice.stake, voice.before) if epoch else 0


def weigh(voice: Voice, epoch: int) -> int:
    """What its signature adds: ``min(before, stake, present)``; nothing where it was silent, or once its key
    is another's."""
    return min(stood(voice, epoch), voice.present) if voice.holds and voice.votes else 0


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
    """What a panel remembers: the doors that it may open, what it decided, the faults on record."""

    doors: frozenset[tuple[str, bytes]]
    decided: set[Digest] = field(default_factory=set)
    address: str = ""
    faults: dict[tuple[int, int], Fault] = field(default_factory=dict)

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
        if target == self.address:
            self._note(Fault.from_call(data))
        self.decided.add(name)
        return signed

    def _note(self, fault: Fault) -> None:
        _require(fault.evidence != ZERO, "panel: there is no evidence")
        _require((fault.agent, fault.work) not in self.faults, "panel: fault is on record")
        self.faults[fault.agent, fault.work] = fault


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise Refused(sentence)
