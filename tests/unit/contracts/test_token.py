"""The network token: who can move, create and destroy it, and what a signature is good for."""

from __future__ import annotations

import pytest
from harness.tokens import (
    CANCEL_AUTHORIZATION,
    DELEGATION,
    PERMIT,
    RECEIVE_WITH_AUTHORIZATION,
    TRANSFER_WITH_AUTHORIZATION,
    WAD,
    deploy_token,
    domain_of,
    flip_s,
    sign_parts,
    split_signature,
)
from harness.vm import ZERO_ADDRESS, Vm

CAP = 21_000_000 * WAD
DELAY = 50


class World:
    def __init__(self) -> None:
        self.vm = Vm()
        self.owner, self.alice, self.bob, self.eve = map(self.vm.account, ("owner", "alice", "bob", "eve"))
        self.token = deploy_token(self.vm, self.owner, [self.alice], 1_000 * WAD, delay=DELAY)


@pytest.fixture(scope="module")
def shared():
    return World()


@pytest.fixture
def world(shared):
    point = shared.vm.snapshot()
    yield shared
    shared.vm.restore(point)


def test_token_says_what_it_is(world):
    token = world.token
    assert (token.name(), token.symbol(), token.decimals()) == ("Weftwork", "WEFT", 18)
    assert (token.totalSupply(), token.minted(), token.CAP()) == (1_000 * WAD, 1_000 * WAD, CAP)
    fields = token.eip712Domain()
    assert fields[:5] == (b"\x0f", "Weftwork", "1", world.vm.chain_id, token.address)
    assert token.clock() == world.vm.block
    assert token.CLOCK_MODE() == "mode=blocknumber&from=default"


def test_genesis_allocation_beyond_the_cap_cannot_be_deployed(world):
    with world.vm.reverts("token: cap is reached"):
        world.vm.deploy("Token", world.owner, 0, [(world.alice, CAP), (world.bob, 1)])


def test_holder_cannot_send_more_than_she_has_or_to_nobody(world):
    with world.vm.reverts("token: balance is too low"):
        world.token.transfer(world.bob, 1_000 * WAD + 1, sender=world.alice)
    with world.vm.reverts("token: receiver is zero"):
        world.token.transfer(ZERO_ADDRESS, 1, sender=world.alice)
    with world.vm.reverts("token: spender is zero"):
        world.token.approve(ZERO_ADDRESS, 1, sender=world.alice)
    with world.vm.reverts("token: allowance is too low"):
        world.token.transferFrom(world.alice, world.eve, 1, sender=world.eve)


def test_minter_mints_only_after_the_delay_and_stops_after_the_delay(world):
    vm, token, minter = world.vm, world.token, world.bob
    with vm.reverts("ownable: caller is not the owner"):
        token.set_minter(minter, True, sender=world.eve)
    token.set_minter(minter, True, sender=world.owner)
    vm.mine(DELAY - 1)
    with vm.reverts("token: caller is not a minter"):
        token.mint(minter, 1, sender=minter)
    vm.mine()
    token.mint(minter, 5, sender=minter)
    token.set_minter(minter, False, sender=world.owner)
    vm.mine(DELAY - 1)
    assert token.is_minter(minter)
    vm.mine()
    assert not token.is_minter(minter)
    with vm.reverts("token: caller is not a minter"):
        token.mint(minter, 1, sender=minter)


def test_burnt_tokens_still_count_against_the_cap(world):
    vm, token = world.vm, world.token
    token.set_minter(world.bob, True, sender=world.owner)
    vm.mine(DELAY)
    token.mint(world.bob, CAP - token.minted(), sender=world.bob)
    token.burn(500 * WAD, sender=world.bob)
    assert token.totalSupply() == CAP - 500 * WAD
    with vm.reverts("token: cap is reached"):
        token.mint(world.bob, 1, sender=world.bob)


def test_owner_hands_over_in_two_steps_and_can_renounce(world):
    vm, token = world.vm, world.token
    token.propose_owner(world.bob, sender=world.owner)
    with vm.reverts("ownable: caller was not proposed"):
        token.accept_owner(sender=world.eve)
    token.accept_owner(sender=world.bob)
    assert token.owner() == world.bob.address
    with vm.reverts("ownable: caller is not the owner"):
        token.propose_owner(world.eve, sender=world.owner)
    token.renounce_owner(sender=world.bob)
    assert token.owner() == ZERO_ADDRESS


def permit_message(world, nonce=0, value=7, deadline=2**40):
    return {
        "owner": world.alice,
        "spender": world.bob,
        "value": value,
        "nonce": nonce,
        "deadline": deadline,
    }


def test_permit_approves_once_before_its_deadline_for_its_signer_only(world):
    vm, token, alice, bob = world.vm, world.token, world.alice, world.bob
    good = sign_parts(alice, token, PERMIT, permit_message(world))
    with vm.reverts("token: signature is not the owner's"):
        token.permit(alice, bob, 8, 2**40, *good)
    with vm.reverts("token: signature is not the owner's"):
        token.permit(alice, bob, 7, 2**40, *sign_parts(world.eve, token, PERMIT, permit_message(world)))
    token.permit(alice, bob, 7, 2**40, *good)
    assert (token.allowance(alice, bob), token.nonces(alice)) == (7, 1)
    with vm.reverts("token: signature is not the owner's"):
        token.permit(alice, bob, 7, 2**40, *good)
    late = sign_parts(alice, token, PERMIT, permit_message(world, nonce=1, deadline=vm.time - 1))
    with vm.reverts("token: permit has expired"):
        token.permit(alice, bob, 7, vm.time - 1, *late)


def test_second_form_of_a_signature_is_refused_everywhere(world):
    vm, token, alice = world.vm, world.token, world.alice
    signature = alice.sign_typed(domain_of(token), PERMIT, permit_message(world))
    with vm.reverts("token: signature is not the owner's"):
        token.permit(alice, world.bob, 7, 2**40, *split_signature(flip_s(signature)))
    with vm.reverts("token: signature is not the owner's"):
        token.permit(alice, world.bob, 7, 2**40, signature[64] - 27, signature[:32], signature[32:64])
    with vm.reverts("token: signature is not the owner's"):
        token.permit(ZERO_ADDRESS, world.bob, 7, 2**40, 27, bytes(32), bytes(32))


def test_signature_for_another_chain_or_token_is_refused(world):
    vm, token, alice = world.vm, world.token, world.alice
    for wrong in ({"chainId": 1}, {"verifyingContract": alice.address}, {"version": "2"}):
        signature = alice.sign_typed({**domain_of(token), **wrong}, PERMIT, permit_message(world))
        with vm.reverts("token: signature is not the owner's"):
            token.permit(alice, world.bob, 7, 2**40, *split_signature(signature))


def test_domain_follows_the_chain_id_after_a_fork(world):
    vm, token, alice = world.vm, world.token, world.alice
    home, vm.chain_id = vm.chain_id, 99
    try:
        vm.mine()
        token.permit(alice, world.bob, 7, 2**40, *sign_parts(alice, token, PERMIT, permit_message(world)))
        assert token.allowance(alice, world.bob) == 7
    finally:
        vm.chain_id = home
        vm.mine()


def authorization(world, after=0, before=2**40, nonce=b"\x01" * 32, value=9):
    return {
        "from": world.alice,
        "to": world.bob,
        "value": value,
        "validAfter": after,
        "validBefore": before,
        "nonce": nonce,
    }


def test_authorisation_moves_tokens_once_whoever_submits_it(world):
    vm, token = world.vm, world.token
    message = authorization(world)
    parts = sign_parts(world.alice, token, TRANSFER_WITH_AUTHORIZATION, message)
    token.transferWithAuthorization(*message.values(), *parts, sender=world.eve)
    assert token.balanceOf(world.bob) == 9
    assert vm.event("AuthorizationUsed").args == (world.alice.address, b"\x01" * 32)
    assert token.authorizationState(world.alice, b"\x01" * 32)
    with vm.reverts("token: authorization is used"):
        token.transferWithAuthorization(*message.values(), *parts, sender=world.eve)


def test_receive_authorisation_is_only_for_its_receiver(world):
    vm, token = world.vm, world.token
    message = authorization(world)
    parts = sign_parts(world.alice, token, RECEIVE_WITH_AUTHORIZATION, message)
    with vm.reverts("token: caller is not the receiver"):
        token.receiveWithAuthorization(*message.values(), *parts, sender=world.eve)
    with vm.reverts("token: signature is not the owner's"):
        token.transferWithAuthorization(*message.values(), *parts, sender=world.eve)
    token.receiveWithAuthorization(*message.values(), *parts, sender=world.bob)
    assert token.balanceOf(world.bob) == 9


def test_authorisation_holds_strictly_between_its_two_times(world):
    vm, token = world.vm, world.token
    for after, before, reason in (
        (vm.time, 2**40, "token: authorization is not yet valid"),
        (0, vm.time, "token: authorization has expired"),
    ):
        message = authorization(world, after, before)
        parts = sign_parts(world.alice, token, TRANSFER_WITH_AUTHORIZATION, message)
        with vm.reverts(reason):
            token.transferWithAuthorization(*message.values(), *parts)


def test_cancelled_authorisation_is_used_up(world):
    vm, token = world.vm, world.token
    cancel = {"authorizer": world.alice, "nonce": b"\x01" * 32}
    forged = sign_parts(world.eve, token, CANCEL_AUTHORIZATION, cancel)
    with vm.reverts("token: signature is not the owner's"):
        token.cancelAuthorization(*cancel.values(), *forged)
    token.cancelAuthorization(*cancel.values(), *sign_parts(world.alice, token, CANCEL_AUTHORIZATION, cancel))
    message = authorization(world)
    parts = sign_parts(world.alice, token, TRANSFER_WITH_AUTHORIZATION, message)
    with vm.reverts("token: authorization is used"):
        token.transferWithAuthorization(*message.values(), *parts)


def test_delegation_by_signature_counts_once(world):
    vm, token = world.vm, world.token
    message = {"delegatee": world.bob, "nonce": 0, "expiry": 2**40}
    parts = sign_parts(world.alice, token, DELEGATION, message)
    token.delegateBySig(*message.values(), *parts, sender=world.eve)
    assert token.getVotes(world.bob) == 1_000 * WAD
    with vm.reverts("token: nonce is not the next one"):
        token.delegateBySig(*message.values(), *parts, sender=world.eve)
    with vm.reverts("token: delegation has expired"):
        token.delegateBySig(world.bob, 1, vm.time - 1, *parts)


def test_votes_of_the_running_block_cannot_be_asked_for(world):
    with world.vm.reverts("token: block has not passed"):
        world.token.getPastVotes(world.bob, world.vm.block)
    with world.vm.reverts("token: block has not passed"):
        world.token.getPastTotalSupply(world.vm.block)
