"""One order against many providers: the fast path finds exactly those whom the spec finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weftwork.compute import sdl
from weftwork.compute.matching import Directory, read_demand, read_offer
from weftwork.spec.placement import Demand, Offer, Unit, Volume, find_failures

KEYS = ["region", "region/zone", "tier", "host"]
GPUS = ["vendor/nvidia/model/a100/ram/80Gi", "vendor/nvidia/model/a100", "vendor/amd/model/mi300"]
attributes = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from("ab")), max_size=3, unique=True).map(
    tuple
)
gpu_kinds = st.lists(st.sampled_from(GPUS), max_size=2, unique=True)
auditors = st.lists(st.sampled_from(["ann", "bob", "cat"]), max_size=2, unique=True).map(tuple)
few = st.integers(0, 4)


@st.composite
def offers(draw):
    own = draw(attributes) + tuple(("capabilities/gpu/" + one, "true") for one in draw(gpu_kinds))
    return Offer(
        "p",
        cpu=draw(few),
        memory=draw(few),
        storage=draw(st.dictionaries(st.sampled_from(["default", "beta3"]), few)),
        gpu=draw(few),
        node_cpu=draw(st.one_of(st.none(), few)),
        node_gpu=draw(st.one_of(st.none(), few)),
        endpoints=draw(few),
        attributes=own,
        signed=draw(st.dictionaries(st.sampled_from(["ann", "bob"]), attributes)),
    )


@st.composite
def demands(draw):
    wanted = draw(
        st.lists(
            st.tuples(st.sampled_from([*KEYS, "reg*", "region/*", "?ost"]), st.sampled_from("ab")), max_size=2
        ).map(tuple)
    )
    units = [
        Unit(
            draw(st.integers(1, 2)),
            draw(few) // 2,
            draw(few) // 2,
            draw(
                st.lists(st.builds(Volume, few, st.sampled_from(["default", "beta3"])), max_size=1).map(tuple)
            ),
            draw(few) // 2,
            draw(st.lists(st.sampled_from([*GPUS, "vendor/nvidia/model/*"]), max_size=2).map(tuple)),
            endpoints=draw(few) // 3,
        )
        for _ in range(draw(st.integers(1, 2)))
    ]
    return Demand(tuple(units), wanted, draw(auditors), draw(auditors))


@given(st.lists(offers(), max_size=12), demands())
def test_the_columns_find_whom_the_spec_finds(many, demand):
    mask = Directory(many).match(demand)
    assert list(mask) == [not find_failures(demand, one) for one in many]


def test_a_deployment_file_becomes_a_demand():
    text = """
version: "2.0"
services:
  web:
    image: nginx:1.27
    expose: [{port: 80, to: [{global: true}]}]
profiles:
  compute:
    web:
      resources:
        cpu: {units: 0.5}
        memory: {size: 512Mi}
        storage: {size: 1Gi}
        gpu: {units: 1, attributes: {vendor: {nvidia: [{model: a100, ram: 80Gi}]}}}
  placement:
    west:
      attributes: {region: us-west}
      signedBy: {anyOf: [ann]}
      pricing: {web: {denom: uakt, amount: 100}}
deployment:
  web: {west: {profile: web, count: 2}}
"""
    demand = read_demand(sdl.parse(text).groups[0])
    assert (demand.total("cpu"), demand.total("memory"), demand.total("gpu")) == (1_000, 2**30, 2)
    assert demand.units[0].gpus == ("vendor/nvidia/model/a100/ram/80Gi",)
    assert (demand.attributes, demand.any_of) == ((("region", "us-west"),), ("ann",))
    given = {"cpu": 2_000, "memory": 2**31, "storage": {"default": 2**32}, "gpu": 2, "endpoints": 9}
    given["attributes"] = {"capabilities/gpu/vendor/nvidia/model/a100/ram/80Gi": "true"}
    failed = [one.constraint for one in find_failures(demand, read_offer("acme", given))]
    assert failed == ["audited by any of"]
