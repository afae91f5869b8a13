"""What nodes show and hide: withheld pixels, a wallet out of sight, work that is long past, slow peers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from harness.stage import needs_mitsuba, needs_sandbox
from harness.studio import Studio

from weftwork.closing.chance import PPM
from weftwork.compute.panel import Decision
from weftwork.compute.render import checker
from weftwork.compute.render.docket import TRIES
from weftwork.compute.render.errand import Errand
from weftwork.compute.render.peer import NodeSeat
from weftwork.compute.render.worker import RENDER_QUOTA
from weftwork.errors import Refused
from weftwork.network.rogue_node import ThriftyNode
from weftwork.spec.job import Status
from weftwork.spec.panel import Fault

pytestmark = [needs_mitsuba, needs_sandbox]


class ShyCheat(ThriftyNode):
    """Renders too little, and shows receipts but no pixels to whoever checks."""

    async def show_pixels(self, request: Any) -> Any:
        raise Refused("not today")


async def look_away(self: Errand) -> None:
    """What a careless client does in place of a check."""


async def judge(studio: Studio, *roles: Any, node: Any) -> None:
    """An epoch in which the checkers weigh a node, so that they have a voice."""
    for role in roles:
        role.checker.standing.add(node.place.uid, node.site.account.address, PPM)
        await role.checker.commit()
    studio.open_reveals()
    for role in roles:
        await role.checker.reveal()
    studio.end_epoch()


async def test_bundle_of_a_node_that_withholds_pixels_is_refused_also_by_who_did_not_draw_that_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Errand, "_check", look_away)
    async with Studio(tmp_path) as studio:
        shy = await studio.add_node("shy", ShyCheat)
        ada = await studio.add_checker("ada", share=PPM)
        bea = await studio.add_checker("bea", share=0)
        studio.end_epoch()
        await judge(studio, ada, bea, node=shy)
        artist = await studio.open(auto=False)
        scene, files = studio.scene(spp=4)
        await artist.order(scene, files, [1], tile_size=32)
        plain = artist.escrow.read
        await artist.run()
        job = next(iter(artist.journal.bundles.values())).job
        assert job is not None
        assert plain(job).status == Status.SUBMITTED
        findings = []
        for _ in range(2 * checker.PATIENCE):
            findings += await ada.checker.look()
            findings += [one for one in await bea.checker.look() if one.value]
        (finding,) = findings
        assert finding.value == 0
        receipts = {artist.journal.receipt(one, i).id for one in artist.journal.bundles.values()
                    for i in range(len(one.tiles))}  # fmt: skip
        assert finding.receipt in receipts, "the tile that was not shown is named"
        assert plain(job).status == Status.REJECTED
        assert ada.checker.docket.waiting == [], "silence costs no collateral"


async def test_job_whose_wallet_is_out_of_sight_is_judged_when_it_is_back_unless_it_is_too_old(
    tmp_path: Path,
) -> None:
    async with Studio(tmp_path) as studio:
        honest = await studio.add_node("honest")
        ada = await studio.add_checker("ada", share=PPM)
        assert ada.checker.panel._seconds >= RENDER_QUOTA.seconds, "a peer may take as long as a tile may"
        artist = await studio.open(auto=False)
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        await artist.run()
        job = artist.journal.bundles[0].job
        receipt = artist.journal.receipt(artist.journal.bundles[0], 0).id
        roster = ada.checker._roster

        async def nobody() -> Sequence[NodeSeat]:
            return []

        for _ in range(checker.PATIENCE + 1):
            ada.checker._roster = nobody
            assert await ada.checker.look() == []
        ada.checker._roster = roster
        assert {one.value for one in await ada.checker.look()} == {PPM}
        ada.checker._missed[job] = 0  # as where a peer asks about it
        assert await ada.checker.look() == [], "a tile is scored once"

        # what was handed in some epochs ago is not judged, also by who never looked before
        for _ in range(checker.RECENT + 1):
            studio.end_epoch()
        for name in ("check:block", "check:missed"):
            ada.checker.store.set_state(name, None if name == "check:missed" else 0)
        bea = await studio.add_checker("bea", share=PPM)
        assert await ada.checker.look() == await bea.checker.look() == []
        decision = Decision(1, ada.checker.panel.panel.address, Fault(honest.place.agent, job, receipt).call)
        with pytest.raises(Refused, match="costs no collateral"):
            await ada.checker.agree(decision)
        studio.net.ledger.rpc("evm_increaseTime", 10)  # epochs of a test may all begin in one second
        for _ in range(checker.RECENT + TRIES + 1):
            studio.end_epoch()
        with pytest.raises(Refused, match="too old"):
            await ada.checker.agree(decision)
