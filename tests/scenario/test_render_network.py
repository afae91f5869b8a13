"""Renders over the network: nodes are paid to the unit for right tiles, and for nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest
from harness.stage import needs_mitsuba, needs_sandbox
from harness.studio import Studio

from weftwork.compute.render.bundle import Manifest
from weftwork.compute.render.challenge import issue_challenge
from weftwork.compute.render.node import RenderNode
from weftwork.compute.render.peer import NodePeer
from weftwork.compute.render.requester import RenderClient
from weftwork.compute.render.worker import RenderWorker, TileResult
from weftwork.errors import Refused, Reverted, Unavailable
from weftwork.network.render import NodeRole
from weftwork.network.rogue_node import ThriftyNode
from weftwork.spec.standing import Outcome
from weftwork.units import WAD, Digest
from weftwork.wire.limits import Limits

pytestmark = [needs_mitsuba, needs_sandbox]


async def test_three_nodes_render_an_animation_and_are_paid_to_the_unit(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        for name in ("ada", "bea", "cem"):
            await studio.add_node(name)
        artist = await studio.open()
        before = {name: studio.coins(name) for name in ("ada", "bea", "cem", "artist")}
        scene, files = studio.scene()
        plan = await artist.order(scene, files, [1, 2], tier="economy", tile_size=32)
        assert plan.tokens > 0
        assert studio.coins("artist") == before["artist"]

        result = await artist.run()

        assert result.state == "done"
        assert [path.name for path in result.paths] == ["frame-0001.png", "frame-0002.png"]
        earned = {name: studio.coins(name) - before[name] for name in ("ada", "bea", "cem")}
        assert sum(earned.values()) == result.spent == before["artist"] - studio.coins("artist")
        assert plan.tokens <= result.spent <= plan.tokens + len(artist.journal.bundles)
        paid: dict[str, int] = {}
        for bundle in artist.journal.bundles.values():
            paid[bundle.node] = paid.get(bundle.node, 0) + bundle.budget
        assert {studio.wallet(name): amount for name, amount in earned.items()} == paid
        assert all(amount > 0 for amount in earned.values())
        assert len(studio.told("checked")) >= len(artist.journal.bundles)


async def test_a_cheats_tile_is_found_not_paid_and_rendered_elsewhere(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        cheat = await studio.add_node("cheat", ThriftyNode)
        await studio.add_node("honest")
        artist = await studio.open()
        before = {name: studio.coins(name) for name in ("cheat", "honest", "artist")}
        scene, files = studio.scene(spp=4)
        plan = await artist.order(scene, files, [1, 2], tile_size=32)
        repute, agent = artist.repute, cheat.place.agent
        newcomer = repute.standing(agent)

        result = await artist.run()

        assert result.state == "done"
        assert {bundle.node for bundle in artist.journal.bundles.values()} == {studio.wallet("honest")}
        assert studio.coins("cheat") == before["cheat"]
        assert studio.coins("honest") - before["honest"] == result.spent
        assert before["artist"] - studio.coins("artist") == result.spent
        assert result.spent <= plan.tokens + len(artist.journal.bundles)
        assert [event.facts["node"] for event in studio.told("cheat")] == [studio.wallet("cheat")]
        assert repute.outcomes(agent) == [Outcome.WRONG]
        assert repute.standing(agent) < newcomer // 2

        again, _ = await render_tiles_alone(artist, tmp_path)
        for bundle in artist.journal.bundles.values():
            for index in range(len(bundle.tiles)):
                assert artist.journal.output(bundle, index) == again[bundle.number, index]

        other = await studio.open("other", "more")
        await other.order(scene, files, [3], tile_size=32, tier="priority")
        await other.run()
        assert {bundle.node for bundle in other.journal.bundles.values()} == {studio.wallet("honest")}


async def render_tiles_alone(client: RenderClient, folder: Path) -> tuple[dict[tuple[int, int], Digest], int]:
    """The digest of every tile of a render, by bundle and place, from a renderer of its own."""
    out, count = {}, 0
    store = client.workshop.assets
    async with RenderWorker(client.journal.plan.scene, store) as worker:
        for bundle in client.journal.bundles.values():
            manifest = client.journal.manifest(bundle)
            for index, tile in enumerate(manifest.tiles):
                result = await worker.render(tile, manifest.seed(index), manifest.spp)
                out[bundle.number, index] = result.digest
                count += 1
    return out, count


@pytest.mark.parametrize("tiles", [0, 1, 2])
async def test_a_node_killed_before_in_or_after_its_tiles_is_left_and_others_render_them(
    tmp_path: Path, tiles: int
) -> None:
    async with Studio(tmp_path) as studio:
        dying = await studio.add_node("dying", MortalNode, limits=Limits(drain_seconds=0.1))
        dying.node.dies_after = tiles
        await studio.add_node("sturdy")
        artist = await studio.open()
        before = {name: studio.coins(name) for name in ("dying", "sturdy", "artist")}
        scene, files = studio.scene(width=64, height=32)
        await artist.order(scene, files, [1, 2], tile_size=32)

        result = await artist.run()

        assert result.state == "done"
        assert dying.node.rendered == tiles
        assert studio.coins("dying") == before["dying"]
        assert studio.coins("sturdy") - before["sturdy"] == before["artist"] - studio.coins("artist")
        assert [event.facts["node"] for event in studio.told("lost")] == [studio.wallet("dying")]
        assert artist.repute.outcomes(dying.place.agent) == [Outcome.LATE]
        assert {bundle.node for bundle in artist.journal.bundles.values()} == {studio.wallet("sturdy")}


class MortalNode(RenderNode):
    """Dies after so many of its two tiles: nobody answers at its port, nothing is handed in."""

    rendered = 0
    dies_after = 1

    async def make_tile(self, manifest: Manifest, index: int) -> TileResult:
        if self.rendered == self.dies_after:
            self.die()
            await asyncio.Event().wait()
        self.rendered += 1
        result = await super().make_tile(manifest, index)
        if self.rendered == len(manifest.tiles) == self.dies_after:
            self.delivery.deliver = lambda held: self.die()  # type: ignore[method-assign]
        return result

    def die(self) -> None:
        assert self.running is not None
        asyncio.get_running_loop().create_task(self.running.stop())


async def test_a_node_that_comes_back_hands_in_what_it_had_rendered(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        node = await studio.add_node("ada", SlowNode)
        artist = await studio.open()
        scene, files = studio.scene()
        await artist.order(scene, files, [1], tile_size=32)
        before = studio.coins("ada")
        work = asyncio.ensure_future(artist.run())
        await asyncio.wait_for(SlowNode.waits.wait(), 60)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await node.stop()
        del studio.nodes["ada"]
        held = list(artist.journal.of("funded"))
        assert len(held) == 1

        await studio.add_node("ada")
        again = await studio.open()
        assert (await again.order(scene, files, [1], tile_size=32)).render == artist.journal.plan.render
        result = await again.run()

        assert result.state == "done"
        assert studio.coins("ada") - before == result.spent == held[0].budget
        assert held[0].receipts.items() <= again.journal.bundles[0].receipts.items()
        assert again.journal.bundles[0].job == held[0].job


class SlowNode(RenderNode):
    """Renders two tiles and then takes its time."""

    waits = asyncio.Event()
    rendered = 0

    async def make_tile(self, manifest: Manifest, index: int) -> TileResult:
        if self.rendered >= 2:
            self.waits.set()
            await asyncio.Event().wait()
        self.rendered += 1
        return await super().make_tile(manifest, index)


async def test_a_render_stops_at_its_hold_and_goes_on_when_it_is_raised(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        await studio.add_node("ada")
        artist = await studio.open()
        scene, files = studio.scene()
        plan = await artist.order(scene, files, [1, 2, 3], tile_size=64)
        before = studio.coins("artist")
        await artist.order(scene, files, [1, 2, 3], tile_size=64, hold=plan.tokens // 2)

        paused = await artist.run()
        assert paused.state == "paused"
        assert 0 < paused.spent <= plan.tokens // 2
        assert paused.waiting == 2
        assert len(paused.paths) == 1

        again = await studio.open()
        await again.order(scene, files, [1, 2, 3], tile_size=64, hold=2 * plan.tokens)
        result = await again.run()
        assert result.state == "done"
        assert len(result.paths) == 3
        assert before - studio.coins("artist") == result.spent <= plan.tokens + 3


async def test_frames_are_approved_and_rejected_by_hand(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        for name in ("ada", "bea"):
            await studio.add_node(name)
        artist = await studio.open(auto=False)
        before = studio.coins("artist")
        scene, files = studio.scene()
        await artist.order(scene, files, [1, 2], tile_size=64)

        seen = await artist.run()
        assert seen.state == "review"
        assert seen.review == (1, 2)
        assert not seen.paths
        assert (tmp_path / "out" / "preview-0001.png").exists()
        assert studio.coins("ada") + studio.coins("bea") < 2 * 200 * WAD
        first = {bundle.frame: bundle.node for bundle in artist.journal.bundles.values()}

        approved = await artist.approve([1])
        assert [path.name for path in approved.paths] == ["frame-0001.png"]
        refused = await artist.reject([2])
        assert (refused.state, refused.waiting) == ("paused", 1)
        assert (await artist.run()).state == "review"
        second = {bundle.frame: bundle.node for bundle in artist.journal.bundles.values()}
        assert second[2] != first[2]
        done = await artist.approve()
        assert done.state == "done"
        assert before - studio.coins("artist") == done.spent


async def test_a_silent_creators_bundle_is_paid_after_72_hours_and_not_before(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        node = await studio.add_node("ada")
        artist = await studio.open(auto=False)
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        before = studio.coins("ada")
        await artist.run()
        budget = artist.journal.bundles[0].budget

        studio.net.ledger.rpc("evm_increaseTime", 72 * 3_600 - 60)
        studio.net.ledger.rpc("evm_mine", {"blocks": 1})
        await node.node.delivery.look_all()
        assert studio.coins("ada") == before
        studio.net.ledger.rpc("evm_increaseTime", 120)
        studio.net.ledger.rpc("evm_mine", {"blocks": 1})
        await node.node.delivery.look_all()
        assert studio.coins("ada") == before + budget

        with pytest.raises(Reverted):
            artist.escrow.review.send(artist.account, "disapprove", artist.journal.bundles[0].job, bytes(32))
        late = await artist.approve()
        assert late.state == "done"
        assert studio.coins("ada") == before + budget


async def test_where_nodes_have_too_little_collateral_the_error_says_so(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        await studio.add_node("bare", collateral=WAD)
        artist = await studio.open()
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        with pytest.raises(Unavailable, match="1 nodes here have less than the 50 WEFT of collateral"):
            await artist.run()
        assert artist.journal.spent == 0


async def test_a_node_gets_no_scene_that_it_does_not_render_and_no_blame_for_it(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        other = await studio.add_node("other", kinds=["blend"])
        artist = await studio.open()
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        with pytest.raises(Unavailable, match="1 nodes here render no mitsuba-xml scenes"):
            await artist.run()
        assert artist.journal.spent == 0
        bundle = artist.journal.bundles[0]
        seat = next(iter(await artist._roster()))
        job = artist.escrow.open(seat.wallet, bundle.budget, artist.journal.manifest(bundle).words)
        with pytest.raises(Refused, match="this node renders blend"):
            await artist._peer(seat).offer(job, artist.journal.manifest(bundle), artist.workshop.assets.get)

        await studio.add_node("able")
        assert (await artist.run()).state == "done"
        assert artist.journal.bundles[0].node == studio.wallet("able")
        assert artist.repute.outcomes(other.place.agent) == []


async def test_work_that_is_not_funded_for_a_node_is_refused(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        ada, bea = await studio.add_node("ada"), await studio.add_node("bea")
        artist, thief = await studio.open(auto=False), await studio.open("thief", "loot")
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        await thief.order(scene, files, [1])
        await artist.run()
        bundle = artist.journal.bundles[0]
        manifest = artist.journal.manifest(bundle)
        holder, other = (ada, bea) if bundle.node == ada.site.account.address else (bea, ada)
        seats = {seat.wallet: seat for seat in await artist._roster()}

        def peer(client: RenderClient, role: NodeRole) -> NodePeer:
            return client._peer(seats[role.site.account.address])

        read = artist.workshop.assets.get
        with pytest.raises(Refused, match="for another node"):
            await peer(artist, other).offer(bundle.job, manifest, read)
        with pytest.raises(Refused, match="no such job"):
            await peer(artist, holder).offer(bundle.job + 99, manifest, read)
        with pytest.raises(Refused, match="for another bundle"):
            await peer(thief, holder).offer(bundle.job, manifest, read)
        with pytest.raises(Refused, match="for another bundle"):
            await peer(artist, holder).offer(
                bundle.job, thief.journal.manifest(thief.journal.bundles[0]), read
            )
        with pytest.raises(Refused, match="no scene that you have work for"):
            await peer(thief, holder).call("PUT", "/v1/asset/" + "0" * 64, b"x")
        with pytest.raises(Refused, match="checkers"):
            await peer(thief, holder).evidence(bundle.job)
        with pytest.raises(Refused, match="checkers"):
            await peer(thief, holder).challenge(issue_challenge(Random(1), 1))
        receipts = [artist.journal.receipt(bundle, i) for i in range(len(bundle.tiles))]
        assert len(receipts) == 1
        with pytest.raises(Refused, match="checkers"):
            await peer(thief, holder).pixels(receipts[0], manifest.tiles[0])


async def test_what_is_paid_once_is_not_paid_again(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        node = await studio.add_node("ada")
        artist = await studio.open()
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        before = studio.coins("ada")
        result = await artist.run()
        bundle = artist.journal.bundles[0]
        escrow = node.ground.escrow
        for function, args in (
            ("submit", (bundle.job, bytes(node.node.holding.find(bundle.job).root))),
            ("claimRefund", (bundle.job,)),
        ):
            with pytest.raises(Reverted):
                escrow.jobs.send(node.site.account, function, *args)
        with pytest.raises(Reverted):
            escrow.review.send(node.site.account, "complete_silent", bundle.job)
        again = await studio.open()
        await again.order(scene, files, [1])
        assert (await again.run()).spent == result.spent
        assert studio.coins("ada") - before == result.spent
        same = again.escrow.open(bundle.node, bundle.budget, again.journal.manifest(bundle).words)
        assert same == bundle.job
        assert studio.coins("ada") - before == result.spent
