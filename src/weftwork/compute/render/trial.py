"""The rendering challenge as a drill, for those who watch who stands ready (docs/availability.md).

    checker = AvailabilityChecker(..., trial=RenderTrial(http, account, domain, workshop, now=now, rng=rng))

A node's score is its speed in OB, as Render's formula wants it. A node takes challenges from the
availability subnet's validators: the ``watchers`` that :class:`.node.RenderNode` is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from weftwork.compute.render.challenge import choose_tiles, issue_challenge, judge_answer
from weftwork.compute.render.peer import NodePeer, NodeSeat
from weftwork.errors import BadAnswer

if TYPE_CHECKING:
    from weftwork.compute.readiness import ReadySeat
    from weftwork.compute.render.workshop import Workshop
    from weftwork.records import Domain
    from weftwork.wire.client import Client

SPP = 16
"""Samples a pixel of the usual challenge."""
SHOWN = 2
"""Tiles of an answer that are asked for and rendered again."""


class RenderTrial:
    """Challenges nodes of the render service; ``workshop`` is the watcher's own renderer."""

    def __init__(
        self,
        http: Client,
        account: Any,
        domain: Domain,
        workshop: Workshop,
        *,
        now: Callable[[], float],
        rng: Random,
        clock: Callable[[], float] = time.perf_counter,
        spp: int = SPP,
        limit: float = 120.0,
    ) -> None:
        """``domain`` is that of signed calls; a challenge may take ``limit`` seconds by ``clock``."""
        self.workshop, self.spp = workshop, spp
        self._http, self._account, self._domain = http, account, domain
        self._now, self._rng, self._clock, self._limit = now, rng, clock, limit

    async def __call__(self, seat: ReadySeat) -> tuple[int, bytes]:
        """A node's speed in OB, rounded down, one at least, and what was seen of it.

        :class:`BadAnswer` where what it shows is wrong; Busy, Refused, Unreachable, TimedOut as it answers.
        """
        place = NodeSeat(seat.uid, 0, seat.wallet, seat.endpoint)
        peer = NodePeer(self._http, self._account, self._domain, place, self._now)
        challenge = issue_challenge(self._rng, self.spp)
        began = self._clock()
        digests = await peer.challenge(challenge, timeout=self._limit)
        seconds = self._clock() - began
        chosen = choose_tiles(challenge, SHOWN, self._rng)
        shown = {tile: await peer.show(challenge, tile) for tile in chosen}
        renderer = await self.workshop.reference()
        speed = await judge_answer(challenge, digests, shown, chosen, seconds, renderer)
        if not speed.milli_ob:
            raise BadAnswer(speed.why, value=seat.wallet)
        told = {
            "challenge": challenge.to_json(),
            "milli_ob": speed.milli_ob,
            "digests": [str(one) for one in digests],
        }
        return max(1, speed.milli_ob // 1_000), to_json(told)
