"""Who takes part, read from the ledger alone: the neurons of a subnet and the cards of their agents.

``Subnets`` says who is a neuron (a paid, capped list); ``IdentityRegistry`` only resolves its endpoint.
A card that cannot be read leaves its neuron without an endpoint; it harms nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from weftwork.errors import WeftError
from weftwork.models.registration import Registration
from weftwork.records import NO_ADDRESS

if TYPE_CHECKING:
    from weftwork.ledger import Ledger
    from weftwork.ledger.deployment import Contracts


@dataclass(frozen=True, slots=True)
class Neuron:
    """A neuron as the ledger has it: stake and the pay of its last paid epoch in wad, its card if any."""

    uid: int
    agent: int
    wallet: str
    stake: int
    paid_epoch: int
    paid: int
    seated: bool
    card: Registration | None


def read_neurons(ledger: Ledger, contracts: Contracts, subnet: int) -> list[Neuron]:
    """The neurons of ``subnet`` that are not suspended, by uid; raises LedgerError."""
    subnets, identity = contracts.at(ledger, "subnets"), contracts.at(ledger, "identity")
    weights = contracts.at(ledger, "weights")
    epoch = subnets.call("current_epoch", subnet)
    seats = weights.call("seats_at", subnet, epoch)
    found = []
    for uid, row in enumerate(subnets.call("neurons", subnet)):
        if row.free or row.wallet == NO_ADDRESS:
            continue
        kept = subnets.call("neuron", subnet, uid)
        found.append(
            Neuron(
                uid=uid,
                agent=row.agent,
                wallet=row.wallet,
                stake=row.stake,
                paid_epoch=kept.paid_epoch,
                paid=kept.paid,
                seated=bool(seats >> uid & 1),
                card=_read_card(identity.call("tokenURI", row.agent)),
            )
        )
    return found


def read_agents(ledger: Ledger, contracts: Contracts, role: str) -> list[tuple[int, str, Registration]]:
    """Agents whose card names ``role`` (gateways, say): id, wallet and card, oldest first."""
    identity = contracts.at(ledger, "identity")
    found = []
    for event in identity.events("Registered"):
        agent = int(event.args["agentId"])
        card = _read_card(identity.call("tokenURI", agent))
        wallet = identity.call("getAgentWallet", agent)
        if card is not None and card.role == role and wallet != NO_ADDRESS:
            found.append((agent, wallet, card))
    return found


def _read_card(uri: str) -> Registration | None:
    try:
        return Registration.from_uri(uri)
    except WeftError:
        return None
