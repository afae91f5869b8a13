"""What a provider asks: a tariff, a script in the form of Akash's, or a Python function by name.

Whatever it is, it answers within its time or there is no bid: scripts and functions by name run in processes
of their own, which are killed; the tariff is computed in place, as it cannot hang.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path

from weftwork.compute.bidding import SCRIPT_SECONDS, Pricing, Request, Tariff, price_by_script, price_order
from weftwork.errors import BadConfig, BadUnit
from weftwork.units import Wad

STANDARD = "cpu=1.6,memory=0.8,storage=0.02,gpu=100,endpoint=0.05,ip=5"
"""A month's price of one CPU, one GiB and so on, which are the targets of upstream's price script."""


class Pricer(ABC):
    """A provider's pricing as it is asked."""

    @abstractmethod
    async def price(self, request: Request) -> int:
        """Wad of the currency a block; raises NoBid."""

    async def check(self) -> None:  # noqa: B027 - most need nothing
        """Return where it can price at all; else raise BadConfig."""

    async def close(self) -> None:  # noqa: B027
        """End what it keeps running; it may be asked again afterwards."""


class FunctionPricer(Pricer):
    """A function of this program, called in place: one that answers at once, as a tariff does."""

    def __init__(self, pricing: Pricing) -> None:
        self._pricing = pricing

    async def price(self, request: Request) -> int:
        """Wad of the currency a block; raises NoBid."""
        return price_order(self._pricing, request)


class ScriptPricer(Pricer):
    """A pricing script, run in the sandbox for ``seconds`` at most."""

    def __init__(
        self,
        script: bytes,
        settings: Mapping[str, str] | None = None,
        read_only: Iterable[Path] = (),
        seconds: float = SCRIPT_SECONDS,
    ) -> None:
        self._script = script
        self._settings = dict(settings or {})
        self._read_only = tuple(read_only)
        self._seconds = seconds

    async def price(self, request: Request) -> int:
        """Wad of the currency a block; raises NoBid."""
        return await price_by_script(
            self._script,
            request,
            settings=self._settings,
            read_only=self._read_only,
            seconds=self._seconds,
        )


def open_pricing(named: str | None, tariff: str = STANDARD, seconds: float = SCRIPT_SECONDS) -> Pricer:
    """The pricing that ``--pricing`` names (a script, or ``module:function``), else a tariff.

    Whether there is such a function, its ``check`` says.

    Raises:
        BadConfig: it is neither a file nor the name of a function, or the tariff cannot be read.
    """
    if named is None:
        return FunctionPricer(read_tariff(tariff))
    path = Path(named).expanduser()
    if path.is_file():
        from weftwork.sandbox.bubble import python_paths

        return ScriptPricer(path.read_bytes(), read_only=python_paths(), seconds=seconds)
    module, _, function = named.partition(":")
    if not module or not function:
        raise BadConfig(
            f"there is no pricing script {named}",
            value=named,
            hint="--pricing SCRIPT or --pricing module:function",
        )
    from weftwork.compute.provider.clerk import Clerk

    return Clerk(named, seconds)


def read_tariff(text: str) -> Tariff:
    """A month's prices as in ``cpu=1.6,memory=0.8,storage=0.02,gpu=100,gpu/a100=900``; the rest is free.

    ``storage`` is every class, ``storage/beta3`` one of them. Raises BadConfig.
    """
    amounts: dict[str, int] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, amount = part.partition("=")
        try:
            amounts[name.strip()] = int(Wad.parse(amount.strip()))
        except BadUnit as error:
            raise BadConfig(
                f"the price {part[:60]!r} cannot be read", value=part[:60], hint=f"--price {STANDARD}"
            ) from error
    known = {"cpu", "memory", "storage", "gpu", "endpoint", "ip"}
    unknown = [name for name in amounts if name.split("/")[0] not in known]
    if unknown or any(amount < 0 for amount in amounts.values()):
        raise BadConfig(
            f"there is no price of {(unknown or ['less than nothing'])[0][:40]}",
            value=text[:80],
            hint=f"--price {STANDARD}",
        )
    storage = {
        kind: amounts.get(f"storage/{kind}", amounts.get("storage", 0))
        for kind in ("default", "beta1", "beta2", "beta3")
    }
    kinds = {
        f"vendor/*/model/{name.split('/', 1)[1]}": amount
        for name, amount in amounts.items()
        if name.startswith("gpu/")
    }
    return Tariff(
        amounts.get("cpu", 0),
        amounts.get("memory", 0),
        storage,
        amounts.get("gpu", 0),
        kinds,
        amounts.get("endpoint", 0),
        amounts.get("ip", 0),
    )
