"""Checkers render tiles again: a cheat earns nothing, and is refused though its client is careless."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harness.stage import needs_mitsuba, needs_sandbox
from harness.studio import Studio

from weftwork.closing.chance import PPM, is_sampled
from weftwork.compute.panel import Decision
from weftwork.compute.render import checker
from weftwork.compute.render.errand import Errand
from weftwork.errors import ExtraMissing, Refused
from weftwork.network.rogue_node import ThriftyNode
from weftwork.spec.job import Status
from weftwork.units import WAD, Digest

pytestmark = [needs_mitsuba, needs_sandbox]


async def look_away(self: Errand) -> None:
    """What a careless client does in place of a check."""


async def test_checkers_score_renders_refuse_the_cheats_bundle_and_close_the_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Errand, "_check", look_away)
    async with Studio(tmp_path) as studio:
        cheat = await studio.add_node("cheat", ThriftyNode)
        honest = await studio.add_node("honest")
        ada = await studio.add_checker("ada", share=PPM)
        bea = await studio.add_checker("bea", share=PPM)
        studio.end_epoch()
        for role in (ada, bea):
            role.checker.standing.add(honest.place.uid, honest.site.account.address, PPM)
            await role.checker.commit()
        studio.open_reveals()
        for role in (ada, bea):
            await role.checker.reveal()
        studio.end_epoch()

        artist = await studio.open(auto=False)
        scene, files = studio.scene(spp=4)
        await artist.order(scene, files, [1, 2], tile_size=32)
        before = {name: studio.coins(name) for name in ("cheat", "honest", "artist")}
        assert (await artist.run()).state == "review"
        jobs = {bundle.node: bundle.job for bundle in artist.journal.bundles.values()}

        findings = await ada.checker.look()
        await bea.checker.look()

        wrong = {one.node for one in findings if not one.value}
        assert wrong == {studio.wallet("cheat")}
        assert {one.node for one in findings if one.value == PPM} == {studio.wallet("honest")}
        assert artist.escrow.read(jobs[studio.wallet("cheat")]).status == Status.REJECTED
        assert artist.escrow.read(jobs[studio.wallet("honest")]).status == Status.SUBMITTED
        result = await artist.approve()
        assert result.waiting == 1
        assert studio.coins("cheat") == before["cheat"]
        assert studio.coins("honest") - before["honest"] == before["artist"] - studio.coins("artist")

        epoch = ada.checker.ballot.phase().epoch
        for role in (ada, bea):
            assert await role.checker.commit() == epoch
        studio.open_reveals()
        for role in (ada, bea):
            await role.checker.reveal()
        shown = (await ada.checker._http.get_json(f"{ada.url}/v1/scores/{epoch}")).body
        facts = [json.loads(row["evidence"]) for row in shown["scores"]]
        assert {fact["value"] for fact in facts} == {0, PPM}
        studio.end_epoch()
        await bea.checker.close()
        earned = {name: studio.coins(name) for name in ("cheat", "honest")}
        assert earned["cheat"] == before["cheat"]
        assert earned["honest"] > before["honest"] + result.spent
        assert cheat.place.uid not in ada.checker.weights()


async def test_a_checker_signs_no_refusal_of_right_work_and_nothing_else(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        await studio.add_node("honest")
        ada = await studio.add_checker("ada", share=PPM)
        artist = await studio.open(auto=False)
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        await artist.run()
        bundle = artist.journal.bundles[0]
        review = artist.escrow.review
        receipt = artist.journal.receipt(bundle, 0).id

        def decision(function: str, *args: Any) -> Decision:
            return Decision(1, review.address, review.encode(function, *args))

        with pytest.raises(Refused, match="that tile is right"):
            await ada.checker.agree(decision("disapprove", bundle.job, bytes(receipt)))
        with pytest.raises(Refused, match="has that receipt"):
            await ada.checker.agree(decision("disapprove", bundle.job, bytes(Digest.of(b"none"))))
        with pytest.raises(Refused, match="only refuses"):
            await ada.checker.agree(decision("approve", bundle.job, bytes(32)))
        await artist.approve()
        with pytest.raises(Refused, match="not under review"):
            await ada.checker.agree(decision("disapprove", bundle.job, bytes(receipt)))


async def test_a_checker_that_lacks_the_renderer_holds_nothing_against_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lack(kind: str) -> None:
        raise ExtraMissing(f"what renders {kind} is not installed")

    async with Studio(tmp_path) as studio:
        await studio.add_node("honest")
        ada = await studio.add_checker("ada", share=PPM)
        artist = await studio.open(auto=False)
        scene, files = studio.scene()
        await artist.order(scene, files, [1])
        await artist.run()
        monkeypatch.setattr(checker, "require_renderer", lack)
        for _ in range(checker.PATIENCE + 1):
            assert await ada.checker.look() == []
        assert artist.escrow.read(artist.journal.bundles[0].job).status == Status.SUBMITTED
        assert not ada.checker.store.by_kind("score", 1)


async def test_a_challenge_measures_a_node_and_a_share_of_receipts_is_drawn(tmp_path: Path) -> None:
    async with Studio(tmp_path) as studio:
        await studio.add_node("honest")
        ada = await studio.add_checker("ada", share=PPM // 4, stake=10 * WAD)
        await ada.checker.list_seats()
        seat = next(iter(ada.checker._seats.values()))
        speed = await ada.checker.challenge(seat)
        assert speed.milli_ob > 0
        assert len(speed.checked) == 2
        key = ada.checker.ballot.sampling_key(1)
        drawn = sum(is_sampled(key, Digest.of(bytes([i])), PPM // 4) for i in range(200))
        assert 20 < drawn < 80
