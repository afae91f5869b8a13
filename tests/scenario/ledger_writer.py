"""Writes to an embedded ledger as hard as it can, until somebody kills it.

Run as a program it imports everything once and then forks a writer for each line ``PATH ACKS SEED`` on its
standard input, printing the writer's process id. A writer appends to ACKS what it is about to do and what was
acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
from pathlib import Path
from typing import Any

from weftwork import ledger
from weftwork.ledger import Account, Artifact, Ledger

START = 1_800_000_000
# Stores the call's first word under the block's number and logs it with topic 7.
RUNTIME = "5f358043555f52600760205fa100"
NOTEBOOK = Artifact("Notebook", [], bytes.fromhex("6d" + RUNTIME + "5f52600e6012f3"))
WRITERS = [Account.create(f"writer {n}") for n in range(3)]


def open_ledger(path: Path) -> Ledger:
    """The ledger that is written to and killed."""
    rich = {account.address: 10**30 for account in WRITERS}
    return ledger.connect(f"embedded:{path}", dev=True, genesis=rich, clock=lambda: START)


class Acks:
    """An append-only file of JSON lines, each written with one system call."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, **line: Any) -> None:
        os.write(self._file, (json.dumps(line) + "\n").encode())


def write(path: Path, acks: Acks, seed: int) -> None:
    """Write for ever: from three threads, or from one that also takes snapshots and reverts to them."""
    chain = open_ledger(path)
    acks.write(did="open", block=chain.block_number())
    if seed % 2:
        threads = [
            threading.Thread(
                target=_transact, args=(chain, acks, account, random.Random(f"{seed} {account.address}"))
            )
            for account in WRITERS
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        chance = random.Random(seed)
        while True:
            _any_step(chain, acks, chance)


def _transact(chain: Ledger, acks: Acks, account: Account, chance: random.Random) -> None:
    notebook = chain.deploy(account, NOTEBOOK, gas=200_000)
    while True:
        _send(chain, acks, account, notebook.address, chance)


def _send(chain: Ledger, acks: Acks, account: Account, to: str, chance: random.Random) -> None:
    word = chance.getrandbits(256).to_bytes(32, "big")
    tx = chain.send(account, to, word, gas=100_000)
    receipt = chain.wait(tx)
    acks.write(did="send", tx=tx, block=receipt.block)


def _any_step(chain: Ledger, acks: Acks, chance: random.Random) -> None:
    account = chance.choice(WRITERS)
    draw = chance.random()
    if draw < 0.7:
        notebook = chain.deploy(account, NOTEBOOK, gas=200_000)
        _send(chain, acks, account, notebook.address, chance)
    elif draw < 0.8:
        seconds = chance.randrange(1, 100_000)
        acks.write(will="time", seconds=seconds)
        acks.write(did="time", offset=chain.rpc("evm_increaseTime", seconds))
    elif draw < 0.9:
        acks.write(will="mine")
        chain.rpc("evm_mine", {"blocks": 3})
        acks.write(did="mine", block=chain.block_number())
    else:
        snapshot, number = chain.rpc("evm_snapshot"), chain.block_number()
        offset = chain.rpc("evm_increaseTime", 0)
        for _ in range(chance.randrange(4)):
            _send(chain, acks, account, chance.choice(WRITERS).address, chance)
        acks.write(will="revert", block=number)
        assert chain.rpc("evm_revert", snapshot) is True
        acks.write(did="revert", block=number, offset=offset)


def main() -> None:
    """Fork a writer for each line of the standard input; print its process id."""
    open_ledger(Path(sys.argv[1]) / "warm").close()
    for line in sys.stdin:
        path, acks, seed = line.split()
        child = os.fork()
        if child == 0:
            try:
                write(Path(path), Acks(Path(acks)), int(seed))
            finally:
                os._exit(1)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
