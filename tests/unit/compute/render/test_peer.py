"""Nodes as the ledger has them."""

from __future__ import annotations

from weftwork.compute.render.peer import NodeSeat, list_by_wallet


def test_wallet_with_several_agents_is_known_by_the_one_that_has_most_to_lose() -> None:
    bare, leaving, other = (
        NodeSeat(uid, agent, wallet, "http://node", collateral=stands, pledge=pledge)
        for uid, agent, wallet, stands, pledge in (
            (2, 12, "0xa", 1, 1),
            (0, 10, "0xa", 0, 50),
            (1, 11, "0xb", 0, 0),
        )
    )
    for seats in ([bare, leaving, other], [leaving, other, bare]):
        assert list_by_wallet(seats) == {"0xa": leaving, "0xb": other}
