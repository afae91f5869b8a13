"""What a provider must not forget: the quotes that bind it, the orders it bid on, the leases it runs.

Kept in its store, so that a provider that was killed goes on with the leases it had. Quotes lie in a ring of
places, so that nobody who asks for quotes fills the disk.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from weftwork.compute.error import LeaseNotFound
from weftwork.compute.matching import read_demand
from weftwork.compute.sdl.model import Group, ManifestGroup
from weftwork.compute.sdl.received import read_group, read_manifest
from weftwork.compute.venue import format_order
from weftwork.errors import Busy
from weftwork.spec.placement import Demand
from weftwork.store import Store

Phase = Literal["bid", "won", "running", "paused", "ended", "lost"]
LIVE: tuple[Phase, ...] = ("won", "running", "paused")
QUOTES, QUOTES_OF_ONE = 4_096, 64
_ORDER, _QUOTE, _NEXT, _CURSOR = (
    "provider/order/",
    "provider/quote/",
    "provider/next_quote",
    "provider/cursor",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A quote that binds: the group as JSON, for whom, in which token, smallest units a block, until when."""

    digest: str
    tenant: str
    token: str
    price: int
    window: int
    expiry: int
    group: dict[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is looked up by: group, tenant, token."""
        return self.digest, self.tenant.lower(), self.token.lower()


@dataclass(frozen=True, slots=True)
class Engagement:
    """An order that this provider bid on, and the lease if it won.

    ``price`` in smallest units of ``token`` a block; ``deadline`` (Unix seconds) is when an open bid is taken
    back, or a lease without a manifest left; ``manifest`` is the group that runs, as JSON.
    """

    order: int
    tenant: str
    token: str
    price: int
    window: int
    group: dict[str, Any]
    phase: Phase
    deadline: float
    manifest: dict[str, Any] | None = None
    why: str = ""
    leaving: bool = False
    earned: int = 0
    collected_at: float = 0.0

    @property
    def demand(self) -> Demand:
        """What it takes of the provider."""
        return read_demand(self.spec)

    @property
    def spec(self) -> Group:
        """The group spec."""
        return read_group(self.group)

    @property
    def run(self) -> ManifestGroup | None:
        """The manifest's group, once it came."""
        return None if self.manifest is None else read_manifest([self.manifest])[0]


@dataclass(slots=True)
class Book:
    """Quotes and engagements, in memory and in the store."""

    store: Store
    _quotes: OrderedDict[tuple[str, str, str], tuple[int, Kept]] = field(default_factory=OrderedDict)
    _all: dict[int, Engagement] = field(default_factory=dict)
    _next: int = 0

    def __post_init__(self) -> None:
        self._next = int(self.store.state(_NEXT, 0))
        places = [(int(key.removeprefix(_QUOTE)), row) for key, row in self.store.states(_QUOTE) if row]
        for place, row in sorted(places, key=lambda one: (one[0] - self._next) % QUOTES):
            kept = Kept(**row)
            self._quotes[kept.key] = (place, kept)
        for _, row in self.store.states(_ORDER):
            if row is not None:
                one = Engagement(**row)
                self._all[one.order] = one

    # quotes

    def keep(self, quote: Kept, now: float) -> None:
        """Remember a quote; raises Busy where the tenant, or all together, hold too many that still bind."""
        self._quotes.pop(quote.key, None)
        mine = [
            kept for _, kept in self._quotes.values() if kept.tenant == quote.tenant and kept.expiry >= now
        ]
        if len(mine) >= QUOTES_OF_ONE:
            raise Busy("this account holds too many quotes that still bind", value=quote.tenant)
        while len(self._quotes) >= QUOTES:
            _, (_, oldest) = next(iter(self._quotes.items()))
            if oldest.expiry >= now:
                raise Busy("as many quotes as allowed still bind")
            self._quotes.popitem(last=False)
        place = self._next % QUOTES
        self._next += 1
        self._quotes[quote.key] = (place, quote)
        self.store.set_state(f"{_QUOTE}{place:05d}", asdict(quote))
        self.store.set_state(_NEXT, self._next)

    def find_quote(self, digest: str, tenant: str, token: str, now: float) -> Kept | None:
        """The quote that binds for such an order now."""
        found = self.find_group(digest, tenant, token)
        return found if found is not None and found.expiry >= now else None

    def find_group(self, digest: str, tenant: str, token: str) -> Kept | None:
        """The last quote for such an order, whether it still binds or not."""
        found = self._quotes.get((digest, tenant.lower(), token.lower()))
        return None if found is None else found[1]

    # engagements

    def set(self, one: Engagement) -> Engagement:
        """Write an engagement as it is now; a bid that lost is forgotten."""
        lost = one.phase == "lost"
        if lost:
            self._all.pop(one.order, None)
        else:
            self._all[one.order] = one
        self.store.set_state(f"{_ORDER}{one.order:064x}", None if lost else asdict(one))
        return one

    def change(self, order: int, **values: Any) -> Engagement:
        """Write some fields of an engagement."""
        return self.set(replace(self.find(order), **values))

    def find(self, order: int) -> Engagement:
        """The engagement for an order; raises LeaseNotFound."""
        found = self._all.get(order)
        if found is None:
            raise LeaseNotFound(
                f"this provider has nothing to do with order {format_order(order)}", value=order
            )
        return found

    def __contains__(self, order: int) -> bool:
        return order in self._all

    def in_phase(self, *phases: Phase) -> list[Engagement]:
        """Those in one of ``phases``, by order."""
        return [one for _, one in sorted(self._all.items()) if one.phase in phases]

    @property
    def cursor(self) -> int:
        """The block up to which the ledger was read; -1 for nothing yet."""
        return int(self.store.state(_CURSOR, {"block": -1})["block"])

    @property
    def watched(self) -> list[int]:
        """Orders that were open and not bid on when the ledger was last read."""
        return [int(order) for order in self.store.state(_CURSOR, {"orders": []})["orders"]]

    def move_cursor(self, block: int, watched: Iterable[int]) -> None:
        """Remember how far the ledger was read, and which orders are open there."""
        self.store.set_state(_CURSOR, {"block": block, "orders": [str(order) for order in watched]})
