"""Standing ready, on the node's side: a drill that only a machine that is there can do in time.

    desk = AttendanceDesk(account, domain, checkers, now=now)      desk.mount(app): POST /v1/ready
    score = await ask_drill(client, account, domain, wallet, endpoint, drill, now=now, clock=clock, rng=rng)

A drill is a chain of key derivations (PBKDF2 with SHA-256), each from the one before, so it takes as long as
one core takes for all of it; the checker does some links again, drawn after the answer has come. The answer
is signed by the node's wallet together with the drill and the checker that set it. While it works for a
requester a node says so: it is there, and not idle. :mod:`.render.challenge` is the drill of machines that
render, and can take its place.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from weftwork.errors import BadAnswer, BadInput, BadReply, Busy, Refused, WeftError
from weftwork.records import checksum_address, recover_signer
from weftwork.units import keccak
from weftwork.wire.envelope import ReplayCache, check_call, sign_call

if TYPE_CHECKING:
    from weftwork.records import Domain
    from weftwork.wire.client import Client
    from weftwork.wire.server import App, HttpRequest

PATH: Final = "/v1/ready"
TAG: Final = keccak(b"weft.drill.v1")
MAX_LINKS: Final = 256
MAX_ROUNDS: Final = 1_000_000
MAX_WORK: Final = 20_000_000
"""Rounds of all links of the longest drill that a node takes: about ten seconds of a core."""
AT_WORK: Final = "work"
"""What a node that is busy with work says, beside one that is busy with other calls."""
REFERENCE_RATE: Final = 15_000
"""Rounds in a second that are one point of score; the reference machine's one core has about 100 points."""


@dataclass(frozen=True, slots=True)
class Drill:
    """``links`` derivations of ``rounds`` rounds each, from a ``seed`` (32 bytes) that nobody could know."""

    seed: bytes
    links: int = 64
    rounds: int = 20_000

    def __post_init__(self) -> None:
        fits = 1 <= self.links <= MAX_LINKS and 1 <= self.rounds <= MAX_ROUNDS
        if len(self.seed) != 32 or not fits or self.links * self.rounds > MAX_WORK:
            raise BadInput("a drill has a seed of 32 bytes and a bounded length", value=self.links)

    def link(self, before: bytes) -> bytes:
        """What follows ``before`` in the chain: 32 bytes."""
        return hashlib.pbkdf2_hmac("sha256", before, TAG, self.rounds)

    def run(self) -> list[bytes]:
        """The whole chain; takes as long as it takes."""
        out, last = [], self.seed
        for _ in range(self.links):
            last = self.link(last)
            out.append(last)
        return out

    def holds(self, chain: Sequence[bytes], picks: Sequence[int]) -> bool:
        """Whether the picked links of a chain follow from the ones before them."""
        before = (self.seed, *chain)
        return len(chain) == self.links and all(self.link(before[i]) == chain[i] for i in picks)

    def score(self, seconds: float) -> int:
        """Points for doing it in that time, rounded down, one at least."""
        micros = max(1, round(seconds * 1_000_000))
        return max(1, self.links * self.rounds * 1_000_000 // (micros * REFERENCE_RATE))

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        return {"seed": self.seed.hex(), "links": self.links, "rounds": self.rounds}

    @classmethod
    def from_json(cls, data: Any) -> Drill:
        """The inverse of :meth:`to_json`; raises BadInput."""
        try:
            seed, links, rounds = bytes.fromhex(data["seed"]), data["links"], data["rounds"]
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput("a drill has seed, links and rounds", value=repr(data)[:80]) from error
        if type(links) is not int or type(rounds) is not int:
            raise BadInput("links and rounds of a drill are whole numbers", value=repr(links)[:80])
        return cls(seed, links, rounds)


def hash_attendance(drill: Drill, checker: str, chain: Sequence[bytes], separator: bytes) -> bytes:
    """What a node signs: drill, checker and chain, within the domain of this network's signed calls."""
    words = (
        keccak(b"weft.attendance.v1"),
        separator,
        drill.seed,
        drill.links.to_bytes(32, "big"),
        drill.rounds.to_bytes(32, "big"),
        bytes(12) + bytes.fromhex(checker[2:]),
        keccak(b"".join(chain)),
    )
    return keccak(b"".join(words))


Wallets = Callable[[], Awaitable[Sequence[str]]]
"""The wallets of the validators that may set drills now."""


class AttendanceDesk:
    """Where a node answers drills, one at a time."""

    def __init__(
        self,
        account: Any,
        domain: Domain,
        checkers: Wallets,
        *,
        now: Callable[[], float],
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        """``is_busy``: whether the node works for a requester now, so that a drill would take its time."""
        self.account = account
        self.answered = 0
        self._domain, self._checkers, self._now, self._is_busy = domain, checkers, now, is_busy
        self._seen = ReplayCache()
        self._one = asyncio.Lock()

    def mount(self, app: App) -> None:
        """Answer drills under ``app``."""
        app.post(PATH)(self.take)

    async def take(self, request: HttpRequest) -> Any:
        """POST /v1/ready of a checker: the chain and the wallet's signature; raises Busy at work."""
        known = {wallet.lower() for wallet in await self._checkers()}
        caller = check_call(
            request.headers,
            "POST",
            PATH,
            request.body,
            self.account.address,
            self._domain,
            self._seen,
            now=int(self._now()),
            allowed=lambda signer: signer.lower() in known,
        )
        drill = Drill.from_json(request.object())
        if self._is_busy():
            raise Busy("this node works for a requester now", value=AT_WORK)
        async with self._one:
            chain = await asyncio.to_thread(drill.run)
        self.answered += 1
        signed = self.account.sign_hash(hash_attendance(drill, caller, chain, self._domain.separator))
        return {"chain": [link.hex() for link in chain], "signature": "0x" + signed.hex()}


async def ask_drill(
    http: Client,
    account: Any,
    domain: Domain,
    wallet: str,
    endpoint: str,
    drill: Drill,
    *,
    now: Callable[[], float],
    clock: Callable[[], float],
    rng: Random,
    picks: int = 2,
    limit: float = 10.0,
) -> tuple[int, bytes]:
    """Set a node's drill and check the answer: its score in points, and the answer as evidence.

    Raises :class:`Busy` where the node says that it works, :class:`BadAnswer` where what it says is not so,
    Unreachable, TimedOut, BadReply or Refused where it does not do the drill.
    """
    body = to_json(drill.to_json())
    head = sign_call(account, "POST", PATH, body, wallet, domain, now=int(now()))
    began = clock()
    reply = await http.post_json(endpoint + PATH, body, head, timeout=limit)
    seconds = clock() - began
    if reply.status == Busy.status and _is_at_work(reply.body):
        raise Busy("the node works for a requester now", value=wallet)
    if reply.status != 200 or not isinstance(reply.body, dict):
        raise Refused(f"the node answered {reply.status}", value=wallet)
    try:
        chain = [bytes.fromhex(link) for link in reply.body["chain"][: MAX_LINKS + 1]]
        signature = bytes.fromhex(reply.body["signature"].removeprefix("0x"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadReply("the node's reply is no answer to a drill", value=wallet) from error
    if len(signature) != 65:
        raise BadReply("the node's answer is not signed", value=wallet)
    digest = hash_attendance(drill, checksum_address(account.address), chain, domain.separator)
    try:
        signer = recover_signer(digest, signature)
    except WeftError as error:
        raise BadAnswer("the answer is signed by nobody", value=wallet) from error
    if signer.lower() != wallet.lower():
        raise BadAnswer("the answer is signed by another", value=signer)
    chosen = rng.sample(range(drill.links), min(picks, drill.links))
    if not await asyncio.to_thread(drill.holds, chain, chosen):
        raise BadAnswer("a link of the chain does not follow from the one before", value=wallet)
    return drill.score(seconds), to_json({"drill": drill.to_json(), **reply.body})


def _is_at_work(body: Any) -> bool:
    told = body.get("error") if isinstance(body, dict) else None
    return isinstance(told, dict) and told.get("code") == Busy.code and told.get("value") == AT_WORK
