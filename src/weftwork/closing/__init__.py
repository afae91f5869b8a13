"""From scores to paid claims, the same for every subnet of every layer.

``snapshot``  what an epoch's result depends on, read from the ledger
``plan``      that result, as a function of public data; who is paid by it
``standing``  what a validator thinks of each worker, and the weights that follow
``chance``    which receipts are checked: the sampling key, and secrets that a crash does not lose
``ballot``    one validator before the ledger: commits, reveals, votes
``exchange``  votes between validators, and who is reported for signing twice
``judge``     a validator's life through an epoch, without what its subnet asks and how it scores
"""

from weftwork.closing.plan import (
    ATTEMPTS,
    CHUNK,
    OWNER,
    ClosingPlan,
    Vote,
    claim_all,
    compare_closings,
    compute_closing,
    plan_closing,
    read_bonds,
    run_snapshot,
    seal_epoch,
    sign_closing,
    submit_closing,
    verify_closing,
)
from weftwork.closing.snapshot import (
    CLOSED,
    SEALED,
    SKIPPED,
    Bonds,
    Culprit,
    EpochSnapshot,
    Sealed,
    Seat,
    read_closing,
    read_sealed,
    read_snapshot,
)

__all__ = [
    "ATTEMPTS",
    "CHUNK",
    "CLOSED",
    "OWNER",
    "SEALED",
    "SKIPPED",
    "Bonds",
    "ClosingPlan",
    "Culprit",
    "EpochSnapshot",
    "Sealed",
    "Seat",
    "Vote",
    "claim_all",
    "compare_closings",
    "compute_closing",
    "plan_closing",
    "read_bonds",
    "read_closing",
    "read_sealed",
    "read_snapshot",
    "run_snapshot",
    "seal_epoch",
    "sign_closing",
    "submit_closing",
    "verify_closing",
]
