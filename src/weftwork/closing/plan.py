"""From revealed weights to paid claims: what an epoch's result is, who signs it, and who is paid.

A closing is a function of public data. :mod:`weftwork.closing.snapshot` reads that data from the ledger,
:func:`compute_closing` is the function, and :func:`verify_closing` runs both again for an epoch that was
closed and names the field that differs. Nothing here trusts anyone's word; signatures are collected
elsewhere.

The rule of payment, in exact integers, every division downwards: the owner's part of the emission first;
the rest is shared by ``spec/yuma.py`` among miners (by incentive, to their wallets) and validators (by
dividends, to their stake pools); fees go to validators by dividends. Without any usable weights nothing is
minted, as nothing was judged, and the fees wait for the next epoch. A neuron whose identity was transferred
has no wallet and is not paid.

Beside what is paid, and whatever was judged, each agent that the subnet's panel put on record since the last
closing that could slash loses ``fault_slash_bps`` of its collateral, once an epoch: a leaf that burns, and no
part of the payout.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from weftwork.closing.snapshot import (
    Bonds,
    EpochSnapshot,
    Sealed,
    read_closing,
    read_culprits,
    read_sealed,
    read_snapshot,
)
from weftwork.errors import BadRecord, ClosingDiffers, EpochNotFound, Reverted
from weftwork.ledger.client import Ledger, Receipt
from weftwork.ledger.contract import Contract
from weftwork.ledger.deployment import Contracts
from weftwork.ledger.key import Account
from weftwork.records import NO_ADDRESS, Closing, Payment
from weftwork.spec.epoch import Result
from weftwork.spec.merkle import Claim, ClaimKind, hash_claim, merkle_proof, merkle_root
from weftwork.spec.stake import price_fault
from weftwork.spec.yuma import run_epoch, share_pot
from weftwork.units import BPS, Digest

OWNER: Final = 2**256 - 1
"""In a claim's ``agent``: the subnet's owner, who need not be an agent."""
CHUNK: Final = 32
ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Vote:
    """A validator's signature under a closing."""

    uid: int
    signature: bytes

    def to_json(self) -> dict[str, Any]:
        """The vote as an object, for its way between validators."""
        return {"uid": self.uid, "signature": "0x" + self.signature.hex()}

    @classmethod
    def from_json(cls, data: Any) -> Vote:
        """The vote of such an object; raises BadRecord."""
        try:
            uid, signature = data["uid"], bytes.fromhex(data["signature"].removeprefix("0x"))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadRecord("a vote has a uid and a signature", value=repr(data)[:80]) from error
        if type(uid) is not int or not 0 <= uid < 256 or len(signature) != 65:
            raise BadRecord("a vote has a uid below 256 and 65 bytes of signature", value=repr(uid)[:80])
        return cls(uid, signature)


@dataclass(frozen=True, slots=True)
class ClosingPlan:
    """A closing with all that stands behind it: claims in order, the bonds that go on, the epoch's result."""

    snapshot: EpochSnapshot
    closing: Closing
    claims: tuple[Claim, ...]
    bonds: Bonds
    result: Result | None
    leaves: tuple[Digest, ...] = field(repr=False)

    def proof(self, index: int) -> list[Digest]:
        """The Merkle proof of one claim."""
        return merkle_proof(self.leaves, index)

    @property
    def payments(self) -> tuple[Payment, ...]:
        """The claims as records of the thread, children of the closing."""
        return tuple(
            Payment(self.closing.id, c.index, int(c.kind), c.agent, c.account, c.amount) for c in self.claims
        )


# computing


def run_snapshot(snapshot: EpochSnapshot, before: Bonds, emission: int = 0) -> Result | None:
    """The epoch of ``spec/yuma.py`` on a snapshot; None for a subnet without neurons."""
    if not snapshot.agents:
        return None
    tempo = snapshot.last_block - snapshot.first_block + 1
    params = snapshot.params.yuma_params(len(snapshot.agents), tempo)
    return run_epoch(snapshot.with_bonds(before), params, emission, miner_bps=snapshot.params.miners_part)


def read_bonds(
    ledger: Ledger,
    contracts: Contracts,
    subnet: int,
    epoch: int,
    cache: MutableMapping[Digest, Bonds] | None = None,
) -> Bonds:
    """The bonds that ``epoch`` starts from: those of the last closed epoch before it, recomputed.

    ``cache`` keeps bonds by the id of their closing; without it every earlier epoch is recomputed. They
    follow from public data alone, so a dishonest closing does not spoil the epochs after it.
    """
    events = contracts.at(ledger, "epochs").events("Closed", subnet=subnet)
    earlier = sorted((e for e in events if e.args["epoch"] < epoch), key=lambda e: e.args["epoch"])
    kept = cache if cache is not None else {}
    start = next((i for i in range(len(earlier), 0, -1) if Digest(earlier[i - 1].args["id"]) in kept), 0)
    bonds = kept[Digest(earlier[start - 1].args["id"])] if start else Bonds()
    for event in earlier[start:]:
        number = event.args["epoch"]
        snapshot = read_snapshot(ledger, contracts, subnet, number)
        result = run_snapshot(snapshot, bonds)
        bonds = Bonds(tuple(result.bonds) if result else (), snapshot.last_block)
        kept[Digest(event.args["id"])] = bonds
    return bonds


def compute_closing(snapshot: EpochSnapshot, sealed: Sealed, before: Bonds) -> ClosingPlan:
    """The one closing of an epoch: a pure function of the ledger's data and the bonds before it."""
    emission = sealed.pot - sealed.fees
    owner_part = emission * snapshot.params.owner_bps // BPS
    result = run_snapshot(snapshot, before, emission - owner_part)
    pays: list[tuple[ClaimKind, int, str, int]] = []
    if result is not None and not result.fallback:
        fees = share_pot(result.dividends, sealed.fees)
        for uid, (agent, wallet) in enumerate(zip(snapshot.agents, snapshot.wallets, strict=True)):
            if wallet != NO_ADDRESS:
                pays.append((ClaimKind.PAY, agent, wallet, result.miner_emission[uid]))
                pays.append((ClaimKind.STAKE, agent, wallet, result.validator_emission[uid] + fees[uid]))
        pays.append((ClaimKind.PAY, OWNER, snapshot.owner, owner_part))
    bps = snapshot.params.fault_slash_bps
    for one in snapshot.culprits:
        pays.append((ClaimKind.SLASH, one.agent, one.account, price_fault(one.collateral, bps)))
    due = [pay for pay in pays if pay[3]]
    claims = tuple(Claim(i, *pay) for i, pay in enumerate(due))
    leaves = tuple(
        hash_claim(snapshot.chain_id, snapshot.contract, snapshot.subnet, snapshot.epoch, claim)
        for claim in claims
    )
    bonds = Bonds(tuple(result.bonds) if result else (), snapshot.last_block)
    closing = Closing(
        subnet=snapshot.subnet,
        epoch=snapshot.epoch,
        snapshot=sealed.snapshot,
        params=snapshot.params.hash,
        previous=sealed.previous,
        bonds=bonds.root,
        pot=sealed.pot,
        payout=sum(claim.amount for claim in claims if claim.kind != ClaimKind.SLASH),
        claims=merkle_root(leaves),
    )
    return ClosingPlan(snapshot, closing, claims, bonds, result, leaves)


def plan_closing(
    ledger: Ledger,
    contracts: Contracts,
    subnet: int,
    epoch: int,
    cache: MutableMapping[Digest, Bonds] | None = None,
) -> ClosingPlan:
    """Read and compute the closing of a sealed epoch, in one step.

    Raises EpochNotFound while an earlier epoch is open: its closing is named in this one, and whoever signed
    before it was settled would have to sign again, which is equivocation.
    """
    sealed = read_sealed(ledger, contracts, subnet, epoch)
    first_open = contracts.at(ledger, "epochs").call("next_close", subnet)
    if epoch > first_open:
        raise EpochNotFound(
            f"epoch {first_open} of subnet {subnet} is still open, and epochs close in order",
            value=first_open,
            hint="close that epoch first, or skip it once it has stalled",
        )
    before = read_bonds(ledger, contracts, subnet, epoch, cache)
    snapshot = read_snapshot(ledger, contracts, subnet, epoch)
    culprits = read_culprits(ledger, contracts, subnet, epoch, snapshot.last_block)
    return compute_closing(replace(snapshot, culprits=culprits), sealed, before)


def verify_closing(
    ledger: Ledger,
    contracts: Contracts,
    subnet: int,
    epoch: int,
    cache: MutableMapping[Digest, Bonds] | None = None,
) -> ClosingPlan:
    """Recompute a closed epoch from the ledger alone; raises ClosingDiffers naming the field that differs."""
    accepted, _ = read_closing(ledger, contracts, subnet, epoch)
    plan = plan_closing(ledger, contracts, subnet, epoch, cache)
    compare_closings(plan.closing, accepted)
    return plan


def compare_closings(expected: Closing, given: Closing) -> None:
    """Raise ClosingDiffers naming the first field in which two closings differ; nothing if they are equal."""
    for name, _ in Closing.fields:
        if getattr(expected, name) != getattr(given, name):
            raise ClosingDiffers(
                f"the closing of epoch {given.epoch} says {name} {getattr(given, name)}, "
                f"its data give {getattr(expected, name)}",
                value=name,
            )


# acting


def sign_closing(plan: ClosingPlan, account: Account, contracts: Contracts) -> Vote:
    """A validator's vote for a closing that it computed itself; raises BadRecord if it has no seat."""
    for seat in plan.snapshot.seats:
        if seat.signer.lower() == account.address.lower():
            digest = plan.closing.digest(contracts.domains.of("closing"))
            return Vote(seat.uid, account.sign_hash(digest))
    raise BadRecord(
        "this account has no seat in the epoch", value=account.address, hint="enter the subnet as a validator"
    )


def seal_epoch(ledger: Ledger, contracts: Contracts, account: Account, subnet: int, epoch: int) -> Sealed:
    """Seal an epoch and all before it; what was fixed. Epochs in which nobody could vote are passed by, any
    number of them in one transaction.

    Several may do this at once: who comes second finds it done. Raises Reverted before the epoch has ended.
    """
    epochs, weights = contracts.at(ledger, "epochs"), contracts.at(ledger, "weights")
    while (number := epochs.call("next_seal", subnet)) <= epoch:
        ended = max(contracts.at(ledger, "subnets").call("current_epoch", subnet) - 1, number)
        judged = min(weights.call("next_judged", subnet, number), max(ended, epoch))
        _act(epochs, account, "seal", subnet, judged, counter="next_seal")
    return read_sealed(ledger, contracts, subnet, epoch)


def _act(
    epochs: Contract, account: Account, function: str, subnet: int, number: int, *, counter: str
) -> None:
    """Send a transaction that others may send too; a failure is passed over where theirs came first."""
    try:
        epochs.send(account, function, subnet, number)
    except Reverted:
        if epochs.call(counter, subnet) <= number:
            raise


def submit_closing(
    ledger: Ledger, contracts: Contracts, account: Account, closing: Closing, votes: Sequence[Vote]
) -> Receipt:
    """Send a closing with the votes collected for it (the first of each uid); raises Reverted.

    Several may do this at once: who comes second with the same closing gets the receipt of the first.
    """
    first: Mapping[int, Vote] = {vote.uid: vote for vote in reversed(votes)}
    fields = tuple(getattr(closing, name) for name, _ in Closing.fields)
    ordered = [(uid, first[uid].signature) for uid in sorted(first)]
    try:
        return contracts.at(ledger, "epochs").send(account, "close", fields, ordered)
    except Reverted:
        found = contracts.at(ledger, "epochs").events("Closed", subnet=closing.subnet, epoch=closing.epoch)
        if not found or Digest(found[0].args["id"]) != closing.id:
            raise
        receipt = ledger.receipt(found[0].tx)
        if receipt is None:
            raise
        return receipt


def claim_all(ledger: Ledger, contracts: Contracts, account: Account, plan: ClosingPlan) -> list[Receipt]:
    """Carry out every claim of a closed epoch that nobody has made yet, 32 in a transaction.

    Several may do this at once; what another claims meanwhile is left out and the rest tried again. Slashes
    are left out where too little stake signed for them (:func:`weftwork.spec.quorum.may_slash`).
    """
    epochs = contracts.at(ledger, "epochs")
    subnet, epoch = plan.closing.subnet, plan.closing.epoch
    claims = plan.claims
    if any(claim.kind == ClaimKind.SLASH for claim in claims) and not epochs.call("may_slash", subnet, epoch):
        claims = tuple(claim for claim in claims if claim.kind != ClaimKind.SLASH)
    receipts: list[Receipt] = []
    tries = 0
    while chunk := [c for c in claims if not epochs.call("is_claimed", subnet, epoch, c.index)][:CHUNK]:
        items = [(c.index, int(c.kind), c.agent, c.account, c.amount, plan.proof(c.index)) for c in chunk]
        try:
            receipts.append(epochs.send(account, "claim_many", subnet, epoch, items))
        except Reverted:
            tries += 1
            if tries > ATTEMPTS:
                raise
    return receipts
