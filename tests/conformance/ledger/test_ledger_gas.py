"""The same signed transactions on the embedded node and on anvil: equal gas, receipts, roots, base fees."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from weftwork.ledger import Account, Artifact, Ledger, keccak

MARK = keccak(b"mark")
GWEI = 10**9


class Teller:
    """Signs with fixed fees, so that both nodes get the very same bytes."""

    def __init__(self, chain: Ledger) -> None:
        self.chain = chain
        self.nonces: dict[str, int] = {}
        self.sent: list[str] = []

    def send(
        self, account: Account, to: Any, data: bytes = b"", value: int = 0, gas: int = 500_000
    ) -> dict[str, Any]:
        nonce = self.nonces.get(account.address, 0)
        self.nonces[account.address] = nonce + 1
        legacy = nonce % 5 == 3
        fees = (
            {"gasPrice": 40 * GWEI}
            if legacy
            else {"maxFeePerGas": 50 * GWEI, "maxPriorityFeePerGas": 2 * GWEI}
        )
        target = to if to is None or isinstance(to, str) else to.address
        tx = {
            "chainId": 31337,
            "nonce": nonce,
            "gas": gas,
            "to": target,
            "value": value,
            "data": data,
            **fees,
        }
        digest = self.chain.rpc("eth_sendRawTransaction", "0x" + account.sign_transaction(tx).hex())
        self.sent.append(digest)
        while (receipt := self.chain.receipt(digest)) is None:
            pass
        return receipt

    def deploy(self, account: Account, artifact: Artifact, *args: Any) -> Any:
        data = artifact.bytecode + artifact.codec.constructor().encode(args)
        return self.chain.contract(artifact, self.send(account, None, data, gas=3_000_000)["contractAddress"])


def play(chain: Ledger, artifacts: dict[str, Artifact], alice: Account, bob: Account) -> list[dict[str, Any]]:
    """One life of two contracts; returns what each transaction's receipt and block say."""
    teller = Teller(chain)
    coin = teller.deploy(alice, artifacts["Coin"], 10**24)
    maker = teller.deploy(alice, artifacts["Maker"])

    def use(
        contract: Any, account: Account, name: str, *args: Any, value: int = 0, gas: int = 500_000
    ) -> None:
        teller.send(account, contract, contract.encode(name, *args), value, gas)

    signature = alice.sign_hash(MARK)
    nobody = "0x" + "42" * 20
    teller.send(alice, nobody, value=10**18)
    teller.send(alice, nobody, value=1)
    teller.send(alice, bob, b"\x00\x01\x02\x00", value=5)
    use(coin, alice, "move", bob, 10**18)
    use(coin, alice, "move", bob, 10**18)
    use(coin, alice, "move", maker, 10**18)
    use(coin, bob, "move", alice, 10**30)
    use(coin, alice, "note", "first", MARK, b"x" * 200)
    use(coin, alice, "pay", value=10**17)
    use(coin, alice, "move", bob, 1, value=1)
    use(coin, alice, "burn_all_gas", gas=100_000)
    use(coin, alice, "plain_refusal")
    use(coin, alice, "overflow", 2)
    use(coin, alice, "move", bob, 1, gas=30_000)
    use(maker, alice, "make", coin)
    use(maker, alice, "make_at", coin, MARK)
    use(maker, alice, "make_at", coin, MARK)
    use(maker, alice, "copy", coin, gas=2_000_000)
    use(maker, alice, "move", coin, bob, 10**17)
    use(maker, alice, "try_move", coin, bob, 10**30)
    use(maker, alice, "guarded", 20)
    use(maker, alice, "forward", "0x" + "77" * 20, value=9)
    # From here on zeros are written and empty accounts touched. anvil keeps both in its tries, where the
    # Yellow Paper and EIP-161 have nothing, so the state roots part; everything else stays equal.
    cleared = len(teller.sent)
    teller.send(alice, None, b"\xfe", gas=29_000_000)
    teller.send(alice, None, b"\x5b\x60\x00\x56", gas=1_000_000)
    teller.send(alice, None, bytes.fromhex("60016000f3"))
    teller.send(alice, None, bytes.fromhex("ef60005260206000f3"))
    teller.send(alice, None, bytes.fromhex("33ff"))
    use(maker, alice, "recover", MARK, signature[64], signature[:32], signature[32:64])
    use(maker, alice, "hashes", bytes(range(256)))
    use(maker, alice, "forward", "0x" + "78" * 20, value=0)
    teller.send(alice, "0x" + "00" * 19 + "04", b"identity")
    teller.send(alice, "0x" + "00" * 19 + "03", b"ripemd")
    use(coin, alice, "note", "second", MARK, b"")
    use(coin, bob, "move", alice, chain.contract(coin.artifact, coin.address).call("balances", bob))
    use(coin, alice, "clear")
    use(maker, alice, "write_and_clear", 10)
    teller.send(bob, alice, value=chain.balance(bob) - 21_000 * 50 * GWEI, gas=21_000)
    return [_told(chain, digest, place < cleared) for place, digest in enumerate(teller.sent)]


def _told(chain: Ledger, digest: str, with_state: bool) -> dict[str, Any]:
    receipt = chain.receipt(digest)
    assert receipt is not None
    block = chain.block(receipt.block)
    keys = (
        "status",
        "gasUsed",
        "cumulativeGasUsed",
        "effectiveGasPrice",
        "transactionHash",
        "type",
        "to",
        "from",
    )
    out = {key: receipt[key] for key in (*keys, "logsBloom", "blockNumber", "transactionIndex")}
    out["created"] = receipt["contractAddress"] if receipt["status"] else None
    out["logs"] = [(log["address"], log["topics"], log["data"], log["logIndex"]) for log in receipt["logs"]]
    for key in ("transactionsRoot", "receiptsRoot", "baseFeePerGas", "gasUsed", "transactions"):
        out[f"block {key}"] = block[key]
    if with_state:
        out["state root"] = block["stateRoot"]
    return out


@pytest.fixture(scope="module")
def lives(
    open_node: Callable[[str], Ledger], artifacts: dict[str, Artifact], alice: Account, bob: Account
) -> list[list[dict[str, Any]]]:
    """The same life on both nodes."""
    return [play(open_node(kind), artifacts, alice, bob) for kind in ("anvil", "embedded")]


def test_every_transaction_has_the_same_gas_receipt_and_roots_on_both_nodes(
    lives: list[list[dict[str, Any]]],
) -> None:
    anvil, ours = lives
    assert [entry["status"] for entry in ours].count(0) >= 9
    for place, (mine, theirs) in enumerate(zip(ours, anvil, strict=True)):
        for key, value in theirs.items():
            assert mine[key] == value, f"transaction {place}: {key}"


def test_base_fee_rises_and_falls(lives: list[list[dict[str, Any]]]) -> None:
    fees = [entry["block baseFeePerGas"] for entry in lives[1]]
    assert any(b > a for a, b in pairwise(fees))
    assert any(b < a for a, b in pairwise(fees))
