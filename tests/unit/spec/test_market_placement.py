"""Who can take a group: attributes, auditors, amounts and kinds of GPU."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weftwork.spec.placement import (
    Demand,
    Offer,
    Unit,
    Volume,
    find_failures,
    is_audited,
    match_glob,
    match_gpu,
)

GIB = 2**30
A100 = "vendor/nvidia/model/a100/ram/80Gi/interface/sxm"
provider = Offer(
    "acme",
    cpu=8_000,
    memory=32 * GIB,
    storage={"default": 100 * GIB, "beta3": 10 * GIB},
    gpu=2,
    node_cpu=4_000,
    attributes=(("region", "us-west"), ("host", "acme"), ("capabilities/gpu/" + A100, "true")),
    signed={"ann": (("region", "us-west"),), "bob": (("region", "us-east"),)},
)
order = Demand((Unit(2, 1_000, GIB, (Volume(5 * GIB),), gpu=1, gpus=("vendor/nvidia/model/a100",)),))


def failures(**changes):
    return [(f.constraint, f.short) for f in find_failures(replace(order, **changes), provider)]


def test_a_provider_with_enough_of_everything_matches():
    assert failures() == []


@pytest.mark.parametrize(
    ("glob", "text", "matches"),
    [
        ("region", "region", True),
        ("region/*", "region/us", True),
        ("region/*", "region/us/west", False),
        ("r*n", "region", True),
        ("us-?", "us-1", True),
        ("us-?", "us-/", False),
        ("zone[1-3]", "zone2", True),
        ("zone[1-3]", "zone4", False),
        ("a.b", "axb", False),
        ("[", "[", True),
    ],
)
def test_globs_stop_at_a_slash(glob, text, matches):
    assert match_glob(glob, text) is matches


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        ("vendor/nvidia/model/*", True),
        ("vendor/nvidia/model/a100", True),
        ("vendor/nvidia/model/A100/ram/80Gi", True),
        ("vendor/nvidia/model/a100/ram/40Gi", False),
        ("vendor/nvidia/model/a*/interface/sxm", True),
        ("vendor/nvidia/model/a100/interface/pcie", False),
        ("vendor/amd/model/*", False),
    ],
)
def test_gpus_match_down_to_ram_and_interface(wanted, matches):
    assert match_gpu(wanted, "capabilities/gpu/" + A100) is matches


def test_a_gpu_without_stated_ram_does_not_do_for_one_who_asks_for_ram():
    assert not match_gpu("vendor/nvidia/model/a100/ram/80Gi", "capabilities/gpu/vendor/nvidia/model/a100")


def test_any_of_the_demanded_kinds_will_do():
    unit = replace(order.units[0], gpus=("vendor/nvidia/model/h100", "vendor/nvidia/model/a100"))
    assert failures(units=(unit,)) == []
    assert failures(units=(replace(unit, gpus=unit.gpus[:1]),)) == [("gpu kind", None)]


def test_what_is_short_is_named_with_the_amount():
    unit = Unit(9, 1_000, 4 * GIB, (Volume(2 * GIB, "beta3", True),), gpu=0)
    assert failures(units=(unit,)) == [
        ("cpu", 1_000),
        ("memory", 4 * GIB),
        ("storage beta3", 8 * GIB),
    ]


def test_a_replica_is_never_split_over_two_machines():
    assert failures(units=(Unit(1, 5_000, GIB),)) == [("cpu on one machine", 1_000)]


def test_without_auditors_the_providers_own_word_counts():
    assert failures(attributes=(("region", "us-west"),)) == []
    assert failures(attributes=(("region", "us-east"),)) == [("attribute region", None)]


def test_every_one_of_all_and_one_of_any_must_have_signed():
    west = (("region", "us-west"),)
    assert is_audited(west, ("ann",), (), provider.signed)
    assert not is_audited(west, ("ann", "bob"), (), provider.signed)
    assert is_audited(west, (), ("bob", "ann"), provider.signed)
    assert not is_audited(west, ("ann",), ("bob", "cat"), provider.signed)
    assert failures(attributes=west, all_of=("ann", "cat")) == [("audited by cat", None)]
    assert failures(attributes=west, all_of=("bob",)) == [("attribute region signed by bob", None)]
    assert failures(attributes=west, any_of=("cat", "bob")) == [("attribute region signed by bob", None)]
