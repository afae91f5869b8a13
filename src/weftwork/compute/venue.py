"""The market of one network as everybody on it needs it: where it stands, what pays, who signs for it.

Denominations of deployment files name a currency of the network and its part: ``uweft`` is a millionth of the
network token, ``uusd`` of the dollar that the market lists; Akash's ``uakt`` and ``uact`` mean the same two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from weftwork.compute.market import Denom, Market
from weftwork.eip712 import Domain
from weftwork.errors import BadConfig, BadInput
from weftwork.units import WAD

if TYPE_CHECKING:
    from weftwork.ledger import Account, Ledger
    from weftwork.ledger.contract import Contract
    from weftwork.ledger.deployment import Contracts
    from weftwork.ledger.deployment_compute import ComputeContracts

TOKEN, DOLLAR = "weft", "usd"
MICRO: Final = 6
DENOMS: Final[Mapping[str, tuple[str, int]]] = {
    "weft": (TOKEN, 0),
    "uweft": (TOKEN, MICRO),
    "uakt": (TOKEN, MICRO),
    "usd": (DOLLAR, 0),
    "uusd": (DOLLAR, MICRO),
    "uact": (DOLLAR, MICRO),
}
"""Denomination of a deployment file to the currency, and by how many decimals it is a part of one."""
CURRENCIES: Final[Mapping[str, str]] = {"token": TOKEN, "weft": TOKEN, "usd": DOLLAR, "dollar": DOLLAR}
"""What a person types for a currency."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A token that pays deployments: its name, address and decimals."""

    name: str
    token: str
    decimals: int

    def to_wad(self, units: int) -> int:
        """Smallest units as wad of the currency, rounded down."""
        return int(units * WAD // 10**self.decimals)

    def to_units(self, wad: int) -> int:
        """Wad of the currency as smallest units, rounded up: a price."""
        return int(-(-wad * 10**self.decimals // WAD))

    def format(self, units: int, places: int = 6) -> str:
        """An amount for people: ``12.5 WEFT``."""
        whole, rest = divmod(units, 10**self.decimals)
        digits = f"{rest:0{self.decimals}d}"[:places].rstrip("0") if self.decimals else ""
        return f"{whole:,}{'.' + digits if digits else ''} {self.name.upper()}"


class Venue:
    """A market contract on a ledger, with the currencies that it lists."""

    def __init__(self, ledger: Ledger, contracts: Contracts, parts: ComputeContracts) -> None:
        self.ledger = ledger
        self.contracts = contracts
        self.parts = parts
        self.domain = Domain(contracts.chain_id, parts.market)

    @cached_property
    def contract(self) -> Contract:
        """The market contract."""
        return self.parts.at(self.ledger, "market")

    def market(self, account: Account) -> Market:
        """The market as ``account`` acts on it."""
        return Market(self.contract, account)

    def token_at(self, address: str) -> Contract:
        """An ERC-20 token."""
        return self.ledger.contract("TestDollar", address)

    @cached_property
    def currencies(self) -> tuple[Currency, ...]:
        """The network token and the dollar; raises LedgerError."""
        dollar = self.parts.dollar
        decimals = int(self.token_at(dollar).call("decimals"))
        return (Currency(TOKEN, self.contracts.token, 18), Currency(DOLLAR, dollar, decimals))

    def currency(self, name: str) -> Currency:
        """The currency that a person means by ``token`` or ``usd``; raises BadConfig."""
        found = CURRENCIES.get(name.lower())
        for one in self.currencies:
            if one.name == found:
                return one
        raise BadConfig(f"there is no currency {name[:40]!r}", value=name[:40], hint="choose token or usd")

    def currency_of(self, token: str) -> Currency:
        """The currency whose token is at that address; raises BadInput."""
        for one in self.currencies:
            if one.token.lower() == token.lower():
                return one
        raise BadInput("this market takes no such token", value=token[:80])

    def denom_of(self, denom: str, currency: str | None = None) -> tuple[Currency, Denom]:
        """What a file's denomination is here, in ``currency`` where that is named; raises BadInput."""
        known = DENOMS.get(denom)
        if known is None:
            raise BadInput(
                f"this market has no denomination {denom[:60]!r}",
                value=denom[:60],
                hint=f"price the file in {', '.join(DENOMS)}",
            )
        name, part = known
        found = self.currency(currency or name)
        return found, Denom(found.token, found.decimals - part)

    def lease_name(self, order: int) -> str:
        """What an executor calls the lease of an order: no other market's has the same."""
        return f"{self.lease_prefix}{order}"

    @property
    def lease_prefix(self) -> str:
        """What the names of all leases of this market begin with."""
        return f"weft/{self.contracts.chain_id}/{self.parts.market}/"

    def owner_of(self, deployment: int) -> str:
        """The tenant of a deployment."""
        return str(self.contract.call("deployments", deployment)[0])

    def events(self, name: str, from_block: int = 0, **indexed: Any) -> Any:
        """The market's events of one name."""
        return self.contract.events(name, from_block, **indexed)


def split_order(order: int) -> tuple[int, int, int]:
    """Deployment, group and number of an order."""
    return order >> 64, order >> 32 & 0xFFFFFFFF, order & 0xFFFFFFFF


def format_order(order: int) -> str:
    """An order for people: ``deployment/group/number``."""
    return "/".join(map(str, split_order(order)))


def parse_order(text: str) -> int:
    """The order that :func:`format_order` wrote, or its number in full; raises BadInput."""
    parts = text.strip().split("/")
    if all(part.isascii() and part.isdigit() and len(part) <= 40 for part in parts):
        numbers = [int(part) for part in parts]
        if len(numbers) == 1 and numbers[0] >> 64:
            return numbers[0]
        if len(numbers) <= 3 and all(0 < number < 1 << 32 for number in numbers):
            deployment, group, number = (*numbers, 1, 1)[:3]
            return deployment << 64 | group << 32 | number
    raise BadInput(
        f"{text[:40]!r} names no lease",
        value=text[:40],
        hint="DEPLOYMENT/GROUP/NUMBER such as 3/1/1; weft compute leases lists them",
    )
