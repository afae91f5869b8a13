"""Bundles: orders and receipts that cannot be changed, moved or mistaken, whoever makes them again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weftwork.compute.render.bundle import (
    Manifest,
    Order,
    check_receipt,
    deliverable,
    order_text,
    write_order,
    write_receipt,
)
from weftwork.compute.render.journal import Plan, cut_bundles
from weftwork.compute.render.scene import Scene
from weftwork.compute.render.tile import split_frame
from weftwork.errors import BadAnswer, BadInput
from weftwork.ledger import Account
from weftwork.records import Domain
from weftwork.spec.merkle import hash_leaf, merkle_proof, verify_proof
from weftwork.units import Digest

SCENE = Scene("mitsuba-xml", "scene.xml", {"scene.xml": "0" * 64}, 100, 60, 4, 8)
RENDER = Digest.of(b"render")
DOMAIN = Domain(1, "0x" + "11" * 20)
ARTIST, NODE = Account.create(seed="artist"), Account.create(seed="node")
MANIFEST = Manifest(RENDER, SCENE, split_frame(100, 60, 32, frame=2), 4, "economy", 3)


def make_order(manifest: Manifest = MANIFEST, index: int = 0, secret: bytes = b"s") -> Order:
    return write_order(
        manifest,
        7,
        index,
        account=ARTIST,
        domain=DOMAIN,
        subnet=2,
        budget=1_000,
        secret=secret,
        time=5,
        lifetime=100,
    )


def test_a_manifest_survives_its_json_and_each_change_gives_another_digest() -> None:
    again = Manifest.from_json(MANIFEST.to_json())
    assert again == MANIFEST
    assert again.words == f"weft render {MANIFEST.digest}"
    others = [
        replace(MANIFEST, attempt=1),
        replace(MANIFEST, number=4),
        replace(MANIFEST, spp=5),
        replace(MANIFEST, tier="trusted"),
        replace(MANIFEST, tiles=MANIFEST.tiles[1:]),
        replace(MANIFEST, render=Digest.of(b"other")),
    ]
    assert len({one.digest for one in [MANIFEST, *others]}) == 7
    assert {one.seed(0) for one in others[:4]} == {MANIFEST.seed(0)}


def test_a_manifest_with_tiles_outside_or_twice_is_refused() -> None:
    with pytest.raises(BadInput):
        replace(MANIFEST, tiles=())
    with pytest.raises(BadInput):
        replace(MANIFEST, tiles=MANIFEST.tiles[:1] * 2)
    with pytest.raises(BadInput):
        replace(MANIFEST, tiles=split_frame(100, 61, 64, frame=2))
    with pytest.raises(BadInput):
        replace(MANIFEST, tiles=split_frame(100, 60, 64, frame=9))
    for broken in ({}, MANIFEST.to_json() | {"more": 1}, MANIFEST.to_json() | {"spp": "4"}):
        with pytest.raises(BadInput):
            Manifest.from_json(broken)


def test_an_order_made_again_is_the_same_and_its_text_cannot_be_changed() -> None:
    order = make_order()
    assert make_order().request.id == order.request.id
    assert len({make_order(index=i).request.id for i in range(len(MANIFEST.tiles))}) == len(MANIFEST.tiles)
    assert make_order(secret=b"t").request.id != order.request.id
    assert Order.from_json(order.to_json()) == order
    assert order.text == order_text(MANIFEST, 7, 0)
    assert order.place == (7, str(MANIFEST.digest), tuple(MANIFEST.tiles[0].to_json()))
    with pytest.raises(BadInput, match="commits to"):
        Order.from_json(order.to_json() | {"text": order.text.replace('"job":7', '"job":8')})
    for broken in ({}, {"request": 1}, order.to_json() | {"salt": "zz"}):
        with pytest.raises(BadInput):
            Order.from_json(broken)


def test_prices_of_tiles_add_up_to_no_more_than_the_budget() -> None:
    parts = [MANIFEST.price(index, 1_000) for index in range(len(MANIFEST.tiles))]
    assert 1_000 - len(parts) < sum(parts) <= 1_000


def test_a_receipt_counts_only_for_its_order_its_node_its_price_and_its_build() -> None:
    order = make_order()
    receipt = write_receipt(order, RENDER, "build", 9, account=NODE, domain=DOMAIN, time=6)
    assert check_receipt(receipt, order, NODE.address, "build", DOMAIN) is receipt
    for other, worker, build in (
        (make_order(index=1), NODE.address, "build"),
        (order, ARTIST.address, "build"),
        (order, NODE.address, "another"),
    ):
        with pytest.raises(BadAnswer):
            check_receipt(receipt, other, worker, build, DOMAIN)
    with pytest.raises(BadAnswer):
        check_receipt(order.request, order, NODE.address, "build", DOMAIN)
    dear = replace(receipt.record, price=receipt.record.price + 1)
    signed = type(receipt)(dear, NODE.sign_hash(dear.digest(DOMAIN)))
    with pytest.raises(BadAnswer):
        check_receipt(signed, order, NODE.address, "build", DOMAIN)


def test_a_deliverable_commits_to_every_receipt_in_its_place() -> None:
    names = [Digest.of(bytes([i])) for i in range(5)]
    root = deliverable(names)
    leaves = [hash_leaf(name) for name in names]
    assert verify_proof(root, leaves[3], 3, merkle_proof(leaves, 3))
    assert deliverable(names[::-1]) != root
    assert deliverable(names[:4]) != root


@given(st.integers(1, 40), st.integers(1, 6), st.sampled_from([8, 16, 32, 64]))
def test_bundles_part_each_frame_and_give_every_node_work_where_tiles_suffice(
    nodes: int, frames: int, size: int
) -> None:
    plan = Plan(RENDER, SCENE, tuple(range(1, frames + 1)), size, 4, "economy", 800, 1, 1, 1)
    bundles = cut_bundles(plan, nodes)
    tiles = [tile for bundle in bundles for tile in bundle]
    whole = [tile for frame in plan.frames for tile in split_frame(100, 60, size, frame=frame)]
    assert sorted(tiles) == sorted(whole)
    assert all(len({tile.frame for tile in bundle}) == 1 and len(bundle) <= 256 for bundle in bundles)
    assert len(bundles) >= min(nodes, len(whole))
    assert Plan.from_json(plan.to_json()) == plan
