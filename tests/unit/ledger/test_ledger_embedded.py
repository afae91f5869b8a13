"""An operator founds, closes and opens embedded ledgers; mistakes are told in a sentence."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from weftwork import ledger
from weftwork.errors import BadConfig, LedgerError, LedgerUnavailable, RpcError, TransactionRejected
from weftwork.ledger import Account

ALICE = Account.create("alice")
START = 1_800_000_000


def test_importing_the_ledger_imports_nothing_heavy() -> None:
    program = (
        "import sys, weftwork.ledger as l; l.Account; l.Contract; l.load_artifact; l.connect;"
        "heavy = {'web3', 'eth', 'eth_abi', 'eth_account', 'granian', 'pydantic'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_first_coins_lie_with_a_private_treasury_key(tmp_path: Path) -> None:
    with ledger.connect(f"embedded:{tmp_path / 'net'}") as chain:
        treasury = chain.treasury()
        assert chain.balance(treasury) == 10**27
    key = tmp_path / "net" / "treasury.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with ledger.connect(f"embedded:{tmp_path / 'net'}") as chain:
        assert chain.treasury() == treasury == ledger.read_treasury(tmp_path / "net")


def test_ledger_may_be_one_file(tmp_path: Path) -> None:
    file = tmp_path / "net.sqlite"
    with ledger.connect(f"embedded:{file}") as chain:
        chain.wait(chain.send(chain.treasury(), ALICE.address, value=5))
    with ledger.connect(f"embedded:{file}") as chain:
        assert chain.balance(ALICE) == 5
        assert chain.treasury()


def test_two_ledgers_of_one_genesis_and_clock_are_the_same_chain() -> None:
    def life() -> str:
        with ledger.connect("embedded:", genesis={ALICE.address: 10**18}, clock=lambda: START) as chain:
            for n in range(3):
                chain.wait(chain.send(ALICE, "0x" + "11" * 20, value=n))
            return str(chain.block()["hash"])

    assert life() == life()


def test_genesis_and_chain_id_cannot_change_later(tmp_path: Path) -> None:
    url = f"embedded:{tmp_path}"
    with ledger.connect(url, genesis={ALICE.address: 7}, chain_id=99) as chain:
        assert chain.chain_id == 99
        with pytest.raises(LedgerError, match="no treasury"):
            chain.treasury()
    with ledger.connect(url) as chain:
        assert (chain.chain_id, chain.balance(ALICE)) == (99, 7)
    with ledger.connect(url, genesis={ALICE.address: 7}):
        pass
    with pytest.raises(BadConfig, match="another genesis"):
        ledger.connect(url, genesis={ALICE.address: 8})
    with pytest.raises(BadConfig, match="chain id is 99"):
        ledger.connect(url, chain_id=1)


def test_opening_asks_the_file_the_same_few_questions_however_long_the_chain_is(tmp_path: Path) -> None:
    from weftwork.ledger import journal

    def statements(blocks: int) -> int:
        url = f"embedded:{tmp_path / str(blocks)}"
        with ledger.connect(url, dev=True) as chain:
            chain.rpc("evm_mine", {"blocks": blocks})
        seen: list[str] = []
        real = journal.sqlite3.connect

        def traced(*args: object, **kwargs: object) -> object:
            connection = real(*args, **kwargs)
            connection.set_trace_callback(seen.append)
            return connection

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(journal.sqlite3, "connect", traced)
            with ledger.connect(url) as chain:
                assert chain.block_number() == blocks
        return len(seen)

    assert statements(2_000) == statements(1) < 20


def test_waiting_transactions_are_there_after_a_restart(tmp_path: Path) -> None:
    fees = {
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 1,
        "gas": 21_000,
        "chainId": 31337,
        "to": ALICE.address,
    }
    with ledger.connect(f"embedded:{tmp_path}") as chain:
        treasury = chain.treasury()
        later = treasury.sign_transaction({"nonce": 1, "value": 2, **fees})
        tx = chain.rpc("eth_sendRawTransaction", "0x" + later.hex())
        assert chain.receipt(tx) is None
    with ledger.connect(f"embedded:{tmp_path}") as chain:
        assert chain.rpc("eth_getTransactionByHash", tx)["blockNumber"] is None
        chain.wait(chain.send(treasury, ALICE.address, value=1))
        assert chain.wait(tx).block == 2
        assert chain.balance(ALICE) == 3


def test_waiting_transaction_is_replaced_only_by_a_better_paying_one() -> None:
    fees = {"maxPriorityFeePerGas": 1, "gas": 21_000, "chainId": 31337, "to": ALICE.address, "nonce": 5}
    with ledger.connect("embedded:") as chain:
        treasury = chain.treasury()

        def offer(fee: int, value: int) -> str:
            raw = treasury.sign_transaction({"maxFeePerGas": fee, "value": value, **fees})
            return chain.rpc("eth_sendRawTransaction", "0x" + raw.hex())

        first = offer(10**10, 1)
        with pytest.raises(TransactionRejected, match="already known"):
            offer(10**10, 1)
        with pytest.raises(TransactionRejected, match="underpriced"):
            offer(10**10, 2)
        second = offer(2 * 10**10, 3)
        assert chain.rpc("eth_getTransactionByHash", first) is None
        assert chain.rpc("eth_getTransactionByHash", second) is not None


def test_clock_that_goes_back_never_takes_the_chain_with_it() -> None:
    times = iter([START, START + 100, START + 50, START + 200])
    with ledger.connect("embedded:", dev=True, clock=lambda: next(times, START + 300)) as chain:
        for _ in range(3):
            chain.rpc("evm_mine")
        seen = [chain.block(n)["timestamp"] for n in range(4)]
    assert seen == sorted(seen)


def test_failed_commit_leaves_the_chain_as_it_was(tmp_path: Path) -> None:
    with ledger.connect(f"embedded:{tmp_path}") as chain:
        treasury = chain.treasury()
        chain.wait(chain.send(treasury, ALICE.address, value=1))
        before = chain.block()
        database = chain.embedded.node.journal.db
        database.execute(
            "CREATE TEMP TRIGGER full BEFORE INSERT ON tx BEGIN SELECT RAISE(FAIL, 'disk full'); END"
        )
        with pytest.raises(LedgerError, match="disk full"):
            chain.send(treasury, ALICE.address, value=2, gas=21_000)
        assert chain.block() == before
        assert chain.balance(ALICE) == 1
        database.execute("DROP TRIGGER full")
        chain.wait(chain.send(treasury, ALICE.address, value=4))
        assert chain.balance(ALICE) == 5


@pytest.mark.parametrize("url", ["ftp://host", "here", "http://", ""])
def test_url_that_names_no_ledger_is_refused(url: str) -> None:
    with pytest.raises(BadConfig, match="not a ledger URL"):
        ledger.connect(url)


def test_node_that_is_not_there_is_unavailable() -> None:
    from weftwork.ledger.serve import free_port

    with pytest.raises(LedgerUnavailable) as refusal:
        ledger.connect(f"http://127.0.0.1:{free_port('127.0.0.1', 0)}", timeout=2)
    assert refusal.value.hint


def test_reading_a_contract_that_is_not_there_says_so() -> None:
    with ledger.connect("embedded:") as chain:
        token = chain.contract("Token", ALICE.address)
        with pytest.raises(LedgerError, match="no contract answers"):
            token.call("totalSupply")
        with pytest.raises(RpcError, match="block not found"):
            token.call("totalSupply", block=99)


def test_waiting_transaction_that_a_direct_one_overtakes_is_gone_for_good(tmp_path: Path) -> None:
    fees = {
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 1,
        "gas": 21_000,
        "chainId": 31337,
        "to": ALICE.address,
    }
    with ledger.connect(f"embedded:{tmp_path}", dev=True) as chain:
        treasury = chain.treasury()
        chain.rpc("evm_setAutomine", False)
        slow = treasury.sign_transaction({"nonce": 0, "value": 1, **fees})
        chain.rpc("eth_sendRawTransaction", "0x" + slow.hex())
        chain.rpc("evm_setAutomine", True)
        fast = treasury.sign_transaction({"nonce": 0, "value": 2, **fees})
        chain.rpc("eth_sendRawTransaction", "0x" + fast.hex())
        assert chain.balance(ALICE) == 2
    with ledger.connect(f"embedded:{tmp_path}") as chain:
        assert chain.rpc("eth_getTransactionByHash", "0x" + ledger.keccak(slow).hex()) is None
        chain.wait(chain.send(treasury, ALICE.address, value=3))
        assert chain.balance(ALICE) == 5


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("evm_increaseTime", [2**70]),
        ("evm_setNextBlockTimestamp", ["0x" + "f" * 64]),
        ("evm_mine", [{"blocks": 0}]),
        ("evm_mine", [{"blocks": 10**9}]),
        ("evm_increaseTime", [-1]),
        ("eth_call", [{"gasPrice": hex(2**200)}]),
        ("eth_call", [{"value": hex(2**256)}]),
        ("eth_getStorageAt", [ALICE.address, 2**256]),
        ("eth_getFilterChanges", [True]),
        ("eth_call", [{"to": ALICE.address}, "latest", {ALICE.address: {"balance": "0x1"}}]),
    ],
)
def test_values_out_of_range_are_refused_and_change_nothing(method: str, params: list[object]) -> None:
    with ledger.connect("embedded:", dev=True, clock=lambda: START) as chain:
        before = chain.block(), chain.rpc("evm_increaseTime", 0)
        with pytest.raises(RpcError):
            chain.rpc(method, *params)
        assert (chain.block(), chain.rpc("evm_increaseTime", 0)) == before


def test_call_that_cannot_begin_is_refused_with_a_reason() -> None:
    with ledger.connect("embedded:") as chain:
        for request, sentence in [
            ({"to": ALICE.address, "gas": "0x1"}, "intrinsic gas too low"),
            ({"data": "0x" + "00" * 49_153}, "initcode size exceeded"),
            ({"to": ALICE.address, "value": "0x1"}, "insufficient funds"),
        ]:
            with pytest.raises(TransactionRejected, match=sentence):
                chain.rpc("eth_call", request)
        logs = chain.rpc("eth_getLogs", {"fromBlock": "0x" + "f" * 60, "toBlock": "0x" + "f" * 60})
        assert logs == []


def test_transactions_are_found_by_their_place_in_a_block() -> None:
    with ledger.connect("embedded:") as chain:
        receipt = chain.wait(chain.send(chain.treasury(), ALICE.address, value=1))
        by_number = chain.rpc("eth_getTransactionByBlockNumberAndIndex", "0x1", "0x0")
        assert by_number == chain.rpc("eth_getTransactionByBlockHashAndIndex", receipt["blockHash"], "0x0")
        assert by_number["hash"] == receipt.tx
        assert chain.rpc("eth_getTransactionByBlockNumberAndIndex", "0x1", "0x1") is None
        assert chain.rpc("eth_getBlockTransactionCountByHash", receipt["blockHash"]) == "0x1"
