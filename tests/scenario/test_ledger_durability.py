"""An operator's process is killed with SIGKILL again and again under load, and the ledger loses nothing."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scenario.ledger_writer import START, open_ledger

from weftwork.errors import LedgerCorrupt
from weftwork.ledger import Ledger, replay

MOMENTS = 50


class Forge:
    """Makes writers that are warm at once, and kills them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "chain"
        root = Path(__file__).parents[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scenario.ledger_writer", str(folder)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")

    def _hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill_a_writer(self, seed: int) -> list[dict[str, Any]]:
        """Let a writer write, kill it at the seed's moment, and return what it had put down."""
        chance = random.Random(seed)
        acks = self.folder / f"acks-{seed}"
        wanted, more = chance.randrange(1, 25), chance.randrange(0, 20_000)
        self._say(f"{self.path} {acks} {seed}")
        writer = int(self._hear())
        while not acks.exists() or acks.read_bytes().count(b"\n") < wanted:
            time.sleep(0.0005)
        for _ in range(more):
            os.getpid()
        os.kill(writer, signal.SIGKILL)
        assert self._hear() == "gone"
        return [json.loads(line) for line in acks.read_text().splitlines()]

    def close(self) -> None:
        """End the forge."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


class Memory:
    """What a client was told, over all the kills: this must be true of the ledger."""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}
        self.unsure: dict[str, int] = {}
        self.height = 0
        self.offsets = {0}

    def hear(self, lines: list[dict[str, Any]]) -> None:
        """Take in what one writer put down before it was killed."""
        for line in lines:
            if line.get("did") == "send":
                self.sent[line["tx"]] = line["block"]
            elif line.get("will") == "time":
                self.offsets = self.offsets | {max(self.offsets) + line["seconds"]}
            elif line.get("will") == "revert":
                self.unsure = {tx: block for tx, block in self.sent.items() if block > line["block"]}
                self.sent = {tx: block for tx, block in self.sent.items() if block <= line["block"]}
                self.height = min(self.height, line["block"])
            elif "offset" in line:
                self.offsets = {line["offset"]}
                self.unsure = {}
            if "did" in line and "block" in line:
                self.height = max(self.height, line["block"])


def check(chain: Ledger, memory: Memory, since: int = 0) -> None:
    """Every step that was acknowledged since a block is there."""
    head = chain.block_number()
    assert head >= memory.height
    for tx, block in memory.sent.items():
        if block < since:
            continue
        receipt = chain.receipt(tx)
        assert receipt is not None, f"an acknowledged transaction of block {block} is lost"
        assert receipt.block == block
    offset = chain.rpc("evm_increaseTime", 0)
    assert offset in memory.offsets
    memory.offsets = {offset}
    assert chain.rpc("eth_call", {"data": "0x425f5260205ff3"}, "pending") == "0x" + f"{START + offset:064x}"


def check_blocks(chain: Ledger) -> None:
    """Blocks are linked, and each has all its transactions, receipts and logs."""
    parent = None
    for number in range(chain.block_number() + 1):
        block = chain.block(number)
        receipts = chain.rpc("eth_getBlockReceipts", hex(number))
        logs = chain.rpc("eth_getLogs", {"fromBlock": hex(number), "toBlock": hex(number)})
        assert parent is None or block["parentHash"] == parent
        assert [receipt["transactionHash"] for receipt in receipts] == block["transactions"]
        assert sum(int(receipt["gasUsed"], 16) for receipt in receipts) == block["gasUsed"]
        assert logs == [log for receipt in receipts for log in receipt["logs"]]
        parent = block["hash"]


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    """A forge of writers."""
    one = Forge(tmp_path)
    yield one
    one.close()


def test_operator_killed_at_fifty_moments_keeps_everything_acknowledged(forge: Forge) -> None:
    memory = Memory()
    for seed in range(MOMENTS):
        before = memory.height
        memory.hear(forge.kill_a_writer(seed))
        with open_ledger(forge.path) as chain:
            check(chain, memory, since=before)
    with open_ledger(forge.path) as chain:
        check(chain, memory)
        check_blocks(chain)
        root = chain.block()["stateRoot"]
    assert len(memory.sent) > 5 * MOMENTS
    assert "0x" + replay(forge.path / "ledger.sqlite").hex() == root


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """The file of a small closed ledger."""
    from scenario.ledger_writer import NOTEBOOK, WRITERS

    with open_ledger(tmp_path / "small") as chain:
        notebook = chain.deploy(WRITERS[0], NOTEBOOK)
        for n in range(5):
            chain.wait(chain.send(WRITERS[0], notebook.address, n.to_bytes(32, "big"), gas=100_000))
    return tmp_path / "small" / "ledger.sqlite"


def test_replay_names_the_first_block_that_was_tampered_with(closed: Path) -> None:
    with sqlite3.connect(closed) as db:
        db.execute("UPDATE journal SET time = time + 1 WHERE number = 3")
    db.close()
    with pytest.raises(LedgerCorrupt, match="block 3"):
        replay(closed)


def test_foreign_and_damaged_files_are_refused_with_a_reason(closed: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.sqlite"
    db = sqlite3.connect(foreign)
    db.execute("CREATE TABLE other (x)")
    db.commit()
    db.close()
    with pytest.raises(LedgerCorrupt, match="not a Weftwork ledger"):
        open_ledger(foreign)
    noise = tmp_path / "noise.sqlite"
    noise.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(LedgerCorrupt):
        open_ledger(noise)
    torn = tmp_path / "torn.sqlite"
    shutil.copy(closed, torn)
    with torn.open("r+b") as file:
        file.truncate(torn.stat().st_size // 2)
    with pytest.raises(LedgerCorrupt):
        open_ledger(torn)


def test_ledger_that_is_open_elsewhere_is_refused(closed: Path) -> None:
    from weftwork.errors import LedgerInUse

    with open_ledger(closed.parent), pytest.raises(LedgerInUse, match="another process"):
        open_ledger(closed.parent)
