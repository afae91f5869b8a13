"""What a tenant has: its deployments, their orders and leases, and how long their money lasts.

All of it is read from the ledger; nothing is kept here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weftwork.compute.market import Runway
from weftwork.compute.venue import Currency, Venue, format_order
from weftwork.errors import BadInput
from weftwork.spec.escrow import FOREVER
from weftwork.spec.market import GroupState, LeaseState, OrderState


@dataclass(frozen=True, slots=True)
class Tenure:
    """The last order of one group, and its lease: ``agent`` is None without one, ``price`` is a block's."""

    order: int
    group: GroupState
    state: OrderState
    lease: LeaseState
    agent: int | None
    price: int

    @property
    def word(self) -> str:
        """Its state in one word."""
        if self.group is GroupState.DRY:
            return "dry"
        if self.state is OrderState.ACTIVE:
            return "reclaiming" if self.lease is LeaseState.RECLAIMING else "leased"
        return self.state.name.lower()


@dataclass(frozen=True, slots=True)
class Estate:
    """A deployment: its version (the manifest's hash), currency, tenures by group, and runway."""

    deployment: int
    owner: str
    active: bool
    version: bytes
    currency: Currency
    tenures: tuple[Tenure, ...]
    runway: Runway
    is_dry: bool

    def to_json(self) -> dict[str, Any]:
        """The deployment as an object; amounts in smallest units, as decimal text."""
        return {
            "deployment": self.deployment,
            "owner": self.owner,
            "active": self.active,
            "version": self.version.hex(),
            "currency": self.currency.name,
            "balance": str(self.runway.balance),
            "rate": str(self.runway.rate),
            "dry": self.is_dry,
            "blocks_left": None if self.runway.blocks == FOREVER else self.runway.blocks,
            "leases": [
                {
                    "order": format_order(one.order),
                    "state": one.word,
                    "agent": one.agent,
                    "price": str(one.price),
                }
                for one in self.tenures
            ],
        }


def read_estates(venue: Venue, owner: str) -> list[Estate]:
    """All deployments of ``owner``, oldest first; raises LedgerError."""
    found = venue.events("DeploymentCreated", 0, owner=owner)
    return [read_estate(venue, int(event.args["deployment"])) for event in found]


def read_estate(venue: Venue, deployment: int) -> Estate:
    """One deployment; raises BadInput where there is none."""
    contract = venue.contract
    owner, token, version, groups, active = contract.call("deployments", deployment)
    if not int(groups):
        raise BadInput(
            f"there is no deployment {deployment}",
            value=deployment,
            hint="weft compute leases lists them",
        )
    tenures = []
    for group in range(1, int(groups) + 1):
        kept = contract.call("groups", deployment, group)
        order = deployment << 64 | group << 32 | int(kept[2])
        lease = contract.call("leases", order)
        state = LeaseState(lease[2])
        agent = None if state is LeaseState.NONE else int(lease[0])
        price = 0 if agent is None else int(contract.call("bids", order, agent)[0])
        tenures.append(Tenure(order, GroupState(kept[1]), OrderState(kept[3]), state, agent, price))
    account = contract.call("account_of", deployment)
    dry = min(int(contract.call("dry_block", deployment)), FOREVER)
    head = venue.ledger.block_number()
    rate, settled, balance = int(account[5]), int(account[2]), int(account[6])
    left = FOREVER if dry == FOREVER else max(dry - head, 0)
    if int(account[0]) == 1 and rate:
        balance = max(balance - rate * (head - settled), 0)
    is_dry = int(account[0]) == 2 or (bool(rate) and dry <= head)
    runway = Runway(balance, rate, dry, left)
    return Estate(
        deployment,
        str(owner),
        bool(active),
        bytes(version),
        venue.currency_of(str(token)),
        tuple(tenures),
        runway,
        is_dry,
    )
