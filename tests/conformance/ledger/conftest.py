"""The nodes that must behave alike: the embedded one, in process and served, and anvil from npm."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conformance.ledger.served import Served
from harness.process import skip_for_npm, start_anvil

from weftwork import ledger
from weftwork.ledger import Account, Artifact, Ledger

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
RICH = 10**24

START = 1_800_000_000
FIRST_BASE_FEE = "875000000"  # what EIP-1559 gives block 1 after an empty genesis at 1 gwei


@pytest.fixture(scope="session")
def artifacts() -> dict[str, Artifact]:
    """The test contracts, compiled for Cancun."""
    from vyper import compile_code
    from vyper.compiler.settings import Settings

    out = {}
    for file in sorted((HERE / "source").glob("*.vy")):
        compiled = compile_code(
            file.read_text(), output_formats=["abi", "bytecode"], settings=Settings(evm_version="cancun")
        )
        out[file.stem] = Artifact.from_json(compiled, file.stem)
    return out


@pytest.fixture(scope="session")
def alice() -> Account:
    """A rich account."""
    return Account.create("alice")


@pytest.fixture(scope="session")
def bob() -> Account:
    """Another rich account."""
    return Account.create("bob")


@pytest.fixture(scope="session")
def open_node(alice: Account, bob: Account) -> Iterator[Callable[[str], Ledger]]:
    """Opens a fresh chain of either kind in which alice and bob are rich."""
    closing: list[Callable[[], object]] = []

    def open_one(kind: str) -> Ledger:
        if kind == "embedded":
            chain = ledger.connect(
                "embedded:", dev=True, genesis={alice.address: RICH, bob.address: RICH}, clock=lambda: START
            )
        elif kind == "served":
            folder = Path(tempfile.mkdtemp())
            closing.append(lambda: shutil.rmtree(folder))
            one = Served(folder, "--dev")
            closing.append(one.stop)
            chain = ledger.connect(one.url, timeout=60)
            treasury = ledger.read_treasury(folder)
            for account in (alice, bob):
                chain.wait(chain.send(treasury, account.address, value=RICH))
        else:
            flags = ["--gas-limit", "30000000", "--disable-default-create2-deployer"]
            flags += ["--block-base-fee-per-gas", FIRST_BASE_FEE, "--timestamp", str(START)]
            process, chain, _ = start_anvil(*flags)
            closing.append(lambda: (process.kill(), process.wait()))
            for account in (alice, bob):
                chain.rpc("anvil_setBalance", account.address, hex(RICH))
        closing.append(chain.close)
        return chain

    yield open_one
    for close in reversed(closing):
        close()


@pytest.fixture(scope="module", params=["embedded", "served", "anvil"])
def chain(request: pytest.FixtureRequest, open_node: Callable[[str], Ledger]) -> Ledger:
    """A chain of each kind."""
    return open_node(request.param)


@pytest.fixture
def node_script() -> Callable[..., dict[str, object]]:
    """Runs a script of this folder with node and viem, and reads the JSON it prints."""

    def run(name: str, *args: str) -> dict[str, object]:
        node = shutil.which("node")
        if node is None or not (ROOT / "node_modules/viem").is_dir():
            skip_for_npm("viem")
        done = subprocess.run(
            [node, str(HERE / name), *args],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
