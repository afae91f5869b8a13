"""Clients give feedback on agents, and every summary equals the executable spec's."""

from __future__ import annotations

from functools import cache

import pytest
from harness.vm import ZERO_ADDRESS, Vm
from hypothesis import given
from hypothesis import strategies as st

from weftwork.errors import Refused
from weftwork.spec.reputation import MAX_ABSOLUTE, Feedback, Tally, summarize, tally

NO_HASH = bytes(32)


class World:
    def __init__(self) -> None:
        self.vm = Vm()
        self.owner, self.operator = self.vm.account("owner"), self.vm.account("operator")
        self.clients = [self.vm.account(f"client{i}") for i in range(3)]
        self.identity = self.vm.deploy("IdentityRegistry")
        self.registry = self.vm.deploy("ReputationRegistry", self.identity)
        self.agent = self.identity.register(sender=self.owner)
        self.identity.setApprovalForAll(self.operator, True, sender=self.owner)
        self.point = self.vm.snapshot()

    def give(self, client, value=5, decimals=0, tag1="", tag2="", endpoint="", uri="", agent=0):
        entry = (agent, value, decimals, tag1, tag2, endpoint, uri, NO_HASH)
        self.registry.giveFeedback(*entry, sender=client)


@cache
def build_world():
    return World()


@pytest.fixture
def world():
    world = build_world()
    world.vm.restore(world.point)
    return world


def test_feedback_is_numbered_from_one_for_each_client(world):
    world.give(world.clients[0], 87, 2, "starred", "week", "https://a", "ipfs://f")
    args = world.vm.event("NewFeedback").args
    assert args[:5] == (0, world.clients[0].address, 1, 87, 2)
    assert args[6:] == ("starred", "week", "https://a", "ipfs://f", NO_HASH)
    world.give(world.clients[1], -3)
    world.give(world.clients[0], 1)
    registry = world.registry
    assert registry.readFeedback(0, world.clients[0], 1) == (87, 2, "starred", "week", False)
    assert registry.getLastIndex(0, world.clients[0]) == 2
    assert registry.getClients(0) == [world.clients[0].address, world.clients[1].address]
    assert registry.getIdentityRegistry() == world.identity.address


def test_owner_and_operator_cannot_praise_their_own_agent(world):
    for insider in (world.owner, world.operator):
        with world.vm.reverts("reputation: feedback on oneself"):
            world.give(insider)
    with world.vm.reverts("identity: agent is unknown"):
        world.give(world.clients[0], agent=9)


def test_value_beyond_the_bounds_is_refused(world):
    client = world.clients[0]
    for value in (MAX_ABSOLUTE + 1, -MAX_ABSOLUTE - 1):
        with world.vm.reverts("reputation: value is too large"):
            world.give(client, value)
    with world.vm.reverts("reputation: too many decimals"):
        world.give(client, 1, 19)
    world.give(client, -MAX_ABSOLUTE, 18)


def test_client_revokes_only_its_own_and_only_once(world):
    world.give(world.clients[0])
    with world.vm.reverts("reputation: index is out of range"):
        world.registry.revokeFeedback(0, 1, sender=world.clients[1])
    with world.vm.reverts("reputation: index is out of range"):
        world.registry.revokeFeedback(0, 0, sender=world.clients[0])
    world.registry.revokeFeedback(0, 1, sender=world.clients[0])
    assert world.registry.readFeedback(0, world.clients[0], 1)[4]
    with world.vm.reverts("reputation: feedback is revoked"):
        world.registry.revokeFeedback(0, 1, sender=world.clients[0])


def test_anyone_responds_and_responses_are_counted_by_responder(world):
    registry, client = world.registry, world.clients[0]
    world.give(client)
    world.give(client)
    world.give(world.clients[1])
    for responder, target, index in ((0, 0, 1), (0, 0, 1), (1, 0, 2), (1, 1, 1)):
        registry.appendResponse(
            0, world.clients[target], index, "ipfs://r", NO_HASH, sender=world.clients[responder]
        )
    assert registry.getResponseCount(0, ZERO_ADDRESS, 0, []) == 4
    assert registry.getResponseCount(0, client, 0, []) == 3
    assert registry.getResponseCount(0, client, 1, []) == 2
    assert registry.getResponseCount(0, client, 0, [world.clients[1]]) == 1
    assert registry.getResponseCount(0, ZERO_ADDRESS, 0, [world.clients[1]]) == 2
    with world.vm.reverts("reputation: response is empty"):
        registry.appendResponse(0, client, 1, "", NO_HASH)
    with world.vm.reverts("reputation: index is out of range"):
        registry.appendResponse(0, client, 3, "x", NO_HASH)


def test_summary_without_named_clients_is_refused(world):
    with world.vm.reverts("reputation: no clients are named"):
        world.registry.getSummary(0, [], "", "")
    assert world.registry.getSummary(0, [world.clients[0]], "", "") == (0, 0, 0)


def test_all_feedback_is_read_with_filters(world):
    first, second = world.clients[:2]
    world.give(first, 1, 0, "a", "x")
    world.give(first, 2, 1, "b", "x")
    world.give(second, 3, 2, "a", "y")
    world.registry.revokeFeedback(0, 1, sender=first)
    found = world.registry.readAllFeedback(0, [], "", "", True)
    assert found == (
        [first.address, first.address, second.address],
        [1, 2, 1],
        [1, 2, 3],
        [0, 1, 2],
        ["a", "b", "a"],
        ["x", "x", "y"],
        [True, False, False],
    )
    assert world.registry.readAllFeedback(0, [], "a", "", False)[2] == [3]
    assert world.registry.readAllFeedback(0, [first], "", "x", False)[2] == [2]


def test_reading_past_the_bound_is_refused_and_pages_read_it_all(world):
    client = world.clients[0]
    for value in range(70):
        world.give(client, value)
    with world.vm.reverts("reputation: too many, read pages"):
        world.registry.readAllFeedback(0, [client], "", "", True)
    with world.vm.reverts("reputation: page is too long"):
        world.registry.read_feedback_page(0, client, 1, 65)
    pages = world.registry.read_feedback_page(0, client, 1, 64)
    pages += world.registry.read_feedback_page(0, client, 65, 64)
    assert [entry.value for entry in pages] == list(range(70))
    parts = [world.registry.read_tally_page(0, client, start, 30, "", "") for start in (1, 31, 61)]
    total = sum((Tally(p.count, p.total, tuple(p.by_decimals)) for p in parts), Tally())
    assert summarize(total) == tuple(world.registry.getSummary(0, [client], "", ""))
    assert world.registry.read_clients_page(0, 0, 512) == [client.address]
    assert world.registry.read_clients_page(0, 1, 512) == []


def test_registry_is_initialised_once(world):
    with world.vm.reverts("reputation: is initialized"):
        world.registry.initialize(world.identity)
    bare = world.vm.deploy("ReputationRegistry", ZERO_ADDRESS)
    bare.initialize(world.identity)
    assert bare.getIdentityRegistry() == world.identity.address


value = st.one_of(st.integers(-1000, 1000), st.integers(-(10**30), 10**30))
entry = st.builds(
    Feedback,
    value=value,
    decimals=st.sampled_from([0, 0, 1, 2, 2, 6, 18]),
    tag1=st.sampled_from(["", "a", "b"]),
    tag2=st.sampled_from(["", "x"]),
    revoked=st.booleans(),
)


@given(
    given=st.lists(st.tuples(st.integers(0, 2), entry), max_size=8),
    named=st.lists(st.integers(0, 2), min_size=1, max_size=4),
    tag1=st.sampled_from(["", "a"]),
    tag2=st.sampled_from(["", "x"]),
)
def test_summary_equals_the_spec(given, named, tag1, tag2):
    world = build_world()
    world.vm.restore(world.point)
    by_client: dict[int, list[Feedback]] = {0: [], 1: [], 2: []}
    for client, one in given:
        world.give(world.clients[client], one.value, one.decimals, one.tag1, one.tag2)
        by_client[client].append(one)
        if one.revoked:
            world.registry.revokeFeedback(0, len(by_client[client]), sender=world.clients[client])
    counted = [one for client in named for one in by_client[client]]
    asked = (0, [world.clients[i] for i in named], tag1, tag2)
    try:
        wanted = summarize(tally(counted, tag1, tag2))
    except Refused as refusal:
        with world.vm.reverts(refusal.sentence):
            world.registry.getSummary(*asked)
    else:
        assert world.registry.getSummary(*asked) == wanted


def test_mean_that_does_not_fit_is_refused(world):
    for client, value, decimals in ((0, MAX_ABSOLUTE, 0), (1, 1, 18), (2, 1, 18)):
        world.give(world.clients[client], value, decimals)
    with world.vm.reverts("reputation: mean is out of range"):
        world.registry.getSummary(0, world.clients, "", "")
    with pytest.raises(Refused, match="mean is out of range"):
        summarize(tally([Feedback(MAX_ABSOLUTE, 0), Feedback(1, 18), Feedback(1, 18)]))
