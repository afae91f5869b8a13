"""From what a person types to a thread with its ledger: an id, or a file that holds a thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weftwork.errors import LedgerError, NotFound
from weftwork.network.home import Home, all_homes, home_path
from weftwork.network.thread import Thread, gather

if TYPE_CHECKING:
    from weftwork.ledger import Ledger
    from weftwork.ledger.deployment import Contracts


_SECRET = frozenset(("api_key", "admin_key"))


def find_thread(text: str) -> tuple[Thread, Home | None]:
    """The thread that ``text`` names: a file written by ``weft trace --json``, or an id in any home here.

    Raises :class:`NotFound` or :class:`BadInput`.
    """
    path = Path(text)
    if path.suffix == ".json" or path.is_file():
        return Thread.read(path), None
    homes = list(all_homes())
    for group in _group(homes):
        home = group[0]
        names = {name: who for one in reversed(group) for name, who in one.facts.get("names", {}).items()}
        stores = [path for one in group for path in one.stores]
        try:
            return gather(stores, text, {**_public(home.facts), "names": names}), home
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


def find_pixels() -> list[Path]:
    """The folders here that hold pixels of tiles: those of nodes, and of renders that were ordered."""
    found = []
    for home in all_homes():
        for path in sorted((home.path / "renders").glob("*")):
            out = path / "pixels" if path.is_dir() else Path(path.read_text()) / ".weft" / "pixels"
            if out.is_dir():
                found.append(out)
    return found


def _group(homes: Iterable[Home]) -> list[list[Home]]:
    """The homes of one network together: their stores hold the threads between them."""
    groups: dict[str, list[Home]] = {}
    for home in homes:
        contracts = home.facts.get("contracts") or {}
        key = f"{contracts.get('chain_id')}:{contracts.get('epochs') or home.path}"
        if home.path.name.startswith("demo-"):
            key = str(home.path)  # each run of the demo has a ledger of its own, alike as they may be
        groups.setdefault(key, []).append(home)
    return list(groups.values())


def _public(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What may leave this machine with a thread: no keys."""
    return {name: value for name, value in facts.items() if name not in _SECRET}


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
