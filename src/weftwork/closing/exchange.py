"""Votes between validators: signed calls carry closings and votes, and whoever signs two closings is
reported.

``POST /v1/vote {"closing", "vote"}`` shows a peer what this validator computed and signed; the peer
computes the epoch
itself and answers with its own vote, or with the field in which the closings differ.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from weftwork.closing.ballot import Ballot
from weftwork.closing.plan import ClosingPlan, Vote, compare_closings
from weftwork.errors import BadInput, WeftError
from weftwork.records import Closing, Domain, Record
from weftwork.wire.client import Client
from weftwork.wire.envelope import ReplayCache, check_call, sign_call
from weftwork.wire.server import HttpRequest

PATH = "/v1/vote"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another validator: the wallet it signs with, and where it serves."""

    wallet: str
    endpoint: str


Peers = Callable[[], Awaitable[Sequence[Peer]]]


class Exchange:
    """One validator's votes and those that it got from others."""

    def __init__(
        self,
        ballot: Ballot,
        domain: Domain,
        peers: Peers,
        http: Client,
        now: Callable[[], float],
        log: Any,
    ) -> None:
        """``domain`` is that of signed calls; ``log`` has the methods of a structlog logger."""
        self.ballot = ballot
        self.reported: list[int] = []
        self._account = ballot.account
        self._domain = domain
        self._peers = peers
        self._http = http
        self._now = now
        self._log = log
        self._seen = ReplayCache()
        self._votes: dict[int, dict[int, Vote]] = {}
        self._strays: dict[tuple[int, int], tuple[Closing, Vote]] = {}

    async def gather(self, plan: ClosingPlan) -> list[Vote]:
        """Votes for a closing: this validator's, those that came, and those of peers until they are
        enough."""
        epoch = plan.closing.epoch
        votes = self._votes.setdefault(epoch, {})
        with contextlib.suppress(WeftError):
            own = await asyncio.to_thread(self.ballot.vote, plan)
            votes[own.uid] = own
        for peer in await self._peers():
            if await self.is_enough(plan, votes.values()):
                break
            if peer.wallet.lower() != self._account.address.lower():
                await self._ask(peer, plan, votes)
        return list(votes.values())

    async def is_enough(self, plan: ClosingPlan, votes: Any) -> bool:
        """Whether the ledger would take the closing with these votes."""
        return await asyncio.to_thread(self.ballot.is_enough, plan, list(votes))

    def forget(self, epoch: int) -> None:
        """Drops what belongs to ``epoch`` and earlier ones."""
        self._votes = {number: held for number, held in self._votes.items() if number > epoch}
        self._strays = {key: held for key, held in self._strays.items() if key[0] > epoch}

    async def _ask(self, peer: Peer, plan: ClosingPlan, votes: dict[int, Vote]) -> None:
        """Shows a peer this validator's vote and takes the peer's, if it is for the same closing."""
        own = votes.get(self.ballot.uid)
        body = to_json({"closing": plan.closing.to_json(), "vote": own.to_json() if own else None})
        head = sign_call(self._account, "POST", PATH, body, peer.wallet, self._domain, now=int(self._now()))
        try:
            reply = await self._http.post_json(peer.endpoint + PATH, body, head)
            if reply.status != 200 or not isinstance(reply.body, dict):
                words = reply.body.get("error") if isinstance(reply.body, dict) else reply.status
                self._log.warning("a peer does not sign", peer=peer.wallet, answer=str(words)[:200])
                return
            vote = Vote.from_json(reply.body.get("vote"))
            await asyncio.to_thread(self.ballot.check_vote, plan, vote)
            votes[vote.uid] = vote
        except WeftError as error:
            self._log.warning("a peer is out of reach", peer=peer.wallet, error=error.sentence)

    async def take(self, request: HttpRequest) -> Any:
        """POST /v1/vote of a peer; raises what is wrong with the envelope, the closing or the vote."""
        known = {peer.wallet.lower() for peer in await self._peers()}
        check_call(
            request.headers,
            "POST",
            PATH,
            request.body,
            self._account.address,
            self._domain,
            self._seen,
            now=int(self._now()),
            allowed=lambda signer: signer.lower() in known,
        )
        data = request.object()
        closing: Any = Record.from_json(data.get("closing"))
        if not isinstance(closing, Closing) or closing.subnet != self.ballot.subnet:
            raise BadInput("the body holds no closing of this subnet")
        plan = await asyncio.to_thread(self.ballot.plan, closing.epoch)
        vote = Vote.from_json(data["vote"]) if data.get("vote") is not None else None
        if vote is not None:
            await asyncio.to_thread(self.ballot.check_vote, plan, vote, closing)
            if closing == plan.closing:
                self._votes.setdefault(closing.epoch, {})[vote.uid] = vote
            else:
                self._strays[closing.epoch, vote.uid] = (closing, vote)
            await self._report(plan, vote.uid)
        compare_closings(plan.closing, closing)
        own = await asyncio.to_thread(self.ballot.vote, plan)
        return {"vote": own.to_json()}

    async def _report(self, plan: ClosingPlan, uid: int) -> None:
        """Shows the ledger both signatures of a validator that signed two closings of one epoch."""
        epoch = plan.closing.epoch
        stray, good = self._strays.get((epoch, uid)), self._votes.get(epoch, {}).get(uid)
        if stray is None or good is None or uid == self.ballot.uid:
            return
        with contextlib.suppress(WeftError):
            await asyncio.to_thread(self.ballot.report, uid, plan.closing, good, *stray)
            self.reported.append(uid)
            self._log.warning("a validator signed two closings", uid=uid, epoch=epoch)
        del self._strays[epoch, uid]
