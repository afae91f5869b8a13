"""What a provider asks: a tariff, a script in the form of Akash's, or a Python function by name.

Whatever it is, it answers within its time or there is no bid; a function that hangs is not asked again until
it came back.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from weftwork.compute.bidding import SCRIPT_SECONDS, Pricing, Request, Tariff, price_by_script, price_order
from weftwork.compute.error import NoBid
from weftwork.errors import BadConfig, BadUnit
from weftwork.units import Wad

STANDARD = "cpu=1.6,memory=0.8,storage=0.02,gpu=100,endpoint=0.05,ip=5"
"""A month's price of one CPU, one GiB and so on, which are the targets of upstream's price script."""


class Pricer(Protocol):
    """A provider's pricing as it is asked."""

    async def price(self, request: Request) -> int:
        """Wad of the currency a block; raises NoBid."""


class FunctionPricer:
    """A pricing function in a thread of its own, answered within ``seconds``."""

    def __init__(self, pricing: Pricing, seconds: float = SCRIPT_SECONDS) -> None:
        self._pricing = pricing
        self._seconds = seconds
        self._stuck: threading.Thread | None = None

    async def price(self, request: Request) -> int:
        """Wad of the currency a block; raises NoBid."""
        if self._stuck is not None and self._stuck.is_alive():
            raise NoBid("the pricing function still hangs on an earlier order")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()

        def tell(answer: int | None, error: NoBid | None) -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(answer or 0)

        def work() -> None:
            try:
                answer, error = price_order(self._pricing, request), None
            except NoBid as refusal:
                answer, error = None, refusal
            try:
                loop.call_soon_threadsafe(tell, answer, error)
            except RuntimeError:
                return  # the loop has ended

        thread = threading.Thread(target=work, name="pricing", daemon=True)
        thread.start()
        try:
            return await asyncio.wait_for(done, self._seconds)
        except TimeoutError:
            self._stuck = thread
            raise NoBid(
                f"the pricing function did not answer in {self._seconds:g} s", value=self._seconds
            ) from None


class ScriptPricer:
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

    Raises:
        BadConfig: there is no such file or function, or the tariff cannot be read.
    """
    if named is None:
        return FunctionPricer(read_tariff(tariff), seconds)
    path = Path(named).expanduser()
    if path.is_file():
        from weftwork.sandbox.bubble import python_paths

        return ScriptPricer(path.read_bytes(), read_only=python_paths(), seconds=seconds)
    module, _, function = named.partition(":")
    if not function:
        raise BadConfig(
            f"there is no pricing script {named}",
            value=named,
            hint="--pricing SCRIPT or --pricing module:function",
        )
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadConfig(f"there is no pricing function {named}: {error}", value=named) from error
    if not callable(found):
        raise BadConfig(f"{named} is no function", value=named)
    return FunctionPricer(found, seconds)


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
