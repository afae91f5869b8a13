"""Token worlds for contract tests: our token with holders, and the typed messages that holders sign."""

from __future__ import annotations

from typing import Any

from harness.vm import Account, Contract, Vm

WAD = 10**18
PERMIT = {
    "Permit": [
        ("address", "owner"),
        ("address", "spender"),
        ("uint256", "value"),
        ("uint256", "nonce"),
        ("uint256", "deadline"),
    ]
}
_TRANSFER = [
    ("address", "from"),
    ("address", "to"),
    ("uint256", "value"),
    ("uint256", "validAfter"),
    ("uint256", "validBefore"),
    ("bytes32", "nonce"),
]
TRANSFER_WITH_AUTHORIZATION = {"TransferWithAuthorization": _TRANSFER}
RECEIVE_WITH_AUTHORIZATION = {"ReceiveWithAuthorization": _TRANSFER}
CANCEL_AUTHORIZATION = {"CancelAuthorization": [("address", "authorizer"), ("bytes32", "nonce")]}
DELEGATION = {"Delegation": [("address", "delegatee"), ("uint256", "nonce"), ("uint256", "expiry")]}


def deploy_token(vm: Vm, owner: Account, holders: list[Account], amount: int, delay: int = 0) -> Contract:
    """The network token with ``amount`` for each holder."""
    return vm.deploy("Token", owner, delay, [(holder, amount) for holder in holders], sender=owner)


def domain_of(contract: Contract, name: str = "Weftwork") -> dict[str, Any]:
    """The EIP-712 domain of one of our contracts."""
    return {
        "name": name,
        "version": "1",
        "chainId": contract.vm.chain_id,
        "verifyingContract": contract.address,
    }


def split_signature(signature: bytes) -> tuple[int, bytes, bytes]:
    """v, r, s of a 65-byte signature."""
    return signature[64], signature[:32], signature[32:64]


def sign_parts(
    signer: Account, contract: Contract, types: dict[str, Any], message: dict[str, Any]
) -> tuple[int, bytes, bytes]:
    """v, r, s of ``signer`` over typed data for ``contract``."""
    return split_signature(signer.sign_typed(domain_of(contract), types, message))


def flip_s(signature: bytes) -> bytes:
    """The other form of the same signature: s replaced by n - s, and v flipped."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
