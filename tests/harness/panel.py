"""A panel of a subnet's validators on the test EVM, with the spec's books beside it."""

from __future__ import annotations

from typing import Any

from harness.vm import Account, Contract
from harness.world import WAD, Actor, World
from weftwork.spec import panel as spec
from weftwork.units import Digest

DOOR = """
# pragma version ~=0.4.3
value: public(uint256)
calls: public(uint256)

@external
def set_value(given: uint256):
    assert given != 13, "door: unlucky"
    self.value = given
    self.calls += 1

@external
def drain():
    self.calls += 100
"""
"""Stands behind the door: one function that the panel may call, and one that it may not."""


class PanelWorld(World):
    """A subnet with three validators of 60, 30 and 10 of the stake, after two judged epochs, and a panel."""

    def __init__(self, stakes: tuple[int, ...] = (60, 30, 10)) -> None:
        super().__init__()
        self.panel: Contract = self.vm.deploy("Panel", self.weights)
        self.door: Contract = self.vm.deploy(DOOR)
        doors = [(self.door, self.selector("set_value")), (self.panel, spec.NOTE_FAULT)]
        self.panel.bind(self.subnet, doors)
        self.judges = [self.join(f"judge{n}", amount * WAD) for n, amount in enumerate(stakes)]
        self.mia = self.join("mia")
        self.enter(*self.judges)
        self.next_epoch()
        for _ in range(2):
            self.judge_all()
            self.next_epoch()

    def selector(self, name: str) -> bytes:
        """The first four bytes of a call to the door."""
        arguments = (0,) if name == "set_value" else ()
        return bytes(getattr(self.door, name).calldata(*arguments)[:4])

    def judge_all(self, but: tuple[Actor, ...] = ()) -> None:
        """Commit and reveal of every validator that has a seat, but some."""
        seats = self.weights.seats_at(self.subnet, self.epoch)
        here = [one for one in self.judges if seats >> one.uid & 1 and one not in but]
        self.judge([(one, {self.mia.uid: 1}) for one in here])

    def call(self, value: int) -> bytes:
        """A call that the door takes."""
        return bytes(self.door.set_value.calldata(value))

    def digest(self, data: bytes, epoch: int, nonce: int = 0, target: Any = None) -> bytes:
        target = (target or self.door).address
        return spec.hash_decision(
            self.vm.chain_id, self.panel.address, self.subnet, epoch, target, data, nonce
        )

    def sign(
        self, data: bytes, *signers: Actor, epoch: int | None = None, nonce: int = 0, target: Any = None
    ) -> list[tuple[int, bytes]]:
        """The votes of validators for a call, in the order given."""
        at = self.epoch - 1 if epoch is None else epoch
        digest = self.digest(data, at, nonce, target)
        return [(one.uid, one.account.sign(digest)) for one in signers]

    def decide(
        self,
        data: bytes,
        *signers: Actor,
        epoch: int | None = None,
        nonce: int = 0,
        sender: Account | None = None,
        target: Contract | None = None,
    ) -> int:
        """Sign and submit; what the panel says signed."""
        at, target = self.epoch - 1 if epoch is None else epoch, target or self.door
        votes = self.sign(data, *signers, epoch=at, nonce=nonce, target=target)
        return int(self.panel.decide(at, target, data, nonce, votes, sender=sender))

    def fault(
        self, agent: int, work: int, *signers: Actor, proof: bytes = b"\x55" * 32, nonce: int = 0
    ) -> int:
        """Sign and submit that an agent did a piece of work wrong; what the panel says signed."""
        call = spec.Fault(agent, work, Digest(proof)).call
        return self.decide(call, *signers, nonce=nonce, target=self.panel)

    def voices(self, epoch: int) -> dict[int, spec.Voice]:
        """The seats of an epoch as the spec takes them, out of stakes and weights."""
        out, now = {}, self.epoch
        for one in self.judges:
            agent, signer, voting = self.weights.seat(self.subnet, epoch, one.uid)
            if int(signer, 16) == 0:
                continue
            is_seated = self.weights.seats_at(self.subnet, epoch) >> one.uid & 1
            stake = self.stakes.stake_at(self.subnet, agent, epoch) if is_seated else 0
            before = self.stakes.stake_at(self.subnet, agent, epoch - 1) if epoch else 0
            present = self.stakes.stake_at(self.subnet, agent, now)
            holds = self.identity.getAgentWallet(agent) == signer
            out[one.uid] = spec.Voice(stake, before, present, holds, voting != 0)
        return out
