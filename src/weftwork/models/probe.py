"""How test questions travel: as any own-key client's, through several gateways, on keys that change, at
chance times.

Nothing that a miner sees comes from here alone: the gateway signs its own request to the miner, rebuilds
the body from
the fields that change an answer, and chooses the miner; a validator cannot and does not ask for one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any, Protocol

from weftwork.errors import BadConfig, WeftError


class Door(Protocol):
    """A way into the network: a client with a payer's key at one gateway (``models.client.Client``)."""

    url: str

    async def ask(self, question: Any) -> Any:
        """A proven answer: ``text``, ``worker``, ``work_request``, ``work_receipt``, ``records``."""

    async def pay(self) -> int:
        """Pays what is owed."""


MakeDoor = Callable[[str], Awaitable[Door]]
"""A new door to the gateway at a URL, with a payer's key never used before."""


class Doors:
    """The doors of one validator: one is drawn for each question, and changed after some uses."""

    def __init__(
        self,
        doors: Sequence[Door],
        rng: Random,
        *,
        make: MakeDoor | None = None,
        uses: tuple[int, int] = (10, 40),
        least: int = 2,
    ) -> None:
        """``uses``: between how many questions a key is changed; ``least``: how many gateways there must
        be."""
        self._doors = list(doors)
        self._rng = rng
        self._make = make
        self._uses = uses
        self._left = [rng.randint(*uses) for _ in self._doors]
        if len({door.url for door in self._doors}) < least:
            raise BadConfig(
                f"a validator asks through at least {least} gateways",
                value=len(self._doors),
                hint="give more gateways, so that none of them can tell what is a test",
            )

    @property
    def urls(self) -> list[str]:
        """The gateways that these doors lead to."""
        return [door.url for door in self._doors]

    async def pick(self) -> Door:
        """The door for the next question."""
        place = self._rng.randrange(len(self._doors))
        if self._left[place] <= 0 and self._make is not None:
            old = self._doors[place]
            await old.pay()
            new = await self._make(old.url)
            if old not in self._doors:
                return new
            place = self._doors.index(old)
            self._doors[place] = new
            self._left[place] = self._rng.randint(*self._uses)
        self._left[place] -= 1
        return self._doors[place]

    async def follow(self, urls: Sequence[str]) -> None:
        """Keeps to the gateways at ``urls``: opens doors to new ones, then leaves those that are gone.

        A gateway that cannot be met gets no door; a door is left only while another remains.
        """
        if self._make is None:
            return
        for url in urls:
            if url not in self.urls:
                with contextlib.suppress(WeftError):
                    self._doors.append(await self._make(url))
                    self._left.append(self._rng.randint(*self._uses))
        for door in [door for door in self._doors if door.url not in urls]:
            if len(self._doors) > 1:
                place = self._doors.index(door)
                del self._doors[place], self._left[place]
                with contextlib.suppress(WeftError):
                    await door.pay()

    async def settle(self) -> None:
        """Pays at every door."""
        for door in self._doors:
            await door.pay()
