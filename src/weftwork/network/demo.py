"""The demo: a whole network raised, put to work, judged, closed, paid, traced and verified, in one process.

Six miners (two with the full model, one with an early checkpoint of it, three that cheat or fail), three
validators (one in league with a cheat), two gateways, one requester with forty requests whose right answers
are known. Everything is real: HTTP on loopback, signatures, contracts on an EVM, a model that was trained.
Each act leaves facts in a :class:`Report`; nothing in it is written by hand.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from weftwork.errors import WeftError
from weftwork.models.client import Client
from weftwork.models.gateway.app import Setting
from weftwork.models.gateway.broker import Patience
from weftwork.models.gateway.route import Policy
from weftwork.models.intent import parse_intent
from weftwork.models.subnet.intent import IntentSubnet
from weftwork.network.cast import (
    MINERS,
    MODEL,
    VALIDATORS,
    GatewayEngine,
    cast_miner,
    colluder,
    open_boxed_engine,
)
from weftwork.network.devnet import Devnet
from weftwork.network.enrol import open_channel
from weftwork.network.home import Home
from weftwork.network.rogue import ReplayEngine
from weftwork.network.thread import Thread, gather
from weftwork.network.verify import Check, verify_thread
from weftwork.spec.merkle import ClaimKind
from weftwork.units import WAD

if TYPE_CHECKING:
    from weftwork.closing import ClosingPlan
    from weftwork.models.client import Answer
    from weftwork.network.demo_compute import ComputeReport
    from weftwork.network.role import Site

REQUESTS = 40
PROBES = 48
Say = Callable[[str], None]


@dataclass
class Row:
    """What one miner did and got; amounts in wad, scores and incentive as shares of one."""

    name: str
    kind: str
    honest: bool
    answered: int = 0
    right: int = 0
    score: float | None = None
    incentive: float = 0.0
    emission: int = 0
    fees: int = 0
    spent: int = 0

    @property
    def earned(self) -> int:
        """Emission and fees, less what it paid to other miners."""
        return self.emission + self.fees - self.spent


@dataclass
class Report:
    """All that the demo found out, by act."""

    home: Path
    rows: dict[str, Row] = field(default_factory=dict)
    requests: int = 0
    answered: int = 0
    right: int = 0
    epoch: int = 0
    minted: int = 0
    paid: int = 0
    burned: int = 0
    conserved: bool = False
    fair: bool = False
    thread: str = ""
    checks: list[Check] = field(default_factory=list)
    seconds: float = 0.0
    files: dict[str, str] = field(default_factory=dict)
    unanswered: list[dict[str, Any]] = field(default_factory=list)
    compute: ComputeReport | None = None

    @property
    def verified(self) -> bool:
        """Whether the traced answer was recomputed without a difference, all the way to its payment."""
        passed = {check.name for check in self.checks if check.ok}
        return (
            not any(c.ok is False for c in self.checks) and {"id", "signature", "epoch", "payment"} <= passed
        )

    @property
    def ok(self) -> bool:
        """Whether everything came out as it must."""
        rented = self.compute is None or self.compute.ok
        return self.fair and self.conserved and self.verified and rented and self.answered == self.requests

    def to_json(self) -> dict[str, Any]:
        """The report as one object; amounts in wad as text."""
        rows = self.rows.values()
        return {
            "requests": self.requests,
            "answered": self.answered,
            "right": self.right,
            "accuracy_by_miner": {
                r.name: round(r.right / r.answered, 4) if r.answered else None for r in rows
            },
            "score_by_miner": {r.name: None if r.score is None else round(r.score, 4) for r in rows},
            "incentive_by_miner": {r.name: round(r.incentive, 6) for r in rows},
            "kind_by_miner": {r.name: r.kind for r in rows},
            "earned_by_miner": {r.name: str(r.earned) for r in rows},
            "fees_by_miner": {r.name: str(r.fees) for r in rows},
            "epoch": self.epoch,
            "minted": str(self.minted),
            "paid": str(self.paid),
            "burned": str(self.burned),
            "conserved": self.conserved,
            "honest_out_earn": self.fair,
            "thread": self.thread,
            "verified": self.verified,
            "checks": {
                "passed": sum(c.ok is True for c in self.checks),
                "failed": [c.to_json() for c in self.checks if c.ok is False],
                "not_here": sum(c.ok is None for c in self.checks),
            },
            "unanswered": self.unanswered,
            "compute": self.compute.to_json() if self.compute else None,
            "ok": self.ok,
            "seconds": round(self.seconds, 2),
            "files": self.files,
        }


class Demo:
    """One run in ``home``; ``say`` is told each act as it begins."""

    def __init__(
        self, home: Home, say: Say = lambda text: None, *, seed: int = 7, compute: bool = True
    ) -> None:
        """``compute``: whether machines are rented and a scene is rendered, too."""
        self.home = home
        self.say = say
        self.seed = seed
        self.compute = compute
        self.report = Report(home.path)
        self.answers: list[tuple[dict[str, str], Answer]] = []
        self._probes: list[str] = []
        self._plan: ClosingPlan
        self._epoch = 0

    async def run(self) -> Report:
        """All acts, in order; raises :class:`WeftError` where one cannot go on."""
        start = time.monotonic()
        async with Devnet(self.home, seed=self.seed) as net:
            for act in (self.raise_network, self.work, self.judge, self.close, self.pay, self.trace):
                await act(net)
            if self.compute:
                await self.rent(net)
            self._save(net)
        self.report.seconds = time.monotonic() - start
        return self.report

    async def raise_network(self, net: Devnet) -> None:
        """Act 1: ledger, contracts, subnet, gateways, miners, validators."""
        self.say("raising a ledger with its contracts, 2 gateways, 6 miners, 3 validators")
        patience = Patience(answer=4.0, commit=4.0, reveal=4.0, settle=2.0, idle=0.2)
        setting = Setting(policy=Policy(hedge_unknown=1.0), patience=patience)
        for name in ("gateway-1", "gateway-2"):
            await net.add_gateway(name, setting=setting)
        claims = open_boxed_engine().describe()
        for member in MINERS:
            engine = cast_miner(member, claims, net)
            await net.add_miner(member.name, engine, model=MODEL)
            self.report.rows[member.name] = Row(member.name, member.kind, member.honest)
        await net.rediscover()
        lazy = net.miners["lazy"].place
        for judge in VALIDATORS:
            options = {} if judge.honest or lazy is None else {"kind": colluder(lazy.uid or 0)}
            await net.add_validator(judge.name, IntentSubnet(MODEL), stake=judge.stake, **options)
        self._epoch = self.report.epoch = net.epoch + 1
        net.mine_to(net.first_block(self._epoch))

    async def work(self, net: Devnet) -> None:
        """Act 2: the requester's forty requests, each paid by voucher, and its right answer known."""
        self.say(f"asking {REQUESTS} wallet requests in plain English, each with a receipt and a voucher")
        site = net.site("requester", 100 * WAD)
        clients = [await self._client(net, site, gateway.url) for gateway in net.gateways.values()]
        wallets = {role.site.account.address: name for name, role in net.miners.items()}
        for number, (text, meaning) in enumerate(_requests(self.seed)):
            self.report.requests += 1
            try:
                answer = await clients[number % len(clients)].ask(text, model=MODEL)
            except WeftError as error:
                self.report.unanswered.append({"request": text, **error.to_json()})
                continue
            row = self.report.rows[wallets[answer.worker]]
            row.answered += 1
            self.report.answered += 1
            self.answers.append((meaning, answer))
            if _means(answer.text, meaning):
                row.right += 1
                self.report.right += 1
        for client in clients:
            await client.pay()
            await client.close()

    async def _client(self, net: Devnet, site: Site, url: str) -> Client:
        gateway = next(g for g in net.gateways.values() if g.url == url)
        open_channel(net.ledger, net.contracts, site.account, gateway.site.account.address, 20 * WAD)
        return Client(
            site.account, url, net.contracts.domains, store=site.store, local=True, deposit=20 * WAD
        )

    async def judge(self, net: Devnet) -> None:
        """Act 3: validators ask as ordinary clients do, score, and seal their weights on the ledger."""
        self.say(
            f"3 validators ask {PROBES} test questions each, as ordinary clients, and seal their weights"
        )
        for _ in range(PROBES // 8):
            for role in net.validators.values():
                for outcome in await role.validator.probe(8):
                    if outcome.score is not None and outcome.score.record.value == 1_000_000:
                        self._probes.append(str(outcome.score.record.receipt))
        for role in net.validators.values():
            await role.validator.commit()
        net.open_reveals(self._epoch)
        for role in net.validators.values():
            await role.validator.reveal()

    async def close(self, net: Devnet) -> None:
        """Act 4: the epoch is recomputed by each validator, signed, closed, and its claims carried out."""
        from weftwork.closing import plan_closing

        self.say("closing the epoch: weights to consensus to incentives, signed by two thirds of the stake")
        net.end_epoch(self._epoch)
        net.mine_to(net.first_block(self._epoch + 1) + 1)
        first = next(iter(net.validators.values()))
        closed = await first.validator.close()
        if self._epoch not in closed:
            raise WeftError(f"epoch {self._epoch} was not closed", value=str(closed))
        self._plan = plan_closing(net.ledger, net.contracts, net.subnet, self._epoch)
        result = self._plan.result
        agents = {role.place.agent: name for name, role in net.miners.items() if role.place}
        if result is not None:
            for uid, agent in enumerate(self._plan.snapshot.agents):
                if agent in agents:
                    self.report.rows[agents[agent]].incentive = result.incentive[uid] / 2**32
        for claim in self._plan.claims:
            if claim.agent in agents and claim.kind == ClaimKind.PAY:
                self.report.rows[agents[claim.agent]].emission += claim.amount

    async def pay(self, net: Devnet) -> None:
        """Act 5: vouchers are redeemed in batches, burnt parts burnt, and every unit is accounted for."""
        self.say("redeeming vouchers, burning the burnt part of fees, counting every unit")
        for gateway in net.gateways.values():
            await gateway.gateway.broker.close(gateway.gateway.directory.seats())
        for name, role in net.miners.items():
            row = self.report.rows[name]
            before = net.coins([role.site.account.address])
            await role.miner.book.redeem()
            row.fees = net.coins([role.site.account.address]) - before
        for role in net.validators.values():
            await role.validator.doors.settle()
        for gateway in net.gateways.values():
            await gateway.book.redeem()
        engine = net.miners["parrot"].miner.engine
        if isinstance(engine, ReplayEngine) and isinstance(engine.source, GatewayEngine):
            self.report.rows["parrot"].spent = engine.source.spent
        channels = net.contracts.at(net.ledger, "channels")
        if channels.call("to_burn"):
            channels.send(net.founder, "sweep_burn")
        self._score_rows(net)
        token = net.contracts.at(net.ledger, "token")
        self.report.minted = sum(
            int(event.args["minted"]) for event in net.contracts.at(net.ledger, "epochs").events("Closed")
        )
        fees = sum(row.fees for row in self.report.rows.values())
        self.report.paid = self._plan.closing.payout + fees
        self.report.burned = int(token.call("minted")) - int(token.call("totalSupply"))
        self.report.conserved = net.is_conserved()
        rows = self.report.rows.values()
        worst = min(row.earned for row in rows if row.honest)
        self.report.fair = all(row.earned < worst for row in rows if not row.honest)

    def _score_rows(self, net: Devnet) -> None:
        uids = {role.place.uid: name for name, role in net.miners.items() if role.place}
        heard: dict[str, list[int]] = {}
        for judge, role in zip(VALIDATORS, net.validators.values(), strict=True):
            for uid, mean in role.validator.standing.table().items():
                if judge.honest and uid in uids:
                    heard.setdefault(uids[uid], []).append(mean)
        for name, means in heard.items():
            self.report.rows[name].score = sum(means) / len(means) / 1e6

    async def trace(self, net: Devnet) -> None:
        """Act 6: one answer is followed from its question to its payment, and all of it recomputed."""
        self.say("tracing one answer from question to payment, and recomputing all of it")
        for site in net.sites.values():
            await site.store.flushed()
        thread = await asyncio.to_thread(self._pick_thread, net)
        self.report.thread = thread.start
        self.report.checks = await asyncio.to_thread(verify_thread, thread, net.ledger, net.contracts)

    async def rent(self, net: Devnet) -> None:
        """Act 7: machines rented by auction, a scene rendered by many, credits burnt and tokens minted."""
        from weftwork.network.demo_compute import ComputeAct

        self.report.compute = await ComputeAct(net, self.home.path / "compute", self.say).run()
        self.report.conserved = self.report.conserved and net.is_conserved()

    def _pick_thread(self, net: Devnet) -> Thread:
        """The thread of a right answer that was judged, and whose weights led to the epoch's closing."""
        best: Thread | None = None
        for receipt in self._probes[:12]:
            thread = gather(self.home.stores, receipt, self._facts(net))
            requests = thread.of("request")
            thread.start = requests[0].id if requests else thread.start
            best = best or thread
            if thread.of("payment") and thread.of("voucher"):
                return thread
            if thread.of("payment"):
                best = thread
        if best is None:
            raise WeftError("no test question was answered right", hint="weft demo --json shows the scores")
        return best

    def _facts(self, net: Devnet) -> dict[str, Any]:
        return {
            "ledger": f"embedded:{self.home.path / 'ledger'}",
            "contracts": net.contracts.to_json(),
            "names": net.names,
            "subnet": net.subnet,
        }

    def _save(self, net: Devnet) -> None:
        self.home.save(**self._facts(net))
        self.report.files = {
            "home": str(self.home.path),
            "network": str(self.home.file),
            "ledger": str(self.home.path / "ledger"),
            "stores": str(self.home.path / "stores"),
        }
        if self.report.compute and self.report.compute.picture:
            self.report.files["picture"] = self.report.compute.picture


def _requests(seed: int) -> Iterator[tuple[str, dict[str, str]]]:
    """The requester's forty requests and what each means, from seeds that no training and no judge uses."""
    from weftwork.models.subnet.intent import make_sentence

    rng = Random(f"requester of the demo {seed}")
    for _ in range(REQUESTS):
        text, meaning = make_sentence(rng)
        yield text, dict(meaning)


def _means(text: str, meaning: dict[str, str]) -> bool:
    try:
        return parse_intent(text).to_json() == meaning
    except WeftError:
        return False
