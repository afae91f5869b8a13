"""A founder's annex is found once, however many others annex, and forgotten where the chain is another."""

from __future__ import annotations

from typing import Any

import pytest

from weftwork import ledger
from weftwork.errors import NetworkNotFound, RpcError
from weftwork.ledger import annex
from weftwork.ledger.annex import find_annex
from weftwork.ledger.deployment import WAD, deploy_network

LAYER = "garden"


@pytest.fixture
def raised(monkeypatch):
    with ledger.connect("embedded:", dev=True) as chain:
        founder = chain.treasury()
        contracts = deploy_network(chain, founder)
        stranger = ledger.Account.create(seed="a stranger who annexes")
        chain.wait(chain.send(founder, stranger.address, value=WAD))
        asked: list[tuple[str, Any]] = []
        plain = chain.rpc

        def counted(method: str, *params: Any) -> Any:
            asked.append((method, params))
            return plain(method, *params)

        monkeypatch.setattr(chain, "rpc", counted)
        yield chain, founder, stranger, contracts, asked


def add(chain, account, contracts, place):
    return chain.deploy(account, "Annex", contracts.epochs, LAYER, [("bed", place.address)])


def test_what_strangers_annex_later_costs_nobody_a_look(raised):
    chain, founder, stranger, contracts, asked = raised
    add(chain, stranger, contracts, stranger)
    add(chain, founder, contracts, founder)
    since = chain.block_number()
    for _ in range(5):
        add(chain, stranger, contracts, stranger)
    asked.clear()
    assert find_annex(chain, contracts, LAYER) == {"bed": founder.address}
    receipts = [params for method, params in asked if method == "eth_getTransactionReceipt"]
    assert len(receipts) <= 4, "those of Epochs, of the one forged before, and of the founder's"
    logs = [params[0] for method, params in asked if method == "eth_getLogs" and "address" not in params[0]]
    assert all(int(one["fromBlock"], 16) > 0 for one in logs), "nothing is older than Epochs"
    asked.clear()
    assert find_annex(chain, contracts, LAYER) == {"bed": founder.address}
    assert [method for method, _ in asked] == ["eth_getBlockByNumber", "eth_blockNumber"]
    assert find_annex(chain, contracts, LAYER, block=since) == {"bed": founder.address}
    with pytest.raises(NetworkNotFound, match="has no garden layer"):
        find_annex(chain, contracts, LAYER, block=since - 1)


def test_annex_that_comes_later_is_found_and_only_new_blocks_are_read(raised, monkeypatch):
    chain, founder, stranger, contracts, asked = raised
    monkeypatch.setattr(annex, "SPAN", 2)
    add(chain, stranger, contracts, stranger)
    with pytest.raises(NetworkNotFound):
        find_annex(chain, contracts, LAYER)
    seen = chain.block_number()
    add(chain, founder, contracts, founder)
    asked.clear()
    assert find_annex(chain, contracts, LAYER) == {"bed": founder.address}
    logs = [params[0] for method, params in asked if method == "eth_getLogs" and "address" not in params[0]]
    assert [int(one["fromBlock"], 16) for one in logs] == [seen + 1]


def test_chain_that_was_rewound_is_read_again(raised):
    chain, founder, stranger, contracts, _ = raised
    point = chain.rpc("evm_snapshot")
    add(chain, founder, contracts, founder)
    assert find_annex(chain, contracts, LAYER) == {"bed": founder.address}
    chain.rpc("evm_revert", point)
    add(chain, stranger, contracts, stranger)
    with pytest.raises(NetworkNotFound):
        find_annex(chain, contracts, LAYER)
    add(chain, founder, contracts, stranger)
    assert find_annex(chain, contracts, LAYER) == {"bed": stranger.address}


def test_node_that_gives_few_logs_at_once_is_asked_for_less(raised, monkeypatch):
    chain, founder, _, contracts, _ = raised
    add(chain, founder, contracts, founder)
    plain = chain.rpc

    def stingy(method: str, *params: Any) -> Any:
        if method == "eth_getLogs" and "address" not in params[0]:
            wanted = params[0]
            if int(wanted["toBlock"], 16) - int(wanted["fromBlock"], 16) > 3:
                raise RpcError(-32005, "query returned more than 10000 results")
        return plain(method, *params)

    monkeypatch.setattr(chain, "rpc", stingy)
    assert find_annex(chain, contracts, LAYER) == {"bed": founder.address}
