"""From what a person types to a thread with its ledger: an id, or a file that holds a thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weftwork.errors import BadConfig, LedgerError, NotFound, Unavailable
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


@contextmanager
def open_joined(home: Home, url: str | None = None) -> Iterator[tuple[Ledger, Contracts]]:
    """The ledger and the network that a role of ``home`` joined: at ``url``, else where it was then, else
    where the network that runs here is now.

    Raises :class:`BadConfig` where another network is at ``url``, :class:`NetworkNotFound` where none is, and
    :class:`Unavailable` where the ledger is out of reach or was never written down.
    """
    from weftwork import ledger
    from weftwork.ledger.deployment import Contracts, find_network

    kept = home.facts.get("contracts")
    if url is not None and not url.startswith(("http://", "https://")):
        raise BadConfig(
            "a ledger is named by the URL of its JSON-RPC", value=url, hint="--ledger http://127.0.0.1:8545"
        )
    chain = _connect_any(_known_urls(home), kept) if url is None else ledger.connect(url)
    with chain:
        contracts = find_network(chain) if kept is None else Contracts.from_json(kept)
        if not _has(chain, contracts.to_json()):
            raise BadConfig(
                f"{home.path.name} joined another network than the one at {url or 'its ledger'}",
                value=url,
                hint="name the ledger that it joined: --ledger URL",
            )
        yield chain, contracts


def _known_urls(home: Home) -> list[str]:
    """Where the ledger of a joined home may serve: as it wrote down, or as the network here does."""
    found = [home.facts]
    if (home_path() / "network.json").exists():
        base = Home.open().facts
        if home.facts.get("contracts") in (None, base.get("contracts")):
            found.append(base)
    urls = [str(facts.get("ledger") or "") for facts in found]
    return list(dict.fromkeys(url for url in urls if url.startswith("http")))


def _has(chain: Ledger, contracts: Mapping[str, Any]) -> bool:
    """Whether a network stands on this chain."""
    if chain.chain_id != int(contracts["chain_id"]):
        return False
    return len(chain.rpc("eth_getCode", contracts["epochs"], "latest")) > 2


def _connect_any(urls: Iterable[str], kept: Mapping[str, Any] | None) -> Ledger:
    """The first ledger that answers as the right chain; raises Unavailable."""
    from weftwork import ledger

    for url in urls:
        try:
            chain = ledger.connect(url)
        except LedgerError:
            continue
        if kept is None or _has(chain, kept):
            return chain
        chain.close()
    tried = ", ".join(urls)
    raise Unavailable(
        f"the ledger at {tried} is out of reach"
        if tried
        else "no ledger of this role's network is known here",
        value=tried,
        hint="weft up starts the network of this machine again; or name its ledger: --ledger URL",
    )
