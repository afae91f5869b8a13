"""Gas of payment channels: opening, vouchers one by one and in batches, withdrawals, pulls."""

from __future__ import annotations

from typing import Any

from eth_abi import encode
from eth_utils import keccak
from harness.payment import DELAY, RECEIPT, SUBNET, PaymentWorld
from harness.tokens import RECEIVE_WITH_AUTHORIZATION, WAD, domain_of, split_signature
from harness.vm import ZERO_ADDRESS, Account


def run(meter: Any) -> None:
    """Every call of the channels, and the price of one voucher in a batch."""
    world = PaymentWorld()
    vm, channels = world.vm, world.channels
    payer, other = world.payers
    miner, second = world.receivers
    meter.deployed(channels)
    bare = vm.deploy("Channels", world.token, world.subnets, DELAY, sender=world.owner)
    meter.call("", bare.bind, world.epochs, sender=world.owner)

    def item(receiver: Account, cumulative: int, signer: Any = None) -> tuple[Any, ...]:
        signature = world.sign(signer or payer, payer, receiver, cumulative)
        return (payer, receiver, cumulative, RECEIPT, signature)

    meter.call("first of a split", channels.open, miner, SUBNET, ZERO_ADDRESS, 100 * WAD, sender=other)
    meter.call("on a subnet", channels.open, miner, SUBNET, ZERO_ADDRESS, 100 * WAD, sender=payer)
    meter.call("on no subnet", channels.open, second, 0, world.session, 100 * WAD, sender=payer)
    meter.call("", channels.deposit, payer, miner, 100 * WAD, sender=payer)
    meter.call("first", channels.claim, *item(miner, WAD))
    meter.call("next", channels.claim, *item(miner, 2 * WAD))
    meter.call("no subnet, session key", channels.claim, *item(second, WAD, world.session))
    batch = [item(miner, (3 + n) * WAD // 2) for n in range(2, 66)]
    meter.call("64 of one channel", channels.claim_many, batch)
    others = [vm.account(f"miner{n}") for n in range(2, 66)]
    world.token.approve(channels, 2**256 - 1, sender=payer)
    for account in others:
        channels.open(account, SUBNET, ZERO_ADDRESS, 10 * WAD, sender=payer)
        channels.claim(*item(account, WAD))
    meter.call("64 of 64 channels", channels.claim_many, [item(account, 2 * WAD) for account in others])
    meter.call("four legs", channels.create_route, [(account, 2_000) for account in others[:4]])
    route = channels.create_route.call([(account, 2_000) for account in others[:4]])
    meter.call("", channels.open_route, others[0], route, ZERO_ADDRESS, WAD, sender=other)
    meter.call("sixteen legs", channels.create_route, [(account, 600) for account in others[:16]])
    meter.call("", channels.set_signer, miner, world.session, sender=payer)
    meter.call("", channels.request_withdraw, miner, 10 * WAD, sender=payer)
    vm.mine(DELAY)
    meter.call("", channels.withdraw, miner, sender=payer)
    meter.call("", channels.release, payer, WAD, sender=miner)
    meter.call("", channels.pull, miner)
    meter.call("", channels.collect, SUBNET, sender=world.epochs)
    meter.call("", channels.sweep_burn)
    run_gasless(meter, world)
    meter.views(channels, {"payer": payer, "receiver": miner, "subnet": SUBNET}, {"legs_of": (route,)})


def run_gasless(meter: Any, world: PaymentWorld) -> None:
    """Opening and adding by the payer's signature."""
    channels, payer, receiver = world.channels, world.payers[1], world.receivers[1]
    salt, amount = b"\x07" * 32, 10 * WAD
    opening = ["bytes32", "address", "uint256", "address", "bytes32"]
    words = [keccak(text="weft.open"), receiver.address, SUBNET, ZERO_ADDRESS, salt]
    given = authorize(world, keccak(encode(opening, words)), amount, salt)
    meter.call("", channels.open_with_authorization, payer, receiver, SUBNET, ZERO_ADDRESS, amount, given)
    words = [keccak(text="weft.deposit"), receiver.address, salt]
    given = authorize(world, keccak(encode(["bytes32", "address", "bytes32"], words)), amount, salt)
    meter.call("", channels.deposit_with_authorization, payer, receiver, amount, given)


def authorize(world: PaymentWorld, nonce: bytes, amount: int, salt: bytes) -> tuple[Any, ...]:
    """The second payer's ERC-3009 authorisation to the channels."""
    payer, far = world.payers[1], 2**40
    message = {
        "from": payer,
        "to": world.channels,
        "value": amount,
        "validAfter": 0,
        "validBefore": far,
        "nonce": nonce,
    }
    signature = payer.sign_typed(domain_of(world.token), RECEIVE_WITH_AUTHORIZATION, message)
    return (0, far, salt, *split_signature(signature))
