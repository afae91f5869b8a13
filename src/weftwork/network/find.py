"""From what a person types to a thread with its ledger: an id, or a file that holds a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weftwork.errors import LedgerError, NotFound
from weftwork.network.home import Home, all_homes, home_path
from weftwork.network.thread import Thread, gather

if TYPE_CHECKING:
    from weftwork.ledger import Ledger
    from weftwork.ledger.deployment import Contracts


def find_thread(text: str) -> tuple[Thread, Home | None]:
    """The thread that ``text`` names: a file written by ``weft trace --json``, or an id in any home here.

    Raises :class:`NotFound` or :class:`BadInput`.
    """
    path = Path(text)
    if path.suffix == ".json" or path.is_file():
        return Thread.read(path), None
    homes = list(all_homes())
    for home in homes:
        try:
            return gather(home.stores, text, home.facts), home
        except NotFound:
            continue
    if not homes:
        raise NotFound(
            f"no network is known in {home_path()}",
            value=text,
            hint="start one with `weft up` or `weft demo`",
        )
    raise NotFound(
        f"no record here has the id {text}", value=text, hint="copy the id from `weft ask` or `weft demo`"
    )


@contextmanager
def open_ledger(facts: dict[str, Any]) -> Iterator[tuple[Ledger | None, Contracts | None]]:
    """The ledger that a home or a thread names, with its contracts; ``(None, None)`` if out of reach."""
    from weftwork import ledger
    from weftwork.ledger.deployment import Contracts

    url = facts.get("ledger")
    if not url or (url.startswith("embedded:") and not Path(url.removeprefix("embedded:")).exists()):
        yield None, None
        return
    try:
        chain = ledger.connect(url)
        known = chain.chain_id == int(facts["contracts"]["chain_id"])
    except LedgerError:
        yield None, None
        return
    with chain:
        yield (chain, Contracts.from_json(facts["contracts"])) if known else (None, None)
