"""What proves the score of one drill (docs/availability.md), to whoever reads its thread later."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from weftwork.closing.standing import FULL
from weftwork.compute.attendance import Drill
from weftwork.errors import BadInput
from weftwork.units import keccak

RULE = "availability"
"""What such evidence says it is."""
READY, BUSY, WRONG, DOWN = "ready", "busy", "wrong", "down"
PICKS = 2
"""Links of a drill's chain that are done again."""


def write_evidence(state: str, score: int, why: str, answer: bytes) -> str:
    """What a checker keeps of a drill, as JSON: what it came to, and the node's ``answer``."""
    told = {"rule": RULE, "state": state, "score": score, "why": why[:200]}
    return json.dumps(told | {"answer": answer.decode(errors="replace")})


def recompute_score(text: str) -> int:
    """The score in millionths that follows from such evidence: full where the node was ready.

    Some links of the chain in the answer are done again, drawn by the evidence itself; where one does not
    follow from the one before it, the score is 0. Raises :class:`BadInput` for evidence that cannot be read.
    """
    told = _read_object(text)
    if told.get("rule") != RULE or told.get("state") not in (READY, WRONG, DOWN):
        raise BadInput("this is no evidence of a drill", value=text[:80])
    if told["state"] != READY:
        return 0
    answer = _read_object(told.get("answer"))
    if "drill" not in answer:  # the rendering challenge: tiles cannot be had again from their digests
        return FULL if type(answer.get("milli_ob")) is int and answer["milli_ob"] > 0 else 0
    drill = Drill.from_json(answer["drill"])
    try:
        chain = [bytes.fromhex(link) for link in answer["chain"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput("the answer to a drill is a chain of links", value=text[:80]) from error
    picks = Random(keccak(text.encode())).sample(range(drill.links), min(PICKS, drill.links))
    return FULL if drill.holds(chain, picks) else 0


def _read_object(text: Any) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except (TypeError, ValueError) as error:
        raise BadInput("evidence is a JSON object", value=str(text)[:80]) from error
    if not isinstance(told, dict):
        raise BadInput("evidence is a JSON object", value=str(text)[:80])
    return told
