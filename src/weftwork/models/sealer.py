"""Signs records that are ready in the same turn of the event loop by one signature."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from weftwork.batch import sign_batch
from weftwork.records import Domain, Record, Signed

R = TypeVar("R", bound=Record)


class Sealer:
    """One account's pen; :meth:`seal` waits for no company, only for the turn to end."""

    def __init__(self, account: Any, domain: Domain) -> None:
        """``account`` signs digests (``address``, ``sign_hash``) under ``domain``."""
        self.address: str = account.address
        self._account = account
        self._domain = domain
        self._rows: list[tuple[Any, asyncio.Future[Any]]] = []

    async def seal(self, record: R) -> Signed[R]:
        """The signed record."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Signed[R]] = loop.create_future()
        if not self._rows:
            loop.call_soon(self._sign)
        self._rows.append((record, future))
        return await future

    def _sign(self) -> None:
        rows, self._rows = self._rows, []
        for start in range(0, len(rows), 64):
            part = rows[start : start + 64]
            try:
                names = [record.id for record, _ in part]
                signatures = sign_batch(self._account.sign_hash, self._domain.separator, names)
            except Exception as error:  # a pen that fails must not leave anybody waiting
                for _, future in part:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (record, future), signature in zip(part, signatures, strict=True):
                if not future.done():
                    future.set_result(Signed(record, signature))
