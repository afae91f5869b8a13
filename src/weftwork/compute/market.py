"""The market as tenants and providers use it: groups become orders, quotes become bids, a policy picks one.

:class:`Market` is a market contract with the account that acts. Prices are in the currency's smallest unit a
block. A quote binds: :meth:`Market.bid` bids the price it is given, and the lease pays exactly that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from weftwork.compute.bidding import Candidate, Policy
from weftwork.errors import BadInput
from weftwork.spec.escrow import FOREVER, Mode
from weftwork.spec.market import BidState, GroupState, LeaseState, OrderState
from weftwork.units import WAD, Digest

if TYPE_CHECKING:
    from weftwork.compute.sdl.model import Group
    from weftwork.ledger import Account
    from weftwork.ledger.contract import Contract

AUDITED: Final = ("audited", "true")
"""What auditors must have signed for a group that names them and no attribute."""
MAX_ATTRIBUTES: Final = 8
MAX_AUDITORS: Final = 4
Terms = tuple[bytes, int, int, list[bytes], list[str], list[str]]


@dataclass(frozen=True, slots=True)
class Denom:
    """A denomination of deployment files: a token, and how many of its decimals one of it has."""

    token: str
    decimals: int = 18

    def to_units(self, wad: int) -> int:
        """A price in wad of the denomination as smallest units, rounded down: a tenant's maximum."""
        return int(wad * 10**self.decimals // WAD)


@dataclass(frozen=True, slots=True)
class Order:
    """An order with what its group asks for; ``terms`` go with a bid as they are."""

    id: int
    deployment: int
    group: int
    number: int
    owner: str
    token: str
    terms: Terms
    state: OrderState

    @property
    def max_price(self) -> int:
        """The most it pays a block."""
        return self.terms[1]


@dataclass(frozen=True, slots=True)
class Runway:
    """An account's money: balance, cost a block, the first block it cannot pay, and blocks until then."""

    balance: int
    rate: int
    dry_block: int
    blocks: int


def hash_attribute(key: str, value: str) -> bytes:
    """The digest under which an attribute is declared and signed."""
    return bytes(Digest.of(f"{key}={value}".encode()))


def make_terms(group: Group, denom: Denom, *, window: int = 0) -> Terms:
    """What the contract keeps of a group of a deployment file.

    An attribute whose key is a glob is for providers to match, and not on chain.

    Raises:
        BadInput: too many attributes or auditors, or an auditor that is no address.
    """
    from weftwork.compute.sdl.model import encode_canonical

    attributes = [pair for pair in group.attributes if not set(pair[0]) & set("*?[")]
    all_of, any_of = list(group.all_of or ()), list(group.any_of or ())
    if (all_of or any_of) and not attributes:
        attributes = [AUDITED]
    if len(attributes) > MAX_ATTRIBUTES:
        raise BadInput(f"a group asks for {MAX_ATTRIBUTES} attributes at most", value=len(attributes))
    for auditors in (all_of, any_of):
        if len(auditors) > MAX_AUDITORS:
            raise BadInput(f"a group names {MAX_AUDITORS} auditors of a kind at most", value=len(auditors))
        for one in auditors:
            if len(one) != 42 or not one.startswith("0x"):
                raise BadInput(
                    f"{one[:60]!r} is no auditor on this ledger",
                    value=one[:60],
                    hint="signedBy names auditors by their addresses, 0x and 40 digits",
                )
    digest = bytes(Digest.of(encode_canonical(group.to_json())))
    hashes = [hash_attribute(key, value) for key, value in attributes]
    return (digest, denom.to_units(group.price), window, hashes, all_of, any_of)


class Market:
    """A market contract and the account that acts on it."""

    def __init__(self, contract: Contract, account: Account) -> None:
        self.contract = contract
        self.account = account

    # the tenant
    def deploy(
        self, terms: Sequence[Terms], token: str, amount: int, version: bytes, *, mode: Mode = Mode.IN_ORDER
    ) -> int:
        """Open a deployment with its first deposit (which the market must be approved for); its number."""
        receipt = self._send("create_deployment", token, int(mode), version, list(terms), amount)
        return int(self.contract.events_in(receipt, "DeploymentCreated")[0].args["deployment"])

    def list_bids(
        self,
        order: int,
        score_of: Callable[[int], int] | None = None,
        audited: Mapping[int, bool] | None = None,
    ) -> list[Candidate]:
        """The open bids on an order, with each agent's score and audit, where they are told."""
        found = []
        for agent in self.contract.call("bidders_of", order):
            bid = self.contract.call("bids", order, agent)
            if bid[5] == BidState.OPEN:
                score = score_of(agent) if score_of else 0
                found.append(Candidate(agent, bid[0], score, bool(audited and audited.get(agent))))
        return found

    def accept(self, order: int, policy: Policy, **given: Any) -> Candidate | None:
        """Lease to the bid that ``policy`` picks; ``None``, and nothing done, if it picks none."""
        chosen = policy(self.list_bids(order, **given))
        if chosen is not None:
            self._send("create_lease", order, chosen.agent)
        return chosen

    def top_up(self, deployment: int, amount: int) -> None:
        """Add to a deployment's account, of which a dry one goes on."""
        self._send("deposit", deployment, amount)

    def close_lease(self, order: int, *, failed: bool = False) -> int:
        """End a lease; the group's next order, on which a provider that ``failed`` cannot bid for a while."""
        receipt = self._send("close_lease", order, failed)
        return int(self.contract.events_in(receipt, "OrderOpened")[0].args["order"])

    def close(self, deployment: int) -> None:
        """End a deployment and give everyone back what is left."""
        self._send("close_deployment", deployment)

    def forecast(self, deployment: int) -> Runway:
        """How long a deployment's money lasts."""
        account = self.contract.call("account_of", deployment)
        dry = min(int(self.contract.call("dry_block", deployment)), FOREVER)
        now = self.contract.ledger.block_number()
        left = FOREVER if dry == FOREVER else max(dry - now, 0)
        return Runway(int(account[6]), int(account[5]), dry, left)

    # the provider
    def list_orders(self, from_block: int = 0) -> list[Order]:
        """All orders that are open for bids, oldest first."""
        terms = {
            (event.args["deployment"], event.args["group"]): event.args["terms"]
            for event in self.contract.events("GroupCreated", from_block)
        }
        opened = (int(event.args["order"]) for event in self.contract.events("OrderOpened", from_block))
        known = (self._read_order(one, terms) for one in opened)
        return [one for one in known if one.state is OrderState.OPEN]

    def find_order(self, order: int) -> Order:
        """The order of that number, open or not."""
        found = self.contract.events("GroupCreated", 0, deployment=order >> 64)
        terms = {(event.args["deployment"], event.args["group"]): event.args["terms"] for event in found}
        return self._read_order(order, terms)

    def bid(
        self,
        order: Order,
        agent: int,
        price: int,
        *,
        window: int = 0,
        offer: bytes = bytes(32),
        proofs: Sequence[bytes] = (),
    ) -> None:
        """Bid a quoted price; the market must be approved for the bid deposit."""
        self._send("bid", order.id, agent, price, window, offer, order.terms, list(proofs))

    def declare(self, agent: int, attributes: Mapping[str, str], *, holds: bool = True) -> None:
        """Say which attributes a provider has, eight a call."""
        hashes = [hash_attribute(key, value) for key, value in sorted(attributes.items())]
        for start in range(0, len(hashes), MAX_ATTRIBUTES):
            self._send("declare", agent, hashes[start : start + MAX_ATTRIBUTES], holds)

    def withdraw(self, order: int) -> int:
        """Pay the provider what an order has earned; what it got."""
        receipt = self._send("withdraw", order)
        return int(self.contract.events_in(receipt, "Withdrawn")[0].args["amount"])

    def leave(self, order: int, agent: int) -> int | None:
        """The provider's close: at once (``None``), or the block from which to call again."""
        lease = self.contract.call("leases", order)
        bid = self.contract.call("bids", order, agent)
        if bid[5] == BidState.ACTIVE and bid[1]:
            until = int(lease[3])
            if lease[2] == LeaseState.ACTIVE:
                receipt = self._send("start_reclaim", order)
                until = int(self.contract.events_in(receipt, "Reclaiming")[0].args["until"])
            if self.contract.ledger.block_number() + 1 < until:
                return until
        self._send("close_bid", order, agent)
        return None

    def _send(self, function: str, *args: Any) -> Any:
        return self.contract.send(self.account, function, *args)

    def _read_order(self, order: int, terms: Mapping[tuple[int, int], Any]) -> Order:
        deployment, group, number = order >> 64, order >> 32 & 0xFFFFFFFF, order & 0xFFFFFFFF
        known = terms.get((deployment, group))
        if known is None:
            raise BadInput("there is no such order", value=order)
        kept = self.contract.call("groups", deployment, group)
        state = OrderState(kept[3]) if kept[2] == number else OrderState.CLOSED
        if GroupState(kept[1]) is not GroupState.OPEN:
            state = OrderState.CLOSED
        owner, token = self.contract.call("deployments", deployment)[:2]
        digest, price, window, attributes, all_of, any_of = known
        given: Terms = (bytes(digest), int(price), int(window), list(attributes), list(all_of), list(any_of))
        return Order(order, deployment, group, number, owner, token, given, state)
