"""The gas of every public call of every contract, as whole transactions: base cost, data, refunds included.

::

    python benchmarks/gas.py            measure, write benchmarks/results/gas.json, print what changed
    python benchmarks/gas.py --check    measure, compare, exit 1 naming each call that changed by over 1 %

Gas is exact: the same bytecode and calls give the same number on any machine and any node. Views are
measured as if they were sent. A call that no scenario makes is an error: a new function comes with its price.
A scenario is a file ``gas_*.py`` beside this one with ``run(meter)``.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from harness.vm import Contract, Function, _form  # noqa: E402

from weftwork.contracts import list_artifacts, load_artifact  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "gas.json"
TOLERANCE_PERCENT = 1
Gas = dict[str, dict[str, dict[str, int]]]


class Meter:
    """Books the gas of calls: by contract, by signature, by what was special about the call."""

    def __init__(self) -> None:
        self.gas: Gas = {}

    def _book(self, contract: Contract, call: str, case: str, gas: int) -> None:
        self.gas.setdefault(contract.artifact.name, {}).setdefault(call, {})[case] = gas

    def deployed(self, *contracts: Contract) -> None:
        """Book what deploying the contracts cost."""
        for contract in contracts:
            self._book(contract, "deploy", "", contract.deploy_gas)

    def call(self, case: str, function: Function, *args: Any, **given: Any) -> Any:
        """Make a call and book it; ``case`` says what is special about it, or nothing."""
        vm = function.contract.vm
        output = vm.transact(
            function.contract.address, function.calldata(*args), given.get("sender"), given.get("value", 0)
        )
        self._book(function.contract, function.signature(len(args)), case, vm.gas_used)
        return function._result(len(args), output)

    def views(self, contract: Contract, by_name: dict[str, Any], given: dict[str, tuple[Any, ...]]) -> None:
        """Book every view: arguments from ``given`` by function, else ``by_name``, else by type."""
        for item in contract.artifact.abi:
            if item["type"] != "function" or item["stateMutability"] not in ("view", "pure"):
                continue
            usual = (by_name.get(part["name"], DEFAULTS.get(part["type"])) for part in item["inputs"])
            args = given.get(item["name"], tuple(usual))
            self.call("", getattr(contract, item["name"]), *args)


DEFAULTS = {
    "uint256": 0,
    "uint64": 1,
    "bool": True,
    "address": "0x" + "11" * 20,
    "bytes32": bytes(32),
    "string": "",
    "address[]": [],
}
"""The argument of a view where the scenario gives none."""


def measure() -> tuple[Gas, list[str]]:
    """Run every scenario: what each call cost, and the calls that none made."""
    meter = Meter()
    if str(ROOT / "benchmarks") not in sys.path:
        sys.path.insert(0, str(ROOT / "benchmarks"))
    for path in sorted((ROOT / "benchmarks").glob("gas_*.py")):
        import_module(path.stem).run(meter)
    missing = []
    for name in list_artifacts():
        known = meter.gas.get(name, {})
        for item in load_artifact(name).abi:
            if item["type"] == "function":
                signature = f"{item['name']}({','.join(_form(item)[1].types)})"
                if signature not in known:
                    missing.append(f"{name}.{signature}")
        if "deploy" not in known:
            missing.append(f"{name}.deploy")
    return {name: dict(sorted(calls.items())) for name, calls in sorted(meter.gas.items())}, missing


def flatten(gas: Gas) -> dict[str, int]:
    """``Contract.call (case)`` to gas."""
    return {
        f"{name}.{call}" + (f" ({case})" if case else ""): number
        for name, calls in gas.items()
        for call, cases in calls.items()
        for case, number in cases.items()
    }


Step = tuple[str, str, str]

CYCLES: dict[str, list[Step]] = {
    "a lease by auction: order, three bids, lease, a withdrawal, close": [
        ("Market", "create_deployment", "one group"),
        ("Market", "bid", "first"),
        ("Market", "bid", "next"),
        ("Market", "bid", "next"),
        ("Market", "create_lease", "one wins, two lose"),
        ("Market", "withdraw", "first"),
        ("Market", "close_lease", ""),
    ],
    "a render: create, budget, fund, submit, approve": [
        ("Jobs", "createJob", "a render's"),
        ("Jobs", "setBudget", "a render's"),
        ("Jobs", "fund", "a render's"),
        ("Jobs", "submit", "a render's"),
        ("Review", "approve", "a render's"),
    ],
    "a render by burn and mint: create, node, budget, fund, submit, approve and burn": [
        ("Jobs", "createJob", "a render's"),
        ("Credits", "assign", ""),
        ("Jobs", "setBudget", "a render's"),
        ("Jobs", "fund", "a render's"),
        ("Credits", "submit", ""),
        ("Review", "approve", "collected by its hook"),
    ],
    "a render that checkers refuse: create, budget, fund, submit, three signatures": [
        ("Jobs", "createJob", "a render's"),
        ("Jobs", "setBudget", "a render's"),
        ("Jobs", "fund", "a render's"),
        ("Jobs", "submit", "a render's"),
        ("Panel", "decide", "a render job refused by three"),
    ],
}
"""What people do, as the calls that it takes: contract, function, case."""


def add_cycles(gas: Gas) -> dict[str, dict[str, Any]]:
    """The gas of each cycle, step by step and in all, out of what its calls were measured to cost."""
    out: dict[str, dict[str, Any]] = {}
    for name, steps in CYCLES.items():
        rows = []
        for contract, function, case in steps:
            costs = [
                cases[case]
                for call, cases in gas[contract].items()
                if call.startswith(f"{function}(") and case in cases
            ]
            rows.append([f"{contract}.{function}" + (f" ({case})" if case else ""), costs[0]])
        out[name] = {"gas": sum(cost for _, cost in rows), "steps": rows}
    return out


def compare(before: Gas, now: Gas) -> list[str]:
    """A line for each call that is new, gone, or changed by more than 1 %."""
    old, new = flatten(before), flatten(now)
    lines = [f"{name}: gone, cost {old[name]:,}" for name in sorted(old.keys() - new.keys())]
    lines += [f"{name}: new, costs {new[name]:,}" for name in sorted(new.keys() - old.keys())]
    for name in sorted(old.keys() & new.keys()):
        change = new[name] - old[name]
        if abs(change) * 100 > old[name] * TOLERANCE_PERCENT:
            lines.append(f"{name}: {old[name]:,} -> {new[name]:,} ({100 * change / old[name]:+.1f} %)")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a change over 1 %%")
    given = parser.parse_args()
    kept: Gas = json.loads(RESULTS.read_text())["calls"] if RESULTS.exists() else {}
    now, missing = measure()
    changes = compare(kept, now)
    print("\n".join(changes) if changes else "no call changed by more than 1 %")
    if missing:
        print("no scenario calls\n  " + "\n  ".join(missing))
    if not given.check:
        sizes = {name: load_artifact(name).runtime_size for name in now}
        result = {
            "unit": "gas of the whole transaction",
            "evm": "cancun",
            "cycles": add_cycles(now),
            "code_bytes": sizes,
            "calls": now,
        }
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")
        print(f"{len(flatten(now))} calls written to {RESULTS.relative_to(ROOT)}")
        return 1 if missing else 0
    if changes:
        print("next: python benchmarks/gas.py, and say in the commit why the gas changed")
    return 1 if changes or missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
