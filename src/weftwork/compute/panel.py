"""A validator's place on a panel: it signs what it finds right, gathers its peers' signatures, submits.

    seat = PanelSeat(ballot, panel, domain, peers=peers, http=http, now=now, log=log, agrees=agrees)
    app.post(PATH)(seat.take)
    await seat.decide(credits.address, data)      carried out once more than half of the stake has signed it

``POST /v1/panel {"decision", "vote"}`` in a signed envelope shows a peer a call that a validator wants made;
the peer asks its own judgement (``agrees``) and answers with its signature, or with why it does not sign.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from weftwork.closing.plan import Vote
from weftwork.errors import BadInput, BadRecord, BadSignature, Refused, Unavailable, WeftError
from weftwork.records import NO_ADDRESS, checksum_address, recover_signer
from weftwork.spec.panel import carries, decision_id, hash_decision, is_recent
from weftwork.wire.envelope import ReplayCache, check_call, sign_call

if TYPE_CHECKING:
    from weftwork.closing.ballot import Ballot
    from weftwork.closing.exchange import Peer, Peers
    from weftwork.records import Domain
    from weftwork.units import Digest
    from weftwork.wire.client import Client
    from weftwork.wire.server import HttpRequest

PATH = "/v1/panel"
MAX_CALL = 8_192
"""Bytes of the longest call that a panel makes."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A call that a panel is to make: ``data`` to ``target``, by the stake of ``epoch`` of its subnet."""

    epoch: int
    target: str
    data: bytes
    nonce: int = 0

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        told = {"epoch": self.epoch, "target": self.target, "data": "0x" + self.data.hex()}
        return told | {"nonce": str(self.nonce)}

    @classmethod
    def from_json(cls, data: Any) -> Decision:
        """The inverse of :meth:`to_json`; raises BadRecord."""
        try:
            epoch, nonce = data["epoch"], int(data["nonce"])
            call = bytes.fromhex(data["data"].removeprefix("0x"))
            target = checksum_address(data["target"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadRecord("a decision has epoch, target, data and nonce", value=repr(data)[:80]) from error
        if type(epoch) is not int or not 0 <= epoch < 2**64 or not 0 <= nonce < 2**256:
            raise BadRecord("a decision's epoch and nonce are whole numbers", value=repr(epoch)[:80])
        if not 4 <= len(call) <= MAX_CALL:
            raise BadRecord(f"a decision's call has 4 to {MAX_CALL} bytes", value=len(call))
        return cls(epoch, target, call, nonce)


Agrees = Callable[[Decision], Awaitable[None]]
"""A validator's own judgement of a decision: returns where it would sign, raises :class:`Refused` else."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """Who may sign for an epoch that has ended: keys by uid, voices as they are now, and the stake of all
    seats."""

    signers: dict[int, str]
    voices: dict[int, int]
    total: int


class PanelSeat:
    """One validator of the subnet whose panel stands at ``panel``."""

    def __init__(
        self,
        ballot: Ballot,
        panel: str,
        domain: Domain,
        *,
        peers: Peers,
        http: Client,
        now: Callable[[], float],
        log: Any,
        agrees: Agrees,
        seconds: float | None = None,
    ) -> None:
        """``domain`` is that of signed calls; ``log`` has the methods of a structlog logger; ``seconds`` are
        what a peer may take to judge (None: the client's own)."""
        self.ballot = ballot
        self.panel = ballot.ledger.contract("Panel", panel)
        self._domain, self._peers, self._http = domain, peers, http
        self._now, self._log, self._agrees, self._seconds = now, log, agrees, seconds
        self._seen = ReplayCache()

    # Deciding

    async def decide(self, target: str, data: bytes, nonce: int = 0) -> str | None:
        """Have the panel make a call; its transaction, or None where it was made before.

        Raises :class:`Unavailable` while those who sign hold no more than half of the stake, Reverted where
        the call itself fails.
        """
        if await asyncio.to_thread(self.is_decided, target, data, nonce):
            return None
        epoch = (await asyncio.to_thread(self.ballot.phase)).epoch - 1
        if epoch < 0:
            raise Unavailable("no epoch of the subnet has ended", value=epoch)
        decision = Decision(epoch, checksum_address(target), data, nonce)
        bench = await asyncio.to_thread(self._read_bench, epoch)
        votes = await self._gather(decision, bench)
        signed = sum(bench.voices[uid] for uid in votes)
        if not carries(signed, bench.total):
            raise Unavailable(
                f"{signed} of {bench.total} wad of stake signed, which is not more than half",
                value=signed,
                hint="more validators must agree, or come back; it is tried again",
            )
        return await asyncio.to_thread(self._submit, decision, list(votes.values()))

    def is_decided(self, target: str, data: bytes, nonce: int = 0) -> bool:
        """Whether the panel has made that call; blocks."""
        return bool(self.panel.call("is_decided", decision_id(target, data, nonce)))

    def digest(self, decision: Decision) -> Digest:
        """The 32 bytes that a validator signs."""
        return hash_decision(
            self.ballot.ledger.chain_id,
            self.panel.address,
            self.ballot.subnet,
            decision.epoch,
            decision.target,
            decision.data,
            decision.nonce,
        )

    def sign(self, decision: Decision) -> Vote:
        """This validator's signature, whatever it thinks of it."""
        return Vote(self.ballot.uid, self.ballot.account.sign_hash(self.digest(decision)))

    async def _gather(self, decision: Decision, bench: _Bench) -> dict[int, Vote]:
        votes: dict[int, Vote] = {}
        own = self.sign(decision)
        with contextlib.suppress(BadSignature):
            self._check(decision, own, bench)
            votes[own.uid] = own
        asked = [
            asyncio.ensure_future(self._ask(peer, decision, own, bench, votes))
            for peer in await self._peers()
            if peer.wallet.lower() != self.ballot.account.address.lower()
        ]
        try:
            for call in asyncio.as_completed(asked):
                await call
                if carries(sum(bench.voices[uid] for uid in votes), bench.total):
                    break  # who is slow is not waited for
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        return votes

    async def _ask(
        self, peer: Peer, decision: Decision, own: Vote, bench: _Bench, votes: dict[int, Vote]
    ) -> None:
        account = self.ballot.account
        body = to_json({"decision": decision.to_json(), "vote": own.to_json()})
        try:
            head = sign_call(account, "POST", PATH, body, peer.wallet, self._domain, now=int(self._now()))
            reply = await self._http.post_json(peer.endpoint + PATH, body, head, timeout=self._seconds)
            if reply.status != 200 or not isinstance(reply.body, dict):
                words = reply.body.get("error") if isinstance(reply.body, dict) else reply.status
                self._log.warning("a peer does not sign", peer=peer.wallet, answer=str(words)[:200])
                return
            vote = Vote.from_json(reply.body.get("vote"))
            self._check(decision, vote, bench)
            votes[vote.uid] = vote
        except WeftError as error:
            self._log.warning("a peer is out of reach", peer=peer.wallet, error=error.sentence)

    def _check(self, decision: Decision, vote: Vote, bench: _Bench) -> None:
        """:class:`BadSignature` unless the seat's own key signed the decision."""
        signer = bench.signers.get(vote.uid)
        if signer is None:
            raise BadSignature("no validator has that seat", value=vote.uid)
        if recover_signer(self.digest(decision), vote.signature) != signer:
            raise BadSignature("the signature is not that of the seat", value=vote.uid)

    def _read_bench(self, epoch: int) -> _Bench:
        weights = self.ballot.contracts.at(self.ballot.ledger, "weights")
        word = weights.call("active_at", self.ballot.subnet, epoch)
        signers: dict[int, str] = {}
        for uid in (uid for uid in range(256) if word >> uid & 1):
            _, signer, _ = weights.call("seat", self.ballot.subnet, epoch, uid)
            if signer != NO_ADDRESS:
                signers[uid] = signer
        voices = {uid: int(self.panel.call("voice", epoch, uid)) for uid in signers}
        return _Bench(signers, voices, int(self.panel.call("total", epoch)))

    def _submit(self, decision: Decision, votes: list[Vote]) -> str | None:
        rows = [(vote.uid, vote.signature) for vote in sorted(votes, key=lambda vote: vote.uid)]
        call = (decision.epoch, decision.target, decision.data, decision.nonce, rows)
        try:
            return str(self.panel.send(self.ballot.account, "decide", *call).tx)
        except WeftError:
            if self.is_decided(decision.target, decision.data, decision.nonce):
                return None  # another was first
            raise

    # Being asked

    async def take(self, request: HttpRequest) -> Any:
        """POST /v1/panel of a peer; raises what is wrong with the envelope, or why this one does not sign."""
        known = {peer.wallet.lower() for peer in await self._peers()}
        check_call(
            request.headers,
            "POST",
            PATH,
            request.body,
            self.ballot.account.address,
            self._domain,
            self._seen,
            now=int(self._now()),
            allowed=lambda signer: signer.lower() in known,
        )
        data = request.object()
        if "decision" not in data:
            raise BadInput("the body holds no decision")
        decision = Decision.from_json(data["decision"])
        phase = await asyncio.to_thread(self.ballot.phase)
        if not is_recent(decision.epoch, phase.epoch):
            raise Refused("the decision's epoch is not one of the last two", value=decision.epoch)
        selector = decision.data[:4]
        if not await asyncio.to_thread(self.panel.call, "is_door", decision.target, selector):
            raise Refused("the panel may not make that call", value=decision.target)
        await self._agrees(decision)
        return {"vote": self.sign(decision).to_json()}
