"""The score of a tile follows from what its checker kept of it, about that tile alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weftwork.closing.chance import PPM
from weftwork.compute.render.bundle import name_build
from weftwork.compute.render.evidence import TileOrder, recompute_score
from weftwork.compute.render.tile import Tile
from weftwork.errors import BadInput
from weftwork.network.evidence import recompute_score as recompute_any
from weftwork.records import Receipt
from weftwork.units import Digest

MADE, OTHER, ASKED = Digest.of(b"pixels"), Digest.of(b"other pixels"), Digest.of(b"request")
ORDER = TileOrder(7, Digest.of(b"bundle"), Digest.of(b"scene"), Tile(1, 0, 0, 32, 32), 5, 4)
RECEIPT = Receipt(ASKED, "0x" + "11" * 20, MADE, name_build("build a"), 0, 4_096, 10, 0, True, 100)


def evidence(**changes: Any) -> str:
    """What a checker keeps of a tile that was right."""
    told = {"rule": "render", **ORDER.to_facts(), "build": ["build a", "build a"], "output": str(MADE)}
    return json.dumps(told | {"again": str(MADE), "value": PPM, "why": ""} | changes)


def test_equal_tile_scores_full_and_another_of_the_same_build_nothing() -> None:
    assert recompute_any(evidence(), RECEIPT, ORDER) == PPM
    assert recompute_any(evidence(again=str(OTHER), relative_mse=1e-9), RECEIPT, ORDER) == 0


@pytest.mark.parametrize(("apart", "score"), [(0.0099, PPM), (0.0101, 0), (None, 0), ("0", 0)])
def test_another_build_may_be_off_by_the_tolerance(apart: Any, score: int) -> None:
    text = evidence(again=str(OTHER), build=["build a", "build b"], relative_mse=apart)
    assert recompute_score(text, RECEIPT, ORDER) == score


def test_node_that_shows_nothing_or_fails_a_challenge_scores_nothing() -> None:
    assert recompute_any(json.dumps({"rule": "render", "job": 7, "why": "it shows nothing"})) == 0
    assert recompute_any(json.dumps({"rule": "render", "challenge": {}, "why": "a tile differs"})) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"output": str(OTHER), "again": str(OTHER)},
        {"build": ["build b", "build b"]},
        {"job": 8},
        {"scene": str(OTHER)},
        {"tile": [1, 0, 0, 32, 33]},
        {"seed": 6},
        {"spp": 5},
        {"rule": "intent"},
        {"build": "one"},
        {"again": "0x12"},
    ],
)
def test_evidence_of_another_tile_or_none_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        recompute_score(evidence(**changes), RECEIPT, ORDER)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"messages": []}', '{"job": 1, "bundle": 2, "tile": [1]}'])
def test_what_is_no_order_of_a_tile_is_told_apart(text: str) -> None:
    assert TileOrder.from_text(text) is None
