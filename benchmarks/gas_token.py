"""Gas of the token: transfers, approvals, signatures, votes, minting."""

from __future__ import annotations

from typing import Any

from harness.tokens import (
    CANCEL_AUTHORIZATION,
    DELEGATION,
    PERMIT,
    RECEIVE_WITH_AUTHORIZATION,
    TRANSFER_WITH_AUTHORIZATION,
    WAD,
    deploy_token,
    sign_parts,
)
from harness.vm import Vm


def run(meter: Any) -> None:
    """Every call of the token."""
    vm = Vm()
    owner, alice, bob, carol = map(vm.account, ("owner", "alice", "bob", "carol"))
    token = deploy_token(vm, owner, [alice, owner], 1_000 * WAD)
    meter.deployed(token)
    meter.call("", token.set_minter, owner, True, sender=owner)
    meter.call("to a new holder", token.mint, bob, WAD, sender=owner)
    vm.mine()
    meter.call("to a holder", token.mint, bob, WAD, sender=owner)
    meter.call("to a new holder", token.transfer, carol, WAD, sender=alice)
    meter.call("to a holder", token.transfer, carol, WAD, sender=alice)
    meter.call("", token.approve, bob, 10 * WAD, sender=alice)
    meter.call("", token.transferFrom, alice, bob, WAD, sender=bob)
    meter.call("", token.burn, WAD, sender=alice)
    meter.call("", token.burn_from, alice, WAD, sender=bob)
    far = 2**40
    fields = {"owner": alice, "spender": carol, "value": WAD, "nonce": 0, "deadline": far}
    meter.call("", token.permit, alice, carol, WAD, far, *sign_parts(alice, token, PERMIT, fields))
    for number, (function, types) in enumerate(
        (
            (token.transferWithAuthorization, TRANSFER_WITH_AUTHORIZATION),
            (token.receiveWithAuthorization, RECEIVE_WITH_AUTHORIZATION),
        )
    ):
        message = {
            "from": alice,
            "to": bob,
            "value": WAD,
            "validAfter": 0,
            "validBefore": far,
            "nonce": bytes([number]) * 32,
        }
        parts = sign_parts(alice, token, types, message)
        meter.call("", function, *message.values(), *parts, sender=bob)
    cancel = {"authorizer": alice, "nonce": b"\x09" * 32}
    parts = sign_parts(alice, token, CANCEL_AUTHORIZATION, cancel)
    meter.call("", token.cancelAuthorization, *cancel.values(), *parts)
    vote = {"delegatee": bob, "nonce": 1, "expiry": far}
    meter.call("", token.delegateBySig, *vote.values(), *sign_parts(alice, token, DELEGATION, vote))
    vm.mine()
    meter.call("to another", token.delegate, carol, sender=alice)
    token.delegate(bob, sender=bob)
    vm.mine()
    meter.call("between voters", token.transfer, bob, WAD, sender=alice)
    meter.call("", token.propose_owner, bob, sender=owner)
    meter.call("", token.accept_owner, sender=bob)
    meter.call("", token.renounce_owner, sender=bob)
    past = vm.block - 1
    meter.views(token, {"account": alice}, {"getPastVotes": (bob, past), "getPastTotalSupply": (past,)})
