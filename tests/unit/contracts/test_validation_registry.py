"""An agent asks a validator to check its work, and only that validator answers."""

from __future__ import annotations

import pytest
from harness.vm import ZERO_ADDRESS, Vm

WORK, OTHER = b"\x01" * 32, b"\x02" * 32


class World:
    def __init__(self) -> None:
        self.vm = Vm()
        self.owner, self.validator, self.second, self.eve = map(
            self.vm.account, ("owner", "validator", "second", "eve")
        )
        self.identity = self.vm.deploy("IdentityRegistry")
        self.registry = self.vm.deploy("ValidationRegistry", self.identity)
        self.identity.register(sender=self.owner)
        self.registry.validationRequest(self.validator, 0, "ipfs://w", WORK, sender=self.owner)


@pytest.fixture(scope="module")
def shared():
    return World()


@pytest.fixture
def world(shared):
    point = shared.vm.snapshot()
    yield shared
    shared.vm.restore(point)


def test_request_is_made_once_by_someone_who_may_speak_for_the_agent(world):
    vm, registry = world.vm, world.registry
    with vm.reverts("validation: caller is not authorized"):
        registry.validationRequest(world.validator, 0, "", OTHER, sender=world.eve)
    with vm.reverts("validation: request is known"):
        registry.validationRequest(world.second, 0, "", WORK, sender=world.owner)
    with vm.reverts("validation: validator is zero"):
        registry.validationRequest(ZERO_ADDRESS, 0, "", OTHER, sender=world.owner)
    assert registry.getAgentValidations(0) == registry.getValidatorRequests(world.validator) == [WORK]
    assert registry.getValidationStatus(WORK)[:3] == (world.validator.address, 0, 0)


def test_only_the_named_validator_answers_and_the_last_answer_counts(world):
    vm, registry = world.vm, world.registry
    with vm.reverts("validation: caller is not the validator"):
        registry.validationResponse(WORK, 100, "", OTHER, "", sender=world.eve)
    with vm.reverts("validation: response is above 100"):
        registry.validationResponse(WORK, 101, "", OTHER, "", sender=world.validator)
    with vm.reverts("validation: request is unknown"):
        registry.validationResponse(OTHER, 1, "", OTHER, "", sender=world.validator)
    registry.validationResponse(WORK, 40, "ipfs://a", OTHER, "soft", sender=world.validator)
    vm.mine()
    registry.validationResponse(WORK, 90, "ipfs://b", OTHER, "hard", sender=world.validator)
    assert vm.event("ValidationResponse").args[3:] == (90, "ipfs://b", OTHER, "hard")
    status = registry.getValidationStatus(WORK)
    assert status == (world.validator.address, 0, 90, OTHER, "hard", vm.time)


def test_summary_counts_answers_of_the_named_validators_and_tag(world):
    registry = world.registry
    registry.validationRequest(world.second, 0, "", OTHER, sender=world.owner)
    registry.validationRequest(world.second, 0, "", b"\x03" * 32, sender=world.owner)
    assert registry.getSummary(0, [], "") == (0, 0)
    registry.validationResponse(WORK, 90, "", WORK, "hard", sender=world.validator)
    registry.validationResponse(OTHER, 41, "", WORK, "soft", sender=world.second)
    assert registry.getSummary(0, [], "") == (2, 65)
    assert registry.getSummary(0, [world.second], "") == (1, 41)
    assert registry.getSummary(0, [world.second, world.validator], "hard") == (1, 90)
    assert registry.getSummary(1, [], "") == (0, 0)


def test_requests_are_read_by_pages(world):
    registry = world.registry
    for i in range(4):
        registry.validationRequest(world.second, 0, "", bytes([9, i]) + bytes(30), sender=world.owner)
    assert len(registry.read_agent_page(0, 0, 512)) == 5
    assert registry.read_agent_page(0, 4, 2) == registry.read_validator_page(world.second, 3, 2)
    assert registry.read_agent_page(0, 9, 2) == []
    with world.vm.reverts("validation: page is too long"):
        registry.read_agent_page(0, 0, 513)


def test_registry_is_initialised_once(world):
    with world.vm.reverts("validation: is initialized"):
        world.registry.initialize(world.identity)
