"""Recompute a thread: ids, signatures, contents, scores, weights, epoch, Merkle proof and payment.

Each check is one line. Weights to payment are public: they are recomputed from the ledger alone. A score and
an answer need their private content, which whoever asked and whoever judged hold; where it is not here, the
check says so and counts as neither passed nor failed. A tile's content is pixels, in folders of whoever asked
and whoever rendered; its fee is a job on the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weftwork.errors import WeftError
from weftwork.network.thread import Entry, Thread
from weftwork.records import Domains, Record, Signed
from weftwork.spec.merkle import ClaimKind
from weftwork.units import Digest, keccak

if TYPE_CHECKING:
    from weftwork.closing import ClosingPlan
    from weftwork.compute.render.evidence import TileOrder
    from weftwork.ledger import Ledger
    from weftwork.ledger.contract import Event
    from weftwork.ledger.deployment import Contracts

SIGNERS = {"request": "requester", "receipt": "worker", "score": "validator", "weights": "validator"}
CONTENTS = {"request": "content", "receipt": "output", "score": "evidence"}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a verification; ``ok`` is None where what it needs is not here."""

    ok: bool | None
    name: str
    id: str
    detail: str

    def to_json(self) -> dict[str, Any]:
        """The check as a plain object."""
        return {"ok": self.ok, "check": self.name, "id": self.id, "detail": self.detail}


class Verifier:
    """The checks of one thread against one ledger (None: only what needs no ledger)."""

    def __init__(
        self,
        thread: Thread,
        ledger: Ledger | None,
        contracts: Contracts | None,
        pixels: Iterable[Path] = (),
    ) -> None:
        """``pixels``: folders of tiles, each in a file named by its digest."""
        self.thread = thread
        self.pixels = list(pixels)
        self.ledger = ledger
        self.contracts = contracts
        self.records: dict[str, Record] = {}
        self._plans: dict[tuple[int, int], ClosingPlan] = {}
        self._bonds: dict[Digest, Any] = {}

    def run(self) -> list[Check]:
        """All checks, in the order in which the work was done."""
        return list(self._checks())

    def _checks(self) -> Iterator[Check]:
        entries = sorted(self.thread.entries.values(), key=_place)
        for entry in entries:
            yield self._check_id(entry)
        for entry in entries:
            if entry.id in self.records:
                yield from self._check_signature(entry)
                yield from self._check_content(entry)
                yield from self._check_parents(entry)
        for entry in entries:
            record = self.records.get(entry.id)
            check = getattr(self, f"_check_{entry.kind}", None)
            if record is not None and check is not None:
                yield from self._guard(entry, check)

    def _guard(self, entry: Entry, check: Callable[[Entry, Any], Iterator[Check]]) -> Iterator[Check]:
        try:
            yield from check(entry, self.records[entry.id])
        except WeftError as error:
            yield Check(False, entry.kind, entry.id, f"{error.code}: {error.sentence}")

    # what needs no ledger

    def _check_id(self, entry: Entry) -> Check:
        try:
            found = entry.signed()
        except WeftError as error:
            return Check(False, "id", entry.id, f"{entry.kind}: {error.sentence}")
        self.records[entry.id] = found.record if isinstance(found, Signed) else found
        return Check(True, "id", entry.id, f"{entry.kind} hashes to its id")

    def _check_signature(self, entry: Entry) -> Iterator[Check]:
        record = self.records[entry.id]
        if entry.kind not in SIGNERS:
            return
        named = getattr(record, SIGNERS[entry.kind])
        if not entry.signatures:
            yield Check(False, "signature", entry.id, f"{entry.kind} is not signed by {named}")
            return
        try:
            found = entry.signed()
            assert isinstance(found, Signed)
            found.require_signer(self._domains.of(entry.kind), named)
        except WeftError as error:
            yield Check(False, "signature", entry.id, f"{entry.kind}: {error.sentence}")
        else:
            yield Check(True, "signature", entry.id, f"{entry.kind} is signed by {named}")

    def _check_content(self, entry: Entry) -> Iterator[Check]:
        if entry.kind not in CONTENTS:
            return
        name = CONTENTS[entry.kind]
        digest = str(getattr(self.records[entry.id], name))
        kept = self.thread.contents.get(digest)
        tiles = [folder / f"{digest[2:]}.f32" for folder in self.pixels] if entry.kind == "receipt" else []
        if found := [path for path in tiles if path.is_file()]:
            same = all(Digest.of(path.read_bytes()) == Digest(digest) for path in found)
            said = "hash" if same else "do not hash"
            yield Check(same, "content", entry.id, f"receipt: its pixels {said} to the digest signed")
            return
        if kept is None:
            yield Check(None, "content", entry.id, f"{entry.kind}: its {name} is private and not here")
            return
        matches = keccak(bytes.fromhex(kept["salt"]) + kept["body"].encode()) == Digest(digest)
        said = "hashes" if matches else "does not hash"
        yield Check(matches, "content", entry.id, f"{entry.kind}: its {name} {said} to the digest signed")

    def _check_parents(self, entry: Entry) -> Iterator[Check]:
        if entry.kind == "weights":
            return  # their parent is the Merkle root of scores, checked with the scores
        for parent in self.records[entry.id].parents:
            if str(parent) in self.thread.entries:
                yield Check(True, "parent", entry.id, f"{entry.kind} follows from {str(parent)[:10]}…")
            elif entry.kind != "score":  # scores beside the traced one come without their receipts
                yield Check(
                    None, "parent", entry.id, f"{entry.kind}: its parent {str(parent)[:10]}… is not here"
                )

    def _check_receipt(self, entry: Entry, record: Any) -> Iterator[Check]:
        request = self.records.get(str(record.request))
        if request is not None:
            ok = record.price <= getattr(request, "max_price", 0)
            yield Check(
                ok, "price", entry.id, f"{record.price} is {'' if ok else 'not '}within what was offered"
            )
        order = self._order(record)
        if order is not None:
            yield self._check_job(entry, order, request, record)

    def _order(self, receipt: Any) -> TileOrder | None:
        """Which tile the request behind a receipt ordered; None where it asked for something else."""
        request: Any = self.records.get(str(receipt.request)) if receipt is not None else None
        kept = self.thread.contents.get(str(getattr(request, "content", None)))
        if kept is None or '"tile"' not in kept["body"]:
            return None
        from weftwork.compute.render.evidence import TileOrder

        return TileOrder.from_text(kept["body"])

    def _check_job(self, entry: Entry, order: TileOrder, request: Any, record: Any) -> Check:
        if self.ledger is None or self.contracts is None:
            return Check(None, "job", entry.id, f"job {order.job} pays for it; the ledger is not here")
        from weftwork.network.fee import check_job

        held = {name: kept["body"] for name, kept in self.thread.contents.items()}
        bundle = str(order.bundle)
        below = sorted({child for parent, child in self.thread.links if parent == entry.id} & set(held))
        for name in {bundle, *below} & set(held):
            if keccak(held[name].encode()) != Digest(name):
                return Check(False, "job", entry.id, f"what is kept of its bundle under {name[:10]}… differs")
        manifest, lists = held.get(bundle), [held[name] for name in below if name != bundle]
        ok, detail = check_job(self.ledger, self.contracts, order, request, record, manifest, lists)
        return Check(ok, "job", entry.id, detail)

    def _check_score(self, entry: Entry, record: Any) -> Iterator[Check]:
        from weftwork.network.evidence import recompute_score

        kept = self.thread.contents.get(str(record.evidence))
        if kept is None:
            yield Check(None, "score", entry.id, "the evidence is with the validator and not here")
            return
        judged: Any = self.records.get(str(record.receipt))
        value = recompute_score(kept["body"], judged, self._order(judged))
        yield Check(
            value == record.value,
            "score",
            entry.id,
            f"recomputed {value}, recorded {record.value} (millionths)",
        )

    # what the ledger says

    @property
    def _domains(self) -> Domains:
        names = self.thread.network.get("contracts", self.thread.network)
        return Domains(int(names["chain_id"]), names["identity"], names["channels"], names["epochs"])

    def _check_voucher(self, entry: Entry, record: Any) -> Iterator[Check]:
        if self.ledger is None or self.contracts is None:
            yield Check(None, "voucher", entry.id, "the ledger is not here")
            return
        channels = self.contracts.at(self.ledger, "channels")
        signed = entry.signed()
        assert isinstance(signed, Signed)
        signer = signed.signer(self._domains.of("voucher"))
        claims = channels.events("Claimed", channel=record.channel)
        claimed = max((event.args["claimed"] for event in claims), default=0)
        ok = claimed >= record.cumulative
        detail = f"signed by {signer}, {'redeemed on the ledger' if ok else 'not redeemed yet'}"
        yield Check(True if ok else None, "voucher", entry.id, detail)

    def _check_weights(self, entry: Entry, record: Any) -> Iterator[Check]:
        from weftwork.spec.merkle import hash_leaf, merkle_root

        scores = sorted(
            parent
            for parent, child in self.thread.links
            if child == str(record.scores) and parent in self.thread.entries
        )
        root = merkle_root([hash_leaf(Digest(one)) for one in scores])
        if root == record.scores:
            yield Check(
                True, "scores", entry.id, f"{len(scores)} scores have the Merkle root that weights name"
            )
        else:
            yield Check(None, "scores", entry.id, "the other scores of the epoch are not here")
        if self.ledger is None or self.contracts is None:
            yield Check(None, "weights", entry.id, "the ledger is not here")
            return
        weights = self.contracts.at(self.ledger, "weights")
        shown = weights.events("WeightsRevealed", subnet=record.subnet, epoch=record.epoch)
        row = (record.uids, record.values)
        mine = [
            (tuple(event.args["uids"]), tuple(event.args["values"]))
            for event in shown
            if weights.call("seat", record.subnet, record.epoch, event.args["uid"])[1] == record.validator
        ]
        ok = None if not mine else row in mine
        said = {True: "are those revealed", False: "differ from those revealed", None: "were not revealed"}[
            ok
        ]
        yield Check(ok, "weights", entry.id, f"weights of epoch {record.epoch} {said} on the ledger")

    def _check_closing(self, entry: Entry, record: Any) -> Iterator[Check]:
        plan = self._plan(record.subnet, record.epoch)
        if plan is None:
            yield Check(None, "epoch", entry.id, "the ledger is not here")
            return
        ok = plan.closing == record
        said = "is what its weights give" if ok else "differs from what its weights give"
        yield Check(
            ok, "epoch", entry.id, f"closing of epoch {record.epoch}, recomputed from the ledger, {said}"
        )

    def _check_payment(self, entry: Entry, record: Any) -> Iterator[Check]:
        from weftwork.spec.merkle import verify_proof

        closing: Any = self.records.get(str(record.closing))
        plan = self._plan(closing.subnet, closing.epoch) if closing is not None else None
        if plan is None or self.ledger is None or self.contracts is None:
            yield Check(None, "proof", entry.id, "the closing or the ledger is not here")
            return
        index = record.index
        ok = index < len(plan.claims) and plan.payments[index].id == record.id
        ok = ok and verify_proof(closing.claims, plan.leaves[index], index, plan.proof(index))
        yield Check(
            ok,
            "proof",
            entry.id,
            f"leaf {index} {'stands' if ok else 'does not stand'} under the claims root",
        )
        epochs = self.contracts.at(self.ledger, "epochs")
        found = [
            event
            for event in epochs.events("Claimed", subnet=closing.subnet, epoch=closing.epoch)
            if event.args["index"] == index
        ]
        paid = [
            event
            for event in found
            if (event.args["account"], event.args["amount"]) == (record.account, record.amount)
        ]
        if paid and record.claim == ClaimKind.SLASH:
            yield self._check_burn(entry, record, closing.subnet, paid[0])
        elif paid:
            yield Check(True, "payment", entry.id, f"paid to {record.account} in {paid[0].tx[:10]}…")
        else:
            said = "the ledger paid something else" if found else "not claimed yet"
            yield Check(False if found else None, "payment", entry.id, said)

    def _check_burn(self, entry: Entry, record: Any, subnet: int, claimed: Event) -> Check:
        """What a leaf of a fault burnt: its amount, or the part of it that the collateral still allowed. Of
        one transaction it is the first cut after its claim."""
        assert self.ledger is not None
        assert self.contracts is not None
        stakes = self.contracts.at(self.ledger, "stakes")
        cuts = [
            event
            for event in stakes.events("Slashed", subnet=subnet, agent=record.agent)
            if event.tx == claimed.tx and event.index > claimed.index
        ]
        burnt = min(cuts, key=lambda event: event.index).args["burned"] if cuts else 0
        detail = (
            f"{burnt} of the {record.amount} wad due of agent {record.agent}'s collateral "
            f"were burnt in {claimed.tx[:10]}…, paid to nobody"
        )
        return Check(bool(cuts) and burnt <= record.amount, "burn", entry.id, detail)

    def _plan(self, subnet: int, epoch: int) -> ClosingPlan | None:
        if self.ledger is None or self.contracts is None:
            return None
        from weftwork.closing import verify_closing

        key = (subnet, epoch)
        if key not in self._plans:
            self._plans[key] = verify_closing(self.ledger, self.contracts, subnet, epoch, self._bonds)
        return self._plans[key]


def _place(entry: Entry) -> tuple[int, str]:
    from weftwork.network.thread import ORDER

    return (ORDER.index(entry.kind) if entry.kind in ORDER else len(ORDER), entry.id)


def verify_thread(
    thread: Thread,
    ledger: Ledger | None = None,
    contracts: Contracts | None = None,
    pixels: Iterable[Path] = (),
) -> list[Check]:
    """Every check of ``thread``; a failed one names the record that differs.

    ``pixels``: folders of tiles, for threads of renders.
    """
    return Verifier(thread, ledger, contracts, pixels).run()
