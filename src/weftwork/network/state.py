"""What the ledger says of a network, as plain objects for people and programs; amounts in wad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weftwork.errors import EpochNotFound
from weftwork.network.discovery import read_neurons

if TYPE_CHECKING:
    from weftwork.ledger import Ledger
    from weftwork.ledger.deployment import Contracts

_STATUS = {0: "open", 1: "sealed", 2: "closed", 4: "skipped"}


def read_state(ledger: Ledger, contracts: Contracts, subnet: int) -> dict[str, Any]:
    """Block, epoch, supply and the neurons of ``subnet``; raises LedgerError."""
    token = contracts.at(ledger, "token")
    neurons = [
        {
            "uid": n.uid,
            "agent": n.agent,
            "wallet": n.wallet,
            "role": "validator" if n.seated else (n.card.role if n.card else "unknown"),
            "model": n.card.model if n.card else "",
            "endpoint": n.card.endpoint if n.card else "",
            "stake": n.stake,
            "paid": n.paid,
            "paid_epoch": n.paid_epoch,
        }
        for n in read_neurons(ledger, contracts, subnet)
    ]
    return {
        "chain_id": ledger.chain_id,
        "block": ledger.block_number(),
        "subnet": subnet,
        "epoch": contracts.at(ledger, "subnets").call("current_epoch", subnet),
        "minted": token.call("minted"),
        "supply": token.call("totalSupply"),
        "neurons": neurons,
    }


def read_epoch(
    ledger: Ledger, contracts: Contracts, subnet: int, number: int | None = None
) -> dict[str, Any]:
    """An epoch's status, weights, incentives, pay, and collateral that was ``slashed`` for faults (wad by
    agent, no part of the pay); the last closed one without a ``number``.

    Raises :class:`EpochNotFound`. Everything is recomputed from the ledger.
    """
    from weftwork.closing import plan_closing, read_sealed, read_snapshot
    from weftwork.spec.merkle import ClaimKind

    epochs = contracts.at(ledger, "epochs")
    if number is None:
        closed = [event.args["epoch"] for event in epochs.events("Closed", subnet=subnet)]
        if not closed:
            raise EpochNotFound("no epoch is closed yet", value=subnet, hint="wait, or run weft demo")
        number = max(closed)
    out: dict[str, Any] = {"subnet": subnet, "epoch": number, "neurons": [], "weights": [], "slashed": {}}
    try:
        sealed = read_sealed(ledger, contracts, subnet, number)
    except EpochNotFound:
        return {**out, "status": "open", "pot": 0, "fees": 0}
    out |= {"status": _STATUS.get(sealed.status, "unknown"), "pot": sealed.pot, "fees": sealed.fees}
    snapshot = read_snapshot(ledger, contracts, subnet, number)
    out["weights"] = [
        {"uid": uid, "row": {str(k): v for k, v in row.items()}}
        for uid, row in enumerate(snapshot.weights)
        if row
    ]
    if sealed.status != 2:
        return out
    plan = plan_closing(ledger, contracts, subnet, number)
    paid: dict[int, int] = {}
    slashed: dict[int, int] = {}
    burns = bool(contracts.at(ledger, "epochs").call("may_slash", subnet, number))
    for claim in plan.claims:
        if claim.kind == ClaimKind.SLASH and not burns:
            continue
        sums = slashed if claim.kind == ClaimKind.SLASH else paid
        sums[claim.agent] = sums.get(claim.agent, 0) + claim.amount
    out |= {"closing": str(plan.closing.id), "payout": plan.closing.payout}
    out["slashed"] = {str(agent): amount for agent, amount in slashed.items()}
    if plan.result is not None:
        out["neurons"] = [
            {
                "uid": uid,
                "agent": agent,
                "wallet": snapshot.wallets[uid],
                "incentive": plan.result.incentive[uid] / 2**32,
                "dividends": plan.result.dividends[uid] / 2**32,
                "paid": paid.get(agent, 0),
                "slashed": slashed.get(agent, 0),
            }
            for uid, agent in enumerate(snapshot.agents)
        ]
    return out
