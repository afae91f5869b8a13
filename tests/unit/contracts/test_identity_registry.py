"""Agents register, name their wallet with its consent, and lose it when they change hands."""

from __future__ import annotations

import pytest
from harness.tokens import domain_of
from harness.vm import ZERO_ADDRESS, Vm

WALLET = {
    "AgentWalletSet": [
        ("uint256", "agentId"),
        ("address", "newWallet"),
        ("address", "owner"),
        ("uint256", "deadline"),
    ]
}
CONTRACT_WALLET = """
# pragma version ~=0.4.3
allowed: public(bytes32)
@external
def allow(digest: bytes32):
    self.allowed = digest
@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[1024]) -> bytes4:
    return 0x1626ba7e if digest == self.allowed else 0xffffffff
@external
def onERC721Received(operator: address, sender: address, token_id: uint256, data: Bytes[1024]) -> bytes4:
    return 0x150b7a02 if data != b"no" else 0x00000000
"""


class World:
    def __init__(self) -> None:
        self.vm = Vm()
        self.alice, self.bob, self.eve = map(self.vm.account, ("alice", "bob", "eve"))
        self.registry = self.vm.deploy("IdentityRegistry")
        self.agent = self.registry.register("ipfs://alice", sender=self.alice)
        self.contract_wallet = self.vm.deploy(CONTRACT_WALLET)

    def consent(self, wallet, agent=0, owner=None, deadline=None, **domain):
        message = {
            "agentId": agent,
            "newWallet": wallet,
            "owner": owner or self.alice,
            "deadline": self.vm.time + 300 if deadline is None else deadline,
        }
        fields = {**domain_of(self.registry, "ERC8004IdentityRegistry"), **domain}
        return wallet.sign_typed(fields, WALLET, message)


@pytest.fixture(scope="module")
def shared():
    return World()


@pytest.fixture
def world(shared):
    point = shared.vm.snapshot()
    yield shared
    shared.vm.restore(point)


def test_ids_count_from_zero_and_the_owner_is_the_first_wallet(world):
    registry = world.registry
    assert world.agent == 0
    assert registry.register(sender=world.bob) == 1
    names = [event.name for event in world.vm.events]
    assert names == ["Transfer", "Registered", "MetadataSet"]
    assert registry.register("uri", [("color", b"\x01\x02")], sender=world.bob) == 2
    assert registry.getMetadata(2, "color") == b"\x01\x02"
    assert (registry.getAgentWallet(2), registry.ownerOf(2)) == (world.bob.address, world.bob.address)
    assert registry.getMetadata(2, "agentWallet").hex() == world.bob.address[2:]
    assert (registry.balanceOf(world.bob), registry.agent_count()) == (2, 3)
    assert (registry.tokenURI(2), registry.tokenURI(1)) == ("uri", "")


def test_reserved_key_cannot_be_written_as_metadata(world):
    with world.vm.reverts("identity: key is reserved"):
        world.registry.setMetadata(0, "agentWallet", b"\x00" * 20, sender=world.alice)
    with world.vm.reverts("identity: key is reserved"):
        world.registry.register("", [("agentWallet", b"")], sender=world.eve)


def test_stranger_changes_nothing_of_an_agent(world):
    vm, registry, eve = world.vm, world.registry, world.eve
    signature = world.consent(eve)
    for attempt in (
        lambda: registry.setAgentURI(0, "x", sender=eve),
        lambda: registry.setMetadata(0, "k", b"v", sender=eve),
        lambda: registry.setAgentWallet(0, eve, vm.time + 300, signature, sender=eve),
        lambda: registry.unsetAgentWallet(0, sender=eve),
        lambda: registry.approve(eve, 0, sender=eve),
        lambda: registry.transferFrom(world.alice, eve, 0, sender=eve),
    ):
        with vm.reverts("identity: caller is not authorized"):
            attempt()


def test_operator_and_approved_account_act_for_the_owner(world):
    registry = world.registry
    registry.setApprovalForAll(world.bob, True, sender=world.alice)
    registry.setAgentURI(0, "new", sender=world.bob)
    assert world.vm.event("URIUpdated").args == (0, "new", world.bob.address)
    registry.setApprovalForAll(world.bob, False, sender=world.alice)
    registry.approve(world.bob, 0, sender=world.alice)
    registry.setMetadata(0, "k", b"v", sender=world.bob)
    assert registry.isAuthorizedOrOwner(world.bob, 0)
    assert not registry.isAuthorizedOrOwner(ZERO_ADDRESS, 0)


def test_wallet_agrees_by_its_own_signature(world):
    registry, wallet = world.registry, world.bob
    deadline = world.vm.time + 300
    registry.setAgentWallet(0, wallet, deadline, world.consent(wallet), sender=world.alice)
    assert registry.getAgentWallet(0) == wallet.address
    args = world.vm.event("MetadataSet").args
    assert (args.metadataKey, args.metadataValue.hex()) == ("agentWallet", wallet.address[2:])


def test_wallet_signature_for_another_agent_owner_time_chain_or_signer_is_refused(world):
    vm, registry, bob = world.vm, world.registry, world.bob
    deadline = vm.time + 300
    for wrong in (
        world.consent(bob, agent=1),
        world.consent(bob, owner=world.eve),
        world.consent(bob, deadline=deadline - 1),
        world.consent(bob, chainId=1),
        world.consent(bob, verifyingContract=bob.address),
        world.consent(bob)[:64],
        b"",
        bytes(65),
    ):
        with vm.reverts("identity: signature is not the wallet's"):
            registry.setAgentWallet(0, bob, deadline, wrong, sender=world.alice)
    with vm.reverts("identity: signature is not the wallet's"):
        registry.setAgentWallet(0, world.eve, deadline, world.consent(bob), sender=world.alice)
    with vm.reverts("identity: wallet is zero"):
        registry.setAgentWallet(0, ZERO_ADDRESS, deadline, bytes(65), sender=world.alice)


def test_wallet_signature_lives_five_minutes_at_most(world):
    vm, registry, bob = world.vm, world.registry, world.bob
    with vm.reverts("identity: deadline is too far ahead"):
        registry.setAgentWallet(0, bob, vm.time + 301, bytes(65), sender=world.alice)
    deadline = vm.time + 300
    signature = world.consent(bob)
    vm.set_time(deadline + 1)
    with vm.reverts("identity: signature has expired"):
        registry.setAgentWallet(0, bob, deadline, signature, sender=world.alice)


def test_contract_wallet_agrees_by_erc1271(world):
    vm, registry, wallet = world.vm, world.registry, world.contract_wallet
    from harness.vm import hash_typed

    deadline = vm.time + 300
    message = {"agentId": 0, "newWallet": wallet, "owner": world.alice, "deadline": deadline}
    with vm.reverts("identity: signature is not the wallet's"):
        registry.setAgentWallet(0, wallet, deadline, b"any", sender=world.alice)
    wallet.allow(hash_typed(domain_of(registry, "ERC8004IdentityRegistry"), WALLET, message))
    registry.setAgentWallet(0, wallet, deadline, b"any", sender=world.alice)
    assert registry.getAgentWallet(0) == wallet.address


def test_transfer_clears_wallet_and_approval(world):
    registry = world.registry
    registry.approve(world.eve, 0, sender=world.alice)
    registry.transferFrom(world.alice, world.bob, 0, sender=world.eve)
    assert registry.ownerOf(0) == world.bob.address
    assert registry.getAgentWallet(0) == ZERO_ADDRESS
    assert registry.getMetadata(0, "agentWallet") == b""
    assert registry.getApproved(0) == ZERO_ADDRESS
    assert world.vm.event("MetadataSet").args.metadataValue == b""
    with world.vm.reverts("identity: caller is not authorized"):
        registry.transferFrom(world.bob, world.eve, 0, sender=world.eve)


def test_agent_cannot_be_sent_to_nobody_from_a_wrong_owner_or_to_a_refusing_contract(world):
    vm, registry, alice = world.vm, world.registry, world.alice
    with vm.reverts("identity: receiver is zero"):
        registry.transferFrom(alice, ZERO_ADDRESS, 0, sender=alice)
    with vm.reverts("identity: sender is not the owner"):
        registry.transferFrom(world.bob, world.eve, 0, sender=alice)
    with vm.reverts("identity: receiver refuses agents"):
        registry.safeTransferFrom(alice, world.contract_wallet, 0, b"no", sender=alice)
    with vm.reverts():
        registry.safeTransferFrom(alice, registry, 0, sender=alice)
    registry.safeTransferFrom(alice, world.contract_wallet, 0, sender=alice)
    assert registry.ownerOf(0) == world.contract_wallet.address


def test_unknown_agent_is_named_as_such(world):
    for attempt in (
        lambda: world.registry.ownerOf(9),
        lambda: world.registry.tokenURI(9),
        lambda: world.registry.getApproved(9),
        lambda: world.registry.isAuthorizedOrOwner(world.alice, 9),
        lambda: world.registry.setAgentURI(9, "", sender=world.alice),
    ):
        with world.vm.reverts("identity: agent is unknown"):
            attempt()


def test_registry_says_which_interfaces_it_has(world):
    for known in ("01ffc9a7", "80ac58cd", "5b5e139f"):
        assert world.registry.supportsInterface(bytes.fromhex(known))
    assert not world.registry.supportsInterface(b"\xff" * 4)
