"""A tile is rendered again once for each receipt, whoever asks, goes away and comes back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from weftwork.closing.chance import PPM
from weftwork.compute.render import gauge as room
from weftwork.compute.render.error import WorkWithheld
from weftwork.compute.render.gauge import Gauge
from weftwork.compute.render.tile import Tile
from weftwork.compute.render.worker import TileResult
from weftwork.errors import Busy, Refused, Unreachable
from weftwork.units import Digest

TILE = Tile(1, 0, 0, 2, 2)


def paint(bright: float) -> bytes:
    return np.full((2, 2, 3), bright, dtype="<f4").tobytes()


class SlowWorkshop:
    """Renders when it is let, and counts; a picture is as bright as its seed."""

    def __init__(self) -> None:
        self.seeds: list[int] = []
        self.go = asyncio.Event()
        self.assets = SimpleNamespace(missing=lambda digests: [])

    async def render(self, scene: Any, tile: Tile, seed: int, spp: int | None = None) -> TileResult:
        self.seeds.append(seed)
        await self.go.wait()
        pixels = paint(float(seed))
        return TileResult(tile, pixels, Digest.of(pixels), 0.0, "here")


class Peer:
    """A node that shows what it has, or why not."""

    def __init__(self, shown: bytes | Exception) -> None:
        self.shown = shown

    async def pixels(self, receipt: Any, tile: Tile) -> bytes:
        if isinstance(self.shown, Exception):
            raise self.shown
        return self.shown


MANIFEST: Any = SimpleNamespace(
    scene=SimpleNamespace(digest=Digest.of(b"scene"), kind="mitsuba-xml", assets={}),
    tiles=[TILE],
    spp=4,
    seed=lambda index: 10,
)


def row(bright: float) -> Any:
    output = Digest.of(paint(bright))
    receipt = SimpleNamespace(id=Digest.of(output), record=SimpleNamespace(output=output))
    return None, receipt, "there"


async def test_who_stops_waiting_finds_the_tile_rendered_when_it_asks_again() -> None:
    workshop = SlowWorkshop()
    gauge, peer = Gauge(workshop), Peer(paint(10.0))  # type: ignore[arg-type]
    first = asyncio.create_task(gauge.measure(peer, MANIFEST, 0, row(10.0)))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    workshop.go.set()
    for _ in range(2):
        assert (await gauge.measure(peer, MANIFEST, 0, row(10.0))).value == PPM  # type: ignore[arg-type]
    assert workshop.seeds == [10]
    await gauge.aclose()


async def test_noise_is_measured_for_an_accusation_alone_and_once() -> None:
    workshop = SlowWorkshop()
    workshop.go.set()
    gauge, peer = Gauge(workshop), Peer(paint(900.0))  # type: ignore[arg-type]
    measured = await gauge.measure(peer, MANIFEST, 0, row(900.0))  # type: ignore[arg-type]
    assert measured.value == 0
    assert workshop.seeds == [10], "a refusal needs no second seed"
    for _ in range(2):
        assert await gauge.is_grave(peer, MANIFEST, 0, row(900.0))  # type: ignore[arg-type]
    assert workshop.seeds == [10, 10, 11]
    workshop.seeds.clear()
    assert not await gauge.is_grave(Peer(paint(10.0)), MANIFEST, 0, row(10.0))  # type: ignore[arg-type]
    assert workshop.seeds == [10], "a right tile has no noise to be measured"


async def test_tile_that_is_not_shown_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    workshop = SlowWorkshop()
    workshop.go.set()
    gauge = Gauge(workshop)  # type: ignore[arg-type]
    for error in (Unreachable("away"), Refused("not for you")):
        with pytest.raises(WorkWithheld) as caught:
            await gauge.measure(Peer(error), MANIFEST, 0, row(900.0))  # type: ignore[arg-type]
        assert caught.value.value == str(row(900.0)[1].id)
    shown = Peer(paint(900.0))
    assert (await gauge.measure(shown, MANIFEST, 0, row(900.0))).value == 0  # type: ignore[arg-type]
    monkeypatch.setattr(room, "KEPT", 2)
    for bright in (1.0, 2.0, 3.0):
        await gauge.measure(Peer(paint(bright)), MANIFEST, 0, row(bright))  # type: ignore[arg-type]
    assert len(gauge._measures) == 2


async def test_what_runs_at_once_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "AT_ONCE", 1)
    workshop = SlowWorkshop()
    gauge = Gauge(workshop)  # type: ignore[arg-type]
    running = asyncio.create_task(gauge.measure(Peer(b""), MANIFEST, 0, row(10.0)))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    gauge.require_room(row(10.0)[1].id)
    with pytest.raises(Busy):
        gauge.require_room(row(11.0)[1].id)
    workshop.go.set()
    await running
    gauge.require_room(row(11.0)[1].id)
