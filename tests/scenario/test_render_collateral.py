"""A wrong tile costs its node collateral: once, a tenth, and by no minority's word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from harness.stage import needs_mitsuba, needs_sandbox
from harness.studio import Studio

from weftwork.closing import verify_closing
from weftwork.closing.chance import PPM
from weftwork.compute.panel import Decision
from weftwork.compute.render.checker import RenderChecker
from weftwork.compute.render.errand import Errand
from weftwork.compute.render.peer import COLLATERAL, NodeSeat
from weftwork.compute.render.scene import read_scene
from weftwork.errors import BadInput, LedgerError, Refused, Reverted, Unavailable
from weftwork.network.render import CheckerRole, NodeRole
from weftwork.network.rogue_node import ThriftyNode
from weftwork.spec.job import Status
from weftwork.spec.merkle import ClaimKind
from weftwork.spec.panel import Fault
from weftwork.units import WAD, Digest

pytestmark = [needs_mitsuba, needs_sandbox]

CLOCK = """
import time
WIDTH, HEIGHT, SPP = 32, 32, 2

def make_scene(frame):
    bright = time.time_ns() % 1000 / 10
    return {
        "type": "scene",
        "integrator": {"type": "path"},
        "sensor": {"type": "perspective"},
        "light": {"type": "constant", "radiance": {"type": "rgb", "value": [bright] * 3}},
    }
"""
"""A scene that is another each time: whoever renders it honestly looks like a cheat."""


async def look_away(self: Errand) -> None:
    """What a careless client does in place of a check."""


class LyingChecker(RenderChecker):
    """Signs whatever it is asked to, and renders nothing."""

    async def agree(self, decision: Decision) -> None:
        """Everything is as its friends say."""


async def judge_epoch(studio: Studio, *roles: CheckerRole) -> int:
    """Weights committed, revealed, and the epoch's end; its number."""
    epoch = roles[0].checker.ballot.phase().epoch
    for role in roles:
        await role.checker.commit()
    studio.open_reveals()
    for role in roles:
        await role.checker.reveal()
    studio.end_epoch()
    return epoch


async def test_cheat_loses_a_tenth_of_its_collateral_once_and_colluding_validator_takes_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Errand, "_check", look_away)
    async with Studio(tmp_path) as studio:
        cheat = await studio.add_node("cheat", ThriftyNode)
        honest = await studio.add_node("honest")
        ada = await studio.add_checker("ada", share=PPM)
        bea = await studio.add_checker("bea", share=PPM)
        liar = await studio.add_checker("liar", share=1, stake=900 * WAD)
        stakes = studio.net.contracts.at(studio.net.ledger, "stakes")
        subnet = ada.checker.ballot.subnet

        def pledge(role: NodeRole) -> int:
            assert role.place is not None
            return int(stakes.call("collateral_of", subnet, role.place.agent))

        assert pledge(cheat) == pledge(honest) == COLLATERAL
        studio.end_epoch()
        for role in (ada, bea, liar):
            role.checker.standing.add(honest.place.uid, studio.wallet("honest"), PPM)
        await judge_epoch(studio, ada, bea, liar)

        artist = await studio.open()
        scene, files = studio.scene(spp=4)
        await artist.order(scene, files, [1, 2], tile_size=32)
        assert (await artist.run()).state == "done"
        jobs = {bundle.node: bundle for bundle in artist.journal.bundles.values()}
        wrong, right = jobs[studio.wallet("cheat")], jobs[studio.wallet("honest")]
        assert artist.escrow.read(wrong.job).status == Status.COMPLETED, "the careless client paid for it"

        findings = await ada.checker.look()
        await bea.checker.look()
        assert {one.node for one in findings if one.grave} == {studio.wallet("cheat")}
        assert ada.checker.docket.waiting == bea.checker.docket.waiting == []
        panel = ada.checker.panel.panel
        (noted,) = panel.events("Faulted")
        assert (noted.args["agent"], noted.args["work"]) == (cheat.place.agent, wrong.job)
        receipts = {artist.journal.receipt(wrong, i).id for i in range(len(wrong.tiles))}
        assert Digest(noted.args["evidence"]) in receipts

        # the liar has 900 of 2,900 and signs what it likes; the others render, and do not
        lie = Fault(honest.place.agent, right.job, artist.journal.receipt(right, 0).id)
        liar.checker.docket.accuse(lie)
        assert await liar.checker.docket.press() == []
        assert liar.checker.docket.waiting == [lie]
        with pytest.raises(Unavailable, match="not more than half"):
            await liar.checker.panel.decide(panel.address, lie.call)
        assert not liar.checker.docket.is_noted(lie)

        # the same work again: another tile, another number, or the decision as it was carried out
        others = sorted(receipts - {Digest(noted.args["evidence"])})
        again = Fault(cheat.place.agent, wrong.job, others[0])
        with pytest.raises(Reverted, match="fault is on record"):
            await ada.checker.panel.decide(panel.address, again.call)
        with pytest.raises(Unavailable):
            await ada.checker.panel.decide(panel.address, again.call, 1)
        first = Fault(cheat.place.agent, wrong.job, Digest(noted.args["evidence"]))
        assert await ada.checker.panel.decide(panel.address, first.call) is None
        await ada.checker.look()
        assert len(panel.events("Faulted")) == 1

        token = studio.net.contracts.at(studio.net.ledger, "token")
        epoch = await judge_epoch(studio, ada, bea)
        supply, minted = int(token.call("totalSupply")), int(token.call("minted"))
        await bea.checker.close()
        plan = verify_closing(studio.net.ledger, studio.net.contracts, subnet, epoch)
        (burn,) = [claim for claim in plan.claims if claim.kind == ClaimKind.SLASH]
        assert (burn.agent, burn.amount) == (cheat.place.agent, COLLATERAL // 10)
        assert (pledge(cheat), pledge(honest)) == (COLLATERAL - burn.amount, COLLATERAL)
        assert int(token.call("totalSupply")) == supply + int(token.call("minted")) - minted - burn.amount
        assert studio.net.is_conserved()

        # who has less to lose than is asked for gets neither work nor weight, until it fills it up
        studio.events.clear()
        other = await studio.open("patron", "patron")
        await other.order(scene, files, [1], tile_size=32)
        assert (await other.run()).state == "done"
        assert {bundle.node for bundle in other.journal.bundles.values()} == {studio.wallet("honest")}
        await ada.checker.list_seats()
        ada.checker.standing.add(cheat.place.uid, studio.wallet("cheat"), PPM)
        assert set(ada.checker.weights()) == {honest.place.uid}
        later = await judge_epoch(studio, ada, bea)
        await ada.checker.close()
        plan = verify_closing(studio.net.ledger, studio.net.contracts, subnet, later)
        assert not [claim for claim in plan.claims if claim.kind == ClaimKind.SLASH]
        await cheat.stop()
        await studio.add_node("cheat", ThriftyNode)
        assert pledge(cheat) == COLLATERAL
        await ada.checker.list_seats()
        assert set(ada.checker.weights()) == {honest.place.uid, cheat.place.uid}


async def test_scene_that_is_a_program_costs_nobody_collateral_and_accusations_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Errand, "_check", look_away)
    async with Studio(tmp_path) as studio:
        honest = await studio.add_node("honest")
        ada = await studio.add_checker("ada", share=PPM)
        artist = await studio.open(auto=False)
        (tmp_path / "clock").mkdir()
        (tmp_path / "clock" / "scene.py").write_text(CLOCK)
        scene, files = read_scene(tmp_path / "clock" / "scene.py")
        await artist.order(scene, files, [1])
        await artist.run()
        findings = await ada.checker.look()
        assert {(one.value, one.grave) for one in findings} == {(0, False)}
        finding = findings[0]
        assert ada.checker.docket.waiting == []
        panel, job = ada.checker.panel.panel.address, artist.journal.bundles[0].job

        async def agree(fault: Fault, nonce: int = 0, more: bytes = b"") -> None:
            await ada.checker.agree(Decision(1, panel, fault.call + more, nonce))

        fault = Fault(honest.place.agent, job, finding.receipt)
        with pytest.raises(Refused, match="costs no collateral"):
            await agree(fault)
        with pytest.raises(Refused, match="decides about a job once"):
            await agree(fault, nonce=1)
        with pytest.raises(Refused, match="names an agent, a job and a receipt"):
            await agree(fault, more=bytes(32))
        with pytest.raises(Refused, match="not that agent's"):
            await agree(replace(fault, agent=ada.place.agent))
        roster = ada.checker._roster

        async def with_a_twin() -> list[NodeSeat]:
            seats = await roster()
            twins = [replace(seat, uid=9, agent=99, pledge=seat.pledge + 1) for seat in seats]
            return [*seats, *twins]

        ada.checker._roster = with_a_twin
        for agent in (99, honest.place.agent):  # any agent of that wallet, whichever has most to lose here
            with pytest.raises(Refused, match="costs no collateral"):
                await agree(replace(fault, agent=agent))
        ada.checker._roster = roster
        with pytest.raises(Refused, match="has that receipt"):
            await agree(replace(fault, evidence=Digest.of(b"none")))
        with pytest.raises(LedgerError):
            await agree(replace(fault, work=job + 1))
        with pytest.raises(BadInput, match="a fault has an agent"):
            await ada.checker.agree(Decision(1, panel, fault.call[:36]))
        await honest.stop()
        with pytest.raises(Unavailable):
            await agree(fault)
