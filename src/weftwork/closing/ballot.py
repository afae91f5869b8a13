"""A validator before the ledger: commits and reveals weights, votes on closings with its peers, submits them.

Each step may be made again after a crash: what was committed is written down before it is sent, secrets are
derived
from the key, and no two closings of one epoch are ever signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weftwork.closing import plan as rules
from weftwork.closing.chance import derive_secret
from weftwork.closing.snapshot import CLOSED, Bonds
from weftwork.errors import BadSignature, EpochNotFound, Refused
from weftwork.ledger.client import Ledger
from weftwork.ledger.deployment import Contracts
from weftwork.records import Closing, Signed
from weftwork.spec.commit import commit_sampling, commit_weights
from weftwork.spec.quorum import accepts_closing
from weftwork.store import Store
from weftwork.units import Digest


@dataclass(frozen=True, slots=True)
class Phase:
    """Where a subnet stands in the next block: its epoch, whether commits are open, blocks of each part
    gone by."""

    epoch: int
    committing: bool
    gone: int
    length: int


class Ballot:
    """One validator's voice in one subnet. All methods block; run them in a thread."""

    def __init__(
        self,
        ledger: Ledger,
        contracts: Contracts,
        account: Any,
        subnet: int,
        uid: int,
        store: Store,
    ) -> None:
        self.ledger = ledger
        self.contracts = contracts
        self.account = account
        self.subnet = subnet
        self.uid = uid
        self._store = store
        self._prefix = f"ballot:{account.address}:{subnet}:"
        self._bonds: dict[Digest, Bonds] = {}
        self._plans: dict[int, rules.ClosingPlan] = {}
        self._clock: tuple[int, int, int] | None = None

    # Time

    def phase(self) -> Phase:
        """The phase of the next block."""
        if self._clock is None:
            found = self.contracts.at(self.ledger, "subnets").call("clocks", self.subnet)
            self._clock = (int(found[0]), int(found[1]), int(found[2]))
        start, tempo, commits = self._clock
        epoch, gone = divmod(self.ledger.block_number() + 1 - start, tempo)
        if gone < commits:
            return Phase(epoch, True, gone, commits)
        return Phase(epoch, False, gone - commits, tempo - commits)

    def next_close(self) -> int:
        """The oldest epoch that is not closed."""
        return int(self.contracts.at(self.ledger, "epochs").call("next_close", self.subnet))

    # Weights

    def sampling_key(self, epoch: int) -> bytes:
        """The key by which receipts of ``epoch`` are sampled."""
        return derive_secret(self.account, b"sampling", self.ledger.chain_id, self.subnet, epoch)

    def commit_sampling(self, epoch: int) -> None:
        """Fixes on the ledger the key of the epoch after the current one; raises Reverted."""
        sealed = commit_sampling(self.sampling_key(epoch))
        self._weights.send(self.account, "commit_sampling", self.subnet, self.uid, sealed)

    def commit(self, epoch: int, row: Mapping[int, int]) -> Digest:
        """Seals ``row`` (uid: u16) for ``epoch``; what was written down in an earlier try stands. Raises
        Reverted."""
        kept = self.committed(epoch)
        if kept is None:
            rules_now = self.contracts.at(self.ledger, "subnets").call("rules", self.subnet, epoch)
            uids = sorted(row)
            values = [row[uid] for uid in uids]
            kept = {"uids": uids, "values": values, "version": int(rules_now.version_key)}
            self._store.set_state(f"{self._prefix}{epoch}", kept)
            self._store.flush()
        sealed = self._seal(epoch, kept)
        found = self._weights.call("commitments", self.subnet, epoch, self.uid)
        if bytes(found.hash) != sealed:
            self._weights.send(self.account, "commit_weights", self.subnet, self.uid, sealed)
        return sealed

    def _seal(self, epoch: int, kept: Mapping[str, Any]) -> Digest:
        return commit_weights(
            self.ledger.chain_id,
            self.contracts.weights,
            self.subnet,
            epoch,
            self.uid,
            kept["uids"],
            kept["values"],
            kept["version"],
            self.sampling_key(epoch),
            self._salt(epoch),
        )

    def committed(self, epoch: int) -> dict[str, Any] | None:
        """What was sealed for ``epoch``: uids, values, version; None if nothing was."""
        found = self._store.state(f"{self._prefix}{epoch}")
        return dict(found) if found else None

    def reveal(self, epoch: int) -> None:
        """Shows what was sealed for ``epoch``; raises Reverted, or :class:`Refused` if nothing was."""
        kept = self.committed(epoch)
        if kept is None:
            raise Refused("nothing was committed in this epoch", value=epoch)
        self._weights.send(
            self.account,
            "reveal_weights",
            self.subnet,
            self.uid,
            kept["uids"],
            kept["values"],
            kept["version"],
            self.sampling_key(epoch),
            self._salt(epoch),
        )

    def _salt(self, epoch: int) -> bytes:
        return derive_secret(self.account, b"weights", self.ledger.chain_id, self.subnet, epoch)

    @property
    def _weights(self) -> Any:
        return self.contracts.at(self.ledger, "weights")

    # Closings

    def plan(self, epoch: int) -> rules.ClosingPlan:
        """The one closing of an ended epoch, sealed on the ledger now if it was not; raises EpochNotFound."""
        found = self._plans.get(epoch)
        if found is None:
            if self.phase().epoch <= epoch:
                raise EpochNotFound(f"epoch {epoch} has not ended", value=epoch)
            if self.next_close() < epoch:
                raise EpochNotFound(f"an epoch before {epoch} is not closed yet", value=epoch)
            rules.seal_epoch(self.ledger, self.contracts, self.account, self.subnet, epoch)
            found = rules.plan_closing(self.ledger, self.contracts, self.subnet, epoch, self._bonds)
            self._plans = {**{k: v for k, v in self._plans.items() if k > epoch - 4}, epoch: found}
        return found

    def vote(self, plan: rules.ClosingPlan) -> rules.Vote:
        """This validator's signature under a closing; :class:`Refused` if it signed another one of the
        epoch."""
        key, name = f"{self._prefix}vote:{plan.closing.epoch}", str(plan.closing.id)
        signed = self._store.state(key)
        if signed is not None and signed != name:
            raise Refused("another closing of this epoch was signed before", value=signed)
        vote = rules.sign_closing(plan, self.account, self.contracts)
        self._store.set_state(key, name)
        self._store.add(Signed(plan.closing, vote.signature))
        self._store.flush()
        return vote

    def check_vote(self, plan: rules.ClosingPlan, vote: rules.Vote, closing: Closing | None = None) -> None:
        """Raises :class:`BadSignature` unless a seat of the epoch signed ``closing`` (else the plan's
        own)."""
        seat = next((seat for seat in plan.snapshot.seats if seat.uid == vote.uid), None)
        if seat is None:
            raise BadSignature("no validator has that seat", value=vote.uid)
        signed: Signed[Closing] = Signed(closing or plan.closing, vote.signature)
        signed.require_signer(self.contracts.domains.of("closing"), seat.signer)

    def report(self, uid: int, first: Closing, one: rules.Vote, second: Closing, other: rules.Vote) -> None:
        """Has a validator slashed that signed two closings of one epoch; raises Reverted if it did not."""
        rows = [tuple(getattr(item, name) for name, _ in Closing.fields) for item in (first, second)]
        epochs = self.contracts.at(self.ledger, "epochs")
        epochs.send(
            self.account, "report_equivocation", uid, rows[0], one.signature, rows[1], other.signature
        )

    def is_enough(self, plan: rules.ClosingPlan, votes: Sequence[rules.Vote]) -> bool:
        """Whether the ledger accepts the closing with these votes in the next block."""
        uids = {vote.uid for vote in votes}
        signed = sum(seat.stake for seat in plan.snapshot.seats if seat.uid in uids)
        window_ends = plan.snapshot.last_block + 1 + plan.snapshot.params.closing_window
        late = self.ledger.block_number() + 1 >= window_ends
        return accepts_closing(signed, plan.snapshot.total, late)

    def is_closed(self, epoch: int) -> bool:
        """Whether the ledger has a closing of ``epoch``."""
        status = self.contracts.at(self.ledger, "epochs").call("epochs", self.subnet, epoch)[0]
        return bool(status == CLOSED)

    def skip(self, epoch: int) -> None:
        """Gives up an epoch that stalled; raises Reverted where it has not."""
        self.contracts.at(self.ledger, "epochs").send(self.account, "skip", self.subnet, epoch)

    def submit(self, plan: rules.ClosingPlan, votes: Sequence[rules.Vote]) -> str | None:
        """Sends a closing and carries out its claims; the transaction, or None where another was first."""
        try:
            receipt = rules.submit_closing(self.ledger, self.contracts, self.account, plan.closing, votes)
        except Exception:
            if self.is_closed(plan.closing.epoch):
                return None
            raise
        rules.claim_all(self.ledger, self.contracts, self.account, plan)
        return receipt.tx

    def record(self, plan: rules.ClosingPlan, weights: Sequence[Digest]) -> None:
        """Puts a closing and its payments on the thread, behind the ``weights`` that it follows from."""
        name = self._store.add(plan.closing)
        self._store.add_many(plan.payments)
        for one in weights:
            self._store.link(one, name)
