"""The append-only store of a role: the thread's records, private contents, small state."""

from weftwork.store.schema import MIGRATIONS, open_reader
from weftwork.store.store import Item, Store

__all__ = ["MIGRATIONS", "Item", "Store", "open_reader"]
