"""A person's way to the render subnet of the network that is known here: a key, coins, a folder."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weftwork.errors import NotFound, Refused, Unavailable
from weftwork.network.enrol import fund
from weftwork.network.find import open_ledger
from weftwork.network.founding import find_treasury
from weftwork.network.home import Home
from weftwork.network.rent import COINS, NAME, find_home

if TYPE_CHECKING:
    from weftwork.compute.render.requester import RenderClient


@contextmanager
def hold_folder(out: Path) -> Iterator[Path]:
    """The folder of a render's state inside ``out``, for this process alone; :class:`Refused` if held."""
    folder = out / ".weft"
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(
                "this render is being worked on by another process", value=str(out), hint="wait until it ends"
            ) from None
        yield folder
    finally:
        os.close(held)


def find_render(home: Home, text: str) -> Path:
    """The folder of a render: itself, or by the render's id or its first eight digits; raises NotFound."""
    path = Path(text)
    if (path / ".weft" / "store").is_file():
        return path
    digits = text.removeprefix("0x").lower()
    if len(digits) >= 8 and set(digits) <= set("0123456789abcdef"):
        for known in sorted((home.path / "renders").glob(f"{digits}*")):
            return Path(known.read_text())
    raise NotFound(
        f"no render is known as {text}", value=text[:80], hint="name its folder, the --out it was made with"
    )


def note_render(home: Home, client: RenderClient) -> None:
    """Remembers where a render lies, by its id."""
    folder = home.path / "renders"
    folder.mkdir(exist_ok=True, mode=0o700)
    (folder / client.journal.plan.render.hex()).write_text(str(client.folder.resolve()))


async def await_coming(home: Home, seconds: float = 60.0) -> None:
    """Wait until what follows in the network that runs in ``home`` is up, a node that renders among it."""
    end = asyncio.get_running_loop().time() + seconds
    while home.is_running and Home.open(home.path).facts.get("coming"):
        if asyncio.get_running_loop().time() > end:
            return
        await asyncio.sleep(0.1)


@asynccontextmanager
async def open_artist(out: Path, home: Home | None = None, **options: Any) -> AsyncIterator[RenderClient]:
    """The client that renders into ``out``, with this home's own key; its records lie with the home's.

    Where this home holds the network's treasury, the key is brought up to a few coins. ``options`` are those
    of :func:`weftwork.network.render.open_client`. Raises :class:`NotFound` where no network is known here,
    :class:`Unavailable` where its ledger is out of reach, :class:`Refused` where another process renders.
    """
    from weftwork.network.render import open_client
    from weftwork.network.role import Site
    from weftwork.store import Store

    home = home or find_home()
    facts = home.facts
    if str(facts.get("ledger", "")).startswith("embedded:"):
        raise Unavailable(
            f"the network of {home.path} is not running",
            value=str(home.path),
            hint="weft up; or render on this machine alone: --local",
        )
    with open_ledger(facts) as (ledger, contracts), hold_folder(out) as folder:
        if ledger is None or contracts is None:
            raise Unavailable(
                f"the ledger at {facts.get('ledger')} is out of reach",
                value=str(facts.get("ledger")),
                hint="weft status shows what runs; weft up starts it again",
            )
        await await_coming(home)
        account, treasury = home.account(NAME), find_treasury(home)
        if treasury is not None:
            await asyncio.to_thread(fund, ledger, contracts, treasury, account.address, coins=COINS)
        mark = folder / "store"
        if not mark.is_file():
            mark.write_text(f"render-{secrets.token_hex(4)}")
        home.store_path("x").parent.mkdir(exist_ok=True)
        store = Store(home.store_path(mark.read_text()))
        site = Site(ledger, contracts, account, store, bool(facts.get("local", True)))
        try:
            client = await open_client(site, out, **options)
            try:
                yield client
            finally:
                await client.close()
        finally:
            store.close()
