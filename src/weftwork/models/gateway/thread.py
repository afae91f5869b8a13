"""A thread as whoever asked may read it: its records in causal order, its private contents, its ranking."""

from __future__ import annotations

import asyncio
from typing import Any

from weftwork.errors import BadUnit, NotFound
from weftwork.models.gateway.asker import asker_nonce
from weftwork.records import Receipt, Request, Signed
from weftwork.store import Store
from weftwork.units import Digest


async def read_thread(store: Store, text: str, asker: bytes | str | None) -> dict[str, Any]:
    """The thread of the record with id ``text``, if ``asker`` asked it.

    An asker is the hash of an API key, the address of a client with its own key, or None: the admin. Raises
    :class:`NotFound`, the same for a thread that is another's as for one that is not there.
    """
    return await asyncio.to_thread(_read, store, text, asker)


def _read(store: Store, text: str, asker: bytes | str | None) -> dict[str, Any]:
    missing = NotFound("no thread of that id was asked with this key", value=text[:80])
    try:
        start = Digest(text)
    except BadUnit as error:
        raise missing from error
    items = store.thread(start)
    if not items:
        raise missing
    if isinstance(asker, str) and not _is_client(items, asker):
        raise missing
    if isinstance(asker, bytes) and not _is_asker(store, items, asker):
        raise missing
    contents: dict[str, Any] = {}
    ranking = None
    for item in items:
        record = item.record if isinstance(item, Signed) else item
        digest = None
        if isinstance(record, Request):
            digest = record.content
            ranking = ranking or _ranking(store, record.id)
        elif isinstance(record, Receipt):
            digest = record.output
        held = store.content(digest) if digest is not None else None
        if held is not None:
            contents[str(digest)] = {"salt": held[0].hex(), "body": held[1].decode(errors="replace")}
    return {
        "object": "thread",
        "id": str(start),
        "records": [item.to_json() for item in items],
        "contents": contents,
        "ranking": ranking,
    }


def _is_client(items: list[Any], address: str) -> bool:
    """True if the thread's first request was made by that client."""
    first = items[0].record if isinstance(items[0], Signed) else items[0]
    return isinstance(first, Request) and first.requester == address


def _is_asker(store: Store, items: list[Any], key_hash: bytes) -> bool:
    """True if each request of the thread that this gateway made was made for that key."""
    seen = 0
    for item in items:
        record = item.record if isinstance(item, Signed) else item
        if not isinstance(record, Request):
            continue
        held = store.content(record.content)
        if held is None or record.nonce != asker_nonce(key_hash, held[0]):
            return False
        seen += 1
    return seen > 0


def _ranking(store: Store, root: Digest) -> Any:
    from pydantic_core import from_json

    digest = store.state(f"ranking/{root}")
    held = store.content(digest) if digest else None
    return from_json(held[1]) if held is not None else None
