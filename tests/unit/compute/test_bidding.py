"""Pricing an order, quoting it, choosing among bids, and saying why nobody bids."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from harness.bubble import needs_sandbox

from weftwork.compute.bidding import (
    BLOCKS_A_MONTH,
    POLICIES,
    Candidate,
    Load,
    Request,
    Tariff,
    by_hand,
    only_audited,
    price_by_script,
    price_order,
)
from weftwork.compute.error import NoBid
from weftwork.compute.matching import Directory
from weftwork.compute.quote import find_quotes
from weftwork.compute.why import explain, format_table, summarise
from weftwork.sandbox import python_paths
from weftwork.spec.placement import Demand, Offer, Unit, Volume
from weftwork.units import WAD

GIB = 2**30
A100 = "vendor/nvidia/model/a100/ram/80Gi"
order = Demand((Unit(2, 1_500, 4 * GIB, (Volume(10 * GIB, "beta3", True),), 1, (A100,), endpoints=1),))
request = Request(order, "tenant", "weft", 10**15)
tariff = Tariff(
    cpu=WAD, memory=WAD // 2, storage={"beta3": WAD // 100}, gpu=100 * WAD, gpu_by_kind={A100: 70 * WAD}
)


def ask(script, given=request, **settings):
    return asyncio.run(price_by_script(script, given, **settings))


def test_a_tariff_prices_each_resource_for_a_month_of_blocks_rounded_up():
    month = 2 * (15 * WAD // 10 + 4 * WAD // 2 + 10 * WAD // 100 + 70 * WAD)
    assert tariff(request) == -(-month // BLOCKS_A_MONTH)
    plain = replace(order.units[0], gpus=("vendor/nvidia/model/*",))
    assert tariff.price(Load.of(Demand((plain,)))) > tariff(request)


def test_a_pricing_that_is_too_dear_or_breaks_makes_no_bid():
    for pricing in (
        lambda _: 10**15 + 1,
        lambda _: None,
        lambda _: 0,
        lambda _: -5,
        lambda _: 1.5,
        lambda _: 1 / 0,
    ):
        with pytest.raises(NoBid):
            price_order(pricing, request)
    assert price_order(lambda _: 10**15, request) == 10**15


@needs_sandbox
def test_a_script_reads_the_order_and_its_environment_and_writes_the_price():
    script = """#!/bin/sh
    test "$AKASH_OWNER" = tenant && test "$AKASH_DENOM" = weft || exit 3
    cat >/tmp/order
    grep -q '"price_precision": 18' /tmp/order && grep -q '"model": "a100"' /tmp/order || exit 4
    echo "0.000$PRICE_TARGET_CPU"
    """
    assert ask(script, settings={"PRICE_TARGET_CPU": "16"}) == 16 * 10**13


@needs_sandbox
def test_a_script_in_python_gets_the_whole_object():
    head = "#!/usr/bin/env python3\nimport json, sys\nd = json.load(sys.stdin)\n"
    script = head + "print(d['resources'][0]['count'] * 1e-5)\n"
    seen = json.loads(json.dumps(request.to_json()))
    assert seen["resources"][0]["storage"] == [{"class": "beta3", "size": 10 * GIB}]
    assert seen["resources"][0]["gpu"]["attributes"]["vendor"] == {"nvidia": {"model": "a100", "ram": "80Gi"}}
    with pytest.raises(NoBid):
        ask(script, read_only=python_paths())
    exact = script.replace("print(d['resources'][0]['count'] * 1e-5)", "print('0.00002')")
    assert ask(exact, read_only=python_paths()) == 2 * 10**13


@needs_sandbox
@pytest.mark.parametrize(
    "script",
    ["exit 1", "echo 0", "echo -1", "true", "echo many", "echo 1e5", "echo 0.1", "exec sleep 60", "yes"],
)
def test_a_script_that_refuses_hangs_or_babbles_makes_no_bid(script):
    with pytest.raises(NoBid):
        ask(script, seconds=1.0)


@needs_sandbox
def test_a_script_reaches_neither_the_host_nor_the_network(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("0.0001")
    with pytest.raises(NoBid):
        ask(f"cat {secret}")
    with pytest.raises(NoBid):
        ask("ls /sys/class/net | grep -qv lo && echo 0.0001")


bids = [
    Candidate(1, 50, score=90),
    Candidate(2, 40, score=20, audited=True),
    Candidate(3, 40, score=30),
    Candidate(4, 60, score=90, audited=True),
]


@pytest.mark.parametrize(
    ("policy", "agent"),
    [
        (POLICIES["cheapest"], 3),
        (POLICIES["best"], 1),
        (POLICIES["value"], 1),
        (POLICIES["audited"], 2),
        (only_audited(POLICIES["best"]), 4),
        (by_hand(4), 4),
    ],
)
def test_a_tenants_policy_picks_its_bid(policy, agent):
    assert policy(bids).agent == agent
    assert policy([]) is None


def offers():
    gpu = (("capabilities/gpu/" + A100, "true"), ("region", "us-west"))
    big = Offer("big", 64_000, 256 * GIB, {"beta3": 1_000 * GIB}, 8, attributes=gpu)
    return [
        big,
        replace(big, name="dear"),
        replace(big, name="small", cpu=2_000, storage={}),
        replace(big, name="other", attributes=(("capabilities/gpu/vendor/nvidia/model/t4", "true"),)),
        replace(big, name="shy"),
    ]


def pricing_of(name):
    return {"dear": lambda _: 2 * 10**15, "shy": lambda _: None}.get(name, tariff)


def test_why_no_bid_names_each_provider_its_constraint_and_how_much_is_missing():
    report = explain(request, offers(), pricing_of)
    table = {(row.provider, row.constraint): row for row in report.rows}
    assert [name for name, _ in report.bids] == ["big"]
    assert table["small", "cpu"].short == "1 CPU"
    assert table["small", "storage beta3"].short == "20Gi"
    assert table["other", "gpu kind"].has == "vendor/nvidia/model/t4"
    assert table["dear", "price"].short == "0.001000000000000000"
    assert table["shy", "pricing"].has == "the provider makes no bid"
    assert {row.provider for row in report.near} == {"dear", "other", "shy"}
    assert summarise(report)[0] == "1 of 5 providers bid"
    assert "small     storage beta3" in format_table(report.rows)
    assert json.dumps(report.to_json())


def test_a_quote_is_the_price_that_will_be_bid():
    quotes = find_quotes(request, Directory(offers()), pricing_of)
    assert [(one.provider, one.price) for one in quotes] == [("big", tariff(request))]
