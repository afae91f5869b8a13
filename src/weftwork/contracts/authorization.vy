# pragma version ~=0.4.3
"""
@title Authorisations to transfer
@license Apache-2.0
@notice The nonces, digests and checks of ERC-3009; the token that uses them does the transfer.
"""

import eip712
import signature

uses: eip712


TRANSFER_WITH_AUTHORIZATION_TYPEHASH: public(constant(bytes32)) = keccak256(
    "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
RECEIVE_WITH_AUTHORIZATION_TYPEHASH: public(constant(bytes32)) = keccak256(
    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
CANCEL_AUTHORIZATION_TYPEHASH: public(constant(bytes32)) = keccak256(
    "CancelAuthorization(address authorizer,bytes32 nonce)"
)


authorizationState: public(HashMap[address, HashMap[bytes32, bool]])


event AuthorizationUsed:
    authorizer: indexed(address)
    nonce: indexed(bytes32)


event AuthorizationCanceled:
    authorizer: indexed(address)
    nonce: indexed(bytes32)


@external
def cancelAuthorization(authorizer: address, nonce: bytes32, v: uint8, r: bytes32, s: bytes32):
    """
    @notice Make an unused nonce of `authorizer` unusable, by its signature.
    """
    assert not self.authorizationState[authorizer][nonce], "token: authorization is used"

    self.authorizationState[authorizer][nonce] = True
    digest: bytes32 = eip712._digest(keccak256(abi_encode(CANCEL_AUTHORIZATION_TYPEHASH, authorizer, nonce)))
    self._check_signer(authorizer, digest, v, r, s)

    log AuthorizationCanceled(authorizer=authorizer, nonce=nonce)


@internal
@view
def _check_signer(signer: address, digest: bytes32, v: uint8, r: bytes32, s: bytes32):
    recovered: address = signature._recover_parts(digest, v, r, s)
    assert recovered != empty(address) and recovered == signer, "token: signature is not the owner's"


@internal
def _authorize(
    typehash: bytes32,
    owner: address,
    receiver: address,
    amount: uint256,
    valid_after: uint256,
    valid_before: uint256,
    nonce: bytes32,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    assert block.timestamp > valid_after, "token: authorization is not yet valid"
    assert block.timestamp < valid_before, "token: authorization has expired"
    assert not self.authorizationState[owner][nonce], "token: authorization is used"

    self.authorizationState[owner][nonce] = True
    digest: bytes32 = eip712._digest(
        keccak256(abi_encode(typehash, owner, receiver, amount, valid_after, valid_before, nonce))
    )
    self._check_signer(owner, digest, v, r, s)

    log AuthorizationUsed(authorizer=owner, nonce=nonce)
