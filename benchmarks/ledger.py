"""The embedded ledger against eth-tester, side by side in one process: the same token transfers.

    python benchmarks/ledger.py

All get transactions that were signed before, mine each in a block of its own and answer with its receipt.
Ours is measured on disk, one fsync a block, and in memory, as eth-tester always is. Rounds alternate. Prints
medians and ratios, and writes ``benchmarks/results/ledger.json``. Also measured: opening a ledger of 10,000
blocks.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weftwork import ledger
from weftwork.ledger import Account, load_artifact

RESULTS = Path(__file__).parent / "results" / "ledger.json"
ROUNDS, BATCH = 12, 25
BLOCKS = 10_000
GOAL_RATIO, GOAL_OPEN_MS = 2.0, 100.0
DISK, MEMORY, PEER = "on disk", "in memory", "eth-tester"
FEES = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9}
TOKEN = load_artifact("Token")
OWNER, PAYEE = Account.create("benchmark owner"), Account.create("benchmark payee")


class Ours:
    """The embedded ledger, in a folder or in memory."""

    def __init__(self, folder: str = "") -> None:
        self.chain = ledger.connect(f"embedded:{folder}", dev=True, genesis={OWNER.address: 10**24})
        self.chain_id = self.chain.chain_id

    def send(self, raw: str) -> dict[str, Any]:
        """Send, mined and on disk; the receipt."""
        return self.chain.rpc("eth_getTransactionReceipt", self.chain.rpc("eth_sendRawTransaction", raw))

    def call(self, to: str, data: str) -> str:
        """Read."""
        return self.chain.rpc("eth_call", {"to": to, "data": data}, "latest")

    address, gas = "contractAddress", "gasUsed"


class Peer:
    """eth-tester with its py-evm backend."""

    def __init__(self) -> None:
        from eth_tester import EthereumTester, PyEVMBackend

        self.tester = EthereumTester(PyEVMBackend())
        self.chain_id = self.tester.backend.chain.chain_id
        rich = self.tester.get_accounts()[0]
        self.tester.send_transaction({"from": rich, "to": OWNER.address, "value": 10**23, "gas": 21_000})
        self.rich = rich

    def send(self, raw: str) -> dict[str, Any]:
        """Send, mined; the receipt."""
        return self.tester.get_transaction_receipt(self.tester.send_raw_transaction(raw))

    def call(self, to: str, data: str) -> str:
        """Read."""
        return self.tester.call({"from": self.rich, "to": to, "data": data, "gas": 1_000_000})

    address, gas = "contract_address", "gas_used"


def sign(chain_id: int, nonce: int, to: str | None, data: bytes, gas: int) -> str:
    """The owner's signed transaction."""
    tx = {"chainId": chain_id, "nonce": nonce, "to": to, "data": data, "gas": gas, **FEES}
    return "0x" + OWNER.sign_transaction(tx).hex()


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def race(sides: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of a transfer and of a read on each, rounds alternating."""
    deploy = TOKEN.bytecode + TOKEN.codec.constructor().encode((OWNER, 0, [(OWNER.address, 10**24)]))
    transfer = TOKEN.codec.function("transfer", 2).encode((PAYEE, 10**15))
    read = "0x" + TOKEN.codec.function("balanceOf", 1).encode((PAYEE,)).hex()
    tokens, gas = {}, {}
    for name, side in sides.items():
        tokens[name] = side.send(sign(side.chain_id, 0, None, deploy, 6_000_000))[side.address]
        side.send(sign(side.chain_id, 1, tokens[name], transfer, 150_000))
    sends: dict[str, list[float]] = {name: [] for name in sides}
    reads: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(ROUNDS):
        for name, side in sides.items():
            first = 2 + number * BATCH
            raws = [sign(side.chain_id, first + n, tokens[name], transfer, 150_000) for n in range(BATCH)]
            receipts: list[dict[str, Any]] = []
            sends[name].append(timed(lambda s=side, r=raws, out=receipts: out.extend(map(s.send, r))) / BATCH)
            gas[name] = [int(str(receipt[side.gas]), 0) for receipt in receipts]
            to = tokens[name]
            reads[name].append(timed(lambda s=side, t=to: [s.call(t, read) for _ in range(BATCH)]) / BATCH)
    assert len({side.call(tokens[name], read) for name, side in sides.items()}) == 1
    return {
        "transfers": _compared(sends),
        "reads": _compared(reads),
        "gas of a transfer": {name: sorted(set(used)) for name, used in gas.items()},
    }


def _compared(seconds: dict[str, list[float]]) -> dict[str, float]:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    out = {f"{name}, ms": round(1e3 * value, 3) for name, value in medians.items()}
    for name in (DISK, MEMORY):
        out[f"{name}, times as fast as {PEER}"] = round(medians[PEER] / medians[name], 1)
    return out


def reopen(folder: Path) -> dict[str, Any]:
    """Milliseconds to open a ledger of 10,000 blocks and read its newest block, imports aside."""
    with ledger.connect(f"embedded:{folder}", dev=True) as chain:
        chain.rpc("evm_mine", {"blocks": BLOCKS})
    values = []
    for _ in range(9):
        started = time.perf_counter()
        with ledger.connect(f"embedded:{folder}") as chain:
            assert chain.block()["number"] == BLOCKS
            values.append(time.perf_counter() - started)
    return {"blocks": BLOCKS, "ms": round(1e3 * statistics.median(values), 2), "goal ms": GOAL_OPEN_MS}


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    with tempfile.TemporaryDirectory() as folder:
        sides = {DISK: Ours(f"{folder}/race"), PEER: Peer(), MEMORY: Ours()}
        result = race(sides)
        for name in (DISK, MEMORY):
            sides[name].chain.close()
        result["open"] = reopen(Path(folder) / "long")
    result["goal"] = f"{DISK} at least {GOAL_RATIO:g} times as fast as {PEER}"
    reached = result["transfers"][f"{DISK}, times as fast as {PEER}"]
    result["met"] = reached >= GOAL_RATIO and result["open"]["ms"] < GOAL_OPEN_MS
    result["machine"] = f"{platform.machine()}, Python {platform.python_version()}"
    for kind in ("transfers", "reads"):
        for label, value in result[kind].items():
            print(f"{kind:10} {label:45} {value:10.3f}")
    print(f"open       {BLOCKS} blocks, ms {result['open']['ms']:>40} (goal {GOAL_OPEN_MS:g})")
    print(f"goal       {result['goal']}: {'met' if result['met'] else 'MISSED'}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if result["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
