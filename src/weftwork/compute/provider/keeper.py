"""The provider's leases: a manifest is checked and run, paused while its account is dry, ended and paid.

The ledger decides when a lease ends. While it cannot be read nothing is ended, whatever the time: a lease
goes on running, and what it earned meanwhile is paid when the ledger is back.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from weftwork.compute.error import BadManifest, LeaseConflict, LeaseNotFound
from weftwork.compute.executor.port import Status
from weftwork.compute.provider.auction import Auction
from weftwork.compute.provider.book import LIVE, Book, Engagement
from weftwork.compute.provider.setting import Desk
from weftwork.compute.sdl.model import hash_manifest
from weftwork.compute.sdl.received import check_manifest, read_manifest
from weftwork.compute.venue import format_order, split_order
from weftwork.errors import BadInput, LedgerError, LedgerUnavailable, Refused, Reverted, WeftError
from weftwork.spec import escrow
from weftwork.spec.market import LeaseState

GONE = (LeaseState.CLOSED, LeaseState.DRY)


@dataclass(slots=True)
class Keeper:
    """Runs the leases that one provider won."""

    desk: Desk
    book: Book
    auction: Auction
    _locks: dict[int, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _checked: bool = False

    async def accept(self, order: int, manifest: Any) -> Engagement:
        """Run a lease by the manifest (JSON, all groups of the deployment) that its tenant sent.

        Raises:
            Refused: the order is not leased to this provider, or another manifest stands on the ledger.
            BadManifest: it cannot be read or run, or takes more than was ordered.
        """
        one = await self.auction.follow_bid(order)
        async with self._locks[order]:
            one = self.book.find(order)
            if one.phase not in LIVE:
                raise Refused(
                    f"order {format_order(order)} is not leased to this provider",
                    value=one.phase,
                    hint="weft compute leases shows how it stands",
                )
            deployment, group, _ = split_order(order)
            kept = await asyncio.to_thread(self.desk.venue.contract.call, "deployments", deployment)
            try:
                version = hash_manifest(manifest)
            except (TypeError, ValueError, RecursionError) as error:
                raise BadManifest("the manifest is no JSON of a manifest") from error
            if version != bytes(kept[2]):
                raise Refused(
                    "the manifest is not the one whose hash the deployment has on the ledger",
                    value=version.hex(),
                    hint="send the manifest of the file that was deployed: weft compute check FILE",
                )
            groups = read_manifest(manifest)
            if group > len(groups):
                raise BadManifest(f"the manifest has no group {group}", value=len(groups))
            mine = groups[group - 1]
            check_manifest(one.spec, mine)
            if one.phase != "won" and one.manifest != mine.to_json():
                raise LeaseConflict("this lease already runs another manifest", value=order)
            await self.desk.executor.start(self._name(order), mine, self.desk.setting.limits)
            if one.phase == "won":
                self.desk.log.info("runs", order=format_order(order))
                now = self.desk.now()
                one = self.book.change(
                    order, phase="running", manifest=mine.to_json(), why="", collected_at=now
                )
            return one

    async def status(self, order: int) -> Status | None:
        """How the services of a lease stand; None before it began. Raises LeaseNotFound."""
        one = self.book.find(order)
        if one.manifest is None:
            return None
        return await self.desk.executor.status(self._name(order))

    async def look(self, head: int) -> None:
        """Bring every lease in line with the ledger at block ``head``; raises LedgerError.

        What fails for one lease is logged, and tried again at the next look.
        """
        for one in self.book.in_phase(*LIVE):
            try:
                async with self._locks[one.order]:
                    await self._follow(self.book.find(one.order), head)
            except LedgerUnavailable:
                raise
            except WeftError as error:
                order = format_order(one.order)
                self.desk.log.warning("a lease", order=order, code=error.code, error=error.sentence)
            except Exception:
                self.desk.log.error("a lease", order=format_order(one.order), exc_info=True)
        await self._forget()
        if not self._checked:
            await self._sweep()
            self._checked = True

    async def _follow(self, one: Engagement, head: int) -> None:
        desk, contract = self.desk, self.desk.venue.contract
        deployment = one.order >> 64
        lease = await asyncio.to_thread(contract.call, "leases", one.order)
        state = LeaseState(lease[2])
        if int(lease[0]) != desk.agent or state in GONE:
            await self._end(one, state.name.lower())
            return
        if one.phase == "won" and desk.now() > one.deadline:
            one = self.book.change(one.order, leaving=True, why="its manifest did not come in time")
        if one.leaving:
            until = await asyncio.to_thread(desk.market.leave, one.order, desk.agent)
            if until is None:
                await self._end(one, one.why or "left by its provider")
                return
        account = await asyncio.to_thread(contract.call, "account_of", deployment)
        dry_block = int(await asyncio.to_thread(contract.call, "dry_block", deployment))
        is_dry = int(account[0]) == escrow.State.PAUSED or head >= dry_block
        await self._run(one, is_dry)
        if is_dry:
            await self._end_dry(one, head, dry_block)
        else:
            await self._collect(one)

    async def _run(self, one: Engagement, is_dry: bool) -> None:
        """The executor does what the money allows; what is not there any more is started again."""
        executor, name, run = self.desk.executor, self._name(one.order), one.run
        if run is None:
            return
        order = format_order(one.order)
        try:
            await executor.status(name)
        except LeaseNotFound:
            await executor.start(name, run, self.desk.setting.limits)
            self.desk.log.info("runs again", order=order)
            one = self.book.change(one.order, phase="running")
        if is_dry and one.phase == "running":
            await executor.pause(name)
            self.book.change(one.order, phase="paused", why="its account is dry")
            self.desk.log.info("paused", order=order, why="its account is dry")
        elif not is_dry and one.phase == "paused":
            await executor.resume(name)
            self.book.change(one.order, phase="running", why="")
            self.desk.log.info("resumed", order=order)

    async def _end_dry(self, one: Engagement, head: int, dry_block: int) -> None:
        """Leave a lease that nobody paid for long after the market's grace."""
        desk = self.desk
        grace = int((await asyncio.to_thread(desk.venue.contract.call, "params"))[3])
        if head < dry_block + grace + desk.setting.dry_blocks:
            return
        try:
            await asyncio.to_thread(desk.venue.contract.send, desk.account, "close_dry", one.order)
        except Reverted:
            return  # somebody topped it up, or closed it, in between
        await self._end(self.book.find(one.order), "its account stayed dry")

    async def _end(self, one: Engagement, why: str) -> None:
        """Stop what runs, take what was earned, give back what was held; logs stay."""
        if one.manifest is not None:
            await self.desk.executor.stop(self._name(one.order))
        await self._withdraw(one.order)
        self.desk.stock.release(one.order)
        now = self.desk.now()
        self.book.change(one.order, phase="ended", why=why, leaving=False, collected_at=now)
        self.desk.log.info("ended", order=format_order(one.order), why=why)

    async def _collect(self, one: Engagement) -> None:
        if self.desk.now() - one.collected_at >= self.desk.setting.collect_seconds:
            await self._withdraw(one.order)
            self.book.change(one.order, collected_at=self.desk.now())

    async def _withdraw(self, order: int) -> int:
        """Take what an order earned, where it earned anything; the amount."""
        desk = self.desk
        try:
            due = int(await asyncio.to_thread(desk.venue.contract.call, "withdraw", order))
            if not due:
                return 0
            got = await asyncio.to_thread(desk.market.withdraw, order)
        except Reverted:
            return 0  # there is no such payment: the bid never became a lease
        one = self.book.find(order)
        self.book.change(order, earned=one.earned + got)
        return got

    async def leave(self, order: int) -> Engagement:
        """The provider's close of a lease: at once, or after the notice that it promised."""
        async with self._locks[order]:
            one = self.book.find(order)
            if one.phase not in LIVE:
                raise Refused(f"order {format_order(order)} has no lease here", value=one.phase)
            one = self.book.change(order, leaving=True, why="left by its provider")
            head = await asyncio.to_thread(self.desk.venue.ledger.block_number)
            await self._follow(one, head)
            return self.book.find(order)

    async def _forget(self) -> None:
        """Let go of the logs of leases that ended long ago."""
        oldest = self.desk.now() - self.desk.setting.logs_seconds
        for one in self.book.in_phase("ended"):
            if one.manifest is not None and one.collected_at < oldest:
                try:
                    await self.desk.executor.forget(self._name(one.order))
                except WeftError as error:
                    self.desk.log.warning("old logs", order=format_order(one.order), error=error.sentence)
                    continue
                self.book.change(one.order, manifest=None, why=f"{one.why}; its logs are gone")

    async def _sweep(self) -> None:
        """Stop what runs here by this market's name and is over on the ledger: once, after a start."""
        prefix = self.desk.venue.lease_prefix
        for name in await self.desk.executor.leases():
            tail = name.removeprefix(prefix)
            if not name.startswith(prefix) or not tail.isdigit() or int(tail) in self.book:
                continue
            try:
                lease = await asyncio.to_thread(self.desk.venue.contract.call, "leases", int(tail))
                if LeaseState(lease[2]) in GONE:
                    await self.desk.executor.stop(name)
                    self.desk.log.info("stopped", order=format_order(int(tail)), why="it was over long ago")
            except (LedgerError, BadInput) as error:
                self.desk.log.warning("a lease of before", name=name, error=error.sentence)

    def _name(self, order: int) -> str:
        return self.desk.venue.lease_name(order)
