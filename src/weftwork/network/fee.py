"""What the ledger says of the money of a tile: the ERC-8183 job that its request names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weftwork.compute.render.bundle import deliverable, write_words
from weftwork.compute.render.escrow import Escrow
from weftwork.compute.render.evidence import TileOrder, read_manifest, read_receipts
from weftwork.errors import NetworkNotFound, Reverted
from weftwork.ledger.deployment_compute import find_compute
from weftwork.spec.job import Status
from weftwork.units import Wad

if TYPE_CHECKING:
    from collections.abc import Iterable

    from weftwork.ledger import Ledger
    from weftwork.ledger.deployment import Contracts
    from weftwork.records import Receipt, Request


def check_job(
    ledger: Ledger,
    contracts: Contracts,
    order: TileOrder,
    request: Request,
    receipt: Receipt,
    manifest: str | None,
    lists: Iterable[str],
) -> tuple[bool | None, str]:
    """Whether the ledger's job is the one that ``order`` names and paid for ``receipt``, and a sentence.

    ``manifest`` is the bundle's text, ``lists`` the texts of receipts that were handed in, where they are
    here. None where nothing was paid, which is no fault. Raises BadInput for texts that cannot be read.
    """
    try:
        parts = find_compute(ledger, contracts)
    except NetworkNotFound as error:
        return None, error.sentence
    nobody: Any = None  # who only reads
    escrow = Escrow(ledger, contracts.token, parts, nobody)
    try:
        found = escrow.read(order.job)
    except Reverted:
        return False, f"the ledger has no job {order.job}"
    part: int | None = None
    if manifest is not None:
        bundle = read_manifest(manifest)
        if bundle.digest != order.bundle or order.tile not in bundle.tiles:
            return False, f"the bundle of job {order.job} has no such tile"
        part = bundle.price(bundle.tiles.index(order.tile), found.budget)
    handed = [found.deliverable == deliverable(ids) for ids in map(read_receipts, lists) if receipt.id in ids]
    was_handed_in = found.status in (Status.SUBMITTED, Status.COMPLETED)
    faults = (
        (found.words != write_words(order.bundle), "is for another bundle"),
        (found.client != request.requester, "is another requester's"),
        (found.node != receipt.worker, "is another node's"),
        (receipt.price > found.budget, "holds less than the receipt asks"),
        (part is not None and part != receipt.price, f"has another price for this tile: {part}"),
        (was_handed_in and bool(handed) and not any(handed), "was handed in with other receipts"),
    )
    for fault, sentence in faults:
        if fault:
            return False, f"job {order.job} {sentence}"
    if found.status != Status.COMPLETED:
        return None, f"job {order.job} is {found.status.name.lower()}: it paid nothing"
    paid = sum(event.args["amount"] for event in escrow.jobs.events("PaymentReleased", jobId=order.job))
    if paid != found.budget:
        return False, f"job {order.job} paid {paid} of {found.budget}"
    how = "paid to"
    if found.burns:  # without a price it waits until there is one
        is_burnt = escrow.credits.call("is_collected", order.job)
        how = "burnt for the credit of" if is_burnt else "waits to be burnt for the credit of"
    among = "its receipt is among those handed in" if any(handed) else "what was handed in is not here"
    return True, (
        f"job {order.job}: {_coins(found.budget)} {how} {found.node} for its bundle, "
        f"{_coins(receipt.price)} of it for this tile; {among}"
    )


def _coins(amount: int) -> str:
    return f"{Wad(amount).format()} WEFT"
