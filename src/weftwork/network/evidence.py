"""What a score's evidence comes to, whoever made it: each service reads its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from weftwork.errors import BadInput

if TYPE_CHECKING:
    from weftwork.compute.render.evidence import TileOrder
    from weftwork.records import Receipt


def recompute_score(text: str, receipt: Receipt | None = None, order: TileOrder | None = None) -> int:
    """The score in millionths that follows from an evidence text, by the rule that it names.

    ``receipt`` and ``order`` are the judged ones, where they are here. Raises :class:`BadInput`.
    """
    match _read_rule(text):
        case "render":
            from weftwork.compute.render import evidence as render

            return render.recompute_score(text, receipt, order)
        case "availability":
            from weftwork.compute import evidence as drill

            return drill.recompute_score(text)
        case _:
            from weftwork.models import evidence as answer

            return answer.recompute_score(text)


def _read_rule(text: str) -> Any:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise BadInput("evidence is a JSON object", value=text[:80]) from error
    return told.get("rule") if isinstance(told, dict) else None
