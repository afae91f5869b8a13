"""What a claim burnt is its own cut, where one transaction makes several too; a cheat stays one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from weftwork.compute.render.errand import Event as Told
from weftwork.ledger.contract import Event
from weftwork.network.demo_compute import ComputeAct, NodeRow
from weftwork.network.verify import Verifier

TX = "0x" + "ab" * 32


def log(index: int, burned: int, tx: str = TX) -> Event:
    return Event("Slashed", {"burned": burned}, 7, tx, index, "0x")


def test_two_claims_of_one_transaction_have_each_their_own_cut() -> None:
    cuts = [log(1, 99, "0x" + "cd" * 32), log(2, 5_000), log(6, 4_500)]
    stakes = SimpleNamespace(events=lambda *args, **indexed: cuts)
    verifier: Any = SimpleNamespace(ledger=object(), contracts=SimpleNamespace(at=lambda *args: stakes))
    entry: Any = SimpleNamespace(id="leaf")
    for claim, due, burnt in ((1, 5_000, 5_000), (5, 4_500, 4_500), (5, 4_499, 4_500)):
        record = SimpleNamespace(agent=7, amount=due)
        claimed = Event("Claimed", {}, 7, TX, claim, "0x")
        check = Verifier._check_burn(verifier, entry, record, 1, claimed)
        assert check.detail.startswith(f"{burnt} of the {due} wad")
        assert check.ok == (burnt <= due)
    late = Event("Claimed", {}, 7, TX, 9, "0x")
    assert Verifier._check_burn(verifier, entry, SimpleNamespace(agent=7, amount=1), 1, late).ok is False


def test_cheat_that_stops_answering_later_is_still_a_cheat() -> None:
    row = NodeRow("cheat", "thrifty", honest=False)
    demo: Any = SimpleNamespace(report=SimpleNamespace(nodes={"cheat": row}), say=lambda text: None)
    for kind in ("cheat", "lost"):
        told = Told(kind, "", {"node": "0xa", "why": kind})
        ComputeAct._hear(demo, told, {"0xa": "cheat"})
    assert row.wrong
