"""What an epoch's closing depends on, read from the ledger: neurons, weights, seats, stake at its last block.

snapshot = read_snapshot(ledger, contracts, subnet, epoch)     needs the state of that epoch's last block
sealed = read_sealed(ledger, contracts, subnet, epoch)         pot and fees, as they were fixed
closing, tx = read_closing(ledger, contracts, subnet, epoch)   what was accepted
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from weftwork.errors import EpochNotFound
from weftwork.ledger.client import Ledger
from weftwork.ledger.deployment import Contracts
from weftwork.ledger.deployment_compute import find_panel
from weftwork.records import NO_ADDRESS, Closing
from weftwork.spec.epoch import Row, Snapshot
from weftwork.spec.merkle import encode_words, hash_leaf, merkle_root
from weftwork.spec.subnet import SubnetParams
from weftwork.spec.yuma import upscale_weights
from weftwork.units import Digest

SEALED: Final = 1
CLOSED: Final = 2
SKIPPED: Final = 4
LOOK_BACK: Final = 32
"""Closings over which a fault waits for one that enough stake signs."""


@dataclass(frozen=True, slots=True)
class Bonds:
    """What validators hold in miners after an epoch: sparse u16 rows by uid, as of ``last_block``."""

    rows: tuple[Row, ...] = ()
    last_block: int = -1

    @property
    def root(self) -> Digest:
        """Merkle root over the rows: ``uid``, then ``uid, bond`` pairs by rising uid, one word each."""
        leaves = [
            hash_leaf(encode_words(uid, *(word for pair in sorted(row.items()) for word in pair)))
            for uid, row in enumerate(self.rows)
        ]
        return merkle_root(leaves)


@dataclass(frozen=True, slots=True)
class Seat:
    """A validator of one epoch: who it is, the key that signs for it, the stake with which it votes (wad)."""

    uid: int
    agent: int
    signer: str
    stake: int


@dataclass(frozen=True, slots=True)
class Culprit:
    """An agent with a fault on record, and its ``collateral`` at the epoch's last block, wad.

    ``account`` locked it. What was asked back counts until it is paid back.
    """

    agent: int
    account: str
    collateral: int


@dataclass(frozen=True, slots=True)
class EpochSnapshot:
    """Everything public that an epoch's closing depends on, at its last block; one entry a uid.

    ``culprits`` are the agents whose faults came on record since the last closing that could slash, by rising
    id; only a closing needs them, so :func:`read_culprits` reads them for it.
    """

    chain_id: int
    contract: str
    subnet: int
    epoch: int
    first_block: int
    last_block: int
    owner: str
    params: SubnetParams
    agents: tuple[int, ...]
    wallets: tuple[str, ...]
    stakes: tuple[int, ...]
    registered_at: tuple[int, ...]
    active: tuple[bool, ...]
    weights: tuple[Row, ...]
    committed_at: tuple[int | None, ...]
    seats: tuple[Seat, ...]
    culprits: tuple[Culprit, ...] = ()

    @property
    def total(self) -> int:
        """All stake that votes on this epoch's closing, wad."""
        return sum(seat.stake for seat in self.seats)

    def with_bonds(self, before: Bonds) -> Snapshot:
        """The input of ``spec/yuma.py``; a row or column of bonds goes with the neuron that held it."""
        n = len(self.agents)
        rows = [
            before.rows[i] if i < len(before.rows) and self.registered_at[i] <= before.last_block else {}
            for i in range(n)
        ]
        return Snapshot(
            block=self.last_block,
            last_tempo=before.last_block + 1,
            owner=None,
            stakes=list(self.stakes),
            registered_at=list(self.registered_at),
            last_update=[self.last_block if block is None else block for block in self.committed_at],
            permits=list(self.active),
            weights=[dict(row) for row in self.weights],
            bonds=[dict(row) for row in rows],
        )


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the ledger fixed when an epoch was sealed; amounts in wad."""

    status: int
    pot: int
    fees: int
    total: int
    snapshot: Digest
    previous: Digest
    closing: Digest


def read_snapshot(ledger: Ledger, contracts: Contracts, subnet: int, epoch: int) -> EpochSnapshot:
    """Read an epoch's public data at its last block; raises EpochNotFound before that block.

    Needs a node that still has the state of that block.
    """
    subnets, weights = contracts.at(ledger, "subnets"), contracts.at(ledger, "weights")
    first, after = subnets.call("first_block", subnet, epoch), subnets.call("first_block", subnet, epoch + 1)
    last = after - 1
    if ledger.block_number() < last:
        raise EpochNotFound(f"epoch {epoch} of subnet {subnet} ends with block {last}", value=epoch)
    neurons = subnets.call("neurons", subnet, block=last)
    owner = subnets.call("subnets", subnet, block=last)[0]
    params = SubnetParams(*subnets.call("params_at", subnet, epoch))
    word = weights.call("active_at", subnet, epoch)
    seats = []
    for uid in (uid for uid in range(256) if word >> uid & 1):
        agent, signer, stake = weights.call("seat", subnet, epoch, uid)
        seats.append(Seat(uid, agent, signer, stake))
    rows: list[Row] = [{} for _ in neurons]
    committed: list[int | None] = [None] * len(neurons)
    shown = weights.events("WeightsRevealed", first, last, subnet=subnet, epoch=epoch)
    for event in shown:
        uid = event.args["uid"]
        rows[uid] = dict(zip(event.args["uids"], upscale_weights(event.args["values"]), strict=True))
        committed[uid] = event.args["committed_at"]
    judges = {s.uid for s in seats if s.uid < len(neurons) and _sits(neurons[s.uid], s)}
    return EpochSnapshot(
        chain_id=ledger.chain_id,
        contract=contracts.epochs,
        subnet=subnet,
        epoch=epoch,
        first_block=first,
        last_block=last,
        owner=owner,
        params=params,
        agents=tuple(row.agent for row in neurons),
        wallets=tuple(NO_ADDRESS if row.free else row.wallet for row in neurons),
        stakes=tuple(row.stake for row in neurons),
        registered_at=tuple(row.registered_at for row in neurons),
        active=tuple(uid in judges for uid in range(len(neurons))),
        weights=tuple(row if uid in judges else {} for uid, row in enumerate(rows)),
        committed_at=tuple(committed),
        seats=tuple(seats),
    )


def read_culprits(
    ledger: Ledger, contracts: Contracts, subnet: int, epoch: int, last: int
) -> tuple[Culprit, ...]:
    """The agents that the subnet's panel has put on record, from the end of the last epoch before ``epoch``
    whose closing could slash to the block ``last``; none where no panel stood behind the subnet then.

    A fault of an epoch that was skipped, or was closed by too little stake, thus waits for the next closing;
    :data:`LOOK_BACK` bounds for how many. Raises LedgerError where the node no longer has what says whether
    there is a panel.
    """
    panel = find_panel(ledger, contracts, subnet, block=last)
    if panel is None:
        return ()
    epochs = contracts.at(ledger, "epochs")
    closed = {event.args["epoch"] for event in epochs.events("Closed", subnet=subnet)}
    before = sorted((number for number in closed if number < epoch), reverse=True)
    after = before[LOOK_BACK - 1] + 1 if len(before) >= LOOK_BACK else 0
    for number in before[: LOOK_BACK - 1]:
        if epochs.call("may_slash", subnet, number):  # which never changes
            after = number + 1
            break
    first = contracts.at(ledger, "subnets").call("first_block", subnet, after)
    faults = panel.events("Faulted", first, last)
    stakes = contracts.at(ledger, "stakes")
    out = []
    for agent in sorted({event.args["agent"] for event in faults}):
        held = stakes.call("collaterals", subnet, agent, block=last)
        out.append(Culprit(agent, held.account, held.amount))
    return tuple(out)


def _sits(neuron: Any, seat: Seat) -> bool:
    return not neuron.free and neuron.agent == seat.agent and neuron.wallet != NO_ADDRESS


def read_sealed(ledger: Ledger, contracts: Contracts, subnet: int, epoch: int) -> Sealed:
    """What was fixed when the epoch was sealed; raises EpochNotFound if it was not."""
    epochs = contracts.at(ledger, "epochs")
    kept = epochs.call("epochs", subnet, epoch)
    status, pot, fees, total, snapshot, _, _, _, closing = kept
    if status == 0 and epoch < epochs.call("next_seal", subnet):
        return Sealed(
            SKIPPED, 0, 0, 0, Digest(snapshot), Digest(epochs.call("previous", subnet)), Digest(closing)
        )
    if status == 0:
        raise EpochNotFound(f"epoch {epoch} of subnet {subnet} is not sealed", value=epoch)
    if status == CLOSED:
        previous = read_closing(ledger, contracts, subnet, epoch)[0].previous
    else:
        previous = Digest(epochs.call("previous", subnet))
    return Sealed(status, pot, fees, total, Digest(snapshot), previous, Digest(closing))


def read_closing(ledger: Ledger, contracts: Contracts, subnet: int, epoch: int) -> tuple[Closing, str]:
    """The closing that was accepted for an epoch, and its transaction; raises EpochNotFound."""
    found = contracts.at(ledger, "epochs").events("Closed", subnet=subnet, epoch=epoch)
    if not found:
        raise EpochNotFound(f"epoch {epoch} of subnet {subnet} is not closed", value=epoch)
    return Closing(*found[0].args["closing"]), found[0].tx
