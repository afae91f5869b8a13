"""Nodes as the ledger has them."""

from __future__ import annotations

from weftwork.compute.render.peer import NodeSeat, list_by_wallet


def test_wallet_with_several_agents_is_known_by_the_one_that_has_most_to_lose() -> None:
    bare, bonded, other = (
        NodeSeat(uid, agent, wallet, "http://node", collateral=pledge)
        for uid, agent, wallet, pledge in ((2, 12, "0xa", 0), (0, 10, "0xa", 50), (1, 11, "0xb", 0))
    )
    for seats in ([bare, bonded, other], [bonded, other, bare]):
        assert list_by_wallet(seats) == {"0xa": bonded, "0xb": other}
