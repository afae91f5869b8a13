"""Gas of the three registries of ERC-8004."""

from __future__ import annotations

from typing import Any

from harness.tokens import domain_of
from harness.vm import ZERO_ADDRESS, Vm

URI = "https://agent.example/.well-known/agent-registration.json"
HASH = b"\x5e" * 32
WALLET = {
    "AgentWalletSet": [
        ("uint256", "agentId"),
        ("address", "newWallet"),
        ("address", "owner"),
        ("uint256", "deadline"),
    ]
}


def run(meter: Any) -> None:
    """Every call of the registries."""
    vm = Vm()
    owner, other, client, validator = map(vm.account, ("owner", "other", "client", "validator"))
    identity = vm.deploy("IdentityRegistry")
    meter.deployed(identity)
    run_identity(meter, identity, owner, other)
    reputation = vm.deploy("ReputationRegistry", ZERO_ADDRESS)
    meter.deployed(reputation)
    run_reputation(meter, reputation, identity, client)
    validation = vm.deploy("ValidationRegistry", ZERO_ADDRESS)
    meter.deployed(validation)
    run_validation(meter, validation, identity, owner, validator)


def run_identity(meter: Any, identity: Any, owner: Any, other: Any) -> None:
    """Registration, metadata, wallet, transfers."""
    vm = identity.vm
    meter.call("", identity.register, sender=owner)
    meter.call(f"URI of {len(URI)} bytes", identity.register, URI, sender=owner)
    meter.call("one entry", identity.register, URI, [("price", b"\x01" * 32)], sender=owner)
    meter.call(f"{len(URI)} bytes", identity.setAgentURI, 0, URI, sender=owner)
    meter.call("32 bytes", identity.setMetadata, 0, "price", b"\x01" * 32, sender=owner)
    deadline = vm.time + 100
    message = {"agentId": 0, "newWallet": other, "owner": owner, "deadline": deadline}
    signature = other.sign_typed(domain_of(identity, "ERC8004IdentityRegistry"), WALLET, message)
    meter.call("", identity.setAgentWallet, 0, other, deadline, signature, sender=owner)
    meter.call("", identity.unsetAgentWallet, 0, sender=owner)
    meter.call("", identity.approve, other, 0, sender=owner)
    meter.call("", identity.setApprovalForAll, other, True, sender=owner)
    meter.call("", identity.transferFrom, owner, other, 2, sender=owner)
    meter.call("", identity.safeTransferFrom, owner, other, 1, sender=owner)
    meter.call("with data", identity.safeTransferFrom, other, owner, 1, b"data", sender=other)
    meter.views(identity, {}, {"getMetadata": (0, "price"), "supportsInterface": (b"\x80\xac\x58\xcd",)})


def run_reputation(meter: Any, reputation: Any, identity: Any, client: Any) -> None:
    """Feedback, responses, summaries."""
    meter.call("", reputation.initialize, identity)
    entry = (0, 87, 0, "starred", "week", "https://agent.example/a2a", URI, HASH)
    meter.call("first of a client", reputation.giveFeedback, *entry, sender=client)
    meter.call("next of a client", reputation.giveFeedback, *entry, sender=client)
    meter.call("first of a responder", reputation.appendResponse, 0, client, 1, URI, HASH, sender=client)
    meter.call("next of a responder", reputation.appendResponse, 0, client, 1, URI, HASH, sender=client)
    meter.call("", reputation.revokeFeedback, 0, 2, sender=client)
    meter.views(
        reputation,
        {"client": client, "clientAddress": client, "count": 1},
        {"getSummary": (0, [client], "starred", "")},
    )
    for _ in range(97):
        reputation.giveFeedback(*entry, sender=client)
    meter.call("of 99 entries", reputation.getSummary, 0, [client], "starred", "")


def run_validation(meter: Any, validation: Any, identity: Any, owner: Any, validator: Any) -> None:
    """Requests and responses."""
    meter.call("", validation.initialize, identity)
    meter.call("", validation.validationRequest, validator, 0, URI, HASH, sender=owner)
    meter.call("first", validation.validationResponse, HASH, 90, URI, HASH, "hard", sender=validator)
    meter.call("again", validation.validationResponse, HASH, 95, URI, HASH, "hard", sender=validator)
    meter.views(
        validation,
        {"requestHash": HASH, "validatorAddress": validator, "validator": validator, "count": 1},
        {"getSummary": (0, [], "")},
    )
