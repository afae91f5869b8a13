"""Payment channels: what a voucher is good for, who can get what back, and how payments are shared."""

from __future__ import annotations

import pytest
from coincurve import PrivateKey
from harness.payment import DELAY, RECEIPT, START, SUBNET, PaymentWorld
from harness.tokens import RECEIVE_WITH_AUTHORIZATION, domain_of, flip_s, split_signature
from harness.vm import ZERO_ADDRESS

from weftwork.records import Domain, Voucher, sign_digest
from weftwork.units import Digest


@pytest.fixture(scope="module")
def shared():
    return PaymentWorld()


@pytest.fixture
def world(shared):
    shared.vm.restore(shared.point)
    return shared


def test_voucher_pays_the_receiver_what_it_has_not_yet_been_paid(world):
    world.open(amount=100)
    assert world.claim(30) == 30
    assert world.claim(70) == 40
    miner = world.receivers[0]
    assert world.channels.balance_of(miner) == 70
    assert world.channels.pull(miner, sender=world.stranger) == 70
    assert world.token.balanceOf(miner) == 70
    assert world.held() == 30


def test_claim_names_channel_receipt_and_amount(world):
    world.open()
    world.claim(30)
    event = world.vm.event("Claimed").args
    assert event == (world.channels.channel_id(world.payers[0], world.receivers[0]), RECEIPT, 30, 30)


def test_voucher_record_of_the_package_is_taken_as_it_is(world):
    payer, miner = world.payers[0], world.receivers[0]
    world.open(amount=100)
    voucher = Voucher(Digest(world.channels.channel_id(payer, miner)), 30, Digest(RECEIPT))
    domain = Domain(world.vm.chain_id, world.channels.address)
    signature = sign_digest(PrivateKey(payer.key), voucher.digest(domain))
    assert world.channels.claim(payer, miner, 30, RECEIPT, signature) == 30


def test_replayed_voucher_pays_nothing(world):
    world.open()
    world.claim(30)
    for cumulative in (30, 29, 0):
        with world.vm.reverts("channels: voucher is already claimed"):
            world.claim(cumulative)


def test_forged_voucher_is_refused(world):
    vm, channels, payer, miner = world.vm, world.channels, world.payers[0], world.receivers[0]
    world.open()
    good = world.sign(payer, payer, miner, 30)
    for forged in (
        world.sign(world.stranger, payer, miner, 30),
        world.sign(miner, payer, miner, 30),
        world.sign(payer, payer, world.receivers[1], 30),
        world.sign(payer, payer, miner, 31),
        world.sign(payer, payer, miner, 30, receipt=b"\x01" * 32),
        world.sign(payer, payer, miner, 30, chainId=1),
        world.sign(payer, payer, miner, 30, verifyingContract=world.token.address),
        world.sign(payer, payer, miner, 30, name="Other"),
        good[:64],
        good[:64] + b"\x00",
        b"",
    ):
        with vm.reverts("channels: signature is not the payer's"):
            channels.claim(payer, miner, 30, RECEIPT, forged)
    with vm.reverts("channels: channel is empty"):
        channels.claim(ZERO_ADDRESS, miner, 30, RECEIPT, bytes(65))


def test_second_form_of_a_voucher_signature_is_refused(world):
    payer, miner = world.payers[0], world.receivers[0]
    world.open()
    with world.vm.reverts("channels: signature is not the payer's"):
        world.channels.claim(payer, miner, 30, RECEIPT, flip_s(world.sign(payer, payer, miner, 30)))


def test_overdrawn_voucher_pays_what_is_there_and_the_rest_after_a_deposit(world):
    payer, miner = world.payers[0], world.receivers[0]
    world.open(amount=100)
    assert world.claim(150) == 100
    with world.vm.reverts("channels: channel is empty"):
        world.claim(150)
    world.channels.deposit(payer, miner, 500, sender=payer)
    assert world.claim(150) == 50


def test_stranger_with_a_unit_does_not_keep_the_payer_from_opening_anew(world):
    payer, miner = world.payers[0], world.receivers[0]
    world.open(amount=100)
    world.channels.release(payer, 100, sender=miner)
    with world.vm.reverts("channels: channel is empty"):
        world.channels.deposit(payer, miner, 1, sender=world.stranger)
    world.open(amount=50)


@pytest.mark.parametrize("again", ["open", "deposit"])
def test_voucher_from_before_the_money_was_given_back_draws_nothing_from_the_next_deposit(world, again):
    payer, miner = world.payers[0], world.receivers[0]
    world.open(amount=100)
    assert world.claim(30) == 30
    world.channels.release(payer, 100, sender=miner)
    if again == "open":
        world.open(amount=50)
    else:
        world.channels.deposit(payer, miner, 50, sender=payer)
    with world.vm.reverts("channels: voucher is already claimed"):
        world.claim(100)
    assert world.claim(110) == 10, "vouchers go on above what was deposited before"


def test_withdrawal_waits_and_a_claim_in_between_comes_first(world):
    vm, channels, payer, miner = world.vm, world.channels, world.payers[0], world.receivers[0]
    world.open(amount=100)
    with vm.reverts("channels: no withdrawal is asked for"):
        channels.withdraw(miner, sender=payer)
    channels.request_withdraw(miner, 100, sender=payer)
    vm.mine(DELAY - 1)
    with vm.reverts("channels: withdrawal is not due"):
        channels.withdraw(miner, sender=payer)
    vm.mine()
    world.claim(80)
    assert channels.withdraw(miner, sender=payer) == 20
    assert world.token.balanceOf(payer) == START - 80
    with vm.reverts("channels: channel is empty"):
        world.claim(90)


def test_withdrawal_leaves_what_was_not_asked_for(world):
    vm, channels, payer, miner = world.vm, world.channels, world.payers[0], world.receivers[0]
    world.open(amount=100)
    channels.request_withdraw(miner, 40, sender=payer)
    vm.mine(DELAY)
    assert channels.withdraw(miner, sender=payer) == 40
    assert world.claim(100) == 60


def test_new_request_starts_the_wait_anew_and_zero_cancels(world):
    vm, channels, payer, miner = world.vm, world.channels, world.payers[0], world.receivers[0]
    world.open(amount=100)
    channels.request_withdraw(miner, 1, sender=payer)
    vm.mine(DELAY - 1)
    channels.request_withdraw(miner, 100, sender=payer)
    vm.mine()
    with vm.reverts("channels: withdrawal is not due"):
        channels.withdraw(miner, sender=payer)
    channels.request_withdraw(miner, 0, sender=payer)
    vm.mine(DELAY)
    with vm.reverts("channels: no withdrawal is asked for"):
        channels.withdraw(miner, sender=payer)


def test_receiver_gives_back_at_once(world):
    payer, miner = world.payers[0], world.receivers[0]
    world.open(amount=100)
    world.claim(30)
    assert world.channels.release(payer, 1_000, sender=miner) == 70
    assert world.token.balanceOf(payer) == START - 30
    with world.vm.reverts("channels: channel is not open"):
        world.channels.release(payer, 1, sender=world.stranger)


def test_session_key_signs_beside_the_payer(world):
    world.open(signer=world.session)
    assert world.claim(10, signer=world.session) == 10
    assert world.claim(20) == 10
    view = world.channels.channel_of(world.payers[0], world.receivers[0])
    assert view.signer == world.session.address


def test_replaced_session_key_stays_good_for_the_delay(world):
    vm, channels, miner = world.vm, world.channels, world.receivers[0]
    fresh = vm.account("fresh")
    world.open(signer=world.session)
    channels.set_signer(miner, fresh, sender=world.payers[0])
    vm.mine(DELAY - 1)
    with vm.reverts("channels: signature is not the payer's"):
        world.claim(10, signer=fresh)
    world.claim(10, signer=world.session)
    channels.set_signer(miner, fresh, sender=world.payers[0])
    vm.mine(DELAY)
    with vm.reverts("channels: signature is not the payer's"):
        world.claim(20, signer=world.session)
    world.claim(20, signer=fresh)


def test_first_session_key_and_that_of_an_empty_channel_hold_at_once(world):
    channels, miner = world.channels, world.receivers[0]
    world.open(amount=100)
    channels.set_signer(miner, world.session, sender=world.payers[0])
    world.claim(100, signer=world.session)
    fresh = world.vm.account("fresh")
    channels.set_signer(miner, fresh, sender=world.payers[0])
    channels.deposit(world.payers[0], miner, 50, sender=world.payers[0])
    world.claim(120, signer=fresh)


def test_channel_with_money_in_it_is_not_opened_again(world):
    vm, channels, payer, miner = world.vm, world.channels, world.payers[0], world.receivers[0]
    world.open(amount=100)
    with vm.reverts("channels: channel is open"):
        world.open(amount=1)
    world.claim(100)
    world.open(amount=50, subnet=SUBNET)
    view = channels.channel_of(payer, miner)
    assert (view.deposited, view.claimed, view.subnet) == (150, 100, SUBNET)
    with vm.reverts("channels: voucher is already claimed"):
        world.claim(100)
    assert world.claim(140) == 40


def test_bad_openings_are_refused(world):
    vm, channels, payer = world.vm, world.channels, world.payers[0]
    with vm.reverts("channels: amount is zero"):
        world.open(amount=0)
    with vm.reverts("channels: receiver is zero"):
        channels.open(ZERO_ADDRESS, 0, ZERO_ADDRESS, 1, sender=payer)
    with vm.reverts("channels: channel is not open"):
        channels.deposit(payer, world.receivers[0], 1, sender=payer)
    with vm.reverts("channels: channel is not open"):
        channels.set_signer(world.receivers[0], payer, sender=payer)
    with vm.reverts("channels: channel is not open"):
        channels.request_withdraw(world.receivers[0], 1, sender=payer)
    with vm.reverts():
        world.open(subnet=99)
    with vm.reverts("channels: route is unknown"):
        channels.open_route(world.receivers[0], b"\x01" * 32, ZERO_ADDRESS, 1, sender=payer)
    with vm.reverts("token: balance is too low"):
        world.open(amount=START + 1)
    bare = vm.deploy("Channels", world.token, ZERO_ADDRESS, DELAY)
    with vm.reverts("channels: there are no subnets"):
        bare.open(world.receivers[0], 1, ZERO_ADDRESS, 1, sender=payer)


def test_route_of_sixteen_legs_shares_and_the_receiver_keeps_the_rounding(world):
    vm, channels, payer, miner = world.vm, world.channels, world.payers[0], world.receivers[0]
    accounts = [vm.account(f"leg{i}") for i in range(16)]
    legs = [(account, 625) for account in accounts]
    route = channels.create_route(legs)
    assert channels.create_route(legs) == route
    assert [tuple(leg) for leg in channels.legs_of(route)] == [(a.address, 625) for a in accounts]
    channels.open_route(miner, route, ZERO_ADDRESS, 1_000, sender=payer)
    world.claim(999)
    assert [channels.balance_of(account) for account in accounts] == [62] * 16
    assert channels.balance_of(miner) == 999 - 16 * 62


def test_bad_routes_are_refused(world):
    vm, channels = world.vm, world.channels
    for legs, reason in (
        ([], "channels: route has no legs"),
        ([(world.stranger, 0)], "channels: leg is out of range"),
        ([(world.stranger, 10_001)], "channels: leg is out of range"),
        ([(world.stranger, 9_999), (world.owner, 2)], "channels: route gives more than all"),
    ):
        with vm.reverts(reason):
            channels.create_route(legs)
    with vm.reverts():
        channels.create_route([(world.stranger, 1)] * 17)


def test_subnet_split_is_that_of_the_opening(world):
    vm, channels, miner = world.vm, world.channels, world.receivers[0]
    world.open(amount=10_000, subnet=SUBNET)
    world.change_split(SUBNET, 0, 9_000)
    world.claim(1_001)
    pot = channels.pot_of(SUBNET)
    assert (channels.balance_of(miner), channels.balance_of(pot), channels.to_burn()) == (851, 100, 50)
    assert (channels.fees_of(SUBNET), channels.burned_of(SUBNET)) == (1_001, 50)
    world.open(payer=1, amount=10_000, subnet=SUBNET)
    world.claim(1_000, payer=1)
    assert (channels.burned_of(SUBNET), channels.to_burn()) == (950, 950)
    assert vm.event("Claimed").args.amount == 1_000


def test_pot_goes_to_epochs_alone_and_burn_is_burnt(world):
    vm, channels = world.vm, world.channels
    world.open(amount=10_000, subnet=SUBNET)
    world.claim(1_000)
    with vm.reverts("channels: account is a subnet's pot"):
        channels.pull(channels.pot_of(SUBNET), sender=world.stranger)
    with vm.reverts("channels: caller is not epochs"):
        channels.collect(SUBNET, sender=world.stranger)
    assert channels.collect(SUBNET, sender=world.epochs) == 100
    assert channels.collect(SUBNET, sender=world.epochs) == 0
    assert world.token.balanceOf(world.epochs) == 100
    supply = world.token.totalSupply()
    assert channels.sweep_burn(sender=world.stranger) == 50
    assert world.token.totalSupply() == supply - 50
    assert world.held() == 9_000 + channels.balance_of(world.receivers[0])


def test_epochs_are_bound_once_by_the_deployer(world):
    with world.vm.reverts("channels: caller is not the deployer"):
        world.channels.bind(world.stranger, sender=world.stranger)
    with world.vm.reverts("channels: already bound"):
        world.channels.bind(world.stranger, sender=world.owner)


def test_bad_items_of_a_batch_are_skipped_and_named(world):
    vm, channels = world.vm, world.channels
    one, other = world.payers
    first, second = world.receivers
    world.open(amount=100)
    world.open(payer=1, amount=100)
    world.claim(10)

    def item(payer, receiver, cumulative, signer=None):
        signature = world.sign(signer or payer, payer, receiver, cumulative)
        return (payer, receiver, cumulative, RECEIPT, signature)

    batch = [
        item(one, first, 10),
        item(one, first, 40),
        item(one, first, 50, signer=world.stranger),
        item(one, second, 5),
        item(other, first, 300),
        item(other, first, 300),
        item(one, first, 41),
    ]
    assert channels.claim_many(batch, sender=world.stranger) == 30 + 100 + 1
    skipped = [event.args[1:] for event in vm.events if event.name == "ClaimSkipped"]
    assert skipped == [(0, 1), (2, 3), (3, 2), (5, 2)]
    assert channels.balance_of(first) == 10 + 131


def test_batch_takes_sixty_four_vouchers(world):
    world.open(amount=64)
    payer, miner = world.payers[0], world.receivers[0]
    batch = [(payer, miner, n, RECEIPT, world.sign(payer, payer, miner, n)) for n in range(1, 65)]
    assert world.channels.claim_many(batch) == 64
    with world.vm.reverts():
        world.channels.claim_many([*batch, batch[0]])


def authorize(world, tag, words, amount, salt=b"\x07" * 32, signer=None):
    from eth_abi import encode
    from eth_utils import keccak

    types = ["bytes32", *[kind for kind, _ in words], "bytes32"]
    nonce = keccak(encode(types, [keccak(text=tag), *[value for _, value in words], salt]))
    message = {
        "from": world.payers[0],
        "to": world.channels,
        "value": amount,
        "validAfter": 0,
        "validBefore": 2**40,
        "nonce": nonce,
    }
    signature = (signer or world.payers[0]).sign_typed(
        domain_of(world.token), RECEIVE_WITH_AUTHORIZATION, message
    )
    return (0, 2**40, salt, *split_signature(signature))


def test_payer_without_gas_opens_and_adds_by_signature(world):
    vm, channels, payer, miner = world.vm, world.channels, world.payers[0], world.receivers[0]
    world.token.approve(channels, 0, sender=payer)
    opening = [("address", miner.address), ("uint256", SUBNET), ("address", ZERO_ADDRESS)]
    given = authorize(world, "weft.open", opening, 100)
    with vm.reverts("token: signature is not the owner's"):
        channels.open_with_authorization(payer, world.stranger, SUBNET, ZERO_ADDRESS, 100, given)
    with vm.reverts("token: signature is not the owner's"):
        channels.open_with_authorization(payer, miner, SUBNET, world.stranger, 100, given)
    channels.open_with_authorization(payer, miner, SUBNET, ZERO_ADDRESS, 100, given, sender=world.stranger)
    with vm.reverts("token: authorization is used"):
        world.claim(100)
        channels.open_with_authorization(payer, miner, SUBNET, ZERO_ADDRESS, 100, given)
    more = authorize(world, "weft.deposit", [("address", miner.address)], 50)
    channels.deposit_with_authorization(payer, miner, 50, more, sender=world.stranger)
    view = channels.channel_of(payer, miner)
    assert (view.deposited, world.token.balanceOf(payer)) == (150, START - 150)
