"""Nodes and watchers find each other on the ledger alone, and the watchers close their epoch."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.stage import needs_mitsuba, needs_sandbox
from harness.studio import Studio

from weftwork.compute.availability import DOWN, READY
from weftwork.compute.readiness import ReadySeat
from weftwork.compute.render.trial import RenderTrial
from weftwork.errors import NotFound, Refused
from weftwork.models.registration import Registration
from weftwork.network.devnet import Devnet
from weftwork.network.enrol import enrol_agent
from weftwork.network.home import Home
from weftwork.network.ready import WatcherRole, stand_ready
from weftwork.network.thread import draw_thread, gather
from weftwork.network.verify import verify_thread
from weftwork.units import WAD
from weftwork.wire.server import App, serve


async def add_node(net: Devnet, name: str):
    """A provider that serves nothing but drills."""
    site, app = net.site(name, 300 * WAD), App(name)
    running = await serve(app)
    card = Registration("provider", running.url, name)
    enrol_agent(net.ledger, net.contracts, site.account, card.to_uri())
    desk, place = await stand_ready(site, app)
    return site, running, desk, place


async def test_watcher_finds_nodes_drills_them_and_closes_its_epoch(tmp_path: Path):
    home = Home(tmp_path / "home")
    async with Devnet(home, tempo=120, commit_blocks=80) as net:
        ann, serving, desk, place = await add_node(net, "ann")
        bob, gone, _, _ = await add_node(net, "bob")
        await gone.stop()
        watcher = WatcherRole(net.site("watcher", 1_500 * WAD), stake=100 * WAD, drill=(4, 20), limit=2.0)
        await watcher.start()
        checker = watcher.checker
        try:
            net.subnet = checker.ballot.subnet
            net.end_epoch(net.epoch)
            epoch = net.epoch
            await checker.list_seats()
            seats = list(checker._seats.values())
            assert {seat.wallet for seat in seats} == {ann.account.address, bob.account.address}
            assert {seat.operator for seat in seats} == {ann.account.address, bob.account.address}
            found = {one.wallet: one.state for one in await checker.drill(seats)}
            assert found == {ann.account.address: READY, bob.account.address: DOWN}
            assert desk.answered == 1
            await checker.commit()
            net.open_reveals(epoch)
            await checker.reveal()
            net.end_epoch(epoch)
            assert await checker.close() == [epoch]
            assert set(checker.book.incentives(epoch)) == {ann.account.address}
            assert place.uid is not None
            await checker.store.flushed()
            told = checker.store.by_kind("score")
            assert sorted(score.record.value for score in told) == [0, 1_000_000]
            for score in told:
                thread = gather(home.stores, str(score.id), {"contracts": net.contracts.to_json()})
                checks = verify_thread(thread, net.ledger, net.contracts)
                assert [one for one in checks if one.ok is False] == []
                names = {one.name for one in checks if one.ok}
                assert names >= {"score", "scores", "weights", "epoch", "payment"}
                drawn = draw_thread(thread, net.names)
                assert drawn[0].startswith("score")
                assert any("to ann" in line for line in drawn)
        finally:
            await watcher.stop()
            await serving.stop()


async def test_account_without_an_agent_cannot_stand_ready():
    async with Devnet(tempo=120, commit_blocks=80) as net:
        with pytest.raises(NotFound, match="no agent"):
            await stand_ready(net.site("nobody", 0), App("nobody"))


@needs_mitsuba
@needs_sandbox
async def test_rendering_challenge_serves_a_watcher_as_the_drill_of_a_node_that_renders(tmp_path: Path):
    async with Studio(tmp_path) as studio:
        node = await studio.add_node("honest")
        site = studio.net.site("watcher", 1_500 * WAD)
        watcher = WatcherRole(site, stake=100 * WAD, renders=tmp_path / "watcher")
        await watcher.start()
        trial = watcher.checker._trial
        assert isinstance(trial, RenderTrial)
        trial.spp = 1
        try:
            desk, place = await stand_ready(node.site, node.node.app)
            seat = ReadySeat(place.uid, node.site.account.address, node.url)
            (found,) = await watcher.checker.drill([seat])
            assert (found.state, found.score >= 1) == (READY, True)
            assert desk.answered == 0
            trial._account = studio.net.site("stranger", 0).account
            with pytest.raises(Refused):
                await trial(seat)
        finally:
            await watcher.stop()
