"""web3.py and viem use the served ledger as they use any node, and so does our own remote door."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conformance.ledger.served import Served

from weftwork import ledger
from weftwork.errors import Reverted
from weftwork.ledger import Account, Artifact


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served ledger whose treasury key lies in its folder."""
    path = tmp_path_factory.mktemp("served")
    one = Served(path, "--dev")
    one.treasury = ledger.read_treasury(path)  # type: ignore[attr-defined]
    yield one
    assert one.stop() == 0


def test_viem_deploys_writes_reads_watches_and_catches_a_revert(
    served: Any,
    artifacts: dict[str, Artifact],
    tmp_path: Path,
    node_script: Callable[..., dict[str, Any]],
) -> None:
    user = Account.create("viem user")
    with ledger.connect(served.url) as chain:
        chain.wait(chain.send(served.treasury, user.address, value=10**21))
    file = tmp_path / "Coin.json"
    coin = artifacts["Coin"]
    file.write_text(json.dumps({"abi": coin.abi, "bytecode": "0x" + coin.bytecode.hex()}))
    found = node_script("viem.mjs", served.url, "0x" + user.key.hex(), str(file))
    other = "0x" + "42" * 20
    assert found.pop("address").startswith("0x")
    assert found == {
        "chainId": 31337,
        "status": "success",
        "balance": "42",
        "holding": {"owner": other, "amount": "42"},
        "watched": "42",
        "events": ["42"],
        "reason": "coin: not enough",
        "block": {"linked": True, "transactions": 1},
        "fees": True,
        "sent": "21000",
        "received": "5",
    }


def web3_flow(web3: Any, user: Account, artifact: Artifact) -> None:
    """What a web3.py program does with a contract."""
    from web3.exceptions import ContractLogicError
    from web3.middleware import SignAndSendRawMiddlewareBuilder

    web3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(user.key), layer=0)
    web3.eth.default_account = user.address
    factory = web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    deployed = web3.eth.wait_for_transaction_receipt(factory.constructor(10**21).transact())
    coin = web3.eth.contract(address=deployed.contractAddress, abi=artifact.abi)
    watch = coin.events.Moved.create_filter(from_block="latest")
    other = web3.to_checksum_address("0x" + "42" * 20)
    done = web3.eth.wait_for_transaction_receipt(coin.functions.move(other, 42).transact())
    assert done.status == 1
    assert coin.functions.balances(other).call() == 42
    assert coin.functions.balances(other).call(block_identifier=done.blockNumber - 1) == 0
    assert [log.args.amount for log in watch.get_new_entries()] == [42]
    assert [
        log.args.to for log in coin.events.Moved.get_logs(from_block=0, argument_filters={"to": [other]})
    ] == [other]
    with pytest.raises(ContractLogicError, match="coin: not enough"):
        coin.functions.move(other, 10**30).call()
    with pytest.raises(ContractLogicError, match="coin: not enough"):
        coin.functions.move(other, 10**30).transact()
    block = web3.eth.get_block("latest", full_transactions=True)
    assert block.parentHash == web3.eth.get_block(block.number - 1).hash
    assert block.transactions[0]["hash"] == done.transactionHash
    assert web3.eth.fee_history(1, "latest", [50])["baseFeePerGas"]
    assert web3.is_connected()


def test_web3_py_deploys_writes_reads_watches_and_catches_a_revert(
    served: Any, artifacts: dict[str, Artifact]
) -> None:
    from web3 import HTTPProvider, Web3

    user = Account.create("web3 user")
    with ledger.connect(served.url) as chain:
        chain.wait(chain.send(served.treasury, user.address, value=10**21))
    provider = HTTPProvider(served.url)
    web3_flow(Web3(provider), user, artifacts["Coin"])
    for session in provider._request_session_manager.session_cache._data.values():
        session.close()


def test_web3_py_works_in_process_over_an_embedded_ledger(
    artifacts: dict[str, Artifact], alice: Account
) -> None:
    with ledger.connect("embedded:", genesis={alice.address: 10**24}) as chain:
        web3_flow(chain.web3, alice, artifacts["Coin"])


def test_our_own_door_uses_a_served_ledger_like_an_embedded_one(
    served: Any, artifacts: dict[str, Artifact], alice: Account
) -> None:
    with ledger.connect(served.url) as chain:
        coin = chain.deploy(served.treasury, artifacts["Coin"], 10**24)
        receipt = coin.send(served.treasury, "move", alice, 9)
        assert coin.events_in(receipt, "Moved")[0].args["amount"] == 9
        with pytest.raises(Reverted, match="coin: not enough"):
            coin.call("move", alice, 1, sender="0x" + "11" * 20)
        snapshot = chain.rpc("evm_snapshot")
        coin.send(served.treasury, "move", alice, 9)
        assert chain.rpc("evm_revert", snapshot) is True
        assert coin.call("balances", alice) == 9
        coin.send(served.treasury, "move", alice, 1)
        assert coin.call("balances", alice) == 10


def test_served_ledger_does_not_outlive_the_process_that_started_it(tmp_path: Path) -> None:
    command = f"{sys.executable} -m weftwork.ledger.serve --path {tmp_path} --port 0 --with-parent"
    shell = subprocess.Popen(
        ["bash", "-c", f"{command} & read line"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert shell.stdout is not None
    assert shell.stdin is not None
    assert json.loads(shell.stdout.readline())["ready"] is True
    shell.kill()
    shell.wait()
    assert shell.stdout.read() == b""  # the pipe closes when its last holder, the served ledger, has ended
    shell.stdout.close()
    shell.stdin.close()
    ledger.connect(f"embedded:{tmp_path}").close()


def test_served_ledger_is_there_again_after_it_was_stopped(
    tmp_path: Path, artifacts: dict[str, Artifact], alice: Account
) -> None:
    first = Served(tmp_path)
    second = Served(tmp_path)
    assert second.ready["error"]["code"] == "ledger.in_use"
    assert second.stop() == 1
    treasury = ledger.read_treasury(tmp_path)
    with ledger.connect(first.url) as chain:
        tx = chain.send(treasury, alice.address, value=7)
        chain.wait(tx)
    assert first.stop() == 0
    again = Served(tmp_path)
    try:
        with ledger.connect(again.url) as chain:
            assert chain.balance(alice) == 7
            assert chain.wait(tx).block == again.ready["block"] == 1
    finally:
        assert again.stop() == 0
