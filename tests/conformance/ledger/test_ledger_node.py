"""What a program expects of a node, asked of the embedded one and of anvil alike."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from weftwork.errors import BadInput, InsufficientFunds, NonceTooLow, Reverted, RpcError, TransactionRejected
from weftwork.ledger import Account, Artifact, Contract, Ledger, keccak

MARK = keccak(b"mark")


@pytest.fixture(scope="module")
def coin(chain: Ledger, artifacts: dict[str, Artifact], alice: Account) -> Contract:
    """A coin that alice deployed."""
    return chain.deploy(alice, artifacts["Coin"], 10**24)


def test_writer_reads_back_what_was_written(coin: Contract, alice: Account, bob: Account) -> None:
    before = coin.call("balances", bob)
    receipt = coin.send(alice, "move", bob, 7)
    assert receipt["status"] == 1
    assert receipt["to"] == coin.address
    assert coin.call("balances", bob) == before + 7
    assert coin.call("balances", bob, block=receipt.block - 1) == before


def test_structs_and_arrays_come_back_with_their_names(coin: Contract, alice: Account, bob: Account) -> None:
    holding = coin.call("holding", alice)
    assert holding.owner == alice.address
    assert holding == (alice.address, coin.call("balances", alice))
    assert [h.owner for h in coin.call("holdings", [alice, bob.address])] == [alice.address, bob.address]


def test_contract_sees_the_surroundings_of_its_block(coin: Contract, chain: Ledger, bob: Account) -> None:
    number, time, chain_id, sender, gas_limit = coin.call(
        "surroundings", sender=bob, block=chain.block_number()
    )
    block = chain.block(number)
    assert (time, chain_id, sender) == (block["timestamp"], 31337, bob.address)
    assert gas_limit == block["gasLimit"] == 30_000_000


def test_contract_reads_the_hash_of_the_parent_block(coin: Contract, chain: Ledger, alice: Account) -> None:
    newest = coin.send(alice, "move", alice, 0).block
    assert coin.call("parent", block=newest).hex() == chain.block(newest - 1)["hash"][2:]


@pytest.mark.parametrize(
    ("function", "args", "reason"),
    [
        ("move", (("bob",), 10**40), "coin: not enough"),
        ("plain_refusal", (), ""),
        ("overflow", (2,), ""),
    ],
)
def test_caller_learns_why_a_contract_refuses(
    coin: Contract, alice: Account, bob: Account, function: str, args: tuple[Any, ...], reason: str
) -> None:
    args = tuple(bob if arg == ("bob",) else arg for arg in args)
    with pytest.raises(Reverted) as of_call:
        coin.call(function, *args, sender=alice)
    with pytest.raises(Reverted) as of_estimate:
        coin.send(alice, function, *args)
    with pytest.raises(Reverted) as of_receipt:
        coin.send(alice, function, *args, gas=200_000)
    for refusal in (of_call.value, of_estimate.value, of_receipt.value):
        assert refusal.reason == reason
        assert refusal.rpc_code == 3
        assert refusal.data == of_call.value.data
    assert of_call.value.data.startswith("0x08c379a0" if reason else "0x")


def test_constructor_that_refuses_is_reported(chain: Ledger, alice: Account) -> None:
    # PUSH0 PUSH0 REVERT
    refusing = Artifact("Refusing", [], bytes.fromhex("5f5ffd"))
    with pytest.raises(Reverted):
        chain.deploy(alice, refusing)


def test_running_out_of_gas_is_a_failed_receipt(coin: Contract, alice: Account, bob: Account) -> None:
    with pytest.raises(Reverted):
        coin.send(alice, "move", bob, 1, gas=30_000)


@pytest.mark.parametrize("function", ["move", "note", "clear", "burn"])
def test_estimated_gas_is_enough_and_not_much_more(
    coin: Contract, chain: Ledger, alice: Account, bob: Account, function: str
) -> None:
    if function == "burn":
        to, data = bob.address, b""
    else:
        args = {"move": (bob, 1), "note": ("n", MARK, b"y" * 100), "clear": ()}[function]
        to, data = coin.address, coin.encode(function, *args)
    request = {"from": alice.address, "to": to, "data": "0x" + data.hex()}
    estimate = int(chain.rpc("eth_estimateGas", request), 16)
    receipt = chain.wait(chain.send(alice, to, data, gas=estimate))
    # Refunds come after execution, so a clearing transaction needs up to a quarter more than it uses.
    assert receipt.gas_used <= estimate <= receipt.gas_used * 1.31


def test_logs_are_found_by_nested_topics(coin: Contract, chain: Ledger, alice: Account, bob: Account) -> None:
    carol, dave = Account.create("carol"), Account.create("dave")
    start = chain.block_number() + 1
    for to in (bob, carol, dave):
        coin.send(alice, "move", to, 1)
    coin.send(bob, "move", carol, 1)
    coin.send(alice, "note", "hello", MARK, b"body")
    moved = "0x" + keccak(b"Moved(address,address,uint256)").hex()
    noted = "0x" + keccak(b"Noted(string,bytes32,bytes)").hex()

    def word(account: Account) -> str:
        return "0x" + account.address[2:].lower().rjust(64, "0")

    def count(topics: Any, **more: Any) -> int:
        wanted = {
            "address": coin.address,
            "fromBlock": hex(start),
            "toBlock": "latest",
            "topics": topics,
            **more,
        }
        return len(chain.rpc("eth_getLogs", wanted))

    assert count([]) == 5
    assert count([moved]) == 4
    assert count([[moved, noted]]) == 5
    assert count([moved, word(alice)]) == 3
    assert count([moved, None, [word(carol), word(dave)]]) == 3
    assert count([[moved], [word(bob)], [word(carol)]]) == 1
    assert count([None, None, word(carol)]) == 2
    assert count([], address=[coin.address, alice.address]) == 5
    assert count([], address=alice.address) == 0
    assert count([], toBlock=hex(start)) == 1
    by_hash = {"blockHash": chain.block(start)["hash"], "address": coin.address}
    assert len(chain.rpc("eth_getLogs", by_hash)) == 1


def test_events_are_read_by_name_and_indexed_argument(
    coin: Contract, chain: Ledger, alice: Account, bob: Account
) -> None:
    start = chain.block_number() + 1
    receipt = coin.send(alice, "move", bob, 11)
    coin.send(alice, "note", "héllo", MARK, b"\x00\x01body")
    (moved,) = coin.events("Moved", start, to=bob)
    assert moved.args == {"sender": alice.address, "to": bob.address, "amount": 11}
    assert (moved.block, moved.tx, moved.index) == (receipt.block, receipt.tx, 0)
    assert coin.events_in(receipt) == [moved]
    (noted,) = coin.events("Noted", start, label="héllo")
    assert noted.args == {"label": keccak("héllo".encode()), "mark": MARK, "body": b"\x00\x01body"}
    assert coin.events("Noted", start, label="other") == []
    assert [event.name for event in coin.events(None, start)] == ["Moved", "Noted"]
    with pytest.raises(BadInput):
        coin.events("Moved", amount=11)


def test_watcher_gets_each_log_and_block_once(
    coin: Contract, chain: Ledger, alice: Account, bob: Account
) -> None:
    chain.rpc("evm_mine")
    logs = chain.rpc("eth_newFilter", {"address": coin.address, "fromBlock": "latest"})
    blocks = chain.rpc("eth_newBlockFilter")
    first = coin.send(alice, "move", bob, 1)
    assert [log["transactionHash"] for log in chain.rpc("eth_getFilterChanges", logs)] == [first.tx]
    assert chain.rpc("eth_getFilterChanges", blocks) == [first["blockHash"]]
    assert chain.rpc("eth_getFilterChanges", logs) == []
    assert chain.rpc("eth_getFilterChanges", blocks) == []
    assert chain.rpc("eth_uninstallFilter", logs) is True
    with pytest.raises(RpcError):
        chain.rpc("eth_getFilterChanges", logs)


def test_blocks_are_linked_and_found_by_number_and_hash(
    coin: Contract, chain: Ledger, alice: Account
) -> None:
    coin.send(alice, "move", alice, 1)
    newest = chain.block_number()
    for number in range(1, newest + 1):
        block = chain.block(number)
        assert block["parentHash"] == chain.block(number - 1)["hash"]
        assert block["timestamp"] >= chain.block(number - 1)["timestamp"]
        assert chain.block(block["hash"]) == block
    assert chain.rpc("eth_getBlockByNumber", hex(newest + 1000), False) is None
    assert chain.rpc("eth_getBlockByHash", "0x" + "11" * 32, False) is None


def test_block_header_fields_hash_to_the_block_hash(coin: Contract, chain: Ledger, alice: Account) -> None:
    import rlp

    block = chain.rpc("eth_getBlockByNumber", hex(coin.send(alice, "move", alice, 1).block), True)
    numbers = "difficulty number gasLimit gasUsed timestamp baseFeePerGas blobGasUsed excessBlobGas"
    names = "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty number"
    names += " gasLimit gasUsed timestamp extraData mixHash nonce baseFeePerGas withdrawalsRoot"
    names += " blobGasUsed excessBlobGas parentBeaconBlockRoot"
    fields = []
    for name in names.split():
        text = block[name][2:]
        if name in numbers.split():
            fields.append(rlp.sedes.big_endian_int.serialize(int(text, 16)))
        else:
            fields.append(bytes.fromhex(text))
    assert "0x" + keccak(rlp.encode(fields)).hex() == block["hash"]


def await_block_of(chain: Ledger, tx: str) -> Any:
    """A mined transaction; anvil may show it without its block for a moment after its receipt is there."""
    end = time.monotonic() + 10.0
    while (found := chain.rpc("eth_getTransactionByHash", tx))["blockHash"] is None:
        assert time.monotonic() < end, found
        time.sleep(0.01)
    return found


def test_transaction_is_shown_with_its_block_and_price(coin: Contract, chain: Ledger, alice: Account) -> None:
    receipt = coin.send(alice, "move", alice, 1)
    tx = await_block_of(chain, receipt.tx)
    assert tx["blockHash"] == receipt["blockHash"]
    assert int(tx["gasPrice"], 16) == receipt["effectiveGasPrice"]
    assert tx["from"].lower() == alice.address.lower()
    assert tx["input"] == "0x" + coin.encode("move", alice, 1).hex()
    full = chain.rpc("eth_getBlockByNumber", hex(receipt.block), True)["transactions"]
    assert [t["hash"] for t in full] == [receipt.tx]
    assert chain.rpc("eth_getBlockReceipts", hex(receipt.block))[0]["transactionHash"] == receipt.tx
    assert chain.rpc("eth_getTransactionByHash", "0x" + "00" * 32) is None
    assert chain.receipt("0x" + "00" * 32) is None


def test_account_facts_are_read_at_any_block(coin: Contract, chain: Ledger, alice: Account) -> None:
    pauper = Account.create("pauper").address
    before = chain.block_number()
    chain.wait(chain.send(alice, pauper, value=123))
    assert chain.balance(pauper) == 123
    assert int(chain.rpc("eth_getBalance", pauper, hex(before)), 16) == 0
    assert int(chain.rpc("eth_getTransactionCount", alice.address, "latest"), 16) > before // 4
    assert int(chain.rpc("eth_getTransactionCount", alice.address, "earliest"), 16) == 0
    assert len(chain.rpc("eth_getCode", coin.address, "latest")) > 1000
    assert chain.rpc("eth_getCode", pauper, "latest") == "0x"
    assert len(chain.rpc("eth_getStorageAt", coin.address, "0x0", "latest")) == 66


def test_batch_answers_every_call_in_order(coin: Contract, chain: Ledger, alice: Account) -> None:
    refused = {"to": coin.address, "data": "0x" + coin.encode("plain_refusal").hex()}
    number, refusal, chain_id, unknown = chain.batch(
        [("eth_blockNumber", []), ("eth_call", [refused, "latest"]), ("eth_chainId", []), ("eth_wrong", [])]
    )
    assert int(number, 16) == chain.block_number()
    assert isinstance(refusal, Reverted)
    assert int(chain_id, 16) == 31337
    assert isinstance(unknown, RpcError)
    assert unknown.rpc_code == -32601


def test_used_nonce_and_missing_money_are_refused(chain: Ledger, alice: Account) -> None:
    chain.wait(chain.send(alice, alice.address, value=1))
    fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1, "gas": 21_000, "chainId": 31337}
    old = alice.sign_transaction({"nonce": 0, "to": alice.address, "value": 1, **fees})
    with pytest.raises(NonceTooLow):
        chain.rpc("eth_sendRawTransaction", "0x" + old.hex())
    pauper = Account.create("another pauper")
    poor = pauper.sign_transaction({"nonce": 0, "to": alice.address, "value": 1, **fees})
    with pytest.raises(InsufficientFunds):
        chain.rpc("eth_sendRawTransaction", "0x" + poor.hex())
    foreign = alice.sign_transaction({"nonce": 9999, "to": alice.address, **fees, "chainId": 5})
    with pytest.raises(RpcError):
        chain.rpc("eth_sendRawTransaction", "0x" + foreign.hex())
    with pytest.raises((TransactionRejected, RpcError)):
        chain.rpc("eth_sendRawTransaction", "0x02c0")


def test_transaction_ahead_of_its_nonce_waits_for_the_gap(
    chain: Ledger, alice: Account, bob: Account
) -> None:
    nonce = int(chain.rpc("eth_getTransactionCount", bob.address, "pending"), 16)
    fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9, "gas": 21_000, "chainId": 31337}
    later, sooner = (
        chain.rpc(
            "eth_sendRawTransaction",
            "0x" + bob.sign_transaction({"nonce": n, "to": alice.address, "value": n, **fees}).hex(),
        )
        for n in (nonce + 1, nonce)
    )
    blocks = [chain.wait(tx).block for tx in (sooner, later)]
    assert blocks[0] <= blocks[1]
    assert int(chain.rpc("eth_getTransactionCount", bob.address, "pending"), 16) == nonce + 2


def test_threads_share_one_account(coin: Contract, chain: Ledger, alice: Account) -> None:
    hoarder = Account.create("hoarder")
    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(lambda n: coin.send(alice, "move", hoarder, n), range(1, 25)))
    assert len({receipt.tx for receipt in receipts}) == 24
    assert coin.call("balances", hoarder) == sum(range(1, 25))


def test_snapshot_brings_everything_back(coin: Contract, chain: Ledger, alice: Account, bob: Account) -> None:
    before = chain.block_number(), coin.call("balances", bob), chain.balance(alice)
    snapshot = chain.rpc("evm_snapshot")
    gone = coin.send(alice, "move", bob, 5)
    assert chain.rpc("evm_revert", snapshot) is True
    assert (chain.block_number(), coin.call("balances", bob), chain.balance(alice)) == before
    assert chain.receipt(gone.tx) is None
    assert chain.rpc("evm_revert", snapshot) is False
    assert coin.send(alice, "move", bob, 5).block == gone.block


def test_time_travels_forward_and_stays(coin: Contract, chain: Ledger, alice: Account) -> None:
    start = chain.block(coin.send(alice, "move", alice, 1).block)["timestamp"]
    chain.rpc("evm_increaseTime", 86_400)
    chain.rpc("evm_mine")
    tomorrow = chain.block()["timestamp"]
    assert start + 86_400 <= tomorrow <= start + 86_460
    chain.rpc("evm_setNextBlockTimestamp", tomorrow + 1_000_000)
    exact = chain.block(coin.send(alice, "move", alice, 1).block)["timestamp"]
    assert exact == tomorrow + 1_000_000
    assert coin.call("surroundings", block=chain.block_number())[1] == exact
    chain.rpc("evm_mine")
    assert exact <= chain.block()["timestamp"] <= exact + 60
    with pytest.raises(RpcError):
        chain.rpc("evm_setNextBlockTimestamp", 1_000)


def test_several_transactions_share_a_block_when_mining_is_by_hand(
    coin: Contract, chain: Ledger, alice: Account, bob: Account
) -> None:
    chain.rpc("evm_setAutomine", False)
    try:
        sent = [coin.submit(alice, "move", bob, n, gas=100_000) for n in (1, 2)]
        sent.append(coin.submit(bob, "move", alice, 1, gas=100_000))
        assert chain.receipt(sent[0]) is None
        chain.rpc("evm_mine")
    finally:
        chain.rpc("evm_setAutomine", True)
    receipts = [chain.wait(tx) for tx in sent]
    assert len({receipt.block for receipt in receipts}) == 1
    places = sorted(receipt["transactionIndex"] for receipt in receipts)
    assert places == [0, 1, 2]
    assert sorted(log["logIndex"] for receipt in receipts for log in receipt["logs"]) == [0, 1, 2]
    assert (
        max(receipt["cumulativeGasUsed"] for receipt in receipts) == chain.block(receipts[0].block)["gasUsed"]
    )


def test_fee_history_covers_the_asked_blocks(chain: Ledger) -> None:
    history = chain.rpc("eth_feeHistory", "0x2", "latest", [10, 90])
    newest = chain.block_number()
    assert int(history["oldestBlock"], 16) == newest - 1
    fees = [int(fee, 16) for fee in history["baseFeePerGas"]]
    assert fees[:2] == [chain.block(n)["baseFeePerGas"] for n in (newest - 1, newest)]
    assert len(fees) == 3
    assert len(history["gasUsedRatio"]) == len(history["reward"]) == 2


def test_wallet_questions_have_answers(chain: Ledger) -> None:
    assert chain.rpc("net_version") == "31337"
    assert isinstance(chain.rpc("web3_clientVersion"), str)
    assert chain.rpc("eth_syncing") is False
    assert chain.rpc("eth_accounts") == []
    assert int(chain.rpc("eth_gasPrice"), 16) > 0
    assert int(chain.rpc("eth_maxPriorityFeePerGas"), 16) >= 0
    assert chain.rpc("web3_sha3", "0x00") == "0x" + keccak(b"\x00").hex()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBalance", ["0x12"]),
        ("eth_getBalance", []),
        ("eth_call", ["nothing", "latest"]),
        ("eth_getLogs", [{"fromBlock": "yesterday"}]),
        ("eth_sendRawTransaction", ["xyz"]),
    ],
)
def test_malformed_parameters_are_invalid_params(chain: Ledger, method: str, params: list[Any]) -> None:
    with pytest.raises(RpcError) as refusal:
        chain.rpc(method, *params)
    assert refusal.value.rpc_code in (-32602, -32600)
