"""A network of separate processes on a foreign chain: its roles share nothing but the ledger's URL.

anvil, two gateways, three miners and two validators are nine processes with the model's own; one home holds
what they keep, as on a machine that runs several roles.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest
from harness.process import Weft, is_alive, run_weft, start_anvil, wait_until

from weftwork.ledger import Account, Ledger
from weftwork.ledger.deployment import Contracts
from weftwork.network.discovery import read_neurons
from weftwork.network.home import Home
from weftwork.network.state import read_epoch
from weftwork.records import Receipt, Signed
from weftwork.store import Store
from weftwork.units import WAD

TEMPO, COMMITS = 400, 300
ASKED = "swap 250 USDC for ETH, no more than half a percent slippage"


@dataclass
class Town:
    """All that runs, and what its customers got."""

    home: Path
    chain: Ledger
    url: str
    running: dict[str, Weft] = field(default_factory=dict)
    contracts: Contracts = None  # type: ignore[assignment]
    got: list[tuple[str, str, str]] = field(default_factory=list)
    """Thread, gateway and words of each answer that a customer holds."""

    def start(self, name: str, *words: str) -> None:
        role = "up" if name.startswith("gateway") else "join"
        common = ["--name", name, "--ledger", self.url, "--port", "0", "--log", "info"]
        common += ["--fund-from", str(self.home / "founder.key")]
        kind = ["--roles", "gateway"] if role == "up" else [name.split("-")[0]]
        self.running[name] = Weft(self.home, role, *kind, *words, *common)

    def where(self, name: str) -> str:
        return self.running[name].url(f"{name.split('-')[0]}-1")

    def customer(self, gateway: str) -> openai.OpenAI:
        told = self.running[gateway].ready()
        return openai.OpenAI(base_url=told["gateway"] + "/v1", api_key=told["api_key"], max_retries=0)

    def ask(self, customer: openai.OpenAI, gateway: str, text: str = ASKED) -> str:
        """Ask as any program does; what is answered is what the customer holds."""
        raw = customer.chat.completions.with_raw_response.create(
            model="weft-intent", messages=[{"role": "user", "content": text}]
        )
        said = raw.parse().choices[0].message.content or ""
        self.got.append((raw.headers["x-weft-thread"], gateway, said))
        return said

    def metric(self, name: str, metric: str) -> float:
        text = read(self.where(name) + "/metrics")[1]
        rows = [line for line in text.splitlines() if line.startswith(metric)]
        return sum(float(row.rsplit(" ", 1)[1]) for row in rows)

    def store(self, name: str) -> Store:
        return Store(self.home / f"joined-{name}" / "stores" / f"{name.split('-')[0]}-1.db")

    def mine_to(self, block: int) -> None:
        missing = block - 1 - self.chain.block_number()
        if missing > 0:
            self.chain.rpc("anvil_mine", hex(missing))

    def at(self, name: str) -> Any:
        return self.contracts.at(self.chain, name)


def read(url: str, body: Any = None) -> tuple[int, str]:
    """Status and text of one plain HTTP call."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    anvil, chain, url = start_anvil()
    town = Town(tmp_path, chain, url)
    try:
        founder = Account.create("the founder of a town")
        (tmp_path / "founder.key").write_text(founder.key.hex())
        chain.rpc("anvil_setBalance", founder.address, hex(10**24))
        yield town
    finally:
        for one in town.running.values():
            one.close()
        chain.close()
        anvil.kill()
        anvil.wait()


def raise_town(town: Town) -> None:
    """Everything is started at once, in no order: each waits for what it needs."""
    for name in ("validator-a", "validator-b"):
        town.start(name, "--rate", "6", "--wait", "240")
    town.start("miner-real", "--engine", "weft-intent")
    for name in ("miner-echo", "miner-parrot"):
        town.start(name, "--engine", "echo", "--model", "weft-intent")
    town.start("gateway-b")
    town.start("gateway-a", "--found", "--tempo", str(TEMPO), "--commit-blocks", str(COMMITS))
    told = [one.ready() for one in town.running.values()]
    town.contracts = Contracts.from_json(told[0]["contracts"])
    assert all(one["contracts"] == told[0]["contracts"] for one in told), "one network, raised once"
    for gateway in ("gateway-a", "gateway-b"):
        wait_until(
            f"{gateway} finds all miners", lambda g=gateway: town.metric(g, "weft_gateway_miners") == 3
        )


def close_epoch(town: Town, epoch: int) -> None:
    """Let the epoch's time pass while the validators follow it by themselves."""
    neurons = read_neurons(town.chain, town.contracts, 1)
    judges = [n.uid for n in neurons if n.card is not None and n.card.role == "validator"]
    weights, epochs = town.at("weights"), town.at("epochs")
    first = town.at("subnets").call("first_block", 1, epoch)
    town.mine_to(first)
    for name in ("validator-a", "validator-b"):
        wait_until(f"{name} has judged", lambda n=name: town.metric(n, "weft_validator_scores_total") >= 12)
    town.mine_to(first + COMMITS // 2 + 10)
    wait_until(
        "both have committed",
        lambda: all(any(bytes(weights.call("commitments", 1, epoch, u).hash)) for u in judges),
    )
    town.mine_to(first + COMMITS)
    wait_until(
        "both have revealed",
        lambda: {e.args["uid"] for e in weights.events("WeightsRevealed", epoch=epoch)} == set(judges),
    )
    town.mine_to(first + TEMPO)
    wait_until("the epoch is closed", lambda: epochs.events("Closed", subnet=1, epoch=epoch))


def break_things(town: Town) -> None:
    """A miner and a gateway are killed while customers ask, and started again in the same homes."""
    before = {name: town.running[name].ready() for name in ("miner-echo", "gateway-b")}
    stop = threading.Event()
    failed: list[Exception] = []

    def keep_asking(gateway: str) -> None:
        with town.customer(gateway) as customer:
            while not stop.is_set():
                try:
                    town.ask(customer, gateway)
                except openai.APIError as error:
                    failed.append(error)
                    stop.wait(0.05)

    askers = [threading.Thread(target=keep_asking, args=(name,)) for name in ("gateway-a", "gateway-b")]
    for asker in askers:
        asker.start()
    try:
        wait_until("customers are served", lambda: len(town.got) > 20)
        for name in before:
            town.running.pop(name).kill()
        wait_until("somebody notices", lambda: failed)
        town.start("miner-echo", "--engine", "echo", "--model", "weft-intent")
        town.start("gateway-b")
        for name, told in before.items():
            again = town.running[name].ready()
            assert again["roles"] == told["roles"], "found where it was before"
            assert again["api_key"] == told["api_key"]
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    known = len(town.got)
    with town.customer("gateway-b") as customer:
        wait_until(
            "the gateway finds all again", lambda: town.metric("gateway-b", "weft_gateway_miners") == 3
        )
        town.ask(customer, "gateway-b")
    assert len(town.got) > known


def test_separate_processes_find_each_other_work_judge_and_pay(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    raise_town(town)
    assert_only_signed_calls_count(town)
    for gateway in ("gateway-a", "gateway-b"):
        with town.customer(gateway) as customer:
            assert {model.id for model in customer.models.list()} == {"weft-intent"}
            for _ in range(3):
                town.ask(customer, gateway)
    close_epoch(town, 1)
    found = read_epoch(town.chain, town.contracts, 1, 1)
    real = Home.open(town.home / "joined-miner-real").account("miner-1").address
    by_wallet = {row["wallet"]: row for row in found["neurons"]}
    assert by_wallet[real]["incentive"] == max(row["incentive"] for row in found["neurons"]) > 0.9
    closed = town.at("epochs").events("Closed", subnet=1, epoch=1)
    assert len(closed) == 1
    paid = town.at("token").events("Transfer", receiver=real)
    assert by_wallet[real]["paid"] in {event.args["value"] for event in paid}, "the claim is carried out"

    break_things(town)
    monkeypatch.setenv("WEFT_HOME", str(town.home))
    end_town(town)
    assert_threads_hold(town)
    assert_nobody_is_paid_twice(town)


def assert_only_signed_calls_count(town: Town) -> None:
    """What moves work or money between roles is signed, or refused."""
    miner, judge = town.where("miner-real"), town.where("validator-a")
    assert read(miner + "/v1/work", {"body_json": "{}", "salt": "00" * 16})[0] in (400, 401)
    assert read(miner + "/v1/voucher", [{"kind": "voucher", "cumulative": str(WAD)}])[0] == 400
    assert read(judge + "/v1/vote", {"closing": {}, "vote": None})[0] == 401
    assert read(town.where("gateway-a") + "/v1/chat/completions", {"messages": []})[0] == 401


def end_town(town: Town) -> None:
    """`weft down` ends every role of this home; gateways pay and miners redeem on their way out."""
    pids = [one.process.pid for one in town.running.values()]
    threads = 0
    for kind in ("validator", "gateway", "miner"):
        for name in [name for name in town.running if name.startswith(kind)]:
            done = run_weft(town.home, "down", f"joined-{name}", "--json")
            assert json.loads(done.stdout)["stopped"] is True
            logged = town.running[name].log
            assert town.running[name].end() == 0, logged
            if kind == "miner":
                lines = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
                threads += sum(line["path"] == "/v1/work" and bool(line.get("thread")) for line in lines)
    assert threads, "a miner that worked says on which thread (one that was restarted may have had no work)"
    assert not any(is_alive(pid) for pid in pids)


def assert_threads_hold(town: Town) -> None:
    """Every answer that a customer holds has its thread here; one of them and a judged one are recomputed."""
    from weftwork.network.find import find_thread

    for thread, _, said in town.got:
        traced, _ = find_thread(thread)
        outputs = {e.raw["output"] for e in traced.of("receipt") if e.raw["final"]}
        assert said in {traced.contents[name]["body"] for name in outputs}
    drawn = run_weft(town.home, "trace", town.got[0][0]).stdout
    assert ASKED in drawn
    assert json.loads(run_weft(town.home, "verify", town.got[0][0], "--json").stdout)["verified"] is True
    with town.store("validator-a") as kept:
        score = next(iter(kept.by_kind("score", 1, None)))
    told = json.loads(run_weft(town.home, "verify", str(score.record.id), "--json").stdout)
    assert told["verified"] is True
    assert {"signature", "content", "score", "weights", "epoch", "proof", "payment"} <= {
        check["check"] for check in told["checks"] if check["ok"]
    }


def assert_nobody_is_paid_twice(town: Town) -> None:
    """What each miner was paid by each gateway is what its receipts say, to the unit.

    Where one of the two was killed, an answer to each of the two customers may have died on its way: nobody
    owes what did not arrive, and never is more paid than was done.
    """
    channels = town.at("channels")
    wallets = {
        name: Home.open(town.home / f"joined-{name}").account(f"{name.split('-')[0]}-1").address
        for name in town.running
        if not name.startswith("validator")
    }
    total = 0
    for miner in ("miner-real", "miner-echo", "miner-parrot"):
        due, dearest = receipts_due(town.store(miner))
        for gateway in ("gateway-a", "gateway-b"):
            claimed = channels.call("channel_of", wallets[gateway], wallets[miner]).claimed
            owed = due.get(wallets[gateway], 0)
            lost = 2 * dearest if miner == "miner-echo" or gateway == "gateway-b" else 0
            assert owed - lost <= claimed <= owed, f"{gateway} to {miner}"
            total += claimed
    assert total > 0


def receipts_due(store: Store) -> tuple[dict[str, int], int]:
    """What a miner's receipts come to, wad by payer, the highest of each request; and the dearest of them."""
    highest: dict[str, tuple[str, int]] = {}
    with store:
        for item in store.by_kind("receipt", 100_000, None):
            assert isinstance(item, Signed)
            assert isinstance(item.record, Receipt)
            request = store.get(item.record.request)
            payer = request.record.requester  # type: ignore[union-attr]
            known = highest.get(str(item.record.request), (payer, 0))[1]
            highest[str(item.record.request)] = (payer, max(known, item.record.price))
    due: dict[str, int] = {}
    for payer, price in highest.values():
        due[payer] = due.get(payer, 0) + price
    return due, max(price for _, price in highest.values())
