"""Renders when things go wrong: crashes between steps, a ledger that is away, replays, withheld pixels."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from harness.stage import needs_mitsuba, needs_sandbox
from harness.studio import Studio

from weftwork.compute.render.bundle import Manifest, write_order
from weftwork.compute.render.errand import LIFETIME, Terms
from weftwork.compute.render.escrow import Escrow
from weftwork.compute.render.journal import Bundle
from weftwork.compute.render.node import RenderNode
from weftwork.compute.render.requester import RenderClient
from weftwork.compute.render.worker import TileResult
from weftwork.errors import BadAnswer, BadInput, LedgerUnavailable, Refused, Replayed, Unavailable
from weftwork.network.rogue_node import BlackNode
from weftwork.spec.job import Status
from weftwork.spec.standing import Outcome
from weftwork.units import Digest
from weftwork.wire.envelope import HEADER, sign_call
from weftwork.wire.limits import Limits
from weftwork.wire.message import HttpRequest

pytestmark = [needs_mitsuba, needs_sandbox]


async def test_a_requester_killed_between_paying_in_and_writing_it_down_pays_once(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        node = await studio.add_node("ada")
        artist = await studio.open()
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        before = studio.coins("artist")
        bundle = artist.journal.bundles[0]
        bundle.node, bundle.opened, bundle.phase = node.site.account.address, 1, "opening"
        artist.journal.spend(bundle)
        artist.journal.save(bundle)
        job = artist.escrow.open(bundle.node, bundle.budget, artist.journal.manifest(bundle).words)
        bundle.opened = int(artist.now())
        artist.journal.save(bundle)

        again = await studio.open()
        result = await again.run()

        assert result.state == "done"
        assert again.journal.bundles[0].job == job
        assert before - studio.coins("artist") == result.spent == bundle.budget
        assert int(again.escrow.jobs.call("jobCounter")) == job


async def test_a_node_hands_in_when_the_ledger_is_back_after_minutes(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        node = await studio.add_node("ada", sleep=sleep)
        away = AwayEscrow(node.ground.escrow, times=12)
        node.node.delivery.escrow = away
        artist = await studio.open()
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        result = await artist.run()
        assert result.state == "done"
        assert away.times == 0
        assert sum(slept) > 300
        assert node.node.delivery.holding.find(1).phase == "submitted"
        await node.node.delivery.look_all()
        assert node.node.delivery.holding.find(1).phase == "paid"
        assert artist.repute.outcomes(artist.repute.agent_of(studio.wallet("artist"))) == [Outcome.GOOD]
        assert artist.repute.outcomes(node.place.agent) == [Outcome.GOOD]


class AwayEscrow(Escrow):
    """An escrow whose ledger does not answer the first ``times`` submissions."""

    def __init__(self, other: Escrow, times: int) -> None:
        super().__init__(other.ledger, other.token.address, other.parts, other.account)
        self.times = times

    def submit(self, job: int, root: bytes) -> None:
        if self.times:
            self.times -= 1
            raise LedgerUnavailable("no answer", value="ledger")
        super().submit(job, root)


class CountingNode(RenderNode):
    """Counts the tiles that it renders."""

    rendered = 0

    async def make_tile(self, manifest: Manifest, index: int) -> TileResult:
        self.rendered += 1
        return await super().make_tile(manifest, index)


async def open_bundle(studio: Studio, client: RenderClient, node: Any) -> tuple[Bundle, Any]:
    """A bundle of ``client`` that is funded for ``node`` and handed over; and the way to the node."""
    scene, files = studio.scene()
    await client.order(scene, files, [1], tile_size=32)
    bundle = client.journal.bundles[0]
    bundle.node, bundle.opened, bundle.phase = node.site.account.address, int(client.now()), "funded"
    manifest = client.journal.manifest(bundle)
    bundle.job = client.escrow.open(bundle.node, bundle.budget, manifest.words)
    client.journal.save(bundle)
    seat = next(seat for seat in await client._roster() if seat.wallet == bundle.node)
    peer = client._peer(seat)
    await peer.offer(bundle.job, manifest, client.workshop.assets.get)
    return bundle, peer


def order_tile(client: RenderClient, bundle: Bundle, index: int, **changes: Any) -> Any:
    """An order for one tile, with something changed."""
    given = {
        "account": client.account,
        "domain": client._desk.domain,
        "subnet": client._desk.subnet,
        "budget": bundle.budget,
        "secret": client._desk.secret,
        "time": bundle.opened,
        "lifetime": LIFETIME,
    }
    return write_order(client.journal.manifest(bundle), bundle.job, index, **(given | changes))


async def test_an_order_sent_twice_is_rendered_once_and_no_other_takes_its_place(
    tmp_path: Path,
) -> None:
    async with Studio(tmp_path) as studio:
        node = await studio.add_node("ada", CountingNode)
        artist, thief = await studio.open(), await studio.open("thief", "loot")
        bundle, peer = await open_bundle(studio, artist, node)
        order = order_tile(artist, bundle, 0)
        first, second = await asyncio.gather(
            peer.render(order, timeout=60.0), peer.render(order, timeout=60.0)
        )
        assert first.receipt.id == second.receipt.id
        assert node.node.rendered == 1
        with pytest.raises(Refused, match="another order"):
            await peer.render(order_tile(artist, bundle, 0, secret=b"other"), timeout=60.0)
        with pytest.raises(Refused, match="another price"):
            await peer.render(order_tile(artist, bundle, 1, budget=2 * bundle.budget), timeout=60.0)
        with pytest.raises(Refused, match="another subnet"):
            await peer.render(order_tile(artist, bundle, 1, subnet=1), timeout=60.0)
        with pytest.raises(Refused, match="signed by"):
            await peer.render(order_tile(artist, bundle, 1, account=thief.account), timeout=60.0)
        with pytest.raises(Refused, match="expired"):
            await peer.render(order_tile(artist, bundle, 1, time=1, lifetime=1), timeout=60.0)
        with pytest.raises(Refused, match="once the bundle is approved"):
            await peer.pixels(first.receipt, artist.journal.manifest(bundle).tiles[0])
        assert node.node.rendered == 1


async def test_a_signed_call_is_taken_once_and_by_whom_it_was_meant_for(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        node = await studio.add_node("ada")
        artist = await studio.open()
        bundle, _ = await open_bundle(studio, artist, node)
        path = "/v1/evidence"
        body = b'{"job": %d}' % bundle.job

        def call(to: str) -> HttpRequest:
            request = HttpRequest("POST", path)
            request.body = body
            request.headers = sign_call(
                artist.account, "POST", path, body, to, artist._desk.domain, now=int(artist.now())
            )
            return request

        request = call(studio.wallet("ada"))
        assert (await node.node.show_evidence(request))["phase"] == "taken"
        with pytest.raises(Replayed):
            await node.node.show_evidence(request)
        with pytest.raises(WeftRefusal):
            await node.node.show_evidence(call(studio.wallet("artist")))
        assert HEADER in request.headers


WeftRefusal = (Refused, BadInput)


async def test_files_that_are_not_what_they_are_named_are_not_kept(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        node = await studio.add_node("ada")
        artist = await studio.open()
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        bundle = artist.journal.bundles[0]
        manifest = artist.journal.manifest(bundle)
        job = artist.escrow.open(node.site.account.address, bundle.budget, manifest.words)
        peer = artist._peer((await artist._roster())[0])
        with pytest.raises(Refused, match="not that of its digest"):
            await peer.offer(job, manifest, lambda digest: b"<scene/>")
        assert not any(node.node.workshop.assets.folder.rglob("?" * 64))
        short = artist.journal.manifest(Bundle(7, 1, bundle.tiles, 5))
        near = artist.escrow.open(node.site.account.address, 5, short.words, margin=0)
        with pytest.raises(Refused, match="expires before its review"):
            await peer.offer(near, short, artist.workshop.assets.get)


async def test_pixels_withheld_after_payment_cost_reputation_and_come_from_elsewhere(
    tmp_path: Path,
) -> None:
    async with Studio(tmp_path) as studio:
        miser = await studio.add_node("miser", MiserNode)
        artist = await studio.open()
        scene, files = studio.scene()
        plan = await artist.order(scene, files, [1], tile_size=32, hold=10**18)
        with pytest.raises(Unavailable, match="no node is left"):
            await artist.run()
        assert artist.repute.outcomes(miser.place.agent) == [Outcome.LATE]
        assert plan.tokens <= artist.journal.spent <= plan.tokens + 1

        await studio.add_node("honest")
        result = await artist.run()
        assert result.state == "done"
        assert artist.journal.bundles[0].node == studio.wallet("honest")
        assert result.spent <= 2 * plan.tokens + 2


class MiserNode(RenderNode):
    """Is paid and then shows nothing."""

    async def show_pixels(self, request: HttpRequest) -> Any:
        for held in self.holding:
            await self.delivery.look(held)
            if held.phase == "paid":
                raise Refused("the pixels stay here", value=held.job)
        return await super().show_pixels(request)


async def test_a_black_tile_is_found_whatever_build_it_claims(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        black = await studio.add_node("black", BlackNode)
        artist = await studio.open()
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        with pytest.raises(Unavailable):
            await artist.run()
        assert artist.repute.outcomes(black.place.agent) == [Outcome.WRONG]
        assert artist.journal.spent == 0
        assert [event.kind for event in studio.events].count("cheat") == 1


async def test_a_node_whose_deliverable_is_not_its_receipts_is_not_paid(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        node = await studio.add_node("ada")
        forger = ForgingEscrow(node.ground.escrow)
        node.node.delivery.escrow = forger
        artist = await studio.open()
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        with pytest.raises(Unavailable):
            await artist.run()
        assert [event.facts["why"] for event in studio.told("cheat")] == [
            "the node handed in another root than that of its receipts"
        ]
        assert artist.escrow.read(1).status == Status.REJECTED


class ForgingEscrow(AwayEscrow):
    """Hands in a root of its own."""

    def __init__(self, other: Escrow) -> None:
        super().__init__(other, 0)

    def submit(self, job: int, root: bytes) -> None:
        super().submit(job, Digest.of(root))


async def test_a_render_paid_by_burning_credits_its_nodes_with_dollars(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        await studio.add_node("ada")
        artist = await studio.open(burns=True)
        scene, files = studio.scene()
        before = {name: studio.coins(name) for name in ("ada", "artist")}
        await artist.order(scene, files, [1, 2])
        result = await artist.run()
        assert result.state == "done"
        assert before["artist"] - studio.coins("artist") == result.spent
        assert studio.coins("ada") == before["ada"]
        worked = artist.escrow.credits.events("Worked", node=studio.wallet("ada"))
        price = int(artist.escrow.parts.at(artist.escrow.ledger, "prices").call("price"))
        assert sum(event.args["credits"] for event in worked) == result.spent * price // 10**18
        assert {event.args["job"] for event in worked} == {1, 2}
        assert studio.net.is_conserved()


async def test_a_node_takes_no_large_body_from_a_stranger(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        node = await studio.add_node("ada")
        artist = await studio.open()
        heads = (
            f"PUT /v1/asset/{'0' * 64} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 200000000\r\n\r\n",
            "POST /v1/tile HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 200000000\r\n\r\n",
            "POST /v1/tile HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n",
        )
        answers = []
        for head in heads:
            port = int(node.url.rsplit(":", 1)[1])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head.encode())
            answers.append((await asyncio.wait_for(reader.readline(), 20.0)).split()[1])
            writer.close()
        assert answers == [b"403", b"413", b"413"]
        bundle, _ = await open_bundle(studio, artist, node)
        assert node.node.holding.lacks(next(iter(artist.journal.plan.scene.assets.values())))
        assert bundle.job == 1


async def test_a_node_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        hung = await studio.add_node("hung", HungNode, limits=Limits(drain_seconds=0.1))
        await studio.add_node("honest")
        artist = await studio.open(terms=Terms(tile_seconds=3.0))
        scene, files = studio.scene()
        await artist.order(scene, files, [1, 2])
        result = await artist.run()
        assert result.state == "done"
        assert [event.facts["node"] for event in studio.told("lost")] == [studio.wallet("hung")]
        assert artist.repute.outcomes(hung.place.agent) == [Outcome.LATE]


class HungNode(RenderNode):
    """Takes a bundle and never answers."""

    async def make_tile(self, manifest: Manifest, index: int) -> TileResult:
        await asyncio.Event().wait()
        raise AssertionError


async def test_an_answer_signed_by_another_is_no_answer(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        ada, bea = await studio.add_node("ada"), await studio.add_node("bea")
        artist = await studio.open()
        _, peer = await open_bundle(studio, artist, ada)
        bundle = artist.journal.bundles[0]
        ada.node.account = bea.site.account
        with pytest.raises(BadAnswer, match="signed by"):
            await peer.render(order_tile(artist, bundle, 0), timeout=60.0)
