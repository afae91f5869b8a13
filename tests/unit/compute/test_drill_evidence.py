"""The score of a drill follows from what the checker kept of it, and from nothing else."""

from __future__ import annotations

import json

import pytest

from weftwork.closing.standing import FULL
from weftwork.compute.attendance import Drill
from weftwork.compute.evidence import BUSY, DOWN, READY, WRONG, recompute_score, write_evidence
from weftwork.errors import BadInput
from weftwork.network.evidence import recompute_score as recompute_any

DRILL = Drill(bytes(32), links=3, rounds=5)


def answer(drill: Drill = DRILL) -> bytes:
    """What a node that is there says."""
    chain = [link.hex() for link in drill.run()]
    return json.dumps({"drill": drill.to_json(), "chain": chain, "signature": "0x"}).encode()


def test_ready_node_scores_full_and_a_node_that_is_down_or_wrong_scores_nothing() -> None:
    assert recompute_score(write_evidence(READY, 90, "", answer())) == FULL
    assert recompute_any(write_evidence(READY, 90, "", answer())) == FULL
    assert recompute_any(write_evidence(DOWN, 0, "gone", b"")) == 0
    assert recompute_any(write_evidence(WRONG, 0, "a link differs", b"")) == 0


def test_chain_with_made_up_links_is_worth_nothing_whatever_its_checker_says() -> None:
    told = json.loads(answer())
    told["chain"] = ["00" * 32] * 3
    assert recompute_score(write_evidence(READY, 90, "", json.dumps(told).encode())) == 0
    told["chain"] = []
    assert recompute_score(write_evidence(READY, 90, "", json.dumps(told).encode())) == 0


def test_rendering_challenge_counts_by_its_speed() -> None:
    assert recompute_score(write_evidence(READY, 9, "", b'{"milli_ob": 9000, "digests": []}')) == FULL
    assert recompute_score(write_evidence(READY, 9, "", b'{"milli_ob": 0, "digests": []}')) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"rule": "availability"}',
        write_evidence(BUSY, 0, "", b""),
        write_evidence(READY, 1, "", b"x"),
        write_evidence(READY, 1, "", b'{"drill": {}}'),
        write_evidence(READY, 1, "", json.dumps({"drill": DRILL.to_json(), "chain": ["x"]}).encode()),
    ],
)
def test_what_is_no_evidence_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        recompute_score(text)
